"""A party's noise: the secrets that it is drawn by, which follow from the signing key, and cells with it added.

Nothing more is kept than the signing key. Who changes that changes it in the consortium file too, so everybody sees
that all noise is new from then on, and that what was asked before counts again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpcstats.engines.api import Engine
from mpcstats.errors import InternalError
from mpcstats.party.data.sources import Rows
from mpcstats.party.inputs import content, ordered
from mpcstats.plan.matter import matter
from mpcstats.plan.physical import Physical
from mpcstats.protocols.cells import Cells
from mpcstats.protocols.held import Summand
from mpcstats.protocols.noise import Asked, Law, noise
from mpcstats.session import Session, Words
from mpcstats.session.draws import KEY_BYTES, encoded

PARTS = b"mpcstats noise key 1"
STATES = b"mpcstats noise state 1"
ANSWER = b"mpcstats noise answer 1"


@dataclass(frozen=True, slots=True)
class NoiseKeys:
    """The key of this party's parts of noise, and the one under which it states what its data are."""

    parts: bytes = field(repr=False)
    states: bytes = field(repr=False)

    @classmethod
    def of(cls, signing: Ed25519PrivateKey) -> Self:
        """Those that follow from the party's signing key: always the same, and of no use to find it."""
        return cls(_derived(signing, PARTS), _derived(signing, STATES))

    def state(self, rows: Mapping[str, Rows]) -> Words:
        """4 words that change if a row of a fragment does, and say nothing of it to who has not the key."""
        mac = HMAC(self.states, SHA256())
        for name in sorted(rows):
            own = content(ordered(rows[name]))
            mac.update(f"{len(name)}:{name}{len(own)}:".encode())
            mac.update(own)
        return np.frombuffer(mac.finalize(), dtype="<u8").astype(np.uint64)


class OwnNoise:
    """This party's keys in one run; the public signing keys of the compute parties; and what it has heard, after it.

    `answer`: a digest of what was asked, of what all owners have said of their data and of `signers`: equal for runs
    whose answers have the same noise on the same numbers. None before that, at parties that do not compute, and
    where noise is new in every run.
    """

    __slots__ = ("answer", "keys", "signers")

    def __init__(self, keys: NoiseKeys, signers: Sequence[bytes]) -> None:
        self.keys = keys
        self.signers = tuple(signers)
        self.answer: str | None = None


async def noised(
    session: Session,
    engine: Engine,
    plan: Physical,
    cells: Cells,
    *,
    own: OwnNoise | None,
    rows: Mapping[str, Rows],
) -> Cells:
    """The cells with the noise that `plan` adds to them; as they are if it adds none.

    `rows` are those of this party's own fragments. Raises InternalError without keys where there is noise.
    """
    step = plan.noise
    if step is None:
        return cells
    if own is None:
        raise InternalError("expected this party's keys of noise for a plan that adds some")
    laws: list[Law | None] = [None] * cells.columns
    for each in step.columns:
        law = each.mechanism
        laws[each.column] = Law(law.kind, law.parameter)
    owners = dict.fromkeys(fragment.owner for fragment in plan.fragments)
    states = tuple(
        Summand(owner, own.keys.state(rows) if owner == session.me else None) for owner in owners
    )
    inside = session.narrow(step.name)
    # The digest of nothing is bound to the run and the step: another one in every run.
    about = matter(plan) if step.sticky else inside.digest().tobytes() + matter(plan)
    asked = Asked(about, states, own.keys.parts)
    found = await noise(inside, engine, cells.values, laws, asked=asked)
    if step.sticky and session.me in engine.compute:
        own.answer = hashlib.sha256(
            encoded([ANSWER, about, *found.states, *own.signers])
        ).hexdigest()
    return replace(cells, values=found.values)


def _derived(signing: Ed25519PrivateKey, purpose: bytes) -> bytes:
    derived = HKDF(SHA256(), length=KEY_BYTES, salt=purpose, info=b"")
    return derived.derive(signing.private_bytes_raw())
