"""Expected decisions: the regression suite of a policy, as a file of cases that its owner keeps beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.policy.authorise import Authorisation, Wish, authorise
from mpcstats.policy.reason import Code
from mpcstats.policy.rule import Name, Policy
from mpcstats.records.tomlfile import Table, Version, read_toml


class Expected(Table):
    """One case: a wish, and what the policy must say to it. `duties` names all obligations, where it is given."""

    scenario: Name
    level: Name
    operation: Name
    form: Name = "aggregate"
    requester: Name = "user"
    recipient: Name | None = None
    expect: Literal["permit", "deny"]
    code: Code | None = None
    duties: list[Name] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.expect == "deny") != (self.code is not None):
            raise ValueError(
                "expected the code of the reason with every denial, and with no permit"
            )
        if self.expect == "deny" and self.duties is not None:
            raise ValueError("expected duties with a permit, got them with a denial")
        return self

    @property
    def wish(self) -> Wish:
        """The wish of the case."""
        return Wish(
            self.scenario,
            self.level,
            self.requester,
            self.operation,
            self.form,
            self.recipient,
        )

    def fault(self, found: Authorisation) -> str | None:
        """What is not as expected; None if all is."""
        denied = found.verdict == "deny"
        if denied != (self.expect == "deny"):
            return f"expected {self.expect}, got {found.verdict}: {found.reason}"
        if self.code is not None and found.reason.code != self.code:
            return f"expected the reason {self.code}, got {found.reason.code}: {found.reason}"
        duties = {obligation.duty for obligation in found.obligations}
        if self.duties is not None and set(self.duties) != duties:
            named = ", ".join(sorted(duties)) or "none"
            return f"expected duties {', '.join(sorted(self.duties)) or 'none'}, got {named}"
        return None


class ExpectedFile(Table):
    """A file of cases."""

    version: Version
    case: Annotated[list[Expected], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Failure:
    """Case `number`, from 1, in words, and what was not as expected."""

    number: int
    case: str
    fault: str


def load_expected(path: Path) -> tuple[Expected, ...]:
    """The cases of the file. Raises UsageError with file and place."""
    return tuple(read_toml(path, ExpectedFile).case)


def failures(policy: Policy, cases: tuple[Expected, ...]) -> tuple[Failure, ...]:
    """The cases that `policy` does not decide as expected, in order."""
    found = []
    for number, case in enumerate(cases, 1):
        fault = case.fault(authorise(policy, case.wish))
        if fault is not None:
            to = "" if case.recipient is None else f" for {case.recipient}"
            words = f"{case.scenario} x {case.level}, {case.operation} as {case.form}{to}"
            found.append(Failure(number, words, fault))
    return tuple(found)
