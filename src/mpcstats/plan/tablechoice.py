"""Why a step on shared tables runs its protocol: when it is chosen, and what the others would cost or lack."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.cards.load import Cards
from mpcstats.plan import tables
from mpcstats.plan.cost import spent
from mpcstats.plan.figures import counted, most, size
from mpcstats.plan.flow import reached
from mpcstats.plan.onehot import public_sizes
from mpcstats.plan.physical import Outcome, Physical
from mpcstats.plan.prepared import Table, Tables, common_width, summands
from mpcstats.plan.rowcost import grouped, joined, looked_up
from mpcstats.plan.sizing import Sizing, everyone, then
from mpcstats.plan.tables import Aggregate, TableStep

Reason = tuple[str, str]  # a card, and why it was not chosen


class TableChoice:
    """The choices of the steps of one plan."""

    def __init__(self, plan: Physical, cards: Cards) -> None:
        self._plan = plan
        self._cards = cards
        self._of = Tables.of(plan)

    def because(self, step: TableStep | Outcome) -> str:
        """The conditions under which the planner chooses the step's protocol."""
        match step:
            case tables.Give():
                owners = ", ".join(dict.fromkeys(map(self._owner, step.fragments)))
                return f"later steps take rows of {owners} as shares: nobody else sees them"
            case tables.Stack():
                return "the question takes rows of several owners for one table"
            case tables.Find():
                return self._found(step)
            case tables.Match():
                return f"rows of {step.left} and {step.right} meet by keys that no party has all of"
            case tables.Derive():
                return "its columns are shares: an expression of them is computed on shares"
            case tables.Group():
                return "groups are known to nobody: shared rows are sorted by their keys"
            case tables.GroupOwned():
                owner = self._owner(step.fragment)
                return f"each row of {step.of} is a row of {owner}, which knows its group"
            case tables.Firsts() if step.fragment is not None:
                owner = self._owner(step.fragment)
                return f"{owner} has the rows of {step.of} in order: those that count once stand together"
            case tables.Firsts():
                return f"the rows of {step.of} that count once stand together"
            case tables.Neighbours():
                return "the rows around a row are others' too: shared rows are sorted once"
            case _:
                return _of_cells(step)

    def others(self, step: TableStep | Outcome) -> Iterator[Reason]:
        """Protocols that compute something like it, and why they were not chosen; those that are among the cards."""
        match step:
            case tables.Find() if "sort_join" in self._cards:
                yield "sort_join", self._sort_join(step)
            case tables.Match() if "lookup_join" in self._cards:
                yield "lookup_join", self._lookup(step)
            case tables.Group():
                yield "group_by_owned", self._unowned(step)
                yield "group_by_public", "the groups are not a few that everybody knows"
            case tables.GroupOwned() if "group_by" in self._cards:
                yield "group_by", self._sorted(step.name, step.of, step.keys, step.aggregates)
            case tables.Firsts() if "distinct" in self._cards:
                yield "distinct", "the rows need not be sorted on shares"
            case tables.Tally():
                if "group_by" in self._cards:
                    yield "group_by", self._tallied(step)
                yield (
                    "cohort_count",
                    "it counts rows of one owner whose columns stay with their owners",
                )
            case tables.Spread():
                why = "it adds up: it finds no extremes and no distinct values"
                yield "group_by_public", why
            case tables.Quantile():
                yield "histogram", "it counts values between edges, and finds none"
            case _:
                return

    def _owner(self, fragment: str) -> str:
        return self._plan.fragment(fragment).owner

    def _words(self, sizing: Sizing) -> str:
        cost = spent(sizing, self._cards, self._plan)
        return f"{most(size(sum(cost.bytes_sent.values())), exact=cost.exact)} over all parties"

    def _found(self, step: tables.Find) -> str:
        left, right = self._owner(step.left), self._owner(step.right)
        once = "no key twice" if step.distinct is None else f"{step.distinct:,} keys at most"
        return (
            f"{left} knows the keys of all rows of {step.of} ({once}) and {right} those of {step.right}, no key "
            f"twice; {step.helper} helps: a compute party that both owners accept and that is neither of them"
        )

    def _sort_join(self, step: tables.Find) -> str:
        """The price of the same with secret keys, inputs of the right side left out."""
        left, right = self._of.table(step.of), self._plan.fragment(step.right)
        numbers = sum(column.kind == "number" for column in step.columns)
        bits = sum(1 for column in step.columns if column.kind == "flag")
        texts = sum(column.kind == "digest" for column in step.columns)
        run = joined(
            self._plan,
            step.name,
            rows=left.rows + right.rows,
            key=64,
            moved=numbers + texts + -(-bits // 64),
            copies=1,
        )
        return f"the same rows sorted by secret keys would take {self._words(run)}"

    def _lookup(self, step: tables.Match) -> str:
        left, right = self._of.table(step.left), self._of.table(step.right)
        for name, table in ((step.left, left), (step.right, right)):
            if table.shape.fragment is None:
                owners = dict.fromkeys(map(self._owner, sorted(reached(self._plan)[name])))
                return f"the rows of {name} come from {', '.join(owners)}, and no owner knows all of their keys"
        one, other = (self._owner(t.shape.fragment or "") for t in (left, right))
        if one == other:
            return f"both sides are rows of {one}, and a lookup has two owners"
        if step.most > 1:
            return f"a key may be there {step.most} times on the right, and a lookup finds one row"
        brought = looked_up(
            self._plan, step.name, one, other, left.rows, right.rows, len(step.columns)
        )
        return (
            f"keys of {step.right} may come twice, or {one} and {other} accept no helper; it would take "
            f"{self._words(brought)}"
        )

    def _unowned(self, step: tables.Group) -> str:
        table = self._of.table(step.of)
        if table.shape.fragment is None:
            return f"no owner knows the keys of all rows of {step.of}"
        if any(a.kind not in ("count", "sum") for a in step.aggregates):
            return "it adds up: it finds no extremes and no distinct values"
        owner = self._owner(table.shape.fragment)
        return f"the keys are not all columns of {owner}, whose rows these are"

    def _sorted(
        self,
        name: str,
        of: str,
        keys: tuple[tables.Column, ...],
        aggregates: tuple[Aggregate, ...],
    ) -> str:
        table = self._of.table(of)
        key = sum(common_width([column]) + column.nullable for column in keys)
        sums, _ = summands(aggregates, table)
        return self._by_sort(name, table, key, table.rows, sums)

    def _by_sort(self, name: str, table: Table, key: int, groups: int, sums: int) -> str:
        first, *more = grouped(
            self._plan, name, rows=table.rows, key=key, groups=groups, sums=sums, spreads=[]
        )
        return f"the same rows sorted by secret groups would take {self._words(then(first, more))}"

    def _tallied(self, step: tables.Tally) -> str:
        if step.cells == 1:
            return "there is one cell: nothing has to be sorted"
        table = self._of.table(step.of)
        sums, _ = summands(step.aggregates, table)
        own = Sizing(
            step.name, step.card, public_sizes(table.rows, step.cells, sums), everyone(self._plan)
        )
        key = max(1, (step.cells - 1).bit_length())
        words = self._by_sort(step.name, table, key, step.cells, sums)
        return f"{words}, and sums under one-hot rows take {self._words(own)}"


def _of_cells(step: tables.Cellwise | Outcome) -> str:
    match step:
        case tables.Tally():
            cells = counted(step.cells, "cell")
            return f"the {cells} of the answer are public, and each row's is secret"
        case tables.Spread():
            return "an extreme or a number of distinct values takes rows in order, cell by cell"
        case tables.Quantile():
            return "a quantile takes rows in order, and how many there are in a cell is secret"
        case tables.Deviation():
            return "squares of shared values are added up exactly, in 128 bits where they must"
        case tables.Divide():
            return "the answer shows quotients, and not what they are made of"
        case tables.Margins():
            return "totals are sums of the cells' shares: nothing is sent for them"
        case Outcome():
            return "the gate takes numbers, and which cells are in the answer"
