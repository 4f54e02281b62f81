"""Statements of consent as a person's device or a counter makes them, and as text for people to read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from mpcstats.errors import UsageError
from mpcstats.party.files.keys import read_signing_key
from mpcstats.records.canonical import JSON
from mpcstats.records.catalogue import Normalisation
from mpcstats.records.consent.acts import ACTS
from mpcstats.records.consent.grants import Consents
from mpcstats.records.consent.pseudonym import make_pseudonym_key
from mpcstats.records.consent.token import nonce
from mpcstats.records.consent.view import event_json, safe_box, used_json, uses_of_asset
from mpcstats.records.journal import LINE_LIMIT, body_as
from mpcstats.records.signed import Statement

PSEUDONYM = re.compile("[0-9a-f]{64}")


def make(kind: str, given: Mapping[str, JSON]) -> Statement:
    """An unsigned statement of consent with a fresh nonce. Raises UsageError with the place of every fault."""
    statement = Statement.of(kind, {**given, "nonce": nonce()})
    if kind not in ACTS:
        raise UsageError(f"expected a kind of {', '.join(ACTS)}, got {kind}")
    body_as(statement, ACTS[kind])
    return statement


def make_of_file(kind: str, path: Path) -> Statement:
    """The same with the body in the JSON file at `path`. Raises UsageError with file and place."""
    given = read_body(path)
    try:
        return make(kind, given)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def make_key(path: Path) -> None:
    """A new key of pseudonyms in the file at `path`. Raises UsageError if there is a file."""
    make_pseudonym_key(path)


def signed(statement: Statement, signer: str, signing_key: Path) -> Statement:
    """`statement` with the signature of `signer`, whose key is in the file `signing_key`."""
    return statement.sign(signer, read_signing_key(signing_key))


def terms(
    owner: str, person: str, recipient: str, fields: Sequence[str], scenario: str, purpose: str
) -> dict[str, JSON]:
    """What grants and tokens have in common, but for the time of validity."""
    return {
        "owner": owner,
        "person": person,
        "recipient": recipient,
        "fields": sorted(set(fields)),
        "scenario": scenario,
        "purpose": purpose,
    }


def text_of(statement: Statement) -> str:
    """The statement as one line of JSON; `read_statement` reads it."""
    return json.dumps(statement.to_json(), ensure_ascii=False, sort_keys=True)


def read_statement(path: Path) -> Statement:
    """The statement in the file at `path`. Raises UsageError with the path if it is none."""
    try:
        return Statement.from_json(_json(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_body(path: Path) -> Mapping[str, JSON]:
    """The table of JSON in the file at `path`. Raises UsageError with the path if it is none."""
    try:
        found = _json(path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected a table of JSON, got something else")
    return found


def _json(path: Path) -> JSON:
    try:
        with path.open("rb") as file:
            content = file.read(LINE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"expected a file of JSON, got: {error.strerror}") from None
    if len(content) > LINE_LIMIT:
        raise UsageError(f"expected at most {LINE_LIMIT} bytes, got more")
    try:
        found: JSON = json.loads(content)
    except (ValueError, RecursionError):
        raise UsageError("expected one JSON object, got other text") from None
    return found


def event_lines(consents: Consents) -> Iterator[str]:
    """The records of a journal, oldest first, as JSON: kinds, digests, seconds and signers."""
    for event in consents.events:
        yield json.dumps(event_json(event), ensure_ascii=False)


def view_text(consents: Consents, *, person: str | None, asset: str | None, second: str) -> str:
    """A person's safe box, or all uses of one asset, as JSON. Raises UsageError unless it is one of the two."""
    if (person is None) == (asset is None):
        raise UsageError("expected a person or an asset, got both or neither")
    if asset is not None:
        found: JSON = [used_json(used) for used in uses_of_asset(consents, asset)]
    elif person is not None:
        if PSEUDONYM.fullmatch(person) is None:
            raise UsageError(
                f"expected a person's pseudonym of 64 hex digits, got {len(person)} characters: "
                "`mpcstats consent pseudonym` gives that of an id"
            )
        found = safe_box(consents, person, second).to_json()
    return json.dumps(found, ensure_ascii=False, indent=2)


def normalisation(name: str) -> Normalisation:
    """`name` as a normalisation of the catalogue. Raises UsageError if it is none."""
    for known in get_args(Normalisation):
        if name == known:
            found: Normalisation = known
            return found
    raise UsageError(
        f"expected a normalisation of {', '.join(get_args(Normalisation))}, got {name[:40]!r}"
    )
