"""Vectors of least squares over providers' sums: fits, too few rows, equations without one solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, at, changed, flip, lengths, payload
from tests.vectors.good import head
from tests.vectors.world import Setting

from mpcstats.protocols.design import Design, Rules
from mpcstats.protocols.gram import gram
from mpcstats.protocols.regression import regression
from mpcstats.session import Session, Words

PROTOCOL = "regression"
Rows = Mapping[str, Sequence[Sequence[int]]]  # provider -> rows of x_1, ..., y

DESIGN = {
    "rows": 6,
    "columns": [3],
    "outcome": 6,
    "fraction_bits": 2,
    "magnitude_bits": 3,
    "tell_rows": False,
    "r_squared": False,
}
ROWS: Rows = {
    "a": [[1, 3], [2, 4], [3, 6]],
    "b": [[-1, -2], [0, 1], [2, 5]],
    "c": [[-3, -5], [1, 2]],
}


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        rows: Rows,
        to: Sequence[str],
        k: int = 4,
        **design: Any,
    ) -> Setting:
        outside = sorted({*rows, *to} - set("abc"))
        return {
            **head(PROTOCOL, title, about, outside),
            "roles": {"providers": list(rows), "recipients": list(to)},
            "sizes": {**DESIGN, **design, "least_rows": k, "least_providers": 2},
            "inputs": {"rows": {q: [list(row) for row in found] for q, found in rows.items()}},
        }

    means = {q: [[row[-1]] for row in rows] for q, rows in ROWS.items()}
    made: dict[str, tuple[Any, ...]] = {
        "one_column": ("a line through the rows of three", ROWS, "b"),
        "a_mean": ("no column but the constant: the mean of y", means, "a", 2, {"columns": []}),
        "too_few_rows": ("without the recipient's own rows there are 5", ROWS, "b", 6),
        "one_provider": ("only one of the providers has rows", {**means, "a": [], "b": []}, "a", 2,
                         {"columns": []}),
        "a_column_that_is_constant": ("two columns that say the same",
                                      {q: [[2, y] for _, y in rows] for q, rows in ROWS.items()}, "a"),
        "outside": ("a provider and a recipient that do not compute; how many rows there are",
                    {"d": means["a"], "b": means["b"]}, "e", 3, {"columns": [], "tell_rows": True}),
    }  # fmt: skip
    found = {}
    for title, (about, rows, to, *rest) in made.items():
        k, design = rest[0] if rest else 4, rest[1] if len(rest) > 1 else {}
        found[title] = setting(title, about, rows, to, k, **design)
    return found


def _design(setting: Setting) -> Design:
    sizes = setting["sizes"]
    return Design(
        **{name: sizes[name] for name in DESIGN if name != "columns"},
        columns=tuple(sizes["columns"]),
    )


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    design, sizes, roles = _design(setting), setting["sizes"], setting["roles"]
    own = None
    if session.me in roles["providers"]:
        rows = np.array(setting["inputs"]["rows"][session.me], dtype=np.int64)
        rows = rows.reshape(-1, len(design.columns) + 1)
        own = gram(design, rows[:, :-1], rows[:, -1])
    fit = await regression(
        session,
        tuple(setting["compute"]),
        design,
        Rules(sizes["least_rows"], sizes["least_providers"]),
        providers=tuple(roles["providers"]),
        to=tuple(roles["recipients"]),
        own=own,
    )
    if fit is None:
        return None
    unit = 1 << design.fraction_bits
    return {
        "enough": fit.enough,
        "determined": fit.determined,
        "coefficients": [int(c * unit) for c in fit.coefficients or ()],
        "rows": fit.rows,
    }


PRODUCT, OPENING = "run/solve/field/a-{}#0", "run/solve/field/b-{}#0"


def _labels() -> tuple[str, str]:
    """The steps of a's first product and of b's first opening."""
    from mpcstats.engines.shamir.field.library import label

    # Calls are numbered from 1: a draw of masks, their squares shared again, these opened.
    return tuple(  # type: ignore[return-value]
        text.format(f"{label([number, 0]) % (1 << 64):016x}")
        for text, number in ((PRODUCT, 2), (OPENING, 3))
    )


def _beyond(words: Words) -> Words:
    """The first element is as long as its words let it be: not below p."""
    words[:2] = np.uint64((1 << 64) - 1)
    return words


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "one_column"
    product, opening = _labels()
    messages = {
        "sums": ("run/sums-0#0", "a", "c", "a provider's shares"),
        "keys": ("run/solve/keys#0", "a", "b", "the keys of masks"),
        "product": (product, "a", "b", "the shares of products"),
        "opening": (opening, "b", "c", "a masked opening"),
        "result": ("run/open#0", "c", "b", "the shares of the result"),
    }
    found: dict[str, Bad] = {}
    for what, (step, sender, receiver, told) in messages.items():
        found |= lengths(base, what, step, sender, receiver, told=told)
        if what != "keys":
            found[f"{what}_out_of_range"] = Bad(
                f"{told}: one is not below p", base, "fault",
                [at(step, sender, receiver, payload(_beyond))],
            )  # fmt: skip
    step, sender, receiver, _ = messages["result"]
    return found | {
        "result_changed": changed(
            base, "a share of the result lies on no line with the others", step, sender, receiver,
            flip(),
        ),
        "column_beyond_its_bound": Bad(
            "a provider's value is beyond its column's bound", base, "fault",
            setting=[(["a"], ["inputs", "rows", "a", 0, 0], 4)],
        ),
        "more_rows_than_the_bound": Bad(
            "a provider has more rows than announced", base, "fault",
            setting=[([], ["sizes", "rows"], 2)],
        ),
        "as_few_rows_as_coefficients": Bad(
            "a line through all rows would be opened", base, "fault",
            setting=[([], ["sizes", "least_rows"], 2)],
        ),
        "unequal_designs": Bad(
            "one party was told of another precision", base, "fault",
            setting=[(["c"], ["sizes", "fraction_bits"], 40)],
        ),
        "unequal_pair_seeds": Bad(
            "no stream of a pair is drawn from", base, "no difference",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The coefficients solve the normal equations of all rows, if there are enough and they have one solution."""
    design, sizes, roles = _design(vector), vector["sizes"], vector["roles"]
    rows = vector["inputs"]["rows"]
    table = [row for q in roles["providers"] for row in rows[q]]
    counts = [len(table)] + [len(table) - len(rows[q]) for q in roles["recipients"] if q in rows]
    enough = min(counts) >= sizes["least_rows"]
    enough &= sum(1 for q in roles["providers"] if rows[q]) >= sizes["least_providers"]
    exact = solved([[1, *row] for row in table]) if enough else None
    fits = exact is not None and sum(b * b for b in exact) <= 4**design.magnitude_bits
    for party, result in vector["results"].items():
        if party not in roles["recipients"]:
            assert result is None
            continue
        assert result["enough"] == enough
        assert result["determined"] == (fits if enough else None)
        assert result["rows"] == (len(table) if fits and design.tell_rows else None)
        assert len(result["coefficients"]) == (design.coefficients if fits else 0)
        for found, value in zip(result["coefficients"], exact or (), strict=False):
            error = abs(Fraction(found, 1 << design.fraction_bits) - value)
            assert error < Fraction(2, 1 << design.fraction_bits)
    (opening,) = vector["openings"]
    assert opening["leak"] == "gated-coefficient"
    assert opening["to"] == roles["recipients"]


def solved(table: Sequence[Sequence[int]]) -> list[Fraction] | None:
    """The solution of X'X b = X'y by Gauss and Jordan over the rationals; None if there is not exactly one."""
    k = len(table[0]) - 1 if table else 0
    system = [
        [Fraction(sum(row[i] * row[j] for row in table)) for j in range(k + 1)] for i in range(k)
    ]
    for i in range(k):
        pivot = next((j for j in range(i, k) if system[j][i]), None)
        if pivot is None:
            return None
        system[i], system[pivot] = system[pivot], system[i]
        system[i] = [value / system[i][i] for value in system[i]]
        for j in range(k):
            if j != i:
                system[j] = [
                    a - system[j][i] * b for a, b in zip(system[j], system[i], strict=True)
                ]
    return [row[k] for row in system]
