"""What a rule asks of the history: how many persons and earlier cells are compared, and what of other questions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mpcstats.records.tomlfile import Table

MOST_PERSONS = 1 << 30  # protocols.differencing
MOST_CELLS = 1 << 12

# Of questions that are no cohort along one spine, whose cells nothing compares: none, or what the budget lets pass.
Otherwise = Literal["refuse", "budget"]


class History(Table):
    """New cells are compared with up to `cells` earlier ones, in an index of up to `persons` persons an owner.

    Both are public, and the same for all questions: the parties work with so many, whether there are or not. When
    there are more than `cells`, nothing is permitted under the rule any more.
    """

    persons: Annotated[int, Field(ge=1, le=MOST_PERSONS)]
    cells: Annotated[int, Field(ge=1, le=MOST_CELLS)] = 64
    otherwise: Otherwise = "refuse"

    def wider(self, other: History) -> bool:
        """Whether this one may permit a question that `other` does not.

        `persons` is left aside: it is a size, and who has more persons than places is refused.
        """
        return self.cells > other.cells or (
            self.otherwise == "budget" and other.otherwise == "refuse"
        )

    def __str__(self) -> str:
        return f"a comparison with {self.cells} earlier cells"
