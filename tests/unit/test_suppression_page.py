"""The page docs/suppression.md: its example is what the code computes, and its Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mpcstats.suppression.audit import audit
from mpcstats.suppression.layout import cube
from mpcstats.suppression.secondary import secondary
from mpcstats.suppression.slack import Amounts, Persons, promised, slack

PAGE = (Path(__file__).parents[2] / "docs" / "suppression.md").read_text(encoding="utf-8")
K = 11
ROW = re.compile(r"^\| (?:[A-D]|all) \|(.*)\|$", re.MULTILINE)


def tables() -> list[list[str]]:
    """The cells of the two tables of the page, row by row."""
    cells = [
        cell.strip(" *") for row in ROW.findall(PAGE) for cell in row.split("|")
    ]  # five rows of four, twice
    return [cells[:20], cells[20:]]


def test_the_example_is_what_the_code_says() -> None:
    given, shown = tables()
    layout = cube((4, 3))
    values = np.array([int(cell) for cell in given], dtype=np.int64)
    assert np.array_equal(layout.sums(values[list(layout.atoms)]), values)
    primary = [int(c) for c in np.flatnonzero(values < K)]
    pattern = secondary(layout, primary, "greedy")
    assert shown == ["suppressed" if c in pattern.hidden else cell for c, cell in enumerate(given)]
    alone = {c: int(v) for c, v in enumerate(values) if c not in primary}
    assert audit(layout, alone)[5].width == 0
    left = slack(pattern, Persons(K)).of_values(pattern, values)
    told = re.findall(r"^ +\| [A-D], \w+ \| .* >= 11 \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [int(n) for n in told] == [int(left[c]) for c in sorted(pattern.secondary)]
    values[4], values[7] = 16, values[7] - 12
    assert slack(pattern, Persons(K)).of_values(pattern, values)[4] == -1


def test_what_is_promised_is_what_the_page_says() -> None:
    assert promised(Persons(K), 4) == (0, 10)
    assert promised(Amounts(10, least=K, floor=K), 40) == (0, 44 + K)
    assert promised(Amounts(10), 40) == (0, 44 + 1)


def test_the_python_of_the_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    compiled = compile(code, "docs/suppression.md", "exec")
    names: dict[str, object] = {}
    exec(compiled, names)  # noqa: S102 - the page's own example
    assert "found" in names
