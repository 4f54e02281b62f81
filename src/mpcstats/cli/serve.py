"""`mpcstats serve`: a node that waits for questions."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import ConsortiumFile
from mpcstats.party.node import Node
from mpcstats.party.serve import serve


def serve_command(
    consortium: ConsortiumFile,
    party: Annotated[str, typer.Option(help="This party's name.")],
    party_file: Annotated[
        Path | None, typer.Option(help="Its own file; else parties/NAME.toml.")
    ] = None,
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", hidden=True, help="End with the starter.")
    ] = False,
) -> None:
    """Wait for questions, decide each by this party's policy, take part. Ends on SIGINT or SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_input_ends:
        threading.Thread(target=_stop_with_input, args=(stop,), daemon=True).start()
    with Node.open(consortium, party, party_file) as node:
        serve(node, stop=stop)


def _stop_with_input(stop: threading.Event) -> None:
    # Not sys.stdin: its lock, held by a waiting thread, makes Python abort at the end of the process.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
