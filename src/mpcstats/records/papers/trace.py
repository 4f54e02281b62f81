"""Where real-world data come from: product batch, patient use, outcome, adverse reaction, and the values made of them.

A journal of source records and of dataset values. Records are named by keyed pseudonyms, content by digests; each
carries a `link`, the digest of all that it rests on, so a chain can be checked without the journal too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.day import Day
from mpcstats.records.journal import EMPTY, body_as, following
from mpcstats.records.names import DatasetName, Digest, PartyName
from mpcstats.records.papers.words import Number, joined
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

DOMAIN = "mpcstats trace 1"
Stage = Literal["batch", "use", "outcome", "adr"]
# From registration to post-market: what a record of each stage rests on. A use is of one batch at least.
RESTS_ON: Mapping[Stage, tuple[Stage, ...]] = {
    "batch": (),
    "use": ("batch",),
    "outcome": ("use",),
    "adr": ("use", "outcome"),
}
Digests = Annotated[tuple[Digest, ...], Field(max_length=256), Listed]


class Record(Table):
    """source-record, signed by `holder`: the record named `record` (a keyed pseudonym), of content `content`.

    `of` are the records that it rests on, by name. `link` is `link_of` what it says.
    """

    after: Digest
    day: Day
    holder: PartyName
    record: Digest
    stage: Stage
    of: Digests
    content: Digest
    link: Digest


class Transformation(Table):
    """What made a value of records: its name, its version, and the digest of its code."""

    name: Number
    version: Number
    code: Digest


class Value(Table):
    """rwd-value, signed by `holder`: the value named `value` in `dataset`, made of the records `of`."""

    after: Digest
    day: Day
    holder: PartyName
    dataset: DatasetName
    value: Digest
    of: Annotated[Digests, Field(min_length=1)]
    transformation: Transformation
    content: Digest
    link: Digest


MODELS: dict[str, type[Record] | type[Value]] = {"source-record": Record, "rwd-value": Value}


def link_of(said: Mapping[str, JSON], links: Iterable[str]) -> str:
    """The link of a record or value that says `said` (its body without `after` and `link`) and rests on `links`."""
    content = {name: part for name, part in said.items() if name not in ("after", "link")}
    text = canonical({"domain": DOMAIN, "says": content, "rests on": sorted(links)})
    return hashlib.sha256(text.encode()).hexdigest()


class Traces:
    """All records and values of a journal; give `add` its statements in order."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._found: dict[str, Record | Value] = {}
        self._above: dict[str, list[str]] = {}  # name -> what rests on it
        self._head = EMPTY

    @property
    def digest(self) -> str:
        """The head of the journal so far."""
        return self._head

    def add(self, statement: Statement) -> None:
        """One statement more. Raises UsageError if it rests on nothing known, or its link does not fit."""
        model = MODELS.get(statement.kind)
        if model is None:
            raise UsageError(
                f"expected a statement of {', '.join(MODELS)}, got one of {statement.kind}"
            )
        body = body_as(statement, model)
        name = _name(body)
        what = f"{statement.kind} {name[:16]}"
        if name in self._found:
            raise UsageError(f"{what}: expected a new name, got one that is known")
        signers = statement.signers(self._principals)
        if body.holder not in signers or not self._principals.has(body.holder, "party", body.day):
            raise UsageError(
                f"{what}: expected {body.holder} to sign as a party, got {joined(signers)}"
            )
        self._check_rest(what, body)
        links = [self._found[each].link for each in body.of]
        if body.link != link_of(statement.body, links):
            raise UsageError(f"{what}: expected the link of what it says and rests on, got another")
        self._found[name] = body
        for each in body.of:
            self._above.setdefault(each, []).append(name)
        self._head = following(self._head, statement)

    def link(self, name: str) -> str:
        """The link of the record or value `name`. Raises UsageError if nothing has that name."""
        if name not in self._found:
            raise UsageError(f"expected a known record or value, got {name[:16]!r}")
        return self._found[name].link

    def sources(self, name: str) -> tuple[Record | Value, ...]:
        """All that the record or value `name` rests on, itself first, down to the batches; each once.

        Raises UsageError if nothing has that name.
        """
        return self._walk(name, lambda each: self._found[each].of)

    def life(self, name: str) -> tuple[Record | Value, ...]:
        """The life cycle of the record `name`: itself, then all that rests on it, each once.

        Raises UsageError if nothing has that name.
        """
        return self._walk(name, lambda each: self._above.get(each, ()))

    def _walk(
        self, name: str, onward: Callable[[str], Iterable[str]]
    ) -> tuple[Record | Value, ...]:
        if name not in self._found:
            raise UsageError(f"expected a known record or value, got {name[:16]!r}")
        seen = {name: None}
        waiting = [name]
        while waiting:
            more = [each for each in onward(waiting.pop(0)) if each not in seen]
            seen.update(dict.fromkeys(more))
            waiting += more
        return tuple(self._found[each] for each in seen)

    def _check_rest(self, what: str, body: Record | Value) -> None:
        """Raises UsageError unless what `body` rests on is known, earlier, and of a stage that it may rest on."""
        if len(set(body.of)) != len(body.of):
            raise UsageError(f"{what}: expected every source once, got one twice")
        for each in body.of:
            known = self._found.get(each)
            if not isinstance(known, Record):
                raise UsageError(f"{what}: expected known source records, got {each[:16]}")
            if known.day > body.day:
                raise UsageError(f"{what}: expected sources of its day or before, got a later one")
        if isinstance(body, Record):
            stages = {r.stage for each in body.of if isinstance(r := self._found[each], Record)}
            wanted = RESTS_ON[body.stage]
            if not stages <= set(wanted) or bool(stages) != bool(wanted):
                raise UsageError(
                    f"{what}: expected a record of stage {body.stage} to rest on {joined(wanted)}, got "
                    f"{joined(tuple(sorted(stages)))}"
                )


def _name(body: Record | Value) -> str:
    return body.record if isinstance(body, Record) else body.value


def check_chain(chain: Iterable[Record | Value]) -> None:
    """Raises UsageError unless the links of `chain` fit what its members say and rest on, all of which is in it.

    For who is handed a value with its sources (`Traces.sources`), without the journal.
    """
    known = {_name(body): body for body in chain}
    for name, body in known.items():
        missing = [each for each in body.of if each not in known]
        if missing:
            raise UsageError(f"{name[:16]}: expected its source {missing[0][:16]}, got none")
        links = [known[each].link for each in body.of]
        if body.link != link_of(body.model_dump(mode="json"), links):
            raise UsageError(f"{name[:16]}: expected the link of what it says, it was changed")
