"""The public domain: answers that passed the release gate, and nothing else can be put into it.

What is put in is a Release, which the gate alone can make; a test holds that nothing else calls `seal_release` or
`put_release`.
"""

from __future__ import annotations

import json
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self, final

from pydantic import ValidationError

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.answer import Answer, Cell, State
from mpcstats.party.domains.vault import Vault, read_key
from mpcstats.policy.permit import Permit
from mpcstats.records.names import Digest
from mpcstats.records.tomlfile import Listed, Table

_SEAL = object()


@final
@dataclass(frozen=True, slots=True)
class Release:
    """The answer of run `run` of a permitted plan, found to be aggregate-safe."""

    run: str
    permit: Permit = field(repr=False)
    answer: Answer = field(repr=False)
    # Not kept: dataclasses.replace would hand it on to a release of another answer.
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise InternalError("expected a release from the gate, got one that was made up")


def seal_release(run: str, permit: Permit, answer: Answer) -> Release:
    """The release of `answer`. For the gate alone; a test holds that nothing else calls it."""
    return Release(run, permit, answer, _SEAL)


class Published(Table):
    """What the public domain holds of one run: the table, and of which plan, policy and least persons it is."""

    run: str
    plan: Digest
    policy: Digest
    purpose: str
    minimum_persons: int
    columns: Annotated[tuple[str, ...], Listed]
    rows: Annotated[tuple[Annotated[tuple[Cell, ...], Listed], ...], Listed]
    states: Annotated[tuple[Annotated[tuple[State, ...], Listed], ...], Listed]


@final
class PublicDomain:
    """One organisation's store of the public domain. A context manager; everybody may read what is in it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @classmethod
    def open(cls, path: Path, key: Path) -> Self:
        """The store at `path` under the key in the file `key`. Raises UsageError as Vault.open does."""
        return cls(Vault.open(path, domain="public", key=read_key(key)))

    def put_release(self, release: Release) -> str:
        """Put what was released in; the row's id. For the gate alone; a test holds that nothing else calls it.

        Raises UsageError if the run is in already: an answer is released once.
        """
        if not isinstance(release, Release):
            raise InternalError("expected a release from the gate, got something else")
        if self._vault.found(release.run):
            raise UsageError(f"run {release.run}: expected an answer that is not public yet")
        plan, answer = release.permit.plan, release.answer
        content = json.dumps(
            {
                "run": release.run,
                "plan": release.permit.plan_digest,
                "policy": release.permit.policy_digest,
                "purpose": plan.purpose,
                "minimum_persons": plan.gate.k,
                "columns": list(answer.columns),
                "rows": [list(row) for row in answer.rows],
                "states": [list(row) for row in answer.states],
            },
            ensure_ascii=False,
        )
        return self._vault.put(content.encode(), word=release.run)

    def ids(self) -> tuple[str, ...]:
        """The ids of everything in it."""
        return self._vault.ids()

    def read(self, row: str) -> Published:
        """What is in `row`. Raises UsageError if there is no such row, or the file was changed."""
        try:
            return Published.model_validate(json.loads(self._vault.get(row)))
        except (ValidationError, ValueError):
            raise InternalError("expected a published answer as it was put, got another") from None

    def close(self) -> None:
        """Close the store."""
        self._vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
