"""A vault: rows of bytes in a SQLite file, each encrypted with AES-256-GCM under the key of one domain.

Bound to every row are the domain, the store and the row's id, so a row that is changed, moved to another id or
brought from another store is not opened. Each row can be found by a tag, a keyed hash of a word that stands in no
file; rows of one tag are seen to be of one word. What is not noticed: a row that is removed, or the whole file set
back to an earlier one.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpcstats.errors import UsageError

Domain = Literal["personal", "public"]
DOMAIN = b"mpcstats vault 1"
APPLICATION = 0x6D707631  # "mpv1" in the file's head: a vault of this form
KEY_BYTES = 32
NONCE_BYTES = 12
ROW_LIMIT = 1 << 20  # bytes of a row
# Random nonces of 96 bits under one key: 2^32 rows keep a repetition below 2^-32 (NIST SP 800-38D, 8.3).
ROWS_LIMIT = 1 << 32
_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[0-9a-f]{64}\n?")
_SCHEMA = (
    "CREATE TABLE store (domain TEXT NOT NULL, id TEXT NOT NULL, known BLOB NOT NULL, written INTEGER NOT NULL)",
    "CREATE TABLE row (id TEXT PRIMARY KEY, tag BLOB NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL)",
    "CREATE INDEX row_tag ON row (tag)",
)


def make_key(path: Path) -> None:
    """A new key for one vault, in a file that its owner alone can read. Raises UsageError if there is a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{path}: expected a place for a new key, got: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")


def read_key(path: Path) -> bytes:
    """The key of 32 bytes in the file at `path`. Raises UsageError if it is none, or others may read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(2 * KEY_BYTES + 2).decode("ascii", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: expected a key, got: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"{path}: expected a key that its owner alone can read, got mode {stat.S_IMODE(mode):04o}: "
            "chmod 600, and make a new key if others may have read it"
        )
    if _KEY.fullmatch(text) is None:
        raise UsageError(f"{path}: expected a key of 64 lower-case hex digits, got other text")
    return bytes.fromhex(text.strip())


@final
class Vault:
    """The rows of one store of one domain. A context manager; one thread at a time."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, domain: Domain, key: bytes
    ) -> None:
        self.path = path
        self.domain = domain
        self._connection = connection
        with self._transaction():
            self._store = self._claim(key)
        self._content = AESGCM(_derived(key, self._store, b"content"))
        self._tags = _derived(key, self._store, b"tags")

    @classmethod
    def open(cls, path: Path, *, domain: Domain, key: bytes) -> Self:
        """The vault of `domain` at `path`, made with mode 0600 if there is none.

        Raises UsageError if the file is no vault, is of the other domain, or `key` is not its key.
        """
        if len(key) != KEY_BYTES:
            raise UsageError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{path}: expected a place for a vault, got: {error}") from None
        try:
            return cls(path, connection, domain, key)
        except BaseException:
            connection.close()
            raise

    def put(self, content: bytes, *, word: str) -> str:
        """Keep `content` so that `word` finds it; the id of the new row. It is on disk when this returns."""
        if len(content) > ROW_LIMIT:
            raise UsageError(f"expected a row of at most {ROW_LIMIT} bytes, got {len(content)}")
        row, nonce, tag = secrets.token_hex(16), secrets.token_bytes(NONCE_BYTES), self._tag(word)
        sealed = self._content.encrypt(nonce, content, self._bound(row, tag))
        with self._transaction():
            (written,) = self._connection.execute("SELECT written FROM store").fetchone()
            if written >= ROWS_LIMIT:
                raise UsageError(f"{self.path}: expected at most {ROWS_LIMIT} rows under one key")
            self._connection.execute("UPDATE store SET written = written + 1")
            self._connection.execute(
                "INSERT INTO row VALUES (?, ?, ?, ?)", (row, tag, nonce, sealed)
            )
        return row

    def get(self, row: str) -> bytes:
        """The content of `row`. Raises UsageError if there is no such row, or it is not as it was put."""
        if _ID.fullmatch(row) is None:
            raise UsageError("expected the id of a row as 32 lower-case hex digits, got other text")
        with _as_usage(self.path):
            found = self._connection.execute(
                "SELECT tag, nonce, sealed FROM row WHERE id = ?", (row,)
            ).fetchone()
        if found is None:
            raise UsageError(
                f"{self.path}: expected a row of this store, got the id of none: {row}"
            )
        if not all(isinstance(part, bytes) for part in found) or len(found[1]) != NONCE_BYTES:
            raise UsageError(f"{self.path}, row {row}: expected bytes, got something else")
        tag, nonce, sealed = found
        try:
            return self._content.decrypt(nonce, sealed, self._bound(row, tag))
        except InvalidTag:
            raise UsageError(
                f"{self.path}, row {row}: expected what was put there, got something else: the file was "
                "changed, or a row moved"
            ) from None

    def found(self, word: str) -> tuple[str, ...]:
        """The ids of the rows that were put with `word`, in the order of ids."""
        with _as_usage(self.path):
            rows = self._connection.execute(
                "SELECT id FROM row WHERE tag = ? ORDER BY id", (self._tag(word),)
            ).fetchall()
        return tuple(str(row) for (row,) in rows)

    def ids(self) -> tuple[str, ...]:
        """The ids of all rows, in their order."""
        with _as_usage(self.path):
            rows = self._connection.execute("SELECT id FROM row ORDER BY id").fetchall()
        return tuple(str(row) for (row,) in rows)

    def erase(self, row: str) -> None:
        """Remove `row`, and overwrite it in the file. Raises UsageError if there is no such row."""
        with self._transaction():
            done = self._connection.execute("DELETE FROM row WHERE id = ?", (row,)).rowcount
            if done != 1:
                raise UsageError(f"{self.path}: expected a row of this store, got the id of none")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _claim(self, key: bytes) -> str:
        """The store's id; an empty file becomes this domain's store under this key."""
        if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            made = secrets.token_hex(16)
            self._connection.execute(
                "INSERT INTO store VALUES (?, ?, ?, 0)",
                (self.domain, made, _derived(key, made, b"known")),
            )
        if self._connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            raise UsageError(f"{self.path}: expected a vault of mpcstats, got another database")
        stores = self._connection.execute("SELECT domain, id, known FROM store").fetchall()
        if len(stores) != 1 or not isinstance(stores[0][1], str):
            raise UsageError(f"{self.path}: expected one store in a file, got {len(stores)}")
        ((domain, store, known),) = stores
        if domain != self.domain:
            raise UsageError(
                f"{self.path}: expected the store of the {self.domain} domain, got that of another"
            )
        if not isinstance(known, bytes) or not hmac.compare_digest(
            known, _derived(key, store, b"known")
        ):
            raise UsageError(f"{self.path}: expected the key of this store, got another key")
        return str(store)

    def _tag(self, word: str) -> bytes:
        return hmac.digest(self._tags, word.encode(), "sha256")

    def _bound(self, row: str, tag: bytes) -> bytes:
        parts = (DOMAIN, self.domain.encode(), self._store.encode(), row.encode(), tag)
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _as_usage(self.path):
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


def _derived(key: bytes, store: str, what: bytes) -> bytes:
    """A key of its own for each store and use."""
    return HKDF(SHA256(), KEY_BYTES, salt=store.encode(), info=DOMAIN + what).derive(key)


@contextmanager
def _as_usage(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: expected a vault, got: {error}") from None
