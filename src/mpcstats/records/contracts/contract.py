"""A policy contract: which actions whoever is given an asset may do with it, for what, until when, how often."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.day import Day
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName, Role
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

ROWS = b"mpcstats rows 1"
SALT_BYTES = 32
# What is done with rows that lie with whoever acts.
DataAction = Literal["read", "write", "delete", "duplicate", "move", "transfer", "publish"]
# What a joint computation does with rows that stay with their owner. release: the gated cells are opened.
JobAction = Literal[
    "sum", "count", "average", "join", "aggregate", "distinct", "quantile", "rank", "release"
]
Action = DataAction | JobAction
DATA_ACTIONS: tuple[DataAction, ...] = get_args(DataAction)
JOB_ACTIONS: tuple[JobAction, ...] = get_args(JobAction)
# What each protocol does with an asset, in the contract's words. Protocols that only move, order or compute rows for
# another one's step do nothing that their caller's word does not say.
OF_CARD: Mapping[str, JobAction] = {
    "sum": "sum",
    "long_sum": "sum",
    "partial_sum": "sum",
    "cohort_count": "count",
    "lookup_join": "join",
    "private_join": "join",
    "private_join_padded": "join",
    "sort_join": "join",
    "group_by": "aggregate",
    "group_by_owned": "aggregate",
    "group_by_public": "aggregate",
    "histogram": "aggregate",
    "window": "aggregate",
    "moments": "average",
    "divide": "average",
    "regression": "average",
    "distinct": "distinct",
    "quantile": "quantile",
    "extreme": "quantile",
    "top_k": "rank",
}
GATE = "gate"  # the card whose step is not the job's, but the release of its cells
INSIDE = frozenset(
    (
        *(
            "compact",
            "derive",
            "differencing",
            "expand",
            "firsts",
            "flag_count",
            "margins",
            "noise",
        ),
        *("permute", "radix_sort", "shuffle", "sort", "table"),
    )
)


def job_actions(cards: Iterable[str]) -> tuple[JobAction, ...]:
    """What a plan with steps of these `cards` does, each word once, without its release.

    Raises UsageError for a card that no word stands for: what is unknown is no allowed action.
    """
    found: set[JobAction] = set()
    for card in cards:
        if card in OF_CARD:
            found.add(OF_CARD[card])
        elif card not in INSIDE and card != GATE:
            raise UsageError(
                f"expected a protocol that contracts have a word for, got {card[:64]!r}"
            )
    return tuple(sorted(found))


def rows_digest(rows: Iterable[bytes], salt: bytes) -> str:
    """A commitment to `rows` in their order, in hex: SHA-256 over a secret salt of 32 bytes and each row.

    Without the salt, who guesses the rows could test the guess. Raises UsageError for another length of salt.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError(f"expected a salt of {SALT_BYTES} bytes, got {len(salt)}")
    state = hashlib.sha256(ROWS + salt)
    for row in rows:
        state.update(len(row).to_bytes(8, "big") + row)
    return state.hexdigest()


Some = Field(min_length=1, max_length=64)
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class Asset(Table):
    """The commitment to a dataset: its name, the digest of its catalogue entry, the salted digest of its rows."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
    catalogue: Digest
    rows: Digest

    @property
    def digest(self) -> str:
        """The data reference of a package, in hex."""
        return hashlib.sha256(canonical(self.model_dump()).encode()).hexdigest()


class Contract(Table):
    """What the owner of `asset` signs. `uses`: over all packages together; None for no limit.

    `parties` are organisations; who asks must be of one of them and have one of `roles` on the day. `use` says
    whether rows are handed over or only computed on: of a contract for jobs, no action reads rows.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    owner: PrincipalName
    asset: Asset
    level: Literal["HIGH", "MODERATE", "LOW", "NONE"]
    use: Literal["data", "job"]
    actions: Annotated[tuple[Action, ...], Listed, Some]
    roles: Annotated[tuple[Role, ...], Listed, Some]
    parties: Annotated[tuple[PrincipalName, ...], Listed, Some]
    purposes: Annotated[tuple[Purpose, ...], Listed, Some]
    since: Day
    until: Day
    uses: Annotated[int, Field(ge=1, le=1 << 31)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("actions", "roles", "parties", "purposes"):
            given = getattr(self, name)
            if len(set(given)) != len(given):
                raise ValueError(f"expected different {name}, got one twice")
        vocabulary: tuple[str, ...] = JOB_ACTIONS if self.use == "job" else DATA_ACTIONS
        others = [action for action in self.actions if action not in vocabulary]
        if others:
            raise ValueError(
                f"expected actions of {', '.join(vocabulary)} in a contract for {self.use}, got {others[0]}"
            )
        if self.since > self.until:
            raise ValueError(f"expected since <= until, got {self.since} > {self.until}")
        if self.level == "HIGH" and self.use == "data":
            raise ValueError(
                "expected a contract for jobs, got one that hands rows of level HIGH over"
            )
        return self

    @classmethod
    def load(cls, path: Path) -> Contract:
        """The contract in a file that its owner writes. Raises UsageError with file and place."""
        return read_toml(path, ContractFile).contract

    def to_json(self) -> dict[str, JSON]:
        """The body of its statement."""
        body: dict[str, JSON] = self.model_dump(mode="json")
        return body


class ContractFile(Table):
    """A file with one contract, to be read by its owner, held against the model and signed."""

    version: Version
    contract: Contract
