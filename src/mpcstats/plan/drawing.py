"""An explanation drawn as SVG: fragments at the left, then the steps, the gate, and who gets the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from mpcstats.plan.explanation import Explanation, Joint
from mpcstats.plan.figures import counted, most, size

WIDTH, HEIGHT = 200, 62  # of a box, in pixels
ACROSS, DOWN = 70, 22  # between boxes
MARGIN = 16
LETTERS = 28  # of a line that fits into a box
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#666"/></marker></defs>'
)


Key = tuple[Literal["plan", "recipient"], str]


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the drawing: its class, its lines, the boxes that lead to it, and its column."""

    kind: str
    lines: tuple[str, ...]
    inputs: tuple[Key, ...]
    column: int


def drawing(found: Explanation) -> str:
    """The plan as one svg element; every name in it is escaped."""
    boxes = dict(_boxes(found))
    places = _places(boxes)
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN
    edges = (_edge(places[name], places[to]) for to, box in boxes.items() for name in box.inputs)
    drawn = (_box(box, places[name]) for name, box in boxes.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n<title>The plan</title>\n'
        f"{ARROW}\n{''.join(edges)}{''.join(drawn)}</svg>\n"
    )


def _boxes(found: Explanation) -> Iterator[tuple[Key, Box]]:
    """Every box by its key: a recipient may be called as a fragment is."""
    columns: dict[str, int] = {}
    for home in found.fragments:
        columns[home.name] = 0
        held = (home.owner, home.name, f"at most {home.rows:,} rows")
        yield ("plan", home.name), Box("home", held, (), 0)
    gate = found.steps[-1]
    for step in found.steps:
        columns[step.name] = 1 + max(columns[name] for name in step.inputs)
        inputs: tuple[Key, ...] = tuple(("plan", name) for name in step.inputs)
        kind = "gate" if step is gate else "step"
        yield ("plan", step.name), Box(kind, _lines(step), inputs, columns[step.name])
    for name in found.recipients:
        gets = (name, f"cells of {counted(found.k, 'person')}")
        yield (
            ("recipient", name),
            Box("recipient", gets, (("plan", gate.name),), columns[gate.name] + 1),
        )


def _lines(step: Joint) -> tuple[str, ...]:
    rounds = most(f"{step.rounds} rounds", exact=step.rounds_exact)
    sent = most(size(sum(step.bytes_sent.values())), exact=step.bytes_exact)
    helped = f"{step.card}, {step.helper} helps" if step.helper else step.card
    return (step.name, helped, f"{rounds}, {sent}")


def _places(boxes: Mapping[Key, Box]) -> dict[Key, tuple[int, int]]:
    """The upper left corner of every box: columns side by side, each in the middle of the tallest."""
    columns: dict[int, list[Key]] = {}
    for name, box in boxes.items():
        columns.setdefault(box.column, []).append(name)
    tallest = max(map(len, columns.values()))
    places = {}
    for column, names in columns.items():
        top = MARGIN + (tallest - len(names)) * (HEIGHT + DOWN) // 2
        for row, name in enumerate(names):
            places[name] = (MARGIN + column * (WIDTH + ACROSS), top + row * (HEIGHT + DOWN))
    return places


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + WIDTH, start[1] + HEIGHT // 2
    to_x, to_y = end[0], end[1] + HEIGHT // 2
    bend = ACROSS // 2
    return (
        f'<path class="edge" d="M{x} {y} C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}" '
        'fill="none" stroke="#666" marker-end="url(#arrow)"/>\n'
    )


def _box(box: Box, place: tuple[int, int]) -> str:
    x, y = place
    texts = "".join(
        f'<text x="{x + 8}" y="{y + 18 + 18 * i}">{escape(_short(line))}</text>'
        for i, line in enumerate(box.lines)
    )
    return (
        f'<g class="{box.kind}"><title>{escape(_whole(box.lines))}</title>'
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>{texts}</g>\n'
    )


def _short(line: str) -> str:
    return line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…"


def _whole(lines: Sequence[str]) -> str:
    return "; ".join(lines)
