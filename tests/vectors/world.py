"""A run in which nothing is left to chance: fixed pair seeds, run id and private streams, every message kept.

`play` runs a setting (the head of a vector, plain JSON) and gives its transcript. It goes on after a fault, so that a
transcript says what happens at every party, not only at the first that stops.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from mpcstats.errors import MpcstatsError, PeerFault
from mpcstats.session import Message, PairSeeds, Program, Session, Stream, Words
from mpcstats.session.session import Opening

Setting = dict[str, Any]
Body = Callable[[Setting, Session], Coroutine[Any, Any, Any]]
Name = tuple[
    str, str, str
]  # step, sender, receiver of a message: no two messages of a run share all three


def to_hex(words: Words) -> str:
    """Words as they are on the wire: 8 bytes each, lowest first."""
    return np.ascontiguousarray(words, dtype="<u8").tobytes().hex()


def from_hex(text: str) -> Words:
    """The words of `to_hex`."""
    return np.frombuffer(bytes.fromhex(text), dtype="<u8").astype(np.uint64)


def private_key(seed: bytes, run_id: bytes, step: str) -> bytes:
    """The key of a party's private stream at `step`: made as that of a pair, with another personalisation."""
    name = len(run_id).to_bytes(8, "little") + run_id + step.encode()
    return hashlib.blake2b(name, key=seed, digest_size=16, person=b"mpcstats-private").digest()


class Watched(Stream):
    """A stream that counts what is drawn from it and keeps its first word."""

    __slots__ = ("drawn", "first")

    def __init__(self, stream: Stream) -> None:
        self._encrypt = stream._encrypt
        self.drawn = 0
        self.first = ""

    def fill(self, out: Words) -> None:
        super().fill(out)
        if out.size and not self.drawn:
            self.first = to_hex(out.reshape(-1)[:1])
        self.drawn += out.size


@dataclass
class Party:
    """What one party starts from beside its setting, and the streams that it has drawn from: (peer, step) -> stream."""

    name: str
    run_id: bytes
    seeds: PairSeeds
    private: bytes
    drawn: dict[tuple[str, str], Watched] = field(default_factory=dict)


class FixedSession(Session):
    """A session whose private streams are fixed too (those of a real run come from the operating system)."""

    __slots__ = ("_party",)

    def __init__(
        self,
        party: Party,
        parties: tuple[str, ...],
        step: str = "run",
        openings: list[Opening] | None = None,
    ) -> None:
        super().__init__(party.name, parties, party.seeds, step, openings)
        self._party = party

    def narrow(self, name: str) -> Session:
        below = super().narrow(name)
        return FixedSession(self._party, self.parties, below.step, self.openings)

    def stream(self, peer: str) -> Stream:
        key = (peer, self.step)
        if key not in self._party.drawn:
            self._party.drawn[key] = Watched(super().stream(peer))
        return self._party.drawn[key]

    def private(self) -> Stream:
        key = (self.me, self.step)
        if key not in self._party.drawn:
            party = self._party
            stream = Stream(private_key(party.private, party.run_id, self.step))
            self._party.drawn[key] = Watched(stream)
        return self._party.drawn[key]


@dataclass(frozen=True)
class Fault:
    """What is not as it should be: for a message what arrives instead, for a party what it starts from.

    arrives: message -> (sender, step, payload) of each message that its receiver gets in its place.
    setting: (parties, path, value) for each change of what these parties start from.
    """

    arrives: Mapping[Name, Sequence[tuple[str, str, Words]]] = field(default_factory=dict)
    setting: Sequence[tuple[Sequence[str], Sequence[Any], Any]] = ()


@dataclass
class Transcript:
    """All that happened. `results` has the parties that came to an end, `faults` those that stopped by an error."""

    messages: list[tuple[int, Message]]
    openings: dict[str, list[Opening]]
    results: dict[str, Any]
    faults: dict[str, MpcstatsError]
    waiting: dict[str, list[tuple[str, str]]]  # party -> (sender, step) of what never came
    parties: dict[str, Party]


def play(setting: Setting, body: Body, fault: Fault | None = None) -> Transcript:
    """Run `setting` to the end, or until everyone has ended, failed or waits for what never comes."""
    return _Run(setting, body, fault if fault is not None else Fault()).to_the_end()


class _Run:
    def __init__(self, setting: Setting, body: Body, fault: Fault) -> None:
        self.order = {party: i for i, party in enumerate(setting["parties"])}
        self.fault = fault
        self.parties: dict[str, Party] = {}
        self.sessions: dict[str, FixedSession] = {}
        self.programs: dict[str, Program[Any]] = {}
        self.faults: dict[str, MpcstatsError] = {}
        self.messages: list[tuple[int, Message]] = []
        for party in setting["parties"]:
            own = _own_setting(setting, party, fault)
            self.parties[party] = party_of(own, party)
            session = FixedSession(self.parties[party], tuple(own["parties"]))
            self.sessions[party] = session
            self.programs[party] = Program(party, body(own, session))

    def to_the_end(self) -> Transcript:
        number = 0
        try:
            while flight := self._flight():
                number += 1
                for message in flight:
                    self.messages.append((number, message))
                    self._carry(message)
        finally:
            for program in self.programs.values():
                program.close()
        return self._transcript()

    def _flight(self) -> list[Message]:
        flight: list[Message] = []
        for party, program in self.programs.items():
            if party not in self.faults:
                self._guarded(party, program.advance)
            if party not in self.faults:  # who has failed sends nothing more
                flight += program.outbox
            program.outbox.clear()
        if not flight:
            self.waiting = {
                party: sorted(program.awaited)
                for party, program in self.programs.items()
                if party not in self.faults and not program.finished
            }
        rank = self.order
        return sorted(flight, key=lambda m: (rank[m.sender], rank[m.receiver], m.step))

    def _carry(self, message: Message) -> None:
        name = (message.step, message.sender, message.receiver)
        as_sent = [(message.sender, message.step, message.payload)]
        for sender, step, payload in self.fault.arrives.get(name, as_sent):
            if message.receiver not in self.faults:
                deliver = self.programs[message.receiver].deliver
                self._guarded(message.receiver, deliver, sender, step, payload)

    def _guarded(self, party: str, act: Callable[..., None], *args: Any) -> None:
        try:
            act(*args)
        except MpcstatsError as error:
            self.faults[party] = error

    def _transcript(self) -> Transcript:
        ended = {p: program for p, program in self.programs.items() if program.finished}
        return Transcript(
            self.messages,
            {party: session.openings for party, session in self.sessions.items()},
            {p: program.result for p, program in ended.items() if p not in self.faults},
            self.faults,
            self.waiting,
            self.parties,
        )


def _own_setting(setting: Setting, party: str, fault: Fault) -> Setting:
    own = copy.deepcopy(setting)
    for parties, path, value in fault.setting:
        if party in parties:
            place: Any = own
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = value
    return own


def party_of(own: Setting, name: str) -> Party:
    """The party `name` with the run id, pair seeds and private seed of its setting."""
    run_id = bytes.fromhex(own["run_id"])
    seeds = {}
    for pair, seed in own["pair_seeds"].items():
        both = pair.split("-")
        if name in both:
            (peer,) = (p for p in both if p != name)
            seeds[peer] = bytes.fromhex(seed)
    private = bytes.fromhex(own["private_seeds"][name])
    return Party(name, run_id, PairSeeds(run_id, seeds), private)


def seeds_for(title: str, parties: Sequence[str]) -> Setting:
    """Run id, pair seeds and private seeds of a vector: hashes of its title, so that no two vectors share masks."""

    def drawn(name: str) -> str:
        return hashlib.sha256(f"mpcstats vector {title} {name}".encode()).hexdigest()

    return {
        "run_id": drawn("run"),
        "pair_seeds": {f"{p}-{q}": drawn(f"{p}-{q}") for p, q in combinations(parties, 2)},
        "private_seeds": {p: drawn(p) for p in parties},
    }


def described(error: MpcstatsError) -> dict[str, str]:
    """Class of the error, the party that it names and the step, if it does, and its words."""
    found = {"error": type(error).__name__}
    if isinstance(error, PeerFault):
        return {**found, "names": error.party, "step": error.step, "reason": error.reason}
    return {**found, "reason": str(error)}
