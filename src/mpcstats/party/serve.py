"""A node that waits for questions, decides each by its own policy, and takes part in those that it permits.

One question is answered at a time, in a thread of its own; nothing that it does, and no silence of who asks,
keeps the node from stopping, or from telling others that it is busy.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mpcstats.errors import (
    Disagreement,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
    UsageError,
)
from mpcstats.party.adjudication.claim import ADJUDICATION
from mpcstats.party.adjudication.holder import hold
from mpcstats.party.adjudication.play import take_part
from mpcstats.party.compile import Papers, read_papers
from mpcstats.party.data.halt import Halt, in_background
from mpcstats.party.invite import LENGTH, LINES, STEP, check_plan, quietly
from mpcstats.party.keep import keep_answer, keep_receipt
from mpcstats.party.node import RECEIPT, Brought, Node
from mpcstats.party.question import Question
from mpcstats.party.repeat import AGAIN, NEW, SAME
from mpcstats.party.tenths import Tenths
from mpcstats.policy.permit import Permit
from mpcstats.transport.control import Control

TICK = 0.25  # seconds between two looks at whether to stop
SOON = 0.05  # the same while somebody waits for the question before to end
# Seconds, at most, between two signs of life. The second one to a peer that is gone fails.
BEAT = 1.0
STOPPING = 0.8  # seconds that a question has to end when the node is stopped
LABEL = re.compile("[0-9a-f]{32}")

# How long a member may hold the node, in seconds: with no question; while this party plans and reads its data;
# ready, with others that are not; and how long a question waits for the one before it, and for its own text.
REQUEST_SECONDS = 3.0
PREPARE_SECONDS = 600.0
GO_SECONDS = 1800.0
PATIENCE = 5.0
DRAIN = 0.1

WORKING = {"kind": "working"}
UNABLE = {"kind": "unable"}
BUSY = {"kind": "busy"}

T = TypeVar("T")
log = logging.getLogger("mpcstats.serve")


def serve(node: Node, *, stop: threading.Event, once: bool = False) -> None:
    """Answer questions, one after the other, until `stop` is set (with `once`: until one has been answered).

    What goes wrong with one question is logged and written to the ledger; the node goes on. Raises MemoryError.
    When `stop` is set this returns within about a second, whatever is being done.
    """
    host, port = node.listener.address
    log.info("%s listens at %s:%d", node.me, host, port)
    hall = _Hall()
    talk: _Talk | None = None
    try:
        while not stop.is_set():
            hall.admit(node.listener.control(SOON if hall.waiting else TICK))
            if talk is not None and talk.over:
                talk = None
                if once:
                    return
            if talk is None and hall.waiting:
                talk = _Talk(node, hall.waiting.pop(0).control)
            hall.attend()
    finally:
        for guest in hall.waiting:
            guest.control.close()
        if talk is not None:
            talk.stop()


@dataclass(frozen=True, slots=True)
class _Guest:
    control: Control
    since: float


class _Hall:
    """Who waits to be asked what it wants, at most one of each party: another takes the place of the first."""

    def __init__(self) -> None:
        self.waiting: list[_Guest] = []

    def admit(self, control: Control | None) -> None:
        """One more, or nobody."""
        if control is not None:
            self._send_away([g for g in self.waiting if g.control.peer == control.peer])
            self.waiting.append(_Guest(control, time.monotonic()))

    def attend(self) -> None:
        """A sign of life for all; who has waited for too long is told that the node is busy."""
        latest = time.monotonic() - PATIENCE
        self._send_away([guest for guest in self.waiting if guest.since < latest])
        for guest in list(self.waiting):
            try:
                guest.control.send(WORKING)
            except MpcstatsError:
                self.waiting.remove(guest)
                guest.control.close()

    def _send_away(self, guests: list[_Guest]) -> None:
        for guest in guests:
            self.waiting.remove(guest)
            with guest.control as control, contextlib.suppress(MpcstatsError):
                # Who closes a connection with something unread in it may take back what it has sent.
                control.receive(DRAIN)
                control.send(BUSY)


class _Talk:
    """One question of the party at the other end of `control`, answered in a thread that begins at once."""

    def __init__(self, node: Node, control: Control) -> None:
        self._node = node
        self._control = control
        self._halt = Halt()  # the talk is to end
        self._thread = in_background(self._run, "mpcstats-talk")

    @property
    def over(self) -> bool:
        """Whether it has ended. Raises what ends the node."""
        if self._thread.done():
            self._thread.result()
        return self._thread.done()

    def stop(self) -> None:
        """End it, as far as that can be done in time."""
        self._node.stop_run()
        if not self._halt.end(self._thread, STOPPING):
            self._node.abandon_run()

    def _run(self) -> None:
        with self._control:
            try:
                self._answer()
            except MpcstatsError as fault:
                log.error("%s: %s", type(fault).__name__, _line(str(fault)))
            except MemoryError:
                raise
            except Exception as fault:  # noqa: BLE001 - whatever it is, the node goes on
                # Its text may hold values; the place in the program does not.
                place = traceback.extract_tb(fault.__traceback__)[-1]
                where = (Path(place.filename).name, place.lineno or 0)
                log.error("%s at %s:%d: please report it", type(fault).__name__, *where)
                quietly(self._control, UNABLE)

    def _answer(self) -> None:
        node, control = self._node, self._control
        kind, label, question, papers, event = self._request()
        log.info("%s asks: %s (%s)", control.peer, question.purpose, question.scenario)
        if kind == ADJUDICATION:
            self._adjudicate(label, question, papers, event)
            return
        if kind == AGAIN:
            same = self._prepared(lambda: _unchanged(node, label, question, papers, self._halt))
            log.info("asked again: %s", "nothing has changed" if same else "a new question")
            control.send({"kind": SAME if same else NEW})
            return
        prepared = self._decided(question, lambda: _prepare(node, question, papers, self._halt))
        if prepared is None:
            return
        permit, brought = prepared
        own = brought.own
        for audit in own.audits:
            log.info(
                "%s: %d rows; dropped: %d without a key, %d with an invalid key; %d repeat a key",
                *(audit.relation, audit.rows, audit.null_keys, audit.invalid_keys),
                audit.repeated_keys,
            )
        terms = node.terms(question, permit)
        for left in own.left_out:
            log.info(
                "%s: %d persons (%d rows) do not consent and are left out; %d stay",
                *(left.dataset, left.persons, left.rows, left.kept_persons),
            )
        left_out = brought.left_out(permit.plan.gate.k)
        control.send({"kind": "ready", "terms": terms, "left_out": left_out})
        if not self._told_to_go(terms):
            log.info("the run does not take place")
            return
        played = node.take_part(
            question,
            permit,
            brought,
            label,
            papers,
            on_step=self._log_step,
            on_progress=Tenths(self._log_rows),
        )
        quietly(control, {"kind": "done", **played.spent.to_json()})
        for trouble in played.closed.troubles:
            log.warning("the run has ended well; its closing has not: %s", _line(trouble))
        node.charge(question, permit, played)
        for path in (keep_answer(node.files, question, played), keep_receipt(node.files, played)):
            if path is not None:
                log.info("kept %s", path)

    def _decided(self, question: Question, work: Callable[[], T]) -> T | None:
        """What `work` gives, None where this party refuses: who asks has been told why."""
        control = self._control
        try:
            return self._prepared(work)
        except PolicyRefused as refusal:
            reasons = [_line(reason)[:LENGTH] for reason in refusal.reasons[:LINES]]
            log.info("refused: %s", "; ".join(reasons))
            control.send({"kind": "refused", "reasons": reasons})
            return None
        except MemoryError:
            raise
        except Exception as fault:
            # The message may name files and counts: it stays at home.
            quietly(control, UNABLE)
            self._node.write_fault(question, fault)
            raise

    def _adjudicate(self, label: str, question: Question, papers: Papers, event: str) -> None:
        """One claim of an insurer against a person's token."""
        node, control = self._node, self._control
        side = self._decided(question, lambda: hold(node, question, papers, event))
        if side is None:
            return
        control.send({"kind": "ready", "terms": dict(side.terms), "left_out": {}})
        if not self._told_to_go(side.terms):
            log.info("the run does not take place")
            return
        ended = take_part(node, side, label, on_step=self._log_step)
        quietly(control, {"kind": "done", **ended.spent.to_json()})
        for trouble in ended.closed.troubles:
            log.warning("the run has ended well; its closing has not: %s", _line(trouble))

    def _request(self) -> tuple[str, str, Question, Papers, str]:
        peer = self._control.peer
        said = self._control.receive(min(self._node.silence, REQUEST_SECONDS))
        label = said.get("label")
        known = isinstance(label, str) and LABEL.fullmatch(label)
        kind = said.get("kind")
        event = said.get("event", "")  # of a claim; of other questions nobody looks at it
        kinds = ("question", AGAIN, ADJUDICATION)
        if kind not in kinds or not isinstance(label, str) or not known:
            raise PeerFault(peer, STEP, "expected a question and a label, got another object")
        try:
            question = Question.from_json(said.get("question"))
            papers = read_papers(said.get("papers"))
        except UsageError as error:
            raise PeerFault(peer, STEP, str(error)) from None
        if question.initiator != peer:
            raise PeerFault(peer, STEP, "expected a question of its own, got another party's")
        return str(kind), label, question, papers, event if isinstance(event, str) else ""

    def _prepared(self, work: Callable[[], T]) -> T:
        """What `work` gives, while `control` hears that this party works on it.

        Raises what `work` does, TransportFault if who asks has gone or this node is being stopped, and
        UsageError after PREPARE_SECONDS.
        """
        preparing = in_background(work, "mpcstats-prepare")
        by = time.monotonic() + PREPARE_SECONDS
        try:
            while not wait([preparing], min(self._node.silence / 4, BEAT)).done:
                self._check_stop()
                if time.monotonic() >= by:
                    raise UsageError(
                        f"expected a question that can be prepared within {PREPARE_SECONDS:g} s, got one "
                        "that takes longer"
                    )
                self._control.send(WORKING)
        except BaseException:
            self._await_end(preparing)
            raise
        return preparing.result()

    def _await_end(self, preparing: Future[T]) -> None:
        # Of who asks and hangs up again and again, at most one question is worked on.
        while not self._halt.end(preparing, STOPPING):
            log.info("waiting for the preparation of a question to end")

    def _told_to_go(self, terms: Mapping[str, str]) -> bool:
        node, peer = self._node, self._control.peer
        by = time.monotonic() + GO_SECONDS
        while time.monotonic() < by:
            said = self._control.receive(node.silence)
            self._check_stop()
            match said.get("kind"):
                case "wait":
                    continue
                case "go":
                    return True
                case "stop":
                    return False
                case "differ":
                    check_plan(peer, terms, said.get("terms"))
                    raise PeerFault(peer, STEP, "expected another plan than here, got the same one")
                case _:
                    raise PeerFault(peer, STEP, "expected go, stop or wait, got another word")
        raise TransportFault(peer, f"expected go or stop within {GO_SECONDS:g} s, got wait")

    def _log_step(self, step: str) -> None:
        log.info("done: %s", step)
        if step != RECEIPT:
            self._check_stop()

    def _log_rows(self, done: int, rows: int) -> None:
        log.info("%s of %s rows", f"{done:,}", f"{rows:,}")
        self._check_stop()

    def _check_stop(self) -> None:
        if self._halt.is_set:
            raise TransportFault(self._node.me, "is being stopped")


def _unchanged(node: Node, label: str, question: Question, papers: Papers, halt: Halt) -> bool:
    """Whether the run `label` has answered the question, and nothing has changed here since.

    What is wrong with the question or the rows is said when it is asked as a new one.
    """
    try:
        found = node.repeat(question, papers)
        if found is None or found.released.label != label:
            return False
        return node.unchanged(question, found, halt=halt)
    except (PolicyRefused, UsageError):
        return False


def _prepare(node: Node, question: Question, papers: Papers, halt: Halt) -> tuple[Permit, Brought]:
    permit = node.decide(question, papers)
    if node.me not in permit.plan.parties:
        raise Disagreement(
            question.initiator, STEP, f"expected a plan with {node.me}, got one without it here"
        )
    return permit, node.read(question, permit, halt=halt)


def _line(text: str) -> str:
    """`text` as it may stand in a log: a question's names may hold new lines, with which they could forge others."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
