"""Settings of engine shamir: groups of several sizes and thresholds, and vectors of several providers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.vectors.plays import residues
from tests.vectors.world import Setting, seeds_for

from mpcstats.engines.shamir import Shamir
from mpcstats.protocols.held import Summand
from mpcstats.session import Session

NAMES = tuple("abcdefg")
Given = Sequence[tuple[str, Sequence[int]]]


def summed(
    protocol: str, title: str, about: str, group: tuple[int, int], vectors: Given
) -> Setting:
    """Each of `vectors` is (owner, numbers); compute parties are the first letters, of `group` = (n, t)."""
    compute = list(NAMES[: group[0]])
    parties = [*compute, *sorted({owner for owner, _ in vectors} - set(compute))]
    return {
        "about": about,
        "protocol": protocol,
        "version": 1,
        "parties": parties,
        "compute": compute,
        **seeds_for(f"{protocol} {title}", parties),
        "roles": {"providers": [owner for owner, _ in vectors]},
        "sizes": {"length": len(vectors[0][1]), "threshold": group[1]},
        "inputs": {"vectors": [{"owner": o, "values": list(v)} for o, v in vectors]},
    }


def engine_of(setting: Setting) -> Shamir:
    return Shamir(tuple(setting["compute"]), setting["sizes"]["threshold"])


def summands(setting: Setting, session: Session) -> list[Summand]:
    """The providers' vectors, as this party has them."""
    return [
        Summand(
            v["owner"],
            None if session.me != v["owner"] or v["values"] is None else residues(v["values"]),
        )
        for v in setting["inputs"]["vectors"]
    ]
