"""Rule: a scan becomes a relation, with the facts of its columns and the one owner or union whose rows it reads."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.logical import Block, Expr, Relation, Scan, Source
from mpcstats.plan.shapes import shape


def resolve(block: Block, context: Context) -> Block:
    """Every scan as a relation. Raises UsageError for a sub-query over the data of several owners."""

    def relation(source: Source) -> Source:
        return _relation(source, context) if isinstance(source, Scan) else source

    return replace(
        block,
        sources=tuple(relation(source) for source in block.sources),
        tests=tuple(relation(test) for test in block.tests),
    )


def owners(item: Expr, context: Context) -> tuple[str, ...]:
    """Whose rows `item` reads: names of owners, and of unions with a star before them."""
    found: dict[str, None] = {}
    for table in item.find_all(exp.Table, bfs=False):
        name = f"{table.db}.{table.name}"
        union = context.union(name)
        if union is None:
            found[context.catalogue.dataset(name).owner] = None
        else:
            parts = ", ".join(member.owner for member in context.members(union))
            found[f"*{parts}"] = None
    return tuple(found)


def _relation(scan: Scan, context: Context) -> Relation:
    found = owners(scan.item, context)
    if len(found) != 1:
        names = " and ".join(name.removeprefix("*") for name in found)
        raise context.refuse(
            scan.item,
            f"a sub-query reads rows of one owner or of one union, got {names or 'none'}: "
            "join them in the outer SELECT",
        )
    (name,) = found
    known = shape(scan.item, context.shape)
    if not name.startswith("*"):
        return Relation(scan.name, scan.item, known, name, None)
    return Relation(scan.name, scan.item, known, None, name.removeprefix("*"))
