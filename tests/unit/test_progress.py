"""What is told of the progress of a long step: tenths to a log, a part of a step to a bar."""

from __future__ import annotations

from mpcstats.cli.progress import RunProgress
from mpcstats.party.tenths import Tenths


def test_of_a_long_step_each_tenth_is_told_once() -> None:
    heard: list[tuple[int, int]] = []
    tenths = Tenths(lambda done, rows: heard.append((done, rows)))
    for done in (1, 19, 20, 21, 39, 120, 199, 200, 200):
        tenths(done, 200)
    assert heard == [(20, 200), (120, 200), (199, 200), (200, 200)]
    whole: list[int] = []
    Tenths(lambda done, _: whole.append(done))(1, 1)
    assert whole == [1]


def test_a_bar_moves_within_the_step_that_is_not_done() -> None:
    progress = RunProgress(shown=False)
    progress.begin(4)
    progress.step("handshake")
    progress.rows(30, 120)
    (task,) = progress._progress.tasks
    assert (task.completed, task.description) == (1.25, "30 of 120 rows")
    progress.step("join")
    assert (task.completed, task.description) == (2, "join")
