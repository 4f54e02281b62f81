"""A node that waits for questions, decides each by its own policy, and takes part in those that it permits."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from mpcstats.errors import (
    Disagreement,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
    UsageError,
)
from mpcstats.party.invite import STEP, quietly
from mpcstats.party.node import Node, Played
from mpcstats.party.question import Question
from mpcstats.party.sources import Own
from mpcstats.policy.permit import Permit
from mpcstats.transport.control import Control

TICK = 0.5  # seconds between two looks at whether to stop
LABEL = re.compile("[0-9a-f]{32}")

log = logging.getLogger("mpcstats.serve")


def serve(node: Node, *, stop: threading.Event, once: bool = False) -> None:
    """Answer questions, one after the other, until `stop` is set (with `once`: until one has been answered).

    What goes wrong with one question is logged and written to the ledger; the node goes on.
    """
    host, port = node.listener.address
    log.info("%s listens at %s:%d", node.me, host, port)
    while not stop.is_set():
        control = node.listener.control(TICK)
        if control is None:
            continue
        with control:
            try:
                _answer(node, control, stop)
            except MpcstatsError as fault:
                log.error("%s: %s", type(fault).__name__, fault)
        if once:
            return


def _answer(node: Node, control: Control, stop: threading.Event) -> None:
    label, question = _request(node, control)
    log.info("%s asks: %s (%s)", control.peer, question.purpose, question.scenario)
    with ThreadPoolExecutor(1, "mpcstats-prepare") as pool:
        preparing = pool.submit(_prepare, node, question)
        prepared = _while_working(node, control, preparing)
    if prepared is None:
        return
    permit, own = prepared
    for audit in own.audits:
        log.info(
            "%s: %d rows; dropped: %d without a key, %d with an invalid key; %d repeat a key",
            *(audit.relation, audit.rows, audit.null_keys, audit.invalid_keys),
            audit.repeated_keys,
        )
    control.send({"kind": "ready", "plan": permit.plan_digest})
    if not _told_to_go(node, control, stop):
        log.info("the run does not take place")
        return
    played = node.take_part(question, permit, own.rows, label, on_step=_log_step)
    quietly(control, {"kind": "done", **played.spent.to_json()})
    _keep_answer(node, question, played)


def _request(node: Node, control: Control) -> tuple[str, Question]:
    said = control.receive(node.silence)
    label = said.get("label")
    if said.get("kind") != "question" or not isinstance(label, str) or not LABEL.fullmatch(label):
        raise PeerFault(control.peer, STEP, "expected a question and a label, got another object")
    try:
        question = Question.from_json(said.get("question"))
    except UsageError as error:
        raise PeerFault(control.peer, STEP, str(error)) from None
    if question.initiator != control.peer:
        raise PeerFault(control.peer, STEP, "expected a question of its own, got another party's")
    return label, question


def _prepare(node: Node, question: Question) -> tuple[Permit, Own]:
    permit = node.decide(question)
    if node.me not in permit.plan.parties:
        raise Disagreement(
            question.initiator, STEP, f"expected a plan with {node.me}, got one without it here"
        )
    return permit, node.read(permit)


def _while_working(
    node: Node, control: Control, preparing: Future[tuple[Permit, Own]]
) -> tuple[Permit, Own] | None:
    """What has been prepared; None if this party cannot or may not take part, which `control` has been told."""
    while True:
        try:
            return preparing.result(timeout=node.silence / 4)
        except NotYet:
            control.send({"kind": "working"})
        except PolicyRefused as refusal:
            log.info("refused: %s", "; ".join(refusal.reasons))
            control.send({"kind": "refused", "reasons": list(refusal.reasons)})
            return None
        except MpcstatsError:
            # The message may name files and counts: it stays at home.
            quietly(control, {"kind": "unable"})
            raise


def _told_to_go(node: Node, control: Control, stop: threading.Event) -> bool:
    while not stop.is_set():
        match control.receive(node.silence).get("kind"):
            case "wait":
                continue
            case "go":
                return True
            case "stop":
                return False
            case _:
                raise PeerFault(control.peer, STEP, "expected go, stop or wait, got another word")
    raise TransportFault(node.me, "is being stopped")


def _log_step(step: str) -> None:
    log.info("done: %s", step)


def _keep_answer(node: Node, question: Question, played: Played) -> None:
    """A recipient that did not ask finds the answer beside its ledger. Raises UsageError if it cannot be written."""
    if played.answer is None:
        return
    folder = node.files.ledger.parent / "answers"
    path = folder / f"{played.label}.json"
    content: Mapping[str, Any] = {"question": question.to_json(), **played.answer.to_json()}
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: expected a place for the answer, got: {error.strerror}"
        ) from None
    log.info("answer in %s", path)
