"""Query budgets: how many questions a log shows as permitted, for a project, template, initiator, purpose or dataset.

Every permit counts, the same question asked again too, and whether or not its run came to an end: who could ask
without being counted could subtract two answers that differ in one person. A repeat, which computes nothing, is no
permit. A charge counts as one question more: an answer whose suppression pattern is another than that of the last
answer of its kind has told something of cells that it does not show.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, Self, get_args

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.day import check_day
from mpcstats.records.record import Record

REQUEST = "request"
DECISION = "decision"
CHARGE = "charge"
Per = Literal["project", "template", "initiator", "purpose", "dataset"]
PERS: tuple[Per, ...] = get_args(Per)


class Spending:
    """The fold; `add` takes a log's records in order. Requests, decisions and charges alone matter.

    What a question counts for is that of the request, or of the decision where the request names none; the
    day is the request's, or that of the record's time. What is asked costs a binary search, so a node keeps one.
    """

    def __init__(self) -> None:
        self._requests: dict[str, Mapping[str, JSON]] = {}
        self._permits: dict[
            str, tuple[str, list[tuple[Per, str, str]]]
        ] = {}  # question -> day, names
        # By what is counted and its name; and of one initiator alone, or of all (None).
        self._days: defaultdict[tuple[Per, str, str | None], list[str]] = defaultdict(list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """What `records` show. Raises UsageError as `add`."""
        spending = cls()
        for record in records:
            spending.add(record)
        return spending

    def add(self, record: Record) -> None:
        """One record more.

        Raises UsageError for a permit whose request is not there, or a charge without its permit: neither could be
        counted.
        """
        if record.kind == REQUEST:
            self._requests[_text(record, "question")] = record.body
        elif record.kind == DECISION and record.body.get("permit") is True:
            question = _text(record, "question")
            if question not in self._requests:
                raise UsageError(
                    f"record {record.index}: expected the request of question {question[:16]} before its "
                    "permit, got none"
                )
            asked = self._requests[question]
            day = check_day(str(asked.get("day") or record.time[:10]))
            names = [(per, name) for per in PERS for name in _names(per, asked, record.body)]
            self._permits[question] = (
                day,
                [(per, name, str(asked.get("initiator"))) for per, name in names],
            )
            self._count(question)
        elif record.kind == CHARGE:
            question = _text(record, "question")
            if question not in self._permits:
                raise UsageError(
                    f"record {record.index}: expected the permit of question {question[:16]} before its "
                    "charge, got none"
                )
            self._count(question)

    def _count(self, question: str) -> None:
        day, names = self._permits[question]
        for per, name, initiator in names:
            for of in (None, initiator):
                insort(self._days[per, name, of], day)

    def names(self, per: Per) -> tuple[str, ...]:
        """The projects, templates or the like of which questions were permitted, in order."""
        return tuple(sorted({name for of, name, _ in self._days if of == per}))

    def spent(
        self, per: Per, name: str, *, since: str, until: str, initiator: str | None = None
    ) -> int:
        """How many questions of that project, template or the like were permitted, both days included.

        With `initiator`, those that it has asked.
        """
        days = self._days.get((per, name, initiator), [])
        first, last = bisect_left(days, check_day(since)), bisect_right(days, check_day(until))
        return max(last - first, 0)


def spent(records: Iterable[Record], per: Per, name: str, *, since: str, until: str) -> int:
    """`Spending.spent` by all of `records`."""
    return Spending.of(records).spent(per, name, since=since, until=until)


def _names(per: Per, asked: Mapping[str, JSON], decided: Mapping[str, JSON]) -> list[str]:
    """What the question counts for: the request says so, or the decision."""
    said = decided.get("datasets") if per == "dataset" else asked.get(per) or decided.get(per)
    found = said if isinstance(said, list | tuple) else [said]
    return [name for name in found if isinstance(name, str)]


def _text(record: Record, name: str) -> str:
    value = record.body.get(name)
    if not isinstance(value, str):
        raise UsageError(f"record {record.index}: expected {name} as text in a {record.kind}")
    return value
