"""What the catalogue implies about joined and grouped relations: how often a key comes, and how far sums reach."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from mpcstats.plan.facts import Fact, Shape
from mpcstats.plan.relational.algebra import Filter, Group, Join, Owned, Union, repeats

ROWS = 9


def owned(name: str, unique: frozenset[str], *, nullable: bool = False) -> Owned:
    """Rows with a key, a label of two, and an amount of at most 5."""
    columns = {
        f"{name}.key": Fact("text", nullable=nullable),
        f"{name}.label": Fact("text", labels=("F", "M"), nullable=nullable),
        f"{name}.amount": Fact("integer", 0, 5, nullable=False, total=5 * ROWS),
    }
    keys = frozenset({frozenset(f"{name}.{column}" for column in unique)})
    return Owned(name, exp.select("1"), Shape(ROWS, columns, keys))


def test_a_key_comes_once_in_a_group_unless_it_is_null() -> None:
    for nullable, most in ((False, 1), (True, ROWS)):
        group = Group(owned("a", frozenset({"key"}), nullable=nullable), ("a.key",), ())
        assert group.most == most


def test_a_column_that_a_filter_compares_is_not_null() -> None:
    rel = Union((owned("a", frozenset({"key"}), nullable=True),) * 2)
    for text, sure in (
        ('NOT "a.key" IS NULL', {"a.key"}),
        ('"a.amount" > 3 AND "a.label" = \'F\'', {"a.label"}),
        ('NOT "a.key" IS NULL OR "a.label" = \'F\'', set()),
        ('"a.key" IS NULL', set()),
    ):
        facts = Filter(rel, sqlglot.parse_one(text, dialect="duckdb")).facts
        never = {name for name, about in facts.items() if not about.nullable}
        assert never == {"a.amount", *sure}, text


def test_labels_tell_rows_of_one_key_apart() -> None:
    unique = frozenset({"key", "label"})
    assert repeats(owned("a", unique), ["a.key", "a.label"]) == 1
    assert repeats(owned("a", unique), ["a.key"]) == 2
    assert repeats(owned("a", unique, nullable=True), ["a.key"]) == 3
    assert repeats(owned("a", frozenset({"key", "amount"})), ["a.key"]) is None


def test_what_a_join_repeats_has_no_bound_on_its_whole_sum() -> None:
    once, often = owned("a", frozenset({"key"})), owned("b", frozenset({"key", "label"}))
    on = (("a.key", "b.key"),)
    facts = Join(once, often, "inner", on, "hit").facts
    assert facts["a.amount"].total is None
    assert facts["b.amount"].total == 5 * ROWS
    back = Join(often, once, "left", (("b.key", "a.key"),), "hit").facts
    assert back["b.amount"].total == 5 * ROWS
    assert back["a.amount"].total is None
    assert Join(once, often, "mark", on, "hit").facts["a.amount"].total == 5 * ROWS


def test_a_union_has_the_columns_that_all_parts_have() -> None:
    first = owned("a", frozenset({"key"}))
    other = Owned("b", exp.select("1"), Shape(1, {"a.key": Fact("text"), "b.key": Fact("text")}))
    assert set(Union((first, other)).facts) == {"a.key"}
