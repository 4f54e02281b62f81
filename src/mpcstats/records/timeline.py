"""A timeline: the days and heads of a register's statements, and what each of them left things at.

Days never go back in a register, so what a day's answer was made of is a prefix of its statements: later
statements add to it at the earliest on the register's last day. With a head the prefix is pinned altogether.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

from mpcstats.errors import UsageError
from mpcstats.records.day import check_day
from mpcstats.records.journal import EMPTY, following
from mpcstats.records.signed import Statement

T = TypeVar("T")


class History(Generic[T]):
    """The values of one thing, each from a statement on. The last one is `now`."""

    __slots__ = ("_numbers", "_values")

    def __init__(self, number: int, value: T) -> None:
        self._numbers = [number]
        self._values = [value]

    @property
    def now(self) -> T:
        """The value after the last statement."""
        return self._values[-1]

    def set(self, number: int, value: T) -> None:
        """From statement `number` on it is `value`."""
        self._numbers.append(number)
        self._values.append(value)

    def at(self, number: int) -> T | None:
        """The value after statement `number`; None before the first."""
        found = bisect_right(self._numbers, number)
        return self._values[found - 1] if found else None


class Timeline:
    """The statements that a register has taken, numbered from one."""

    def __init__(self) -> None:
        self._days: list[str] = []
        self._heads = [EMPTY]
        self._numbers = {EMPTY: 0}

    @property
    def number(self) -> int:
        """How many statements there are."""
        return len(self._days)

    @property
    def head(self) -> str:
        """The journal's head after the last of them."""
        return self._heads[-1]

    @property
    def last_day(self) -> str | None:
        """The day of the last of them; answers for the days before it are final."""
        return self._days[-1] if self._days else None

    def check(self, statement: Statement, day: str) -> None:
        """Raises UsageError unless `statement` is signed after this head, and `day` is not before the last one."""
        after = statement.body.get("after")
        if after != self.head:
            raise UsageError(
                f"{statement.kind}: expected a statement after {self.head[:16]}, got one after "
                f"{str(after)[:16]}; sign it again"
            )
        if self._days and day < self._days[-1]:
            raise UsageError(
                f"{statement.kind}: expected a day not before the register's last, {self._days[-1]}, "
                f"got {day}: what was answered for the past stays as it was"
            )

    def advance(self, statement: Statement, day: str) -> int:
        """Take the statement, which `check` has passed; its number."""
        head = following(self.head, statement)
        self._days.append(day)
        self._heads.append(head)
        self._numbers[head] = len(self._days)
        return len(self._days)

    def upto(self, day: str, head: str | None = None) -> int:
        """The last statement that counts on `day`, of those up to `head` if one is given.

        Raises UsageError if `day` is none, or `head` is no head that this register ever had.
        """
        number = bisect_right(self._days, check_day(day))
        return number if head is None else min(number, self.position(head))

    def position(self, head: str) -> int:
        """The number of the statement after which `head` was the head. Raises UsageError if none was."""
        found = self._numbers.get(head)
        if found is None:
            raise UsageError(
                f"expected a head that this register has had, got {head[:16]}: it is another "
                "register's, or statements were taken out"
            )
        return found

    def head_at(self, number: int) -> str:
        """The head after statement `number`."""
        return self._heads[number]
