"""Every contributor computes: sums over TLS among three and five processes, and what is left when some are lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mpcstats
from mpcstats.errors import PolicyRefused, TransportFault
from mpcstats.party.ask import Result, ask
from mpcstats.party.client import local_file
from mpcstats.party.question import Question, today
from mpcstats.party.sandbox.local import Local
from mpcstats.records.ledger import entries

NAMES = ("h1", "h2", "h3", "h4", "h5")
RULE = """[[rule]]
scenario = "{scenario}"
level = "{level}"
permit = true
minimum_persons = {persons}
minimum_corruptions = {corruptions}
leakage = ["size-bound", "gated-cell", "suppression-pattern", "partial-sum"]
recipients = ["*"]
engines = ["shamir"]
{more}
"""
SCENARIOS = (
    ("supervision", 1, 3, "partial = true"),
    ("research", 1, 3, ""),
    ("strict", 2, 3, ""),
    ("free", 1, 1, "partial = true\nminimum_parties = 2"),
    ("free-of-three", 1, 1, "partial = true"),
)
ASKED = (
    "SELECT ward, COUNT(*) AS n, SUM(fee) AS fee, AVG(fee) AS mean FROM all_.cases "
    "GROUP BY ward ORDER BY ward"
)


def rows_of(party: str) -> list[tuple[str, int, int]]:
    """The person, the ward (4 has two persons at one hospital alone) and the fee."""
    i = NAMES.index(party)
    found = [(f"{party}_{j}", 1 + j % 3, 100 * i + j) for j in range(12)]
    return [*found, *((f"{party}_w{j}", 4, 5) for j in range(2) if party == "h1")]


def expected(*parties: str) -> list[tuple[object, ...]]:
    """What the parties' rows together give; ward 4 has too few persons."""
    rows = [row for party in parties for row in rows_of(party)]
    found: list[tuple[object, ...]] = []
    for ward in (1, 2, 3):
        fees = [fee for _, w, fee in rows if w == ward]
        found.append((ward, len(fees), sum(fees), sum(fees) / len(fees)))
    return found


def town(folder: Path, parties: tuple[str, ...]) -> Path:
    """A local.toml of hospitals, each of which computes; the first asks."""
    folder.mkdir(exist_ok=True)
    datasets, data = [], []
    for party in parties:
        datasets.append(f"""
[[dataset]]
name = "{party}.cases"
owner = "{party}"
rows = 40
[dataset.columns]
pid = {{ type = "text", level = "HIGH", person = true, key = "trim-upper", nullable = false }}
ward = {{ type = "integer", level = "LOW", domain = [1, 2, 3, 4], nullable = false }}
fee = {{ type = "integer", level = "MODERATE", minimum = 0, maximum = 100000, nullable = false }}
""")
        data.append(f'[data.{party}]\n"{party}.cases" = "{party}.csv"\n')
        lines = ["pid,ward,fee", *(f"{p},{ward},{fee}" for p, ward, fee in rows_of(party))]
        (folder / f"{party}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    of = ", ".join(f'"{party}.cases"' for party in parties)
    union = f'[[union]]\nname = "all_.cases"\nof = [{of}]\n'
    (folder / "catalogue.toml").write_text(f"version = 1\n{''.join(datasets)}{union}", "utf-8")
    rules = (
        RULE.format(scenario=scenario, level=level, corruptions=corruptions, persons=k, more=more)
        for scenario, corruptions, k, more in SCENARIOS
        for level in ("NONE", "LOW", "MODERATE")
    )
    (folder / "policy.toml").write_text("version = 1\n" + "".join(rules), "utf-8")
    (folder / "local.toml").write_text(
        'name = "hospitals"\ncatalogue = "catalogue.toml"\npolicy = "policy.toml"\n'
        f'initiator = "{parties[0]}"\nscenario = "research"\npurpose = "a test"\nsilence = 10\n'
        f"[engines.shamir]\n{''.join(data)}",
        "utf-8",
    )
    return folder


@pytest.mark.parametrize("count", [3, pytest.param(5, marks=pytest.mark.long)])
def test_every_contributor_computes(tmp_path: Path, count: int) -> None:
    parties = NAMES[:count]
    with mpcstats.local(town(tmp_path / "town", parties), keep=tmp_path / "kept") as first:
        result = first.sql(ASKED).run()
        assert result.answer is not None
        *rows, small = result.answer.rows
        assert rows == expected(*parties)
        assert small == (4, None, None, None)
        plan = result.permit.plan
        assert (plan.engine, plan.compute, plan.tolerated) == ("shamir", parties, (count - 1) // 2)
        for row in result.compared().rows:
            assert row.bytes_sent == row.bytes_estimated
        if count == 3:
            with pytest.raises(PolicyRefused, match="asks for 2 compute parties that may collude"):
                first.sql(ASKED, scenario="strict").run()


@contextmanager
def hospitals(folder: Path, parties: tuple[str, ...]) -> Iterator[Local]:
    with Local(local_file(town(folder / "town", parties)), keep=folder / "kept") as world:
        yield world


def losing(world: Local, lost: tuple[str, ...], scenario: str) -> Callable[[], Result]:
    """Ask, and kill `lost` once the sum is there, before the gate opens anything."""
    asks = world.node.me
    question = Question(ASKED, scenario, "a test", asks, (asks,), today())

    def on_step(step: str) -> None:
        if step == "sum":
            for party in lost:
                if world.pids[party] in alive:
                    alive.remove(world.pids[party])
                    os.kill(world.pids[party], signal.SIGKILL)

    alive = list(world.pids.values())
    return lambda: ask(world.node, question, on_step=on_step)


@pytest.mark.parametrize("lost", [("h4",), pytest.param(("h4", "h5"), marks=pytest.mark.long)])
def test_who_is_left_opens_what_is_left(tmp_path: Path, lost: tuple[str, ...]) -> None:
    left = tuple(party for party in NAMES if party not in lost)
    with hospitals(tmp_path, NAMES) as world:
        whole = losing(world, (), "supervision")()
        assert whole.answer is not None
        assert whole.answer.rows[:3] == tuple(expected(*NAMES))
        assert whole.answer.without == ()
        for row in whole.compared().rows:
            assert row.bytes_sent == row.bytes_estimated
        result = losing(world, lost, "supervision")()
        for row in result.compared().rows:
            assert row.bytes_sent == row.bytes_estimated
    assert result.answer is not None
    assert result.answer.rows[:3] == tuple(expected(*left))
    assert result.answer.states[3][1:] == ("suppressed",) * 3
    assert sorted(result.answer.without) == sorted(lost)
    assert f"partial: without {', '.join(result.answer.without)}" in str(result)
    assert result.permit.plan.compute == left
    assert result.receipt is not None
    # A new release: asked, decided and finished on its own, after a run that has failed.
    kept = list(entries(tmp_path / "kept" / "ledgers" / "h2.sqlite"))
    kinds = [e.kind for e in kept if e.kind in ("request", "decision", "start", "fault", "finish")]
    assert kinds[:8] == [
        "request",
        "decision",
        "start",
        "finish",
        "request",
        "decision",
        "start",
        "fault",
    ]
    assert kinds[-4:] == ["request", "decision", "start", "finish"]
    assert len(kinds) == (12 if len(lost) == 1 else 14)  # of the second attempt nobody has begun
    _, *asked = [entry.body.get("resumes") for entry in kept if entry.kind == "request"]
    assert asked[0] is None
    assert asked[-1]["without"] == list(result.answer.without)  # type: ignore[index,call-overload]


def test_where_the_policy_does_not_permit_it_nothing_is_opened(tmp_path: Path) -> None:
    with hospitals(tmp_path, NAMES) as world, pytest.raises(TransportFault, match="h4"):
        losing(world, ("h4",), "research")()


def test_two_who_are_left_cannot_test_a_cell(tmp_path: Path) -> None:
    cannot = (
        "h3: .*who is left cannot go on: .* asks for 3 persons of a cell, and two can test nothing"
    )
    with hospitals(tmp_path, NAMES[:3]) as world, pytest.raises(TransportFault, match=cannot):
        losing(world, ("h3",), "supervision")()


def test_two_who_are_left_open_what_nobody_has_to_test(tmp_path: Path) -> None:
    with hospitals(tmp_path, NAMES[:3]) as world:
        result = losing(world, ("h3",), "free")()
        for row in result.compared().rows:
            assert row.bytes_sent == row.bytes_estimated
    assert result.answer is not None
    assert result.answer.rows == (*expected("h1", "h2"), (4, 2, 10, 5.0))
    assert result.answer.without == ("h3",)
    assert result.permit.plan.compute == ("h1", "h2")
    assert result.receipt is not None
    opened = [
        (entry.body["leak"], entry.body["to"])
        for entry in entries(tmp_path / "kept" / "ledgers" / "h2.sqlite")
        if entry.kind == "opening"
    ]
    assert opened == [("partial-sum", ["h1"])]


def test_two_are_too_few_where_the_rule_wants_three(tmp_path: Path) -> None:
    with hospitals(tmp_path, NAMES[:3]) as world, pytest.raises(PolicyRefused, match="at least 3"):
        losing(world, ("h3",), "free-of-three")()
