"""The text of an explanation: what a plan does, in words, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.explanation import Explanation, Home, Joint
from mpcstats.plan.figures import most, size, times


def text(found: Explanation) -> str:
    """The explanation as text for a person to read."""
    parts = [
        _head(found),
        ["", "computed at home", *(line for home in found.fragments for line in _home(home))],
        ["", "computed together", *(line for step in found.steps for line in _step(step))],
        ["", "who learns what", *(f"  {each}" for each in found.learned)],
        ["", "cost (payload, without framing)", *_costs(found)],
    ]
    return "\n".join(line for part in parts for line in part)


def _head(found: Explanation) -> list[str]:
    return [
        f"scenario {found.scenario}, purpose {found.purpose!r}, asked by {found.initiator}",
        f"engine {found.engine} among {', '.join(found.compute)}: withstands any {found.tolerated} of them",
        f"providers: {', '.join(found.providers)}",
        f"recipients: {', '.join(found.recipients)}",
    ]


def _home(home: Home) -> Iterator[str]:
    columns = [name for name in home.yields if name != "key"]
    yield (
        f"  {home.name} at {home.owner}: at most {home.rows:,} rows"
        + (f", columns {', '.join(columns)}" if columns else "")
    )
    reads = (
        f"{read.column} ({read.level.name}{', special codes' if read.special else ''})"
        for read in home.reads
    )
    yield f"      reads {', '.join(reads)}"


def _step(step: Joint) -> Iterator[str]:
    trust = step.trust
    yield f"  {step.name}: {step.card} v{step.version}, {step.what}"
    yield (
        f"      {trust.adversary}, {trust.corruptions} of {trust.count}"
        f" may be corrupted, cheating {trust.on_cheating}"
    )
    sent = size(sum(step.bytes_sent.values()))
    yield (
        f"      {most(f'{step.rounds} rounds', exact=step.rounds_exact)}, "
        f"{most(sent, exact=step.bytes_exact)} over all parties"
    )
    others = dict.fromkeys(part.card for part in step.composed if part.card != step.card)
    if others:
        yield f"      composed with {', '.join(others)}, whose figures are among these"
    yield f"      chosen because {step.choice.because}"
    if not step.choice.others:
        yield "      there is no alternative"
    for other in step.choice.others:
        yield f"      not {other.card}: {other.why_not}"


def _costs(found: Explanation) -> list[str]:
    exact = "exactly" if found.bytes_exact else "at most"
    sent = size(found.total_bytes)
    lines = [f"  at most {found.rounds} rounds, {exact} {sent} over all parties"]
    lines += [f"  {party} sends {size(sent)}" for party, sent in found.bytes_sent.items() if sent]
    return [*lines, f"  estimated time, roughly: {times(found.seconds)}"]
