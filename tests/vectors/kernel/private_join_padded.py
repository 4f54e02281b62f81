"""Vectors of private_join_padded: dummies of one party and of both, and how the number that is opened is shifted."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from tests.vectors.bad import Bad
from tests.vectors.kernel import _pair
from tests.vectors.world import Setting

from mpcstats.protocols.private_join_padded import Padding, private_join_padded
from mpcstats.session import Session
from mpcstats.session.draws import StreamDraw
from mpcstats.session.messages import digest

PROTOCOL = "private_join_padded"
KEYS = [(i, i) for i in range(12)]


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    some = {(i, i): () for i in range(3, 14)}
    few = {(i, i): () for i in (1, 20)}
    summed = {(i, i): (i - 4,) for i in range(2, 12)}
    found: dict[str, tuple[str, Any, dict[str, Any]]] = {
        "both": ("both are told: dummies of both", some, {}),
        "matcher_alone": (
            "the matcher alone is told: dummies of the holder",
            some,
            {"size_to": ["a"]},
        ),
        "below_k": ("so few that noise could have made k of them", few, {}),
        "fine": (
            "a finer noise: more dummies",
            some,
            {"size_to": ["a"], "more": {"epsilon": "1/2", "shift": "5"}},
        ),
        "sums": (
            "a sum, exact, for both",
            summed,
            {"bits": (4,), "sums_to": ["a", "b"], "size_to": ["a"]},
        ),
    }
    usual = {"epsilon": "2", "shift": "2"}
    return {
        title: _pair.setting_of(
            PROTOCOL, title, about, KEYS, holder, **{"rows": (12, 12), "more": usual, **more}
        )
        for title, (about, holder, more) in found.items()
    }


def padding_of(setting: Setting) -> Padding:
    return Padding(Fraction(setting["sizes"]["epsilon"]), int(setting["sizes"]["shift"]))


async def body(setting: Setting, session: Session) -> Any:
    """A party's part."""
    table, key = _pair.table_of(setting, session), _pair.key_of(setting)
    join, padding = _pair.join_of(setting), padding_of(setting)
    return _pair.told(await private_join_padded(session, join, padding, table, key=key))


def check(vector: _pair.Vector) -> None:
    """Every message by the book; the number that is opened is that of a plain join, and the noise that was drawn."""
    inputs, roles, padding = vector["inputs"], vector["roles"], padding_of(vector)
    told = {*roles["size_to"], *roles["sums_to"]}
    noisy = [roles["holder"], *([roles["matcher"]] if roles["holder"] in told else [])]
    t, noise = padding.shift, []
    dummies: dict[str, list[bytes]] = {"a": [], "b": []}
    for i, party in enumerate(noisy):
        noise.append(padding.noise(StreamDraw(_pair.stream(vector, party, "run/dummies"))))
        for other in ("a", "b"):
            count = t + noise[-1] if other == party else 2 * t
            dummies[other] += [dummy(vector, i, j) for j in range(count)]
    extra = 2 * t * len(noisy)
    opened, sums = _pair.check_messages(vector, dummies, extra=extra, pools=extra)
    common = [i for i, key in enumerate(inputs["holder"]) if key in inputs["matcher"]]
    assert opened == len(common) + sum(t + z for z in noise)
    if "values" in inputs:
        assert sums == [sum(inputs["values"][i][0] for i in common)]
    opened_to = [size for _, size, _ in vector["results"].values() if size is not None]
    assert set(opened_to) == {len(common) + sum(noise)}


def dummy(vector: _pair.Vector, pool: int, number: int) -> bytes:
    """Its key."""
    name = np.array([pool, number], dtype=np.uint64)
    return digest(bytes.fromhex(vector["run_id"]), "run/dummies", name)[:2].astype("<u8").tobytes()


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    return {
        **_pair.element_cases("both"),
        "unequal_shifts": Bad(
            "the two take another number of dummies: rows are missing",
            "both",
            "fault",
            setting=[(("a",), ("sizes", "shift"), "3")],
        ),
    }
