"""What is asked, as papers see it: who asks whom for what, when, and what the plan reads and runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """One column that the plan reads; `special` if a filter may pick a special code of it."""

    dataset: str
    column: str
    special: bool = False

    def __str__(self) -> str:
        return f"{'special codes of ' if self.special else ''}{self.dataset}.{self.column}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its plan, in the terms of papers.

    `question` and `plan` are digests, `persons` the least number of persons of a cell that is opened, `protocols`
    the card ids of the plan's steps, `operations` what they compute (policy.operations).
    """

    question: str
    plan: str
    scenario: str
    purpose: str
    initiator: str
    recipients: tuple[str, ...]
    user: str | None
    project: str | None
    day: str
    persons: int
    columns: tuple[ColumnRead, ...]
    protocols: tuple[str, ...]
    operations: tuple[str, ...]
