"""A party's view of a run: who it is, at which step, the masks it shares, and `exchange`, the only await."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from mpcstats.errors import InternalError
from mpcstats.session.messages import Message, Words, digest
from mpcstats.session.program import Exchange, ask
from mpcstats.session.randomness import PairSeeds, Stream, private_stream

Shape = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """A value of `shape` was opened at `step` to the parties `to`; `leak` names it on the protocol's card."""

    step: str
    leak: str
    to: tuple[str, ...]
    shape: tuple[int, ...]


class Session:
    """All that protocol code may touch of the world. `narrow` before every sub-protocol."""

    __slots__ = (
        "_exchanges",
        "_names",
        "_private",
        "_seeds",
        "_streams",
        "me",
        "openings",
        "parties",
        "step",
    )

    def __init__(
        self,
        me: str,
        parties: tuple[str, ...],
        seeds: PairSeeds,
        step: str = "run",
        openings: list[Opening] | None = None,
    ) -> None:
        if me not in parties:
            raise InternalError(f"expected one of {parties}, got {me}")
        self.me = me
        self.parties = parties
        self.step = step
        self.openings = [] if openings is None else openings  # of the whole run, in order
        self._seeds = seeds
        self._names: set[str] = set()
        self._streams: dict[str, Stream] = {}
        self._private: Stream | None = None
        self._exchanges = 0

    def __repr__(self) -> str:
        return f"<session of {self.me} at {self.step}>"

    def narrow(self, name: str) -> Session:
        """The session of the sub-step `name`. Raises InternalError if this step has had one of that name."""
        if name in self._names or "/" in name:
            raise InternalError(f"expected a new step below {self.step}, got {name!r} again")
        self._names.add(name)
        return Session(self.me, self.parties, self._seeds, f"{self.step}/{name}", self.openings)

    def note_opening(self, leak: str, to: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Enter an opening into the list of the run; engines call it, and nobody else opens values."""
        self.openings.append(Opening(self.step, leak, to, shape))

    def digest(self, *parts: Words) -> Words:
        """BLAKE2b-256 of `parts`, bound to this run and step; 4 words, equal at every party for equal parts."""
        return digest(self._seeds.run_id, self.step, *parts)

    def stream(self, peer: str) -> Stream:
        """The masks that this party shares with `peer` alone, fresh at this step of this run."""
        if peer not in self._streams:
            self._streams[peer] = self._seeds.stream(peer, self.step)
        return self._streams[peer]

    def private(self) -> Stream:
        """Randomness of this party alone."""
        if self._private is None:
            self._private = private_stream()
        return self._private

    async def exchange(
        self,
        *,
        send: Mapping[str, Words] | None = None,
        receive: Mapping[str, Shape] | None = None,
    ) -> dict[str, Words]:
        """Send an array to each party in `send`; return the array of each party in `receive`, in the given shape.

        Arrays that are sent must not be written to afterwards. Raises PeerFault (another length than announced
        by the shape) and TransportFault (the peer is gone).
        """
        step = f"{self.step}#{self._exchanges}"
        self._exchanges += 1
        for words in (send or {}).values():
            if words.dtype != np.uint64:
                raise InternalError(
                    f"{self.me} at {step}: expected words to send, got {words.dtype}"
                )
        messages = tuple(
            Message(self.me, peer, step, np.ascontiguousarray(words).reshape(-1))
            for peer, words in (send or {}).items()
        )
        shapes = {peer: (s,) if isinstance(s, int) else s for peer, s in (receive or {}).items()}
        if self.me in shapes or any(m.receiver == self.me for m in messages):
            raise InternalError(f"{self.me} at {step}: a party does not send to itself")
        sizes = {peer: prod(shape) for peer, shape in shapes.items()}
        replies: dict[str, Words] = await ask(Exchange(step, messages, sizes))
        return {peer: replies[peer].reshape(shapes[peer]) for peer in shapes}
