"""The `mpcstats` command: its sub-commands, and what an error prints and returns."""

from __future__ import annotations

import signal
import sys

from rich.console import Console

from mpcstats.cli.application import COMMANDS, application
from mpcstats.errors import MpcstatsError, PeerFault, PolicyRefused, TransportFault, UsageError
from mpcstats.party.memory import keep_freed_memory

EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_PEER = 4
EXIT_INTERNAL = 1
EXIT_TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the command of sys.argv. Ends the process: 0, 1 a defect, 2 usage, 3 refused, 4 another party's fault."""
    # An exit like any other: what was started is ended, and what was temporary is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    keep_freed_memory()  # the process is ours, and no thread has started
    try:
        application(_asked(sys.argv[1:]))()
    except MpcstatsError as error:
        Console(stderr=True, soft_wrap=True).print(
            _said(error), style="red", highlight=False, markup=False
        )
        sys.exit(exit_code(error))


def _asked(arguments: list[str]) -> str | None:
    """The command that is asked for; None where all must be known, as for help or a name that is none."""
    return arguments[0] if arguments and arguments[0] in COMMANDS else None


def exit_code(error: MpcstatsError) -> int:
    """The process's exit code for `error`."""
    match error:
        case PolicyRefused():
            return EXIT_REFUSED
        case UsageError():
            return EXIT_USAGE
        case PeerFault() | TransportFault():
            return EXIT_PEER
        case _:
            return EXIT_INTERNAL


def _said(error: MpcstatsError) -> str:
    """The error as it is printed: of a refusal, each reason on a line of its own, as `explain` does."""
    if isinstance(error, PolicyRefused):
        lines = [f"refused by the policy of {error.party}", *error.reasons]
        if error.violations:
            lines.append(
                f"recorded as a violation ({', '.join(error.violations)}): who asked may not ask "
                f"{error.party} any more until it is reinstated (mpcstats standing)"
            )
        return "\n  ".join(lines)
    names = {PolicyRefused: "", UsageError: "error: ", TransportFault: "another party: "}
    return names.get(type(error), f"{type(error).__name__}: ") + str(error)
