"""The bodies of the registration's statements: the form, and what is said at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mpcstats.errors import UsageError
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName
from mpcstats.records.registration.code import check_code
from mpcstats.records.registration.states import Step
from mpcstats.records.rights.events import Asset, Number, Reason
from mpcstats.records.rights.terms import Hash
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

FORMULA = ("=", "+", "-", "@")  # a spreadsheet would compute a cell that begins so


def _line(text: str) -> str:
    if not text.isprintable() or text.strip() != text or text.startswith(FORMULA):
        raise ValueError(
            "expected one line of printable text without blanks around it, not beginning with "
            f"{' '.join(FORMULA)}"
        )
    return text


def _code(text: str) -> str:
    try:
        return check_code(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_line)]
Code = Annotated[str, AfterValidator(_code)]


class Form(Table):
    """What is registered, in the fields of the platform's form; documents by their SHA-256.

    `lineage` are the codes of what a product was made from; a dataset has none.
    """

    asset: Asset
    holder: PrincipalName
    name: Line
    type: Line
    format: Line
    storage: Line
    agent: Line | None = None
    documents: Annotated[tuple[Hash, ...], Field(min_length=1, max_length=64), Listed]
    commitment: Hash  # 承诺书
    lineage: Annotated[tuple[Code, ...], Field(max_length=256), Listed] = ()


class Event(Table):
    """What every statement says: the head it comes after, its day, and which registration it is about."""

    after: Digest
    day: Day
    entry: Number

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        raise NotImplementedError


class Draft(Event):
    """The form, drafted or drafted again. A first one opens the entry."""

    form: Form

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return "draft"


class Plain(Event):
    """A step that says no more than its kind: submit, publish, renew."""

    takes: Literal["submit", "publish", "renew"]

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return self.takes


class Review(Event):
    """The result of the formal review, 形式审核."""

    outcome: Literal["accept", "return"]
    reason: Reason

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return self.outcome


class Objection(Event):
    """Somebody objects while the entry is in publicity."""

    objection: Number
    objector: PrincipalName
    document: Hash

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return "object"


class Resolution(Event):
    """The end of an objection; upheld, the entry goes back to its holder as a draft."""

    objection: Number
    outcome: Literal["dismiss", "uphold"]
    reason: Reason

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return self.outcome


class Coding(Event):
    """The registrar gives the code; the certificate is valid for three years from this day."""

    code: Code

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return "code"


class Amendment(Event):
    """A coded entry has another form: by a change of what is registered, or the correction of an error."""

    amends: Literal["change", "correct"]
    form: Form
    reason: Reason

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return self.amends


class Cancel(Event):
    """The entry ends: withdrawn, or cancelled."""

    reason: Reason

    @property
    def step(self) -> Step:
        """The step of the table that it is."""
        return "cancel"


KINDS: Mapping[str, type[Event]] = {
    "registration-draft": Draft,
    "registration-step": Plain,
    "registration-review": Review,
    "registration-objection": Objection,
    "registration-resolution": Resolution,
    "registration-code": Coding,
    "registration-amendment": Amendment,
    "registration-cancel": Cancel,
}


def read_event(statement: Statement) -> Event:
    """What the statement says. Raises UsageError with the place of every fault in it."""
    model = KINDS.get(statement.kind)
    if model is None:
        raise UsageError(f"expected a statement of {', '.join(KINDS)}, got {statement.kind}")
    return body_as(statement, model)
