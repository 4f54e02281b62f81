"""Random questions over the tables of a world: SQL in the grammar that the planner takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from hypothesis import strategies as st
from tests.property.worlds import UNION, World

T = TypeVar("T")
Kind = Literal["number", "label", "text", "person", "bill"]
KINDS: dict[str, Kind] = {
    "pid": "person",
    "id": "number",
    "g": "number",
    "s": "label",
    "n": "number",
    "d": "number",
    "t": "text",
    "e": "bill",
}
CELLS = ("g", "d", "s", "party")  # columns whose values are few and public


@dataclass(frozen=True)
class Column:
    """A column in sight: its SQL name, with the relation's, and whether its values are few and public."""

    sql: str
    kind: Kind
    few: bool = False


@dataclass(frozen=True)
class Relation:
    """What may stand in FROM, before an alias."""

    sql: str
    columns: tuple[Column, ...]
    several: bool  # owners have its rows
    order: tuple[str, ...] = ()  # columns without two rows alike

    def named(self, alias: str) -> Relation:
        return replace(
            self,
            sql=f"{self.sql} {alias}",
            columns=tuple(replace(c, sql=f"{alias}.{c.sql}") for c in self.columns),
            order=tuple(f"{alias}.{name}" for name in self.order),
        )

    def has(self, name: str) -> bool:
        return any(c.sql.split(".")[-1] == name for c in self.columns)


@dataclass(frozen=True)
class Question:
    """Its parts, and the features of the grammar that it uses."""

    head: str
    select: tuple[str, ...]
    rest: str
    groups: int
    ordered: bool
    features: frozenset[str]
    having: str = ""
    tail: str = ""

    @property
    def text(self) -> str:
        return f"{self.head}SELECT {', '.join(self.select)}\n{self.rest}{self.having}{self.tail}"

    @property
    def rows(self) -> str:
        """How many rows are behind an answer without groups."""
        return f"{self.head}SELECT COUNT(*)\n{self.rest}"

    def __repr__(self) -> str:
        return f"\n{self.text}\n{sorted(self.features)}"


@dataclass
class Writer:
    """Writes one question, drawing at each choice; the first of the options is the simplest."""

    draw: st.DrawFn
    world: World
    features: set[str] = field(default_factory=set)
    ctes: list[str] = field(default_factory=list)

    def one(self, *options: T) -> T:
        return self.draw(st.sampled_from(options))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def feature(self, name: str, sql: T) -> T:
        self.features.add(name)
        return sql

    # Expressions.

    def integer(self, columns: Sequence[Column], depth: int = 1) -> str:
        numbers = [c.sql for c in columns if c.kind == "number"]
        plain = self.one(*numbers) if numbers else str(self.number(-3, 9))
        if depth == 0 or self.chance(2):
            return plain
        inner = self.integer(columns, depth - 1)
        other = self.integer(columns, depth - 1)
        literal = self.number(-3, 9)
        match self.number(0, 9):
            case 0:
                return self.feature("arithmetic", f"({inner} {self.one('+', '-')} {other})")
            case 1:
                return self.feature("arithmetic", f"({inner} * {self.one(2, -1, 3)} - {other})")
            case 2:
                return self.feature("abs", f"ABS({inner})")
            case 3:
                condition = self.condition(columns, depth - 1)
                default = self.one(f" ELSE {other}", " ELSE 0", "")
                return self.feature("case", f"CASE WHEN {condition} THEN {inner}{default} END")
            case 4:
                return self.feature("coalesce", f"COALESCE({inner}, {self.one(literal, other)})")
            case 5:
                op = self.one("GREATEST", "LEAST")
                return self.feature("greatest/least", f"{op}({inner}, {self.one(literal, other)})")
            case 6:
                return self.feature("//", f"({inner} // {self.one(2, 3, -2)})")
            case 7:
                return self.feature("%", f"({inner} % {self.one(2, 3, -2)})")
            case 8:
                return self.feature("nullif", f"NULLIF({inner}, {literal})")
            case _:
                return self.feature("unary minus", f"(-{inner})")

    def condition(self, columns: Sequence[Column], depth: int = 1) -> str:
        if depth and self.chance(3):
            first = self.condition(columns, depth - 1)
            if self.chance(3):
                return self.feature("not", f"NOT ({first})")
            second = self.condition(columns, depth - 1)
            return self.feature("and/or", f"({first} {self.one('AND', 'OR')} {second})")
        column = self.one(*columns)
        if self.chance(6):
            return self.feature("is null", f"{column.sql} IS {self.one('', 'NOT ')}NULL")
        match column.kind:
            case "number":
                return self._of_number(column, columns, depth)
            case "label":
                return self._of_label(column)
            case "text" | "bill":
                return self._of_text(column)
            case "person":
                return self.feature("key = literal", f"{column.sql} {self.one('=', '<>')} 'P1'")

    def _of_number(self, column: Column, columns: Sequence[Column], depth: int) -> str:
        value = self.integer(columns, depth) if self.chance(3) else column.sql
        low = self.number(-2, 4)
        match self.number(0, 3):
            case 0 | 1:
                op = self.one(">", "<", ">=", "<=", "=", "<>")
                other = self.integer(columns, 0) if self.chance(3) else low
                return self.feature("comparison", f"{value} {op} {other}")
            case 2:
                high = self.integer(columns, 0) if self.chance(4) else low + self.number(0, 3)
                return self.feature("between", f"{value} BETWEEN {low} AND {high}")
            case _:
                return self.feature(
                    "in list", f"{value} {self.one('', 'NOT ')}IN ({low}, {low + 2}, 3)"
                )

    def _of_label(self, column: Column) -> str:
        label = self.one("'F'", "'M'", "''", "'a'", "'Z'")
        match self.number(0, 2):
            case 0:
                return self.feature("label", f"{column.sql} {self.one('=', '<>')} {label}")
            case 1:
                return self.feature("label in list", f"{column.sql} IN ('F', {label})")
            case _:
                return self.feature("label order", f"{column.sql} {self.one('<', '>=')} {label}")

    def _of_text(self, column: Column) -> str:
        text = column.sql
        if column.kind == "bill":
            return self.feature("key = literal", f"{text} {self.one('=', '<>')} 'X'")
        match self.number(0, 3):
            case 0:
                pattern = self.one("a%", "%b%", "_b", "A__", "%")
                return self.feature("like", f"{text} {self.one('', 'NOT ')}LIKE '{pattern}'")
            case 1:
                return self.feature("string function", f"UPPER({text}) = 'AB'")
            case 2:
                return self.feature("string function", f"SUBSTRING({text}, 1, 1) = 'a'")
            case _:
                return self.feature("string function", f"LENGTH({text}) > {self.number(0, 2)}")

    # Relations.

    def relation(self, depth: int = 1) -> Relation:
        """A table, or a sub-query over one or several."""
        if depth == 0 or self.chance(2):
            return self.table()
        match self.number(0, 5):
            case 0 | 1:
                found = self.grouped()
            case 2:
                found = self.projected()
            case 3:
                found = self.distinct()
            case 4:
                found = self.window()
            case _:
                found = self.union_all() if self.chance(2) else self.inner_join()
        if self.chance(4):
            name = f"w{len(self.ctes)}"
            self.ctes.append(f"{name} AS {found.sql}")
            return self.feature("cte", replace(found, sql=name))
        return found

    def table(self) -> Relation:
        name = self.one(*self.world.names)
        columns = [Column(c, kind, c in CELLS) for c, kind in KINDS.items()]
        several = name.startswith(UNION)
        order: tuple[str, ...] = ("id",)
        if several:
            self.features.add("union of parties")
            columns.append(Column("party", "label", True))
            order = ("id", "party")
        return Relation(name, tuple(columns), several, order)

    def _source(self) -> tuple[Relation, str]:
        """A table as r, and WHERE."""
        source = self.table().named("r")
        return source, f" WHERE {self.condition(source.columns)}" if self.chance(2) else ""

    def grouped(self) -> Relation:
        source, where = self._source()
        name = "union " if source.several else ""
        keys = list(self.one(("pid",), ("pid", "g"), ("pid", "e"), ("pid", "d"), ("g",)))
        items = [f"r.{key}" for key in keys]
        columns = [Column(key, KINDS[key], key in CELLS) for key in keys]
        for i in range(self.number(0, 2)):
            items.append(f"{self._inner_aggregate(source)} AS x{i}")
            columns.append(Column(f"x{i}", "number"))
        having = ""
        if self.chance(3):
            having = f" HAVING {self._inner_aggregate(source)} > {self.number(0, 3)}"
            self.features.add(f"having in {name}sub-query")
        by = self.one(
            ", ".join(f"r.{key}" for key in keys), ", ".join(str(i + 1) for i in range(len(keys)))
        )
        text = f"(SELECT {', '.join(items)} FROM {source.sql}{where} GROUP BY {by}{having})"
        self.features.add(f"group by in {name}sub-query")
        return Relation(text, tuple(columns), source.several)

    def _inner_aggregate(self, source: Relation) -> str:
        kind = self.one("COUNT(*)", "SUM", "MIN", "MAX", "COUNT", "COUNT(DISTINCT")
        if kind == "COUNT(*)":
            return kind
        if kind == "COUNT(DISTINCT":
            column = self.one("r.party" if source.several else "r.g", "r.g", "r.d")
            return f"COUNT(DISTINCT {column})"
        return f"{kind}({self.integer(source.columns)})"

    def projected(self) -> Relation:
        source, where = self._source()
        items = ["r.pid", "r.id", "r.g", f"{self.integer(source.columns, 2)} AS x0"]
        columns = [Column("pid", "person"), Column("id", "number"), Column("g", "number", True)]
        columns.append(Column("x0", "number"))
        if self.chance(2):
            items.append(f"CASE WHEN {self.condition(source.columns)} THEN 'F' ELSE 'M' END AS s")
            columns.append(Column("s", "label", True))
        if source.several:
            items.append("r.party")
            columns.append(Column("party", "label", True))
        self.features.add("projection")
        text = f"(SELECT {', '.join(items)} FROM {source.sql}{where})"
        return Relation(text, tuple(columns), source.several)

    def distinct(self) -> Relation:
        source, where = self._source()
        keys = list(self.one(("pid",), ("pid", "g"), ("pid", "s", "d"), ("pid", "e")))
        if source.several and self.chance(2):
            keys.append("party")
        columns = [Column(k, "label" if k == "party" else KINDS[k], k in CELLS) for k in keys]
        self.features.add("distinct in union sub-query" if source.several else "distinct")
        items = ", ".join(f"r.{key}" for key in keys)
        return Relation(
            f"(SELECT DISTINCT {items} FROM {source.sql}{where})", tuple(columns), source.several
        )

    def window(self) -> Relation:
        source, where = self._source()
        partition = self.one("r.pid", "r.pid, r.g", "r.s")
        first = self.one((), ("r.d",), ("r.n",))
        down = self.one("", " DESC", "", " DESC NULLS FIRST", " NULLS FIRST")
        order = ", ".join([*(f"{name}{down}" for name in first), *source.order])
        over = f"OVER (PARTITION BY {partition} ORDER BY {order})"
        named = ""
        if self.chance(4):
            named, over = f" WINDOW w AS {over[5:]}", self.feature("named window", "OVER w")
        value = self.one("n", "d", "g")
        match self.number(0, 2):
            case 0:
                function, value = self.feature("row_number", "ROW_NUMBER()"), "id"
            case 1:
                function = self.feature("lead", f"LEAD(r.{value})")
            case _:
                function = self.feature("lag", f"LAG(r.{value}, {self.number(1, 2)})")
        self.features.add("window over union" if source.several else "window")
        text = (
            f"(SELECT r.pid, r.g, r.{value} AS x0, {function} {over} AS x1 "
            f"FROM {source.sql}{where}{named})"
        )
        columns = (
            Column("pid", "person"),
            Column("g", "number", True),
            Column("x0", "number"),
            Column("x1", "number"),
        )
        return Relation(text, columns, source.several)

    def union_all(self) -> Relation:
        parts = []
        for _ in range(2):
            source, where = self._source()
            value = self.integer(source.columns)
            parts.append(f"SELECT r.pid, r.g, {value} AS x0 FROM {source.sql}{where}")
        columns = (Column("pid", "person"), Column("g", "number", True), Column("x0", "number"))
        both = self.one("UNION ALL", "UNION ALL", "UNION")
        return self.feature(both.lower(), Relation(f"({f' {both} '.join(parts)})", columns, True))

    def inner_join(self) -> Relation:
        a, b = self.table().named("r"), self.table().named("q")
        kind = self.one("JOIN", "LEFT JOIN")
        where = f" WHERE {self.condition(a.columns)}" if self.chance(3) else ""
        columns = (
            Column("pid", "person"),
            Column("g", "number", True),
            Column("x0", "number"),
            Column("x1", "number"),
        )
        text = (
            f"(SELECT r.pid, r.g, q.n AS x0, {self.integer(a.columns)} AS x1 "
            f"FROM {a.sql} {kind} {b.sql} ON q.pid = r.pid{where})"
        )
        return self.feature("join in sub-query", Relation(text, columns, True))

    # The question.

    def question(self) -> Question:
        first = self.relation().named("a")
        sight = [first]
        text = first.sql
        for alias in ("b", "c")[: self.one(0, 1, 1, 1, 2)]:
            text += self._join(sight, alias)
        self.features.add(f"{1 + text.count(chr(10))} relations")
        columns = [c for relation in sight for c in relation.columns]
        conditions = [self.condition(columns, 2) for _ in range(self.one(0, 0, 1, 1, 2))]
        if not self.world.known_persons and first.has("pid"):
            # Along one spine of persons a row without a key counts nowhere, unlike in SQL.
            conditions.append(self.feature("persons that may be NULL", "a.pid IS NOT NULL"))
        if self.chance(4):
            test = self._test(first)
            if self.chance(3):
                other = self.condition(columns, 0)
                test = self.feature("in/exists under or", f"({other} OR {test})")
            conditions.append(test)
        if len({c.sql[0] for c in columns if any(c.sql in w for w in conditions)}) > 1:
            self.features.add("where over several relations")
        rest = f"FROM {text}"
        if conditions:
            rest += f"\nWHERE {' AND '.join(conditions)}"
        return self._answered(rest, columns)

    def _join(self, sight: list[Relation], alias: str) -> str:
        right = self.relation().named(alias)
        left = self.one(*sight)
        kind = self.one("JOIN", "JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN")
        name = left.sql.rsplit(" ", 1)[-1]
        keys = [key for key in ("pid", "e", "g", "d") if left.has(key) and right.has(key)]
        if not keys:
            return ""
        ties = [f"{alias}.{keys[0]} = {name}.{keys[0]}"]
        ties += [f"{name}.{key} = {alias}.{key}" for key in keys[1:] if self.chance(5)]
        if len(ties) > 1:
            self.features.add("join on several keys")
        elif keys[0] != "pid":
            self.features.add(f"join on {keys[0]}")
        self.features.add(kind.lower())
        if self.chance(4):
            mine = [c.sql for c in left.columns if c.kind == "number"]
            theirs = [c.sql for c in right.columns if c.kind == "number"]
            if mine and theirs:
                op = self.one("<", ">=", "<>")
                ties.append(f"{self.one(*theirs)} {op} {self.one(*mine)}")
                self.features.add(f"residual of {kind.lower()}")
        if kind in {"JOIN", "LEFT JOIN"}:
            sight.append(right)
        return f"\n{kind} {right.sql} ON {' AND '.join(ties)}"

    def _test(self, outer: Relation) -> str:
        source = self.table().named("z")
        where = f" AND {self.condition(source.columns)}" if self.chance(2) else ""
        negated = self.one("", "NOT ")
        self.features.add(f"{negated}in/exists".lower())
        if not outer.has("pid"):
            return f"a.g {negated}IN (SELECT z.g FROM {source.sql} WHERE z.g IS NOT NULL{where})"
        if self.chance(2):
            return (
                f"a.pid {negated}IN (SELECT z.pid FROM {source.sql} WHERE z.pid IS NOT NULL{where})"
            )
        if self.chance(4):
            mine = [c.sql for c in outer.columns if c.kind == "number"]
            if mine:
                where += f" AND z.d < {self.one(*mine)}"
                self.features.add("residual of exists")
        return f"{negated}EXISTS (SELECT 1 FROM {source.sql} WHERE z.pid = a.pid{where})"

    def _answered(self, rest: str, columns: list[Column]) -> Question:
        keys = [self._key(columns) for _ in range(self.one(0, 1, 1, 2))]
        keys = [key for i, key in enumerate(keys) if key not in keys[:i]]
        if keys and self.chance(6):
            items = tuple(keys)
            rest_of = ""
            self.features.add("select distinct")
            distinct = "DISTINCT "
            measures: list[str] = []
        else:
            distinct = ""
            measures = [self.measure(columns) for _ in range(self.number(1, 3))]
            items = (*keys, *measures)
            rest_of = self._group_by(keys)
        named = [f"{item} AS c{i}" for i, item in enumerate(items)]
        having = ""
        if keys and measures and self.chance(4):
            having = f"\nHAVING {self._having(columns)}"
        tail = self._tail(len(keys), measures)
        head = f"WITH {', '.join(self.ctes)}\n" if self.ctes else ""
        named[0] = distinct + named[0]
        return Question(
            head=head,
            select=tuple(named),
            rest=rest + rest_of,
            groups=len(keys),
            ordered=bool(tail),
            features=frozenset(self.features),
            having=having,
            tail=tail,
        )

    def _key(self, columns: list[Column]) -> str:
        few = [c.sql for c in columns if c.few]
        numbers = [c.sql for c in columns if c.few and c.kind == "number"]
        match self.number(0, 6):
            case 0 | 1 | 2 if few:
                return self.feature("group by column", self.one(*few))
            case 3:
                condition = self.condition(columns)
                other = self.one("'other'", "'M'", "NULL")
                return self.feature(
                    "group by case", f"CASE WHEN {condition} THEN 'F' ELSE {other} END"
                )
            case 4 if numbers:
                return self.feature("group by expression", f"COALESCE({self.one(*numbers)}, 0)")
            case 5 if numbers:
                return self.feature("group by expression", f"{self.one(*numbers)} + 1")
            case 6:
                return self.feature("group by condition", f"({self.condition(columns, 0)})")
        condition = self.condition(columns, 0)
        return self.feature("group by case", f"CASE WHEN {condition} THEN 1 ELSE 2 END")

    def _group_by(self, keys: list[str]) -> str:
        if not keys:
            return ""
        forms = [keys, [f"c{i}" for i in range(len(keys))], [str(i + 1) for i in range(len(keys))]]
        form = self.one(0, 1, 2)
        self.features.add(("group by", "group by alias", "group by ordinal")[form])
        return f"\nGROUP BY {', '.join(forms[form])}"

    def _having(self, columns: list[Column]) -> str:
        self.features.add("having")
        bound = self.number(0, 3)
        match self.number(0, 3):
            case 0:
                return f"COUNT(*) > {bound}"
            case 1:
                return f"SUM({self.integer(columns)}) > {bound}"
            case 2:
                return f"AVG({self.integer(columns, 0)}) > {bound}.5"
            case _:
                return f"MAX({self.integer(columns, 0)}) <= {bound} OR COUNT(*) = 1"

    def _tail(self, keys: int, measures: list[str]) -> str:
        if not keys or not self.chance(3):
            return ""
        order = [f"{i + 1}{self.one('', ' DESC')}" for i in range(keys)]
        whole = [i for i, m in enumerate(measures) if m.startswith(("COUNT", "SUM"))]
        if whole and self.chance(2):
            order.insert(0, f"{keys + 1 + self.one(*whole)}{self.one(' DESC', '')}")
        self.features.add("order by")
        limit = self.feature("limit", f" LIMIT {self.number(1, 3)}") if self.chance(2) else ""
        return f"\nORDER BY {', '.join(order)}{limit}"

    def measure(self, columns: list[Column]) -> str:
        value = self.integer(columns, 2)
        match self.number(0, 11):
            case 0:
                return self._filtered("COUNT(*)", columns)
            case 1:
                every = [c.sql for c in columns]
                return self.feature(
                    "count(x)", self._filtered(f"COUNT({self.one(*every)})", columns)
                )
            case 2:
                every = [c.sql for c in columns]
                return self.feature(
                    "count(distinct)",
                    self._filtered(f"COUNT(DISTINCT {self.one(*every)})", columns),
                )
            case 3 | 4:
                return self.feature("sum", self._filtered(f"SUM({value})", columns))
            case 5:
                return self.feature("avg", self._filtered(f"AVG({value})", columns))
            case 6:
                return self.feature(
                    "min/max", self._filtered(f"{self.one('MIN', 'MAX')}({value})", columns)
                )
            case 7:
                return self.feature("variance", f"{self.one('VAR_SAMP', 'STDDEV')}({value})")
            case 8:
                at = self.one("0.5", "0.25", "0.9", "0", "1")
                return self.feature("quantile", f"QUANTILE_DISC({value}, {at})")
            case 9:
                return self.feature("median", f"MEDIAN({value})")
            case 10:
                return self.feature("ratio", self._ratio(value, columns))
            case _:
                return self.feature("over aggregates", self._over_aggregates(value, columns))

    def _filtered(self, aggregate: str, columns: list[Column]) -> str:
        if not self.chance(5):
            return aggregate
        return self.feature("filter", f"{aggregate} FILTER (WHERE {self.condition(columns)})")

    def _ratio(self, value: str, columns: list[Column]) -> str:
        other = self.integer(columns, 0)
        return self.one(
            f"SUM({value}) / COUNT(*)",
            f"SUM({value}) / NULLIF(SUM({other}), 0)",
            f"100.0 * SUM({value}) / COUNT(*)",
            f"(SUM({value}) - SUM({other})) / COUNT(*)",
            f"1.0 * SUM({value}) / NULLIF(COUNT({other}), 0)",
        )

    def _over_aggregates(self, value: str, columns: list[Column]) -> str:
        other = self.integer(columns, 0)
        return self.one(
            f"SUM({value}) - SUM({other})",
            f"COALESCE(SUM({value}), 0)",
            f"MAX({value}) - MIN({other})",
            f"COUNT(*) - COUNT({other})",
            f"GREATEST(MAX({value}), MAX({other}))",
            f"CASE WHEN COUNT(*) > 2 THEN SUM({value}) ELSE -1 END",
            f"ABS(SUM({value})) * 2 + 1",
        )


@st.composite
def questions(draw: st.DrawFn, world: World) -> Question:
    """A question over the tables of `world`."""
    return Writer(draw, world).question()
