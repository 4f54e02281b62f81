"""An answer as a bar chart: its Vega-Lite specification, and the chart that altair makes of it.

A cell without a value has no bar, and its state in words in the bar's place: it is not a bar of height 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mpcstats.errors import UsageError
from mpcstats.party.shown.extra import missing

if TYPE_CHECKING:
    import altair

    from mpcstats.party.answer import Answer

# The chart's own names of fields: a column's name may hold signs that are a path to Vega.
X, Y, COLOR, STATE = "x", "y", "color", "state"


def plot(answer: Answer, *, x: str, y: str, color: str | None) -> altair.LayerChart:
    """The chart of column `y` over the groups of `x`, and of `color` side by side.

    Raises UsageError as `specification`, and if altair is not installed.
    """
    made = specification(answer, x=x, y=y, color=color)
    try:
        import altair
    except ImportError as error:
        raise missing("altair", "plots", error) from None
    return altair.Chart.from_dict(made)


def specification(answer: Answer, *, x: str, y: str, color: str | None = None) -> dict[str, Any]:
    """The chart as plain data, a Vega-Lite specification with the cells in it.

    Raises UsageError unless `x` and `color` are group columns that tell all rows apart, and `y` is a total.
    """
    groups = [name for name in answer.columns if name in answer.labels]
    totals = [name for name in answer.columns if name not in answer.labels]
    places = [_position(answer, x, "x", groups), _position(answer, y, "y", totals)]
    if color is not None:
        places.append(_position(answer, color, COLOR, groups))
    _check_apart(answer, [places[0], *places[2:]], groups)
    names = (X, Y, COLOR)[: len(places)]
    values = [
        {**{n: row[i] for n, i in zip(names, places, strict=True)}, STATE: states[places[1]]}
        for row, states in zip(answer.rows, answer.states, strict=True)
    ]
    unit = answer.units[places[1]]
    height = {"field": Y, "type": "quantitative", "title": y if unit is None else f"{y} ({unit})"}
    return {
        "data": {"values": values},
        "encoding": _shared(x, color),
        "layer": [_bars(height, color), _words(height)],
    }


def _shared(x: str, color: str | None) -> dict[str, Any]:
    """Where a row stands; in the answer's order."""
    place: dict[str, Any] = {X: {"field": X, "type": "nominal", "sort": None, "title": x}}
    if color is not None:
        # Side by side and not stacked: the height of a stack with a suppressed part would be no total.
        place["xOffset"] = {"field": COLOR, "type": "nominal", "sort": None}
    return place


def _bars(height: Mapping[str, Any], color: str | None) -> dict[str, Any]:
    encoding: dict[str, Any] = {Y: {**height, "stack": None}}
    tooltip = [{"field": X, "type": "nominal", "title": "group"}, {**height, "format": ","}]
    if color is not None:
        encoding[COLOR] = {"field": COLOR, "type": "nominal", "sort": None, "title": color}
    return {
        "transform": [{"filter": f"datum.{STATE} === 'value'"}],
        "mark": {"type": "bar"},
        "encoding": {**encoding, "tooltip": tooltip},
    }


def _words(height: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"datum.{STATE} !== 'value'"}],
        "mark": {"type": "text", "angle": 270, "align": "left", "dx": 4, "fontStyle": "italic"},
        "encoding": {
            Y: {"datum": 0, "type": "quantitative", "title": height["title"]},
            "text": {"field": STATE, "type": "nominal"},
            "color": {"value": "gray"},
        },
    }


def _position(answer: Answer, name: str, what: str, among: list[str]) -> int:
    if name not in among:
        known = ", ".join(among) or "none"
        kind = "total" if what == Y else "group"
        raise UsageError(
            f"expected {what}= a {kind} column of the answer ({known}), got {name[:80]!r}"
        )
    return answer.columns.index(name)


def _check_apart(answer: Answer, places: list[int], groups: list[str]) -> None:
    told = {tuple(row[i] for i in places) for row in answer.rows}
    if len(told) < len(answer.rows):
        raise UsageError(
            f"expected x and color that tell the {len(answer.rows)} rows apart, got {len(told)} places: name "
            f"another of {', '.join(groups)} as color, or ask for fewer groups"
        )
