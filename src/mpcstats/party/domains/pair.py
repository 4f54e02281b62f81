"""Both domains of an organisation, side by side: two files, two keys."""

from __future__ import annotations

import hmac
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.domains.personal import Consented, Note, PersonalDomain
from mpcstats.party.domains.public import PublicDomain
from mpcstats.party.domains.vault import read_key


@dataclass(frozen=True, slots=True)
class Domains:
    """The personal and the public domain."""

    personal: PersonalDomain
    public: PublicDomain

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        personal_key: Path,
        public_key: Path,
        party: str,
        consented: Consented,
        note: Note,
    ) -> Domains:
        """The domains in `folder`: personal.vault and public.vault, made if missing.

        Raises UsageError if both keys are one key, or as Vault.open does.
        """
        if hmac.compare_digest(read_key(personal_key), read_key(public_key)):
            raise UsageError(
                "expected a key for each domain, got one key for both: who may read what is public "
                "could read what is personal"
            )
        with ExitStack() as opened:
            personal = opened.enter_context(
                PersonalDomain.open(
                    folder / "personal.vault",
                    personal_key,
                    party=party,
                    consented=consented,
                    note=note,
                )
            )
            public = opened.enter_context(PublicDomain.open(folder / "public.vault", public_key))
            opened.pop_all()
        return cls(personal, public)

    def close(self) -> None:
        """Close both."""
        self.personal.close()
        self.public.close()
