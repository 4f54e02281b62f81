"""A party's side of a run as a machine without input or output: what it sends, what it waits for, its result.

A driver (transport.lockstep, transport.tls) starts a program, carries the messages of its outbox to their
receivers, and delivers what arrives. The program resumes each branch as soon as all that the branch waits for
is there, so parallel branches share their rounds and no branch can block another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from types import coroutine
from typing import Any, Generic, TypeVar, cast

from mpcstats.errors import InternalError, PeerFault
from mpcstats.session.messages import Message, Words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a branch asks of its driver: send these messages, resume me when all awaited ones are here."""

    step: str
    send: tuple[Message, ...]
    receive: Mapping[str, int]  # sender -> words


@dataclass(frozen=True, slots=True)
class Fork:
    """What `parallel` asks: run these branches, resume me with their results."""

    branches: tuple[Coroutine[Any, Any, Any], ...]


@coroutine
def ask(request: Exchange | Fork) -> Generator[Exchange | Fork, Any, Any]:
    """Hand `request` to the program that drives this coroutine; the answer is the await's value."""
    return (yield request)


@dataclass(slots=True, eq=False)
class _Branch:
    body: Coroutine[Any, Any, Any]
    parent: _Branch | None = None
    slot: int = 0
    children: list[Any] = field(default_factory=list)  # results of forked branches, by slot
    open_children: int = 0
    step: str = ""
    missing: int = 0
    received: dict[str, Words] = field(default_factory=dict)


class Program(Generic[T]):
    """Drives `body`, the coroutine of one party. Not thread-safe: one driver, one thread."""

    def __init__(self, me: str, body: Coroutine[Any, Any, T]) -> None:
        self.me = me
        self.outbox: deque[Message] = deque()
        self._ready: deque[tuple[_Branch, Any]] = deque()
        self._waiting: dict[tuple[str, str], tuple[_Branch, int]] = {}
        self._early: dict[tuple[str, str], Words] = {}
        self._seen: set[tuple[str, str]] = set()
        self._root = _Branch(cast("Coroutine[Any, Any, Any]", body))
        self._result: list[T] = []
        self._branches: list[_Branch] = [self._root]
        self._ready.append((self._root, None))

    @property
    def finished(self) -> bool:
        """Whether the body has returned."""
        return bool(self._result)

    @property
    def result(self) -> T:
        """What the body returned. Raises InternalError before it has."""
        if not self._result:
            raise InternalError("expected a finished program, got one that still waits")
        return self._result[0]

    @property
    def awaited(self) -> dict[tuple[str, str], int]:
        """The messages this program waits for: (sender, step) -> words."""
        return {name: size for name, (_, size) in self._waiting.items()}

    def expects(self, sender: str, step: str) -> int | None:
        """Words of the message that is awaited from `sender` at `step`; None if none is awaited now."""
        waiting = self._waiting.get((sender, step))
        return None if waiting is None else waiting[1]

    def step(self) -> bool:
        """Run the branch that has been ready for longest until it asks for something; False if none is ready.

        A driver that empties the outbox after each step sends one branch's messages while the next computes.
        """
        if not self._ready:
            return False
        branch, value = self._ready.popleft()
        self._resume(branch, value)
        return True

    def advance(self) -> None:
        """Run every branch that can run, until all wait or the body has returned."""
        while self.step():
            pass

    def deliver(self, sender: str, step: str, payload: Words) -> None:
        """Take in one message. Raises PeerFault if it has another length than expected, or comes twice."""
        name = (sender, step)
        if name in self._seen:
            raise PeerFault(sender, step, "expected one message at this step, got a second one")
        self._seen.add(name)
        if name in self._waiting:
            self._accept(name, payload)
        else:
            self._early[name] = payload

    def close(self) -> None:
        """End all branches; used when the run has failed."""
        for branch in reversed(self._branches):
            branch.body.close()
        self._branches.clear()
        self._waiting.clear()
        self._ready.clear()

    def _accept(self, name: tuple[str, str], payload: Words) -> None:
        branch, size = self._waiting.pop(name)
        sender, step = name
        if payload.ndim != 1 or payload.size != size:
            raise PeerFault(sender, step, f"expected {size} words, got {payload.size}")
        branch.received[sender] = payload
        branch.missing -= 1
        if branch.missing == 0:
            self._ready.append((branch, branch.received))

    def _resume(self, branch: _Branch, value: Any) -> None:
        try:
            request = branch.body.send(value)
        except StopIteration as stop:
            self._finish(branch, stop.value)
            return
        if isinstance(request, Fork):
            self._fork(branch, request)
        elif isinstance(request, Exchange):
            self._exchange(branch, request)
        else:
            raise InternalError(
                f"expected an exchange, got {type(request).__name__}: await nothing else"
            )

    def _finish(self, branch: _Branch, value: Any) -> None:
        self._branches.remove(branch)
        parent = branch.parent
        if parent is None:
            self._result.append(value)
            return
        parent.children[branch.slot] = value
        parent.open_children -= 1
        if parent.open_children == 0:
            self._ready.append((parent, parent.children))

    def _fork(self, branch: _Branch, request: Fork) -> None:
        branch.children = [None] * len(request.branches)
        branch.open_children = len(request.branches)
        if not request.branches:
            self._ready.append((branch, []))
        for slot, body in enumerate(request.branches):
            child = _Branch(body, parent=branch, slot=slot)
            self._branches.append(child)
            self._ready.append((child, None))

    def _exchange(self, branch: _Branch, request: Exchange) -> None:
        self.outbox.extend(request.send)
        branch.received = {}
        branch.missing = len(request.receive)
        if not request.receive:
            self._ready.append((branch, branch.received))
        for sender, size in request.receive.items():
            name = (sender, request.step)
            if name in self._waiting:
                raise InternalError(f"step {request.step} is used by two branches at once")
            self._waiting[name] = (branch, size)
            if name in self._early:
                self._accept(name, self._early.pop(name))
