"""The Python door: a question built from frames, which ends in the same SQL text that somebody would write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import reduce
from operator import and_

from sqlglot import exp

from mpcstats.errors import UsageError
from mpcstats.plan.context import Context
from mpcstats.plan.expression import Expression, Origin, Rows, condition, identifier, value
from mpcstats.plan.names import DIALECT
from mpcstats.plan.select import From, Output, Shown, written
from mpcstats.plan.sql import RELATION
from mpcstats.records.catalogue import Catalogue

# What join() calls a kind -> what SQL does.
KINDS: Mapping[str, Mapping[str, str]] = {
    "inner": {},
    "left": {"side": "LEFT"},
    "right": {"side": "RIGHT"},
    "full": {"side": "FULL"},
    "semi": {"kind": "SEMI"},
    "anti": {"kind": "ANTI"},
}
LEFT_ONLY = frozenset({"semi", "anti"})  # of whose right side no column is left


class Frame(Rows):
    """A table of the catalogue, or a question over some; immutable: every method gives another frame.

    A column is an attribute (`t.insutype`), or `t["limit"]` where a method has its name. `sql()` is the text that
    travels, is planned and is hashed. Raises UsageError, where it is written, for a name that does not exist.
    """

    __slots__ = ("_from", "_name", "_shown")

    def __init__(self, name: str, source: From, shown: Shown | None = None) -> None:
        self._name = name
        self._from = source
        self._shown = shown

    def __repr__(self) -> str:
        return f"<frame {self.sql()}>"

    def __bool__(self) -> bool:
        raise UsageError("expected no true or false of a frame: its rows are with their owners")

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):  # what Python and notebooks look for
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expression:
        if not isinstance(name, str):
            raise UsageError(f"expected the name of a column, got {name!r:.40}")
        origins = self._origins()
        holders = [origin for origin in origins if name in origin.columns]
        if len(holders) > 1:
            choice = " or ".join(f"{origin.name}.{name}" for origin in holders)
            raise UsageError(f"{name!r} is in more than one relation: take it from one, {choice}")
        if not holders:
            known = list(dict.fromkeys(c for origin in origins for c in origin.columns))
            raise UsageError(
                f"unknown column {name!r} of {self._name!r}{_meant(name, known)}; "
                f"existing columns: {', '.join(known)}"
            )
        return holders[0].column(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column for origin in self._origins() for column in origin.columns)

    @property
    def tree(self) -> exp.Select:
        """Its SELECT as a sqlglot tree of its own."""
        return written(self._from, self._shown)

    def sql(self) -> str:
        """The question as SQL text (DuckDB dialect), on one line unless a text in it has more."""
        return self.tree.sql(DIALECT)

    def named(self, name: str) -> Frame:
        """The same under another name in FROM: needed where two relations would have one name."""
        if RELATION.fullmatch(name) is None:
            raise UsageError(
                "expected a relation's name of at most 40 lower-case letters, digits and _, got "
                f"{name[:60]!r}"
            )
        if self._shown is None and self._from.untouched:
            (origin,) = self._from.origins
            first = self._from.first.copy()
            first.set("alias", exp.TableAlias(this=identifier(name)))
            return Frame(name, From((replace(origin, name=name, passes=None),), first))
        shown = self._closed()
        return Frame(
            name, self._from, replace(shown, origin=replace(shown.origin, name=name, passes=None))
        )

    def where(self, *conditions: Expression) -> Frame:
        """The rows in which all `conditions` hold; groups, after agg()."""
        if not conditions:
            raise UsageError("expected where(condition, ...), got none")
        frame = self._opened()
        for part in conditions:
            frame._check(_of_a_row(condition(part), "where()"), "where()")
        source = replace(frame._from, where=(*frame._from.where, *conditions))
        return Frame(frame._name, source)

    def join(
        self, other: Frame, *, on: Expression | str | Sequence[str], how: str = "inner"
    ) -> Frame:
        """The rows of both for which `on` holds: a condition, or names of columns that are equal.

        `how` is inner, left, right, full, semi or anti; between owners the planner supports inner ones. What a
        frame is more than a table goes into a sub-query: `other` always, this one where it has been selected.
        """
        if how not in KINDS:
            raise UsageError(f"expected a join of {', '.join(KINDS)}, got {how!r:.40}")
        if not isinstance(other, Frame):
            raise UsageError(f"expected a frame to join, got {type(other).__name__}")
        left = self._opened()
        if how in {"right", "full"} and left._from.where:
            raise UsageError(
                f"expected where() after a {how} join: SQL would filter its rows too; or select() before it"
            )
        item, origin = other._relation()
        if origin.name in left._from.names:
            raise UsageError(
                f"expected a name of its own for each relation, got {origin.name!r} twice: "
                "give one another name with .named(...)"
            )
        both = Frame(left._name, replace(left._from, origins=(*left._from.origins, origin)))
        test = on if isinstance(on, Expression) else _equal(left, other, on)
        both._check(_of_a_row(condition(test), "on"), "on")
        join = exp.Join(this=item, on=test.tree, **KINDS[how])
        origins = left._from.origins if how in LEFT_ONLY else both._from.origins
        return Frame(
            left._name, replace(left._from, origins=origins, joins=(*left._from.joins, join))
        )

    def select(self, /, *columns: str | Expression, **named: object) -> Frame:
        """These columns only: by name, as columns, or as `name=expression`."""
        frame = self._opened()
        outputs = frame._outputs(columns, named, "select()")
        if not outputs:
            raise UsageError("expected select(column, ...), got none")
        return frame._showing(outputs)

    def group_by(self, /, *keys: str | Expression, **named: object) -> Grouped:
        """One row for each value of the keys, which agg() then fills; `name=expression` computes a key."""
        frame = self._opened()
        outputs = frame._outputs(keys, named, "group_by()")
        if not outputs:
            raise UsageError(
                "expected group_by(column, ...), got none: agg() alone is over all rows"
            )
        for name, key in outputs:
            if not key.origins:  # GROUP BY 2 would mean the second output
                raise UsageError(f"expected a column in group_by(), got {key!r} as {name!r}")
        return Grouped(frame, outputs)

    def agg(self, /, **aggregates: Expression) -> Frame:
        """One row: aggregates over all rows, as `name=expression`."""
        return Grouped(self._opened(), ()).agg(**aggregates)

    def distinct(self) -> Frame:
        """Each different row once."""
        frame = self
        if self._shown is not None and (self._shown.order or self._shown.limit is not None):
            frame = self._opened()
        return Frame(frame._name, frame._from, replace(frame._closed(), distinct=True))

    def order_by(self, *keys: str | Expression, descending: bool = False) -> Frame:
        """Sorted by these columns; a later order_by() sorts what is equal so far."""
        if not keys:
            raise UsageError("expected order_by(column, ...), got none")
        limited = self._shown is not None and self._shown.limit is not None
        frame = self._opened() if limited else self
        shown = frame._closed()
        order = tuple((frame._order(key), descending) for key in keys)
        return Frame(frame._name, frame._from, replace(shown, order=(*shown.order, *order)))

    def limit(self, rows: int) -> Frame:
        """At most that many rows, the first ones of an order."""
        if type(rows) is not int or rows < 0:
            raise UsageError(f"expected a number of rows, got {rows!r:.40}")
        limited = self._shown is not None and self._shown.limit is not None
        frame = self._opened() if limited else self
        return Frame(frame._name, frame._from, replace(frame._closed(), limit=rows))

    def _origins(self) -> tuple[Origin, ...]:
        """The relations whose columns are the frame's own."""
        return self._from.origins if self._shown is None else (self._shown.origin,)

    def _opened(self) -> Frame:
        """The frame as FROM and WHERE alone: what has been selected already is a sub-query of it."""
        if self._shown is None:
            return self
        item, origin = self._relation()
        return Frame(self._name, From((origin,), item))

    def _closed(self) -> Shown:
        """What is shown; all columns, where nothing has been selected yet."""
        if self._shown is not None:
            return self._shown
        columns = self.columns
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise UsageError(
                f"expected each column once, got {', '.join(twice)} from more than one relation: "
                "say with select() which of them you mean"
            )
        origins = self._from.origins
        passes = origins[0] if len(origins) == 1 and origins[0].name == self._name else None
        return Shown(Origin(self._name, columns, self.sql(), passes))

    def _relation(self) -> tuple[exp.Expr, Origin]:
        """The frame as an item of FROM."""
        if self._shown is None and self._from.untouched:
            return self._from.first.copy(), self._from.origins[0]
        shown = self._closed()
        alias = exp.TableAlias(this=identifier(shown.origin.name))
        tree = Frame(self._name, self._from, shown).tree
        return exp.Subquery(this=tree, alias=alias), shown.origin

    def _check(self, part: Expression, place: str) -> None:
        """Raises UsageError if `part` names a relation that FROM does not hold."""
        own = self._from.origins
        for origin in sorted(part.origins, key=lambda origin: origin.name):
            if not any(mine.stands_for(origin) for mine in own):
                raise UsageError(
                    f"{place}: {part!r} has a column of another {origin.name!r} than this frame holds "
                    f"(it has {', '.join(mine.name for mine in own)}): join that first, or take the column from "
                    "the frame itself"
                )

    def _outputs(
        self, columns: Iterable[str | Expression], named: Mapping[str, object], place: str
    ) -> tuple[Output, ...]:
        """The columns by name, each name once."""
        outputs: list[Output] = []
        for given in columns:
            column = self[given] if isinstance(given, str) else value(given)
            if not isinstance(column.tree, exp.Column):
                raise UsageError(f"{place}: expected name=..., for {column!r} is no plain column")
            outputs.append((column.tree.name, column))
        outputs += [(name, value(given)) for name, given in named.items()]
        _check_names([name for name, _ in outputs], place)
        for _, output in outputs:
            self._check(output if place == "agg()" else _of_a_row(output, place), place)
        return tuple(outputs)

    def _showing(self, outputs: tuple[Output, ...], groups: tuple[Expression, ...] = ()) -> Frame:
        """The frame with these outputs, its columns from now on."""
        nameless = Shown(Origin(self._name, (), ""), outputs, groups)
        text = Frame(self._name, self._from, nameless).sql()
        origin = Origin(self._name, tuple(name for name, _ in outputs), text)
        return Frame(self._name, self._from, replace(nameless, origin=origin))

    def _order(self, key: str | Expression) -> exp.Expr:
        """What ORDER BY says for `key`: an output by its name, else what it is made of in FROM."""
        if not isinstance(key, str | Expression):
            raise UsageError(f"expected a column in order_by(), got {key!r:.40}")
        given = self[key] if isinstance(key, str) else value(key)
        tree, shown = given.tree, self._shown
        if shown is not None and given.origins == {shown.origin}:
            if shown.origin.passes is not None:
                return tree
            if isinstance(tree, exp.Column):
                return exp.Column(this=identifier(tree.name))
        if shown is not None:
            for name, output in shown.outputs or ():
                if output.tree == tree:
                    return exp.Column(this=identifier(name))
            if shown.groups or shown.distinct:
                known = ", ".join(shown.origin.columns)
                raise UsageError(f"expected an output column in order_by(): {known}; got {given!r}")
        self._check(given, "order_by()")
        return tree


class Grouped:
    """A frame whose rows are grouped by keys; agg() makes a frame of it."""

    __slots__ = ("_frame", "_keys")

    def __init__(self, frame: Frame, keys: tuple[Output, ...]) -> None:
        self._frame = frame
        self._keys = keys

    def __repr__(self) -> str:
        return f"<{self._frame!r} grouped by {', '.join(name for name, _ in self._keys)}>"

    def agg(self, /, **aggregates: Expression) -> Frame:
        """The keys, and these aggregates of each group's rows, as `name=expression`."""
        outputs = self._frame._outputs((), aggregates, "agg()")
        if not outputs:
            raise UsageError("expected agg(name=aggregate, ...), got none")
        for name, output in outputs:
            if not output.is_aggregate:
                raise UsageError(
                    f"expected an aggregate as {name}: count(), count_distinct(x), sum_(x), ..., got {output!r}"
                )
        _check_names([name for name, _ in (*self._keys, *outputs)], "agg()")
        return self._frame._showing((*self._keys, *outputs), tuple(key for _, key in self._keys))


def table(catalogue: Catalogue, name: str) -> Frame:
    """The dataset or union `name`. Raises UsageError with those that exist."""
    context = Context("", catalogue, (), lambda *_: ())
    if not context.knows(name):
        known = sorted(catalogue.names)
        raise UsageError(
            f"unknown dataset {name!r:.80}{_meant(name, known)}; the catalogue has: {', '.join(known)}"
        )
    schema, own = name.split(".")
    tree = exp.Table(this=identifier(own), db=identifier(schema))
    return Frame(own, From((Origin(own, tuple(context.shape(name).columns), name),), tree))


def _equal(left: Frame, right: Frame, names: str | Sequence[str]) -> Expression:
    """That the columns of these names are equal on both sides."""
    listed = [names] if isinstance(names, str) else list(names)
    if not listed or not all(isinstance(name, str) for name in listed):
        raise UsageError("expected on=condition, or on=[names of columns], got neither")
    _, origin = right._relation()
    return reduce(and_, (left[name] == _of(right, origin, name) for name in listed))


def _of(frame: Frame, origin: Origin, name: str) -> Expression:
    """The column `name` of `frame`, as it is named once the frame is `origin`."""
    frame[name]  # refused here if there is none
    return origin.column(name)


def _of_a_row(part: Expression, place: str) -> Expression:
    """`part`, if it is computed from one row. Raises UsageError if it is an aggregate."""
    if part.is_aggregate:
        raise UsageError(
            f"{place}: expected no aggregate, got {part!r}: ask for it in agg(), and go on from that frame"
        )
    return part


def _check_names(names: list[str], place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:  # SQL's names do not differ by case
            raise UsageError(f"{place}: expected each name once, got {name!r} twice")
        seen.add(name.casefold())


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.casefold(), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
