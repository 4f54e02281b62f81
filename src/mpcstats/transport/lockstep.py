"""All parties in one thread, round by round: the driver of tests, rehearsals and cost measurements."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Generic, TypeVar

import numpy as np

from mpcstats.errors import InternalError, TransportFault
from mpcstats.session.messages import Message
from mpcstats.session.program import Program
from mpcstats.session.randomness import SEED_BYTES, PairSeeds
from mpcstats.session.session import Session
from mpcstats.transport.traffic import Traffic

T = TypeVar("T")
Body = Callable[[Session], Coroutine[Any, Any, T]]
Tamper = Callable[[Message], Message | None]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """Results by party, and the traffic that it took."""

    results: dict[str, T]
    traffic: Traffic


def lockstep(
    bodies: Mapping[str, Body[T]], *, tamper: Tamper | None = None, run_id: bytes | None = None
) -> Outcome[T]:
    """Run one body per party to the end. Raises what the first failing party raises.

    `tamper` sees every message and returns what arrives instead (None: nothing arrives, and the receiver reports
    a TransportFault). Without `run_id` every run has masks of its own.
    """
    parties = tuple(bodies)
    seeds = _deal_seeds(parties, run_id if run_id is not None else secrets.token_bytes(32))
    programs = {p: Program(p, bodies[p](Session(p, parties, seeds[p]))) for p in parties}
    traffic = Traffic()
    try:
        _drive(programs, traffic, tamper)
    finally:
        for program in programs.values():
            program.close()
    return Outcome({p: program.result for p, program in programs.items()}, traffic)


def _drive(programs: Mapping[str, Program[Any]], traffic: Traffic, tamper: Tamper | None) -> None:
    while True:
        for program in programs.values():
            program.advance()
        flight = [message for program in programs.values() for message in _drain(program)]
        if not flight:
            break
        traffic.rounds += 1
        for message in flight:
            traffic.count(message)
            arrived = message if tamper is None else tamper(message)
            if arrived is not None:
                programs[arrived.receiver].deliver(arrived.sender, arrived.step, arrived.payload)
    for me, program in programs.items():
        if not program.finished:
            missing = sorted(program.awaited)
            if not missing:
                raise InternalError(f"{me} waits for nothing and has not finished")
            sender, step = missing[0]
            raise TransportFault(sender, f"expected a message for {me} at {step}, got none")


def _drain(program: Program[Any]) -> list[Message]:
    messages = list(program.outbox)
    program.outbox.clear()
    return messages


def _deal_seeds(parties: tuple[str, ...], run_id: bytes) -> dict[str, PairSeeds]:
    seeds: dict[str, dict[str, bytes]] = {p: {} for p in parties}
    for a, b in combinations(parties, 2):
        seeds[a][b] = seeds[b][a] = secrets.token_bytes(SEED_BYTES)
    return {p: PairSeeds(run_id, seeds[p]) for p in parties}


def flipped(message: Message, word: int = 0, bit: int = 0) -> Message:
    """A copy of `message` with one bit of its payload changed: what a tamper hook returns."""
    payload = message.payload.copy()
    payload[word] ^= np.uint64(1) << np.uint64(bit)
    return Message(message.sender, message.receiver, message.step, payload)
