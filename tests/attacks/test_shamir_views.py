"""What t parties and a recipient see on engine shamir: uniform words, and of an opening the value alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from tests.attacks.test_views import received, suspicious
from tests.chisquare import limit

from mpcstats.algebra import bits as slicing
from mpcstats.engines.shamir import Shamir
from mpcstats.protocols.cells import Behind, Cells
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Message, Session, Words
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")
MANY = 1 << 17


def test_every_message_of_a_gate_before_it_opens_looks_uniform() -> None:
    engine = Shamir(TRIO)

    async def body(session: Session) -> None:
        count = 64  # no padding bits
        own = np.full((2, count), 7, dtype=np.uint64) if session.me == "y" else None
        both = await engine.share(session.narrow("in"), own, owner="y", shape=(2, count))
        cells = Cells(count, (both[0].flat(),), both[1].flat(), (Behind(),))
        await gate(session.narrow("gate"), engine, cells, Rules(5), to=("y",))

    seen = received((*TRIO, "y"), body)
    assert len(seen) > 30
    # What is opened is the same in every run, and so is a share's digest only where the share is.
    assert suspicious({name: p for name, p in seen.items() if "/open/" not in name[2]}) == []


def shares_without_masks() -> Any:
    """Negative control: a dealer whose streams say nothing."""

    class Quiet(Shamir):
        async def share(self, session: Session, values: Any, *, owner: str, shape: Any) -> Any:
            if session.me == owner:
                await session.exchange(send={"b": values})
            elif session.me == "b":
                await session.exchange(receive={owner: shape})
            return await super().share(session.narrow("in"), values, owner=owner, shape=shape)

    return Quiet


def test_a_value_in_plain_is_seen() -> None:
    engine = shares_without_masks()(TRIO)

    async def body(session: Session) -> None:
        own = np.array([41], dtype=np.uint64) if session.me == "a" else None
        await engine.share(session.narrow("x"), own, owner="a", shape=(1,))

    assert suspicious(received(TRIO, body)) == [("a", "b", "run/x#0")]


def views(x: int, y: int, seat: str) -> Counter[tuple[int, ...]]:
    """Of MANY openings of x xor y to y-z: the two shares of `seat`, and the share that another party opens."""
    engine = Shamir(TRIO)
    sent: list[Words] = []

    def listen(message: Message) -> Message:
        if "/open" in message.step and message.sender != seat and message.payload.size > 4:
            sent.append(message.payload.copy())
        return message

    async def body(session: Session) -> list[Words]:
        shares = []
        for name, bit in (("x", x), ("y", y)):
            own = np.zeros((1, MANY // 64), dtype=np.uint64) - np.uint64(bit)
            given = own if session.me == "a" else None
            shares.append(
                await engine.share_bits(
                    session.narrow(name), given, owner="a", length=MANY, width=1
                )
            )
        step = session.narrow("open")
        await engine.reveal_bits(step, shares[0] ^ shares[1], leak="test", to=("c",))
        return [np.stack(s.parts).reshape(4, -1) for s in shares]

    own = run_together(TRIO, body, tamper=listen).results[seat]
    columns = [_elements(words) for words in (*own, sent[0].reshape(4, -1))]
    return Counter(zip(*(c.tolist() for c in columns), strict=True))


def _elements(parts: Words) -> Words:
    """Elements of GF(16) from 0 to 15."""
    rows = np.stack([slicing.unpack(part, MANY) for part in parts])
    return np.asarray((rows << np.arange(4, dtype=np.uint64)[:, None]).sum(axis=0))


def far_apart(one: Counter[tuple[int, ...]], other: Counter[tuple[int, ...]]) -> bool:
    """Whether two samples of one size are of two laws, by the two-sample test of chi-square."""
    classes = set(one) | set(other)
    found = sum((one[c] - other[c]) ** 2 / (one[c] + other[c]) for c in classes)
    return found > limit(max(1, len(classes) - 1))


def test_an_opening_tells_a_party_and_the_recipient_the_sum_alone() -> None:
    # c, who has a share of both, is told x xor y: 0 or 1. That is all that tells the two questions apart.
    assert not far_apart(views(0, 1, "c"), views(1, 0, "c"))
    assert not far_apart(views(0, 0, "c"), views(1, 1, "c"))
    assert far_apart(views(0, 0, "c"), views(0, 1, "c"))  # negative control
