"""The step of a run that compares and keeps: positions over several runs, what is taken back, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dealt import bits
from tests.unit.test_compile import question
from tests.unit.test_history_policy import remembering

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import Disagreement, InternalError, UsageError
from mpcstats.party.compile import planned
from mpcstats.party.data.sources import Rows
from mpcstats.party.past.comparing import Past, compared
from mpcstats.party.past.release import Universe
from mpcstats.party.past.releases import Releases
from mpcstats.plan.comparison import EVERYBODY
from mpcstats.plan.physical import Physical
from mpcstats.session import Session
from mpcstats.testing import opened, run_together

PARTIES = ("bureau", "hospital", "insurer")
PERSONS = 100
WHOLE = list(range(40))


@pytest.fixture(scope="module")
def plan() -> Physical:
    """The demo's plan with an index of 200 positions; a spine may then have as many rows."""
    found = planned(question(), remembering(cells=6))
    step = found.comparison
    assert step is not None
    small = replace(step, persons=200)
    return replace(found, steps=(*found.steps[:-2], small, found.gate))


def rows_of(people: Sequence[int]) -> Rows:
    column = np.array(people, dtype=np.uint64)
    return Rows(np.stack([column * np.uint64(0x9E3779B97F4A7C15), column], axis=1), {}, {})


def run(plan: Physical, folder: Path, number: int, cohort: Sequence[int]) -> list[bool]:
    """Which of the cells `cohort` and nobody are allowed; the spine has those of the cohort alone, in any order."""
    people = [int(p) for p in np.random.default_rng(number).permutation(cohort)]
    step = plan.comparison
    assert step is not None
    rows = {EVERYBODY: rows_of(range(PERSONS)), "i": rows_of(people)}
    flags = np.zeros(150, dtype=np.uint64)
    flags[: len(people)] = 1

    async def body(session: Session) -> list[bool]:
        engine = Rep3(PARTIES)
        members = bits(session, PARTIES, flags, 2)
        past = Past(folder / session.me, f"{number:032x}")
        own = rows if session.me == "insurer" else {}
        found = await compared(session.narrow("it"), engine, plan, step, members, own, past)
        shown = await opened(session.narrow("open"), engine, found)
        return [bool(flag) for flag in shown[0]]

    results = run_together((*PARTIES, "outside"), body).results
    assert len({tuple(found) for found in results.values()}) == 1
    return results["outside"]


def releases(folder: Path, party: str) -> list[Path]:
    return sorted((folder / party).rglob("*.release"))


def test_runs_are_compared_whatever_order_their_rows_have(plan: Physical, tmp_path: Path) -> None:
    assert run(plan, tmp_path, 1, WHOLE) == [True, True]
    assert run(plan, tmp_path, 2, WHOLE[1:])[0] is False
    assert run(plan, tmp_path, 3, WHOLE) == [True, True]
    assert [len(releases(tmp_path, party)) for party in PARTIES] == [3, 3, 3]
    run(plan, tmp_path, 4, WHOLE)
    with pytest.raises(UsageError, match="at most 6 earlier cells"):
        run(plan, tmp_path, 5, WHOLE)


def test_a_run_without_its_history_would_be_allowed(plan: Physical, tmp_path: Path) -> None:
    """Negative control."""
    assert run(plan, tmp_path, 2, WHOLE[1:]) == [True, True]


def test_what_one_party_has_not_kept_is_taken_back_by_all(plan: Physical, tmp_path: Path) -> None:
    run(plan, tmp_path, 1, WHOLE)
    run(plan, tmp_path, 2, list(range(50, 90)))
    releases(tmp_path, "hospital")[-1].unlink()  # as if its run had ended before it was written
    # Near what was taken back, and far from what was not.
    assert run(plan, tmp_path, 3, list(range(50, 89))) == [True, True]
    universe = Universe("insurer", PARTIES, 200)
    ends = {
        Releases(releases(tmp_path, party)[0].parent, universe, 2).end.hex() for party in PARTIES
    }
    assert len(ends) == 1
    assert [len(releases(tmp_path, party)) for party in PARTIES] == [2, 2, 2]


def test_a_party_that_has_lost_all_is_noticed(plan: Physical, tmp_path: Path) -> None:
    run(plan, tmp_path, 1, WHOLE)
    run(plan, tmp_path, 2, WHOLE)
    for path in releases(tmp_path, "bureau"):
        path.unlink()
    with pytest.raises(Disagreement, match="the same earlier releases"):
        run(plan, tmp_path, 3, WHOLE)


def test_a_row_of_nobody_in_the_index_is_refused(plan: Physical, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected persons of the index"):
        run(plan, tmp_path, 1, [*WHOLE, PERSONS + 1])


def test_who_holds_the_history_needs_a_place_for_it(plan: Physical) -> None:
    step = plan.comparison
    assert step is not None

    async def body(session: Session) -> None:
        members = bits(session, PARTIES, np.zeros(8, dtype=np.uint64), 2)
        await compared(session, Rep3(PARTIES), plan, step, members, {}, None)

    with pytest.raises(InternalError, match="expected a place for the history"):
        run_together(PARTIES, body)
