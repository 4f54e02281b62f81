"""Papers at the desk: write, sign, show and check them; a paper is one JSON file, and signers add their signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.compile import MOST_PAPERS, Papers
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.question import Question
from mpcstats.party.registers import load_principals
from mpcstats.plan.template import Pattern
from mpcstats.records.journal import LINE_LIMIT, body_as
from mpcstats.records.papers import approval, licence, request
from mpcstats.records.papers.approval import Approval
from mpcstats.records.papers.licence import Licence
from mpcstats.records.papers.papers import Paper, read
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import read_toml


def read_paper(path: Path) -> Statement:
    """The statement in the file at `path`, unchecked. Raises UsageError with the path if it holds none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: expected a paper to read, got: {error.strerror}") from None
    if len(data) > LINE_LIMIT:
        raise UsageError(f"{path}: expected at most {LINE_LIMIT} bytes, got {len(data)}")
    try:
        return Statement.from_json(json.loads(data))
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: expected one JSON object, got other text") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_paper_files(paths: Sequence[Path]) -> Papers:
    """The statements in the files, unchecked. Raises UsageError with the path of one that holds none."""
    if len(paths) > MOST_PAPERS:
        raise UsageError(f"expected at most {MOST_PAPERS} papers with a question, got {len(paths)}")
    return tuple(read_paper(path) for path in paths)


def approval_of(path: Path) -> Statement:
    """The unsigned approval whose body is in the TOML file at `path`. Raises UsageError with file and place."""
    body = read_toml(path, Approval)
    try:
        if body.template is not None:
            Pattern.of(body.template)
    except UsageError as error:
        raise UsageError(f"{path}: template: {error}") from None
    return Statement.of(approval.KIND, body.model_dump(mode="json", exclude_none=True))


def licence_of(path: Path) -> Statement:
    """The unsigned licence whose body is in the TOML file at `path`. Raises UsageError with file and place."""
    body = read_toml(path, Licence)
    return Statement.of(licence.KIND, body.model_dump(mode="json", exclude_none=True))


def request_of(question: Question) -> Statement:
    """The unsigned request of the user that `question` names. Raises UsageError if it names none."""
    if question.user is None:
        raise UsageError("expected a question with a user, who signs it, got one without")
    return Statement.of(request.KIND, {"question": question.digest()})


def add_signature(path: Path, statement: Statement, signer: str, key: Path) -> Statement:
    """Write `statement` with the signature of `signer` to `path`; it keeps those that the file there has.

    Raises UsageError if `path` holds another statement, or `key` is no signing key.
    """
    there = read_paper(path) if path.exists() else statement
    if there.digest != statement.digest:
        raise UsageError(
            f"{path}: expected {statement.kind} {statement.digest[:16]} or no file, got "
            f"{there.kind} {there.digest[:16]}: write to another file"
        )
    signed = there.sign(signer, read_signing_key(key))
    _write(path, json.dumps(signed.to_json(), ensure_ascii=False, indent=1) + "\n")
    return signed


def sign_again(path: Path, signer: str, key: Path) -> Statement:
    """Add the signature of `signer` to the statement in the file at `path`. Raises UsageError."""
    return add_signature(path, read_paper(path), signer, key)


def shown(statement: Statement) -> str:
    """The statement in words, unchecked: kind, digest, body, who is said to have signed it.

    An approval's template with its digest too. Raises UsageError for an approval that is none.
    """
    lines = [
        f"{statement.kind} {statement.digest}",
        json.dumps(statement.body, ensure_ascii=False, indent=1, sort_keys=True),
        f"signatures, not checked: {', '.join(s.signer for s in statement.signatures) or 'none'}",
    ]
    if statement.kind == approval.KIND:
        template = body_as(statement, Approval).template
        if template is not None:
            lines.append(f"template {Pattern.of(template).digest}")
    return "\n".join(lines)


def check_paper(statement: Statement, consortium: Path, day: str) -> Iterator[str]:
    """What is wrong with the paper by itself on `day`, question aside, in words; nothing if all is well."""
    principals = load_principals(Consortium.load(consortium))
    papers = read((statement,), principals)
    for unread in papers.unread:
        yield unread.why
    granted: tuple[Paper[Approval] | Paper[Licence], ...] = (*papers.approvals, *papers.licences)
    for paper in granted:
        yield from paper.body.out_of_date(day)
        if not any(principals.has(name, "authoriser", day) for name in paper.signers):
            yield f"expected the signature of an authoriser on {day}, got {', '.join(paper.signers)}"
    for each in papers.approvals:
        if each.body.template is not None:
            try:
                Pattern.of(each.body.template)
            except UsageError as error:
                yield f"template: {error}"
    for asked in papers.requests:
        if not any(principals.has(name, "user", day) for name in asked.signers):
            yield f"expected the signature of a user on {day}, got {', '.join(asked.signers)}"


def _write(path: Path, text: str) -> None:
    # Whole or not at all: a paper that is cut off would cost its other signatures.
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: expected a file to write, got: {error.strerror}") from None
