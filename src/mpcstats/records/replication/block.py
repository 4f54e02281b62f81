"""A block of a replicated log, the seals under it, and how both are sent: as JSON that anybody may carry.

A block is a record with the head of its log: SHA-256 over DOMAIN, the log's name, the head before, index, kind
and body. A seal is a node's signature under log, index and head: the keeper's makes the block, another node's
says that it holds the log up to there. Two seals of one node under two heads at one index convict it.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field, ValidationError, model_validator

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.canonical import canonical
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.second import check_second
from mpcstats.records.signed import Signature, Statement
from mpcstats.records.tomlfile import Listed, Table, said

DOMAIN = b"mpcstats block 1"
EMPTY = "0" * 64  # the head of a log without blocks
STEP = "replication"
SEAL = "block"  # the kind of statement that a seal signs


Index = Annotated[int, Field(ge=1, le=1 << 40)]


class Seal(Table):
    """`node` signs that the log of `log` has `head` at block `index`."""

    log: PrincipalName
    index: Index
    head: Digest
    node: PrincipalName
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]

    @classmethod
    def of(cls, log: str, index: int, head: str, *, node: str, key: Ed25519PrivateKey) -> Self:
        """The seal of `node`, whose key is `key`."""
        signed = _sealed(log, index, head).sign(node, key)
        signature = signed.signatures[0].signature
        return cls(log=log, index=index, head=head, node=node, signature=signature)

    def good(self, principals: Principals) -> bool:
        """Whether it is the signature of its node."""
        known = principals.get(self.node)
        return known is not None and _sealed(self.log, self.index, self.head).signed_with(
            Signature(self.node, self.signature), known.key
        )


class Block(Table):
    """Block `index` of the log of `log`: a record, and the log's head after it."""

    log: PrincipalName
    index: Index
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    body: dict[str, Any]
    head: Digest

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            canonical(self.body)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def time(self) -> str:
        """When it came in: the body's `at`, in UTC seconds. Raises UsageError if the body has none."""
        return check_second(str(self.body.get("at")))

    def after(self, head: str) -> str:
        """The head that the log should have after this block, when it had `head` before."""
        return head_after(self.log, head, self.index, self.kind, canonical(self.body))

    def fault(self, principals: Principals) -> str | None:
        """What is wrong with the record by itself: a statement in it that its signers did not sign, or no time."""
        try:
            check_second(str(self.body.get("at")))
            if "statement" in self.body:
                statement = Statement.from_json(self.body["statement"])
                if not statement.signers(principals):
                    return f"{statement.kind}: expected a signature, got none"
        except UsageError as error:
            return str(error)
        return None


class Copies(Table):
    """What one node has of some logs: blocks in order, and the seals that it knows."""

    node: PrincipalName
    blocks: Annotated[tuple[Block, ...], Listed]
    seals: Annotated[tuple[Seal, ...], Listed]

    @classmethod
    def read(cls, value: object, *, sender: str) -> Self:
        """The copies in `value`, which node `sender` gave. Raises PeerFault if it gave others', or something else."""
        try:
            copies = cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the message"
            raise PeerFault(sender, STEP, f"{place}: {said(first['msg'])}") from None
        if copies.node != sender:
            raise PeerFault(sender, STEP, f"expected its own copies, got those of {copies.node}")
        return copies


def head_after(log: str, head: str, index: int, kind: str, text: str) -> str:
    """The head of a log after a record of canonical body `text` at `index`, when it was `head` before."""
    parts = (DOMAIN, log.encode(), bytes.fromhex(head), str(index).encode(), kind.encode())
    state = hashlib.sha256()
    for part in (*parts, text.encode()):
        state.update(len(part).to_bytes(8, "big") + part)
    return state.hexdigest()


def place(of: Block | Seal) -> str:
    """Which block, in the words of an error."""
    return f"block {of.index} of {of.log}"


def _sealed(log: str, index: int, head: str) -> Statement:
    return Statement.of(SEAL, {"log": log, "index": index, "head": head})
