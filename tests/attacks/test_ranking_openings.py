"""All bits that a batch of comparisons opens were asked for: what fills words up repeats the last pair."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3 import Rep3, ranking
from mpcstats.engines.share import Elements
from mpcstats.session import Message, Session, Words
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")


def opened_words(x: Words, y: Words, at: NDArray[np.intp] | None, width: int) -> Words:
    """What the three open together: the components that they send to one another, added up."""
    sent: list[Words] = []

    def watch(message: Message) -> Message:
        # P_(i-1) sends the component, P_(i+1) a digest of it.
        left = {"a": "c", "b": "a", "c": "b"}[message.receiver]
        if message.step.startswith("run/order/to-") and message.sender == left:
            sent.append(message.payload)
        return message

    async def body(session: Session) -> None:
        engine = Rep3(TRIO)

        async def put_in(owner: str, values: Words) -> Elements:
            rows = slicing.slice_bits(values, width) if session.me == owner else None
            shared = await engine.share_bits(
                session.narrow(owner), rows, owner=owner, length=values.size, width=width
            )
            return shared.elements()

        left, right = await put_in("a", x), await put_in("b", y)
        step = session.narrow("order")
        below = await engine.open_order(step, left, right, at, leak="shuffled-order")
        assert below is not None
        assert below.tolist() == (x < (y if at is None else y[at])).tolist()

    run_together(TRIO, body, tamper=watch)
    one, two, three = sent
    return one ^ two ^ three


def outcomes(words: Words) -> list[int]:
    """By element, N of them, as sort/spec.md lays them out: element s_0 N/2 + ... + s_4 N/32 + t N/64 + w."""
    n = 64 * words.size
    found = []
    for element in range(n):
        s = [(element * 2 ** (k + 1) // n) % 2 for k in range(6)]
        place = sum(2 ** (k + 1) * s[k] for k in range(5)) + s[5]
        found.append(int(words[element % words.size] >> np.uint64(place)) & 1)
    return found


def compared(n: int, width: int, *, places: bool) -> tuple[list[int], list[int]]:
    """Opened bits, and what they may be."""
    rng = np.random.default_rng(n + width)
    x = rng.integers(0, 2 ** (width - 1), n, dtype=np.uint64) * np.uint64(2)
    y = rng.integers(0, 2 ** (width - 1), n, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    at = rng.integers(0, n, n) if places else None
    wanted = (x < (y if at is None else y[at])).astype(int).tolist()
    wanted += wanted[-1:] * (-n % 64)
    return outcomes(opened_words(x, y, at, width)), wanted


@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize(("n", "width"), [(1, 9), (5, 21), (63, 7), (64, 64), (100, 2), (200, 13)])
def test_what_fills_words_up_repeats_the_last_pair(n: int, width: int, places: bool) -> None:
    found, wanted = compared(n, width, places=places)
    assert found == wanted


def test_other_filling_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: words are filled up with the first elements, so other pairs are compared."""

    def others(values: Words, more: int) -> Words:
        first = np.resize(values, (*values.shape[:-1], values.shape[-1] + more))
        return np.concatenate([values, first[..., :more]], axis=-1)

    monkeypatch.setattr(ranking, "_filled", others)
    found, wanted = compared(10, 21, places=False)
    assert found[:10] == wanted[:10]
    assert found != wanted
