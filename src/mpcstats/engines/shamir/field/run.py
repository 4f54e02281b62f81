"""A program of MPyC as a coroutine of the session: each of its messages is an exchange at a step of its own.

MPyC labels a message with a program counter that all parties compute alike; sender and counter name the step. So the
session holds every message to the size that its receiver computed, refuses a second one, and meets a lost peer by
its transport's fault. What a peer sends becomes numbers below p, or a PeerFault; there is no other reader.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import combinations
from typing import Any, Generic, TypeVar

from mpcstats.engines.shamir.field.library import bound
from mpcstats.engines.shamir.field.runtime import FieldRuntime, Keys, Letter, Wanted
from mpcstats.engines.shamir.field.sharing import decode
from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Session, parallel
from mpcstats.session.messages import WORD_BYTES

T = TypeVar("T")
Body = Callable[[FieldRuntime], Coroutine[Any, Any, T]]

KEY_WORDS = 2  # 128 bits


async def run(session: Session, compute: tuple[str, ...], t: int, body: Body[T]) -> T:
    """What `body` returns, run by MPyC at this party, one of `compute`, of which t may be corrupted.

    `body` awaits nothing but MPyC. Raises InternalError if it waits for what nobody sends, PeerFault for an element
    out of range, and what the session and `body` raise.
    """
    keys = await _dealt_keys(session.narrow("keys"), compute, t)
    runtime = FieldRuntime(
        compute.index(session.me), len(compute), t, keys, session.narrow("shares").private()
    )
    return await _Run(session.narrow("field"), compute, runtime, body).result()


async def _dealt_keys(session: Session, compute: tuple[str, ...], t: int) -> Keys:
    """For each n - t parties a key that they alone know, drawn by the first of them, fresh at every step.

    Cramer, Damgard, Ishai, Share conversion, pseudorandom secret-sharing and applications, TCC 2005.
    """
    n, me = len(compute), compute.index(session.me)
    subsets = list(combinations(range(n), n - t))
    own = [subset for subset in subsets if subset[0] == me]
    drawn = session.private().words(len(own), KEY_WORDS)
    words = {subset: drawn[i] for i, subset in enumerate(own)}

    def common(leader: int, member: int) -> list[tuple[int, ...]]:
        return [s for s in subsets if s[0] == leader and member in s and leader != member]

    shared_with = {peer: common(me, peer) for peer in range(n)}
    led_by = {peer: common(peer, me) for peer in range(n)}
    arrived = await session.exchange(
        send={
            compute[peer]: drawn[[own.index(s) for s in found]]
            for peer, found in shared_with.items()
            if found
        },
        receive={compute[peer]: (len(found), KEY_WORDS) for peer, found in led_by.items() if found},
    )
    for peer, found in led_by.items():
        words |= {s: arrived[compute[peer]][i] for i, s in enumerate(found)}
    return {
        subset: key.astype("<u8").tobytes()[: KEY_WORDS * WORD_BYTES]
        for subset, key in words.items()
    }


class _Run(Generic[T]):
    """MPyC's side of one run: steps its loop, sends what it has posted, and waits for each message by itself."""

    def __init__(
        self, session: Session, compute: tuple[str, ...], runtime: FieldRuntime, body: Body[T]
    ) -> None:
        self._session = session
        self._compute = compute
        self._runtime = runtime
        self._body = body

    async def result(self) -> T:
        """The body's result, once no message is awaited any more."""
        loop = self._runtime.loop
        try:
            with bound(self._runtime):
                task = loop.start(self._body(self._runtime))
            await self._proceed()
            if not task.done():
                raise InternalError("expected the program to end, it waits for what nobody sends")
            return task.result()
        finally:
            with bound(self._runtime):
                loop.close()

    async def _proceed(self) -> None:
        """Compute until everything waits; send; then wait for each awaited message in a branch of its own.

        In branches, because one message may let another be computed that a peer needs before it sends the next.
        """
        with bound(self._runtime):
            self._runtime.loop.settle()
        while self._runtime.outbox:
            await self._send(self._runtime.outbox.popleft())
        branches = []
        while self._runtime.wanted:
            branches.append(self._receive(self._runtime.wanted.popleft()))
        if branches:
            await parallel(*branches)

    async def _send(self, letter: Letter) -> None:
        step = self._step(self._runtime.pid, letter.counter)
        await step.exchange(
            send={self._compute[peer]: words for peer, words in letter.words.items()}
        )

    async def _receive(self, wanted: Wanted) -> None:
        step = self._step(wanted.sender, wanted.counter)
        sender = self._compute[wanted.sender]
        words = (await step.exchange(receive={sender: wanted.size}))[sender]
        values = decode(words, wanted.p)
        if values is None:
            raise PeerFault(
                sender, step.step, "expected elements of the field, got one out of range"
            )
        with bound(self._runtime):
            wanted.future.set_result(values)
        await self._proceed()

    def _step(self, sender: int, counter: int) -> Session:
        # A counter that comes twice is refused by narrow, as a step that has been taken.
        return self._session.narrow(f"{self._compute[sender]}-{counter % (1 << 64):016x}")
