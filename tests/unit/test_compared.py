"""Estimate beside actual: a row for each party that tells its figures, and where the estimate is a bound."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from mpcstats.party.compared import HEADS, Row, compared
from mpcstats.plan.cost import Estimate, Network, StepCost

SENT: Mapping[str, int] = {"a": 1000, "b": 20_000}
NETWORKS = (Network("here", 0, math.inf), Network("far", 3, math.inf))


def cost(*, exact: bool = True) -> Estimate:
    return Estimate((StepCost("sum", "sum", exact, exact, 5, SENT),), 5, SENT)


def spent(more: int = 0) -> dict[str, dict[str, int]]:
    """Of b, and of c, which sends nothing by the plan."""
    return {
        "b": {"rounds": 6, "bytes_sent": SENT["b"] + more, "wall_ms": 1500},
        "c": {"rounds": 0, "bytes_sent": 0, "wall_ms": 1600},
    }


def test_every_party_that_tells_has_a_row() -> None:
    found = compared(cost(), spent(), NETWORKS)
    assert found.rows == (Row("b", 5, 6, 20_000, 20_000, 1.5), Row("c", 5, 0, 0, 0, 1.6))
    assert found.bytes_exact
    here, far = found.seconds_estimated.values()
    assert far == pytest.approx(here + 15)


def test_one_byte_more_shows() -> None:
    found = compared(cost(), spent(more=1), NETWORKS)
    assert [row.bytes_sent - row.bytes_estimated for row in found.rows] == [1, 0]
    assert "20,000  20,001" in str(found)
    assert "20,001" not in str(compared(cost(), spent(), NETWORKS))


def test_the_table_says_where_bytes_are_a_bound() -> None:
    exact = str(compared(cost(), spent(), NETWORKS)).splitlines()
    assert exact[0].split() == " ".join(HEADS).split()
    assert exact[1].split() == ["b", "5", "6", "20,000", "20,000", "1.50"]
    assert exact[-1].startswith("seconds estimated, roughly: here ")
    bounded = str(compared(cost(exact=False), spent(), NETWORKS)).splitlines()
    assert bounded[1].split() == ["b", "5", "6", "at", "most", "20,000", "20,000", "1.50"]


def test_json_keeps_its_keys() -> None:
    found = json.loads(json.dumps(compared(cost(), spent(), NETWORKS).to_json()))
    assert set(found) == {"rows", "bytes_exact", "seconds_estimated"}
    assert set(found["rows"][0]) == {
        *("party", "rounds_estimated", "rounds"),
        *("bytes_estimated", "bytes_sent", "seconds"),
    }
