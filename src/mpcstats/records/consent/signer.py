"""Who has signed a statement in a consent journal: a person's own enrolled key, or a principal with a role.

A person is no principal: an authority binds a pseudonym to a public key by a statement `person-key`, and the
person then signs under the pseudonym.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.records.consent.pseudonym import Pseudonym
from mpcstats.records.names import Nonce, PartyName
from mpcstats.records.principals import Principals, Role
from mpcstats.records.second import day_of
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table

KEY_KIND = "person-key"


class PersonKey(Table):
    """The body of an enrolment: the public Ed25519 key of a person, in hex; a later one takes its place."""

    owner: PartyName
    person: Pseudonym
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    nonce: Nonce


class Signers:
    """The keys that persons have at this point of a journal, and the principals."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._keys: dict[str, bytes] = {}
        self._persons: dict[bytes, str] = {}  # every key that ever was somebody's

    def enrol(self, body: PersonKey) -> None:
        """Bind a person to a key. Raises UsageError if the key is or was another person's."""
        key = bytes.fromhex(body.key)
        if self._persons.get(key, body.person) != body.person:
            raise UsageError(
                "person-key: expected a key of its own for every person, got another's"
            )
        self._keys[body.person] = key
        self._persons[key] = body.person

    def of_person(self, statement: Statement, person: str, second: str) -> str:
        """Who has signed for `person`: the pseudonym itself, or an authority. Raises UsageError for anybody else."""
        if [s.signer for s in statement.signatures] == [person]:
            key = self._keys.get(person)
            if key is None:
                raise UsageError(
                    f"{statement.kind}: expected an enrolled key of the person, got none: an "
                    "authority enrols one by a statement person-key"
                )
            if not statement.signed_with(statement.signatures[0], key):
                raise UsageError(
                    f"{statement.kind} {statement.digest[:16]}: expected a signature by the "
                    "person's key, got another: it was changed, or somebody else signed it"
                )
            return person
        return self.of_role(statement, "authority", second)

    def of_role(self, statement: Statement, role: Role, second: str) -> str:
        """The one who has signed and has `role`. Raises UsageError for another number of signers or another role."""
        names = [s.signer for s in statement.signatures]
        known = self._principals.names
        if len(names) != 1 or names[0] not in known:
            raise UsageError(
                f"{statement.kind}: expected one signature, by a principal with role {role}, got "
                f"{len(names)} by principals or others"
            )
        (name,) = statement.signers(self._principals)
        if not self._principals.has(name, role, day_of(second)):
            raise UsageError(
                f"{statement.kind}: expected the signature of a principal with role {role} on "
                f"{day_of(second)}, got that of {name}"
            )
        return name
