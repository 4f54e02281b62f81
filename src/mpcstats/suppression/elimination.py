"""Rank of a matrix of whole numbers, exactly."""

from __future__ import annotations

import numpy as np

from mpcstats.suppression.layout import Whole


def rank(matrix: Whole) -> int:
    """How many rows do not depend on the others, by elimination without fractions (Bareiss 1968)."""
    rows = matrix.astype(object)
    found, before = 0, 1
    for column in range(rows.shape[1]):
        here = np.flatnonzero(rows[found:, column])
        if not here.size:
            continue
        pivot = found + int(here[0])
        rows[[found, pivot]] = rows[[pivot, found]]
        head = rows[found, column]
        below = rows[found + 1 :]
        # Each division is exact: all entries are minors of the matrix.
        rows[found + 1 :] = (below * head - np.outer(below[:, column], rows[found])) // before
        before, found = head, found + 1
        if found == rows.shape[0]:
            break
    return found
