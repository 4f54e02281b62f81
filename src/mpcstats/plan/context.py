"""What every stage of planning is given: the question's text, the catalogue, who computes, who accepts whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from mpcstats.errors import UsageError
from mpcstats.plan.facts import Fact, Shape, of_column, united
from mpcstats.plan.limits import Limits
from mpcstats.plan.narrowed import shaped
from mpcstats.plan.offer import PAIR, REP3, SHAMIR
from mpcstats.plan.places import refusal
from mpcstats.plan.strictness import Checks
from mpcstats.records.catalogue import Catalogue, Dataset, Union
from mpcstats.suppression.secondary import Method

Helpers = Callable[[str, str], tuple[str, ...]]  # (left, right) -> whom both owners accept


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one question; `text` is only read to say where something stands.

    What is to be found out beside the answer, for the gate: `persons` of cells and columns, `contributors`: the
    institutions behind amounts, `contributions`: what each adds, `complement`: who does not contribute to a column.
    `suppression` chooses which cells are hidden beside others. `limits`: of what one person adds, by dataset.
    """

    text: str
    catalogue: Catalogue
    compute: tuple[str, ...]
    helpers: Helpers
    persons: bool = True  # not where one is enough
    contributors: bool = False
    contributions: bool = False
    complement: bool = False
    rounding: int = 1  # to a multiple of which counts are rounded
    quantiles: int = 1  # to a multiple of which quantiles are, whatever their rank
    suppression: Method = "greedy"
    percent: int = 10  # of room that hidden amounts have beside totals
    checks: Checks = "none"  # what is done about rows that fail the catalogue's checks, on shares
    limits: Mapping[str, Limits] = field(default_factory=dict)
    engine: str = REP3

    @property
    def opens_averages(self) -> bool:
        """Whether a recipient gets an average as a sum and a number of rows: without a division on shares."""
        return self.engine in (SHAMIR, PAIR)

    @property
    def checked(self) -> bool:
        """Whether what owners put in is checked."""
        return self.checks != "none"

    def refuse(self, node: exp.Expr | None, message: str, keyword: str = "") -> UsageError:
        """The error that `message` is true at `node`, at the `keyword` before it if one is given."""
        return refusal(self.text, node, message, keyword)

    def union(self, name: str) -> Union | None:
        """The union of that name, if it is one."""
        return self.catalogue.union(name)

    def knows(self, name: str) -> bool:
        """Whether `name` is a dataset or a union."""
        return self.union(name) is not None or name in self.catalogue.names

    def members(self, union: Union) -> tuple[Dataset, ...]:
        """The datasets of a union."""
        return tuple(self.catalogue.dataset(name) for name in union.of)

    def shape(self, name: str) -> Shape:
        """The shape of the dataset or union `name`, its keys normalised."""
        union = self.union(name)
        if union is None:
            return self._of_dataset(self.catalogue.dataset(name))
        datasets = self.members(union)
        shapes = [self._of_dataset(dataset) for dataset in datasets]
        owners = tuple(dataset.owner for dataset in datasets)
        columns = {union.party_column: Fact("text", labels=owners, nullable=False)}
        for column in shapes[0].columns:
            if all(column in shape.columns for shape in shapes):
                columns[column] = united([shape.columns[column] for shape in shapes])
        return Shape(sum(shape.rows for shape in shapes), columns)

    def _of_dataset(self, dataset: Dataset) -> Shape:
        columns = {name: of_column(column) for name, column in dataset.columns.items()}
        unique = (frozenset({name}) for name, column in dataset.columns.items() if column.unique)
        shape = Shape(dataset.rows, columns, frozenset(unique))
        return shaped(shape, self.limits.get(dataset.name))
