"""Before the first message of a run: all parties compare its terms, and deal the seeds of their common masks.

run id = BLAKE2b-256 of the parties, a nonce of each and the terms; so no party alone determines it, and no run
has the masks of another. The seed of a pair = BLAKE2b-256 of what both have contributed, bound to the run id.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, Protocol, cast

from mpcstats.errors import Disagreement, PeerFault, UsageError
from mpcstats.session import PairSeeds
from mpcstats.session.randomness import SEED_BYTES

STEP = "handshake"
NONCE_BYTES = 32
TERMS = 64
TERM_BYTES = 4096
SHOWN = 16  # characters of a term in a message

_HEX = re.compile("[0-9a-f]{64}")


class Exchanger(Protocol):
    """What the handshake needs of a mesh."""

    def exchange_json_each(
        self, fields: Mapping[str, Mapping[str, Any]], *, check: Any = None
    ) -> dict[str, dict[str, Any]]:
        """Send every other party its object, return the one of each; `check` sees each as it comes."""


def agree(
    mesh: Exchanger, me: str, parties: tuple[str, ...], terms: Mapping[str, str]
) -> PairSeeds:
    """This party's seeds for a run of `parties` on `terms` (name -> text, such as the digest of a plan).

    Raises Disagreement naming every term in which a peer differs, PeerFault for a malformed answer, and what
    `mesh` raises. The peer that differs raises Disagreement too.
    """
    _check_own(me, parties, terms)
    others = [party for party in parties if party != me]
    nonce = secrets.token_hex(NONCE_BYTES)
    mine = {peer: secrets.token_hex(SEED_BYTES) for peer in others}
    said = mesh.exchange_json_each(
        {peer: {"nonce": nonce, "seed": mine[peer], "terms": dict(terms)} for peer in others},
        check=lambda peer, fields: _check_answer(peer, fields, terms),
    )
    nonces = {me: nonce} | {peer: str(said[peer]["nonce"]) for peer in others}
    run_id = _run_id(nonces, terms)
    mesh.exchange_json_each(
        {peer: {"run": run_id.hex()} for peer in others},
        check=lambda peer, fields: _check_run(peer, fields, run_id),
    )
    return PairSeeds(
        run_id,
        {peer: _pair_seed(run_id, {me: mine[peer], peer: said[peer]["seed"]}) for peer in others},
    )


def _check_own(me: str, parties: tuple[str, ...], terms: Mapping[str, str]) -> None:
    if me not in parties or len(set(parties)) != len(parties):
        raise UsageError(f"expected {me} once among different parties, got {', '.join(parties)}")
    if not _is_terms(dict(terms)):
        raise UsageError(
            f"expected at most {TERMS} terms of at most {TERM_BYTES} characters, got {len(terms)}"
        )


def _is_terms(terms: object) -> bool:
    return (
        isinstance(terms, dict)
        and len(terms) <= TERMS
        and all(
            isinstance(text, str) and len(text) <= TERM_BYTES
            for pair in terms.items()
            for text in pair
        )
    )


def _check_answer(peer: str, fields: Mapping[str, Any], terms: Mapping[str, str]) -> None:
    if set(fields) != {"nonce", "seed", "terms"}:
        raise PeerFault(peer, STEP, "expected a nonce, a seed and terms, got other fields")
    for name in ("nonce", "seed"):
        if not isinstance(fields[name], str) or _HEX.fullmatch(fields[name]) is None:
            raise PeerFault(peer, STEP, f"expected a {name} of 64 hex digits, got another value")
    listed = differing(peer, STEP, terms, fields["terms"])
    if listed:
        raise Disagreement(peer, STEP, f"expected the same terms as here, got other ones: {listed}")


def differing(peer: str, step: str, mine: Mapping[str, str], theirs: object) -> str:
    """The names of the terms in which `peer` differs, with both sides' beginnings; empty if there is none.

    Raises PeerFault at `step` if `theirs` are no terms.
    """
    if not _is_terms(theirs):
        raise PeerFault(peer, step, f"expected at most {TERMS} terms of text, got another value")
    there = cast("dict[str, str]", theirs)
    return "; ".join(
        f"{_shown(name)} (here {_shown(mine.get(name))}, there {_shown(there.get(name))})"
        for name in sorted({*mine, *there})
        if mine.get(name) != there.get(name)
    )


def _shown(text: str | None) -> str:
    if text is None:
        return "none"
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= SHOWN else plain[:SHOWN] + "…"


def _check_run(peer: str, fields: Mapping[str, Any], run_id: bytes) -> None:
    if set(fields) != {"run"} or not isinstance(fields["run"], str):
        raise PeerFault(peer, STEP, "expected the identifier of the run, got other fields")
    if fields["run"] != run_id.hex():
        raise Disagreement(
            peer,
            STEP,
            "expected the same identifier of the run, got another: a party has sent "
            "different nonces to different parties, or the parties' lists differ",
        )


def _run_id(nonces: Mapping[str, str], terms: Mapping[str, str]) -> bytes:
    state = hashlib.blake2b(digest_size=32, person=b"mpcstats-run")
    for part in (
        {name: bytes.fromhex(nonce) for name, nonce in nonces.items()},
        {name: text.encode() for name, text in terms.items()},
    ):
        state.update(len(part).to_bytes(8, "little"))
        for name in sorted(part):
            _update(state, name.encode(), part[name])
    return state.digest()


def _pair_seed(run_id: bytes, contributions: Mapping[str, str]) -> bytes:
    state = hashlib.blake2b(digest_size=SEED_BYTES, person=b"mpcstats-seed")
    _update(state, run_id)
    for name in sorted(contributions):
        _update(state, name.encode(), bytes.fromhex(contributions[name]))
    return state.digest()


def _update(state: hashlib.blake2b, *parts: bytes) -> None:
    for part in parts:
        state.update(len(part).to_bytes(8, "little") + part)
