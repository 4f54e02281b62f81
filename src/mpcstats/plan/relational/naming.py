"""Names of columns: each its own in the whole question, still to be read, and traced back to where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.names import DIALECT

MOST_LETTERS = 40
MOST_ALIAS = 20  # of a hidden column, whose role must be told from its name
MOST_SHOWN = 80


@dataclass(slots=True)
class Names:
    """The names that are taken, and the part of the question that each stands for, where it is one.

    Of hidden columns: `institutions` says which institution's rows one counts, where the catalogue knows it; `parts`
    has, of a column of sums and the beginning of the names of its dataset's institutions, the columns with what each
    of these adds to it; `single` are the beginnings of those of which a row has one. `sources` has, by such a
    beginning, the column that says of which institution a row is, where that is one dataset's own; `whole` are those of
    datasets whose rows are all of an institution that the catalogue names.
    """

    taken: set[str] = field(default_factory=set)
    places: dict[str, exp.Expr] = field(default_factory=dict)
    institutions: dict[str, Label] = field(default_factory=dict)
    parts: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    def fresh(self, wanted: str) -> str:
        """`wanted`, or with a number behind it if that is taken."""
        plain = re.sub(r"[^0-9A-Za-z_.#]", "_", wanted)[:MOST_LETTERS]
        name, number = plain, 1
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return name

    def asked(self, alias: str, name: str) -> str:
        """A name for the column `name` of relation `alias` that the question names: never one of a hidden column."""
        return self.fresh(f"{alias}.{name}".replace("#", "_"))

    def hidden(self, alias: str, roles: Iterable[str]) -> dict[str, str]:
        """Names for the hidden columns of `alias`, by role, all with one beginning that is their own."""
        own = self.fresh(alias.replace("#", "_")[:MOST_ALIAS])
        found = {role: f"{own}.{role}" for role in roles}
        self.taken |= set(found.values())
        return found

    def note(self, name: str, node: exp.Expr) -> None:
        """Remembers that `name` stands for `node`; the first place is kept."""
        self.places.setdefault(name, node)

    def place(self, name: str) -> exp.Expr | None:
        """What `name` stands for in the question."""
        return self.places.get(name)

    def said(self, name: str) -> str:
        """The column as the question has it."""
        node = self.places.get(name)
        return name if node is None else shown(node.copy().transform(self._in_question))

    def _in_question(self, part: exp.Expr) -> exp.Expr:
        # Columns of relations are the question's own.
        plain = isinstance(part, exp.Column) and not part.table and part.name in self.places
        return self.places[part.name].copy() if plain else part


def shown(node: exp.Expr) -> str:
    """An expression over the algebra's columns, for a message."""
    return node.sql(DIALECT).replace('"', "")[:MOST_SHOWN]
