"""Negative controls: vectors of moments and divide that say something else than they compute are caught."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.vectors.files import CHECKOUT, KERNEL


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("moments/narrow_pair", ("inputs", "plain", "columns", 1, 0), 2),
        ("moments/mixed_pair", ("inputs", "plain", "valid", 0), 1),
        ("moments/wide_column", ("results", "a", "xx", 0), "00" * 16),
        ("divide/bit_by_bit", ("inputs", "plain", "denominator", 2), 3),
        ("divide/ratio_rounded", ("sizes", "rounded"), False),
        ("divide/ratio_truncated", ("sizes", "decimals"), 2),
        ("divide/wide_numerator", ("results", "b", "quotient", 1), "00" * 32),
        ("divide/digits_of_two", ("openings",), [{}]),
    ],
)
def test_a_wrong_meaning_is_seen(name: str, path: Sequence[Any], value: Any) -> None:
    protocol, title = name.split("/")
    text = (CHECKOUT / "protocols" / protocol / "vectors" / f"{title}.json").read_text("utf-8")
    vector = json.loads(text)
    KERNEL[protocol].check(copy.deepcopy(vector))
    place = vector
    for step in path[:-1]:
        place = place[step]
    assert place[path[-1]] != value
    place[path[-1]] = value
    with pytest.raises(AssertionError):
        KERNEL[protocol].check(vector)
