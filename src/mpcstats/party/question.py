"""A question as it travels from the initiator to the others: text, scenario, purpose, who asks, when, who learns."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mpcstats.errors import UsageError
from mpcstats.plan.offer import SEATS
from mpcstats.records.canonical import JSON
from mpcstats.records.day import check_day

TEXT_LIMIT = 64 * 1024  # characters of SQL
SCENARIO_LIMIT = 64
PURPOSE_LIMIT = 1000
RECIPIENT_LIMIT = 64
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
PRINCIPAL = re.compile(rf"{NAME.pattern}(\.{NAME.pattern})?")  # "bureau.claims_desk"
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Leading comments of a question's file: "-- scenario: supervision", "-- to: bureau, insurer".
HEADER = re.compile(r"\s*--\s*(?P<name>scenario|purpose|to)\s*:\s*(?P<value>.*?)\s*")
LINE_ENDS = re.compile(r"\r?\n|\t")  # the control characters that SQL may hold
COMMENT = re.compile(r"\s*(--.*)?")
CLOCKS = timedelta(minutes=30)
LABEL = re.compile("[0-9a-f]{32}")
LATER = ("engine", "resumes")  # what a question need not have
TEXTS = ("text", "scenario", "purpose", "initiator", "day")


@dataclass(frozen=True, slots=True)
class Resumes:
    """The run that a question goes on with, by its label, and the parties that it does without.

    Raises UsageError for what is no label, and for no parties or names that are none.
    """

    run: str
    without: tuple[str, ...]

    def __post_init__(self) -> None:
        if LABEL.fullmatch(self.run) is None:
            raise UsageError(f"expected a run's label of 32 hex digits, got {self.run[:40]!r}")
        if not 0 < len(self.without) <= RECIPIENT_LIMIT or len({*self.without}) < len(self.without):
            raise UsageError("expected parties that a run has lost, each once")
        for party in self.without:
            check_name(party)

    def to_json(self) -> dict[str, JSON]:
        """As plain data; `from_json` reads it."""
        return {"run": self.run, "without": list(self.without)}

    @classmethod
    def from_json(cls, value: object) -> Resumes:
        """What is in `value`, which may come from another party. Raises UsageError if it is none."""
        found = value if isinstance(value, Mapping) else {}
        run, without = found.get("run"), found.get("without")
        if set(found) != {"run", "without"} or not isinstance(run, str):
            raise UsageError(
                "expected the run that a question goes on with, and the parties it has lost"
            )
        if not isinstance(without, list) or not all(isinstance(party, str) for party in without):
            raise UsageError(
                "expected the run that a question goes on with, and the parties it has lost"
            )
        return cls(run, tuple(without))


@dataclass(frozen=True, slots=True)
class Question:
    """What `initiator` asks; `recipients` are those who learn the answer, and nobody else does.

    `day` is when, as YYYY-MM-DD: decisions go by it, and not by each party's clock. `user` is who asks for the
    initiator, as a principal's name, and `project` what it belongs to, where the policy asks for them. `engine` is
    what it is to be computed on; None: the best one that the policy permits. `resumes`: it goes on with a run that has
    lost parties, and is a question of its own.
    Raises UsageError if a part is empty, too long, no text that can be shown, or no party's name.
    """

    text: str
    scenario: str
    purpose: str
    initiator: str
    recipients: tuple[str, ...]
    day: str
    user: str | None = None
    project: str | None = None
    engine: str | None = None
    resumes: Resumes | None = None

    def __post_init__(self) -> None:
        _check_text("the question's text", self.text, TEXT_LIMIT)
        _check_text("a scenario", self.scenario, SCENARIO_LIMIT)
        _check_text("a purpose", self.purpose, PURPOSE_LIMIT)
        # Both stand in the logs and ledgers of others, where a new line or an escape could forge an entry.
        for what, said in (("a scenario", self.scenario), ("a purpose", self.purpose)):
            if not said.isprintable():
                raise UsageError(f"expected {what} in one line of printable text, got {said!r}")
        _check_controls(self.text)
        check_name(self.initiator)
        if not 0 < len(self.recipients) <= RECIPIENT_LIMIT:
            raise UsageError(
                f"expected 1 to {RECIPIENT_LIMIT} recipients, got {len(self.recipients)}"
            )
        for recipient in self.recipients:
            check_name(recipient)
        if len(set(self.recipients)) != len(self.recipients):
            raise UsageError(f"expected every recipient once, got {', '.join(self.recipients)}")
        check_day(self.day)
        if self.user is not None and PRINCIPAL.fullmatch(self.user) is None:
            raise UsageError(f"expected the name of a user, got {self.user[:80]!r}")
        if self.project is not None and PROJECT.fullmatch(self.project) is None:
            raise UsageError(f"expected the name of a project, got {self.project[:80]!r}")
        if self.engine is not None and self.engine not in SEATS:
            raise UsageError(f"expected an engine of {', '.join(SEATS)}, got {self.engine[:80]!r}")

    def to_json(self) -> dict[str, object]:
        """The question as plain data; `from_json` reads it."""
        return {
            "text": self.text,
            "scenario": self.scenario,
            "purpose": self.purpose,
            "initiator": self.initiator,
            "recipients": list(self.recipients),
            "day": self.day,
            "user": self.user,
            "project": self.project,
            # A question that names none keeps the digest that it had before there was a choice.
            **({} if self.engine is None else {"engine": self.engine}),
            **({} if self.resumes is None else {"resumes": self.resumes.to_json()}),
        }

    @classmethod
    def from_json(cls, value: object) -> Question:
        """The question in `value`, which may come from another party. Raises UsageError if it is none."""
        names = {*TEXTS, "recipients", "user", "project"}
        if not isinstance(value, Mapping) or set(value) - {*LATER} != names:
            raise UsageError(f"expected a question with {', '.join(sorted(names))}")
        recipients = value["recipients"]
        if not isinstance(recipients, list):
            raise UsageError("expected the recipients as a list")
        named = [*(value[n] for n in ("user", "project")), value.get("engine")]
        texts = [*(value[n] for n in TEXTS), *recipients, *(n for n in named if n is not None)]
        if not all(isinstance(part, str) for part in texts):
            raise UsageError("expected the parts of a question as text")
        parts = {name: value[name] for name in (*TEXTS, "user", "project")}
        lost = value.get("resumes")
        return cls(
            **parts,
            recipients=tuple(recipients),
            engine=value.get("engine"),
            resumes=None if lost is None else Resumes.from_json(lost),
        )

    def digest(self) -> str:
        """SHA-256 of the question, in hex; equal questions give equal digests."""
        plain = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Header:
    """What the leading comments of a question's file say; None where they say nothing."""

    scenario: str | None = None
    purpose: str | None = None
    to: tuple[str, ...] | None = None


def header(text: str) -> Header:
    """The header of a question's file: its comments before the first line of SQL.

    Raises UsageError if it says the same thing twice.
    """
    found: dict[str, str] = {}
    # Not splitlines: it ends a line at a form feed and others too, after which SQL is still in the comment.
    for line in text.replace("\r\n", "\n").split("\n"):
        if COMMENT.fullmatch(line) is None:
            break
        match = HEADER.fullmatch(line)
        if match is None:
            continue
        if match["name"] in found:
            raise UsageError(
                f"expected '-- {match['name']}:' once before the question, got it twice"
            )
        found[match["name"]] = match["value"]
    to = found.get("to")
    names = None if to is None else tuple(part.strip() for part in to.split(","))
    return Header(found.get("scenario"), found.get("purpose"), names)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The scenario and purpose of a question that names none itself."""

    scenario: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """When a question is asked, by whom for the initiator, what it belongs to, and on which engine, if on one."""

    day: str
    user: str | None = None
    project: str | None = None
    engine: str | None = None


def today() -> str:
    """This day in UTC, as a question gives it."""
    return datetime.now(UTC).date().isoformat()


def days_about(now: datetime) -> frozenset[str]:
    """The days that a question of `now` may give: two only around midnight, for clocks differ and reading data takes
    time.
    """
    return frozenset((now + sign * CLOCKS).date().isoformat() for sign in (-1, 1))


def question_of(
    text: str,
    *,
    initiator: str,
    asking: Asking,
    given: Defaults,
    defaults: Defaults,
    to: str | Sequence[str] | None = None,
) -> Question:
    """The question `text`: scenario, purpose and recipients as given, else as its header says, else as by default."""
    head = header(text)
    scenario = given.scenario or head.scenario or defaults.scenario
    purpose = given.purpose or head.purpose or defaults.purpose
    if scenario is None or purpose is None:
        what = "a scenario" if scenario is None else "a purpose"
        raise UsageError(
            f"expected {what} of the question: give it ({what.removeprefix('a ')}=..., or "
            f"--{what.removeprefix('a ')} on the command line), or begin the text with "
            f"'-- {what.removeprefix('a ')}: ...'"
        )
    named = (to,) if isinstance(to, str) else to
    recipients = tuple(named) if named is not None else head.to or (initiator,)
    return Question(
        text,
        scenario,
        purpose,
        initiator,
        recipients,
        asking.day,
        user=asking.user,
        project=asking.project,
        engine=asking.engine,
    )


def check_name(name: str) -> str:
    """`name`, if it can be a party's. Raises UsageError if not."""
    if NAME.fullmatch(name) is None:
        raise UsageError(
            "expected a party's name of at most 32 lower-case letters, digits and _, "
            f"beginning with a letter, got {name[:40]!r}"
        )
    return name


def _check_text(what: str, text: str, limit: int) -> None:
    if not text.strip():
        raise UsageError(f"expected {what}, got none")
    if len(text) > limit:
        raise UsageError(f"expected {what} of at most {limit} characters, got {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"expected {what} in valid Unicode") from None


def _check_controls(text: str) -> None:
    for sign in LINE_ENDS.sub("", text):
        if unicodedata.category(sign) == "Cc":
            raise UsageError(
                "expected the question's text without control characters but new lines and tabs, "
                f"got {sign!r}"
            )
