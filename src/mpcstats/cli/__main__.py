"""`python -m mpcstats.cli`, which is how one party starts the processes of others on one machine."""

from mpcstats.cli.main import main

main()
