"""The names that records use, as types of their models' fields: of parties, datasets and projects, digests, nonces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256 in lower-case hex
Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
PartyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DatasetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=128)]
