"""Traces at the desk: source records and values go into a journal, and are asked for their sources or their life."""

from __future__ import annotations

from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.desk.project import read_body
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals
from mpcstats.records.canonical import JSON
from mpcstats.records.journal import Journal, append
from mpcstats.records.papers.trace import MODELS, Record, Traces, Value, link_of
from mpcstats.records.signed import Statement

KINDS = tuple(MODELS)


def add_body(consortium: Path, journal: Path, kind: str, body: Path, key: Path) -> str:
    """Append the record or value with the body in the TOML file, signed by its holder; its name.

    `after` and `link` are filled in. Raises UsageError with file and place.
    """
    if kind not in MODELS:
        raise UsageError(f"expected a kind of {', '.join(KINDS)}, got {kind[:40]!r}")
    principals = load_principals(Consortium.load(consortium))
    known = Traces(principals)
    Journal.load(journal, principals, known.add)
    said: dict[str, JSON] = {"after": known.digest, **read_body(body)}
    of, holder = said.get("of"), said.get("holder")
    links = [known.link(str(name)) for name in of] if isinstance(of, list) else []
    made = Statement.of(kind, {**said, "link": link_of(said, links)})
    signed = made.sign(str(holder), read_signing_key(key))
    try:
        append(journal, signed, principals, Traces(principals).add)
    except UsageError as error:
        raise UsageError(f"{body}: {error}") from None
    return str(said.get("record", said.get("value")))


def traced(
    consortium: Path, journal: Path, name: str, *, life: bool
) -> tuple[dict[str, JSON], ...]:
    """Each record and value that `name` rests on, or with `life` that rests on it; itself first."""
    principals = load_principals(Consortium.load(consortium))
    known = Traces(principals)
    Journal.load(journal, principals, known.add)
    return tuple(_shown(body) for body in (known.life(name) if life else known.sources(name)))


def _shown(body: Record | Value) -> dict[str, JSON]:
    if isinstance(body, Value):
        by = body.transformation
        what, name, made = f"value of {body.dataset}", body.value, f"{by.name} {by.version}"
    else:
        what, name, made = body.stage, body.record, None
    return {"day": body.day, "what": what, "name": name, "holder": body.holder, "made_by": made}
