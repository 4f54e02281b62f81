"""The files of an organisation: consortium.toml and the party file, good ones and each kind of bad one."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from mpcstats.errors import UsageError
from mpcstats.party.files.config import SILENCE, Address, Consortium, PartyFile, decode_key

KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in range(4)]
PRINTS = [f"sha256:{n:064x}" for n in range(4)]


def member(n: int, name: str) -> str:
    return f"""
[[party]]
name = "{name}"
address = "10.0.0.{n}:7000"
fingerprint = "{PRINTS[n]}"
certificate = "certificates/{name}.pem"
signing_key = "{KEYS[n]}"
"""


GOOD = """name = "settlement"
catalogue = "catalogue.toml"
policy = "policy.toml"
compute = ["bureau", "insurer", "hospital"]
""" + "".join(member(n, name) for n, name in enumerate(("bureau", "insurer", "hospital", "clinic")))
PARTY = """party = "bureau"
tls_key = "keys/tls.pem"
signing_key = "keys/sign.pem"
ledger = "bureau.ledger"
[data]
"bureau.enrolment" = "data/enrolment.csv"
"""


def consortium(folder: Path, text: str | bytes) -> Consortium:
    path = folder / "consortium.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Consortium.load(path)


def party_file(folder: Path, text: str, party: str = "bureau") -> PartyFile:
    path = folder / "bureau.toml"
    path.write_text(text, encoding="utf-8")
    return PartyFile.load(path, party=party)


def changed(good: str, old: str, new: str) -> str:
    if old not in good:
        raise ValueError(f"{old!r} is not in the good file")
    return good.replace(old, new, 1)


def test_a_good_consortium_is_read(tmp_path: Path) -> None:
    found = consortium(tmp_path, GOOD)
    assert (found.name, found.silence) == ("settlement", SILENCE)
    assert found.catalogue == tmp_path / "catalogue.toml"
    assert found.policy == tmp_path / "policy.toml"
    assert found.compute == ("bureau", "insurer", "hospital")
    assert list(found.members) == ["bureau", "insurer", "hospital", "clinic"]
    insurer = found.member("insurer")
    assert insurer.address == Address("10.0.0.1", 7000)
    assert insurer.fingerprint == PRINTS[1]
    assert insurer.certificate == tmp_path / "certificates" / "insurer.pem"
    assert insurer.signing_key == b"\x01" * 32
    assert found.party_file("clinic") == tmp_path / "parties" / "clinic.toml"


def test_an_unknown_party_is_refused(tmp_path: Path) -> None:
    found = consortium(tmp_path, GOOD)
    expected = "expected a party of bureau, insurer, hospital, clinic, got '../x'"
    for use in (found.member, found.party_file):
        with pytest.raises(UsageError) as caught:
            use("../x")
        assert str(caught.value) == f"{found.path}: {expected}"


@pytest.mark.parametrize("silence", ["1", "2.5", "3600"])
def test_the_silence_may_be_set(tmp_path: Path, silence: str) -> None:
    assert consortium(tmp_path, f"silence = {silence}\n" + GOOD).silence == float(silence)


COMPUTE = 'compute = ["bureau", "insurer", "hospital"]'
BAD = [
    ('name = "settlement"\n', "", "name: field required"),
    ('name = "settlement"', 'name = " "', "name: expected text, got none"),
    ('name = "settlement"', "name = 3", "name: input should be a valid string"),
    ('name = "settlement"', 'name = "a"\nmore = 1', "more: extra inputs are not permitted"),
    (
        'name = "settlement"',
        'name = "a"\nsilence = 0.5',
        "silence: input should be greater than or equal to 1",
    ),
    (
        'name = "settlement"',
        'name = "a"\nsilence = nan',
        "silence: input should be less than or equal to 3600",
    ),
    (
        'name = "settlement"',
        'name = "a"\nsilence = 3601',
        "silence: input should be less than or equal to 3600",
    ),
    ('name = "settlement"', 'name = "a"\nsilence = "9"', "silence: input should be a valid number"),
    (
        COMPUTE,
        'compute = ["bureau"]',
        "the file: expected 3 different compute parties for engine rep3, got bureau",
    ),
    (
        COMPUTE,
        "compute = []",
        "the file: expected 3 different compute parties for engine rep3, got none",
    ),
    (
        COMPUTE,
        'compute = ["bureau", "bureau", "insurer"]',
        "expected 3 different compute parties for engine rep3, got bureau, bureau, insurer",
    ),
    (
        COMPUTE,
        'compute = ["bureau", "insurer", "x"]',
        "the file: expected compute parties among the parties, got x",
    ),
    (
        COMPUTE,
        'compute = ["bureau", "insurer", "X"]',
        "compute[3]: expected a party's name of at most 32 lower-case",
    ),
    (
        'name = "insurer"',
        'name = "bureau"',
        "the file: expected every party to have a name of its own",
    ),
    ("10.0.0.1:", "10.0.0.0:", "the file: expected every party to have an address of its own"),
    (PRINTS[1], PRINTS[0], "the file: expected every party to have a fingerprint of its own"),
    (KEYS[1], KEYS[0], "the file: expected every party to have a signing key of its own"),
    (
        PRINTS[1],
        "sha256:00",
        "party[2].fingerprint: expected sha256: and 64 hex digits, got 'sha256:00'",
    ),
    (
        PRINTS[1],
        PRINTS[1].replace("sha256", "sha512"),
        "party[2].fingerprint: expected sha256: and 64 hex digits",
    ),
    (
        KEYS[1],
        "AAAA",
        "party[2].signing_key: expected a public Ed25519 key of 32 bytes in base64, got 3",
    ),
    (KEYS[1], "!", "party[2].signing_key: expected a public Ed25519 key in base64, got other text"),
    (f'"{KEYS[1]}"', "7", "party[2].signing_key: expected a key as text"),
    ('"10.0.0.1:7000"', "7000", "party[2].address: expected an address as text"),
    (
        "10.0.0.1:7000",
        "10.0.0.1",
        "party[2].address: expected an address as HOST:PORT, got '10.0.0.1'",
    ),
    ("certificates/insurer.pem", "", "party[2].certificate: expected text, got none"),
    (
        'name = "insurer"',
        'name = "../insurer"',
        "party[2].name: expected a party's name of at most 32 lower-case",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_bad_consortium_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        consortium(tmp_path, changed(GOOD, old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'consortium.toml'}: ")
    assert message in str(caught.value)


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    text = changed(changed(GOOD, PRINTS[1], "x"), "10.0.0.2:7000", "y")
    with pytest.raises(UsageError, match=r"party\[2\]\.fingerprint: .*; party\[3\]\.address: "):
        consortium(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name = ", r"consortium\.toml: expected TOML, got: Invalid value"),
        (b"\xff", r"consortium\.toml: expected text in UTF-8, got something else$"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        consortium(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    expected = r"none\.toml: expected a file to read, got: No such file or directory$"
    with pytest.raises(UsageError, match=expected):
        Consortium.load(tmp_path / "none.toml")


def test_a_good_party_file_is_read(tmp_path: Path) -> None:
    found = party_file(tmp_path, PARTY)
    assert (found.party, found.path) == ("bureau", tmp_path / "bureau.toml")
    assert found.tls_key == tmp_path / "keys" / "tls.pem"
    assert found.signing_key == tmp_path / "keys" / "sign.pem"
    assert found.ledger == tmp_path / "bureau.ledger"
    assert found.data == {"bureau.enrolment": tmp_path / "data" / "enrolment.csv"}
    assert "enrolment" not in repr(found)


def test_a_party_may_have_no_data(tmp_path: Path) -> None:
    assert party_file(tmp_path, PARTY[: PARTY.index("[data]")]).data == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'party = "bureau"',
            'party = "insurer"',
            "expected the file of bureau, got that of insurer",
        ),
        (
            'party = "bureau"',
            'party = "Bureau"',
            "party: expected a party's name of at most 32 lower-case",
        ),
        ('ledger = "bureau.ledger"', "", "ledger: field required"),
        ('tls_key = "keys/tls.pem"', 'tls_key = ""', "tls_key: expected text, got none"),
        (
            'tls_key = "keys/tls.pem"',
            'tls_key = "k"\npassword = "x"',
            "password: extra inputs are not permitted",
        ),
        (
            '"bureau.enrolment" =',
            "bureau.enrolment =",
            'data: expected a file for each dataset; write "bureau.enrolment" in quotes',
        ),
        (
            '"data/enrolment.csv"',
            "3",
            "data.bureau.enrolment: expected a path as text, or a table with path",
        ),
    ],
)
def test_a_bad_party_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        party_file(tmp_path, changed(PARTY, old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'bureau.toml'}: {message}")


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("localhost:1", "localhost", 1, "localhost:1"),
        ("10.1.2.3:65535", "10.1.2.3", 65535, "10.1.2.3:65535"),
        ("[::1]:7000", "::1", 7000, "[::1]:7000"),
        ("[0:0::0001]:7000", "::1", 7000, "[::1]:7000"),
        ("[::ffff:10.1.2.3]:7000", "10.1.2.3", 7000, "10.1.2.3:7000"),
        ("[fe80::1%eth0]:7000", "fe80::1%eth0", 7000, "[fe80::1%eth0]:7000"),
        ("MPC-1.Bureau.example:7000", "mpc-1.bureau.example", 7000, "mpc-1.bureau.example:7000"),
        ("party_a:7000", "party_a", 7000, "party_a:7000"),
        ("0xbureau:7000", "0xbureau", 7000, "0xbureau:7000"),
        ("1st.example:7000", "1st.example", 7000, "1st.example:7000"),
    ],
)
def test_an_address_is_parsed_and_written(text: str, host: str, port: int, written: str) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, written)


@pytest.mark.parametrize(
    "text",
    [
        *("", "host", "host:", "host:0", "host:65536", "host:-1", "host:a", "host:١", "h:1 "),
        *("host:+1", "host:1_0", "host:080", "host:1\n"),
    ],
)
def test_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert str(caught.value) == f"expected an address as HOST:PORT, got {text!r}"


@pytest.mark.parametrize(
    "text",
    [
        *(":7000", "0.0.0.0:7000", "[::]:7000", ":::7000", "[]:7000", "*:7000", "[*]:7000"),
        *("[::0]:7000", "[0:0::]:7000", "[0:0:0:0:0:0:0:0]:7000", "[::0.0.0.0]:7000"),
        *("[::ffff:0.0.0.0]:7000", "::ffff:0.0.0.0:7000", "[::ffff:0:0]:7000", "[::%eth0]:7000"),
    ],
)
def test_every_interface_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert str(caught.value) == f"expected the address of one interface, not of all, got {text!r}"


@pytest.mark.parametrize(
    "text",
    [
        *("0:7000", "0.0:7000", "000.0.0.0:7000", "00:7000", "0x0:7000", "0X0:7000", "0x:7000"),
        *("0.0x0:7000", "0.0.0:7000", "0.0.0.0.:7000", "2130706433:7000", "127.1:7000"),
        *("010.1.2.3:7000", "10.1.2.256:7000", "0x7f.0.0.1:7000", "a.0:7000"),
        *(" 0.0.0.0:7000", " :7000", "\t*:7000", "0.0.0.0 :7000", "h\n:7000", " host:7000"),
        *("[0.0.0.0:7000", "::]:7000", "[host]:7000", "[[::1]]:7000", "[::1 ]:7000"),
        *("a..b:7000", ".a:7000", "-a:7000", "a-:7000", "a/b:7000", "é:7000", "\u212a:7000"),
        *(
            "a" * 64 + ":7000",
            ".".join(["a" * 63] * 4) + ":7000",
            "０.０.０.０:7000",
            "host:1:7000",
        ),
    ],
)
def test_a_host_in_another_form_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    expected = "expected an IP address written in full, or a host name, before the port"
    assert str(caught.value) == f"{expected}, got {text[:80]!r}"


@pytest.mark.parametrize("text", ["::1:7000", "[10.0.0.1]:7000", "::ffff:10.0.0.1:7000"])
def test_an_ipv6_address_and_no_other_stands_in_brackets(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^expected an IPv6 address, and no other, in \[\], as in "
    ):
        Address.parse(text)


def test_a_scope_is_the_name_of_an_interface() -> None:
    with pytest.raises(UsageError, match=r"^expected the name of an interface after %, got "):
        Address.parse("[fe80::1%eth0\n]:7000")


def test_a_port_of_many_digits_is_refused_and_cut_short() -> None:
    text = "host:" + "1" * 5000
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert str(caught.value) == f"expected an address as HOST:PORT, got {text[:80]!r}"


def test_a_deep_file_is_refused(tmp_path: Path) -> None:
    expected = r"consortium\.toml: expected TOML, got lists or tables nested too deep$"
    with pytest.raises(UsageError, match=expected):
        consortium(tmp_path, "a = " + "[" * 5000)


def test_a_host_in_capitals_is_the_same_address(tmp_path: Path) -> None:
    text = changed(changed(GOOD, "10.0.0.0:", "Host:"), "10.0.0.1:", "hosT:")
    with pytest.raises(UsageError, match="expected every party to have an address of its own"):
        consortium(tmp_path, text)


def test_a_public_key_is_decoded() -> None:
    assert decode_key(KEYS[2]) == b"\x02" * 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A", "^expected a public Ed25519 key in base64, got other text$"),
        ("é", "^expected a public Ed25519 key in base64, got other text$"),
        (KEYS[1] + "\n", "^expected a public Ed25519 key in base64, got other text$"),
        ("", "^expected a public Ed25519 key of 32 bytes in base64, got 0$"),
        ("AA==", "^expected a public Ed25519 key of 32 bytes in base64, got 1$"),
    ],
)
def test_text_that_is_no_key_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decode_key(text)
