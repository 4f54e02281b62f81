"""Is a question one of a template: the same tree, but for literals at the template's placeholders within bounds?

Both texts are parsed as a question is (plan.sql), so formatting and comments do not matter; everything else does,
names and their case included.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from sqlglot import exp

from mpcstats.errors import UsageError
from mpcstats.plan.names import DIALECT
from mpcstats.plan.sql import read_select
from mpcstats.records.papers.template import Label, Slot, Template

DOMAIN = "mpcstats template 1"
WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
# sqlglot takes orders for the nodes of its tree from comments that hold this word.
META = "sqlglot.meta"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template whose SQL has been read. Make it with `of`."""

    tree: exp.Select
    slots: dict[str, Slot]
    digest: str  # SHA-256 of the SQL's tree, and of what may stand at each placeholder

    @classmethod
    def of(cls, template: Template) -> Self:
        """The pattern of `template`. Raises UsageError unless its SQL is one SELECT with exactly its placeholders."""
        with _shallow():
            return cls._of(template)

    @classmethod
    def _of(cls, template: Template) -> Self:
        tree = _read(template.sql)
        slots = {slot.name: slot for slot in template.slots}
        found = {_name(node) for node in tree.find_all(exp.Placeholder)}
        for name in sorted(found | set(slots)):
            if name not in slots:
                raise UsageError(f"expected a slot for the placeholder :{name[:40]}, got none")
            if name not in found:
                raise UsageError(
                    f"expected the placeholder :{name} in the template's SQL, got none"
                )
        # Not the SQL as sqlglot would print it: it prints some different trees alike.
        content = {
            "domain": DOMAIN,
            "tree": _plain(tree),
            "slots": [slot.model_dump(mode="json") for _, slot in sorted(slots.items())],
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return cls(tree, slots, hashlib.sha256(text.encode()).hexdigest())

    def outside(self, text: str) -> str | None:
        """Where the question `text` leaves the template, in words; None if it is inside.

        The words name the first place in the template that the question does not follow.
        """
        taken: dict[str, Label] = {}
        try:
            with _shallow():
                return next(self._differences(self.tree, _read(text), taken), None)
        except UsageError as error:
            return str(error)

    def _differences(
        self, mine: exp.Expr, theirs: exp.Expr, taken: dict[str, Label]
    ) -> Iterator[str]:
        """Every place below two nodes at which they differ; `taken` is what stands at each placeholder so far."""
        if isinstance(mine, exp.Placeholder):
            yield from self._at_slot(_name(mine), theirs, taken)
            return
        if type(mine) is not type(theirs):
            yield f"expected {_words(mine)}, got something else"
            return
        for name in dict.fromkeys((*mine.args, *theirs.args)):
            first, second = _parts(mine.args.get(name)), _parts(theirs.args.get(name))
            if len(first) != len(second):
                yield f"expected {_words(mine)} with {len(first)} of {name.strip('_')}, got {len(second)}"
                continue
            for one, other in zip(first, second, strict=True):
                if isinstance(one, exp.Expr) and isinstance(other, exp.Expr):
                    yield from self._differences(one, other, taken)
                elif type(one) is not type(other) or one != other:
                    yield f"expected {_words(mine)}, got something else"

    def _at_slot(self, name: str, theirs: exp.Expr, taken: dict[str, Label]) -> Iterator[str]:
        slot = self.slots[name]
        value = _value(theirs)
        if value is None or not slot.takes(value):
            yield f"expected {slot.words} at :{name}, got something else"
        elif taken.setdefault(name, value) != value:
            yield f"expected one and the same literal wherever :{name} stands, got two"


@lru_cache(maxsize=16)
def pattern_of(sql: str, slots: tuple[Slot, ...]) -> Pattern:
    """`Pattern.of`, remembered: the approvals of one template are read at every question.

    Few of them: whoever may ask may also send templates whose trees are large.
    """
    return Pattern.of(Template(sql=sql, slots=slots))


@lru_cache(maxsize=64)
def outside(sql: str, slots: tuple[Slot, ...], text: str) -> str | None:
    """`Pattern.outside` of the template of `sql` and `slots`, remembered: a decision asks several times."""
    return pattern_of(sql, slots).outside(text)


# Remembered: a question is held against every approval that comes with it. Nobody changes the trees.
@lru_cache(maxsize=4)
def _read(text: str) -> exp.Select:
    if META in text:
        raise UsageError(f"expected SQL without {META} in a comment, got it")
    return read_select(text)


@contextmanager
def _shallow() -> Iterator[None]:
    """Templates come from outside: one that nests too deeply for Python's stack ends nobody's node."""
    try:
        yield
    except RecursionError:
        raise UsageError("expected SQL that nests less deeply, got one too deep") from None


def _name(node: exp.Placeholder) -> str:
    return node.this if isinstance(node.this, str) else "?"


def _parts(value: object) -> list[object]:
    """An argument of a node as a list; None and False both mean that nothing is given."""
    if isinstance(value, list):
        return value
    return [] if value is None or value is False else [value]


def _plain(value: object) -> object:
    """A part of a tree as plain data; different parts give different data."""
    if not isinstance(value, exp.Expr):
        return [type(value).__name__, str(value)]
    parts = {name: [_plain(p) for p in _parts(part)] for name, part in value.args.items()}
    return {"node": type(value).__name__, **{name: part for name, part in parts.items() if part}}


def _value(node: exp.Expr) -> Label | None:
    """The literal that `node` is: text, or a whole number, perhaps below zero; None if it is none."""
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        inner = _value(node.this)
        return -inner if isinstance(inner, int) else None
    if not isinstance(node, exp.Literal):
        return None
    text = str(node.this)
    if node.is_string:
        return text
    # As it is written by everybody: 010, 1e3 and numbers of thousands of digits are none.
    return int(text) if WHOLE.fullmatch(text) else None


def _words(node: exp.Expr) -> str:
    """The part of the template that `node` is, shortened."""
    text = node.sql(DIALECT, comments=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
