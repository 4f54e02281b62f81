"""Rule: each group expression becomes a code column of the one local that knows it."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.facts import united
from mpcstats.plan.local import known
from mpcstats.plan.logical import (
    Block,
    Code,
    Group,
    Local,
    Merged,
    Source,
    locals_of,
    members_of,
    tables_of,
)
from mpcstats.plan.physical import GroupKey

MOST_CELLS = 4096  # each cell costs one row of bits and one masked sum a total


def group_codes(block: Block, context: Context) -> Block:
    """The block whose groups name their code columns. Raises UsageError where the labels are not public."""
    sources = block.sources
    groups = []
    cells = 1
    for position, group in enumerate(block.groups):
        source = _holder(group, sources, context)
        if isinstance(source, Merged) and len(sources) + len(block.tests) > 1:
            raise context.refuse(
                group.sql,
                f"grouping by a column of {source.name}, which several owners hold, is not "
                "supported yet: group by a column of one owner's relation",
            )
        code = _code(f"g{position}", group, source, context)
        cells *= len(code.labels)
        coded = _with_code(source, code)
        sources = tuple(coded if s is source else s for s in sources)
        groups.append(Group(group.sql, GroupKey(source.name, code.name, code.labels)))
    if cells > MOST_CELLS:
        raise context.refuse(
            block.groups[0].sql, f"expected at most {MOST_CELLS} cells, got {cells}"
        )
    return replace(block, sources=sources, groups=tuple(groups))


def _holder(group: Group, sources: tuple[Source, ...], context: Context) -> Source:
    names = set(tables_of(group.sql))
    holders = [source for source in sources if names & set(members_of(source))]
    if len(holders) != 1:
        raise context.refuse(
            group.sql,
            "expected a group expression over the columns of one owner, got "
            + (" and ".join(source.name for source in holders) or "none"),
        )
    return holders[0]


def _code(name: str, group: Group, source: Source, context: Context) -> Code:
    own = locals_of(source)
    if not own:
        raise context.refuse(group.sql, "expected a relation that has been split by owner")
    known_at = [known(local) for local in own]
    fact = united([about.fact(group.sql) for about in known_at])  # owners may hold different labels
    what = group.sql.sql("duckdb")
    if fact.labels is None or fact.kind not in {"integer", "text"}:
        raise context.refuse(
            group.sql,
            f"the cells of an answer are public, so the values of {what} must be: state its domain in "
            "the catalogue, or group by CASE WHEN ... THEN 'label' ... ELSE 'label' END",
        )
    if fact.nullable:
        raise context.refuse(
            group.sql,
            f"{what} may be NULL: add WHERE {what} IS NOT NULL, or group by COALESCE({what}, one of "
            f"its labels); or have nullable = false stated in the catalogue",
        )
    if own[0].key is not None and not all(about.single for about in known_at):
        raise context.refuse(
            group.sql,
            f"one key may have several rows in {source.name}, and so several values of {what}: "
            "make it one row a key, with GROUP BY the key and MIN(column) in a sub-query; or have "
            "unique = true stated for the key in the catalogue",
        )
    return Code(
        name, group.sql, tuple(sorted(fact.labels, key=lambda label: (str(type(label)), label)))
    )


def _with_code(source: Source, code: Code) -> Source:
    match source:
        case Local():
            return replace(source, codes=(*source.codes, code))
        case Merged():
            own = (replace(part, codes=(*part.codes, code)) for part in source.parts)
            return replace(source, parts=tuple(own))
        case _:
            return source
