"""One organisation's node: its identity, records, data and ledger, and its part in a run."""

from __future__ import annotations

import hashlib
import resource
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from mpcstats.errors import PolicyRefused, TransportFault, UsageError
from mpcstats.party.agreement import Terms, exchange_agreements
from mpcstats.party.answer import Answer
from mpcstats.party.closing import Closed, Finished, close
from mpcstats.party.compile import Known, Papers, Records
from mpcstats.party.data.consent import left_out_shown
from mpcstats.party.data.halt import Halt
from mpcstats.party.data.source import GivenFrame
from mpcstats.party.data.sources import Own, Rows, Sources
from mpcstats.party.decisions import Decisions
from mpcstats.party.desk.consent import CHANGED, Chosen, ConsentDesk, now
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.inputs import commitments, committed, state
from mpcstats.party.keeping import KeptRuns
from mpcstats.party.noise import NoiseKeys, OwnNoise
from mpcstats.party.noted import released
from mpcstats.party.past.comparing import FOLDER, Past
from mpcstats.party.question import Question
from mpcstats.party.repeat import Repeat, kept_answer, remembers
from mpcstats.party.run import play
from mpcstats.party.version import version
from mpcstats.plan.cost import public_sizes
from mpcstats.plan.physical import Physical
from mpcstats.plan.units import units
from mpcstats.policy.permit import Permit
from mpcstats.protocols.private_join import Progress
from mpcstats.records.ledger import Ledger
from mpcstats.records.ledger.commitment import SALT_BYTES, commit
from mpcstats.records.ledger.receipt import answer_bytes
from mpcstats.records.ledger.witness import Witness
from mpcstats.records.privacy.spending import ANSWER
from mpcstats.records.signed import Statement
from mpcstats.session import Opening, Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh
from mpcstats.transport.transcript import Transcript

OnStep = Callable[[str], None]
RECEIPT = "receipt"  # the last step of a run, after which nothing may take the answer away
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run took at one party after the handshake; bytes are payload, without framing."""

    rounds: int
    bytes_sent: int
    wall_ms: int
    cpu_ms: int
    peak_rss_bytes: int

    def to_json(self) -> dict[str, int]:
        """The figures as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Brought:
    """What a party comes with to a run: its rows, and whose consents they rest on, where they need any."""

    own: Own
    chosen: Chosen | None

    def left_out(self, k: int) -> dict[str, int | str]:
        """How many persons of each dataset were left out, as others may hear it."""
        return {
            each.dataset: left_out_shown(each.persons, each.kept_persons, k)
            for each in self.own.left_out
        }


@dataclass(frozen=True, slots=True)
class Played:
    """A party's run: the answer if it is a recipient, what the run took, its label."""

    answer: Answer | None
    spent: Spent
    label: str
    salt: bytes | None = field(repr=False)  # of the commitment to the answer, where there is one
    closed: Closed


@dataclass(slots=True)
class Running:
    """A run that this party is in, as far as another thread must know of it to end it."""

    about: Mapping[str, str]
    openings: list[Opening] = field(default_factory=list)


class Node:
    """A party that listens at its address. A context manager; one run at a time."""

    def __init__(self, consortium: Consortium, files: PartyFile) -> None:
        self.me = files.party
        self.consortium = consortium
        self.files = files
        self.silence = consortium.silence
        self._run: Running | None = None
        self._mesh: Mesh | None = None
        self._kept = KeptRuns()
        self._ending = threading.Lock()  # a run is written down once, by whoever ends it
        own = consortium.member(self.me)
        self.identity = Identity(self.me, own.certificate, files.tls_key)
        self.peers = {
            name: Peer(name, m.address.host, m.address.port, m.fingerprint, m.certificate)
            for name, m in consortium.members.items()
            if name != self.me
        }
        self.consent = None if files.consent is None else ConsentDesk.open(files.consent)
        self._key = read_signing_key(files.signing_key)
        self.ledger = Ledger.open(files.ledger, party=self.me, signing_key=self._key)
        keys = {name: member.signing_key for name, member in consortium.members.items()}
        self.witness = Witness(self.ledger, keys)
        try:
            self.decisions = Decisions(consortium, files, self.ledger, self.consent)
            self.sources = Sources(self.me, files.data, self.records.catalogue)
            self.listener = Listener(
                self.identity, own.address.host, own.address.port, self.peers, silence=self.silence
            )
        except BaseException:
            self.ledger.close()
            raise

    @classmethod
    def open(
        cls,
        consortium: Path,
        party: str,
        party_file: Path | None = None,
        frames: Mapping[str, GivenFrame] | None = None,
    ) -> Self:
        """The node of `party`; its own file is looked for beside the consortium's. Raises UsageError.

        Datasets of `frames` are read from there, whatever the party's file says of them.
        """
        agreed = Consortium.load(consortium)
        path = party_file if party_file is not None else agreed.party_file(party)
        files = PartyFile.load(path, party=party)
        given = {} if frames is None else frames
        return cls(agreed, replace(files, data={**files.data, **given}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and close the ledger."""
        self.listener.close()
        self.ledger.close()

    @property
    def records(self) -> Records:
        """What this party decides by, as of its last decision."""
        return self.decisions.records

    def decide(self, question: Question, papers: Papers = ()) -> Permit:
        """This party's decision on `question`, written to its ledger. Raises PolicyRefused and UsageError."""
        return self.decisions.decide(question, papers)

    def known(self, question: Question) -> Known:
        """What this party alone knows of earlier questions and of its data, for a decision on `question`."""
        return self.decisions.known(question)

    def read(
        self,
        question: Question,
        permit: Permit,
        *,
        on_step: OnStep = lambda _: None,
        halt: Halt | None = None,
    ) -> Brought:
        """This party's rows for the permitted plan, of persons who consent; another thread may end it by `halt`.

        Raises UsageError for bad input; nothing has been sent.
        """
        wanted = self.decisions.asks(question, permit, now())
        chosen = None if self.consent is None or not wanted else self.consent.choose(wanted)
        consents = None if self.consent is None or chosen is None else self.consent.filter(chosen)
        own = self.sources.read(permit.plan, on_step=on_step, halt=halt, consent=consents)
        return Brought(own, chosen)

    def repeat(self, question: Question, papers: Papers = ()) -> Repeat | None:
        """The run that has answered `question` before, if this party has anything to tell of it (party.repeat)."""
        return self.decisions.repeat(question, papers)

    def unchanged(self, question: Question, found: Repeat, *, halt: Halt | None = None) -> bool:
        """Whether this party's rows are those of the run, and a recipient still has its answer; if so it is noted.

        Raises UsageError for bad input.
        """
        plan, released = found.permit.plan, found.released
        if self.me in plan.gate.recipients and kept_answer(self.files, plan, released) is None:
            return False
        rows = self.read(question, found.permit, halt=halt).own.rows
        if state(rows, self._key, released.label) != released.state:
            return False
        self.decisions.write_repeat(question, released.label)
        return True

    def charge(self, question: Question, permit: Permit, played: Played) -> None:
        """Charge for the answer if its suppression pattern is another than before, where the rule has a history."""
        if played.answer is not None and remembers(permit, self.records.policy):
            self.decisions.charge(question, permit, played.label, played.answer.states)

    def write_fault(self, question: Question, fault: Exception) -> None:
        """Write down that `question` has ended here before its run by `fault`, of which only the type is kept.

        The initiator learns that this party cannot take part, which may tell it of this party's rows.
        """
        self.ledger.append("fault", {"question": question.digest(), "fault": type(fault).__name__})

    def keeps(self, label: str) -> bool:
        """Whether this party has kept shares of the run `label`, with which those who are left could go on."""
        return self._kept.has(label)

    def stop_run(self) -> None:
        """Tell the others of a run that this party leaves it, if there is one; any thread may call this."""
        mesh = self._mesh
        if mesh is not None:
            mesh.abort(self._stopped())

    def abandon_run(self) -> None:
        """Write down that a run has ended here, if there is one; any thread may call this.

        For a process that ends before the thread that takes part has found out.
        """
        run = self._run
        if run is not None:
            self._write_down(run, self._stopped())

    def _noise(self, plan: Physical) -> OwnNoise:
        """This party's keys of noise, and the keys by which the others' are known."""
        signers = [self.consortium.member(party).signing_key for party in plan.compute]
        return OwnNoise(NoiseKeys.of(self._key), signers)

    def take_part(
        self,
        question: Question,
        permit: Permit,
        brought: Brought,
        label: str,
        papers: Papers = (),
        *,
        on_step: OnStep = lambda _: None,
        on_progress: Progress | None = None,
    ) -> Played:
        """The run `label` of the permitted plan, with what `read` has brought.

        Raises PeerFault and TransportFault, and PolicyRefused where consents have changed meanwhile; all are
        written down.
        """
        plan, rows = permit.plan, brought.own.rows
        # Before anything runs: nothing may take the answer away once it is there.
        learns = self.me in plan.gate.recipients
        measured = units(plan, self.records.catalogue) if learns else ()
        others = [self.peers[name] for name in plan.parties if name != self.me]
        noise = self._noise(plan)
        transcript = Transcript(peer.name for peer in others)
        with self.running(label, permit.plan_digest, others, transcript) as (mesh, run):
            self.decisions.check_still(label, question)
            seeds = agree(mesh, self.me, plan.parties, self.terms(question, permit))
            agreed = {**self.terms(question, permit), "run": seeds.run_id.hex()}
            terms = Terms(label, question.digest(), plan, agreed)
            self._begin(label, brought)
            own = self._sign(terms, permit, rows)
            exchange_agreements(mesh, terms, own, self.me, self.records.registers.principals)
            on_step("handshake")
            session = Session(self.me, plan.parties, seeds, openings=run.openings)
            past = Past(self.files.ledger.parent / FOLDER / self.me, label)
            body = play(
                session,
                permit,
                rows,
                own_noise=noise,
                on_step=on_step,
                past=past,
                keeping=self._kept.of(label, permit.plan_digest),
                on_progress=on_progress,
            )
            answer, spent = driven(mesh, body, self.me)
            self.ended(run)
            self._kept.forget()
            salt = self._finish(run, permit, answer, spent, transcript, noise.answer)
            closed = self.close_run(mesh, Finished(label, plan, question, papers, agreed, own))
            closed = replace(closed, troubles=(*closed.troubles, *self._deliver(label, own)))
            on_step(RECEIPT)
        if answer is not None:
            answer = replace(answer, units=measured, receipt=closed.receipt)
        return Played(answer, spent, label, salt, closed)

    @contextmanager
    def running(
        self, label: str, plan: str, others: list[Peer], transcript: Transcript
    ) -> Iterator[tuple[Mesh, Running]]:
        """The mesh of the run `label` of the plan with that digest; whatever ends it early is written down."""
        run = self._run = Running({"run": label, "plan": plan})
        try:
            with Mesh.connect(
                self.identity,
                self.listener,
                label,
                others,
                silence=self.silence,
                transcript=transcript,
            ) as mesh:
                self._mesh = mesh
                yield mesh, run
        except BaseException as fault:
            self._write_down(run, fault)
            raise
        finally:
            self._mesh = None

    def ended(self, run: Running) -> None:
        """Write down that the run has ended well. Raises TransportFault if another thread has ended it before."""
        if not self._write_down(run, None):
            raise self._stopped()

    def close_run(self, mesh: Mesh, ended: Finished) -> Closed:
        """The closing of a run; who ends it by hand has the answer without a receipt."""
        try:
            return close(mesh, self.witness, ended)
        except KeyboardInterrupt:
            return Closed(None, ("stopped by hand before the parties had closed the run",))

    def sign(self, statement: Statement) -> Statement:
        """The statement with this party's signature."""
        return statement.sign(self.me, self._key)

    def commit_input(self, label: str, name: str, content: bytes) -> str:
        """This party's commitment to the input `name` of the run `label`, which it can open later (party.inputs)."""
        return committed(self._key, label, name, content)

    def _begin(self, label: str, brought: Brought) -> None:
        """Use up what persons have consented to for this run. Raises PolicyRefused if that has changed meanwhile."""
        if self.consent is None or brought.chosen is None:
            return
        refused = self.consent.begin(label, brought.chosen, second=now())
        if refused:
            # Which ones, and how many, is this owner's to know: its desk shows them.
            raise PolicyRefused(self.me, (CHANGED,))

    def _deliver(self, label: str, own: Statement) -> tuple[str, ...]:
        """Write down for the persons that the run has used their consents; what is wrong with that, in words."""
        try:
            if self.consent is not None and self.consent.used_by(label):
                self.consent.deliver(label, own.digest, second=now())
        except UsageError as error:
            return (str(error),)
        return ()

    def _sign(self, terms: Terms, permit: Permit, rows: Mapping[str, Rows]) -> Statement:
        """This party's agreement, written down before anybody sees it: it cannot sign two for one run."""
        inputs = commitments(rows, self._key, terms.label)
        # With it this party can tell, when it is asked again, whether its rows are still the same.
        kept = remembers(permit, self.records.policy)
        own = self.sign(terms.statement(inputs))
        self.ledger.append(
            "start",
            {
                "run": terms.label,
                "plan": permit.plan_digest,
                "question": terms.question,
                "parties": list(permit.plan.parties),
                "papers": list(permit.papers),
                "agreement": own.digest,
                "state": state(rows, self._key, terms.label) if kept else None,
                "consents": None if self.consent is None else self.consent.head,
            },
        )
        return own

    def _finish(
        self,
        run: Running,
        permit: Permit,
        answer: Answer | None,
        spent: Spent,
        transcript: Transcript,
        noise: str | None,
    ) -> bytes | None:
        """Write the run's end down: what it took, what the gate did, a commitment to the answer where there is one."""
        salt = None if answer is None else secrets.token_bytes(SALT_BYTES)
        result = None
        if answer is not None and salt is not None:
            result = commit(answer_bytes(answer.to_json()), salt)
        plan = permit.plan
        alike = answer is not None and len(plan.gate.releases) == 1  # all recipients see the same
        gate = {
            "k": plan.gate.k,
            "cells": plan.cells,
            "suppressed": answer.suppressed if answer is not None and alike else None,
            "releases": released(plan),
        }
        self.ledger.append(
            "finish",
            {
                **run.about,
                **spent.to_json(),
                "gate": gate,
                "result": result,
                "transcript": transcript.to_json(),
                **({} if noise is None else {ANSWER: noise}),
            },
        )
        return salt

    def _write_down(self, run: Running, fault: BaseException | None) -> bool:
        """Keep the end of `run`; whether it had not been kept before."""
        with self._ending:
            if self._run is not run:
                return False
            self._run = None
            if fault is not None:
                self.ledger.append("fault", {**run.about, "fault": type(fault).__name__})
            for opening in run.openings:
                self.ledger.append("opening", {**run.about, **_entry(opening)})
            return True

    def _stopped(self) -> TransportFault:
        return TransportFault(self.me, "is being stopped")

    def terms(self, question: Question, permit: Permit) -> dict[str, str]:
        """What all parties must agree on before a share is sent, by the name that an error gives it."""
        plan = permit.plan
        sizes = sorted(public_sizes(plan).items())
        records = self.records
        versions = records.cards.versions
        return {
            "mpcstats version": version(),
            "question": question.digest(),
            "catalogue": records.catalogue.digest(),
            "policy": permit.policy_digest,
            **records.registers.heads,
            "plan": permit.plan_digest,
            "public sizes": hashlib.sha256(repr(sizes).encode()).hexdigest(),
            **{f"card {s.card}": versions[s.card] for s in plan.steps},
        }


def driven(mesh: Mesh, body: Coroutine[Any, Any, T], me: str) -> tuple[T, Spent]:
    """What the party's coroutine gives, and what it took."""
    program = Program(me, body)
    clock, work = time.monotonic(), time.process_time()
    traffic = mesh.run(program)
    spent = Spent(
        traffic.rounds,
        traffic.bytes_sent[me],
        round(1000 * (time.monotonic() - clock)),
        round(1000 * (time.process_time() - work)),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    return program.result, spent


def _entry(opening: Opening) -> dict[str, str | list[str] | list[int]]:
    return {
        "step": opening.step,
        "leak": opening.leak,
        "to": list(opening.to),
        "shape": list(opening.shape),
    }
