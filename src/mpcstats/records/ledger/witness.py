"""A party as witness of the others: it cosigns a checkpoint of another's log if that log has only grown since the last.

After a run every two parties exchange three messages each way, all plain JSON objects:
(a) `held`: which size and root of your log I hold; (b) `offer`: my checkpoint, and the proof that it extends what you
hold; (c) `answer`: my cosignature, or the two notes that do not fit together. What is cosigned is kept in the
witness's own ledger first, so nothing that happens between two messages makes it cosign two histories.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import merkle
from mpcstats.records.ledger.checkpoint import (
    Checkpoint,
    cosign,
    cosigned,
    origin_of,
    read_checkpoint,
)
from mpcstats.records.ledger.form import NoteText, Proof, Size, as_model, of_proof, to_proof
from mpcstats.records.ledger.log import Ledger
from mpcstats.records.ledger.note import ED25519, Note, key_id, read_line
from mpcstats.records.names import Digest
from mpcstats.records.tomlfile import Table

M = TypeVar("M", bound=Table)
STEP = "checkpoint"  # as PeerFault names it


class Held(Table):
    """Message (a): the newest checkpoint of the receiver's log that the sender has cosigned; size 0: none yet."""

    origin: NoteText
    size: Size
    root: Digest


class Offer(Table):
    """Message (b): the sender's checkpoint, and the proof from the size that the receiver holds."""

    checkpoint: NoteText
    old: Size
    proof: Proof


class Conflict(Table):
    """Two notes of one log, the second of which does not extend the first."""

    held: NoteText
    offered: NoteText
    reason: str


class Answer(Table):
    """Message (c): a cosignature as a line of the note, or a conflict."""

    cosignature: NoteText | None = None
    conflict: Conflict | None = None


class SplitView(PeerFault):
    """A party has signed a checkpoint that is not shown to extend the one before it: a split view or a rollback.

    `held` and `offered` are its two notes, both with its signature: evidence that anybody can check. Where `forked`
    says so they convict it by themselves; where not, they say that it has offered an old log, or no good proof.
    """

    def __init__(self, party: str, held: str, offered: str, reason: str) -> None:
        self.held = held
        self.offered = offered
        super().__init__(party, STEP, reason)

    def answer(self) -> dict[str, JSON]:
        """Message (c) that says so."""
        return {"conflict": {"held": self.held, "offered": self.offered, "reason": self.reason}}

    def body(self) -> dict[str, JSON]:
        """What an entry `violation` says of it."""
        return {
            "party": self.party,
            "violation": "split view",
            "reason": self.reason,
            "held": self.held,
            "offered": self.offered,
        }


class Witness:
    """What a party holds of the others' logs, in its own ledger. `peers` are their public keys by name."""

    def __init__(self, ledger: Ledger, peers: Mapping[str, bytes]) -> None:
        self.ledger = ledger
        self.peers = {name: key for name, key in peers.items() if name != ledger.party}

    def held(self, peer: str) -> dict[str, JSON]:
        """Message (a) to `peer`. Raises UsageError if there is no such peer."""
        _, point = self._last(peer)
        return {"origin": point.origin, "size": point.size, "root": point.root.hex()}

    def offer(self, peer: str, held: object, *, size: int | None = None) -> dict[str, JSON]:
        """Message (b) to `peer`, after it has said what it holds: the checkpoint of the first `size` entries (all).

        Give every peer one `size`, so that all cosign one checkpoint; a peer that holds a later one gets the newest.
        Raises PeerFault if it holds what this ledger is not an extension of: then one of the two was changed.
        """
        self._key(peer)
        got = _read(held, Held, peer)
        now = self.ledger.size
        if got.origin != self.ledger.origin:
            raise PeerFault(peer, STEP, f"expected what it holds of {self.ledger.origin}")
        if got.size > now or self.ledger.root_at(got.size).hex() != got.root:
            raise PeerFault(
                peer,
                STEP,
                f"says it holds a checkpoint of {got.size} entries of this party that this ledger of "
                f"{now} does not have: verify the ledger against the checkpoint that {peer} keeps",
            )
        upto = now if size is None or size < got.size else size
        return {
            "checkpoint": self.ledger.checkpoint(upto),
            "old": got.size,
            "proof": to_proof(self.ledger.consistency(got.size, upto)),
        }

    def answer(self, peer: str, offer: object) -> dict[str, JSON]:
        """Message (c) to `peer`: the cosignature, once its checkpoint is kept in this ledger.

        Raises SplitView, whose `answer` is then the message, and PeerFault for what is no checkpoint of the peer's;
        nothing is cosigned and nothing kept then.
        """
        got = _read(offer, Offer, peer)
        key = self._key(peer)
        try:
            note, point = read_checkpoint(got.checkpoint, peer, key)
        except UsageError as error:
            raise PeerFault(peer, STEP, str(error)) from None
        own = note.of(point.origin, key_id(point.origin, ED25519, key))
        note = Note(note.text, () if own is None else (own,))  # what others say is theirs to keep
        before, last = self._last(peer)
        if before is not None:
            self._check(peer, before, last, str(note), point, got)
        if before is None or point.size > last.size:
            self.ledger.keep_seen(point, note, after=before)
        now = self.ledger.clock()
        made = cosign(point, self.ledger.party, self.ledger.signing_key, now)
        return {"cosignature": str(made).removesuffix("\n")}

    def accept(self, peer: str, answer: object, *, size: int) -> int:
        """Keep what `peer` has answered to the offer of the checkpoint of `size` entries; when it has cosigned, in
        seconds since 1970.

        Raises PeerFault if that is no cosignature, or a conflict: with this party's own signature under both notes
        its ledger was rolled back, or somebody else has its key.
        """
        key = self._key(peer)
        got = _read(answer, Answer, peer)
        if got.conflict is not None:
            raise PeerFault(peer, STEP, self._accused(got.conflict))
        try:
            line = read_line(got.cosignature or "")
            note = Note.parse(self.ledger.checkpoint(size)).with_(line)
            time = cosigned(note, peer, key)
        except UsageError as error:
            raise PeerFault(peer, STEP, str(error)) from None
        if time is None:
            raise PeerFault(peer, STEP, "expected a cosignature of its own key, got another")
        self.ledger.add_cosignature(size, line)
        return time

    def _last(self, peer: str) -> tuple[str | None, Checkpoint]:
        """The note of the peer's log that was cosigned last, and what it says; the empty log if there is none."""
        self._key(peer)
        origin = origin_of(peer)
        note = self.ledger.seen(origin)
        if note is None:
            return None, Checkpoint(origin, 0, merkle.EMPTY)
        return note, Checkpoint.of_text(Note.parse(note).text)

    def _key(self, peer: str) -> bytes:
        if peer not in self.peers:
            raise UsageError(
                f"expected a peer of {', '.join(self.peers) or 'none'}, got {peer[:40]!r}"
            )
        return self.peers[peer]

    def _check(
        self, peer: str, before: str, last: Checkpoint, note: str, point: Checkpoint, got: Offer
    ) -> None:
        """Raises SplitView unless `point` extends `last`."""
        if point.size < last.size:
            reason = (
                f"expected a checkpoint of at least the {last.size} entries that it has signed, got "
                f"{point.size}: rolled back, or replayed"
            )
        elif point.size == last.size and point.root != last.root:
            reason = f"has signed two logs of {last.size} entries: a split view"
        elif got.old != last.size:
            # Another exchange may have come between the messages: that is nobody's second history.
            reason = f"expected a proof from {last.size} entries, got one from {got.old}: ask again"
            raise PeerFault(peer, STEP, reason)
        elif not merkle.consistent(
            last.size, point.size, last.root, point.root, of_proof(got.proof)
        ):
            reason = (
                f"expected a proof that its log of {point.size} entries extends the one of "
                f"{last.size} that it has signed, got none that holds"
            )
        else:
            return
        raise SplitView(peer, before, note, reason)

    def _accused(self, conflict: Conflict) -> str:
        """What a conflict that a peer shows says, as far as this party's own signatures bear it out."""
        try:
            for note in (conflict.held, conflict.offered):
                read_checkpoint(note, self.ledger.party, self.ledger.public_key)
        except UsageError:
            return "expected a cosignature, got a conflict of notes that this party has not signed"
        return (
            "expected a cosignature, got two checkpoints with this party's signature that do not "
            "fit together: verify this ledger against the first of them, and the key's safety"
        )


def forked(first: str, second: str, party: str, public_key: bytes) -> bool:
    """Whether two notes prove, to anybody, that `party` has signed two different logs of one size.

    Raises UsageError if one of them is no checkpoint signed by it.
    """
    _, one = read_checkpoint(first, party, public_key)
    _, other = read_checkpoint(second, party, public_key)
    return one.size == other.size and one.root != other.root


def _read(value: object, model: type[M], peer: str) -> M:
    try:
        return as_model(value, model, "message")
    except UsageError as error:
        raise PeerFault(peer, STEP, str(error)) from None
