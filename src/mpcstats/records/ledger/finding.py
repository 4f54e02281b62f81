"""What a receipt proves, offline: a finding for each check, good or bad, and which party is to blame.

The checks need the receipt and the consortium's public keys alone. They show what every party has signed; they cannot
show what a party has kept to itself, nor that an input was true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mpcstats.errors import UsageError
from mpcstats.records.ledger import merkle
from mpcstats.records.ledger.checkpoint import Checkpoint, cosigned, read_checkpoint
from mpcstats.records.ledger.commitment import SALT_BYTES, opens
from mpcstats.records.ledger.entry import Entry
from mpcstats.records.ledger.form import as_model, of_proof
from mpcstats.records.ledger.note import Note
from mpcstats.records.ledger.receipt import (
    AGREEMENT,
    Agreement,
    PartyPart,
    Receipt,
    answer_bytes,
)
from mpcstats.records.principals import Principals, Role
from mpcstats.records.signed import Statement

APPROVER: Role = "authoriser"  # who may sign an approval or a licence, as policy/conditions count
# What a party may say of the gate: numbers, or null; and who may see what, where it is not all alike.
GATE = ("k", "cells", "suppressed", "releases")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it holds, why, and whose part and which entry (by its index) it is about, if any."""

    check: str
    good: bool
    why: str
    party: str | None = None
    entry: int | None = None

    def __str__(self) -> str:
        where = "" if self.party is None else f"{self.party}: "
        if self.entry is not None:
            where += f"entry {self.entry}: "
        return f"{where}{self.check}: {self.why}"


def verify_receipt(
    receipt: Receipt,
    principals: Principals,
    *,
    quorum: int | None = None,
    answer: Mapping[str, Any] | None = None,
) -> tuple[Finding, ...]:
    """Every check of the receipt, good and bad, against the keys of `principals`.

    `quorum` is how many other parties must have cosigned each checkpoint: by default all others in the receipt.
    `answer`, with its salt, must be what one of the recipients has committed to.
    """
    need = len(receipt.parties) - 1 if quorum is None else quorum
    found = [*_whole(receipt), *_openings(receipt), *_gate(receipt), *_transcripts(receipt)]
    for part in receipt.parties:
        known = principals.get(part.party)
        if known is None or "party" not in known.roles:
            why = "expected a party of the consortium, got somebody else"
            found.append(Finding("key", False, why, part.party))
            continue
        found += _agreement(receipt, part, principals)
        found += _log(part, principals, need)
        found += _order(receipt, part)
        found += _decision(receipt, part)
    found += _approvals(receipt, principals)
    found += _result(receipt, answer)
    return tuple(found)


def blame(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The bad findings that name the party which broke the agreement, or whose records do not bear it out."""
    return tuple(f for f in findings if not f.good and f.party is not None)


def _check(
    name: str,
    good: bool,
    yes: str,
    no: str,
    part: PartyPart | None = None,
    entry: int | None = None,
) -> Finding:
    party = None if part is None else part.party
    return Finding(name, good, yes if good else no, party, None if good else entry)


def _whole(receipt: Receipt) -> Iterator[Finding]:
    """Whether the receipt names its own question and plan in its terms, and has everybody's part."""
    terms = receipt.terms
    same = (terms.get("question"), terms.get("plan")) == (receipt.question.digest, receipt.plan)
    no = "expected question and plan of the receipt among its terms, got others"
    yield _check("terms", same, f"{len(terms)} terms, with question and plan", no)
    names = {part.party for part in receipt.parties}
    for part in receipt.parties:
        for start in part.of_kind("start"):
            said = start.body.get("parties")
            listed = set(said) if isinstance(said, list | tuple) else set()
            no = "expected the parties of the receipt in its start, got others"
            yield _check("parties", listed == names, "all are here", no, part, start.index)


def _agreement(receipt: Receipt, part: PartyPart, principals: Principals) -> Iterator[Finding]:
    signed = part.agreement
    try:
        good = signed.kind == AGREEMENT and part.party in signed.signers(principals)
        why = "expected an agreement with the party's own signature"
        said = as_model(signed.body, Agreement, AGREEMENT)
    except UsageError as error:
        yield Finding("agreement", False, str(error), part.party)
        return
    yield _check(
        "agreement", good, f"signed, {len(said.commitments)} inputs committed to", why, part
    )
    differs = sorted(
        name
        for name in {*said.terms, *receipt.terms}
        if said.terms.get(name) != receipt.terms.get(name)
    )
    for name, ours, theirs in (
        ("run", receipt.run, said.run),
        ("question", receipt.question.digest, said.question),
        ("plan", receipt.plan, said.plan),
    ):
        if ours != theirs and name not in differs:
            differs.append(name)
    no = f"has agreed on another {', '.join(differs)}"
    yield _check("agreed terms", not differs, "the same as all", no, part)
    starts = part.of_kind("start")
    logged = [start for start in starts if start.body.get("agreement") == signed.digest]
    no = "expected the digest of its agreement in its start, got another or none"
    at = starts[0].index if starts else None
    yield _check("agreement logged", len(logged) == len(starts) == 1, "in its start", no, part, at)


def _log(part: PartyPart, principals: Principals, quorum: int) -> Iterator[Finding]:
    """The party's checkpoint, the proofs of its entries, and who has cosigned."""
    try:
        note, point = read_checkpoint(part.checkpoint, part.party, principals.key(part.party))
    except UsageError as error:
        yield Finding("checkpoint", False, str(error), part.party)
        return
    yield Finding("checkpoint", True, f"signed, {point.size} entries", part.party)
    bad = [
        logged.entry for logged in part.entries if not _included(logged.entry, logged.proof, point)
    ]
    for entry in bad:
        why = f"expected a proof that entry {entry.index} {entry.kind} is in the log, got none that holds"
        yield Finding("inclusion", False, why, part.party, entry.index)
    if not bad:
        yield Finding("inclusion", True, f"{len(part.entries)} entries proven", part.party)
    yield from _cosigners(part, note, principals, quorum)


def _included(entry: Entry, proof: tuple[str, ...], point: Checkpoint) -> bool:
    return merkle.included(entry.leaf, entry.index, point.size, of_proof(proof), point.root)


def _cosigners(
    part: PartyPart, note: Note, principals: Principals, quorum: int
) -> Iterator[Finding]:
    names = []
    for name in principals.names:
        entry = principals.get(name)
        if entry is None or "party" not in entry.roles or name == part.party:
            continue
        try:
            if cosigned(note, name, entry.key) is not None:
                names.append(name)
        except UsageError as error:
            yield Finding("cosignatures", False, str(error), part.party)
    said = f"{', '.join(names) or 'nobody'}, {quorum} asked for"
    yield _check("cosignatures", len(names) >= quorum, said, f"expected more than {said}", part)


def _order(receipt: Receipt, part: PartyPart) -> Iterator[Finding]:
    """One decision, then one start, then openings, then one finish, all of this run, as the log has them."""
    entries = [logged.entry for logged in part.entries]
    for before, entry in zip([None, *entries], entries, strict=False):
        last = before is not None and before.kind
        fits = {
            "decision": before is None,
            "start": last == "decision",
            "opening": last in ("start", "opening"),
            "finish": last in ("start", "opening"),
        }.get(entry.kind, False)
        ours = entry.kind == "decision" or entry.body.get("run") == receipt.run
        if not fits or not ours or (before is not None and before.index >= entry.index):
            why = (
                "expected decision, start, openings and finish of this run in the log's order, got "
                f"{entry.kind}"
            )
            yield Finding("order", False, why, part.party, entry.index)
            return
    ended = entries[-1].kind == "finish"
    no = "expected the run's finish at the end, got none"
    yield _check("order", ended, f"{len(entries)} entries", no, part, entries[-1].index)


def _decision(receipt: Receipt, part: PartyPart) -> Iterator[Finding]:
    """Whether the party has permitted this plan for this question, by the policy that it has agreed on."""
    decisions = part.of_kind("decision")
    if len(decisions) != 1:
        no = f"expected one decision, got {len(decisions)}"
        yield Finding("decision", False, no, part.party)
        return
    (entry,) = decisions
    said = entry.body
    wanted = {"permit": True, "plan": receipt.plan, "question": receipt.question.digest}
    if "policy" in receipt.terms:
        wanted["policy"] = receipt.terms["policy"]
    differs = [name for name, value in wanted.items() if said.get(name) != value]
    yes = f"permitted, level {str(said.get('level'))[:40]}, rule {str(said.get('rule'))[:80]}"
    no = f"expected a permit for this plan, got another {', '.join(differs)}"
    yield _check("decision", not differs, yes, no, part, entry.index)


def _openings(receipt: Receipt) -> Iterator[Finding]:
    """Whether all that say something of an opening say the same."""
    first: dict[str, tuple[str, Mapping[str, Any]]] = {}
    good = True
    for part in receipt.parties:
        for entry in part.of_kind("opening"):
            said = {name: entry.body.get(name) for name in ("leak", "to", "shape")}
            step = str(entry.body.get("step"))
            party, before = first.setdefault(step, (part.party, said))
            if said != before:
                good = False
                why = f"says another thing of step {step[:80]} than {party}"
                yield Finding("openings", False, why, part.party, entry.index)
    if good:
        yield Finding("openings", True, f"{len(first)}, all say the same")


def _gate(receipt: Receipt) -> Iterator[Finding]:
    """Whether all that say something of the gate say the same: k, cells, how many are suppressed (who may know), and
    who may see which of them.
    """
    first: dict[str, tuple[str, Any]] = {}
    good = True
    for part in receipt.parties:
        for entry in part.of_kind("finish"):
            said = entry.body.get("gate")
            if said is None:
                continue
            numbers = said if isinstance(said, Mapping) else {}
            for name in GATE:
                value = numbers.get(name)
                if value is None:
                    continue
                party, before = first.setdefault(name, (part.party, value))
                if value != before:
                    good = False
                    why = f"says another {name} of the gate than {party}"
                    yield Finding("gate", False, why, part.party, entry.index)
    if good:
        told = {n: len(v) if isinstance(v, list) else v for n, (_, v) in first.items()}
        said = ", ".join(f"{name} {value}" for name, value in told.items())
        yield Finding("gate", True, said or "nobody says anything of it")


def _transcripts(receipt: Receipt) -> Iterator[Finding]:
    """Whether of every two that have kept a digest of their messages, what one has sent is what the other has got."""
    said: dict[tuple[str, str, str], object] = {}
    for part in receipt.parties:
        for entry in part.of_kind("finish"):
            kept = entry.body.get("transcript")
            for peer, digests in kept.items() if isinstance(kept, Mapping) else ():
                for way in ("sent", "received"):
                    if isinstance(digests, Mapping) and digests.get(way) is not None:
                        said[part.party, way, peer] = digests[way]
    pairs = [(a, b) for a, way, b in said if way == "sent" and (b, "received", a) in said]
    bad = [(a, b) for a, b in pairs if said[a, "sent", b] != said[b, "received", a]]
    for a, b in bad:
        why = f"expected what {a} has sent to be what {b} has got, got two digests"
        yield Finding("transcripts", False, why, f"{a} or {b}")
    if not bad:
        yield Finding("transcripts", True, f"{len(pairs)} compared, all the same")


def _approvals(receipt: Receipt, principals: Principals) -> Iterator[Finding]:
    given = {approval.digest: approval for approval in receipt.approvals}
    for part in receipt.parties:
        for entry in part.of_kind("decision"):
            listed = _relied(entry)
            missing = [digest for digest in listed if digest not in given]
            no = f"expected the approvals that its decision relies on, lacks {', '.join(missing)[:80]}"
            yes = f"relies on {len(listed)}"
            yield _check("approvals relied on", not missing, yes, no, part, entry.index)
    day = _day(receipt)
    relied_on = {
        d for part in receipt.parties for e in part.of_kind("decision") for d in _relied(e)
    }
    for digest, approval in given.items():
        fault = _approval_fault(approval, receipt, principals, day)
        if digest not in relied_on:
            fault = "expected an approval that a decision relies on, got one that none does"
        by = ", ".join(s.signer for s in approval.signatures)
        yes, no = f"{digest[:16]} by {by}", f"{digest[:16]}: {fault}"
        yield _check("approval", fault is None, yes, no)


def _relied(decision: Entry) -> list[str]:
    """The digests of the approvals that a decision says it relies on."""
    said = decision.body.get("approvals", ())
    return [str(digest) for digest in (said if isinstance(said, list | tuple) else (said,))]


def _day(receipt: Receipt) -> str:
    """The day of the first decision: whoever approved had to be allowed to by then."""
    days = [e.time[:10] for part in receipt.parties for e in part.of_kind("decision")]
    return min(days, default="")


def _approval_fault(
    approval: Statement, receipt: Receipt, principals: Principals, day: str
) -> str | None:
    try:
        signers = approval.signers(principals)
    except UsageError as error:
        return str(error)
    if not signers:
        return "expected a signature, got none"
    for signer in signers:
        if not principals.has(signer, APPROVER, day):
            return f"expected signers who are {APPROVER} on {day}, got {signer}"
    plan = approval.body.get("plan")
    if plan is not None and plan != receipt.plan:
        return "expected an approval of this plan, got one of another"
    return None


def _result(receipt: Receipt, answer: Mapping[str, Any] | None) -> Iterator[Finding]:
    """The answer, if it is given, against what the recipients have committed to."""
    made = {}
    names = {part.party for part in receipt.parties}
    for recipient in receipt.question.recipients:
        if recipient not in names:
            yield Finding("result", False, "expected the part of a recipient, got none", recipient)
    for part in receipt.parties:
        if part.party not in receipt.question.recipients:
            continue
        said = [entry.body.get("result") for entry in part.of_kind("finish")]
        found = next((value for value in said if isinstance(value, str)), None)
        no = "expected a recipient's commitment to the answer in its finish, got none"
        yield _check("result", found is not None, "committed to", no, part)
        if found is not None:
            made[part.party] = found
    if answer is None:
        return
    salt = answer.get("salt")
    try:
        raw = bytes.fromhex(salt) if isinstance(salt, str) else b""
        content = answer_bytes(answer)
        if len(raw) != SALT_BYTES:
            raise UsageError("expected the answer's salt of 64 hex digits")
        whose = [party for party, value in made.items() if opens(value, content, raw)]
    except (UsageError, ValueError) as error:
        yield Finding("answer", False, str(error))
        return
    no = "expected an answer that a recipient has committed to, got another"
    yield _check("answer", bool(whose), f"the one that {', '.join(whose)} got", no)
