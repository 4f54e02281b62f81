"""Vectors of comparisons with earlier cells: near and far ones, complements, unions, an owner at every place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.histories import History
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths
from tests.vectors.good import COMPUTE, drawn, head, shared, shared_rows
from tests.vectors.kernel.permute import bits_in, number_of
from tests.vectors.plays import arith_of, bits_of, engine_of, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.engines.share import Arith
from mpcstats.protocols.differencing import Earlier, Index, differencing
from mpcstats.session import Session

PROTOCOL = "differencing"
Sets = Sequence[Sequence[int]]


def compared(
    title: str,
    about: str,
    new: Sets,
    earlier: Sets,
    *,
    owner: str = "a",
    k: int = 2,
    capacity: int = 8,
    persons: int = 7,
    refused: Sequence[int] = (),
    releases: Sequence[tuple[int, int]] | None = None,
) -> Setting:
    """`new` and `earlier` are positions; rows of the spine are all persons, the last position first."""
    stream = drawn(f"{PROTOCOL} {title}")
    places = list(range(persons))[::-1]
    plain = [sum(i + 1 for i, cell in enumerate(new) if place in cell) for place in places]
    masks = [(1 << (p - 1)) if p else 0 for p in plain]
    rows = [int(place in cohort) for cohort in earlier for place in range(capacity)]
    flags = [int(i not in refused) for i in range(len(earlier))]
    return {
        **head(PROTOCOL, title, about, [] if owner in COMPUTE else [owner]),
        "roles": {"owner": owner},
        "sizes": {
            "rows": persons,
            "cells": len(new),
            "depth": len(earlier),
            "capacity": capacity,
            "k": k,
        },
        "inputs": {
            "cells": shared_rows(masks, len(new), stream),
            "plain": plain,
            "earlier": shared(rows, stream),
            "flags": shared(flags, stream),
            "releases": [[i, i + 1] for i in range(len(earlier))] if releases is None else releases,
            "positions": places,
            "persons": persons,
        },
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    four = (0, 1, 2, 3)
    made: dict[str, tuple[str, Sets, Sets, dict[str, Any]]] = {
        "one_person_less": ("a cohort less one person is near", [(0, 1, 2)], [four], {}),
        "the_same_again": ("a cohort that was released may be again", [four], [four], {}),
        "two_persons_less": ("two persons less are far enough for k = 2", [(0, 1)], [four], {}),
        "near_a_complement": (
            "all but one person of the complement: N - s = 1", [(4, 5)], [four], {}
        ),
        "all_but_one": ("near nobody, by its complement", [(0, 1, 2, 3, 4, 5)], [()], {}),
        "near_what_was_refused": (
            "an earlier cell that was not allowed counts as nobody", [(0, 1, 2)], [four],
            {"refused": [0]},
        ),
        "one_of_two_cells": (
            "one cell is small, and the other alone is near the earlier whole", [(0, 1, 2), (3,)],
            [four], {},
        ),
        "a_union_that_is_near": (
            "each cell is far from the earlier cohort, together they are one person less",
            [(0, 1), (2, 3)], [(0, 1, 2, 3, 4)], {},
        ),
        "near_an_earlier_union": (
            "one person less than two earlier cells of one release", [four],
            [(0, 1), (2, 3, 4)], {"releases": [(0, 2)]},
        ),
        "far_from_earlier_cells": (
            "the same two cells of two releases are no cohort together", [four],
            [(0, 1), (2, 3, 4)], {},
        ),
        "owner_at_seat_2": ("P_2 keeps the index", [(0, 1, 2), (4, 5)], [four, ()], {"owner": "c"}),
        "owner_outside": (
            "the index is kept by a party that does not compute", [(0, 1, 2), (4, 5)],
            [four, (4, 5)], {"owner": "d"},
        ),
        "many_positions": (
            "an index of 70 positions: rows cross a word", [tuple(range(40)), tuple(range(40, 60))],
            [tuple(range(39)), tuple(range(61))], {"capacity": 70, "persons": 66, "k": 3},
        ),
    }  # fmt: skip
    return {
        title: compared(title, about, new, earlier, **more)
        for title, (about, new, earlier, more) in made.items()
    }


async def body(setting: Setting, session: Session) -> Any:
    """What a party does: steps 1 to 6."""
    sizes, inputs, owner = setting["sizes"], setting["inputs"], setting["roles"]["owner"]
    depth, capacity = sizes["depth"], sizes["capacity"]
    rows = arith_of(setting, session, inputs["earlier"], depth * capacity)
    shape = (depth, capacity)
    parts = tuple(part.reshape(shape) for part in rows.parts)
    computes = session.me in setting["compute"]
    earlier = Earlier(
        Arith(shape, parts, rows.constant_at),
        arith_of(setting, session, inputs["flags"], depth),
        tuple((start, stop) for start, stop in inputs["releases"]) if computes else (),
    )
    own = session.me == owner
    positions = None
    if own and inputs["positions"] is not None:
        positions = np.array(inputs["positions"], dtype=np.intp)
    found = await differencing(
        session,
        engine_of(setting),
        bits_of(setting, session, inputs["cells"], sizes["rows"], sizes["cells"]),
        Index(owner, capacity, positions, inputs["persons"] if own else None),
        earlier,
        k=sizes["k"],
    )
    return {
        "allowed": shares(found.allowed),
        "members": shares(found.members),
        "flags": shares(found.flags),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "two_persons_less"
    positions, persons = ["inputs", "positions"], ["inputs", "persons"]
    return {
        **lengths(base, "common", "run/known/common#0", "a", "c", told="a summand of what is in common"),
        **lengths(base, "known", "run/known/allowed#0", "b", "a", told="a summand of what is known"),
        **lengths(base, "place", "run/align/place#0", "a", "c", told="the owner's order"),
        **lengths(base, "flags", "run/flags/join#0", "a", "c", told="a part of the flags"),
        **lengths(base, "near", "run/cells/near#0", "c", "b", told="a part of an and"),
        **lengths(base, "persons", "run/persons#0", "a", "c", told="the owner's number of persons"),
        "person_at_two_rows": _set("two rows of one person", positions, [6, 6, 4, 3, 2, 1, 0]),
        "position_beyond": _set("a position that nobody has", positions, [7, 5, 4, 3, 2, 1, 0]),
        "more_persons_than_positions": _set("more persons than the index can hold", persons, 9),
        "no_minimum": _set("a minimum of nobody", ["sizes", "k"], 0),
        "positions_absent_at_their_owner": _set("the owner has no index", positions, None),
        "common_changed": changed(
            base, "a summand of what is in common differs by one: a cell is taken for another",
            "run/known/common#0", "a", "c", flip(), "undetected",
        ),
        "unequal_pair_seeds": Bad(
            "two parties draw other masks", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def _set(about: str, path: Sequence[Any], value: Any) -> Bad:
    return Bad(about, "two_persons_less", "fault", setting=[([], path, value)])


def check(vector: dict[str, Any]) -> None:
    """The cells that are allowed are those of the rule on sets; what is kept is who was in which cell."""
    sizes, inputs = vector["sizes"], vector["inputs"]
    capacity, places = sizes["capacity"], inputs["positions"]
    earlier, flags = (
        np.stack([from_hex(part) for part in inputs[name]]).sum(axis=0, dtype=np.uint64)
        for name in ("earlier", "flags")
    )
    rows = [frozenset(np.flatnonzero(row).tolist()) for row in earlier.reshape(-1, capacity)]
    history = History(sizes["k"])
    for start, stop in inputs["releases"]:
        history.releases.append([rows[i] for i in range(start, stop) if flags.item(i) == 1])
    cells = [
        frozenset(place for place, p in zip(places, inputs["plain"], strict=True) if p == cell + 1)
        for cell in range(sizes["cells"])
    ]
    allowed = history.decide(cells, inputs["persons"])
    assert bits_in(vector, "allowed", sizes["cells"], 1).tolist() == allowed
    assert number_of(vector, "flags").tolist() == allowed
    members = number_of(vector, "members").reshape(sizes["cells"], capacity)
    assert [frozenset(np.flatnonzero(row).tolist()) for row in members] == cells
    assert vector["openings"] == []
