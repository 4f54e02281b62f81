"""An approval: an authoriser permits one plan, or every question of a template, to named parties for a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.records.names import Digest, ProjectName
from mpcstats.records.papers.asked import Asked
from mpcstats.records.papers.template import Template
from mpcstats.records.papers.term import Termed
from mpcstats.records.papers.words import Count, Number, Parties, Text, Word, Words, joined
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.tomlfile import Listed, Table

KIND = "approval"


class Exemption(Table):
    """`recipients` may see the output columns `cells` even where others see them suppressed; `because` says why.

    With `own_row`, a recipient sees its own row of them alone.
    """

    recipients: Parties
    cells: Words
    because: Text
    own_row: bool = False


class Approval(Termed):
    """What is approved: `plan` (a plan's hash) or `template`, in `scenario`, for one of `purposes`.

    `initiators` may ask, by `users` alone where they are named, within `project` where it is named; the answer
    goes to `recipients` at most; `uses` is how often, `persons` the least number of persons of a cell.
    """

    number: Number
    plan: Digest | None = None
    template: Template | None = None
    scenario: Word
    purposes: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64), Listed]
    initiators: Parties
    users: Annotated[tuple[PrincipalName, ...], Field(max_length=64), Listed] = ()
    recipients: Parties
    project: ProjectName | None = None
    uses: Count
    persons: Count
    exemption: Exemption | None = None

    @model_validator(mode="after")
    def _bound(self) -> Self:
        if (self.plan is None) == (self.template is None):
            raise ValueError("expected plan or template, one of the two")
        if self.exemption is not None and self.template is None:
            raise ValueError("expected an exemption with a template, got one with a plan")
        more = set(self.exemption.recipients if self.exemption else ()) - set(self.recipients)
        if more:
            raise ValueError(
                f"expected an exemption for recipients of the approval, got {joined(tuple(sorted(more)))}"
            )
        return self


def approvers(
    approval: Approval, signers: tuple[str, ...], asked: Asked, principals: Principals
) -> tuple[str, ...]:
    """The signers whose word counts: authorisers on the question's day, other than who asks.

    The role is looked up on the question's day, not on the day of signing, which nobody but the signer knows: what
    an authoriser has signed ends with its role.
    """
    asking = {asked.user, asked.initiator, *approval.users}
    return tuple(
        name
        for name in signers
        if principals.has(name, "authoriser", asked.day) and name not in asking
    )


def faults(
    approval: Approval, signers: tuple[str, ...], asked: Asked, principals: Principals
) -> Iterator[str]:
    """Why the approval does not count for the question, its template and its uses aside; nothing if it does."""
    if not approvers(approval, signers, asked, principals):
        yield (
            f"it is signed by {joined(signers)}: expected an authoriser on {asked.day}, other than who asks"
        )
    yield from approval.out_of_date(asked.day)
    if approval.plan is not None and approval.plan != asked.plan:
        yield f"it is for plan {approval.plan[:16]}, this is {asked.plan[:16]}"
    if approval.scenario != asked.scenario:
        yield f"it is for scenario {approval.scenario}, the question is of {asked.scenario}"
    if asked.purpose not in approval.purposes:
        yield "it is for other purposes than the question's"
    if asked.initiator not in approval.initiators:
        yield f"it is for {joined(approval.initiators)} to ask, not for {asked.initiator}"
    if approval.users and asked.user not in approval.users:
        yield f"it is for {joined(approval.users)} to ask, not for {asked.user or 'nobody in person'}"
    more = tuple(name for name in asked.recipients if name not in approval.recipients)
    if more:
        yield f"it lets {joined(approval.recipients)} learn the answer, not {joined(more)}"
    if approval.project is not None and approval.project != asked.project:
        yield f"it is for project {approval.project}, the question is of {asked.project or 'none'}"
    if asked.persons < approval.persons:
        yield f"it is for cells of {approval.persons} persons or more, the plan opens those of {asked.persons}"
