"""The personal domain: rows about persons, each for its owner, a treating party, or whom the owner has let.

An owner is a person, known by a keyed pseudonym, and not the organisation that keeps the row. Who asks must have
been authenticated by the caller; who may read is decided here, and written down before anything is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, final

from pydantic import Field, ValidationError

from mpcstats.errors import InternalError, PolicyRefused, UsageError
from mpcstats.party.domains.vault import Vault, read_key
from mpcstats.party.question import check_name
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.day import check_day
from mpcstats.records.principals import PrincipalName
from mpcstats.records.tomlfile import Listed, Table

Basis = Literal["owner", "treating", "consent"]
Pseudonym = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks for rows about themselves."""

    pseudonym: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that asks. Raises UsageError if the name can be no party's."""

    name: str

    def __post_init__(self) -> None:
        check_name(self.name)


Reader = Person | Organisation


@dataclass(frozen=True, slots=True)
class Asked:
    """Organisation `reader` asks for `fields` of the row of person `owner`, for `purpose`, on `day`."""

    reader: str
    row: str
    owner: str
    fields: tuple[str, ...]
    purpose: str
    day: str


# The fields of a row that its owner has consented to, for this reader, purpose and day; none if there is no consent.
Consented = Callable[[Asked], frozenset[str]]
# Writes down who has read what, or was refused; no field's value and no pseudonym is in it.
Note = Callable[[Mapping[str, JSON]], object]


class _Row(Table):
    owner: Pseudonym
    treating: Annotated[tuple[PrincipalName, ...], Listed]
    fields: dict[str, Any]


@final
class PersonalDomain:
    """One organisation's store of the personal domain. A context manager; nothing here writes anywhere else."""

    def __init__(self, vault: Vault, party: str, consented: Consented, note: Note) -> None:
        self._vault = vault
        self.party = party
        self._consented = consented
        self._note = note

    @classmethod
    def open(cls, path: Path, key: Path, *, party: str, consented: Consented, note: Note) -> Self:
        """The store at `path` under the key in the file `key`. Raises UsageError as Vault.open does."""
        return cls(Vault.open(path, domain="personal", key=read_key(key)), party, consented, note)

    def put(self, owner: str, fields: Mapping[str, JSON], *, treating: Sequence[str] = ()) -> str:
        """Keep a row about the person of pseudonym `owner`, treated by organisations `treating`; its id.

        Raises UsageError if it is above the limit, or a part has another form.
        """
        content = canonical({"owner": owner, "treating": list(treating), "fields": dict(fields)})
        _read(content)  # what cannot be read again is not kept
        return self._vault.put(content.encode(), word=owner)

    def rows_of(self, person: Person) -> tuple[str, ...]:
        """The ids of the rows about `person`: what that person is told exists."""
        return self._vault.found(person.pseudonym)

    def read(
        self, row: str, reader: Reader, *, fields: Sequence[str], purpose: str, day: str
    ) -> Mapping[str, JSON]:
        """The fields of `row` that `reader` asks for, if `reader` may read all of them; it is noted either way.

        Raises PolicyRefused if not, UsageError for a row or a field that does not exist.
        """
        check_day(day)
        found = _read(self._vault.get(row).decode())
        name = reader.name if isinstance(reader, Organisation) else None
        asked = Asked(name or "", row, found.owner, tuple(fields), purpose, day)
        basis = self._basis(found, reader, asked)
        self._note(
            {
                "domain": "personal",
                "row": row,
                "reader": name,  # null: a person, whom no record names
                "purpose": purpose,
                "fields": sorted(fields),
                "day": day,
                "basis": basis,  # null: refused
            }
        )
        if basis is None:
            reason = (
                f"row {row} is of the personal domain, and {name or 'this person'} is neither its owner "
                "nor treats that person, nor has consent for these fields, this purpose and this day"
            )
            raise PolicyRefused(self.party, (reason,))
        unknown = sorted(set(fields) - set(found.fields))
        if unknown:
            raise UsageError(f"row {row}: expected fields that it has, got {', '.join(unknown)}")
        return {field: found.fields[field] for field in fields}

    def erase(self, row: str, person: Person) -> None:
        """Remove a row at its owner's wish. Raises PolicyRefused if `person` is not its owner."""
        if _read(self._vault.get(row).decode()).owner != person.pseudonym:
            raise PolicyRefused(self.party, (f"row {row} is erased for its owner alone",))
        self._note({"domain": "personal", "row": row, "reader": None, "erased": True})
        self._vault.erase(row)

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

    def _basis(self, row: _Row, reader: Reader, asked: Asked) -> Basis | None:
        if isinstance(reader, Person):
            return "owner" if reader.pseudonym == row.owner else None
        if reader.name in row.treating:
            return "treating"
        allowed = self._consented(asked)
        return "consent" if allowed and set(asked.fields) <= allowed else None


def _read(content: str) -> _Row:
    try:
        return _Row.model_validate(json.loads(content))
    except ValidationError as error:
        places = ", ".join(str(e["loc"][0]) for e in error.errors())
        raise UsageError(
            "expected a row with the owner's keyed pseudonym, treating organisations and fields, got "
            f"another form of {places}"
        ) from None
    except ValueError:
        raise InternalError("expected a row as it was put, got other text") from None
