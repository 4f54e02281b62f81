"""The command line, one module for each command."""

from mpcstats.cli.main import main

__all__ = ["main"]
