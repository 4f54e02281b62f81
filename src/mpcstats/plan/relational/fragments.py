"""The fragment that an owner's part of a relational plan becomes: its query, and the columns that are asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import keys
from mpcstats.plan import physical as plans
from mpcstats.plan.cells import Label
from mpcstats.plan.context import Context
from mpcstats.plan.fragment import audits, normalised_text, pruned, quoted
from mpcstats.plan.items import items
from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import Use
from mpcstats.plan.relational.algebra import INSTITUTION, Expr, Owned, column
from mpcstats.plan.relational.hidden import as_computed
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.wants import DIGEST_MAXIMUM, Want, shaped
from mpcstats.plan.tables import Column

USES: dict[str, Use] = {
    "number": "value",
    "code": "group",
    "flag": "filter",
    "known": "filter",
    "digest": "key",
}


@dataclass(slots=True)
class Leaf:
    """A fragment in the making. `given` are the columns that are put in as shares, the others its owner keeps."""

    name: str
    rel: Owned
    wanted: dict[Want, Column] = field(default_factory=dict)
    composed: dict[tuple[str, ...], Column] = field(default_factory=dict)
    given: list[Column] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """Whose rows they are."""
        return self.rel.owner

    def key(self, names: Sequence[str], fresh: Names) -> Column:
        """The digest of several columns together, NULL where one of them is."""
        known = tuple(names)
        if known not in self.composed:
            nullable = any(self.rel.facts[name].nullable for name in known)
            name = fresh.fresh(f"{known[0]}_key")
            self.composed[known] = Column(name, "digest", 0, DIGEST_MAXIMUM, nullable)
        return self.composed[known]

    def column(self, want: Want, fresh: Names, context: Context) -> Column:
        """The column that `want` asks for. Raises UsageError if its bounds are not known."""
        if want not in self.wanted:
            found = shaped(want, self.rel.facts[want.name], fresh.fresh(want.name))
            if found is None:
                raise unbounded(want.name, fresh, context)
            self.wanted[want] = found
        return self.wanted[want]


def unbounded(name: str, names: Names, context: Context) -> Exception:
    """The error that a number has no bounds, or too wide ones."""
    return context.refuse(
        names.place(name),
        f"{names.said(name)} has no known bounds, or bounds beyond 2^62: state minimum and maximum of its columns in "
        "the catalogue",
    )


def fragment(leaf: Leaf, context: Context, *, compared: bool) -> plans.Fragment:
    """What the owner of `leaf` computes at home; `compared`: on shares, digests are compared with public texts."""
    query = leaf.rel.query
    if not leaf.wanted and not leaf.composed:
        # It is asked only how many rows there are, which any column tells.
        first = next(iter(leaf.rel.facts))
        leaf.wanted[Want(first, "known")] = Column(f"{leaf.name}_there", "flag", 0, 1)
    named: dict[str, tuple[Column, Expr, Use]] = {}
    for want, shared in leaf.wanted.items():
        named[shared.name] = (shared, _selected(want), USES[want.form])
    for names, shared in leaf.composed.items():
        named[shared.name] = (shared, _encoded(names), "key")
    used = {name for want in leaf.wanted for name in (want.name,)}
    used |= {name for names in leaf.composed for name in names}
    uses: dict[str, Use] = {}
    for want in leaf.wanted:
        use: Use = "contributor" if INSTITUTION in want.name else USES[want.form]
        if want.form == "known" and leaf.rel.facts[want.name].names_persons:
            use = "key"  # whether a row names anybody: a person key that is not seen
        uses[want.name] = _stronger(uses.get(want.name), use)
    for names in leaf.composed:
        for name in names:
            uses.setdefault(name, "key")
    plain = query.copy()
    kept = [item for item in plain.expressions if item.alias_or_name in used]
    plain.set("expressions", kept)
    plain = pruned(plain)
    plainly = {want.name for want in leaf.wanted if want.form not in ("digest", "known")}
    blind = frozenset() if compared else frozenset(used - plainly)
    read = items(plain, uses, context, blind)
    outer = ", ".join(
        f"{node.sql(DIALECT)} AS {quoted(name)}" for name, (_, node, _) in named.items()
    )
    text = normalised_text(as_computed(plain), context)
    return plans.Fragment(
        name=leaf.name,
        owner=leaf.owner,
        # Names are the planner's own and quoted, and the inner text is a tree that was checked (plan.names).
        sql=f"SELECT {outer} FROM ({text}) AS fragment",  # noqa: S608
        rows=leaf.rel.rows,
        values=(),
        codes=(),
        items=read,
        audits=audits(read, context),
        columns=tuple(shared for shared, _, _ in named.values()),
    )


def _stronger(first: Use | None, second: Use) -> Use:
    order: tuple[Use, ...] = ("key", "contributor", "filter", "group", "value")
    return second if first is None else max(first, second, key=order.index)


def _selected(want: Want) -> Expr:
    own = column(want.name)
    match want.form:
        case "number":
            return _bigint(own)
        case "flag":
            return exp.Cast(this=own, to=exp.DataType.build("BIGINT"))
        case "known":
            return exp.Cast(
                this=exp.Not(this=exp.Is(this=own, expression=exp.Null())),
                to=exp.DataType.build("BIGINT"),
            )
        case "code":
            return _code(own, want.labels)
        case "digest":
            return _encoded([want.name])
        case "starts" | "again" | "elsewhere":
            raise InternalError(f"expected a form of {want.name} at its owner, got {want.form}")


def _bigint(node: Expr) -> Expr:
    return exp.TryCast(this=node, to=exp.DataType.build("BIGINT"))


def _code(node: Expr, labels: tuple[Label, ...]) -> Expr:
    branches = [
        exp.If(this=_literal(label), true=exp.Literal.number(position))
        for position, label in enumerate(labels)
    ]
    return exp.Cast(this=exp.Case(this=node, ifs=branches), to=exp.DataType.build("BIGINT"))


def _literal(label: Label) -> Expr:
    if label is None or isinstance(label, bool):
        return exp.Null() if label is None else exp.Boolean(this=label)
    return exp.convert(label)


def _encoded(names: Sequence[str]) -> Expr:
    return cast(
        Expr, exp.maybe_parse(keys.encoded([quoted(name) for name in names]), dialect=DIALECT)
    )
