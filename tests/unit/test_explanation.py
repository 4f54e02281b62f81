"""Explanations as data: what is read and computed, why, who learns what, costs, times, JSON, page, drawing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mpcstats.cards.card import Card
from mpcstats.cards.load import Cards, load_cards
from mpcstats.cli.app import app
from mpcstats.errors import InternalError
from mpcstats.party.compile import Records, planned
from mpcstats.party.explained import Explained, explained
from mpcstats.party.networks import NETWORKS
from mpcstats.party.question import Question
from mpcstats.plan.choice import HELPED, Other
from mpcstats.plan.cost import WORK_A_BYTE, WORK_A_ROUND, Network, estimate
from mpcstats.plan.drawing import HEIGHT, WIDTH, drawing
from mpcstats.plan.explain import text
from mpcstats.plan.explanation import Explanation, Joint, Read, explanation, plain
from mpcstats.plan.learned import Learned
from mpcstats.plan.physical import Physical
from mpcstats.records.levels import Level

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
SUM = "SELECT insutype, COUNT(*) AS persons FROM bureau.enrolment GROUP BY insutype"
CARDS = load_cards()


def records(party: str = "bureau") -> Records:
    return Records.load(
        party,
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )


def question(
    name: str = "question", scenario: str = "supervision", asks: str = "bureau"
) -> Question:
    sql = SUM if name == "sum" else (DEMO / f"{name}.sql").read_text(encoding="utf-8")
    return Question(sql, scenario, "a test", asks, (asks,), "2026-01-01")


def found(name: str = "question") -> Explained:
    return explained(question(name), records())


def refused() -> Explained:
    return explained(question("refused", "commercial", "insurer"), records("insurer"))


def step(name: str, of: Explained) -> Joint:
    (only,) = (each for each in of.plan.steps if each.name == name)
    return only


def with_card(name: str, **changes: object) -> Cards:
    """The shipped cards, the costs of one of them changed."""
    cards: dict[str, Card] = dict(CARDS)
    cost = replace(cards[name].cost, **changes)  # type: ignore[arg-type]
    cards[name] = replace(cards[name], cost=cost)
    return Cards(cards, CARDS.leakage)


def by_cards(plan: Physical, cards: Cards) -> Explanation:
    return explanation(plan, cards, level=lambda _: Level.LOW, networks=())


# The plan.


def test_fragments_say_who_reads_what_at_which_level() -> None:
    homes = {home.name: home for home in found().plan.fragments}
    assert {name: (home.owner, home.rows) for name, home in homes.items()} == {
        "i": ("insurer", 50_000),
        "d": ("hospital", 60_000),
        "e": ("bureau", 130_000),
    }
    reads = {read.column: read for read in homes["e"].reads}
    assert reads["bureau.enrolment.insutype"] == Read(
        "bureau.enrolment.insutype", ("group",), Level.MODERATE, False
    )
    assert homes["e"].yields == ("key", "fund", "g0")
    assert homes["e"].sql.startswith("SELECT")


def test_a_filter_that_may_pick_special_codes_reads_at_the_highest_level() -> None:
    of = refused()
    special = {r.column: r.level for home in of.plan.fragments for r in home.reads if r.special}
    assert set(special) == {f"hospital.cases.{c}" for c in ("diag_main", "diag_2", "diag_3")}
    assert set(special.values()) == {Level.HIGH}
    assert not any(r.special for home in found().plan.fragments for r in home.reads)


def test_a_lookup_says_who_helps_whom_and_what_it_costs() -> None:
    of = found()
    find = step("find_e", of)
    assert (find.card, find.version) == ("lookup_join", CARDS["lookup_join"].version)
    assert (find.helper, find.helps) == ("hospital", ("insurer", "bureau"))
    assert find.inputs == ("i", "e")
    roles = {(role.role, role.party) for role in find.roles}
    assert roles >= {("left", "insurer"), ("right", "bureau"), ("helper", "hospital")}
    assert find.sizes["left_rows"] == 50_000
    plan = planned(question(), records())
    spent = {each.step: each for each in estimate(plan, CARDS).steps}["find_e"]
    assert (find.rounds, find.bytes_sent) == (spent.rounds, spent.bytes_sent)
    assert (find.rounds_exact, find.bytes_exact) == (True, True)
    assert not step("gate", of).rounds_exact  # as its card says
    assert step("gate", of).helper is None


def test_totals_are_those_of_all_steps_and_the_digest_is_the_plan_s() -> None:
    of = found().plan
    sent: Counter[str] = Counter()
    for each in of.steps:
        sent.update(each.bytes_sent)
    assert of.bytes_sent == {party: sent[party] for party in PARTIES}
    assert of.total_bytes == sum(sent.values()) > 0
    assert of.bytes_exact
    assert of.plan == planned(question(), records()).digest()


def test_what_is_bounded_is_called_a_bound() -> None:
    plan = planned(question(), records())
    exact, bounded = by_cards(plan, CARDS), by_cards(plan, with_card("gate", kind="bounded"))
    assert (exact.bytes_exact, bounded.bytes_exact) == (True, False)
    assert "rounds, exactly " in text(exact)
    assert "rounds, exactly " not in text(bounded)
    assert re.search(r"at most \d+ rounds, at most [\d.]+ MB over all parties", text(bounded))


def test_leaks_are_in_the_words_of_the_vocabulary_and_say_to_whom() -> None:
    leaks = {leak.id: leak for leak in step("gate", found()).leaks}
    assert set(leaks) == CARDS["gate"].leakage.ids
    assert leaks["gated-cell"].words == CARDS.leakage["gated-cell"]
    assert (leaks["gated-cell"].to, leaks["gated-cell"].public) == (("bureau",), False)
    assert (leaks["size-bound"].to, leaks["size-bound"].public) == (PARTIES, True)


def test_who_learns_what_names_nobody_only_where_a_helper_must_not_collude() -> None:
    joint, alone = found().plan.learned, found("sum").plan.learned
    values = "the values of each cell and column that pass, and which of them are NULL (k = 11)"
    assert Learned("bureau", values) in joint
    assert {each.who for each in joint} == {"bureau", "everybody", "nobody"}
    assert {each.who for each in alone} == {"bureau", "everybody"}


def test_the_choice_says_why_and_why_not() -> None:
    of = found()
    assert "i is the spine" in step("find_d", of).choice.because
    assert step("find_d", of).choice.others == (Other("sort_join", HELPED),)
    assert step("gate", of).choice.others == ()
    assert "reads one owner's rows" in found("sum").plan.steps[0].choice.because
    assert "      there is no alternative\n" in str(of)


def test_a_protocol_without_a_card_is_not_named_as_another() -> None:
    fewer = Cards({n: c for n, c in CARDS.items() if n != "sort_join"}, CARDS.leakage)
    find = by_cards(planned(question(), records()), fewer).steps[0]
    assert find.choice.others == ()


# Seconds.


def test_seconds_are_latency_bandwidth_and_local_work() -> None:
    cost = estimate(planned(question(), records()), CARDS)
    busiest = max(cost.bytes_sent.values())
    local = cost.rounds * WORK_A_ROUND + cost.total_bytes * WORK_A_BYTE
    assert cost.seconds(Network("here", 0, math.inf)) == pytest.approx(local)
    assert cost.seconds(Network("far", 2, math.inf)) == pytest.approx(local + 2 * cost.rounds)
    assert cost.seconds(Network("thin", 0, 1000)) == pytest.approx(local + busiest / 1000)


def test_the_networks_are_those_of_the_benchmarks() -> None:
    assert [(n.name, n.latency, n.bytes_a_second) for n in NETWORKS] == [
        ("loopback", 0, math.inf),
        ("lan", 0.25e-3, 1.25e8),
        ("wan", 20e-3, 1.25e7),
    ]
    seconds = list(found().plan.seconds.values())
    assert seconds == sorted(seconds)


# The verdict.


def test_the_verdict_has_every_condition_and_every_derived_level() -> None:
    yes, no = found().verdict, refused().verdict
    assert (yes.permitted, yes.party, yes.level, yes.reasons) == (
        True,
        "bureau",
        Level.MODERATE,
        (),
    )
    assert [f.condition for f in yes.findings if f.reasons] == []
    assert {"table", "protocols", "standing"} <= {f.condition for f in yes.findings}
    assert not no.permitted
    assert next(f.condition for f in no.findings if f.reasons) == "table"
    assert {(d.name, d.level) for d in yes.derived if d.stage == "output"} == {
        *(("insutype", Level.LOW), ("persons", Level.LOW)),
        *(("fund_fen", Level.LOW), ("insurer_fen", Level.LOW)),
    }


def test_the_verdict_has_the_reasons_of_the_refusal() -> None:
    of = refused()
    assert of.refusal is not None
    assert of.refusal.reasons == of.verdict.reasons
    assert found().refusal is None
    assert f"refused by the policy of insurer\n  {of.refusal.reasons[0]}" in str(of)


# JSON.


def keys(value: object) -> object:
    """The shape of JSON: keys, and of a list that of its first element."""
    if isinstance(value, dict):
        return {name: keys(part) for name, part in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return None


ENTRY = None
ROLE = {"role": ENTRY, "party": ENTRY, "times": ENTRY}
LEAK = dict.fromkeys(("step", "id", "words", "what", "to", "public")) | {"to": [ENTRY]}
SENT: Mapping[str, None] = dict.fromkeys(PARTIES)
HEAD = ("question", "scenario", "purpose", "initiator", "plan", "engine", "k", "cells", "rounds")
READ = {"column": ENTRY, "uses": [ENTRY], "level": ENTRY, "special": ENTRY}


def test_json_keeps_its_keys() -> None:
    of = json.loads(json.dumps(found().to_json(), allow_nan=False))
    assert set(of) == {"plan", "verdict", "engines"}
    plan = of["plan"]
    assert set(plan) == {
        *HEAD,
        *("compute", "tolerated", "recipients", "fragments", "steps", "learned"),
        *("bytes_sent", "bytes_exact", "seconds"),
    }
    assert keys(plan["fragments"][0]) == {
        **dict.fromkeys(("name", "owner", "rows", "sql")),
        "reads": [READ],
        "yields": [ENTRY],
    }
    one = plan["steps"][0]
    assert set(one) == {
        *("name", "card", "version", "status", "what", "inputs", "roles", "helper", "helps"),
        *("sizes", "rounds", "rounds_exact", "bytes_sent", "bytes_exact"),
        *("trust", "leaks", "choice", "composed"),
    }
    assert (keys(one["roles"][0]), keys(one["leaks"][0])) == (ROLE, LEAK)
    assert set(one["choice"]) == {"because", "others"}
    assert set(one["trust"]) == {"adversary", "corruptions", "count", "on_cheating"}
    assert keys(plan["bytes_sent"]) == SENT
    assert set(plan["seconds"]) == {"loopback", "lan", "wan"}
    verdict = of["verdict"]
    assert set(verdict) == {
        *("party", "permitted", "level", "columns", "combined", "rule", "policy"),
        *("findings", "derived"),
    }
    assert (verdict["level"], verdict["permitted"]) == ("MODERATE", True)
    assert set(verdict["findings"][0]) == {"condition", "reasons"}
    assert set(verdict["derived"][0]) == {"of", "name", "stage", "level", "because", "blind"}
    reasons = refused().to_json()["verdict"]["findings"]
    assert {"code", "text"} == {key for f in reasons for r in f["reasons"] for key in r}


@pytest.mark.parametrize("strange", [b"bytes", {1, 2}, object(), [frozenset()], Level])
def test_what_is_no_plain_data_does_not_get_into_json(strange: object) -> None:
    with pytest.raises(InternalError, match="expected plain data in an explanation, got"):
        plain(strange)


# The page.

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>&'"


class Page(HTMLParser):
    """Elements, attributes and text of a page; raises where an element is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.classes: Counter[str] = Counter()
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.classes[dict(attrs).get("class") or ""] += 1
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.classes[dict(attrs).get("class") or ""] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def quiet(self) -> bool:
        """No script, nothing loaded from elsewhere, nothing that runs at an event."""
        loud = {"src", "href"} | {name for name in self.attributes if name.startswith("on")}
        return not {"script", "img", "link", "iframe"} & set(self.elements) and not (
            loud & self.attributes
        )


def hostile(of: Explained) -> Explained:
    """The explanation with names that would be elements, wherever a question or a policy gives one."""
    plan, verdict = of.plan, of.verdict
    home = replace(plan.fragments[0], owner=HOSTILE, sql=HOSTILE, yields=(HOSTILE,))
    read = replace(home.reads[0], column=HOSTILE)
    first = replace(plan.steps[0], what=HOSTILE, helper=HOSTILE)
    finding = next(f for f in verdict.findings if f.reasons)
    reason = replace(finding.reasons[0], text=HOSTILE)
    return Explained(
        replace(
            plan,
            question=HOSTILE,
            purpose=HOSTILE,
            scenario=HOSTILE,
            initiator=HOSTILE,
            recipients=(HOSTILE,),
            fragments=(replace(home, reads=(read,)), *plan.fragments[1:]),
            steps=(first, *plan.steps[1:]),
            learned=(Learned(HOSTILE, HOSTILE),),
            bytes_sent={HOSTILE: 1},
        ),
        replace(
            verdict,
            party=HOSTILE,
            columns=(HOSTILE,),
            rule=HOSTILE,
            findings=(replace(finding, reasons=(reason,)),),
            derived=(replace(verdict.derived[0], name=HOSTILE, because=(HOSTILE,)),),
        ),
        of.refusal,
        tuple(replace(each, against=(HOSTILE,), tolerates=HOSTILE) for each in of.alternatives * 2),
    )


def test_the_page_is_whole_and_has_every_condition_and_step() -> None:
    of = found()
    page = Page(of.to_html())
    assert page.open == []
    assert page.quiet
    said = "\n".join(page.words)
    assert f"permitted by the policy of {of.verdict.party}" in said
    for name in (*(f.condition for f in of.verdict.findings), *(s.name for s in of.plan.steps)):
        assert name in page.words
    assert page.words.count("passed") == len(of.verdict.findings)
    assert "refused" not in page.words
    no = Page(refused().to_html()).words
    assert no.count("refused") == sum(bool(f.reasons) for f in refused().verdict.findings) > 0


def test_hostile_names_stay_text() -> None:
    of = hostile(refused())
    page = Page(of.to_html())
    assert page.quiet
    assert page.open == []
    assert set(page.elements) == set(Page(refused().to_html()).elements)
    assert sum(HOSTILE in word for word in page.words) >= 15


def test_a_page_that_does_not_escape_is_noticed() -> None:
    assert not Page(found().to_html().replace("a test", HOSTILE)).quiet


def test_a_notebook_gets_the_page_in_a_frame_without_rights() -> None:
    frame = hostile(refused())._repr_html_()
    page = Page(frame)
    assert page.elements == {"iframe": 1}
    assert page.attributes == {"sandbox", "srcdoc", "style"}


# The drawing.


def places(svg: str) -> dict[str, int]:
    """Title of each box -> where it begins from the left."""
    found = re.findall(r'<g class="\w+"><title>([^;]*);[^<]*</title><rect x="(\d+)"', svg)
    return {title: int(x) for title, x in found}


@pytest.mark.parametrize(("name", "edges"), [("question", 2 + 2 + 3 + 1 + 1), ("sum", 1 + 1 + 1)])
def test_the_drawing_has_a_box_for_each_part_and_an_edge_for_each_input(
    name: str, edges: int
) -> None:
    of = found(name).plan
    drawn = Page(drawing(of))
    assert (drawn.classes["home"], drawn.classes["gate"]) == (len(of.fragments), 1)
    assert drawn.classes["step"] == len(of.steps) - 1
    assert drawn.classes["recipient"] == len(of.recipients)
    assert drawn.classes["edge"] == edges
    assert drawn.open == []


def test_the_drawing_goes_from_left_to_right() -> None:
    x = places(drawing(found().plan))
    assert x["insurer"] == x["hospital"] < x["find_d"] == x["find_e"] < x["cohort"] < x["gate"]


def overlapping(svg: str) -> list[tuple[int, int]]:
    """Upper left corners of boxes that lie over another box."""
    corners = [(int(x), int(y)) for x, y in re.findall(r'<rect x="(\d+)" y="(\d+)"', svg)]
    return [
        a
        for i, a in enumerate(corners)
        for j, b in enumerate(corners)
        if i != j and abs(a[0] - b[0]) < WIDTH and abs(a[1] - b[1]) < HEIGHT
    ]


def test_no_box_lies_over_another() -> None:
    svg = drawing(replace(found().plan, recipients=PARTIES))
    assert overlapping(svg) == []
    assert overlapping(svg.replace('x="286"', 'x="16"')) != []


def test_a_recipient_may_be_called_as_a_fragment() -> None:
    of = found().plan
    drawn = Page(drawing(replace(of, recipients=("i", "gate"))))
    assert drawn.classes["recipient"] == 2
    assert drawn.classes["home"] == 3


# The command.


def test_the_command_gives_json_and_a_page(tmp_path: Path) -> None:
    asked = ["explain", "--local", str(DEMO), "--question", str(DEMO / "question.sql")]
    said = CliRunner().invoke(app, [*asked, "--json"])
    assert said.exit_code == 0
    assert json.loads(said.output)["verdict"]["permitted"]
    where = tmp_path / "plan.html"
    written = CliRunner().invoke(app, [*asked, "--html", str(where)])
    assert (written.exit_code, written.output) == (0, "")
    assert Page(where.read_text(encoding="utf-8")).quiet
    nowhere = CliRunner().invoke(app, [*asked, "--html", str(tmp_path / "no" / "plan.html")])
    assert "expected a file to write, got" in str(nowhere.exception)
