"""Vectors of sort_join: every kind, repeated keys of a right table, rows that are absent or without a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    Patch,
    at_step,
    changed,
    flip,
    from_party,
    lengths,
    longer,
    missing,
    shorter,
    twice,
)
from tests.vectors.good import drawn, head, shared, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, shares, signed
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.session import Session

PROTOCOL = "sort_join"
WIDTH = 2  # bits of keys
Vector = dict[str, Any]
Row = tuple[int, int, int, int]  # key, present, matchable, value


def joined(
    title: str,
    about: str,
    left: Sequence[Sequence[Row]],
    right: Sequence[Sequence[Row]],
    kind: Kind,
    *,
    most: int = 1,
    flags: bool = False,
) -> Setting:
    """Tables by side; with `flags` every table has rows of bits for absence and NULL."""
    stream = drawn(f"sort_join {title}")

    def side(tables: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
        return [
            {
                "keys": shared_rows([r[0] for r in rows], WIDTH, stream),
                "present": shared_rows([r[1] for r in rows], 1, stream) if flags else None,
                "matchable": shared_rows([r[2] for r in rows], 1, stream) if flags else None,
                "values": shared([r[3] for r in rows], stream),
            }
            for rows in tables
        ]

    return {
        **head(PROTOCOL, title, about),
        "roles": {},
        "sizes": {
            "left": [len(rows) for rows in left],
            "right": [len(rows) for rows in right],
            "key": WIDTH,
            "kind": kind.value,
            "most": most,
        },
        "inputs": {
            "left": side(left),
            "right": side(right),
            "plain": {
                "left": [[list(row) for row in rows] for rows in left],
                "right": [[list(row) for row in rows] for rows in right],
            },
        },
    }


def rows(*found: tuple[int, int]) -> list[Row]:
    """Rows that are there and have a key, as (key, value)."""
    return [(key, 1, 1, value) for key, value in found]


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    one, other = rows((1, 0)), rows((1, 50))
    absent: list[Row] = [(0, 1, 0, 0), (1, 1, 1, 0)]
    without: list[Row] = [(0, 1, 0, 8)]
    found: dict[str, tuple[str, Any, Any, Kind, dict[str, Any]]] = {
        "inner_match": ("a left row and the right row of its key", [one], [other], Kind.INNER, {}),
        "inner_none": ("no row has the key", [rows((2, 0))], [other], Kind.INNER, {}),
        "two_matches": (
            "up to two right rows a key, in the order of the right tables", [one],
            [rows((1, 50)), rows((1, -60))], Kind.INNER, {"most": 2},
        ),
        "left_without_keys": (
            "a left join; rows without a key match none", [absent], [without], Kind.LEFT,
            {"flags": True},
        ),
        "semi": ("which of two tables' rows have a match", [one, rows((3, 0))], [other], Kind.SEMI, {}),
        "anti": ("a row is there if it has none", [one], [rows((0, 1))], Kind.ANTI, {}),
    }  # fmt: skip
    return {
        title: joined(title, about, left, right, kind, **more)
        for title, (about, left, right, kind, more) in found.items()
    }


async def body(setting: Setting, session: Session) -> Any:
    sizes, inputs = setting["sizes"], setting["inputs"]

    def side(name: str, *, columns: bool) -> list[Side]:
        return [
            Side(
                bits_of(setting, session, table["keys"], n, sizes["key"]),
                (arith_of(setting, session, table["values"], n),) if columns else (),
                *(
                    None if table[flag] is None else bits_of(setting, session, table[flag], n)
                    for flag in ("present", "matchable")
                ),
            )
            for table, n in zip(inputs[name], sizes[name], strict=True)
        ]

    found = await sort_join(
        session,
        engine_of(setting),
        side("left", columns=False),
        side("right", columns=True),
        kind=Kind(sizes["kind"]),
        most=sizes["most"],
    )
    return [
        {
            "present": [shares(match.present)],
            "hit": [shares(match.hit)],
            "columns": [shares(column) for column in match.columns],
        }
        for match in found
    ]


def _opened(vector: Vector, match: int, name: str) -> list[int]:
    """A row of bits or the column of a match, from its three components, equal at both holders."""
    parts = [vector["results"][party][match][name][0] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    if name == "columns":
        return signed(one + two + three)
    return [int(b) for b in slicing.unpack(one ^ two ^ three, sum(vector["sizes"]["left"]))]


def check(vector: Vector) -> None:
    """Every left row against every right row; a column only where there is a hit."""
    given, kind = vector["inputs"]["plain"], Kind(vector["sizes"]["kind"])
    theirs = [row for table in given["right"] for row in table]
    brings = kind in (Kind.INNER, Kind.LEFT)
    assert len(vector["results"]["a"]) == (vector["sizes"]["most"] if brings else 1)
    for m in range(len(vector["results"]["a"])):
        hits, there, brought = [], [], []
        for key, present, matchable, _ in (row for table in given["left"] for row in table):
            found = [v for k, p, q, v in theirs if k == key and p and q and present and matchable]
            hit = len(found) > m
            hits.append(int(hit))
            plain = {Kind.LEFT: present if m == 0 else hit, Kind.ANTI: present and not hit}
            there.append(int(plain.get(kind, hit)))
            brought.append(found[m] if hit else None)
        assert _opened(vector, m, "hit") == hits
        assert _opened(vector, m, "present") == there
        if brings:
            columns = _opened(vector, m, "columns")
            pairs = zip(columns, brought, strict=True)
            assert all(value == wanted for value, wanted in pairs if wanted is not None)


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, flagged = "inner_match", "left_without_keys"
    rank, apart = "run/sort/rank/batch0", "run/copy/down/apart"
    shown = f"{apart}/open/to-a#0"

    def wrong(*path: str | int, value: Any, at: Sequence[str] = ()) -> list[Patch]:
        return [(at, path, value)]

    return {
        **lengths(base, "outcome", f"{rank}/to-a#0", "c", "a", told="the component of an outcome"),
        **lengths(base, "destination", shown, "c", "a", told="the component of destinations"),
        **lengths(base, "step_back", "run/copy/down/back/pass0/pass2#0", "a", "b", told="a difference"),
        **lengths(base, "restored", "run/restore/pass0/pass0#0", "b", "c", told="a row on its way back"),
        "absence_one_word_short": changed(
            flagged, "a share of which rows take part", "run/absent/0#0", "a", "c", shorter
        ),
        "run_starts_one_word_long": changed(
            base, "a share of equality with the row above", "run/runs/level0#0", "b", "a", longer
        ),
        "validity_missing": changed(
            flagged, "a share of which right rows match", "run/copy/valid#0", "c", "b", missing,
            "silence",
        ),
        "second_match_twice": changed(
            "two_matches", "a share of the second match", "run/copy/match1#0", "a", "c", twice
        ),
        "hit_at_another_step": changed(
            base, "a share of the hits comes at a step that is not there", "run/copy/hits#0", "a", "c",
            at_step("run/copy/hits#1"), "silence",
        ),
        "anti_of_another_sender": changed(
            "anti", "a share of absence of a match", "run/present/anti#0", "a", "c", from_party("b"),
            "silence",
        ),
        "unequal_copies_of_outcomes": changed(
            base, "one bit of the opened component", f"{rank}/to-c#0", "b", "c", flip()
        ),
        "unequal_copies_of_destinations": changed(
            base, "one bit of the opened component", f"{apart}/open/to-c#0", "b", "c", flip(1, 1)
        ),
        "digest_of_other_destinations": changed(
            base, "one bit of the digest", shown, "b", "a", flip(3, 63)
        ),
        "start_as_a_number_changed": changed(
            base, "half of a bit is one more: destinations are no permutation",
            f"{apart}/flags/split#0", "b", "a", flip(),
        ),
        "difference_changed": changed(
            base, "a value on its way back is another one", "run/copy/down/back/pass0/pass0#0", "a", "c",
            flip(-2), "undetected",
        ),
        "hit_changed": changed(
            "semi", "a share of the hits: a row appears or goes", "run/copy/hits#0", "a", "c", flip(0, 1),
            "undetected",
        ),
        "more_rows_of_a_key_than_the_bound": Bad(
            "the second row of a key is lost, as nobody tests the owners' bound", "two_matches",
            "undetected", setting=wrong("sizes", "most", value=1),
        ),
        "bound_of_no_row": Bad(
            "a bound of 0 right rows for each key", base, "fault",
            setting=wrong("sizes", "most", value=0),
        ),
        "no_right_table": Bad(
            "nothing to join with", base, "fault",
            setting=[([], ["sizes", "right"], []), ([], ["inputs", "right"], [])],
        ),
        "unequal_kinds": Bad(
            "a party plays an anti join: it computes once more, what the others do not", "semi",
            "silence", setting=wrong("sizes", "kind", value="anti", at=["b"]),
        ),
        "unequal_bounds": Bad(
            "a party was told of another bound", base, "silence",
            setting=wrong("sizes", "most", value=2, at=["c"]),
        ),
        "flags_missing_at_one_party": Bad(
            "a party has no rows of bits for absence", flagged, "silence",
            setting=[
                (["a"], ["inputs", side, 0, flag], None)
                for side in ("left", "right")
                for flag in ("present", "matchable")
            ],
        ),
        "unequal_pair_seeds": Bad(
            "P_0 and P_1 have two seeds", base, "fault",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip
