"""Signed statements, principals and journals: what is changed, moved, dropped or signed by others is found."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.journal import EMPTY, Journal, append, line_of
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Signature, Statement

KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in "abc"}


def principal(name: str, *roles: str, **more: object) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": list(roles), **more})


EVERYBODY = Principals(
    [principal("a", "party"), principal("b", "authoriser"), principal("c", "user")]
)


def statement(after: str = EMPTY, number: int = 1, signer: str = "a") -> Statement:
    made = Statement.of("test", {"after": after, "number": number})
    return made.sign(signer, KEYS[signer])


def chain(length: int) -> list[Statement]:
    journal = Journal()
    for number in range(length):
        journal = journal.with_(statement(journal.head, number), EVERYBODY)
    return list(journal.statements)


def test_signers_are_those_whose_keys_fit() -> None:
    both = statement().sign("b", KEYS["b"])
    assert both.signers(EVERYBODY) == ("a", "b")
    assert Statement.from_json(json.loads(json.dumps(both.to_json()))) == both
    assert both.digest == statement().digest  # names what is said, not who says it


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (Statement("test", '{"after":1}', statement().signatures), "by the key of a, got another"),
        (Statement("text", statement().text, statement().signatures), "by the key of a"),
        (
            Statement("test", statement().text, (Signature("d", "00" * 64),)),
            "known principal, got 'd'",
        ),
        (
            Statement(
                "test", statement().text, (Signature("b", statement().signatures[0].signature),)
            ),
            "by the key of b",
        ),
        (
            Statement(
                "test",
                statement().text,
                (Signature("a", statement().signatures[0].signature.upper()),),
            ),
            "by the key of a",
        ),
    ],
)
def test_what_nobody_signed_is_refused(changed: Statement, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        changed.signers(EVERYBODY)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a statement with kind, body and signatures"),
        ({"kind": "test", "body": {}}, "a statement with kind, body and signatures"),
        ({"kind": "Test", "body": {}, "signatures": {}}, "lower-case letters"),
        ({"kind": "test", "body": {"a": 1.5}, "signatures": {}}, "got float"),
        ({"kind": "test", "body": {}, "signatures": {"a": 1}}, "signatures as text"),
        ({"kind": "test", "body": {}, "signatures": {str(i): "" for i in range(65)}}, "at most 64"),
    ],
)
def test_what_is_no_statement_is_refused(value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Statement.from_json(value)


def test_nobody_authorises_and_operates() -> None:
    with pytest.raises(ValueError, match="who authorises must not operate"):
        principal("a", "authoriser", "operator")
    entry = principal("a", "authoriser")
    with pytest.raises(UsageError, match="a key of its own"):
        Principals([entry, entry.model_copy(update={"name": "d", "roles": ("operator",)})])
    with pytest.raises(UsageError, match="one principal of that name"):
        Principals([entry, entry])


def test_roles_hold_between_their_days() -> None:
    known = Principals([principal("a", "user", since="2026-01-01", until="2026-12-31")])
    assert [known.has("a", "user", d) for d in ("2025-12-31", "2026-01-01", "2027-01-01")] == [
        False,
        True,
        False,
    ]
    assert not known.has("a", "authoriser", "2026-06-01")
    assert known.having("user", "2026-06-01") == ("a",)


def test_parties_need_no_entry_and_keep_their_keys(tmp_path: Path) -> None:
    own = KEYS["a"].public_key().public_bytes_raw()
    assert Principals.load(None, {"a": own}).has("a", "party", "2026-01-01")
    other = base64.b64encode(KEYS["b"].public_key().public_bytes_raw()).decode()
    path = tmp_path / "principals.toml"
    path.write_text(
        f'version = 1\n[[principal]]\nname = "a"\nkey = "{other}"\nroles = ["regulator"]\n'
    )
    with pytest.raises(UsageError, match=r"principals.toml: a: expected the party's signing key"):
        Principals.load(path, {"a": own})
    path.write_text('version = 1\n[[principal]]\nname = "x"\nkey = "AA"\nroles = ["chief"]\n')
    with pytest.raises(UsageError, match=r"principal\[1\]\.key: .*principal\[1\]\.roles\[1\]"):
        Principals.load(path, {"a": own})


def test_a_journal_of_a_file_is_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    seen: list[str] = []
    for number, each in enumerate(chain(3)):
        seen.clear()
        journal = append(path, each, EVERYBODY, lambda s: seen.append(s.digest))
        assert len(journal.statements) == len(seen) == number + 1
    assert Journal.load(path, EVERYBODY) == journal
    assert Journal.load(tmp_path / "none.jsonl", EVERYBODY) == Journal()


def test_moved_dropped_and_repeated_statements_are_found(tmp_path: Path) -> None:
    first, second, third = chain(3)
    for wrong, number in (
        ([second, first, third], 1),
        ([first, third], 2),
        ([first, first], 2),
        ([first, second, second], 3),
        ([first, Statement.of("test", {"after": Journal.of([first], EVERYBODY).head})], 2),
    ):
        with pytest.raises(UsageError, match=f"statement {number}: test: expected a"):
            Journal.of(wrong, EVERYBODY)
    path = tmp_path / "journal.jsonl"
    path.write_text(line_of(first) + "{\n")
    with pytest.raises(UsageError, match=r"journal.jsonl: line 2: expected one JSON object"):
        Journal.load(path, EVERYBODY)


def test_what_the_fold_refuses_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def never(_: Statement) -> None:
        raise UsageError("expected nothing")

    with pytest.raises(UsageError, match="expected nothing"):
        append(path, statement(), EVERYBODY, never)
    assert path.read_bytes() == b""


def test_every_flipped_byte_of_a_journal_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = "".join(line_of(each) for each in chain(2)).encode()
    for at in range(len(whole) - 1):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(UsageError):
            Journal.load(path, EVERYBODY)
