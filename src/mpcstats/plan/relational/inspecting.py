"""The tables of a question with the catalogue's checks over them, to be made on shares.

A check is made where the question reads a column that it speaks of; a cross-check where the question reads both
datasets anyway. So checks bring in neither parties nor datasets that were not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Expr, Filter, Join, Rel, Union, column, renamed
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.sources import Columns, scan
from mpcstats.records.catalogue import Check, CrossCheck, Dataset
from mpcstats.records.catalogue.checks import LEFT, RIGHT


@dataclass(frozen=True, slots=True)
class Inspecting:
    """The tables of one question. `asked`: names of columns that stand anywhere in it; `read`: datasets, and unions."""

    asked: frozenset[str]
    read: frozenset[str]
    context: Context
    names: Names

    @classmethod
    def of(cls, tree: Expr, asked: frozenset[str], context: Context, names: Names) -> Inspecting:
        """Those of the question `tree`."""
        tables = {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table)}
        return cls(asked, frozenset(tables), context, names)

    def scan(self, table: exp.Table, alias: str) -> tuple[Rel, Columns]:
        """The rows of a dataset or union that pass its checks, and its columns."""
        name = f"{table.db}.{table.name}"
        members, crossed = self._members(name), self._crossed(name)
        extra = {c for m in members for check in self._checks(m) for c in check.columns}
        extra |= {c for check in crossed for c in (*check.keys, *check.columns(LEFT))}
        rel, columns = scan(table, alias, self.asked | extra, self.context, self.names)
        rel = self._rows(rel, members, columns)
        read = frozenset(columns[c] for check in crossed for c in check.columns(LEFT))
        if read:
            guards = read | (rel.guards if isinstance(rel, Filter) else frozenset())
            inner = rel if isinstance(rel, Filter) else Filter(rel, exp.true())
            rel = replace(inner, guards=guards)
            for check in crossed:
                rel = self._beside(rel, check, columns, guards)
        return rel, columns

    def checked(self, query: Expr) -> bool:
        """Whether rows that `query` reads are checked, so that their owner may not put others in their place."""
        names = {f"{table.db}.{table.name}" for table in query.find_all(exp.Table)}
        return any(
            self._crossed(name) or any(self._checks(member) for member in self._members(name))
            for name in names
        )

    def _members(self, name: str) -> tuple[Dataset, ...]:
        return self.context.catalogue.members(name)

    def _checks(self, dataset: Dataset) -> tuple[Check, ...]:
        """The checks of a dataset's rows that the question asks for."""
        if not self.context.checked:
            return ()
        return tuple(check for check in dataset.check if check.columns & self.asked)

    def _crossed(self, name: str) -> tuple[CrossCheck, ...]:
        """The cross-checks of the rows of the dataset or union `name` that the question asks for."""
        if not self.context.checked:
            return ()
        own, read = self._datasets([name]), self._datasets(self.read)
        return tuple(
            check
            for check in self.context.catalogue.crosschecks
            if own <= self._datasets([check.left])
            and self._datasets([check.right]) <= read
            and check.columns(LEFT) & self.asked
        )

    def _datasets(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(member.name for name in names for member in self._members(name))

    def _rows(self, rel: Rel, members: tuple[Dataset, ...], columns: Columns) -> Rel:
        """`rel` with what must hold of each row; of a union's members each has its own."""
        conditions = [self._condition(member, columns) for member in members]
        if all(condition == conditions[0] for condition in conditions):
            return _guarded(rel, conditions[0])
        if not isinstance(rel, Union):
            return rel
        parts = zip(rel.parts, conditions, strict=True)
        return Union(tuple(_guarded(part, condition) for part, condition in parts))

    def _condition(self, dataset: Dataset, columns: Columns) -> Expr | None:
        found = [_over(check.condition, {"": columns}) for check in self._checks(dataset)]
        return exp.and_(*found) if found else None

    def _beside(self, rel: Rel, check: CrossCheck, columns: Columns, guards: frozenset[str]) -> Rel:
        """The rows of `rel` that stand beside no row of the other dataset of which the condition is not true.

        Of a union's members each is asked by itself: one row of one owner is enough to contradict.
        """
        for member in self._members(check.right):
            rel = self._beside_one(rel, check, member, columns, guards)
        return rel

    def _beside_one(
        self,
        rel: Rel,
        check: CrossCheck,
        member: Dataset,
        columns: Columns,
        guards: frozenset[str],
    ) -> Rel:
        schema, name = member.name.split(".")
        alias = self.names.fresh(f"beside_{name}")
        table = exp.table_(name, db=schema, alias=alias, quoted=True)
        asked = frozenset({*check.keys, *check.columns(RIGHT)})
        right, others = scan(table, alias, asked, self.context, self.names)
        holds = _over(check.condition, {LEFT: columns, RIGHT: others})
        fails = exp.Not(this=exp.Coalesce(this=exp.Paren(this=holds), expressions=[exp.false()]))
        on = tuple((columns[key], others[key]) for key in check.keys)
        flag = self.names.fresh("contradicted")
        joined = Join(rel, right, "mark", on, flag, (fails,))
        return Filter(joined, exp.Not(this=column(flag)), guards)


def _guarded(rel: Rel, condition: Expr | None) -> Rel:
    if condition is None:
        return rel
    return Filter(rel, condition, frozenset(c.name for c in condition.find_all(exp.Column)))


def _over(condition: Expr, sides: Mapping[str, Columns]) -> Expr:
    """The condition over the algebra's columns."""

    def change(part: Expr) -> Expr:
        return column(sides[part.table][part.name]) if isinstance(part, exp.Column) else part

    return renamed(condition, {}).transform(change)
