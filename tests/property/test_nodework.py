"""What the planner says that an expression costs is not less than what protocols.derive says, nor many times more."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.property.test_interval import COLUMNS, flags, numbers

from mpcstats.errors import InternalError
from mpcstats.plan.nodework import Form, NodeWork
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference
from mpcstats.plan.work import Work
from mpcstats.protocols import expression
from mpcstats.protocols.derive_cost import cost
from mpcstats.protocols.forms import Given

ROWS = (1, 100, 5_000)


def protocols_node(node: Node) -> expression.Node:
    match node:
        case Reference(name=name):
            return expression.Column(name)
        case Number(value=value):
            return expression.Number(value)
        case Null():
            return expression.Null()
        case Call(op=op, args=args):
            return expression.Call(op, tuple(map(protocols_node, args)))


def both(
    nodes: Sequence[Node], forms: dict[str, Form], rows: int, columns: dict[str, Column] = COLUMNS
) -> tuple[NodeWork, Work, dict[str, int]]:
    """The planner's figures, and the protocol's by the same names."""
    planned = NodeWork(columns, forms, rows)
    work = planned.of(nodes, None)
    given_columns = {
        name: Given(
            expression.Bounds(c.minimum, c.maximum, c.nullable),
            forms[name] == "number",
            forms[name] == "bits",
        )
        for name, c in columns.items()
    }
    found = cost(list(map(protocols_node, nodes)), given_columns, rows=rows)
    figures = {
        "ands": found.ands,
        "words": found.numbers,
        "put_in": found.upper,
        "halves": found.halves,
        "rounds": found.rounds,
    }
    assert found.opened == 64 * found.halves
    assert len(found.divisions) <= len(planned.divisions)
    return planned, work, figures


@settings(max_examples=300)
@given(
    st.lists(st.one_of(numbers(3), flags(2)), min_size=1, max_size=3),
    st.fixed_dictionaries({name: st.sampled_from(("number", "bits")) for name in COLUMNS}),
    st.sampled_from(ROWS),
)
def test_no_figure_is_too_small(nodes: list[Node], forms: dict[str, Form], rows: int) -> None:
    try:
        _, work, found = both(nodes, forms, rows)
    except InternalError:
        assume(False)
    # A bit row a row costs a 64th of a number: what is said of one may be sent as the other.
    said = 64 * work.words + work.ands + work.put_in + 128 * work.halves
    sent = 64 * found["words"] + found["ands"] + found["put_in"] + 128 * found["halves"]
    assert sent <= said, (work, found)
    assert found["rounds"] <= work.rounds, (work, found)


NUMBERS: dict[str, Form] = dict.fromkeys(COLUMNS, "number")
USUAL: Sequence[Node] = (
    Call("lt", (Reference("a"), Number(3))),
    Call("le", (Reference("a"), Reference("b"))),
    Call("if", (Call("lt", (Reference("a"), Number(0))), Reference("b"), Number(0))),
    Call("least", (Reference("a"), Reference("b"))),
    Call("mul", (Reference("a"), Reference("b"))),
    Call("and", (Call("isnull", (Reference("a"),)), Call("eq", (Reference("b"), Number(2))))),
    Call("coalesce", (Call("within", (Reference("a"), Number(-5), Number(90))), Number(1))),
)


def test_figures_of_usual_expressions_are_close() -> None:
    """Negative control: a bound that were always large would hold too."""
    for node in USUAL:
        _, work, found = both([node], NUMBERS, 5_000)
        said = 64 * work.words + work.ands + work.put_in + 128 * work.halves
        sent = 64 * found["words"] + found["ands"] + found["put_in"] + 128 * found["halves"]
        assert sent <= said <= 2.5 * sent + 32, (node, work, found)
    _, work, found = both([Reference("a")], NUMBERS, 5_000)
    assert work.nothing
    assert not any(found.values())
