"""Vectors of margins: tables with and without room, of one to three axes, and cells that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths
from tests.vectors.good import drawn, head, shared, shared_bits
from tests.vectors.plays import arith_of, bits_of, engine_of, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.margins import Margins, beside
from mpcstats.session import Session
from mpcstats.suppression.layout import Axis, Layout

PROTOCOL = "margins"
K = 5
Vector = dict[str, Any]


def layout_of(sizes: dict[str, Any]) -> Layout:
    """The table of a setting: `labels` and the groups of each axis, and what is left out."""
    axes = [
        Axis(labels, tuple(tuple(group) for group in groups))
        for labels, groups in zip(sizes["labels"], sizes["groups"], strict=True)
    ]
    return Layout(tuple(axes), frozenset(sizes["left_out"]))


def beside_one_another(
    title: str,
    about: str,
    labels: Sequence[int],
    persons: Sequence[int],
    amounts: Sequence[int] = (),
    *,
    room: bool = True,
    totals: bool = True,
    left_out: Sequence[int] = (),
    outside: Sequence[str] = (),
) -> tuple[str, Setting]:
    stream = drawn(f"margins {title}")
    sizes = {
        "labels": list(labels),
        "groups": [[list(range(n))] if totals else [] for n in labels],
        "left_out": list(left_out),
        "k": K,
        "percent": 10,
        "kinds": ["persons", "amount"][: 2 if amounts else 1],
    }
    layout = layout_of(sizes)
    columns = [
        layout.sums(np.array(row, dtype=np.int64)).tolist() for row in (persons, amounts) if row
    ]
    passes = [int(n >= K and bool(s)) for n, s in zip(columns[0], layout.shown, strict=True)]
    return title, {
        **head(PROTOCOL, title, about, outside),
        "roles": {},
        "sizes": sizes,
        "inputs": {
            "passes": shared_bits(passes, stream),
            "columns": [shared(column, stream) for column in columns],
            "plain": {"passes": passes, "columns": columns, "room": int(room)},
        },
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    small = [3, 40, 40, 40, 40, 40]
    made = [
        beside_one_another(
            "room", "one primary cell: a rectangle hides it, totals go out", (2, 3), small,
            [300, 5000, 4000, 3000, 2000, 1000],
        ),
        beside_one_another(
            "no_room", "the primary cell's neighbour has no person to spare: no total goes out",
            (2, 3), [3, 5, 40, 40, 40, 40], room=False,
        ),
        beside_one_another(
            "no_room_for_amounts", "persons have room, amounts do not", (2, 3), small,
            [300, 20, 4000, 3000, 20, 1000], room=False,
        ),
        beside_one_another("nothing_primary", "all cells go out", (2, 2), [9, 8, 7, 6]),
        beside_one_another("one_axis", "a row and its total", (4,), [40, 40, 2, 40]),
        beside_one_another(
            "row_of_small_cells", "a total is primary too, and other totals hide it", (2, 2),
            [1, 2, 40, 50],
        ),
        beside_one_another("three_axes", "a box hides one cell", (2, 2, 2), [2] + [40] * 7),
        beside_one_another(
            "left_out", "no totals of the first key alone", (2, 2), [3, 40, 40, 40],
            left_out=[2, 5], outside=("d",),
        ),
        beside_one_another("no_totals", "a table without totals hides nothing else", (2, 2), small[:4], totals=False),
        beside_one_another("many_cells", "66 cells: bits cross a word", (5, 10), [2] + [40] * 49),
    ]  # fmt: skip
    return dict(made)


async def body(setting: Setting, session: Session) -> Any:
    """The row of cells that may be opened, and the same again behind it: rows that say no more are cut alike."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    layout = layout_of(sizes)
    passes = bits_of(setting, session, inputs["passes"], layout.cells)
    columns = [arith_of(setting, session, c, layout.cells) for c in inputs["columns"]]
    margins = Margins(layout, "greedy", tuple(sizes["kinds"]), sizes["percent"])
    rows = [passes, passes]
    found = await beside(
        session, engine_of(setting), margins, rows, range(2), columns, k=sizes["k"]
    )
    return [shares(row) for row in found]


def check(vector: Vector) -> None:
    """What may be opened hides what does not pass, by what cells add up to; totals go out where the title says so."""
    sizes, plain = vector["sizes"], vector["inputs"]["plain"]
    layout = layout_of(sizes)
    opened = row(vector)
    assert all(p or not o for p, o in zip(plain["passes"], opened, strict=True))
    margins = [c for c in range(layout.cells) if c not in layout.atoms]
    assert any(opened[c] for c in margins) == (bool(plain["room"]) and bool(margins))
    members = layout.members()
    known = np.linalg.matrix_rank(members[[bool(o) for o in opened]]) if any(opened) else 0
    for cell in range(layout.cells):
        if layout.shown[cell] and not plain["passes"][cell]:
            more = members[[bool(o) or c == cell for c, o in enumerate(opened)]]
            assert np.linalg.matrix_rank(more) > known
    assert [o["leak"] for o in vector["openings"]] == ["primary-pattern"]


def row(vector: Vector) -> list[int]:
    """The result, from the components of the first two compute parties; both rows are the same."""
    cells = layout_of(vector["sizes"]).cells
    found = []
    for which in range(2):
        (zero, one), (_, two) = (vector["results"][p][which] for p in vector["compute"][:2])
        words = from_hex(zero) ^ from_hex(one) ^ from_hex(two)
        found.append([int(b) for b in slicing.unpack(words[None, :], cells)[0]])
    assert found[0] == found[1]
    return found[0]


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    shown, agreed = "run/primary/to-b#0", "run/agree#0"
    return {
        **lengths("room", "pattern", shown, "a", "b", told="the component of the primary pattern that b lacks"),
        **lengths("room", "choice", agreed, "b", "c", told="the digest of b's choice"),
        "another_pattern": changed(
            "room", "one bit of the component that b lacks", shown, "a", "b", flip()
        ),
        "another_choice": changed(
            "room", "the digest of another choice of secondary cells", agreed, "a", "b", flip(2, 9)
        ),
        **lengths("room", "room", "run/enough/bits1#0", "c", "b", told="a share of whether there is room"),
        **lengths("room", "row", "run/within#0", "c", "b", told="a share of what may be opened"),
        "totals_let_out": changed(
            "no_room", "P_2 changes its last share of whether there is room: totals go out",
            "run/enough/bits1#0", "c", "b", flip(), "undetected",
        ),
        "another_minimum": Bad(
            "P_0 takes k for 60: it tests other room, unnoticed", "room", "undetected",
            setting=[(["a"], ["sizes", "k"], 60)],
        ),
        "another_table": Bad(
            "P_0 leaves out a total", "room", "fault",
            setting=[(["a"], ["sizes", "left_out"], [3])],
        ),
        "other_columns": Bad(
            "two kinds of columns for one", "no_room", "fault",
            setting=[([], ["sizes", "kinds"], ["persons", "amount"])],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds", "room", "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip
