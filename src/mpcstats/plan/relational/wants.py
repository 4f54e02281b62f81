"""What is wanted of a column on shares: its number, its place among labels, a digest, a truth value, or its NULLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mpcstats.errors import InternalError
from mpcstats.plan.cells import Label
from mpcstats.plan.facts import Fact
from mpcstats.plan.tables import Column

Form = Literal["number", "code", "digest", "flag", "known", "starts", "again", "elsewhere"]
MOST_LABELS = 4096
LARGEST = 1 << 62
DIGEST_MAXIMUM = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Want:
    """Column `name` in a form. code: its place in `labels`. known: whether it is not NULL. starts: whether rows of one
    of its values begin, where such rows stand together. again, elsewhere: whether a row of an owner before, or of any
    other owner, has the value.
    """

    name: str
    form: Form
    labels: tuple[Label, ...] = ()


def is_bit(want: Want, facts: Mapping[str, Fact]) -> bool:
    """Whether a number is wanted that is never anything but 0 and 1."""
    return want.form == "number" and facts[want.name].bounded == (0, 1)


def natural(name: str, fact: Fact) -> Want:
    """The form in which a column can be compared, grouped and ordered."""
    match fact.kind:
        case "integer":
            return Want(name, "number")
        case "boolean":
            return Want(name, "flag")
        case "text" if fact.labels is not None and len(fact.labels) <= MOST_LABELS:
            return Want(name, "code", ordered(fact.labels))
        case _:
            return Want(name, "digest")


def ordered(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Labels in the order in which cells have them."""
    return tuple(sorted(dict.fromkeys(labels), key=lambda label: (str(type(label)), label)))


def shaped(want: Want, fact: Fact, name: str, *, nullable: bool | None = None) -> Column | None:
    """The column on shares that `want` is, under a name of its own; None if the number's bounds are not known."""
    null = fact.nullable if nullable is None else nullable
    match want.form:
        case "number":
            if fact.bounded is None or max(map(abs, fact.bounded)) >= LARGEST:
                return None
            return Column(name, "number", *fact.bounded, null, fact.counts)
        case "code":
            return Column(name, "number", 0, max(0, len(want.labels) - 1), null)
        case "digest":
            return Column(name, "digest", 0, DIGEST_MAXIMUM, null)
        case "flag":
            return Column(name, "flag", 0, 1, null)
        case "known":
            return Column(name, "flag", 0, 1)
    raise InternalError(f"expected a form of a column, got {want.form}")
