"""An answer in other forms: data frames, CSV, a chart; what is suppressed stays so in each, and says so."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.shown.chart import specification
from mpcstats.party.shown.frame import columns_of

ANSWER = Answer(
    ("sex", "insutype", "persons", "fund"),
    (("f", 310, 12, 3456789), ("f", 390, None, None), ("m", 310, 20, None), ("m", 390, 31, -7)),
    (
        ("value", "value", "value", "value"),
        ("value", "value", "suppressed", "suppressed"),
        ("value", "value", "value", "not computed"),
        ("value", "value", "value", "value"),
    ),
    frozenset({"sex", "insutype"}),
    (None, None, None, "fen"),
)


@pytest.mark.parametrize(
    ("rows", "states", "units"),
    [
        (((1,),), (("suppressed",),), (None,)),
        (((1,),), (("not computed",),), (None,)),
        (((1, 2),), (("value", "value"),), (None,)),
        (((1,),), (), (None,)),
        (((1,),), (("value", "value"),), (None,)),
        (((1,),), (("value",),), ("fen", "fen")),
    ],
)
def test_an_answer_whose_parts_do_not_fit_is_none(rows: Any, states: Any, units: Any) -> None:
    with pytest.raises(InternalError, match="expected"):
        Answer(("n",), rows, states, units=units)
    assert Answer(("n",), ((1,),), (("value",),)).units == (None,)


def test_three_kinds_of_cell_print_and_count() -> None:
    assert ANSWER.suppressed == 2
    lines = [line.split() for line in str(ANSWER).splitlines()]
    assert lines[1:4] == [
        ["f", "310", "12", "3,456,789"],
        ["f", "390", "suppressed", "suppressed"],
        ["m", "310", "20", "not", "computed"],
    ]


def test_json_has_states_and_units() -> None:
    said = ANSWER.to_json()
    assert said["units"] == {"fund": "fen"}
    assert said["states"] == [list(row) for row in ANSWER.states]


# CSV.


def test_csv_says_what_has_no_value(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    ANSWER.to_csv(path)
    assert path.read_bytes().decode() == (
        "sex,insutype,persons,fund\r\nf,310,12,3456789\r\nf,390,suppressed,suppressed\r\n"
        "m,310,20,not computed\r\nm,390,31,-7\r\n"
    )


def test_csv_keeps_any_label(tmp_path: Path) -> None:
    labels = ('a"b', "a,b", "a\nb", "a\rb", "保险", "")
    rows = tuple((label, 1) for label in labels)
    states = (("value", "value"),) * len(rows)
    Answer(("x,\n", "n"), rows, states, frozenset({"x,\n"})).to_csv(str(tmp_path / "a.csv"))  # type: ignore[arg-type]
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["x,\n", "n"], *([label, "1"] for label in labels)]


def test_csv_without_a_place_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/a\.csv: expected a place for a table, got: "):
        ANSWER.to_csv(tmp_path / "nowhere" / "a.csv")


# Data frames.


def test_columns_have_a_kind_and_no_value_where_there_is_none() -> None:
    assert columns_of(ANSWER, states=False) == [
        ("text", ["f", "f", "m", "m"]),
        ("integer", [310, 390, 310, 390]),
        ("integer", [12, None, 20, 31]),
        ("integer", [3456789, None, None, -7]),
    ]
    assert columns_of(ANSWER, states=True)[3] == (
        "text",
        ["value", "suppressed", "not computed", "value"],
    )
    hidden = Answer(("n",), ((None,),), (("suppressed",),))
    assert columns_of(hidden, states=False) == [("integer", [None])]
    mean = Answer(("n",), ((1.5,), (None,)), (("value",), ("suppressed",)))
    assert columns_of(mean, states=False) == [("number", [1.5, None])]


@pytest.mark.parametrize(
    ("package", "extra", "ask"),
    [
        ("pandas", "pandas", Answer.to_pandas),
        ("pyarrow", "arrow", Answer.to_arrow),
        ("altair", "plots", lambda a: a.plot(x="sex", y="fund", color="insutype")),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, extra: str, ask: Any
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError) as caught:
        ask(ANSWER)
    assert str(caught.value).startswith(f"expected {package} to be installed, got: ")
    assert str(caught.value).endswith(f"install it with: pip install 'mpcstats[{extra}]'")


def test_pandas_is_given_nullable_columns_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in that keeps what it is given: the real one is tested below where it is installed."""
    stand_in: Any = ModuleType("pandas")
    stand_in.array = lambda cells, dtype: (dtype, cells)
    stand_in.DataFrame = lambda columns: SimpleNamespace(given=columns, attrs={})
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    twice = Answer(("n", "n"), ((1, None),), (("value", "suppressed"),), units=("fen", None))
    frame: Any = twice.to_pandas()
    assert frame.given == {0: ("Int64", [1]), 1: ("Int64", [None])}
    assert frame.columns == ["n", "n"]
    assert frame.attrs == {"units": {"n": "fen"}}
    states: Any = twice.to_pandas(states=True)
    assert states.given == {0: ("string", ["value"]), 1: ("string", ["suppressed"])}


def test_arrow_is_given_a_schema_with_units(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in: Any = ModuleType("pyarrow")
    for name in ("string", "int64", "float64"):
        setattr(stand_in, name, lambda name=name: name)
    stand_in.field = lambda name, form, metadata: (name, form, metadata)
    stand_in.array = lambda cells, **given: (given["type"], cells)
    stand_in.schema = list
    stand_in.Table = SimpleNamespace(from_arrays=lambda arrays, schema: (arrays, schema))
    monkeypatch.setitem(sys.modules, "pyarrow", stand_in)
    table: Any = ANSWER.to_arrow()
    assert table[0][3] == ("int64", [3456789, None, None, -7])
    assert table[1][2:] == [("persons", "int64", None), ("fund", "int64", {"unit": "fen"})]
    states: Any = ANSWER.to_arrow(states=True)
    assert states[0][3][1] == ["value", "suppressed", "not computed", "value"]
    assert states[1][3] == ("fund", "string", None)


USES = """
from mpcstats import Answer
answer = Answer(("n",), ((None,),), (("suppressed",),))
str(answer), answer.to_json(), answer._repr_html_()
print("so far without")
answer.to_pandas()
"""


def test_a_library_is_imported_when_it_is_asked_for_and_not_before(tmp_path: Path) -> None:
    for package in ("pandas", "pyarrow", "altair"):
        (tmp_path / f"{package}.py").write_text("raise ZeroDivisionError", encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", USES],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "so far without\n", done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_the_frame_of_pandas_has_na_where_there_is_no_value() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra `pandas`")
    frame, states = ANSWER.to_pandas(), ANSWER.to_pandas(states=True)
    assert list(frame.columns) == list(states.columns) == list(ANSWER.columns)
    assert frame.shape == states.shape == (4, 4)
    assert frame["persons"].dtype == pandas.Int64Dtype()
    assert frame["persons"].isna().tolist() == [False, True, False, False]
    assert int(frame["fund"].sum()) == 3456789 - 7
    assert states["fund"].tolist() == ["value", "suppressed", "not computed", "value"]
    assert frame.attrs["units"] == {"fund": "fen"}


def test_the_table_of_arrow_has_null_where_there_is_no_value() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `arrow`")
    table, states = ANSWER.to_arrow(), ANSWER.to_arrow(states=True)
    assert table.column_names == states.column_names == list(ANSWER.columns)
    assert table.to_pylist()[1] == {"sex": "f", "insutype": 390, "persons": None, "fund": None}
    assert table.schema.field("fund").type == pyarrow.int64()
    assert table.schema.field("fund").metadata == {b"unit": b"fen"}
    assert states.to_pylist()[2]["fund"] == "not computed"


# Charts.


def test_a_chart_has_the_rows_in_order_and_words_for_what_has_no_value() -> None:
    made = specification(ANSWER, x="sex", y="fund", color="insutype")
    assert made["data"]["values"] == [
        {"x": "f", "y": 3456789, "color": 310, "state": "value"},
        {"x": "f", "y": None, "color": 390, "state": "suppressed"},
        {"x": "m", "y": None, "color": 310, "state": "not computed"},
        {"x": "m", "y": -7, "color": 390, "state": "value"},
    ]
    bars, words = made["layer"]
    assert bars["transform"] == [{"filter": "datum.state === 'value'"}]
    assert bars["encoding"]["y"]["title"] == "fund (fen)"
    assert bars["encoding"]["y"]["stack"] is None
    assert words["transform"] == [{"filter": "datum.state !== 'value'"}]
    assert words["mark"]["type"] == "text"
    assert words["encoding"]["text"]["field"] == "state"
    assert made["encoding"]["xOffset"]["field"] == "color"


def test_a_name_of_a_column_is_a_title_and_never_a_field() -> None:
    x, y = "a.b['c']", "datum.state"
    odd = Answer((x, y), (("f", 1),), (("value", "value"),), frozenset({x}))
    made = specification(odd, x=x, y=y)
    assert made["encoding"]["x"] == {"field": "x", "type": "nominal", "sort": None, "title": x}
    fields = [layer["encoding"]["y"].get("field") for layer in made["layer"]]
    assert fields == ["y", None]
    assert made["layer"][0]["encoding"]["y"]["title"] == y


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": "fund", "y": "fund"}, r"expected x= a group column .*\(sex, insutype\), got 'fund'"),
        ({"x": "sex", "y": "sex"}, r"expected y= a total column .*\(persons, fund\), got 'sex'"),
        ({"x": "sex", "y": "fund", "color": "n"}, "expected color= a group column .*, got 'n'"),
        ({"x": "sex", "y": "fund"}, "tell the 4 rows apart, got 2 places: name another of sex, "),
    ],
)
def test_a_chart_of_other_columns_is_refused(columns: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ANSWER.plot(**columns)


def test_altair_is_given_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in: Any = ModuleType("altair")
    stand_in.Chart = SimpleNamespace(from_dict=lambda given: given)
    monkeypatch.setitem(sys.modules, "altair", stand_in)
    columns = {"x": "sex", "y": "fund", "color": "insutype"}
    made: Any = ANSWER.plot(**columns)
    assert made == specification(ANSWER, **columns)


def test_altair_takes_the_chart() -> None:
    pytest.importorskip("altair", reason="needs the extra `plots`")
    made = ANSWER.plot(x="sex", y="fund", color="insutype").to_dict()
    assert [layer["mark"]["type"] for layer in made["layer"]] == ["bar", "text"]


def test_null_is_said_in_groups_and_in_numbers() -> None:
    found = Answer(
        ("g", "n"), ((None, None), ("x", 1)), (("value", "value"),) * 2, frozenset({"g"})
    )
    assert str(found).split() == ["g", "n", "NULL", "NULL", "x", "1"]
    shown = found._repr_html_()
    assert '<th scope="row">NULL</th>' in shown
    assert ">NULL</td>" in shown
    assert "None" not in shown
