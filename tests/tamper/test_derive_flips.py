"""Every message of small expressions flipped in turn: a wrong result or a fault of its opening, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests import dealt

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.derive import Value, derive, masked
from mpcstats.protocols.expression import Call, Column, Node, Number
from mpcstats.session import Message, Session
from mpcstats.testing import flipped, opened, run_together

TRIO = ("a", "b", "c")
X, Y = Column("x"), Column("y")
LESS: Node = Call("lt", (X, Y))
CASES: dict[str, list[Node]] = {
    "numbers": [Call("if", (LESS, Call("mul", (X, Y)), Number(9))), Call("mod", (X, Number(5)))],
    "rows": [Call("greatest", (X, Y)), Call("and", (LESS, Call("eq", (X, Number(3)))))],
    "divided": [Call("floordiv", (X, Y))],
}
RIGHT = {"numbers": [9, 18, 3, -1], "rows": [3, -3, 0, 0], "divided": [0, 2]}


async def play(session: Session, nodes: Sequence[Node], forms: str) -> list[int]:
    """Both rows of every value, opened to all: 0 where it is NULL."""
    engine = Rep3(TRIO)
    columns = {}
    for key, (name, values, known) in enumerate((("x", [3, -6], [1, 1]), ("y", [3, -3], [0, 1]))):
        numbers = np.array(values, dtype=np.int64)
        rows = (numbers + 7).astype(np.uint64)
        there = np.array(known, dtype=np.uint64)
        columns[name] = Value(
            -7,
            7,
            None if forms == "b" else dealt.numbers(session, TRIO, numbers.view(np.uint64), key),
            None if forms == "n" else dealt.bits(session, TRIO, rows, 4, key),
            None if all(known) else dealt.bits(session, TRIO, there, 1, key + 2),
        )
    derived = await derive(session.narrow("derive"), engine, nodes, columns, rows=2)
    shown: list[int] = []
    for i, value in enumerate(derived):
        step = session.narrow(f"value{i}")
        number = await masked(step.narrow("masked"), engine, value, None)
        shown += (await opened(step.narrow("open"), engine, number)).view(np.int64).tolist()
    assert {o.leak for o in session.openings} == {"test"}
    return shown


@pytest.mark.parametrize(("case", "forms"), [("numbers", "n"), ("rows", "b"), ("divided", "n")])
def test_a_flip_is_a_fault_or_a_wrong_result(case: str, forms: str) -> None:
    """Every message of the smaller ones, every fourth of a division."""
    honest = run_together(TRIO, lambda s: play(s, CASES[case], forms))
    assert set(map(tuple, honest.results.values())) == {tuple(RIGHT[case])}
    wrong, faults = 0, set()
    for target in range(0, honest.traffic.messages, 4 if case == "divided" else 1):
        seen: list[Message] = []

        def tamper(message: Message, target: int = target, seen: list[Message] = seen) -> Message:
            seen.append(message)
            return flipped(message) if len(seen) == target + 1 else message

        try:
            results = run_together(TRIO, lambda s: play(s, CASES[case], forms), tamper=tamper)
        except PeerFault as fault:
            faults.add("/open/" in fault.step)
            continue
        wrong += results.results != honest.results
    assert faults == {True}
    assert wrong >= 3
