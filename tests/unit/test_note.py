"""Signed notes and checkpoints: what is written is read; what differs in a byte or in its form is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.ledger.checkpoint import (
    Checkpoint,
    checkpoint_digest,
    cosign,
    cosigned,
    origin_of,
    read_checkpoint,
)
from mpcstats.records.ledger.note import (
    ED25519,
    MOST_SIGNATURES,
    NOTE_LIMIT,
    Note,
    from_base64,
    key_id,
    sign,
    signed,
    to_base64,
    verified,
)

WYCHEPROOF = Path(__file__).parents[3] / "shared/data/crypto_vectors/wycheproof/ed25519_test.json"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes_raw()
WITNESS_PUBLIC = WITNESS.public_key().public_bytes_raw()
POINT = Checkpoint("mpcstats/bureau", 8, bytes(range(32)))
TIME = 1_767_323_047
# The example of C2SP tlog-checkpoint and tlog-cosignature; its keys are not given there.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIU"
    "BkBIfZ+qnA==\n"
)


def full() -> Note:
    return POINT.signed_by(KEY).with_(cosign(POINT, "hospital", WITNESS, TIME))


def test_the_published_example_is_read_and_written_back() -> None:
    note = Note.parse(EXAMPLE)
    assert str(note) == EXAMPLE
    point = Checkpoint.of_text(note.text)
    assert (point.origin, point.size) == ("example.com/behind-the-sofa", 20852163)
    assert [(s.name, s.key_id.hex(), len(s.value)) for s in note.signatures] == [
        ("example.com/behind-the-sofa", "033de0ae", 64),
        ("witness.example.com/w1", "8d66cf3f", 72),
    ]
    # The time of the cosigned message in the same document.
    assert int.from_bytes(note.signatures[1].value[:8], "big") == 1679315147


def test_a_key_id_is_the_published_one() -> None:
    # The verifier key of Go's note package: its name, id and base64 of type and key.
    name, shown, content = (
        "PeterNeumann",
        "c74f20a3",
        "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    )
    public = from_base64(content)
    assert public is not None
    assert public[0] == ED25519
    assert key_id(name, ED25519, public[1:]).hex() == shown


def test_the_note_of_gos_note_package_verifies() -> None:
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = (
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
        "Zb6KE6RyyBwJnAM=\n"
    )
    public = from_base64("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert public is not None
    assert signed(Note.parse(f"{text}\n{line}"), "PeterNeumann", public[1:])


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    note, point = read_checkpoint(str(full()), "bureau", PUBLIC)
    assert point == POINT
    assert cosigned(note, "hospital", WITNESS_PUBLIC) == TIME
    assert cosigned(note, "insurer", WITNESS_PUBLIC) is None
    assert cosigned(note, "hospital", PUBLIC) is None
    alone = POINT.signed_by(KEY)
    assert checkpoint_digest(note, "bureau", PUBLIC) == checkpoint_digest(alone, "bureau", PUBLIC)


def test_a_cosignature_is_no_signature_and_the_other_way_round() -> None:
    """One key, one name, two types: the message of one is never that of the other."""
    made = cosign(POINT, "bureau", KEY, TIME)
    note = Note(POINT.text, (made,))
    assert not signed(note, "mpcstats/bureau", PUBLIC)
    assert not verified(PUBLIC, made.value[8:], POINT.text.encode())
    assert cosigned(POINT.signed_by(KEY), "bureau", PUBLIC) is None


def test_every_changed_byte_of_a_note_is_found() -> None:
    whole = str(full()).encode()
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            note, point = read_checkpoint(
                changed.decode(errors="surrogateescape"), "bureau", PUBLIC
            )
            time = cosigned(note, "hospital", WITNESS_PUBLIC)
        except UsageError:
            continue
        # In the cosigner's name or the id of its key: then it is nobody's signature that is known.
        assert (point, time) == (POINT, None), at
        assert whole[:at].count(b"\n") == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("\n", ""), "expected a signed note: a text, an empty line, signatures"),
        (lambda t: "\n\n" + t.partition("\n\n")[2], "expected a signed note: a text"),
        (lambda t: t[:-1], "expected a signed note that ends with a new line"),
        (lambda t: t + "\n", "expected a signed note that ends"),
        (lambda t: t.partition("\n\n")[0] + "\n\n", "expected a signed note that ends"),
        (lambda t: t.replace("\u2014 ", "- "), "expected a signature line"),
        (lambda t: t.replace("\u2014 ", "\u2014  "), "expected a signature line"),
        (lambda t: t.replace("bureau ", "bureau\u00a0x "), "expected a key's name without blanks"),
        (lambda t: t.replace("bureau ", "bureau+x "), "expected a key's name without blanks"),
        (lambda t: t.replace("\n\n", "\n\t\n\n"), "expected a note without control characters"),
        (lambda t: t.replace("bureau\n", "bureau\x85\n"), "expected a note without control"),
        (lambda t: t.replace("bureau\n", "bureau\ud800\n"), "expected a note in valid Unicode"),
        (lambda t: t + "x" * NOTE_LIMIT, "expected a note of at most 16384 bytes"),
        (lambda t: t + t.splitlines()[-1] + "\n", "expected one signature of each key"),
        (lambda t: t + "\u2014 a AAAAAA==\n", "expected a signature of 5 to 128 bytes, got 4"),
        (lambda t: t + "\u2014 a AAAAAB==\n", "expected a signature line"),
        (
            lambda t: t + "".join(f"\u2014 a{n} AAAAAAAA\n" for n in range(MOST_SIGNATURES)),
            "expected at most 64 signatures, got 66",
        ),
    ],
)  # fmt: skip
def test_a_note_of_another_form_is_refused(change: Callable[[str], str], said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        Note.parse(change(str(full())))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n8\n", "expected a checkpoint of origin, size and root, got 2 lines"),
        (f"{POINT.text}more\n", "expected a checkpoint of origin, size and root, got 4 lines"),
        (POINT.text.replace("8", "08"), "expected a checkpoint's size"),
        (POINT.text.replace("8", "-8"), "expected a checkpoint's size"),
        (POINT.text.replace("8", "\u0668"), "expected a checkpoint's size"),
        (POINT.text.replace("8", "9" * 19), "expected a checkpoint's size"),
        (POINT.text.replace("\nA", "\n"), "expected a checkpoint's root"),
        (POINT.text.replace("=", ""), "expected a checkpoint's root"),
        (POINT.text.replace("mpcstats/bureau", ""), "expected a key's name"),
        (POINT.text.replace("mpcstats/", "mpc stats/"), "expected a key's name"),
    ],
)
def test_a_checkpoint_of_another_form_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        Checkpoint.of_text(text)


def test_another_partys_checkpoint_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^expected a checkpoint of mpcstats/insurer, got one of"):
        read_checkpoint(str(full()), "insurer", PUBLIC)
    with pytest.raises(UsageError, match=r"^expected a checkpoint signed by the key of mpcstats/b"):
        read_checkpoint(str(full()), "bureau", WITNESS_PUBLIC)
    unsigned = str(Note(POINT.text, (cosign(POINT, "hospital", WITNESS, TIME),)))
    with pytest.raises(UsageError, match=r"^expected a checkpoint signed by"):
        read_checkpoint(unsigned, "bureau", PUBLIC)


def test_a_cosignature_of_another_text_is_refused() -> None:
    other = Checkpoint(POINT.origin, 9, POINT.root)
    note = POINT.signed_by(KEY).with_(cosign(other, "hospital", WITNESS, TIME))
    with pytest.raises(
        UsageError, match=r"^expected a cosignature of the key of mpcstats/hospital"
    ):
        cosigned(note, "hospital", WITNESS_PUBLIC)


def test_the_text_may_have_empty_lines() -> None:
    text = "a\n\n\nb\n"
    note = Note(text, (sign(text, "k", KEY),))
    assert Note.parse(str(note)) == note
    assert signed(Note.parse(str(note)), "k", PUBLIC)


def test_an_origin_is_a_key_name() -> None:
    assert origin_of("bureau") == "mpcstats/bureau"
    with pytest.raises(UsageError):
        origin_of("a b")


@pytest.mark.parametrize("text", ["A", "AA=", "AB==", "AA==\n", "A A=", "-_==", "AAA"])
def test_base64_that_is_not_the_one_text_is_refused(text: str) -> None:
    assert from_base64(text) is None


def test_base64_is_read_back() -> None:
    assert from_base64(to_base64(b"abc")) == b"abc"


@pytest.mark.skipif(
    not WYCHEPROOF.is_file(), reason="Wycheproof's file is not beside this checkout"
)
def test_ed25519_as_wycheproof_asks() -> None:
    groups = json.loads(WYCHEPROOF.read_text("utf-8"))["testGroups"]
    seen = {"valid": 0, "invalid": 0}
    for group in groups:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            good = verified(public, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert good == (test["result"] == "valid"), test["tcId"]
            seen[test["result"]] += 1
    assert sum(seen.values()) == 151
    assert min(seen.values()) > 50
