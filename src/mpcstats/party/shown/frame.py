"""An answer as the table of another library, imported when it is asked for: pandas, pyarrow.

A cell without a value is NA (pandas) or null (Arrow). Why it has none is in the table of states, which has the same
columns and rows, and a state in each cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mpcstats.party.shown.extra import missing

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from mpcstats.party.answer import Answer, Cell

Kind = Literal["text", "integer", "number"]
PANDAS: dict[Kind, str] = {"text": "string", "integer": "Int64", "number": "Float64"}
ARROW: dict[Kind, str] = {"text": "string", "integer": "int64", "number": "float64"}


def columns_of(answer: Answer, *, states: bool) -> list[tuple[Kind, list[Cell]]]:
    """The kind and cells of each column; of the states, all of them text."""
    if states:
        return [("text", [row[i] for row in answer.states]) for i in range(len(answer.columns))]
    columns = [[row[i] for row in answer.rows] for i in range(len(answer.columns))]
    return [(_kind(cells), cells) for cells in columns]


def to_pandas(answer: Answer, *, states: bool) -> pandas.DataFrame:
    """The answer, or its states, as a DataFrame of nullable columns; `attrs["units"]` has the units by column.

    Raises UsageError if pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise missing("pandas", "pandas", error) from None
    # By position: two columns of an answer may have one name.
    columns = {
        position: pandas.array(cells, dtype=PANDAS[kind])
        for position, (kind, cells) in enumerate(columns_of(answer, states=states))
    }
    frame = pandas.DataFrame(columns)
    frame.columns = list(answer.columns)
    if not states:
        frame.attrs["units"] = answer.units_by_name
    return frame


def to_arrow(answer: Answer, *, states: bool) -> pyarrow.Table:
    """The answer, or its states, as an Arrow table; a field's metadata has its `unit`, where it has one.

    Raises UsageError if pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise missing("pyarrow", "arrow", error) from None
    fields, arrays = [], []
    for position, (kind, cells) in enumerate(columns_of(answer, states=states)):
        unit = None if states else answer.units[position]
        form = getattr(pyarrow, ARROW[kind])()
        metadata = None if unit is None else {"unit": unit}
        fields.append(pyarrow.field(answer.columns[position], form, metadata=metadata))
        arrays.append(pyarrow.array(cells, type=form))
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def _kind(cells: list[Cell]) -> Kind:
    """Of a column without any value: integer, as all totals are that a plan gives."""
    if any(isinstance(cell, str) for cell in cells):
        return "text"
    return "number" if any(isinstance(cell, float) for cell in cells) else "integer"
