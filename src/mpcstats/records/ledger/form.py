"""Plain data from somebody else, held against a model: every fault with its place."""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from mpcstats.errors import UsageError
from mpcstats.records.names import Digest
from mpcstats.records.tomlfile import Listed, counted, said

M = TypeVar("M", bound=BaseModel)
FAULTS = 8  # that an error names, of many


Size = Annotated[int, Field(ge=0, lt=1 << 62)]
Proof = Annotated[tuple[Digest, ...], Field(max_length=64), Listed]
NoteText = Annotated[str, Field(min_length=1, max_length=16 * 1024)]


def as_model(value: object, model: type[M], what: str) -> M:
    """`value` as `model`. Raises UsageError that says of `what` where it is wrong."""
    try:
        # What JSON can spell and no file can hold; pydantic lets it pass, or fails over it in its own error.
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise UsageError(f"{what}: expected JSON in valid Unicode, got other data") from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        given = value if isinstance(value, dict) else {}
        faults = [f"{counted(given, e['loc'])}: {said(e['msg'])}" for e in error.errors()]
        raise UsageError(f"{what}: " + "; ".join(faults[:FAULTS])) from None


def to_proof(hashes: tuple[bytes, ...]) -> tuple[str, ...]:
    """The hashes of a proof as files and messages write them."""
    return tuple(part.hex() for part in hashes)


def of_proof(proof: tuple[str, ...]) -> tuple[bytes, ...]:
    """The hashes that `to_proof` has written."""
    return tuple(bytes.fromhex(part) for part in proof)
