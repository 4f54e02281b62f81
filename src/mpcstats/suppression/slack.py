"""Slack: what the values of a table must be like, so that hidden cells can move as far as they must.

A pattern's moves are alternatives to the true table: x + sum_c t_c E_c, where E_c is the effect of the move of least
primary cell c. Each protection says in which box all t may lie independently; a table passes if every alternative in
the box is a possible table. That is one linear inequality a cell. docs/suppression.md has the argument.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mpcstats.errors import UsageError
from mpcstats.suppression.layout import Whole
from mpcstats.suppression.pattern import Pattern

HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Persons:
    """A column that counts the persons by whose number k cells are primary: all numbers from 0 to k - 1 stay possible.

    Of a cell that is not primary it is known that it has at least k. Raises UsageError for k below 1.
    """

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"expected a minimum of at least 1 person, got {self.k}")


@dataclass(frozen=True, slots=True)
class Amounts:
    """A column that is at least 0 in every cell: from 0 up to `percent` % and `least` above its value stay possible.

    `floor` is what a cell that is not primary is known to have at least. Of a margin that is primary without any
    primary cell in it, as much below its value stays possible as above. Raises UsageError for numbers below 0, or a
    `least` of 0.
    """

    percent: int
    least: int = 1
    floor: int = 0

    def __post_init__(self) -> None:
        if self.percent < 0 or self.least < 1 or self.floor < 0:
            raise UsageError(
                "expected a share and a floor of at least 0 and a distance of at least 1, got "
                f"{self.percent} %, {self.floor} and {self.least}"
            )


Protection = Persons | Amounts


@dataclass(frozen=True, slots=True)
class Slack:
    """A cell passes if own * x - sum_c of[., c] * x_c - constant >= 0, c over the least primary cells.

    Shapes (cells,), (cells, moves) and (cells,). Of cells that are not tested all are 0.
    """

    own: Whole = field(repr=False)
    of: Whole = field(repr=False)
    constant: Whole = field(repr=False)

    def of_values(self, pattern: Pattern, values: Whole) -> Whole:
        """The slack of each cell of a table of `values`, shape (cells,)."""
        moving = values[[move.cell for move in pattern.moves]]
        return self.own * values - self.of @ moving - self.constant


def slack(pattern: Pattern, protection: Protection) -> Slack:
    """The inequalities of the cells that some move changes and that are not primary themselves."""
    effects = pattern.effects().T
    tested = np.any(effects != 0, axis=1)
    tested[sorted(pattern.primary)] = False
    effects = np.where(tested[:, None], effects, 0)
    raised, lowered = np.maximum(effects, 0), np.maximum(-effects, 0)
    atoms = set(pattern.layout.atoms)
    whole = np.array([move.cell in atoms for move in pattern.moves], dtype=np.bool_)
    if isinstance(protection, Persons):
        # c falls to 0 and rises to k - 1: by x_c, and by k - 1 - x_c, which may be below 0.
        most = protection.k - 1
        falls, short = np.where(whole, 1, 0), np.where(whole, 0, most)
        rises, far = np.where(whole, -1, 0), np.full(len(whole), most)
        scale, floor = 1, protection.k
    else:
        percent, least = protection.percent, HUNDRED * protection.least
        falls, short = np.where(whole, HUNDRED, percent), np.where(whole, 0, least)
        rises, far = np.full(len(whole), percent), np.full(len(whole), least)
        scale, floor = HUNDRED, HUNDRED * protection.floor
    return Slack(
        np.where(tested, scale, 0).astype(np.int64),
        # Where a move raises a cell, the cell falls when c does; where it lowers it, when c rises.
        (raised * falls + lowered * rises).astype(np.int64),
        (raised @ short + lowered @ far + np.where(tested, floor, 0)).astype(np.int64),
    )


def largest(protection: Protection, bound: int, sets: int, moves: int) -> int:
    """No slack is further from 0: of values whose sum over each of so many grouping sets is at most `bound`."""
    if isinstance(protection, Persons):
        return (1 + sets) * bound + (1 + moves) * protection.k
    constant = HUNDRED * (moves * protection.least + protection.floor)
    return (HUNDRED + sets * (HUNDRED + protection.percent)) * bound + constant


def promised(protection: Protection, value: int) -> tuple[int, int]:
    """The least and greatest value that stay possible for a primary cell of `value` without margins above it."""
    if isinstance(protection, Persons):
        return 0, protection.k - 1
    return 0, value + value * protection.percent // HUNDRED + protection.least
