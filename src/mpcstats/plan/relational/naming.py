"""Names of columns: each its own in the whole question, and still to be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_LETTERS = 40


@dataclass(slots=True)
class Names:
    """The names that are taken."""

    taken: set[str] = field(default_factory=set)

    def fresh(self, wanted: str) -> str:
        """`wanted`, or with a number behind it if that is taken."""
        plain = re.sub(r"[^0-9A-Za-z_.#]", "_", wanted)[:MOST_LETTERS]
        name, number = plain, 1
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return name
