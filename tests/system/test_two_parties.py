"""A bureau and one insurer, and nobody else: a join over TLS in two processes, by policy, gated, written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mpcstats
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.client import Party
from mpcstats.records.ledger import entries

pytest.importorskip("rbcl", reason="needs the extra `pair`")

KEY = '{ type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true, nullable = false }'
AMOUNT = (
    '{ type = "integer", level = "MODERATE", minimum = -1000, maximum = 1000, nullable = false }'
)
CATALOGUE = f"""version = 1
[[dataset]]
name = "bureau.enrolment"
owner = "bureau"
rows = 80
[dataset.columns]
certno = {KEY}
paid = {AMOUNT}
[[dataset]]
name = "insurer.policies"
owner = "insurer"
rows = 60
[dataset.columns]
certno = {KEY}
premium = {AMOUNT}
"""
RULE = """[[rule]]
scenario = "{scenario}"
level = "{level}"
permit = true
minimum_persons = 11
minimum_parties = 2
leakage = [{leakage}]
recipients = ["*"]
engines = ["pair"]
{more}
"""
BUDGETS = "".join(
    f'[[privacy]]\ndataset = "{name}"\nepsilon = "6"\ndelta = "1/10"\n'
    for name in ("bureau.enrolment", "insurer.policies")
)
LEAKAGE = '"size-bound", "gated-cell", "suppression-pattern"'
LOCAL = """name = "two"
catalogue = "catalogue.toml"
policy = "policy.toml"
initiator = "bureau"
scenario = "supervision"
purpose = "a test"
[engines.pair]
[data.bureau]
"bureau.enrolment" = "enrolment.csv"
[data.insurer]
"insurer.policies" = "policies.csv"
"""
ENROLLED = {f"K{i}": 7 * i - 200 for i in range(70)}
INSURED = {f"K{2 * i}": i for i in range(50)}
JOIN = (
    "SELECT COUNT(*) AS n, SUM(e.paid) AS paid FROM bureau.enrolment e "
    "JOIN insurer.policies p USING (certno)"
)
COMMON = [paid for key, paid in ENROLLED.items() if key in INSURED]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("two")
    rules = [
        RULE.format(scenario=scenario, level=level, leakage=leakage, more=more)
        for scenario, leakage, more in (
            ("supervision", f'{LEAKAGE}, "intersection-size"', ""),
            ("research", LEAKAGE, ""),
            (
                "study",
                f'{LEAKAGE}, "noisy-intersection-size"',
                'padding = { epsilon = "2", delta = "1/100" }',
            ),
        )
        for level in ("NONE", "LOW", "MODERATE")
    ]
    (found / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    (found / "policy.toml").write_text("version = 1\n" + "".join(rules) + BUDGETS, "utf-8")
    (found / "local.toml").write_text(LOCAL, "utf-8")
    for name, column, rows in (("enrolment", "paid", ENROLLED), ("policies", "premium", INSURED)):
        lines = [f"certno,{column}", *(f"{key},{value}" for key, value in rows.items())]
        (found / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def bureau(folder: Path, kept: Path) -> Iterator[Party]:
    with mpcstats.local(folder, keep=kept) as party:
        yield party


def test_two_parties_join_without_a_third(bureau: Party, kept: Path) -> None:
    heard: list[tuple[int, int]] = []
    result = bureau.sql(JOIN).run(on_progress=lambda done, rows: heard.append((done, rows)))
    assert result.answer is not None
    assert result.answer.rows == ((len(COMMON), sum(COMMON)),)
    # Of the bounds of both, which are public: each of the two masks every element.
    assert heard[-1] == (140, 140)
    assert "140 of 140 rows" in bureau.log("insurer")
    assert result.permit.plan.parties == ("bureau", "insurer")
    assert result.receipt is not None
    for row in result.compared().rows:
        assert row.bytes_sent == row.bytes_estimated
    opened = [
        (entry.body["leak"], entry.body["to"])
        for entry in entries(kept / "ledgers" / "insurer.sqlite")
        if entry.kind == "opening"
    ]
    # The insurer finds the matches: it has none of the columns. The sum is the bureau's alone.
    assert ("intersection-size", ["insurer", "bureau"]) in opened
    assert ("gated-cell", ["bureau"]) in opened


def test_fewer_than_k_are_suppressed(bureau: Party) -> None:
    few = JOIN.replace(
        "insurer.policies p", "(SELECT certno FROM insurer.policies WHERE premium < 10) p"
    )
    result = bureau.sql(few).run()
    assert result.answer is not None
    assert result.answer.states == (("suppressed", "suppressed"),)
    enough = few.replace("premium < 10", "premium < 11")
    result = bureau.sql(enough).run()
    assert result.answer is not None
    assert result.answer.rows[0][0] == 11


def test_the_policy_must_permit_that_the_size_is_told(bureau: Party) -> None:
    with pytest.raises(PolicyRefused, match="does not permit the leakage intersection-size"):
        bureau.sql(JOIN, scenario="research").run()


def test_what_two_cannot_compute_is_refused_before_anything_is_sent(bureau: Party) -> None:
    with pytest.raises(UsageError, match="engine pair computes columns of one of the two owners"):
        bureau.sql(JOIN.replace("SUM(e.paid)", "SUM(e.paid + p.premium)")).run()
    with pytest.raises(UsageError, match=r"offers \(pair\), got rep3"):
        bureau.sql(JOIN, engine="rep3").run()


def test_the_size_is_told_with_noise_until_the_budget_is_spent(bureau: Party, kept: Path) -> None:
    result = bureau.sql(JOIN, scenario="study").run()
    assert result.answer is not None
    ((number, paid),) = result.answer.rows
    assert isinstance(number, int)
    assert abs(number - len(COMMON)) <= 3
    assert paid == sum(COMMON)
    for row in result.compared().rows:
        assert row.bytes_sent == row.bytes_estimated
    own = list(entries(kept / "ledgers" / "insurer.sqlite"))
    opened = [entry.body["leak"] for entry in own if entry.kind == "opening"]
    assert opened[-3:].count("noisy-intersection-size") == 1
    charged = [e.body["privacy"] for e in own if e.kind == "decision" and "privacy" in e.body]
    loss = {"epsilon": "2", "rho": "2", "delta": "1/100"}
    assert charged == [{"bureau.enrolment": loss, "insurer.policies": loss}]
    with pytest.raises(PolicyRefused, match=r"budget is epsilon 6, delta 1/10; with this question"):
        bureau.sql(JOIN, scenario="study").run()
