"""Progress for a log: of a long step each tenth, once."""

from __future__ import annotations

from mpcstats.protocols.private_join import Progress


class Tenths:
    """Tells `heard` how many rows are done whenever a further tenth of them is, and nothing between."""

    def __init__(self, heard: Progress) -> None:
        self._heard = heard
        self._tenth = 0

    def __call__(self, done: int, rows: int) -> None:
        """So many of all `rows`, of which there is at least one, are done."""
        tenth = 10 * done // rows
        if tenth > self._tenth:
            self._tenth = tenth
            self._heard(done, rows)
