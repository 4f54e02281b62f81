"""Checks of input: what must hold of every row of a dataset, and of a row beside those of another dataset.

A condition is an expression of SQL over whole numbers, of the few kinds that can be computed on shares. It holds where
it is true: a row of which it is unknown fails, for a missing value would pass any check else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

import sqlglot
from pydantic import Field, model_validator
from sqlglot import exp

from mpcstats.records.tomlfile import Listed, Table

DIALECT = "duckdb"
LEFT, RIGHT = "l", "r"
NAME = r"^[^\x00-\x1f\x7f\"'#.;]{1,64}$"
# "owner.table": the pattern of a dataset's or union's name.
Relation = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Named = Annotated[str, Field(pattern=NAME)]
Condition = Annotated[str, Field(min_length=1, max_length=2000)]
COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is)
CONNECTED = (exp.And, exp.Or, exp.Not, exp.Paren)
NUMBERS = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Neg, exp.Abs),
    *(exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Coalesce, exp.Least, exp.Greatest),
)
ALLOWED = (*COMPARED, *CONNECTED, *NUMBERS)
SUPPORTED = (
    "+ - * // % ABS, COALESCE, LEAST, GREATEST, comparisons, BETWEEN, IN, IS NULL, AND, OR, NOT"
)


class Check(Table):
    """What must hold of each row of the dataset, over its own columns."""

    name: Named
    holds: Condition

    @property
    def condition(self) -> exp.Expr:
        """The condition as a tree."""
        return parsed(self.holds)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it speaks of."""
        return frozenset(column.name for column in self.condition.find_all(exp.Column))

    @model_validator(mode="after")
    def _readable(self) -> Self:
        tables = {column.table for column in self.condition.find_all(exp.Column)}
        if tables - {""}:
            raise ValueError(
                f"check {self.name}: expected columns without a table in {self.holds!r}"
            )
        if not self.columns:
            raise ValueError(f"check {self.name}: expected a column in {self.holds!r}")
        return self


class CrossCheck(Table):
    """What must hold of a row `l` of `left` beside each row `r` of `right` of which the columns `on` are equal.

    A row of `left` without such a row passes; a row of `right` is never left out by it.
    """

    name: Named
    left: Relation
    right: Relation
    on: Annotated[tuple[str, ...] | str, Listed]
    holds: Condition

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that are equal."""
        return (self.on,) if isinstance(self.on, str) else self.on

    @property
    def condition(self) -> exp.Expr:
        """The condition as a tree; its columns are those of tables l and r."""
        return parsed(self.holds)

    def columns(self, side: str) -> frozenset[str]:
        """The columns of table `side`, l or r, that it speaks of, keys left out."""
        found = self.condition.find_all(exp.Column)
        return frozenset(column.name for column in found if column.table == side)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        tables = {column.table for column in self.condition.find_all(exp.Column)}
        if tables != {LEFT, RIGHT}:
            raise ValueError(
                f"crosscheck {self.name}: expected columns l.... of {self.left} and r.... of {self.right}, each at "
                f"least once and no others, got {self.holds!r}"
            )
        if self.left == self.right:
            raise ValueError(
                f"crosscheck {self.name}: expected two datasets, got {self.left} twice"
            )
        if not self.keys or len(set(self.keys)) != len(self.keys):
            raise ValueError(f"crosscheck {self.name}: expected on = one or more different columns")
        return self


def parsed(text: str) -> exp.Expr:
    """The condition `text`. Raises ValueError for what is none, or has parts that cannot be computed on shares."""
    try:
        tree = sqlglot.parse_one(text, dialect=DIALECT)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        said = str(error).splitlines()[0] if str(error) else "nothing that can be read"
        raise ValueError(f"expected a condition, got {text!r}: {said}") from None
    if not isinstance(tree.unnest(), (*COMPARED, *CONNECTED)):
        raise ValueError(f"expected a condition, got {text!r}")
    for part in _odd(tree):
        raise ValueError(
            f"expected a condition over whole numbers ({SUPPORTED}), got {part.sql(DIALECT)!r} in {text!r}"
        )
    return tree


def _odd(tree: exp.Expr) -> Iterator[exp.Expr]:
    for part in tree.walk():
        decimal = isinstance(part, exp.Literal) and not part.is_int
        listed = isinstance(part, exp.In) and part.args.get("query") is not None
        if decimal or listed or not isinstance(part, ALLOWED):
            yield part
