"""A key column in the owner's database: the SQL of its normalisation and of its injective encoding.

All of it takes and gives SQL text (DuckDB). A normalised key is text, or NULL if it is missing or invalid; NULL
keys never match. Every column with a key is normalised where the table is read, so the rest of a question sees
normalised keys only.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.errors import InternalError

NORMALISATIONS = ("trim-upper", "resident-id", "exact")
# UPPER and TRIM leave a key as it is that one of these has normalised.
UPPER_TRIMMED = frozenset({"trim-upper", "resident-id"})

# Resident id: weights of the first 17 digits, and the check character by the weighted sum mod 11.
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
CENTURY = "19"  # goes after the sixth digit of a 15-digit id


def normalised(normalisation: str, column: str, *, integer: bool = False) -> str:
    """The normalised key of `column`, an SQL expression; an integer column keeps its type."""
    if normalisation not in NORMALISATIONS:
        raise InternalError(f"expected one of {NORMALISATIONS}, got {normalisation!r}")
    if normalisation == "exact" or integer:
        return column
    trimmed = f"UPPER(TRIM({column}))"
    return f"NULLIF({trimmed}, '')" if normalisation == "trim-upper" else _resident_id(trimmed)


def encoded(parts: Sequence[str]) -> str:
    """The key text of the normalised `parts`: each with its length before it, so no two keys give one text."""
    texts = (f"CAST({part} AS VARCHAR)" for part in parts)
    return " || ".join(f"CAST(LENGTH({text}) AS VARCHAR) || ':' || {text}" for text in texts)


def audit(table: str, column: str, normal: str) -> str:
    """The query for the owner: rows, null keys, invalid keys and distinct valid keys of `table`."""
    return (  # names and expressions of the catalogue, no text of a user
        f"SELECT COUNT(*) AS rows, COUNT(*) - COUNT({column}) AS null_keys, "
        f"COUNT({column}) - COUNT({normal}) AS invalid_keys, "
        f"COUNT(DISTINCT {normal}) AS distinct_keys FROM {table}"
    )


def _resident_id(text: str) -> str:
    """18 characters from 18 or from the older 15; NULL where the form or the check character is wrong."""
    old = range(1, 7), range(7, 16)  # digits before and after the century
    weights = WEIGHTS[:6], WEIGHTS[8:]
    terms = [
        f"{weight} * {_digit(text, position)}"
        for positions, group in zip(old, weights, strict=True)
        for position, weight in zip(positions, group, strict=True)
    ]
    century = sum(int(d) * w for d, w in zip(CENTURY, WEIGHTS[6:8], strict=True))
    longer = f"SUBSTR({text}, 1, 6) || '{CENTURY}' || SUBSTR({text}, 7, 9)"
    new_terms = [f"{weight} * {_digit(text, i)}" for i, weight in enumerate(WEIGHTS, start=1)]
    return (
        f"CASE WHEN REGEXP_FULL_MATCH({text}, '[0-9]{{15}}') "
        f"THEN {longer} || {_check([*terms, str(century)])} "
        f"WHEN REGEXP_FULL_MATCH({text}, '[0-9]{{17}}[0-9X]') "
        f"AND SUBSTR({text}, 18, 1) = {_check(new_terms)} THEN {text} END"
    )


def _digit(text: str, position: int) -> str:
    return f"TRY_CAST(SUBSTR({text}, {position}, 1) AS INTEGER)"


def _check(terms: Sequence[str]) -> str:
    return f"SUBSTR('{CHECK}', ({' + '.join(terms)}) % 11 + 1, 1)"
