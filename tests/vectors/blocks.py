"""The vectors of building blocks: keys, names on the wire, digests, streams, stores, ledger entries, a plan.

Each file has `cases` (what goes in, what must come out) and, where something can be refused, `refused`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.vectors.plays import block
from tests.vectors.rings import galois
from tests.vectors.world import FixedSession, Party, private_key, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import keyvalue
from mpcstats.engines.rep3.product import Operand, conj
from mpcstats.engines.rep3.seat import Seat
from mpcstats.errors import UsageError
from mpcstats.party.compile import Records, planned
from mpcstats.party.question import Question
from mpcstats.plan.keys import encoded, normalised
from mpcstats.records.ledger import merkle
from mpcstats.records.ledger.checkpoint import (
    Checkpoint,
    checkpoint_digest,
    cosign,
    read_checkpoint,
)
from mpcstats.records.ledger.entry import Entry, read_entry
from mpcstats.session import PairSeeds, Program
from mpcstats.session.messages import digest, wire_tag

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
DEMO_PARTIES = ("bureau", "hospital", "insurer")
Made = dict[str, Any]


def blocks() -> dict[str, Made]:
    """File name without .json -> what is in it."""
    made: dict[str, Callable[[], Made]] = {
        "keys": _keys,
        "wire": _wire,
        "streams": _streams,
        "bits": _bits,
        "store": _store,
        "masks": _masks,
        "ledger": _ledger,
        "plan": _plan,
        "galois": galois,
    }
    return {name: make() for name, make in made.items()}


# keys

RAW: dict[str, Sequence[tuple[str | None, str]]] = {
    "trim-upper": (
        ("A17", "as it is"),
        ("  a17 ", "blanks cut off, letters raised"),
        ("a 17", "a blank within stays"),
        ("\ta17", "a tab is no blank: it stays"),
        ("Ä17é", "letters beyond ASCII are raised too"),
        ("\uff21\uff11", "full-width signs stay what they are"),
        ("\u3000a17\u3000", "a full-width blank is cut off too"),
        ("ß17", "a letter without a single capital"),
        ("张三", "no letters to raise"),
        ("0012", "zeros in front stay"),
        ("", "empty: no key"),
        ("   ", "blank: no key"),
        (None, "missing: no key"),
    ),
    "resident-id": (
        ("11010519491231002X", "18 characters, check X"),
        ("11010519491231002x", "a small x is raised"),
        (" 440524188001010014 ", "18 digits, blanks cut off"),
        ("440524880101001", "15 digits: the century 19 and the check are put in"),
        ("110105491231002", "15 digits of the first one: the same key"),
        ("110105194912310021", "wrong check: a digit for X"),
        ("440524188001010013", "wrong check: one less"),
        ("440542188001010014", "wrong check: two digits exchanged"),
        ("44052418800101001X", "wrong check: X for a digit"),
        ("1101051949123100X2", "X before the end"),
        ("11010519491231002", "17 characters"),
        ("11010519491231002XX", "19 characters"),
        ("1101054912310021", "16 digits"),
        ("11010549123100", "14 digits"),
        ("11010549123100X", "15 characters, X at the end"),
        ("110105 19491231002X", "a blank within"),
        ("\uff11\uff11010519491231002X", "full-width digits are no digits"),
        ("１１０１０５４９１２３１００２", "15 full-width digits"),
        ("", "empty"),
        ("    ", "blank"),
        (None, "missing"),
    ),
    "exact": (
        (" a17 ", "blanks and small letters stay"),
        ("", "empty: a key of no characters"),
        (None, "missing: no key"),
    ),
}
PARTS: Sequence[Sequence[str | int | None]] = (
    ("A17",),
    ("",),
    ("11010519491231002X",),
    ("张三",),
    (17,),
    (-17,),
    ("17",),
    ("1", "23"),
    ("12", "3"),
    ("123",),
    ("1:2", "3"),
    ("1", "2:3"),
    ("", "1"),
    ("1", ""),
    ("A", 5, "B"),
    ("A", None),
)


def normal(kind: str, raw: str | None) -> str | None:
    """What mpcstats.plan.keys makes of a text, in DuckDB."""
    query = f"SELECT {normalised(kind, 'k')} FROM (SELECT CAST(? AS VARCHAR) AS k)"
    return _one(query, (raw,))


def key_text(parts: Sequence[str | int | None]) -> str | None:
    """The text of a key of several columns; None (NULL) if a part is missing."""
    names = [f"p{i}" for i in range(len(parts))]
    kinds = ["BIGINT" if isinstance(part, int) else "VARCHAR" for part in parts]
    given = ", ".join(f"CAST(? AS {k}) AS {n}" for k, n in zip(kinds, names, strict=True))
    return _one(f"SELECT {encoded(names)} FROM (SELECT {given})", tuple(parts))


@cache
def _one(query: str, values: tuple[Any, ...]) -> str | None:
    with duckdb.connect() as database:
        row = database.execute(query, values).fetchone()
    assert row is not None
    found: str | None = row[0]
    return found


def _keys() -> Made:
    cases = [
        {"normalisation": kind, "given": raw, "key": normal(kind, raw), "about": about}
        for kind, raws in RAW.items()
        for raw, about in raws
        if kind != "resident-id" or normal(kind, raw) is not None
    ]
    refused = [
        {"normalisation": kind, "given": raw, "key": None, "about": about}
        for kind, raws in RAW.items()
        for raw, about in raws
        if kind == "resident-id" and normal(kind, raw) is None
    ]
    encodings = []
    for parts in PARTS:
        text = key_text(parts)
        sha = None if text is None else hashlib.sha256(text.encode()).hexdigest()
        made = None if text is None else block(text)
        encodings.append({"parts": list(parts), "text": text, "sha256": sha, "block": made})
    return {
        "about": "a key column to its normalised key (null: no key, never matches), parts to text, text to "
        "SHA-256, and the 128 bits that AES gets: each 8-byte half of the first 16 bytes turned round",
        "cases": cases,
        "refused": refused,
        "encodings": encodings,
    }


# wire and streams

STEPS = ("run", "run/0-a#0", "run/hit/level0#0", "run/open/to-张三#0", "")
RUN = bytes(range(32))
SEED = bytes(range(100, 132))


def _wire() -> Made:
    parts: Sequence[Sequence[Sequence[int]]] = (
        (),
        ((),),
        ((1,),),
        ((1, 2),),
        ((1,), (2,)),
        ((2**64 - 1,),),
    )
    digests = [
        (RUN, "run/open", part) for part in parts
    ] + [(RUN, "run/other", ((1,),)), (RUN[:16], "run/open", ((1,),))]  # fmt: skip
    return {
        "about": "wire_tag: BLAKE2b-64 of the step. digest: BLAKE2b-256 over run id and step, each after its "
        "length in bytes, and each part after its number of words (lengths: 8 bytes, lowest first)",
        "tags": [{"step": step, "tag": f"{wire_tag(step):016x}"} for step in STEPS],
        "digests": [
            {
                "run_id": run.hex(),
                "step": step,
                "parts": [to_hex(np.array(p, dtype=np.uint64)) for p in part],
                "digest": to_hex(digest(run, step, *(np.array(p, dtype=np.uint64) for p in part))),
            }
            for run, step, part in digests
        ],
    }


def _streams() -> Made:
    cases = [(SEED, RUN, step) for step in STEPS]
    cases += [(SEED[::-1], RUN, "run"), (SEED, RUN[::-1], "run"), (SEED, RUN[:16], "run")]
    return {
        "about": "a stream is AES-128-CTR of zeros, counter from 0, under a key that is BLAKE2b-128 of run id "
        "(after its length, 8 bytes lowest first) and step, keyed by the seed, personalised mpcstats-pair "
        "(private streams of vectors only: mpcstats-private)",
        "cases": [
            {
                "seed": seed.hex(),
                "run_id": run.hex(),
                "step": step,
                "words": to_hex(PairSeeds(run, {"b": seed}).stream("b", step).words(5)),
                "private_key": private_key(seed, run, step).hex(),
            }
            for seed, run, step in cases
        ],
    }


# bits and stores


def _bits() -> Made:
    values = [
        np.array([1, 2, 3, 4, 5], dtype=np.uint64),
        np.array([2**64 - 1, 2**63, 0], dtype=np.uint64),
    ]
    values.append(PairSeeds(RUN, {"b": SEED}).stream("b", "bits").words(66))
    return {
        "about": "bit-sliced words: row b holds bit b of the elements; element e is bit e % 64 of word e // 64",
        "cases": [
            {
                "width": width,
                "values": to_hex(v),
                "rows": [to_hex(row) for row in slicing.slice_bits(v, width)],
            }
            for v, width in zip(values, (3, 64, 5), strict=True)
        ],
    }  # fmt: skip


def store_rows(seed: Sequence[int], keys: int) -> list[int]:
    """The rows of a key in a store for `keys` keys: what decoding a store of unit rows shows."""
    shape = keyvalue.shape(keys)
    unit = np.eye(shape.rows, dtype=np.uint64)
    decoded = keyvalue.decode(unit, np.array([seed], dtype=np.uint32), shape)
    return [int(row) for row in np.flatnonzero(decoded[0])]


def _store() -> Made:
    seeds = (
        (0, 0, 0),
        (1, 2, 3),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0x80000000, 0x40000000, 7),
    )
    return {
        "about": "sizes of a store for at most `keys` keys, and the rows of a position seed (three 32-bit parts)",
        "sizes": [
            {"keys": n, "segment": keyvalue.shape(n).segment, "rows": keyvalue.shape(n).rows}
            for n in (0, 1, 7, 10, 100, 1_000_000)
        ],
        "cases": [
            {"keys": n, "seed": list(seed), "rows": store_rows(seed, n)} for n in (5, 100) for seed in seeds
        ],
    }  # fmt: skip


# masks of ands

MASKED = ((1, 300), (4, 16), (4, 4097), (32, 512), (32, 513), (63, 260), (63, 261))


def and_of_zeros(rows: int, words: int) -> bytes:
    """What P_1 sends P_0 for one and of two matrices of zero bits: only the masks S_1 xor S_2 are left."""
    party = Party("b", RUN, PairSeeds(RUN, {"a": SEED, "c": SEED[::-1]}), SEED)
    session = FixedSession(party, ("a", "b", "c"))
    zeros = np.zeros((rows, words), dtype=np.uint64)
    operand = Operand.of((zeros, zeros))
    program = Program("b", conj(session, Seat(1, "a", "c"), [(operand, operand)]))
    program.advance()
    (message,) = program.outbox
    program.close()
    return bytes.fromhex(to_hex(message.payload))


def _masks() -> Made:
    return {
        "about": "SHA-256 of what P_1 sends P_0 for an and of zeros: the masks alone. A matrix that is wider than "
        "max(256, 2^14 // rows) words takes its masks from the stream block of columns by block of columns",
        "run_id": RUN.hex(),
        "seeds": {"a-b": SEED.hex(), "b-c": SEED[::-1].hex()},
        "step": "run",
        "cases": [
            {"rows": r, "words": w, "sha256": hashlib.sha256(and_of_zeros(r, w)).hexdigest()}
            for r, w in MASKED
        ],
    }


# ledger

BODIES: Sequence[tuple[str, str, dict[str, Any]]] = (
    ("2026-01-02T03:04:05Z", "request", {"question": "ab", "initiator": "bureau"}),
    ("2026-01-02T03:04:06Z", "decision", {"permit": True, "reasons": [], "k": 11, "because": None}),
    ("2026-01-02T03:04:06Z", "opening", {"z": -1, "a": [1, {"名": "张三"}], "leak": "gated-cell"}),
)
# The second entry's text with one thing changed in it: what is refused by its form, whatever tree it is in.
CHANGED_ENTRIES: dict[str, tuple[str, str]] = {
    "unknown_kind": ('"kind":"decision"', '"kind":"guess"'),
    "time_without_zone": ("04:06Z", "04:06"),
    "index_below_zero": ('"index":1', '"index":-1'),
    "previous_in_capitals": ('"previous":"', '"previous":"A'),
    "body_with_blanks": ('"permit":true', '"permit": true'),
    "body_not_sorted": ('"k":11,"permit":true', '"permit":true,"k":11'),
    "body_with_a_name_twice": ('"k":11', '"k":11,"k":11'),
    "body_with_a_fraction": ('"k":11', '"k":11.5'),
    "body_with_a_number_too_large": ('"k":11', '"k":9223372036854775808'),
    "body_with_escapes": ('"because":null', '"because":"\\u5f20"'),
    "body_that_is_a_list": ('{"body":{', '{"body":[{'),
    "a_name_too_many": ('"index":1', '"extra":1,"index":1'),
}
# The last checkpoint's note with one thing changed in it.
CHANGED_NOTES: dict[str, tuple[str, str]] = {
    "another_size": ("\n3\n", "\n4\n"),
    "size_with_a_zero_in_front": ("\n3\n", "\n03\n"),
    "size_with_a_sign": ("\n3\n", "\n+3\n"),
    "an_extension_line": ("=\n\n", "=\nextension\n\n"),
    "no_empty_line": ("=\n\n", "=\n"),
    "another_origin": ("mpcstats/bureau\n", "mpcstats/hospital\n"),
    "another_key_name": ("\u2014 mpcstats/bureau", "\u2014 mpcstats/hospital"),
    "a_dash_too_short": ("\u2014", "\u2013"),
    "carriage_returns": ("\n", "\r\n"),
    "no_new_line_at_the_end": ("", ""),
}


def signing_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def _ledger() -> Made:
    key, witness = signing_key(SEED.hex()), signing_key(RUN.hex())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    nodes: dict[tuple[int, int], bytes] = {}

    def node(level: int, number: int) -> bytes:
        return nodes[level, number]

    note = Checkpoint("mpcstats/bureau", 0, merkle.EMPTY).signed_by(key)
    empty = str(note)
    cases: list[Made] = []
    contents: list[str] = []
    for index, (time, kind, body) in enumerate(BODIES):
        entry = Entry(index, time, kind, body, checkpoint_digest(note, "bureau", public))
        for level, number, made in merkle.grown(index, entry.leaf, node):
            nodes[level, number] = made
        point = Checkpoint("mpcstats/bureau", index + 1, merkle.root(index + 1, node))
        note = point.signed_by(key)
        contents.append(entry.content)
        cases.append(
            {
                "entry": entry.to_json(),
                "content": entry.content,
                "leaf": entry.leaf.hex(),
                "root": point.root.hex(),
                "checkpoint": str(note),
            }
        )
    cosigned = str(note.with_(cosign(point, "hospital", witness, 1767323047)))
    return {
        "about": "entries of one log: content is canonical JSON, previous SHA-256 of the checkpoint before it; leaf "
        "and root as in RFC 6962; checkpoint is a signed note of origin, size and root (C2SP), cosigned is the last "
        "one with a witness's cosignature/v1; refused: what is no entry, or no checkpoint of this party",
        "party": "bureau",
        "private_key": SEED.hex(),
        "public_key": public.hex(),
        "empty": empty,
        "cases": cases,
        "cosigned": [
            {
                "cosigner": "hospital",
                "private_key": RUN.hex(),
                "public_key": witness.public_key().public_bytes_raw().hex(),
                "time": 1767323047,
                "checkpoint": cosigned,
            }
        ],
        "refused": [*_refused_entries(contents[1]), *_refused_notes(cosigned, public)],
    }


def _refused_entries(content: str) -> list[Made]:
    found = []
    for title, (old, new) in CHANGED_ENTRIES.items():
        text = content.replace(old, new, 1)
        said = refusal(read_entry, text)
        found.append({"name": title, "what": "entry", "text": text, "reason": said})
    return found


def _refused_notes(note: str, public: bytes) -> list[Made]:
    found = []
    for title, (old, new) in CHANGED_NOTES.items():
        text = note.replace(old, new) if title == "carriage_returns" else note.replace(old, new, 1)
        if title == "no_new_line_at_the_end":
            text = note.removesuffix("\n")
        said = refusal(read_checkpoint, text, "bureau", public)
        found.append({"name": title, "what": "checkpoint", "text": text, "reason": said})
    return found


def refusal(read: Callable[..., object], *given: object) -> str:
    """What `read` says against what it is given."""
    try:
        read(*given)
    except UsageError as error:
        return str(error)
    raise AssertionError("expected a fault, got none")


# plan


def demo_plan(text: str, recipients: Sequence[str], purpose: str) -> tuple[str, int]:
    """Digest of the plan of `text` in the settlement demo, and its k."""
    records = Records.load(
        "bureau",
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=DEMO_PARTIES,
        members=DEMO_PARTIES,
    )
    question = Question(
        text=text,
        scenario="supervision",
        purpose=purpose,
        initiator="bureau",
        recipients=tuple(recipients),
        day="2026-01-01",
    )
    plan = planned(question, records)
    return plan.digest(), plan.gate.k


def _plan() -> Made:
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    settings: Sequence[tuple[Sequence[str], str]] = (
        (("bureau",), "vector"),
        (("insurer", "bureau"), "vector"),
        (("bureau",), "another purpose"),
    )
    cases = []
    for recipients, purpose in settings:
        found, k = demo_plan(text, recipients, purpose)
        setting = {"recipients": list(recipients), "purpose": purpose}
        cases.append({**setting, "k": k, "digest": found})
    return {
        "about": "SHA-256 of the canonical plan of demos/settlement/question.sql, asked by the bureau under "
        "`supervision`; it changes when the planner does: then scripts/vectors writes it again",
        "cases": cases,
    }
