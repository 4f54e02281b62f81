"""A run between parties over TLS: it carries the messages of a program, and tells everybody when a run has failed.

Between two parties there are two connections, one for each direction: one SSLSocket that two threads use at
once is not safe in CPython, and a connection on which nothing comes back closes without losing data.

Every party sends a sign of life four times in a silence, so a party that computes for long is not taken for
dead; a party from which nothing comes for a silence, or whose connection ends without a farewell, is. One that
stays alive and never sends what it owes is waited for: from outside, that looks like a long computation.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self, TypeVar

from mpcstats.errors import InternalError, MpcstatsError, PeerFault, TransportFault, UsageError
from mpcstats.session import Program, Words
from mpcstats.session.messages import wire_tag
from mpcstats.transport import verdict
from mpcstats.transport.connection import Connection, silent
from mpcstats.transport.control import connect as reach
from mpcstats.transport.frames import STEP, Frame, Kind
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.inbox import GRACE, LIMITS, Event, Inbox, Limits
from mpcstats.transport.listener import LABEL, Listener
from mpcstats.transport.outlet import Outlet
from mpcstats.transport.shaping import LOOPBACK, Profile, Uplink
from mpcstats.transport.traffic import Traffic
from mpcstats.transport.transcript import Transcript

T = TypeVar("T")
Check = Callable[[str, dict[str, Any]], None]

TICK = 0.25
Broken = dict[str, tuple[float, MpcstatsError]]

_tag = lru_cache(maxsize=1 << 14)(wire_tag)


class Mesh:
    """This party's connections to all others for one run; a context manager, used by one thread.

    Leaving the context by an error tells the others whom it names, so that they stop too.
    """

    def __init__(
        self,
        me: str,
        outlets: Mapping[str, Outlet],
        arrived: Sequence[Connection],
        broken: Broken,
        *,
        silence: float,
        limits: Limits = LIMITS,
        transcript: Transcript | None = None,
    ) -> None:
        self.me = me
        self._transcript = transcript
        self._silence = silence
        self._limits = limits
        self._outlets = dict(outlets)
        self._broken = broken
        self._inbox = Inbox(me, arrived, silence=silence, limits=limits)
        self._early: dict[tuple[str, int], Words] = {}
        self._awaited: dict[tuple[str, int], str] = {}  # (sender, tag) -> step
        self._seen: dict[tuple[str, int], str] = {}  # (sender, tag) -> step, "" while unknown
        self._objects: dict[str, deque[dict[str, Any]]] = {peer: deque() for peer in outlets}
        self._left: set[str] = set()
        self._has_run = self._heard = self._aborted = self._closed = False

    @classmethod
    def connect(
        cls,
        me: Identity,
        listener: Listener,
        label: str,
        others: Sequence[Peer],
        *,
        silence: float,
        limits: Limits = LIMITS,
        profile: Profile = LOOPBACK,
        transcript: Transcript | None = None,
    ) -> Self:
        """The mesh of the run `label` (32 hex digits, the same at all parties) with `others`.

        Each other party must be reached, and must reach `listener`, within `silence` seconds. What this party sends
        then is held back as a network of `profile` would, for measurements; as it stands, nothing is. What is sent
        and received goes into `transcript` too.
        Raises TransportFault and PeerFault naming the party, UsageError (files, label).
        """
        if LABEL.fullmatch(label) is None:
            raise UsageError(f"expected a run's label of 32 hex digits, got {label[:40]!r}")
        broken: Broken = {}
        outlets: dict[str, Outlet] = {}
        arrived: list[Connection] = []
        uplink = None if profile == LOOPBACK else Uplink(profile)
        try:
            for peer in others:
                hello = {"kind": "run", "label": label}
                by = time.monotonic() + silence
                connection = reach(me, peer, hello, deadline=by, silence=silence)
                outlets[peer.name] = _outlet(connection, broken, silence, uplink)
            deadline = time.monotonic() + silence
            arrived.extend(listener.incoming(label, peer.name, deadline) for peer in others)
        except BaseException as error:
            _tell(outlets.values(), verdict.to_fields(me.name, error))
            _close(outlets.values(), GRACE)
            for connection in arrived:
                connection.close()
            raise
        return cls(
            me.name, outlets, arrived, broken, silence=silence, limits=limits, transcript=transcript
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self.abort(error)
        self.close()

    def __repr__(self) -> str:
        return f"<mesh of {self.me} with {', '.join(self._outlets)}>"

    def exchange_json(
        self, fields: Mapping[str, Any], *, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        """Send one object to every other party, return the one of each; as `exchange_json_each`."""
        return self.exchange_json_each(dict.fromkeys(self._outlets, fields), timeout=timeout)

    def exchange_json_each(
        self,
        fields: Mapping[str, Mapping[str, Any]],
        *,
        check: Check | None = None,
        timeout: float | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Send every other party its object in `fields`, return the one that each has sent.

        `check` sees (peer, object) as each comes, so that what it raises goes before what peers report. Raises
        TransportFault if one has not come within `timeout` seconds (one silence), and what ends a run.
        """
        if set(fields) != set(self._outlets):
            raise InternalError("expected an object for every other party and nobody else")
        for peer, value in fields.items():
            self._outlets[peer].put(Frame(Kind.JSON, fields=dict(value)))
        patience = self._silence if timeout is None else timeout
        end = time.monotonic() + patience
        answers: dict[str, dict[str, Any]] = {}
        while True:
            for peer in [p for p in fields if p not in answers and self._objects[p]]:
                answers[peer] = self._objects[peer].popleft()
                self._inbox.release(peer)
                if check is not None:
                    check(peer, answers[peer])
            missing = [peer for peer in fields if peer not in answers]
            if not missing:
                return answers
            self._check_present(missing)
            if time.monotonic() >= end:
                raise silent(missing[0], patience)
            self._wait(end)

    def run(self, program: Program[T]) -> Traffic:
        """Drive `program` to its end; what this party sent. Once for each mesh.

        `rounds` counts how often this party went from waiting to sending. Parallel branches that are resumed
        one after the other, as their messages happen to come, make it more than the protocol's rounds, never less.
        A message that nobody awaits is a PeerFault if it has come before the program ends.
        Raises PeerFault and TransportFault, its own and those that other parties report.
        """
        traffic = Traffic()
        try:
            if self._has_run:
                raise InternalError("expected one program for each mesh, got a second one")
            self._has_run = True
            self._advance(program, traffic)
            while not program.finished:
                self._collect(program)
                self._advance(program, traffic)
            if self._early:
                sender = next(iter(self._early))[0]
                raise PeerFault(
                    sender, STEP, f"expected no further message, got {len(self._early)}"
                )
        finally:
            program.close()
        return traffic

    def abort(self, error: BaseException) -> None:
        """Tell the others that this run has ended by `error`, as well as can be; `close` is still due.

        They raise the same fault, and name whom it names. Of errors that are this party's own they learn the type.
        """
        if not self._aborted and not self._closed:
            self._aborted = True
            _tell(self._outlets.values(), verdict.to_fields(self.me, error, heard=self._heard))

    def close(self) -> None:
        """Say farewell, close all connections, end all threads.

        Unless the run was aborted, this waits until the others have taken what was sent to them or have gone.
        """
        if self._closed:
            return
        self._closed = True
        try:
            _close(self._outlets.values(), GRACE if self._aborted else None)
        finally:
            self._inbox.close()

    def _advance(self, program: Program[Any], traffic: Traffic) -> None:
        """Run all branches that can run; what one has to send goes out while the next computes."""
        has_sent = False
        while program.step():
            if program.outbox and not has_sent:
                has_sent = True
                traffic.rounds += 1
            self._send(program, traffic)

    def _send(self, program: Program[Any], traffic: Traffic) -> None:
        while program.outbox:
            message = program.outbox.popleft()
            if message.receiver not in self._outlets:
                raise InternalError(f"expected a party of this run, got {message.receiver}")
            if message.payload_bytes > self._limits.message:
                raise UsageError(
                    f"{message.step}: expected at most {self._limits.message} bytes in a message, "
                    f"got {message.payload_bytes}: ask about fewer rows"
                )
            traffic.count(message)
            tag = _tag(message.step)
            if self._transcript is not None:
                self._transcript.sent(message.receiver, tag, message.payload)
            frame = Frame(Kind.DATA, tag, words=message.payload)
            self._outlets[message.receiver].put(frame)

    def _collect(self, program: Program[Any]) -> None:
        """Deliver at least one message that `program` waits for, and all that are here already."""
        awaited = {(sender, _tag(step)): step for sender, step in program.awaited}
        self._awaited = awaited
        if not awaited:
            raise InternalError(f"{self.me} waits for nothing and has not finished")
        senders = sorted({sender for sender, _ in awaited})
        self._drain()
        while not self._deliver(program, awaited):
            self._check_present(senders)
            self._wait(None)
            self._drain()

    def _deliver(self, program: Program[Any], awaited: Mapping[tuple[str, int], str]) -> bool:
        here = [name for name in awaited if name in self._early]
        for name in here:
            words = self._early.pop(name)
            self._seen[name] = awaited[name]
            self._inbox.release(name[0], words)
            program.deliver(name[0], awaited[name], words)
        return bool(here)

    def _check_present(self, senders: Iterable[str]) -> None:
        for sender in senders:
            if sender in self._left:
                raise TransportFault(sender, "has ended its part of the run before this party had")

    def _wait(self, end: float | None) -> None:
        """Take in one event, if one comes within a tick and before `end` (monotonic seconds)."""
        left = TICK if end is None else min(TICK, max(0.0, end - time.monotonic()))
        event = self._inbox.take(left)
        if event is not None:
            self._absorb(event)
            return
        # A peer that fails says why on the connection that we read, and hangs up the one that we
        # write: the reason may come the later of the two.
        for peer, (since, error) in list(self._broken.items()):
            if peer not in self._left and time.monotonic() - since > GRACE:
                raise error

    def _drain(self) -> None:
        while (event := self._inbox.take(0)) is not None:
            self._absorb(event)

    def _absorb(self, event: Event) -> None:
        peer, what = event
        if isinstance(what, MpcstatsError):
            raise what
        if what.kind is Kind.ABORT:
            self._heard = True
            raise self._inbox.judge(peer, what.fields or {})
        if what.kind is Kind.BYE:
            self._left.add(peer)
        elif what.kind is Kind.JSON:
            self._objects[peer].append(dict(what.fields or {}))
        else:
            name = (peer, what.tag)
            if name in self._seen:
                step = self._seen[name] or self._awaited.get(name) or f"message {what.tag:016x}"
                raise PeerFault(peer, step, "expected one message at this step, got a second one")
            self._seen[name] = ""
            self._early[name] = what.data
            if self._transcript is not None:
                self._transcript.received(peer, what.tag, what.data)


def _outlet(
    connection: Connection, broken: Broken, silence: float, uplink: Uplink | None
) -> Outlet:
    def failed(peer: str, error: MpcstatsError) -> None:
        broken[peer] = (time.monotonic(), error)

    return Outlet(connection, silence=silence, failed=failed, uplink=uplink)


def _tell(outlets: Iterable[Outlet], fields: Mapping[str, str]) -> None:
    frame = Frame(Kind.ABORT, fields=fields)
    for outlet in outlets:
        outlet.abort(frame)


def _close(outlets: Iterable[Outlet], timeout: float | None) -> None:
    end = None if timeout is None else time.monotonic() + timeout
    for outlet in outlets:
        outlet.close(timeout=None if end is None else max(0.0, end - time.monotonic()))
