"""Progress of a run, on standard error, and only where somebody looks."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class RunProgress:
    """A bar whose length is known once there is a plan; a context manager. Without a terminal it shows nothing."""

    def __init__(self, *, shown: bool = True) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not (shown and console.is_terminal),
            transient=True,
        )
        self._task = self._progress.add_task("deciding", total=None)
        self._named = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, steps: int, doing: str = "reading") -> None:
        """The run has this many steps; until the first is done it is `doing` something else."""
        self._progress.update(self._task, total=steps, description=doing)

    def step(self, name: str) -> None:
        """One step is done, or the first one begins."""
        self._named += 1
        self._progress.update(self._task, completed=self._named, description=name)

    def rows(self, done: int, rows: int) -> None:
        """So many rows of the step that comes next are done."""
        part, words = done / rows, f"{done:,} of {rows:,} rows"
        self._progress.update(self._task, completed=self._named + part, description=words)

    def within(self, part: float) -> None:
        """Of the step that was named last this part, 0 to 1, is done."""
        self._progress.update(self._task, completed=max(0, self._named - 1) + part)
