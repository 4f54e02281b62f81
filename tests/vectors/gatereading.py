"""What a recipient of the gate learns, read off the rules: by who could tell what, not by the sums that it computes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.vectors.world import Setting

Row = Sequence[int]


def expected(sizes: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """What a recipient learns of the numbers in `plain`."""
    cells, k = range(sizes["cells"]), sizes["k"]
    appears = plain["appears"] or [1] * len(cells)
    shown = [int(max(p[i] for p in plain["persons"]) >= k and appears[i] == 1) for i in cells]
    released = [
        [int(s and may_be_told(sizes, plain, b, i)) for i, s in enumerate(shown)]
        for b in sizes["behind"]
    ]
    known = [
        [r * (1 if there is None else there[i]) for i, r in enumerate(row)]
        for row, there in zip(released, plain["known"], strict=True)
    ]
    values = [
        [v * b for v, b in zip(column, row, strict=True)]
        for column, row in zip(plain["values"], known, strict=True)
    ]
    return {"shown": shown, "released": released, "known": known, "values": values}


def may_be_told(sizes: dict[str, Any], plain: dict[str, Any], behind: Setting, i: int) -> bool:
    """Whether a column passes in cell i, which is shown."""
    k, counts = sizes["k"], plain["counts"]
    support = None if behind["support"] is None else counts[behind["support"]][i]
    if behind["rank"] is not None:
        values = range(1, (plain["persons"][0][i] if support is None else support) + 1)
        place = -(-len(values) * behind["rank"][0] // behind["rank"][1])
        if len(values[: max(place - 1, 0)]) < k or len(values[place:]) < k:
            return False
    elif support is not None and support < k and not (support == 0 and sizes["zeros"]):
        return False
    if sizes["complement"] and any(counts[rest][i] in range(1, k) for rest in behind["rests"]):
        return False
    if not behind["magnitude"] or not (sizes["contributors"] > 1 or sizes["p"] or sizes["largest"]):
        return True
    datasets = {sizes["of"][a] for a in behind["amounts"]}
    return all(are_enough(sizes, plain["institutions"][d], d, i) for d in datasets) and all(
        is_safe(sizes, plain["amounts"][a], sizes["of"][a], i) for a in behind["amounts"]
    )


def own_of(sizes: dict[str, Any], dataset: int) -> list[int]:
    own: list[int] = sizes["own"][dataset] if sizes["own"] else []
    return own if len(own) > 1 else []


def are_enough(sizes: dict[str, Any], rows: Sequence[Row], dataset: int, i: int) -> bool:
    """Whether m institutions are there, and m - 1 whom the recipient does not know."""
    m, own = sizes["contributors"], own_of(sizes, dataset)
    there = {p for p, each in enumerate(rows) if each[i]}
    return len(there) >= m and (not own or m == 1 or len(there - {*own}) >= m - 1)


def is_safe(sizes: dict[str, Any], amount: dict[str, Any], dataset: int, i: int) -> bool:
    """Whether nobody who knows the amount and contributions of its own can tell another's to p per cent; (n,k)."""
    if not (sizes["p"] or sizes["largest"]):
        return True
    total = amount["total"][i]
    given = [part[i] for part in amount["parts"]]
    contributions = [*given, total - sum(given)]
    if total == 0:
        return bool(sizes["zeros"])
    insiders = [{p} for p in range(len(contributions))]
    own = {*own_of(sizes, dataset)}
    insiders += [own] if own else []
    for insider in insiders if sizes["p"] else ():
        most = total - sum(contributions[p] for p in insider)  # of all others together
        for p, amount_of in enumerate(contributions):
            # Who knows that it is at most `most` has it up to the difference.
            if p not in insider and most - amount_of < Fraction(sizes["p"], 100) * amount_of:
                return False
    if sizes["largest"] is None:
        return True
    n, k = sizes["largest"]
    return bool(sum(sorted(contributions)[-n:]) <= Fraction(k, 100) * total)
