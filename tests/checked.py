"""A small consortium whose rows are checked: settlements of a bureau, cases of two hospitals, and what is poisoned.

joint = consortium(folder); joint.ask(text, checks="leave-out"); with poisoned(table): ... gives a node that lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.joint import Joint

from mpcstats.party.data.given import GivenColumn
from mpcstats.party.data.sources import Own, Sources
from mpcstats.plan.physical import Physical
from mpcstats.records.catalogue import Catalogue

COMPUTE = ("bureau", "h1", "h2")
CATALOGUE = """
version = 1

[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 12
check = [
  { name = "fee parts", holds = "fee = fund + own" },
  { name = "days", holds = "out_day - in_day BETWEEN 0 AND 30" },
]

[dataset.columns]
setl_id = { type = "text", level = "MODERATE", key = "exact", unique = true, nullable = false }
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper", nullable = false, most = 3 }
kind = { type = "integer", level = "MODERATE", domain = [11, 21], nullable = false }
fee = { type = "integer", level = "MODERATE", minimum = -500, maximum = 1_000, nullable = false }
fund = { type = "integer", level = "MODERATE", minimum = -500, maximum = 1_000, nullable = false }
own = { type = "integer", level = "MODERATE", minimum = -500, maximum = 1_000 }
in_day = { type = "integer", level = "MODERATE", minimum = 0, maximum = 100, nullable = false }
out_day = { type = "integer", level = "MODERATE", minimum = 0, maximum = 100, nullable = false }

[[dataset]]
name = "h1.cases"
owner = "h1"
rows = 8
check = [{ name = "parts", holds = "drug <= total" }]

[dataset.columns]
setl_id = { type = "text", level = "MODERATE", key = "exact", unique = true }
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper", nullable = false }
total = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000, nullable = false }
drug = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000, nullable = false }

[[dataset]]
name = "h2.cases"
owner = "h2"
rows = 8
check = [{ name = "parts", holds = "drug <= total" }]

[dataset.columns]
setl_id = { type = "text", level = "MODERATE", key = "exact", unique = true }
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper", nullable = false }
total = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000, nullable = false }
drug = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000, nullable = false }

[[union]]
name = "hospitals.cases"
of = ["h1.cases", "h2.cases"]
"""
CROSSED = """
[[crosscheck]]
name = "fees agree"
left = "bureau.settlement"
right = "hospitals.cases"
on = "setl_id"
holds = "ABS(l.fee - r.total) < 10"
"""
HEADS = {
    "bureau.settlement": "setl_id,certno,kind,fee,fund,own,in_day,out_day",
    "h1.cases": "setl_id,certno,total,drug",
    "h2.cases": "setl_id,certno,total,drug",
}
Table = Sequence[Sequence[object]]
# Of the settlements s3 breaks the sum, s4 the days, s5 has no own part; s2 is told otherwise by its hospital.
ROWS: Mapping[str, Table] = {
    "bureau.settlement": [
        ("s1", "a", 21, 300, 200, 100, 1, 5),
        ("s2", "b", 21, 400, 300, 100, 2, 9),
        ("s3", "c", 21, 500, 500, 100, 3, 9),
        ("s4", "d", 11, 100, 60, 40, 9, 2),
        ("s5", "e", 11, 100, 60, None, 9, 12),
        ("s6", "f", 11, 700, 350, 350, 40, 60),
        ("s7", "a", 11, -200, -100, -100, 7, 7),
    ],
    "h1.cases": [("s1", "a", 300, 120), ("s2", "b", 444, 50), (None, "g", 90, 10)],
    "h2.cases": [("s3", "c", 505, 20), ("s6", "f", 695, 800), ("s9", "h", 10, 1)],
}


def consortium(
    folder: Path,
    rows: Mapping[str, Table] = ROWS,
    *,
    more: str = "",
    engine: str = "rep3",
    row_checks: bool = True,
) -> Joint:
    """The consortium with these rows in `folder`; `more` stands at the end of its catalogue."""
    path = folder / "catalogue.toml"
    text = CATALOGUE if row_checks else re.sub(r"(?ms)^check = \[.*?\]$", "", CATALOGUE)
    path.write_text(text + more, "utf-8")
    files = {}
    for name, table in rows.items():
        lines = [",".join("" if v is None else str(v) for v in row) for row in table]
        files[name] = folder / f"{name}.csv"
        files[name].write_text("\n".join([HEADS[name], *lines]) + "\n", "utf-8")
    compute = COMPUTE if engine == "rep3" else COMPUTE[:1]
    return Joint(Catalogue.load(path), files, compute, "bureau", engine=engine)


@contextmanager
def poisoned(owner: str, column: str, words: Mapping[int, int]) -> Iterator[None]:
    """`owner`'s node puts `words` in place of what its data say, by row, in the shared columns called like `column`,
    or in the one that is called so.

    Its own checks of its data have passed by then.
    """
    honest = Sources.read

    def read(self: Sources, plan: Physical) -> Own:
        found = honest(self, plan)
        for rows in found.rows.values():
            for name, given in rows.columns.items():
                plain = re.sub(r"_\d+$", "", name).rpartition(".")[2]
                if self.party == owner and column in (plain, name):
                    rows.columns[name] = _with(given, words)  # type: ignore[index]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sources, "read", read)
        yield


def _with(given: GivenColumn, words: Mapping[int, int]) -> GivenColumn:
    changed = given.words.copy()
    for row in words.keys() & set(range(changed.size)):
        changed[row] = np.uint64(words[row] % (1 << 64))
    return GivenColumn(changed, given.known)
