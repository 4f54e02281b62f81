"""Regression against exact rational solutions and numpy's least squares, and the rules on what may be opened."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.vectors.kernel.regression import solved

from mpcstats.errors import PeerFault, UsageError
from mpcstats.protocols.design import Design, Rules
from mpcstats.protocols.gram import Gram, gram
from mpcstats.protocols.regression import Fit, regression
from mpcstats.session import Message, Session
from mpcstats.testing import Tamper, flipped, run_together

NAMES = tuple("abcdefghij")
Table = NDArray[np.int64]  # columns x_1, ..., y
DESIGN = Design(rows=60, columns=(20, 9), outcome=400, r_squared=True, tell_rows=True)


def fits(
    n: int,
    tables: Mapping[str, Table],
    *,
    design: Design = DESIGN,
    rules: Rules | None = None,
    to: tuple[str, ...] = ("a",),
    threshold: int | None = None,
    tamper: Tamper | None = None,
) -> dict[str, Fit | None]:
    """What every party learns; the first n compute."""
    parties = (*NAMES[:n], *sorted({*tables, *to} - set(NAMES[:n])))

    async def party(session: Session) -> Fit | None:
        table = tables.get(session.me)
        return await regression(
            session,
            NAMES[:n],
            design,
            rules or Rules(design.coefficients + 1),
            providers=tuple(tables),
            to=to,
            own=None if table is None else gram(design, table[:, :-1], table[:, -1]),
            threshold=threshold,
        )

    return run_together(parties, party, tamper=tamper).results


def drawn(seed: int, providers: str, rows: int = 40, columns: int = 2) -> dict[str, Table]:
    rng = np.random.default_rng(seed)
    found = {}
    for provider in providers:
        x = np.stack([rng.integers(-20, 21, rows), rng.integers(0, 10, rows)], axis=1)[:, :columns]
        y = 7 + x @ np.array([3, -11])[:columns] + rng.integers(-9, 10, rows)
        found[provider] = np.column_stack([x, y])
    return found


def exactly(tables: Mapping[str, Table]) -> list[Fraction] | None:
    rows = np.concatenate(list(tables.values())).tolist()
    return solved([[1, *row] for row in rows])


def check(fit: Fit | None, tables: Mapping[str, Table], design: Design = DESIGN) -> None:
    """Every coefficient within its bound, by rationals; and what numpy finds in floating point."""
    assert fit is not None
    assert fit.coefficients is not None
    exact = exactly(tables)
    assert exact is not None
    bound = Fraction(2, 1 << design.fraction_bits)
    assert all(abs(a - b) < bound for a, b in zip(fit.coefficients, exact, strict=True))
    whole = np.concatenate(list(tables.values())).astype(float)
    x, y = np.column_stack([np.ones(len(whole)), whole[:, :-1]]), whole[:, -1]
    beta, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert np.allclose([float(b) for b in fit.coefficients], beta, atol=float(bound) + 1e-7)
    assert fit.rows == (len(y) if design.tell_rows else None)
    if design.r_squared:
        assert fit.r_squared is not None
        squared = 1 - residual[0] / ((y - y.mean()) ** 2).sum()
        assert abs(float(fit.r_squared) - squared) < float(bound) + 1e-9


@pytest.mark.parametrize("n", [3, 5, 7, 10])
def test_it_is_least_squares_at_every_number_of_parties(n: int) -> None:
    tables = drawn(n, "".join(NAMES[:n]), columns=1)
    design = Design(rows=60, columns=(20,), outcome=400, r_squared=True, tell_rows=True)
    found = fits(n, tables, design=design, to=("b",))
    check(found["b"], tables, design)
    assert {party for party, fit in found.items() if fit is not None} == {"b"}


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(4, 40))
def test_it_is_least_squares_of_random_rows(seed: int, n: int, rows: int) -> None:
    tables = drawn(seed, "abc", rows)
    if exactly(tables) is not None:
        check(fits(n, tables)["a"], tables)


def test_providers_and_recipients_outside_and_a_lower_threshold() -> None:
    tables = drawn(3, "axy")
    found = fits(5, tables, to=("z", "b"), threshold=1)
    check(found["z"], tables)
    assert found["z"] == found["b"]
    assert found["x"] is found["a"] is None


@pytest.mark.parametrize("threshold", [0, 3])
def test_a_threshold_that_is_none_or_half_is_refused(threshold: int) -> None:
    with pytest.raises(UsageError, match="expected a threshold from 1 to 2 for 5 parties"):
        fits(5, drawn(1, "abc"), threshold=threshold)


# what is not opened


def constant(tables: Mapping[str, Table]) -> dict[str, Table]:
    """The second column is twice the first, and one more."""
    return {q: np.column_stack([t[:, 1], 2 * t[:, 1] + 1, t[:, 2]]) for q, t in tables.items()}


def test_equations_without_one_solution_give_no_numbers() -> None:
    design = Design(rows=60, columns=(9, 20), outcome=400, r_squared=True, tell_rows=True)
    fit = fits(3, constant(drawn(5, "abc")), design=design)["a"]
    assert fit == Fit(enough=True, determined=False)


def test_coefficients_beyond_the_declared_norm_are_not_opened() -> None:
    tables = drawn(6, "abc")
    assert fits(3, tables, design=_with(magnitude_bits=3))["a"] == Fit(True, False)
    check(fits(3, tables, design=_with(magnitude_bits=4))["a"], tables)  # |(7, 3, -11)| < 16


def _with(**change: Any) -> Design:
    fields = {name: getattr(DESIGN, name) for name in DESIGN.__dataclass_fields__}
    return Design(**{**fields, **change})


@pytest.mark.parametrize(("k", "enough"), [(30, True), (31, False)])
def test_rows_beside_those_of_a_provider_who_learns_it(k: int, enough: bool) -> None:
    tables = {"a": drawn(1, "a", 20)["a"], "b": drawn(2, "b", 30)["b"]}
    fit = fits(3, tables, rules=Rules(k), to=("a",))["a"]
    assert fit is not None
    assert fit.enough == enough
    assert (fit.coefficients is None) == (fit.determined is None) == (not enough)
    other = fits(3, tables, rules=Rules(50), to=("c",))["c"]  # has no rows of its own
    assert other is not None
    assert other.enough


@pytest.mark.parametrize(("least", "enough"), [(2, True), (3, False)])
def test_providers_without_rows_do_not_count(least: int, enough: bool) -> None:
    tables = {**drawn(1, "ab"), "c": np.empty((0, 3), dtype=np.int64)}
    fit = fits(3, tables, rules=Rules(10, least))["a"]
    assert fit is not None
    assert fit.enough == enough


def test_no_rows_at_all() -> None:
    tables = {q: np.empty((0, 3), dtype=np.int64) for q in "abc"}
    assert fits(3, tables)["a"] == Fit(enough=False)


def test_a_constant_outcome_has_no_r_squared() -> None:
    tables = {q: np.column_stack([t[:, :2], np.full(len(t), 5)]) for q, t in drawn(4, "ab").items()}
    fit = fits(3, tables)["a"]
    assert fit is not None
    assert fit.determined
    assert fit.r_squared is None
    assert [round(float(b or 0), 4) for b in fit.coefficients or ()] == [5, 0, 0]


# inputs, and peers


def test_values_beyond_their_bounds_never_reach_the_field() -> None:
    table = drawn(1, "a")["a"]
    for column, value in ((0, 21), (1, -10), (2, 401)):
        changed = table.copy()
        changed[3, column] = value
        with pytest.raises(UsageError, match=f"column {column + 1}: expected values within"):
            gram(DESIGN, changed[:, :-1], changed[:, -1])
    with pytest.raises(UsageError, match="expected at most 60 rows, got 80"):
        gram(DESIGN, np.tile(table, (2, 1))[:, :-1], np.tile(table, (2, 1))[:, -1])
    halves: Any = table[:, :-1] / 2
    with pytest.raises(UsageError, match="expected whole numbers, got float64"):
        gram(DESIGN, halves, table[:, -1])
    with pytest.raises(UsageError, match="expected rows of 2 columns"):
        gram(DESIGN, table[:, :1], table[:, -1])


def test_sums_that_no_rows_have_are_refused_before_they_are_shared() -> None:
    own = gram(DESIGN, drawn(1, "a")["a"][:, :-1], drawn(1, "a")["a"][:, -1])
    for place, value in ((0, 61), (0, -1), (4, -1), (9, 2**70)):
        sums = list(own.sums)
        sums[place] = value

        async def party(session: Session, sums: list[int] = sums) -> Any:
            mine = Gram(tuple(sums)) if session.me == "a" else None
            return await regression(
                session, NAMES[:3], DESIGN, Rules(4), providers=("a",), to=("b",), own=mine
            )

        with pytest.raises(UsageError, match=f"sum {place}: expected a number in"):
            run_together(NAMES[:3], party)


def test_sums_are_those_of_whole_numbers_of_any_size() -> None:
    wide = Design(rows=4, columns=(1 << 40,), outcome=1 << 40)
    x = np.array([[1 << 40], [-(1 << 40)]], dtype=np.int64)
    found = gram(wide, x, x[:, 0]).sums
    assert found == (2, 0, 0, 2 << 80, 2 << 80, 2 << 80)
    assert str(2 << 80) not in repr(gram(wide, x, x[:, 0]))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (Rules(3), "more rows than the 3 coefficients"),
        (Rules(9, 0), "1 to 3 contributing providers, got 0"),
        (Rules(9, 4), "1 to 3 contributing providers, got 4"),
    ],
)
def test_rules_that_protect_nothing_or_cannot_be_met(rules: Rules, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fits(3, drawn(1, "abc"), rules=rules)


def test_a_changed_share_of_the_result_is_noticed() -> None:
    def tamper(message: Message) -> Message:
        return (
            flipped(message) if message.step == "run/open#0" and message.sender == "c" else message
        )

    with pytest.raises(PeerFault, match="shares of one polynomial of degree 1") as caught:
        fits(3, drawn(1, "abc"), tamper=tamper)
    assert caught.value.party == "b or c"


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"columns": (0,)},
        {"fraction_bits": 0},
        {"magnitude_bits": 65},
        {"columns": (1,) * 16},
    ],
)
def test_a_design_that_makes_no_sense_is_refused(change: Any) -> None:
    with pytest.raises(UsageError, match="expected"):
        _with(**change)
