"""A custodian: releases its assets under contracts, answers requests, and holds every action against its contract.

What it knows is the fold of its log, so a custodian that comes back after a crash goes on where the log ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import InternalError, PolicyRefused
from mpcstats.records.contracts.dealing import ACCESS, ACTION, CONTRACT, PACKAGE, Verdict
from mpcstats.records.contracts.dealings import Dealings, wrapped
from mpcstats.records.principals import Principals
from mpcstats.records.record import Log, Record
from mpcstats.records.second import check_second, day_of
from mpcstats.records.signed import Statement
from mpcstats.records.standing import reinstate, standing, violated


class Custodian:
    """The custodian `owner`, which signs packages with `key`. Threads may share it; a log has one custodian.

    `at` is the second of a call in UTC; one before that of the last dealing counts as the latter.

    Others may write records of other kinds to the same log, violations above all, which count from the next
    request on. A violation that an action in `log` shows and that was not written down, because of a crash in
    between, is written down first. Raises UsageError if the log is not one that its contracts permit.
    """

    def __init__(
        self, owner: str, key: Ed25519PrivateKey, log: Log, principals: Principals
    ) -> None:
        self.owner = owner
        self._key = key
        self._log = log
        self._principals = principals
        self._lock = threading.Lock()
        self._next = 0  # the first index that was not read so far
        self._dealings = Dealings(owner, principals)
        self._read()
        self._settle()

    def release(self, contract: Statement, *, at: str) -> Record:
        """Release an asset under the contract that `contract` makes. Raises UsageError if it cannot be."""
        with self._lock:
            at = self._not_before(at)
            self._dealings.contract(contract, day_of(at))
            return self._append(CONTRACT, contract, at)

    def request(self, access: Statement, *, at: str, elsewhere: Iterable[Record] = ()) -> Statement:
        """The package for who signed `access`; both are in the log.

        `elsewhere`: violations proven in other custodians' logs and their reinstatements (`Dealings.proven`).
        Raises UsageError for a forged request or a replay, of which nothing is kept, and PolicyRefused with
        every reason for one that the contract does not permit, or of somebody who broke a contract.
        """
        with self._lock:
            at = self._not_before(at)
            day = day_of(at)
            asked = self._dealings.access(access, day)
            self._append(ACCESS, access, at)
            pending = self._dealings.pending
            if pending is None:
                raise InternalError("expected the request just written to be the log's last")
            reasons = pending.reasons
            why = standing(elsewhere, asked.user, self._principals).why
            if why is not None:
                reasons = (f"{asked.user} has no right to ask: {why}", *reasons)
            if reasons:
                raise PolicyRefused(self.owner, reasons)
            package = self._dealings.package(asked, digest=access.digest, at=at)
            made = Statement.of(PACKAGE, package.model_dump(mode="json"))
            signed = made.sign(self.owner, self._key)
            self._append(PACKAGE, signed, at)
            return signed

    def report(self, action: Statement, *, at: str) -> Verdict:
        """What the contract says of the reported action, which is in the log, as is the violation if it is one.

        The offender's right is gone when this returns. Raises UsageError for a forged report or a replay, of
        which nothing is kept: it would otherwise revoke somebody who has not acted.
        """
        with self._lock:
            at = self._not_before(at)
            self._dealings.report(action, day_of(at))
            self._append(ACTION, action, at)
            self._settle()
            verdict = self._dealings.verdict
            if verdict is None:
                raise InternalError("expected a verdict on the action just written")
            return verdict

    def reinstate(self, statement: Statement, *, at: str) -> Record:
        """Give an offender its right back, from the next request on. Raises UsageError as `standing.reinstate`."""
        with self._lock:
            self._read()
            held = self._dealings.standings
            record = reinstate(self._log, held, statement, self._principals, at=at)
            self._read(record.index)
            return record

    def _not_before(self, at: str) -> str:
        # Clocks run backwards; a log of dealings does not.
        return max(check_second(at), self._dealings.last)

    def _append(self, kind: str, statement: Statement, at: str) -> Record:
        record = self._log.append(kind, wrapped(statement, at))
        self._read(record.index)
        return record

    def _settle(self) -> None:
        for violation in tuple(self._dealings.due):
            self._read(violated(self._log, violation).index)

    def _read(self, last: int | None = None) -> None:
        """Take in what the log has from where it was read to, as far as record `last`."""
        for record in self._log.entries(since=self._next):
            if last is not None and record.index > last:
                break
            self._dealings.add(record)
            self._next = record.index + 1
