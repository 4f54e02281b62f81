"""The quick way to read an entry and the thorough one say the same of every text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.records.ledger import entry as module
from mpcstats.records.ledger.entry import Entry, read_entry

HEAD = {"index": 3, "kind": "start", "previous": "0" * 64, "time": "2026-01-02T03:04:05Z"}
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "[{", "\x7f", "\u2028", '"', "é", "保"])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def thorough(content: str) -> Entry | str:
    """As `read_entry` reads what it does not take the quick way for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PLAIN_LIMIT", -1)
        return outcome(content)


def outcome(content: str) -> Entry | str:
    try:
        return read_entry(content)
    except UsageError as error:
        return str(error)


@given(st.dictionaries(st.text(max_size=3), values, max_size=3), st.booleans(), st.booleans())
@example({"a": 2**63}, False, False)
@example({"a": 10**17}, False, False)
@example({"a": 0.5}, False, False)
@example({"a": float("nan")}, False, False)
@example({"a": "\ud800"}, True, False)
@example({"a": [[[[]]]] * 9}, False, False)
def test_both_ways_say_the_same(body: Any, ascii_only: bool, blanks: bool) -> None:
    separators = (", ", ": ") if blanks else (",", ":")
    content = json.dumps(
        {"body": body, **HEAD}, ensure_ascii=ascii_only, separators=separators, sort_keys=True
    )
    assert outcome(content) == thorough(content)


@pytest.mark.parametrize("depth", [29, 30, 31, 32, 33, 40])
def test_a_deep_body_is_read_the_same_way(depth: int) -> None:
    body: Any = {}
    for _ in range(depth):
        body = {"a": body}
    content = json.dumps({"body": body, **HEAD}, separators=(",", ":"), sort_keys=True)
    assert outcome(content) == thorough(content)
    assert isinstance(outcome(content), Entry) == (depth <= 32)


def test_a_name_twice_is_refused_by_both() -> None:
    content = json.dumps({"body": {"a": 1}, **HEAD}, separators=(",", ":"), sort_keys=True)
    assert isinstance(outcome(content), Entry)
    for old, new in (('"a":1', '"a":1,"a":1'), ('"a":1', '"a":-0'), ('"a":1', '"a":1e3')):
        changed = content.replace(old, new)
        assert outcome(changed) == thorough(changed) != outcome(content)
