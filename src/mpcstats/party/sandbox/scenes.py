"""The governance demo scene by scene: one request from question to receipt, and what happens when a rule is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mpcstats.errors import PolicyRefused
from mpcstats.party.ask import Result
from mpcstats.party.compile import Papers
from mpcstats.party.data.consent import left_out_shown
from mpcstats.party.question import Question
from mpcstats.party.registers import load_registers
from mpcstats.party.sandbox.demo import agrees
from mpcstats.party.sandbox.governed import CONSENTED, FREE, PRICED, Governed
from mpcstats.party.sandbox.offices import ROLES, licence_of
from mpcstats.party.sandbox.proofs import bill, changed_receipt, ledgers, receipt
from mpcstats.party.sandbox.scene import Scene
from mpcstats.records.signed import Statement

CANCELLED = "hospital.cases"  # whose licence is cancelled
Begin = Callable[[int], None]
Step = Callable[[str], None]


def scenes(
    town: Governed, *, on_begin: Begin = lambda _: None, on_step: Step = lambda _: None
) -> Iterator[Scene]:
    """The scenes in order, each as soon as it has been played. `town` is inside its context.

    Raises what a run raises where one fails that should not.
    """

    def ask(question: Question, papers: Papers) -> Result:
        return town.ask(question, papers, on_begin=on_begin, on_step=on_step)

    yield registers(town)
    question = town.question(FREE)
    bare = Question(town.text, *FREE, "bureau", ("bureau",), question.day)
    yield refused("the question without papers", town.refusal(bare), {})
    papers = town.papers(question, "A-1")
    yield signed(papers)
    result = ask(question, papers)
    yield answered("the run", town, result)
    yield left_out(town, result)
    yield receipt(town, result)
    yield changed_receipt(town)
    yield ledgers(town)
    yield violation(town, question, papers)
    priced = town.question(PRICED)
    more = town.papers(priced, "A-2")
    refusal = town.refusal(priced, more)
    must = {"refused because of the violation": _says(refusal, "may not ask since entry")}
    yield refused("the next question of the same user, with good papers", refusal, must)
    statement = town.reinstate("an error of the desk, which has been trained anew")
    result = ask(priced, more)
    said = (
        f"reinstatement {statement.digest[:16]} signed by {statement.signatures[0].signer}: bureau.desk may ask",
    )
    yield answered("reinstated, and answered", town, result, said)
    yield licence(town)
    yield bill(town)


def registers(town: Governed) -> Scene:
    """What has been entered before anybody asks, and who may sign."""
    offices = town.offices
    rows = [(name, ", ".join(roles)) for name, roles in ROLES.items()]
    rows += [(party, "party") for party in town.config.parties]
    read = load_registers(offices.files, offices.principals)
    lines = [_signed_by(path) for path in offices.files.paths if path.suffix == ".jsonl"]
    lines.append(f"consent.jsonl: {len(town.opted_out)} persons have opted out of {CONSENTED}")
    must = {
        "every register loads, each statement checked": len(read.heads) == len(offices.files.paths)
    }
    return Scene(
        "the registers, and who signs", tuple(lines), ("principal", "roles"), tuple(rows), must
    )


def refused(title: str, refusal: PolicyRefused | None, must: Mapping[str, bool]) -> Scene:
    """A question that no node may answer, and every reason."""
    lines = () if refusal is None else tuple(f"{refusal.party}: {r}" for r in refusal.reasons)
    return Scene(title, lines, must={"refused": refusal is not None, **must})


def signed(papers: Papers) -> Scene:
    """The papers that come with the question."""
    rows = []
    for paper in papers:
        what = "question" if "question" in paper.body else "plan"
        signer = paper.signatures[0].signer
        rows.append((paper.kind, signer, f"{what} {str(paper.body[what])[:16]}", paper.digest[:16]))
    heads = ("paper", "signed by", "bound to", "digest")
    return Scene("the papers are signed", (), heads, tuple(rows))


def answered(title: str, town: Governed, result: Result, said: tuple[str, ...] = ()) -> Scene:
    """The answer, held against that of DuckDB over the rows that may be counted."""
    permit, parts = result.permit, () if result.receipt is None else result.receipt.parties
    decided = {
        part.party: entry.body["plan"] for part in parts for entry in part.of_kind("decision")
    }
    level = f"{permit.level.name} {permit.level.chinese}"
    lines = (
        *said,
        f"permitted by {', '.join(decided)}: level {level}, rule {permit.rule}",
        f"plan {permit.plan_digest[:16]}, approval {', '.join(d[:16] for d in permit.papers)}",
        *str(result).splitlines(),
    )
    must = {
        "equal to DuckDB over all tables, without the rows of who has opted out": agrees(
            result, town.plain()
        ),
        "every party has decided by itself, on the same plan": decided
        == dict.fromkeys(town.config.parties, permit.plan_digest),
        "the decision relies on one approval": len(permit.papers) == 1,
        "all ledgers are cosigned": not result.closed.troubles,
    }
    return Scene(title, lines, must=must)


def left_out(town: Governed, result: Result) -> Scene:
    """How many persons were not counted, as far as others than the owner may know."""
    owner = town.catalogue.dataset(CONSENTED).owner
    found = result.left_out[owner].get(CONSENTED)
    out, k = len(town.opted_out), result.permit.plan.gate.k
    lines = (
        f"{owner} tells of {CONSENTED}: {found} persons without consent",
        f"of fewer than {k} persons it would say: {left_out_shown(k - 1, k, k)}",
    )
    return Scene("persons left out", lines, must={"as many as have opted out": found == out})


def violation(town: Governed, question: Question, papers: Papers) -> Scene:
    """The approval is used once more than was approved: refused, and recorded against who asked."""
    refusal = town.refusal(question, papers)
    entries = town.node.ledger.entries("violation")
    rows = tuple(
        (str(e.index), *(str(e.body[name]) for name in ("offender", "what", "by", "at")))
        for e in entries
    )
    scene = refused(
        "an approval is used once too often",
        refusal,
        {
            "refused as over budget": refusal is not None
            and refusal.violations == ("over-budget",),
            "recorded once": len(entries) == 1,
        },
    )
    heads = ("entry", "offender", "what", "recorded by", "at")
    return Scene(scene.title, scene.lines, heads, rows, scene.must)


def licence(town: Governed) -> Scene:
    """A licence is cancelled in the journal of rights: it counts at the next question."""
    question = town.question(FREE)
    papers = town.papers(question, "A-3")
    before = town.refusal(question, papers)
    owner = town.catalogue.dataset(CANCELLED).owner
    number = licence_of(CANCELLED)
    town.offices.enter(
        *("rights", "right-cancel", owner), number=number, reason="the contract has ended"
    )
    refusal = town.refusal(question, papers)
    return refused(
        f"{owner} cancels licence {number}",
        refusal,
        {
            "permitted before": before is None,
            "refused for the right alone": _says(refusal, CANCELLED)
            and refusal is not None
            and all("USE" in reason for reason in refusal.reasons),
        },
    )


def _signed_by(journal: Path) -> str:
    lines = journal.read_text(encoding="utf-8").splitlines()
    statements = [Statement.from_json(json.loads(line)) for line in lines]
    names = dict.fromkeys(s.signer for each in statements for s in each.signatures)
    return f"{journal.name}: {len(statements)} statements, signed by {', '.join(names)}"


def _says(refusal: PolicyRefused | None, words: str) -> bool:
    return refusal is not None and any(words in reason for reason in refusal.reasons)
