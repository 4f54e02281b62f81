"""One-shot tokens (一事一授权): a person's consent to one matter, for one recipient, used exactly once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from mpcstats.records.consent.terms import Ask, Refusal, Terms
from mpcstats.records.names import Digest
from mpcstats.records.second import seconds_between

TOKEN_KIND = "consent-token"
LONGEST_SECONDS = 72 * 3600  # that a token is valid, where a profile says nothing else


class Token(Terms):
    """The body of a token."""

    matter: Digest

    def refusals(self, ask: Ask, digest: str) -> Iterator[Refusal]:
        """As for all terms, and the matter must be the token's."""
        yield from super().refusals(ask, digest)
        if ask.matter != self.matter:
            yield Refusal("other-matter", digest, "expected the matter of the token, got another")


def too_long(token: Token, digest: str, longest: int | None) -> Iterator[Refusal]:
    """A refusal if the token is valid for more than `longest` seconds."""
    valid = seconds_between(token.not_before, token.expires)
    if longest is not None and valid > longest:
        words = f"expected a token valid for at most {longest} seconds, got one for {valid}"
        yield Refusal("too-long", digest, words)


def nonce() -> str:
    """A fresh nonce for a statement: equal consents given twice are two."""
    return secrets.token_hex(16)
