"""The domain pack's questions over six processes and TLS: its answers, and who sees what under the default policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.authorised import Authorised, Exempt
from tests.joint import Row, differences
from tests.pack import DATA, HERE, MISSING, QUESTIONS, REFUSED, answers, open_demo, question

import mpcstats as ms
from mpcstats.errors import PolicyRefused
from mpcstats.party.answer import Answer
from mpcstats.party.ask import Result, ask
from mpcstats.party.client import Party
from mpcstats.party.compile import Known, case_of, compile_question, planned
from mpcstats.party.node import Node
from mpcstats.party.question import Question
from mpcstats.party.sandbox.local import Local
from mpcstats.policy.check import reasons
from mpcstats.records.budget import Spending
from mpcstats.records.ledger import entries

pytestmark = [pytest.mark.whole, pytest.mark.skipif(not HERE, reason=MISSING)]

PARTIES = ("bureau", "h1", "h2", "h3", "p", "q")


@dataclass(frozen=True)
class Seen:
    """What the recipients see of a question under the default policy, `exempt` being approved.

    `hidden`: the columns whose cells are suppressed, by recipient; `own_row`: who sees one row of several, by its
    first cell.
    """

    exempt: tuple[Exempt, ...] = ()
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_row: Mapping[str, str] = field(default_factory=dict)
    nobody: tuple[Row, ...] = ()  # cells without anybody, which are there and suppressed too

    def rows(self, name: str, recipient: str) -> list[Row]:
        """The pack's answer as the recipient sees it, None where it does not; the first column is a label."""
        columns, rows = answers()[name]["columns"], answers()[name]["rows"]
        hidden, own = self.hidden.get(recipient, ()), self.own_row.get(recipient)
        empty = [row + (None,) * (len(columns) - len(row)) for row in self.nobody]
        shown = [
            tuple(None if columns[i] in hidden else cell for i, cell in enumerate(row))
            for row in rows
            if own in (None, row[0])
        ]
        return [*empty, *shown]


HOSPITALS = {"h1": "H99010100001", "h2": "H99010100002", "h3": "H99010200003"}
FEW = ("n_two_insurers", "n_over", "over_fen")
COUNTED = ("n_setl", "n_no_case", "n_amt_diff", "net_diff_fen", "fund_without_case_fen")
GUARDED = ("n_case", "avg_fee_fen", "fund_share", "n_contrib", "top1_share")
EXPECTED: Mapping[str, Seen] = {
    "Q01": Seen(),
    "Q02": Seen(
        (Exempt(("bureau",), COUNTED), Exempt((*HOSPITALS,), COUNTED, own_row=True)),
        own_row=HOSPITALS,
    ),
    "Q03": Seen(),
    "Q04": Seen(),
    "Q05": Seen(),
    "Q06": Seen(),
    "Q07": Seen((Exempt(("bureau",), FEW),), hidden={"p": FEW, "q": FEW}),
    "Q08": Seen(),
    "Q09": Seen(),
    "Q10": Seen(),
    "Q11": Seen(hidden={"bureau": GUARDED}, nobody=((1, 0), (1, 1))),
    "Q12": Seen(),
}
# Of one insurer's own policyholders: what Q12R asks of both.
ONE_INSURER = """
SELECT COUNT(DISTINCT y.certno) AS hiv_policyholders
FROM p.policies y JOIN hospitals.cases c ON UPPER(TRIM(c.certno)) = y.certno
WHERE (c.diag_main>='B20' AND c.diag_main<'B25') OR (c.diag_2>='B20' AND c.diag_2<'B25')
   OR (c.diag_3>='B20' AND c.diag_3<'B25')"""


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Under the test policy: cells of one person, and no further rules."""
    demo = open_demo(tmp_path_factory.mktemp("open"))
    with ms.local(demo, data=DATA) as party:
        yield party


@pytest.fixture(scope="module")
def authorised(tmp_path_factory: pytest.TempPathFactory) -> Authorised:
    return Authorised(tmp_path_factory.mktemp("authorised"))


@pytest.fixture(scope="module")
def world(authorised: Authorised) -> Iterator[Local]:
    with Local(
        authorised.config, keep=authorised.folder / "run", made=authorised.offices.made
    ) as started:
        yield started


def run(authorised: Authorised, node: Node, name: str) -> Result:
    asked = authorised.question(name)
    return ask(node, asked, authorised.papers(name, asked, EXPECTED[name].exempt))


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_the_packs(bureau: Party, name: str) -> None:
    asked = bureau.sql(question(name), scenario=QUESTIONS[name].scenario, purpose="a test")
    answer = asked.run().answer
    assert answer is not None
    assert answer.suppressed == 0
    assert differences(answer, answers()[name]["columns"], answers()[name]["rows"]) == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_recipient_sees_what_the_default_policy_lets_it_see(
    authorised: Authorised, world: Local, name: str
) -> None:
    result = run(authorised, world.node, name)
    assert result.answer is not None
    columns = answers()[name]["columns"]
    assert differences(result.answer, columns, EXPECTED[name].rows(name, "bureau")) == []
    for recipient in QUESTIONS[name].recipients[1:]:
        kept = world.folder / "ledgers" / "answers" / f"{result.label}-{recipient}.json"
        said = json.loads(kept.read_text("utf-8"))
        rows = tuple(map(tuple, said["rows"]))
        found = Answer(tuple(said["columns"]), rows, tuple(map(tuple, said["states"])))
        assert differences(found, columns, EXPECTED[name].rows(name, recipient)) == [], recipient


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_stands_against_a_question_under_the_default_policy(
    authorised: Authorised, name: str
) -> None:
    """Nothing, with its papers; without them their want alone."""
    asked = authorised.question(name)
    papers = authorised.papers(name, asked, EXPECTED[name].exempt)
    plain = authorised.records()
    plan = planned(asked, plain, papers)
    known = Known(spending=Spending())
    assert not reasons(case_of(plan, asked, plain, papers, known))
    bare = reasons(case_of(plan, asked, plain, known=known))
    assert {r.code for r in bare} >= {"approval", "licence"}


def test_the_table_of_states_speaks_of_every_question() -> None:
    assert set(EXPECTED) == set(QUESTIONS)
    for name, seen in EXPECTED.items():
        assert {c for e in seen.exempt for c in e.cells} <= set(answers()[name]["columns"])


HIV = {"of one insurer": ONE_INSURER, REFUSED: question(REFUSED)}


@pytest.mark.parametrize("what", HIV)
def test_an_insurer_that_asks_for_hiv_is_refused_by_all_before_anything_is_sent(
    authorised: Authorised, tmp_path: Path, what: str
) -> None:
    asked = Question(
        HIV[what], "commercial", "our policyholders", "p", ("p",), authorised.offices.day
    )
    for party in PARTIES:
        with pytest.raises(PolicyRefused, match="commercial x HIGH") as refused:
            compile_question(asked, authorised.records(party))
        assert any("not given to commercial insurers" in why for why in refused.value.reasons)
    config = replace(authorised.config, initiator="p")
    with Local(config, keep=tmp_path / "run", made=authorised.offices.made) as started:
        with pytest.raises(PolicyRefused, match="commercial x HIGH"):
            ask(started.node, asked)
        ledgers = tmp_path / "run" / "ledgers"
        told = {p: [e.kind for e in entries(ledgers / f"{p}.sqlite")] for p in PARTIES}
    # No "start", with which a run begins; the others have not even been asked.
    assert told == {p: ["request", "decision"] if p == "p" else [] for p in PARTIES}
