"""Who sees which cells: the rule's minimums, contributors, and exemptions for all rows or for a party's own."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.compile import Known, Records, case_of, compile_question, planned
from mpcstats.party.data.sources import Sources
from mpcstats.party.explained import explained
from mpcstats.party.noted import released
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.plan.cost import estimate, public_sizes
from mpcstats.plan.learned import learned
from mpcstats.plan.physical import Physical, Release
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.check import reasons
from mpcstats.policy.conditions.exempted import exempted
from mpcstats.policy.derived import derived
from mpcstats.policy.registers import Registers
from mpcstats.policy.releases import own_cells
from mpcstats.policy.rule import Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.profiles.profile import Profile, shipped
from mpcstats.records.signed import Statement
from mpcstats.testing import Outcome
from mpcstats.transport.lockstep import lockstep

HOSPITALS = ("h1", "h2", "h3")
PARTIES = ("bureau", *HOSPITALS)
COMPUTE = ("bureau", "h1", "h2")
CODES = {"h1": ("A1",), "h2": ("B1", "B2"), "h3": ("C1",)}
EVERY = [code for codes in CODES.values() for code in codes]
DAY = "2026-03-01"
DATASET = """
[[dataset]]
name = "{party}.cases"
owner = "{party}"
rows = 60
contributor = "code"
{contributors}
[dataset.columns]
pid = {{ type = "text", level = "HIGH", person = true, key = "trim-upper" }}
code = {{ type = "text", level = "LOW", domain = {codes}, nullable = false }}
ward = {{ type = "integer", level = "LOW", domain = [1, 2], nullable = false }}
fee = {{ type = "integer", level = "MODERATE", minimum = -9, maximum = 900 }}
"""
UNION = '[[union]]\nname = "hospitals.cases"\nof = ["h1.cases", "h2.cases", "h3.cases"]\n'
# persons of each institution in wards 1 and 2; a person costs its number
STAYS = {"A1": (12, 11), "B1": (14, 1), "B2": (3, 0), "C1": (13, 2)}
BY_WARD = (
    "SELECT ward, COUNT(*) AS n, SUM(fee) AS fee FROM hospitals.cases GROUP BY ward ORDER BY ward"
)
BY_CODE = (
    "SELECT code, COUNT(*) AS n, SUM(fee) AS fee FROM hospitals.cases GROUP BY code ORDER BY code"
)
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32))
    for name in ("office.one", "office.two", "bureau.desk")
}
ROLES = {"office.one": "authoriser", "office.two": "authoriser", "bureau.desk": "user"}
RULE: dict[str, Any] = {
    "scenario": "audit",
    "permit": True,
    "minimum_persons": 11,
    "leakage": ["size-bound", "gated-cell", "suppression-pattern"],
    "recipients": ["bureau", "h1"],
    "engines": ["rep3"],
}


def catalogue(
    tmp_path: Path, known: Mapping[str, Sequence[Any]], *, own: bool = False
) -> Catalogue:
    """The hospitals' tables; each says `known` of whose an institution is, with `own` of its owner's alone.

    Then no institution is at two owners, and counts of them may be added.
    """
    tables = []
    for party in HOSPITALS:
        named = {p: codes for p, codes in known.items() if p == party or not own}
        said = ", ".join(f"{p} = {list(codes)!r}" for p, codes in named.items())
        entry = f"contributors = {{ {said} }}" if said else ""
        tables.append(DATASET.format(party=party, codes=EVERY, contributors=entry))
    path = tmp_path / "catalogue.toml"
    path.write_text(f"version = 1\n{''.join(tables)}{UNION}".replace("'", '"'), encoding="utf-8")
    return Catalogue.load(path)


def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for party, codes in CODES.items():
        lines = ["pid,code,ward,fee"]
        for code in codes:
            for ward, persons in enumerate(STAYS[code], 1):
                lines += [f"{code}-{ward}-{i},{code},{ward},{i}" for i in range(persons)]
        path = tmp_path / f"{party}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found[f"{party}.cases"] = path
    return found


def fees(persons: int) -> int:
    return persons * (persons - 1) // 2


def principal(name: str, role: str) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    about = {"name": name, "key": key, "roles": [role], "real_name": True}
    return Principal.model_validate(about)


WHO = Principals([principal(name, role) for name, role in ROLES.items()])


def records(known: Catalogue, profile: Profile | None = None, **rule: Any) -> Records:
    rules = [Rule.model_validate({**RULE, **rule, "level": level.name}) for level in Level]
    policy = Policy.of(tuple(rules), ())
    registers = Registers(WHO, profile=profile)
    return Records("bureau", known, policy, load_cards(), COMPUTE, PARTIES, registers)


def question(text: str, *recipients: str) -> Question:
    to = recipients or ("bureau",)
    return Question(text, "audit", "a test", "bureau", to, DAY, user="bureau.desk")


def approval(asked: Question, *signers: str, **change: Any) -> Statement:
    body: dict[str, Any] = {
        "number": "E-1",
        "template": {"sql": asked.text, "slots": []},
        "scenario": "audit",
        "purposes": ["a test"],
        "initiators": ["bureau"],
        "recipients": list(asked.recipients),
        "uses": 2,
        "persons": 11,
        "since": "2026-01-01",
        "until": "2026-12-31",
        "exemption": {"recipients": ["bureau"], "cells": ["n", "fee"], "because": "a test"},
        **change,
    }
    made = Statement.of("approval", body)
    for name in signers or ("office.one",):
        made = made.sign(name, KEYS[name])
    return made


def own_row(*names: str) -> dict[str, Any]:
    return {"recipients": list(names), "cells": ["n", "fee"], "because": "its own", "own_row": True}


def run(
    asked: Question, known: Records, data: Mapping[str, Path], *papers: Statement
) -> Outcome[Answer | None]:
    """What every party gets of a run of the permitted plan, which costs what the cards say."""
    permit = compile_question(asked, known, papers)

    def body(party: str) -> Any:
        own = {n: p for n, p in data.items() if known.catalogue.dataset(n).owner == party}
        rows = Sources(party, own, known.catalogue).read(permit.plan).rows
        return lambda session: play(session, permit, rows)

    outcome = lockstep({party: body(party) for party in permit.plan.parties})
    cost = estimate(permit.plan, known.cards)
    sent = {p: n for p, n in outcome.traffic.bytes_sent.items() if n}
    if cost.exact:
        assert sent == cost.bytes_sent
    assert sent.keys() == cost.bytes_sent.keys()
    # What sorts send is random: on few rows it may be far below its bound.
    least = Counter[str]()
    for step in cost.steps:
        least.update(step.bytes_sent if step.exact else {})
    assert all(least[p] <= sent[p] <= n for p, n in cost.bytes_sent.items())
    assert outcome.traffic.rounds <= cost.rounds
    if all(step.rounds_exact for step in cost.steps):
        assert 2 * outcome.traffic.rounds >= cost.rounds
    return outcome


def answers(
    asked: Question, known: Records, data: Mapping[str, Path], *papers: Statement
) -> dict[str, Answer | None]:
    return run(asked, known, data, *papers).results


def test_a_release_more_costs_what_the_card_says_and_no_round(tmp_path: Path) -> None:
    """The comparison is in `run`; here its negative control."""
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE, "bureau", "h1")
    data = files(tmp_path)
    one, more = run(asked, known, data), run(asked, known, data, approval(asked))
    assert one.traffic.bytes_sent != more.traffic.bytes_sent
    assert one.traffic.rounds == more.traffic.rounds
    sizes = public_sizes(planned(asked, known, (approval(asked),)))
    assert sizes["gate cells"] == sizes["gate/release1 cells"] == 4


# Contributors.


def test_an_amount_of_too_few_institutions_is_suppressed_and_its_count_is_not(
    tmp_path: Path,
) -> None:
    known = records(catalogue(tmp_path, CODES, own=True), minimum_contributors=4)
    plan = planned(question(BY_WARD), known)
    assert plan.tests.institutions == (("A1", "B1", "B2", "C1"),)
    assert plan.gate.releases == (Release(("bureau",), 11, 4),)
    (found,) = [a for a in answers(question(BY_WARD), known, files(tmp_path)).values() if a]
    ward = [STAYS[code][0] for code in EVERY]
    other = sum(STAYS[code][1] for code in EVERY)
    assert found.rows == ((1, sum(ward), sum(map(fees, ward))), (2, other, None))
    assert found.states[1] == ("value", "value", "suppressed")


def test_a_sum_of_ones_beside_an_amount_goes_by_the_amounts_minimum(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES, own=True), minimum_contributors=4)
    summed = BY_WARD.replace("COUNT(*)", "SUM(CASE WHEN fee > 0 THEN 1 ELSE 0 END)")
    assert planned(question(BY_WARD), known).gate.magnitudes == (1,)
    assert planned(question(summed), known).gate.magnitudes == (0, 1)


def test_without_a_minimum_nothing_is_counted(tmp_path: Path) -> None:
    plan = planned(question(BY_WARD), records(catalogue(tmp_path, CODES, own=True)))
    assert plan.tests.institutions == ()
    assert not any(item.use == "contributor" for f in plan.fragments for item in f.items)


@pytest.mark.parametrize(
    ("least", "shown"), [(1, True), (2, True), (4, True), (5, False)], ids=["1", "2", "4", "5"]
)
def test_institutions_are_counted_once_whoever_has_their_rows(
    tmp_path: Path, least: int, shown: bool
) -> None:
    """Every hospital may have every institution of the column's domain: what nobody says, the rows do."""
    known = records(catalogue(tmp_path, {}), minimum_contributors=least)
    (found,) = [a for a in answers(question(BY_WARD), known, files(tmp_path)).values() if a]
    assert (found.states[0][2] == "value") is shown


# The p-ratio: fees by institution of wards 1 and 2 are 66, 91, 3, 78 and 55, 0, 0, 1.
@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ({"dominance": 75}, (True, False)),
        ({"dominance": 76}, (False, False)),
        ({"dominance": 1}, (True, False)),
        ({"concentration": {"largest": 1, "percent": 39}}, (True, False)),
        ({"concentration": {"largest": 1, "percent": 38}}, (False, False)),
        ({"concentration": {"largest": 2, "percent": 100}}, (True, True)),
    ],
)
def test_an_amount_that_one_institution_dominates_is_suppressed(
    tmp_path: Path, rule: dict[str, Any], shown: tuple[bool, bool]
) -> None:
    fewer = {code: (STAYS[code][0], STAYS[code][1]) for code in EVERY}
    parts = [sorted(fees(persons[ward]) for persons in fewer.values()) for ward in (0, 1)]
    assert parts == [[3, 66, 78, 91], [0, 0, 1, 55]]
    known = records(catalogue(tmp_path, CODES, own=True), **rule)
    (found,) = [a for a in answers(question(BY_WARD), known, files(tmp_path)).values() if a]
    assert tuple(states[2] == "value" for states in found.states) == shown
    assert all(states[1] == "value" for states in found.states)


def test_institutions_that_the_catalogue_does_not_know_do_not_count(tmp_path: Path) -> None:
    fewer = {**CODES, "h2": ("B1",)}
    known = records(catalogue(tmp_path, fewer, own=True), minimum_contributors=4)
    (found,) = [a for a in answers(question(BY_WARD), known, files(tmp_path)).values() if a]
    assert found.states[0][2] == "suppressed"


@pytest.mark.parametrize("base", [1, 5, 8, 10])
def test_counts_are_rounded_and_sums_are_not(tmp_path: Path, base: int) -> None:
    """To the nearest multiple, the higher one of two; a share of counts is one of rounded counts."""
    known = records(catalogue(tmp_path, CODES, own=True), rounding=base)
    text = (
        "SELECT ward, COUNT(*) AS n, SUM(CASE WHEN fee > 5 THEN 1 ELSE 0 END) AS some, SUM(fee) AS fee, "
        "1.0 * COUNT(fee) / COUNT(*) AS part, AVG(fee) AS mean FROM hospitals.cases GROUP BY ward ORDER BY ward"
    )
    (found,) = [a for a in answers(question(text), known, files(tmp_path)).values() if a]
    for ward, row in enumerate(found.rows):
        persons = [STAYS[code][ward] for code in EVERY]
        some = sum(max(0, n - 6) for n in persons)
        n, total = sum(persons), sum(map(fees, persons))
        assert row[1:4] == (nearest(n, base), row[2] and nearest(some, base), total)
        assert row[4] == 1.0
        assert row[5] == pytest.approx(total / n, rel=1e-9)
    assert base == 1 or any(
        row[1] != sum(STAYS[c][i] for c in EVERY) for i, row in enumerate(found.rows)
    )


def nearest(count: int, base: int) -> int:
    return (count + base // 2) // base * base


def test_a_sub_query_that_hides_the_institution_does_not_hide_it_from_the_gate(
    tmp_path: Path,
) -> None:
    hidden = BY_WARD.replace("hospitals.cases", "(SELECT pid, ward, fee FROM hospitals.cases)")
    known = records(catalogue(tmp_path, CODES, own=True), minimum_contributors=4)
    (found,) = [a for a in answers(question(hidden), known, files(tmp_path)).values() if a]
    assert [states[2] for states in found.states] == ["value", "suppressed"]


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: replace(plan.gate, magnitudes=(0,)),
        lambda plan: replace(plan.gate, releases=(Release(("bureau",), 11, 2),)),
        lambda plan: replace(
            plan.gate, releases=(Release(("bureau",), 11, 3), Release(("h1",), 11))
        ),
    ],
    ids=["a column less", "a smaller minimum", "a release without"],
)
def test_a_plan_that_asks_for_less_is_refused(tmp_path: Path, change: Any) -> None:
    known = records(catalogue(tmp_path, CODES, own=True), minimum_contributors=3)
    asked = question(BY_WARD)
    plan = planned(asked, known)
    assert reasons(case_of(plan, asked, known)) == ()
    less = replace(plan, steps=(*plan.steps[:-1], change(plan)))
    assert [r.code for r in reasons(case_of(less, asked, known))] == ["gate"]


# Exemptions.


def test_each_recipient_sees_its_own_release(tmp_path: Path) -> None:
    """The bureau by exemption every cell, h1 and h2 their own rows, h3 nothing: it is no recipient."""
    known = records(catalogue(tmp_path, CODES), recipients=["bureau"])
    asked = question(BY_CODE, "bureau", "h1", "h2")
    papers = (
        approval(asked),
        approval(asked, number="E-2", exemption=own_row("h1", "h2")),
    )
    found = answers(asked, known, files(tmp_path), *papers)
    whole = {c: (c, sum(STAYS[c]), sum(map(fees, STAYS[c]))) for c in EVERY}
    bureau, one, two = (found[name] for name in ("bureau", "h1", "h2"))
    assert bureau is not None
    assert one is not None
    assert two is not None
    assert bureau.rows == tuple(whole.values())
    assert one.rows == (whole["A1"],)
    assert two.rows == (whole["B1"], whole["B2"])
    assert found["h3"] is None


def test_without_the_exemption_small_cells_are_suppressed(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    (found,) = [a for a in answers(question(BY_CODE), known, files(tmp_path)).values() if a]
    assert [row[1] for row in found.rows] == [23, 15, None, 15]


def test_an_exemption_of_one_column_leaves_the_others_to_the_rule(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE, "bureau", "h1")
    exemption = {"recipients": ["bureau"], "cells": ["n"], "because": "a test"}
    found = answers(asked, known, files(tmp_path), approval(asked, exemption=exemption))
    bureau, other = found["bureau"], found["h1"]
    assert bureau is not None
    assert other is not None
    assert bureau.rows[2] == ("B2", 3, None)
    assert bureau.states[2] == ("value", "value", "suppressed")
    assert other.states[2] == ("value", "suppressed", "suppressed")
    assert [r[:2] for r in (bureau.rows[0], other.rows[0])] == [("A1", 23)] * 2


def test_a_recipient_of_its_own_row_is_not_told_of_others_by_the_rule(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))  # whose rule lets h1 see every cell of 11 persons
    asked = question(BY_CODE, "bureau", "h1")
    exemption = {**own_row("h1"), "cells": ["fee"]}
    found = answers(asked, known, files(tmp_path), approval(asked, exemption=exemption))["h1"]
    assert found is not None
    assert found.states[0] == ("value", "value", "value")
    assert found.states[1] == ("value", "value", "not computed")


def test_what_an_exemption_opens_is_written_down(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES), recipients=["bureau"])
    asked = question(BY_CODE, "bureau", "h1")
    paper = approval(asked, exemption=own_row("h1"))
    permit = compile_question(asked, known, (paper,))
    assert permit.papers == (paper.digest,)
    assert released(permit.plan, exempt=True) == [
        {
            "to": ["h1"],
            "k": 1,
            "contributors": 1,
            "columns": ["n", "fee"],
            "cells": 1,
            "approval": paper.digest,
        }
    ]
    assert len(released(permit.plan)) == 2


def test_an_explanation_says_who_sees_what(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES), recipients=["bureau"])
    asked = question(BY_CODE, "bureau", "h1")
    paper = approval(asked, exemption={**own_row("h1"), "cells": ["fee"]})
    plan = planned(asked, known, (paper,))
    values = "the values of each cell and column that pass, and which of them are NULL"
    told = [str(each) for each in learned(plan, known.cards) if values in each.what]
    assert told == [
        f"bureau: {values} (k = 11)",
        f"h1: {values} (k = 1, of fee alone, of 1 of 4 cells, exempted by approval {paper.digest[:16]})",
    ]
    said = str(explained(asked, known, (paper,)))
    assert "cells of 11 persons or more to bureau" in said
    assert "cells of 1 persons or more to h1 (of fee alone, of 1 of 4 cells, exempted by" in said


def test_what_is_exempted_keeps_the_level_of_what_it_was_made_of(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE)
    exemption = {"recipients": ["bureau"], "cells": ["fee"], "because": "a test"}
    plan = planned(asked, known, (approval(asked, exemption=exemption),))
    found = {d.name: d.level for d in derived(plan, known.catalogue) if d.stage == "output"}
    assert found == {"code": Level.LOW, "n": Level.LOW, "fee": Level.MODERATE}
    by_rule = derived(planned(asked, known), known.catalogue)
    assert {d.level for d in by_rule if d.stage == "output"} == {Level.LOW}


def test_what_is_written_down_has_an_end(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    plan = planned(question(BY_CODE), known)
    many = tuple(replace(plan.gate.releases[0], exempt="ab" * 32) for _ in range(500))
    wide = replace(plan, steps=(*plan.steps[:-1], replace(plan.gate, releases=many)))
    found = released(wide)
    assert found[-1] == {"more": 501 - len(found)}
    assert 50 < len(found) < 200


@pytest.mark.parametrize(
    ("signers", "change", "rule"),
    [
        (("bureau.desk",), {}, {}),
        ((), {"until": "2026-02-01"}, {}),
        ((), {"scenario": "other"}, {}),
        ((), {"template": {"sql": BY_WARD, "slots": []}}, {}),
        ((), {"recipients": ["h1"], "exemption": own_row("h1")}, {}),
        ((), {}, {"requires": ["approval"], "signatures": 2}),
    ],
    ids=["signer", "date", "scenario", "template", "recipients", "signatures"],
)
def test_an_approval_that_does_not_count_exempts_nothing(
    tmp_path: Path, signers: tuple[str, ...], change: dict[str, Any], rule: dict[str, Any]
) -> None:
    known = records(catalogue(tmp_path, CODES), **rule)
    asked = question(BY_CODE)
    good = planned(asked, known, (approval(asked, "office.one", "office.two"),))
    assert len(good.gate.releases) == 2
    plan = planned(asked, known, (approval(asked, *signers, **change),))
    assert plan.gate.releases == (Release(("bureau",), 11),)


def test_a_recipient_that_nobody_exempts_is_refused(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES), recipients=["bureau"])
    asked = question(BY_CODE, "bureau", "h2")
    with pytest.raises(PolicyRefused, match="permits bureau as recipient; this question is for h2"):
        compile_question(asked, known)
    with pytest.raises(PolicyRefused, match="this question is for h2"):
        compile_question(asked, known, (approval(asked),))
    compile_question(asked, known, (approval(asked, exemption=own_row("h2")),))


def test_an_approval_exempts_from_the_rule_and_not_from_the_profile(tmp_path: Path) -> None:
    change = {"minimum_persons": 5, "minimum_contributors": 1, "dominance": 0}
    profile = shipped("CN").model_copy(update=change)
    known = records(catalogue(tmp_path, CODES), profile)
    asked = question(BY_CODE)
    papers = (approval(asked),)
    plan = planned(asked, known, papers)
    assert [release.k for release in plan.gate.releases] == [11, 5]
    assert reasons(case_of(plan, asked, known, papers)) == ()
    (reason,) = reasons(case_of(exempt(plan, k=4), asked, known, papers))
    assert reason.text.startswith(
        "profile CN opens cells of at least 5 persons, the plan those of 4"
    )


def test_an_exemption_is_used_up(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE)
    paper = approval(asked)
    compile_question(asked, known, (paper,), Known(used={paper.digest: 1}))
    with pytest.raises(
        PolicyRefused, match=r"below the minimum to bureau: approval [0-9a-f]+ has been used up"
    ):
        compile_question(asked, known, (paper,), Known(used={paper.digest: 2}))


def exempt(plan: Physical, **change: Any) -> Physical:
    """The plan with its exempted release changed."""
    ruled, own = plan.gate.releases
    gate = replace(plan.gate, releases=(ruled, replace(own, **change)))
    return replace(plan, steps=(*plan.steps[:-1], gate))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exempt": "ab" * 32}, "no approval abababababababab that counts"),
        ({"recipients": ("bureau",)}, "is not for bureau"),
        ({"columns": (0, 1)}, "is for columns fee alone"),
        ({"columns": None}, "is for columns fee alone"),
        ({"cells": (0, 1)}, "is for a recipient's own row alone"),
        ({"cells": None}, "is for a recipient's own row alone"),
    ],
)
def test_a_plan_that_opens_more_than_is_exempted_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE, "bureau", "h1")
    papers = (approval(asked, exemption={**own_row("h1"), "cells": ["fee"]}),)
    plan = planned(asked, known, papers)
    ruled, *others = plan.gate.releases
    merged = replace(
        plan, steps=(*plan.steps[:-1], replace(plan.gate, releases=(ruled, others[-1])))
    )
    assert list(exempted(case_of(merged, asked, known, papers))) == []
    (reason,) = exempted(case_of(exempt(merged, **change), asked, known, papers))
    assert words in reason.text


def test_a_gate_that_does_not_tell_recipients_apart_is_refused(tmp_path: Path) -> None:
    known = records(catalogue(tmp_path, CODES))
    asked = question(BY_CODE)
    papers = (approval(asked),)
    case = case_of(planned(asked, known, papers), asked, known, papers)
    card = replace(known.cards["gate"], offers=("minimum-persons",))
    cards = type(known.cards)({**known.cards, "gate": card}, known.cards.leakage)
    assert list(exempted(case)) == []
    (reason,) = exempted(replace(case, cards=cards))
    assert "to some recipients and not to others" in reason.text


def test_own_rows_are_those_of_institutions_that_the_catalogue_gives(tmp_path: Path) -> None:
    known = catalogue(tmp_path, CODES)
    plan = planned(question(BY_CODE), records(known))
    assert [own_cells(plan, known, party) for party in PARTIES] == [(), (0,), (1, 2), (3,)]
    unknown = catalogue(
        tmp_path, {"h1": ["A1"]}
    )  # what else a label says is nobody's: so is A1 then
    assert own_cells(plan, unknown, "h1") == ()
    by_ward = planned(question(BY_WARD), records(known))
    assert own_cells(by_ward, known, "h1") == ()
    by_party = planned(question(BY_CODE.replace("code", "party")), records(known))
    assert [own_cells(by_party, known, party) for party in HOSPITALS] == [(0,), (1,), (2,)]


def test_each_hospital_of_the_six_parties_has_a_row_of_the_reconciliation() -> None:
    demo = Path(__file__).parents[2] / "demos" / "six_parties"
    known = Catalogue.load(demo / "catalogue.toml")
    parties = ("bureau", "h1", "p")
    setting = Setting(
        catalogue=known,
        engine="rep3",
        compute=parties,
        initiator="bureau",
        recipients=("bureau", *HOSPITALS),
        scenario="supervision",
        purpose="a test",
        k=1,
        helpers=lambda left, right: tuple(p for p in parties if p not in (left, right)),
    )
    text = (demo / "questions" / "Q02.sql").read_text(encoding="utf-8")
    plan = plan_question(text, setting)
    assert [own_cells(plan, known, party) for party in HOSPITALS] == [(0,), (1,), (2,)]
    assert own_cells(plan, known, "bureau") == ()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"h1": ["A1"], "h2": ["A1"]}, "expected contributor 'A1' at one party"),
        ({"h1": [1]}, "expected contributors as text, got 1"),
    ],
)
def test_a_catalogue_gives_an_institution_to_one_party(
    tmp_path: Path, said: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        catalogue(tmp_path, said)
