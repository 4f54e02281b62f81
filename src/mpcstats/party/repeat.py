"""A question that was answered before: the same plan under the same policy on the same data gives the answer kept.

initiator -> party    again (run, question, papers)
party -> initiator    working ... same | new

Nobody's data leave its node for this, nor a digest of them: each party holds its own rows against the commitment that
it wrote down in its ledger at the earlier run, and says one word. `new` does not say why: rows have changed, the run
is not known here, its answer is lost, or the policy does not permit the question any more. Nothing is computed, no
budget and no paper is used, and the answer has the bytes that it had.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpcstats.errors import PeerFault, UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.files.config import PartyFile
from mpcstats.party.files.kept import answer_path, receipt_path
from mpcstats.plan.physical import Physical
from mpcstats.policy.permit import Permit
from mpcstats.policy.rule import Policy
from mpcstats.records.ledger.commitment import commit
from mpcstats.records.ledger.receipt import Receipt, answer_bytes
from mpcstats.transport.control import Control

AGAIN, SAME, NEW = "again", "same", "new"
STEP = "repeat"
States = tuple[tuple[str, ...], ...]  # of an answer (party.answer)


@dataclass(frozen=True, slots=True)
class Released:
    """A run that has ended well, by this party's ledger: its label, commitments to this party's rows and answer."""

    label: str
    state: Mapping[str, str] = field(repr=False)
    result: str | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A question's permit, and the run that has answered it."""

    permit: Permit
    released: Released


def remembers(permit: Permit, policy: Policy) -> bool:
    """Whether the rule that permits asks for a history: then repeats are told, and answers kept for them."""
    return any(r.name == permit.rule and r.history is not None for r in policy.rules)


def kept_answer(files: PartyFile, plan: Physical, released: Released) -> Answer | None:
    """The answer of the run as this party has kept it; None if it is lost, or is not the one of its ledger."""
    try:
        said = json.loads(answer_path(files, released.label).read_text("utf-8"))
        table = {name: said[name] for name in ("columns", "rows", "states", "units")}
        found = commit(answer_bytes(table), bytes.fromhex(said["salt"]))
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
    if found != released.result:
        return None
    columns = tuple(table["columns"])
    return Answer(
        columns,
        tuple(tuple(row) for row in table["rows"]),
        tuple(tuple(row) for row in table["states"]),
        frozenset(column.name for column in plan.output if column.kind == "group"),
        tuple(table["units"].get(name) for name in columns),
        kept_receipt(files, released.label),
    )


def kept_states(files: PartyFile, label: str) -> States | None:
    """The states of the answer of a run as this party has kept it; None if it is lost."""
    try:
        said = json.loads(answer_path(files, label).read_text("utf-8"))
        return tuple(tuple(row) for row in said["states"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def flipped(files: PartyFile, runs: Sequence[str], label: str, states: States) -> bool:
    """Whether the run `label` has other states than the last one before it of `runs`, as far as that was kept."""
    before = next((run for run in reversed(runs) if run != label), None)
    last = None if before is None else kept_states(files, before)
    return last is not None and last != states


def salt_of(files: PartyFile, label: str) -> bytes | None:
    """With it the answer can be held against the receipt; None where none was kept."""
    path = answer_path(files, label)
    if not path.exists():
        return None
    return bytes.fromhex(json.loads(path.read_text("utf-8"))["salt"])


def kept_receipt(files: PartyFile, label: str) -> Receipt | None:
    """The receipt of the run, if this party has one and it can be read."""
    try:
        return Receipt.from_json(json.loads(receipt_path(files, label).read_text("utf-8")))
    except (OSError, ValueError, UsageError):
        return None


def same_at(control: Control, request: Mapping[str, Any], silence: float) -> bool:
    """Whether the party at the other end says that nothing has changed. Raises PeerFault for another word."""
    control.send({"kind": AGAIN, **request})
    while True:
        match control.receive(silence).get("kind"):
            case "working":
                continue
            case "same":
                return True
            case "new" | "busy":
                return False
            case _:
                raise PeerFault(control.peer, STEP, "expected same or new, got another word")
