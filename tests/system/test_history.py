"""Runs that follow one another over TLS: a person's difference is refused, and a history that is lost is noticed."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.conftest import until

from mpcstats.errors import MpcstatsError, PolicyRefused
from mpcstats.party.answer import Answer
from mpcstats.party.ask import Result, ask
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.node import Node
from mpcstats.party.question import Question, today
from mpcstats.party.sandbox.demo import plain_answer

if TYPE_CHECKING:
    from tests.system.conftest import Town

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
QUESTION = (DEMO / "question.sql").read_text("utf-8")
WHOLE = re.sub(r"e\.insutype, (COUNT)", r"\1", QUESTION.split("GROUP BY e.insutype\n")[0])
LEAST = 11  # persons of a cell
HISTORY = "history = { persons = 300000, cells = 8 }\n"


def without(day: int) -> str:
    """The whole question, less those who were born on a day, whom their owner leaves out."""
    return WHOLE.replace(
        "             GROUP BY certno) s ON s.certno = e.certno\n",
        f"             GROUP BY certno) s ON s.certno = e.certno\n  WHERE COALESCE(e.brdy, 0) <> {day}\n",
    )


def question(text: str, purpose: str = "a test") -> Question:
    return Question(text, "commercial", purpose, "bureau", ("bureau",), today())


def asked(node: Node, text: str) -> Result:
    return ask(node, question(text))


def shown(result: Result) -> Answer:
    assert result.answer is not None
    return result.answer


def count(rows: Sequence[Sequence[object]]) -> int:
    """The first number of the first row: persons."""
    return int(str(rows[0][0]))


@pytest.fixture
def remembering(town: Town) -> Town:
    """A town whose policy for commercial questions compares cells with earlier ones."""
    text = (town.folder / "policy.toml").read_text("utf-8")
    rules = text.split("[[rule]]\n")
    kept = [
        rule.replace("permit = true\n", f"permit = true\n{HISTORY}")
        if 'scenario = "commercial"' in rule
        else rule
        for rule in rules
    ]
    (town.folder / "policy.toml").write_text("[[rule]]\n".join(kept), "utf-8")
    return town


def serve(town: Town) -> None:
    town.serve("hospital")
    town.serve("insurer")
    town.wait("hospital", "insurer")


def birthday(town: Town) -> int:
    """The birthday of somebody who is in the cohort."""
    born = re.sub(r"SELECT COUNT\(\*\).*\n", "SELECT MIN(e.brdy)\n", WHOLE)
    text = born.replace("SELECT e.certno, e.insutype", "SELECT e.certno, e.brdy, e.insutype")
    ((found,),) = plain_answer(text, LocalFile.load(DEMO, data=town.data))
    return int(str(found))


def test_a_person_less_is_refused_and_the_history_is_kept(remembering: Town) -> None:
    town = remembering
    serve(town)
    victim = birthday(town)
    config = LocalFile.load(DEMO, data=town.data)
    with town.node() as node:
        first = asked(node, WHOLE)
        assert shown(first).rows == plain_answer(WHOLE, config)
        assert first.permit.plan.comparison is not None
        assert first.cost.exact
        sent = {party: figures["bytes_sent"] for party, figures in first.spent.items()}
        assert sent == first.cost.bytes_sent
        second = asked(node, without(victim))
        assert shown(second).suppressed == len(shown(second).columns)
        plain = plain_answer(without(victim), config)
        assert (
            0 < count(shown(first).rows) - count(plain) < LEAST
        )  # the difference is these persons'
        third = asked(node, QUESTION)  # its cells together are the whole again
        assert shown(third).rows == plain_answer(QUESTION, config)
    files = sorted((town.folder / "ledgers" / "history").rglob("*.release"))
    assert len(files) == 3 * 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    (index,) = (town.folder / "ledgers" / "history").rglob("persons.index")
    assert index.stat().st_mode & 0o777 == 0o600


@pytest.mark.long
def test_without_a_history_the_difference_is_answered(town: Town) -> None:
    """Negative control: the policy of the demo lets both questions pass."""
    serve(town)
    victim = birthday(town)
    with town.node() as node:
        first, second = shown(asked(node, WHOLE)), shown(asked(node, without(victim)))
    assert 0 < count(first.rows) - count(second.rows) < LEAST


@pytest.mark.long
def test_a_party_that_has_lost_its_history_is_noticed(remembering: Town) -> None:
    town = remembering
    serve(town)
    with town.node() as node:
        asked(node, WHOLE)
        asked(node, QUESTION)
        shutil.rmtree(town.folder / "ledgers" / "history" / "hospital")
        with pytest.raises(MpcstatsError, match="the same earlier releases"):
            asked(node, WHOLE + " ")


def test_a_question_that_nothing_compares_is_refused(remembering: Town) -> None:
    text = "SELECT insutype, COUNT(*) AS n FROM bureau.settlement GROUP BY insutype"
    with remembering.node() as node, pytest.raises(PolicyRefused, match="only cohorts of persons"):
        asked(node, text)


@pytest.mark.long
def test_a_repeated_question_costs_nothing(remembering: Town) -> None:
    town = remembering
    serve(town)
    with town.node() as node:
        first, again = asked(node, QUESTION), asked(node, QUESTION)
        assert shown(again).to_json() == shown(first).to_json()
        assert again.label == first.label
        assert again.compared().to_json() is not None
        assert again.to_json()["rows"] == first.to_json()["rows"]
        assert again.receipt is not None
        assert again.receipt == first.receipt
        assert (again.salt, again.spent, again.cost.rounds) == (first.salt, {}, 0)
        kinds = {party: town.ledger(party) for party in ("bureau", "hospital", "insurer")}
        for ledger in kinds.values():
            assert ledger.count("start") == ledger.count("request") == ledger.count("finish") == 1
            assert ledger.count("repeat") == 1
        # Rows of one party have changed: it is a new question, and is compared like any other.
        with gzip.open(town.data / "hospital" / "cases.csv.gz", "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
        changed = town.folder / "cases.csv.gz"
        with gzip.open(changed, "wt", encoding="utf-8") as file:
            file.write("\n".join([lines[0], *lines[len(lines) // 3 :]]) + "\n")
        town.write_party("hospital", {"hospital.cases": changed})
        process = town.processes["hospital"]
        process.terminate()
        process.wait(30)
        town.serve("hospital")
        until(lambda: town.log("hospital").count("listens at") == 2)
        third = asked(node, QUESTION)
        assert third.label != first.label
        assert town.ledger("hospital").count("repeat") == 1
        assert town.ledger("hospital").count("start") == 2
