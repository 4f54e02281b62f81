"""The initiator's side of the talk before a run: each other party is asked, prepares, and hears go or stop.

initiator -> party    question (label, question, papers)
party -> initiator    working ... ready (terms, left_out) | refused (reasons) | unable | busy
initiator -> party    differ (terms) | wait ... go | stop
party -> initiator    done (what it took)      after the run
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mpcstats.errors import (
    Disagreement,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
)
from mpcstats.party.compile import Papers
from mpcstats.party.node import Spent
from mpcstats.party.question import Question
from mpcstats.transport.control import Control, dial
from mpcstats.transport.handshake import differing
from mpcstats.transport.identity import Identity, Peer

STEP = "invitation"
LINES = 100  # reasons of a refusal that are read
LENGTH = 2000  # characters of each
SUPPRESSED = "suppressed"


@dataclass(slots=True)
class _Guest:
    """The conversation with one party; only its own thread touches `control` while it runs."""

    control: Control | None = None
    done: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int | str] = field(default_factory=dict)


class Invitations:
    """Conversations with `peers` about one run. A context manager; leaving it by an error says stop to all."""

    def __init__(
        self, me: Identity, peers: Sequence[Peer], *, silence: float, terms: Mapping[str, str]
    ) -> None:
        self._me = me
        self._peers = tuple(peers)
        self._silence = silence
        self._terms = dict(terms)
        self._guests = {peer.name: _Guest() for peer in peers}
        self._decided = threading.Event()
        self._over = threading.Event()  # this party's own part of the run
        self._word = "stop"
        self._pool = ThreadPoolExecutor(max(1, len(self._peers)), "mpcstats-invite")
        self._talks: dict[str, Future[None]] = {}
        self._ready = {peer.name: threading.Event() for peer in peers}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._word = "stop"
        self._decided.set()
        self._over.set()
        self._pool.shutdown(wait=True)
        for guest in self._guests.values():
            if guest.control is not None:
                guest.control.close()

    def ask(
        self,
        label: str,
        question: Question,
        papers: Papers = (),
        *,
        more: Mapping[str, str] | None = None,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Ask everybody; returns when all are ready. `more` is what a request of another kind says beside.

        Raises PolicyRefused, Disagreement (another plan), PeerFault and TransportFault of the first who is not.
        """
        request = {
            "kind": "question",
            "label": label,
            "question": question.to_json(),
            "papers": [paper.to_json() for paper in papers],
            **({} if more is None else more),
        }
        for peer in self._peers:
            self._talks[peer.name] = self._pool.submit(self._talk, peer, request, on_step)
        for name, ready in self._ready.items():
            while not ready.wait(0.1):
                failed = [t for t in self._talks.values() if t.done() and t.exception()]
                if failed or self._talks[name].done():
                    self._raise_first()

    def go(self) -> None:
        """Everybody begins."""
        self._word = "go"
        self._decided.set()

    def collect(self) -> tuple[Mapping[str, Mapping[str, int]], tuple[str, ...]]:
        """After the run: what each party says it took, and in words who says nothing; the answer is there already."""
        self._over.set()
        wait(self._talks.values())
        faults = [talk.exception() for talk in self._talks.values()]
        for fault in faults:
            if fault is not None and not isinstance(fault, MpcstatsError):
                raise fault
        figures = {name: guest.done for name, guest in self._guests.items() if guest.done}
        return figures, tuple(str(fault) for fault in faults if fault is not None)

    @property
    def left_out(self) -> Mapping[str, Mapping[str, int | str]]:
        """By party and dataset, how many persons do not consent, as far as that may be known."""
        return {name: guest.left_out for name, guest in self._guests.items()}

    def _raise_first(self) -> None:
        for talk in self._talks.values():
            if talk.done() and (error := talk.exception()) is not None:
                raise error

    def _talk(self, peer: Peer, request: Mapping[str, Any], on_step: Callable[[str], None]) -> None:
        guest = self._guests[peer.name]
        guest.control = control = dial(self._me, peer, silence=self._silence)
        control.send(request)
        if not self._await_ready(control, guest):
            return
        on_step(f"{peer.name} is ready")
        self._ready[peer.name].set()
        while not self._decided.wait(self._silence / 4):
            control.send({"kind": "wait"})
        control.send({"kind": self._word})
        if self._word == "go":
            self._over.wait()
        if self._word == "go":  # else the run has failed, and the mesh has told everybody
            guest.done = _await_done(control, self._silence)

    def _compare(self, control: Control, theirs: object) -> None:
        """Raises Disagreement if the party has another plan; it is told what differs, too."""
        try:
            check_plan(control.peer, self._terms, theirs)
        except Disagreement:
            quietly(control, {"kind": "differ", "terms": self._terms})
            raise

    def _await_ready(self, control: Control, guest: _Guest) -> bool:
        """Whether the party has become ready; False if the run was called off while it still worked."""
        peer = control.peer
        while True:
            said = control.receive(self._silence)
            match said.get("kind"):
                case "working" if self._decided.is_set():
                    control.send({"kind": self._word})
                    return False
                case "working":
                    continue
                case "ready":
                    self._compare(control, said.get("terms"))
                    guest.left_out = _left_out(peer, said.get("left_out"))
                    return True
                case "refused":
                    raise PolicyRefused(peer, _reasons(peer, said.get("reasons")))
                case "unable":
                    raise TransportFault(
                        peer, "cannot take part: its own log says what is wrong with its files"
                    )
                case "busy":
                    raise TransportFault(peer, "is busy with another question: try again later")
                case _:
                    raise PeerFault(
                        peer, STEP, "expected an answer to the question, got another object"
                    )


def check_plan(peer: str, mine: Mapping[str, str], theirs: object) -> None:
    """Raises Disagreement, with every term that differs, if `peer` has another plan; PeerFault for no terms.

    Terms that differ with one and the same plan are found in the handshake, by every party at once.
    """
    listed = differing(peer, STEP, mine, theirs)
    if isinstance(theirs, Mapping) and theirs.get("plan") != mine.get("plan"):
        raise Disagreement(
            peer, STEP, f"expected the same plan as here, got another one; what differs: {listed}"
        )


def _left_out(peer: str, said: object) -> dict[str, int | str]:
    """How many persons of its datasets the party has left out: numbers, or suppressed."""
    found = said if isinstance(said, dict) else {"": None}
    for name, count in found.items():
        known = isinstance(name, str) and name.isprintable() and len(name) <= LENGTH
        if not known or not (count == SUPPRESSED or (type(count) is int and count >= 0)):
            raise PeerFault(
                peer, STEP, "expected how many persons were left out, got another object"
            )
    return dict(found)


def _await_done(control: Control, silence: float) -> dict[str, int]:
    """The figures of a party that has finished."""
    said = control.receive(silence)
    figures = {name: number for name, number in said.items() if name != "kind"}
    numbers = all(type(number) is int and 0 <= number < 1 << 63 for number in figures.values())
    if said.get("kind") != "done" or set(figures) != set(Spent.__slots__) or not numbers:
        raise PeerFault(control.peer, STEP, "expected the figures of the run")
    return figures


def _reasons(peer: str, reasons: object) -> tuple[str, ...]:
    if not isinstance(reasons, list) or not 0 < len(reasons) <= LINES:
        raise PeerFault(peer, STEP, "expected the reasons of a refusal")
    if not all(isinstance(r, str) and r.isprintable() and len(r) <= LENGTH for r in reasons):
        raise PeerFault(peer, STEP, "expected the reasons of a refusal as text")
    return tuple(reasons)


def quietly(control: Control, said: Mapping[str, Any]) -> None:
    """Say it if the other side is still there."""
    with contextlib.suppress(MpcstatsError):
        control.send(said)
