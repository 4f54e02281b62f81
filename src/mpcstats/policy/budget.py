"""A query budget: how many questions a project, a template, or another thing that is counted may have in a period."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mpcstats.records.day import Day, later
from mpcstats.records.tomlfile import Table

Period = Literal["day", "month", "year", "ever"]
Per = Literal["project", "template", "initiator", "purpose", "dataset"]
LENGTH: dict[Period, int] = {"day": 0, "month": 1, "year": 2, "ever": 3}


class Budget(Table):
    """At most `questions` permitted questions for each project, template or the like (`per`) within a `period`.

    Of several datasets that a question reads, the one of which most has been used counts. Purposes are words: rules
    that count by them ask for an approval, which names them.

    Periods are those of the calendar, by the questions' days: 2026-03-01 begins the month of 2026-03-31.
    """

    questions: Annotated[int, Field(ge=0, le=1 << 31)]
    per: Per = "project"
    period: Period = "ever"

    def since(self, day: Day) -> Day:
        """The first day that counts for a question of `day`: earlier questions are of an earlier period."""
        match self.period:
            case "day":
                return day
            case "month":
                return f"{day[:7]}-01"
            case "year":
                return f"{day[:4]}-01-01"
            case "ever":
                return "0001-01-01"

    def until(self, day: Day) -> Day:
        """The last day that counts: who chooses a question's day would not be counted by later ones otherwise."""
        match self.period:
            case "day":
                return day
            case "month":
                return later(f"{later(f'{day[:7]}-28', 4)[:7]}-01", -1)
            case "year":
                return f"{day[:4]}-12-31"
            case "ever":
                return "9999-12-31"

    def wider(self, other: Budget) -> bool:
        """Whether this one may permit a question that `other` does not.

        It does not if it counts the same way, over a period at least as long, to a number no larger. What is
        counted by different things cannot be compared.
        """
        return not (
            self.per == other.per
            and self.questions <= other.questions
            and LENGTH[self.period] >= LENGTH[other.period]
        )

    def __str__(self) -> str:
        whole = "in all" if self.period == "ever" else f"a {self.period}"
        return f"{self.questions} questions {whole} for each {self.per}"
