"""The whole application, for who looks at it or calls it in a program: `app` has every command."""

from mpcstats.cli.application import application

app = application()
