"""Query budgets: how many questions a log shows as permitted, for a project, a template or an initiator.

Every permit counts, the same question asked again too, and whether or not its run came to an end: who could ask
without being counted could subtract two answers that differ in one person.
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
Per = Literal["project", "template", "initiator"]
PERS: tuple[Per, ...] = get_args(Per)


class Spending:
    """The fold; `add` takes a log's records in order. Requests and decisions alone matter.

    Project, template and initiator are those of the request, or of the decision where the request names none; the
    day is the request's, or that of the record's time. What is asked costs a binary search, so a node keeps one.
    """

    def __init__(self) -> None:
        self._requests: dict[str, Mapping[str, JSON]] = {}
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
        """One record more. Raises UsageError for a permit whose request is not there: it could not be counted."""
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
            day = asked.get("day") or record.time[:10]
            for per in PERS:
                name = asked.get(per) or record.body.get(per)
                if isinstance(name, str):
                    for initiator in (None, str(asked.get("initiator"))):
                        insort(self._days[per, name, initiator], check_day(str(day)))

    def spent(
        self, per: Per, name: str, *, since: str, until: str, initiator: str | None = None
    ) -> int:
        """How many questions of that project, template or initiator were permitted, both days included.

        With `initiator`, those that it has asked.
        """
        days = self._days.get((per, name, initiator), [])
        first, last = bisect_left(days, check_day(since)), bisect_right(days, check_day(until))
        return max(last - first, 0)


def spent(records: Iterable[Record], per: Per, name: str, *, since: str, until: str) -> int:
    """`Spending.spent` by all of `records`."""
    return Spending.of(records).spent(per, name, since=since, until=until)


def _text(record: Record, name: str) -> str:
    value = record.body.get(name)
    if not isinstance(value, str):
        raise UsageError(f"record {record.index}: expected {name} as text in a {record.kind}")
    return value
