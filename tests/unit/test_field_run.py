"""MPyC behind the session: many parties in one thread, runs in two threads, and what a peer's bytes may do."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpcstats.engines.shamir.field import sharing
from mpcstats.engines.shamir.field.circuit import Shares, Tally
from mpcstats.engines.shamir.field.digits import negative, products, random_bits, rounded
from mpcstats.engines.shamir.field.library import Runtime, finfields
from mpcstats.engines.shamir.field.loop import StepLoop
from mpcstats.engines.shamir.field.prime import prime_of
from mpcstats.engines.shamir.field.run import run
from mpcstats.engines.shamir.field.runtime import FieldRuntime
from mpcstats.errors import InternalError, PeerFault, TransportFault
from mpcstats.session import Message, Session, Stream, private_stream
from mpcstats.testing import Outcome, Tamper, run_together

NAMES = tuple("abcdefghij")
P = prime_of(150)
NUMBERS = (5, 2**60 - 3, 0, 12)
Body = Callable[[FieldRuntime, list[Any]], Any]


def together(
    n: int, body: Body, numbers: Sequence[int] = NUMBERS, tamper: Tamper | None = None
) -> Outcome[Any]:
    """Each party's result of `body`, which gets its shares of `numbers`."""
    names, t = NAMES[:n], (n - 1) // 2
    dealt = sharing.split(numbers, t=t, n=n, p=P, stream=private_stream())

    async def party(session: Session) -> Any:
        async def own(rt: FieldRuntime) -> Any:
            return await body(rt, Shares(rt, P).of(dealt[names.index(session.me)]))

        return await run(session, names, t, own)

    return run_together(names, party, tamper=tamper)


async def squares(rt: FieldRuntime, x: list[Any]) -> list[int]:
    circuit = Shares(rt, P)
    return await circuit.opened(await products(circuit, [(a, a) for a in x]))


async def many_at_once(rt: FieldRuntime, x: list[Any]) -> list[int]:
    """Coroutines of MPyC's own that run side by side, so that messages of many steps are under way."""
    number = rt.SecInt(64, P)
    a, b, c, d = (number(e) for e in x)
    found = [a < b, c == 0, a * b, rt.max(a, c, d), a * a * a - d]
    return [int(value) for value in [await rt.output(z) for z in found]]


@pytest.mark.parametrize("n", [3, 4, 5, 7, 10])
def test_interleaved_parties_compute_what_they_should(n: int) -> None:
    found = together(n, squares).results
    assert all(result == [x * x % P for x in NUMBERS] for result in found.values())


@pytest.mark.parametrize("n", [3, 4, 5])
def test_programs_of_mpyc_run_as_they_are(n: int) -> None:
    found = together(n, many_at_once).results
    a, b, _, d = NUMBERS
    assert all(result == [1, 1, a * b, d, a**3 - d] for result in found.values())


def test_two_threads_have_a_runtime_each() -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(together, n, many_at_once) for n in (3, 5) * 2]
        found = [run.result().results["a"] for run in runs]
    assert len({tuple(result) for result in found}) == 1


def test_a_run_inside_somebody_elses_event_loop() -> None:
    async def outer() -> Any:
        found = together(3, squares).results["a"]
        await asyncio.sleep(0)
        return found

    assert asyncio.run(outer()) == [x * x % P for x in NUMBERS]


def test_masks_are_drawn_anew_for_every_run() -> None:
    async def masks(rt: FieldRuntime, x: list[Any]) -> list[int]:
        return await Shares(rt, P).opened(Shares(rt, P).uniform(2))

    first, second = (together(3, masks).results["a"] for _ in range(2))
    assert len({*first, *second}) == 4


# what a peer's bytes may do


def trap(path: Path) -> bytes:
    """A pickle that makes a file when it is read."""

    class Trap:
        def __reduce__(self) -> Any:
            return (open, (str(path), "w"))

    return pickle.dumps(Trap())


def poisoned(data: bytes, position: int) -> Tamper:
    """The message at `position` has `data` over and over instead, in as many words."""
    seen = [0]

    def tamper(message: Message) -> Message:
        seen[0] += 1
        if seen[0] != position + 1:
            return message
        size = message.payload.size * 8
        words = np.frombuffer((data * (size // len(data) + 1))[:size], dtype=np.uint64)
        return Message(message.sender, message.receiver, message.step, words)

    return tamper


async def short(rt: FieldRuntime, x: list[Any]) -> list[int]:
    """Every kind of message: products, masks, openings."""
    circuit = Shares(rt, P)
    bits = await random_bits(circuit, 2)
    return await circuit.opened([bits[0] * 2 + 1, *await products(circuit, [(x[0], x[1])])])


def test_no_pickle_is_read_at_any_message(tmp_path: Path) -> None:
    path = tmp_path / "made"
    messages = together(3, short).traffic.messages
    assert messages > 20
    for position in range(messages):
        with suppress(PeerFault, InternalError):  # or a wrong result: nobody can tell
            together(3, short, tamper=poisoned(trap(path), position))
        assert not path.exists(), position


def test_the_trap_works(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        pickle.loads(trap(tmp_path / "made"))  # noqa: S301
    assert (tmp_path / "made").exists()


def test_every_method_of_mpyc_that_reads_pickles_is_replaced() -> None:
    def readers(kind: Any) -> set[str]:
        return {name for name in dir(kind) if "pickle" in names_in(getattr(kind, name, None))}

    assert readers(Runtime) == {"_distribute", "output", "_reshare", "transfer"}
    assert readers(FieldRuntime) == set()


def names_in(value: Any) -> set[str]:
    """Global names that a function uses, and those within it."""
    code = getattr(getattr(value, "__wrapped__", value), "__code__", None)
    within = (getattr(constant, "co_names", ()) for constant in getattr(code, "co_consts", ()))
    return {*getattr(code, "co_names", ()), *chain.from_iterable(within)}


@pytest.mark.parametrize("name", ["_distribute", "transfer", "start", "_send_message"])
def test_other_ways_to_a_peer_are_refused(name: str) -> None:
    async def body(rt: FieldRuntime, x: list[Any]) -> Any:
        return getattr(rt, name)(1)

    with pytest.raises(InternalError, match="reshare and to open only"):
        together(3, body)


def test_arrays_are_refused() -> None:
    async def body(rt: FieldRuntime, x: list[Any]) -> Any:
        field = finfields.GF(P)
        return await rt.output(field.array(np.array([1, 2], dtype=object)))

    with pytest.raises(InternalError, match="elements of a prime field"):
        together(3, body)


def beyond(message: Message) -> Message:
    if "field" not in message.step:
        return message
    words = message.payload.copy()
    words[: sharing.width(P)] = np.uint64((1 << 64) - 1)
    return Message(message.sender, message.receiver, message.step, words)


def test_an_element_out_of_range_is_its_senders_fault() -> None:
    with pytest.raises(PeerFault, match="elements of the field, got one out of range") as caught:
        together(3, squares, tamper=beyond)
    assert caught.value.party in NAMES[:3]
    assert "/field/" in caught.value.step


@pytest.mark.parametrize("words", [-1, 1])
def test_a_message_of_another_length_is_its_senders_fault(words: int) -> None:
    def tamper(message: Message) -> Message:
        if message.sender != "b" or "field" not in message.step:
            return message
        payload = np.resize(message.payload, message.payload.size + words)
        return Message(message.sender, message.receiver, message.step, payload)

    with pytest.raises(PeerFault, match=r"^b at .*expected 12 words") as caught:
        together(3, squares, tamper=tamper)
    assert caught.value.party == "b"


def test_a_peer_that_falls_silent_is_named() -> None:
    def tamper(message: Message) -> Message | None:
        return None if message.sender == "c" and "field" in message.step else message

    with pytest.raises(TransportFault) as caught:
        together(3, squares, tamper=tamper)
    assert caught.value.party == "c"


def test_a_body_that_waits_for_nobody_is_an_error() -> None:
    async def body(rt: FieldRuntime, x: list[Any]) -> Any:
        return await rt.loop.create_future()

    with pytest.raises(InternalError, match="waits for what nobody sends"):
        together(3, body)


# what MPyC would do with a number that is too long


def test_mpyc_opens_a_wrong_number_for_one_that_is_too_long() -> None:
    """The reason why bounds are checked before: the bits of a 64-bit type are wrong for 2^70, and nothing is said."""

    async def body(rt: FieldRuntime, x: list[Any]) -> Any:
        number = rt.SecInt(64, P)
        return [int(v) for v in await rt.output(rt.to_bits(number(x[0])))]

    bits = together(3, body, [2**70 + 5]).results["a"]
    assert sum(bit << i for i, bit in enumerate(bits)) == 5


# the pieces


@pytest.mark.parametrize(("n", "t"), [(3, 1), (4, 1), (7, 3), (10, 4)])
def test_shares_are_those_of_one_polynomial(n: int, t: int) -> None:
    secrets = [0, 1, P - 1, 17]
    shares = sharing.split(secrets, t=t, n=n, p=P, stream=Stream(bytes(16)))
    for first in range(n - t):
        some = {i: shares[i] for i in range(first, first + t + 1)}
        assert sharing.combine(some, P) == secrets
    every = dict(enumerate(shares))
    assert sharing.agree(every, t, P)
    assert not sharing.agree(every, t - 1, P)
    every[n - 1] = [shares[n - 1][0] ^ 1, *shares[n - 1][1:]]
    assert not sharing.agree(every, t, P)


def test_elements_are_words_of_fixed_width() -> None:
    values = [0, 1, P - 1]
    words = sharing.encode(values, P)
    assert words.size == 3 * sharing.width(P) == 9
    assert sharing.decode(words, P) == values
    assert sharing.decode(sharing.encode([P], 1 << 150), P) is None


def test_uniform_elements_are_spread_over_the_field() -> None:
    drawn = sharing.uniform(Stream(b"k" * 16), 2000, P)
    counts = np.bincount([value * 8 // P for value in drawn], minlength=8)
    assert counts.min() > 190
    assert max(drawn) < P


@pytest.mark.parametrize("bits", [2, 3, 9, 64])
def test_signs_and_roundings(bits: int) -> None:
    most = 1 << bits - 1
    numbers = [0, 1, -1, most - 1, -most, most // 2]

    async def body(rt: Any, x: list[Any]) -> list[int]:
        circuit = Shares(rt, P)
        below = await negative(circuit, x, bits)
        halves = await rounded(circuit, x, drop=1, bits=bits)
        return await circuit.opened([*below, *halves])

    found = together(3, body, [number % P for number in numbers]).results["b"]
    assert found[: len(numbers)] == [int(number < 0) for number in numbers]
    for number, half in zip(numbers, found[len(numbers) :], strict=True):
        assert (half - number // 2) % P in (0, number % 2)


def test_a_tally_computes_the_same_in_the_clear() -> None:
    tally = Tally(P)
    body = negative(tally, [3, -3 % P, 0], 10)
    with pytest.raises(StopIteration) as ended:
        body.send(None)
    assert [bit % P for bit in ended.value.value] == [0, 1, 0]
    assert (tally.rounds, tally.openings) == (8, 33)


def test_the_loop_runs_what_is_ready_and_returns() -> None:
    loop, seen = StepLoop(), []

    async def body() -> int:
        seen.append(await waited)
        return 7

    waited = loop.create_future()
    task = loop.start(body())
    loop.settle()
    assert not task.done()
    waited.set_result(3)
    loop.settle()
    assert (seen, task.result()) == ([3], 7)
    stuck = loop.start(body_that_waits(loop))
    loop.settle()
    loop.close()
    assert stuck.cancelled()


async def body_that_waits(loop: StepLoop) -> None:
    await loop.create_future()
