"""A licence: an authoriser lets an operator run protocols over named columns, and the operator does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.records.names import DatasetName
from mpcstats.records.papers.asked import Asked, ColumnRead
from mpcstats.records.papers.term import Termed
from mpcstats.records.papers.words import Count, Number, Word, Words, joined
from mpcstats.records.principals import PrincipalName, Principals

KIND = "licence"


class Licence(Termed):
    """`operator` may run `protocols` (card ids) in steps of `operations` over `columns` (dataset -> columns).

    In `scenario`, at most `quota` times. `special` columns (as "dataset.column") are those whose special codes
    may be picked too. What is not listed is not licensed.
    """

    number: Number
    operator: PrincipalName
    scenario: Word
    columns: Annotated[dict[DatasetName, Words], Field(min_length=1, max_length=256)]
    special: Words | None = None
    protocols: Words
    operations: Words
    quota: Count

    @model_validator(mode="after")
    def _special_listed(self) -> Self:
        listed = {
            f"{name}.{column}" for name, columns in self.columns.items() for column in columns
        }
        unlisted = sorted(set(self.special or ()) - listed)
        if unlisted:
            raise ValueError(f"expected special columns among the columns, got {unlisted[0]}")
        return self


def operators(asked: Asked, principals: Principals) -> tuple[str, ...]:
    """Who of those that ask is an operator on the question's day: the user, the initiator, or nobody."""
    names = (asked.initiator,) if asked.user is None else (asked.user, asked.initiator)
    return tuple(name for name in names if principals.has(name, "operator", asked.day))


def faults(
    licence: Licence, signers: tuple[str, ...], asked: Asked, principals: Principals
) -> Iterator[str]:
    """Why the question is not inside the licence, column by column and step by step; its quota aside."""
    given = [
        name
        for name in signers
        if principals.has(name, "authoriser", asked.day) and name != licence.operator
    ]
    if not given:
        yield f"it is signed by {joined(signers)}: expected an authoriser on {asked.day}"
    if licence.operator not in operators(asked, principals):
        asking = asked.user or asked.initiator
        yield f"it is for operator {licence.operator}, {asking} asks"
    yield from licence.out_of_date(asked.day)
    if licence.scenario != asked.scenario:
        yield f"it is for scenario {licence.scenario}, the question is of {asked.scenario}"
    for column in asked.columns:
        if not _licensed(licence, column):
            yield f"it does not cover {column}"
    for protocol in dict.fromkeys(asked.protocols):
        if protocol not in licence.protocols:
            yield f"it does not cover protocol {protocol}"
    for operation in dict.fromkeys(asked.operations):
        if operation not in licence.operations:
            yield f"it does not cover operation {operation}"


def _licensed(licence: Licence, read: ColumnRead) -> bool:
    if read.column not in licence.columns.get(read.dataset, ()):
        return False
    return not read.special or f"{read.dataset}.{read.column}" in (licence.special or ())
