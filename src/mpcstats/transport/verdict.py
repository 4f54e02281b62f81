"""What a party tells the others when it stops a run, and what they make of it: whom to name, and why.

A verdict crosses an organisation's border, so it holds names, steps and sizes only, in bounded lengths; and
it is hearsay, so the error that is made of it says who reports it, and it cannot make a party blame itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mpcstats.errors import Disagreement, MpcstatsError, PeerFault, PolicyRefused, TransportFault

REASON_LIMIT = 400
STEP_LIMIT = 200

GONE, BROKE, DISAGREES = "gone", "broke", "disagrees"


def to_fields(me: str, error: BaseException, *, heard: bool = False) -> dict[str, str]:
    """The verdict of `me` on the run that `error` has ended; `heard` if the error was itself another's verdict."""
    return _of(me, error) | {"heard": "yes" if heard else "no"}


def is_heard(fields: Mapping[str, object]) -> bool:
    """Whether the sender of this verdict only passes on what another party has told it."""
    return fields.get("heard") == "yes"


def _of(me: str, error: BaseException) -> dict[str, str]:
    match error:
        case PeerFault():
            kind = DISAGREES if isinstance(error, Disagreement) else BROKE
            return _fields(kind, error.party, error.step, error.reason)
        case TransportFault():
            return _fields(GONE, error.party, "", error.reason)
        case PolicyRefused():
            return _fields(GONE, me, "", "has stopped the run: its policy refuses")
        # Other texts are for this party's own eyes: they may speak of its files.
        case MpcstatsError():
            return _fields(GONE, me, "", f"has stopped the run: {type(error).__name__}")
    return _fields(GONE, me, "", "has stopped the run")


def from_fields(
    sender: str, fields: Mapping[str, object], *, me: str, parties: Collection[str]
) -> MpcstatsError:
    """The error to raise on the verdict of `sender`: a PeerFault, Disagreement or TransportFault."""
    culprit = _text(fields, "culprit", STEP_LIMIT)
    reason = _text(fields, "reason", REASON_LIMIT) or "has stopped the run"
    step = _text(fields, "step", STEP_LIMIT) or "transport"
    kind = fields.get("kind")
    known = culprit != "" and all(name in parties for name in culprit.split(" or "))
    if culprit == me or not known:
        blamed = "this party" if culprit == me else "nobody known"
        culprit, reason = sender, f"has stopped the run and blames {blamed}: {reason}"
        kind = DISAGREES if kind == DISAGREES else GONE  # to accuse is no breach of the protocol
    elif culprit != sender:
        reason = f"{reason} (as {sender} reports)"
    if kind == DISAGREES:
        return Disagreement(culprit, step, reason)
    if kind == BROKE:
        return PeerFault(culprit, step, reason)
    return TransportFault(culprit, reason)


def _fields(kind: str, culprit: str, step: str, reason: str) -> dict[str, str]:
    return {
        "kind": kind,
        "culprit": culprit[:STEP_LIMIT],
        "step": step[:STEP_LIMIT],
        "reason": reason[:REASON_LIMIT],
    }


def _text(fields: Mapping[str, object], name: str, limit: int) -> str:
    # What does not print could rewrite the terminal or the log that the error is shown in.
    value = fields.get(name)
    return "".join(c for c in value[:limit] if c.isprintable()) if isinstance(value, str) else ""
