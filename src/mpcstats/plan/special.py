"""Which columns with special codes a fragment may use to tell special codes from others: a whitelist of uses.

A column with `special` ranges is below HIGH only if every place where the fragment names it is one of

| place                                                                    | what must hold              |
| ------------------------------------------------------------------------ | --------------------------- |
| `= < <= > >=` or BETWEEN against text, IN (texts), LIKE 'prefix%',       | all that the condition      |
| in an AND/OR combination (no NOT) in WHERE or ON of an inner join        | admits is not special       |
| IS NOT NULL in such a combination                                        |                             |
| such a combination after WHEN of a CASE in a select list                 | as in WHERE; no sub-query   |
| the bare column in the select list of a sub-query of FROM or UNION ALL   | no DISTINCT, GROUP BY       |
| the bare column, or SUBSTR of it with numbers, as an output that is      | no window, no HAVING        |
| `blind`, and as the same expression in GROUP BY                          |                             |

Such a condition is true or not whatever the column holds outside of what it admits: special codes are not told
from all others outside. Hence the second rule, for what is said of the *others* (NOT IN over another owner's rows,
ELSE of a CASE, a count of zero): all that the conditions of a fragment admit of a column, together, begins with at
most BREADTH different letters or digits, and under one of them it is not on both sides of a special range.

An output is blind if only digests of it go out, as shares, and only to be compared with one another: that tells which
rows have equal codes and no code. (Nothing on shares compares a digest with a text of the question then.)

Sub-queries count only where rows that they lack are just missing: in FROM and inner joins, in IN and EXISTS of such
a combination. A text counts as it is written and as trimmed upper case; no owner has a special code in another
spelling (party.data.table). What cannot be told is HIGH.

Left open: several fragments (tests of NOT IN over several owners' rows, one question after the other) may each
admit another part of the codes that are not special, so that only special ones remain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.plan import ranges
from mpcstats.plan.lineage import Base, behind, origins, source_of
from mpcstats.plan.ranges import Ranges

BREADTH = 6
HEADS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.EQ: "=",
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
INNER = frozenset({"", "INNER", "CROSS"})
# What a SELECT may have besides for its bare columns to be passed on row by row.
ROW_BY_ROW = frozenset({"expressions", "from_", "joins", "where", "order", "limit", "offset"})
Place = tuple[
    int, str, str
]  # the SELECT in whose FROM it stands, the relation's name there, the column


def flagged(
    query: exp.Query, special: Mapping[Base, Ranges], blind: frozenset[str] = frozenset()
) -> set[Base]:
    """The columns of `special` (those with such codes) that `query` names elsewhere than in the table above.

    `blind` are outputs of `query`.
    """
    walk = _Walk(query, special)
    walk.read(query, passes=False, blind=blind)
    found = {base for base, codes in walk.admitted.items() if broad(codes, special[base])}
    for column in query.find_all(exp.Column):
        if id(column) not in walk.fine:
            found |= walk.bases(column)
    return found


def broad(codes: Ranges, special: Ranges) -> bool:
    """Whether `codes` are so many, or so close around `special` ones, that the others are mostly special."""
    if sum(ranges.meet(codes, _begins(head, head)) for head in HEADS) > BREADTH:
        return True
    return any(
        ranges.meet(codes, ranges.between(low[:1], low))
        and ranges.meet(codes, ranges.intersection(_begins(low, high), ranges.compared(">=", high)))
        for low, high in special
        if high is not None
    )


def _begins(first: str, last: str) -> Ranges:
    """All texts whose first character is one from that of `first` to that of `last`."""
    return ranges.between(first[:1], last[:1] + ranges.HIGHEST)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """The codes with which a condition can be true; `always` if it is true with no other ones.

    Otherwise it may also be true whatever the column holds, and then an intersection with other codes says nothing.
    """

    codes: Ranges
    always: bool


_Condition = dict[Place, _Admitted]


class _Walk:
    """One walk over a query: the columns that stand where they may, and what the conditions admit of them."""

    def __init__(self, query: exp.Query, special: Mapping[Base, Ranges]) -> None:
        self._scopes = {id(scope.expression): scope for scope in traverse_scope(query)}
        self._special = special
        self._optional: set[tuple[int, str]] = set()  # relations on the optional side of a join
        self.fine: set[int] = set()  # by id of a column's node
        self.admitted: dict[Base, Ranges] = {}

    def read(self, query: exp.Expr, *, passes: bool, blind: frozenset[str] = frozenset()) -> None:
        """A query of whose rows only those that it has count; `passes` if its columns are only passed on."""
        query = query.unnest()
        if isinstance(query, exp.Union):
            passes = passes and not query.args.get("distinct") and not query.args.get("order")
            self.read(query.this, passes=passes)
            self.read(query.expression, passes=passes)
        elif isinstance(query, exp.Select) and id(query) in self._scopes:
            self._read_select(query, passes=passes, blind=blind)

    def bases(self, column: exp.Column) -> set[Base]:
        """The columns with special codes whose values `column` may hold; all of them if it cannot be told."""
        scope = self._home(column)
        if scope is None or not behind(column, scope):
            return set(self._special)
        return {b for b in origins(column, scope) if b is not None and b in self._special}

    def _home(self, column: exp.Column) -> Scope | None:
        return self._scopes.get(id(column.find_ancestor(exp.Select, exp.SetOperation)))

    def _read_select(self, query: exp.Select, *, passes: bool, blind: frozenset[str]) -> None:
        joins: list[exp.Join] = query.args.get("joins") or []
        inner = [join for join in joins if not join.side and join.kind in INNER]
        left = [join for join in joins if join.side == "LEFT" and join.kind in {"", "OUTER"}]
        if len(inner) + len(left) < len(joins) or query.args.get("from_") is None:
            return
        self._optional |= {(id(query), join.alias_or_name) for join in left}
        seen = self._read_blind(query, blind)
        for source in (query.args["from_"].this, *(join.this for join in inner)):
            self.read(source, passes=True, blind=seen.get(source.alias_or_name, frozenset()))
        where = query.args.get("where")
        conditions = [where.this] if where is not None else []
        conditions += [join.args["on"] for join in inner if join.args.get("on") is not None]
        self._read_conditions(conditions)
        for condition in _cases(query):
            self._read_conditions([condition])
        orders = query.args["order"].expressions if query.args.get("order") is not None else []
        by_position = any(isinstance(ordered.this.unnest(), exp.Literal) for ordered in orders)
        if passes and not by_position and {n for n, arg in query.args.items() if arg} <= ROW_BY_ROW:
            items = (item.unalias() for item in query.expressions)
            self.fine |= {id(item) for item in items if isinstance(item, exp.Column)}

    def _read_blind(self, query: exp.Select, blind: frozenset[str]) -> dict[str, frozenset[str]]:
        """Notes what stands behind blind outputs; the columns of relations in FROM that so are blind, by relation."""
        if any(query.args.get(name) for name in ("having", "qualify", "windows")):
            return {}
        items = [i.unalias().unnest() for i in query.expressions if i.alias_or_name in blind]
        shown = [i.unalias().unnest() for i in query.expressions if i.alias_or_name not in blind]
        group = query.args.get("group")
        keys = [key.unnest() for key in group.expressions] if group is not None else []
        seen: dict[str, set[str]] = {}
        for node in items:
            column = _cut(node)
            if column is None or any(column in part.find_all(exp.Column) for part in shown):
                continue
            same = [node, *(key for key in keys if key == node)]
            self.fine |= {id(part) for one in same for part in one.find_all(exp.Column)}
            seen.setdefault(column.table, set()).add(column.name)
        return {table: frozenset(names) for table, names in seen.items()}

    def _read_conditions(self, conditions: list[exp.Expr]) -> None:
        """The conditions hold together, so a column is admitted what all of them admit."""
        columns: list[exp.Column] = []
        whole: _Condition = {}
        for condition in conditions:
            whole = _both(whole, self._condition(condition, columns))
        for column in columns:
            place, bases = self._place(column), self.bases(column)
            if place is None:
                continue
            codes = whole[place].codes
            if any(ranges.meet(codes, self._special[base]) for base in bases):
                continue
            self.fine.add(id(column))
            for base in bases:
                self.admitted[base] = ranges.union([self.admitted.get(base, ()), codes])

    def _condition(self, node: exp.Expr, columns: list[exp.Column]) -> _Condition:
        """What `node` admits; the columns that it compares with texts are added to `columns`."""
        match node:
            case exp.Paren():
                return self._condition(node.this, columns)
            case exp.And() | exp.Or():
                join = _both if isinstance(node, exp.And) else _either
                first = self._condition(node.this, columns)
                return join(first, self._condition(node.expression, columns))
            case exp.Not() if _is_null_test(node.this):
                if self._place(node.this.this) is not None:
                    self.fine.add(id(node.this.this))
            case exp.In() if node.args.get("query") is not None:
                self.read(node.args["query"], passes=False)
            case exp.Exists():
                self.read(node.this, passes=True)
            case _:
                compared = _compared(node)
                place = None if compared is None else self._place(compared[0])
                if compared is not None and place is not None:
                    columns.append(compared[0])
                    return {place: _Admitted(compared[1], always=True)}
        return {}

    def _place(self, column: exp.Column) -> Place | None:
        """Where `column` comes from; None if that cannot be told, or is the optional side of a join."""
        scope = self._home(column)
        found = None if scope is None else source_of(column, scope)
        if found is None:
            return None
        query = id(found[1].expression)
        return (
            None if (query, column.table) in self._optional else (query, column.table, column.name)
        )


def _both(first: _Condition, second: _Condition) -> _Condition:
    """AND. Where both conditions always bound the column it has to keep both; else the surer one is a bound."""
    result = {**first, **second}
    for place in first.keys() & second.keys():
        one, other = first[place], second[place]
        if one.always and other.always:
            result[place] = _Admitted(ranges.intersection(one.codes, other.codes), always=True)
        elif one.always or other.always:
            result[place] = one if one.always else other
        else:
            result[place] = _Admitted(ranges.union([one.codes, other.codes]), always=False)
    return result


def _either(first: _Condition, second: _Condition) -> _Condition:
    """OR. A column that only one side bounds may hold anything when the other side is true."""
    result: _Condition = {}
    for place in first.keys() | second.keys():
        found = [side[place] for side in (first, second) if place in side]
        always = len(found) == 2 and all(one.always for one in found)
        result[place] = _Admitted(ranges.union(one.codes for one in found), always)
    return result


def _cases(query: exp.Select) -> Iterator[exp.Expr]:
    """The conditions without sub-queries of each CASE WHEN in the select list of `query` itself."""
    for case in (case for item in query.expressions for case in item.find_all(exp.Case)):
        if case.find_ancestor(exp.Select, exp.SetOperation) is query and case.this is None:
            conditions = (branch.this for branch in case.args["ifs"])
            yield from (c for c in conditions if c.find(exp.Query) is None)


def _cut(node: exp.Expr) -> exp.Column | None:
    """The column that `node` is, or of which it is a part at places that the question names."""
    if isinstance(node, exp.Substring | exp.Left):
        places = [part for name, part in node.args.items() if name != "this" and part is not None]
        if all(isinstance(part, exp.Literal) for part in places):
            node = node.this.unnest()
    return node if isinstance(node, exp.Column) else None


def _is_null_test(node: exp.Expr) -> bool:
    return (
        isinstance(node, exp.Is)
        and isinstance(node.this, exp.Column)
        and isinstance(node.expression, exp.Null)
        and not node.args.get("negate")
    )


def _compared(node: exp.Expr) -> tuple[exp.Column, Ranges] | None:
    """The column that `node` compares with texts, and the codes with which it is true; None for all else."""
    column, texts, codes = node.this, _texts(node), _codes(node)
    if type(node) in COMPARISONS and isinstance(node.expression, exp.Column):
        column = node.expression
    if codes is None or not texts or None in texts or not isinstance(column, exp.Column):
        return None
    return column, codes([text for text in texts if text is not None])


def _texts(node: exp.Expr) -> list[str | None]:
    """The operands that should be texts, None for one that is none."""
    match node:
        case exp.In():
            return [_text(value) for value in node.expressions]
        case exp.Between():
            return [_text(node.args["low"]), _text(node.args["high"])]
        case _ if isinstance(node.args.get("expression"), exp.Column):
            return [_text(node.this)]
        case _:
            return [_text(node.args.get("expression"))]


def _codes(node: exp.Expr) -> Callable[[list[str]], Ranges] | None:
    """How the texts of `node` become what it admits; None if it has no such form, or more to it than that."""
    operator = COMPARISONS.get(type(node), "")
    known = {"this", "expression", "expressions", "low", "high"}
    if any(arg and name not in known for name, arg in node.args.items()):
        return None
    if operator:
        mirrored = isinstance(node.expression, exp.Column)
        return lambda texts: _spelt(MIRRORED[operator] if mirrored else operator, texts[0])
    if type(node) is exp.In:
        return lambda texts: ranges.union(_spelt("=", text) for text in texts)
    if type(node) is exp.Between:
        return lambda texts: ranges.intersection(_spelt(">=", texts[0]), _spelt("<=", texts[1]))
    if type(node) is exp.Like and (prefix := _prefix(_text(node.expression))) is not None:
        return lambda _: ranges.union(ranges.prefixed(p) for p in (prefix, _normal(prefix)))
    return None


def _spelt(operator: str, text: str) -> Ranges:
    """The codes t with `t operator text`, for `text` as it is written and as codes are written."""
    return ranges.union(ranges.compared(operator, t) for t in (text, _normal(text)))


def _normal(text: str) -> str:
    return text.strip().upper()


def _prefix(pattern: str | None) -> str | None:
    """What is before the only wildcard of a LIKE pattern, a % at its end."""
    prefix = (pattern or "")[:-1]
    plain = bool(pattern) and f"{prefix}%" == pattern and not set(prefix) & set("%_")
    return prefix if plain else None


def _text(node: exp.Expr | None) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None
