"""One organisation's node: its identity, records, data and ledger, and its part in a run."""

from __future__ import annotations

import hashlib
import resource
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from mpcstats.errors import PolicyRefused, TransportFault
from mpcstats.party.answer import Answer
from mpcstats.party.compile import Known, Papers, Records, compile_question
from mpcstats.party.data.frozen import file_digest
from mpcstats.party.data.halt import Halt
from mpcstats.party.data.sources import Own, Rows, Sources
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.question import Question, today
from mpcstats.party.registers import edition, load_principals, load_projects, used_papers
from mpcstats.party.run import play
from mpcstats.party.version import version
from mpcstats.plan.cost import public_sizes
from mpcstats.policy.permit import Permit
from mpcstats.records.day import later
from mpcstats.records.ledger import Ledger
from mpcstats.session import Opening, Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh

OnStep = Callable[[str], None]
TEXT_KEPT = (
    24 * 1024
)  # bytes of a question that go into the ledger: escaped, they may be twice as many


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
class Played:
    """A party's run: the answer if it is a recipient, what the run took, its label."""

    answer: Answer | None
    spent: Spent
    label: str


@dataclass(slots=True)
class _Run:
    """A run that this party is in, as far as another thread must know of it to end it."""

    about: Mapping[str, str]
    openings: list[Opening] = field(default_factory=list)
    mesh: Mesh | None = None


class Node:
    """A party that listens at its address. A context manager; one run at a time."""

    def __init__(self, consortium: Consortium, files: PartyFile) -> None:
        self.me = files.party
        self.consortium = consortium
        self.files = files
        self.silence = consortium.silence
        self._run: _Run | None = None
        self._ending = threading.Lock()  # a run is written down once, by whoever ends it
        own = consortium.member(self.me)
        self.identity = Identity(self.me, own.certificate, files.tls_key)
        self.peers = {
            name: Peer(name, m.address.host, m.address.port, m.fingerprint, m.certificate)
            for name, m in consortium.members.items()
            if name != self.me
        }
        self._edition = edition(consortium)
        principals = load_principals(consortium)
        self.records = Records.load(
            self.me,
            catalogue=consortium.catalogue,
            policy=consortium.policy,
            compute=consortium.compute,
            members=tuple(consortium.members),
            principals=principals,
            projects=load_projects(consortium, principals),
        )
        self.sources = Sources(self.me, files.data, self.records.catalogue)
        signing_key = read_signing_key(files.signing_key)
        self.ledger = Ledger.open(files.ledger, party=self.me, signing_key=signing_key)
        try:
            self.listener = Listener(
                self.identity, own.address.host, own.address.port, self.peers, silence=self.silence
            )
        except BaseException:
            self.ledger.close()
            raise

    @classmethod
    def open(cls, consortium: Path, party: str, party_file: Path | None = None) -> Self:
        """The node of `party`; its own file is looked for beside the consortium's. Raises UsageError."""
        agreed = Consortium.load(consortium)
        path = party_file if party_file is not None else agreed.party_file(party)
        return cls(agreed, PartyFile.load(path, party=party))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and close the ledger."""
        self.listener.close()
        self.ledger.close()

    def decide(self, question: Question, papers: Papers = ()) -> Permit:
        """This party's decision on `question`, written to its ledger. Raises PolicyRefused and UsageError."""
        about = {"question": question.digest()}
        self.ledger.append(
            "request",
            {
                **about,
                "initiator": question.initiator,
                "recipients": list(question.recipients),
                "scenario": question.scenario,
                "purpose": question.purpose,
                "day": question.day,
                "user": question.user,
                "project": question.project,
                "papers": [paper.digest for paper in papers],
                # A ledger's entry has a limit: of a very long question it keeps the digest alone.
                "text": question.text if len(question.text.encode()) <= TEXT_KEPT else None,
            },
        )
        try:
            _check_day(self.me, question)
            self._read_registers()
            permit = compile_question(question, self.records, papers, self.known(question, papers))
        except PolicyRefused as refusal:
            self.ledger.append(
                "decision", {**about, "permit": False, "reasons": list(refusal.reasons)}
            )
            raise
        self.ledger.append(
            "decision",
            {
                **about,
                "permit": True,
                "plan": permit.plan_digest,
                "policy": permit.policy_digest,
                "level": permit.level.name,
                "rule": permit.rule,
                "papers": list(permit.papers),
            },
        )
        return permit

    def _read_registers(self) -> None:
        """Whoever was struck off, and whatever was stopped, since the node began is so here too."""
        now = edition(self.consortium)
        if now != self._edition:
            principals = load_principals(self.consortium)
            projects = load_projects(self.consortium, principals)
            self.records = replace(self.records, principals=principals, projects=projects)
            self._edition = now

    def known(self, question: Question, papers: Papers) -> Known:
        """What this party knows of the papers' earlier uses, and of its datasets that the project has frozen."""
        projects = self.records.projects
        project = None
        if projects is not None and question.project is not None:
            project = projects.get(question.project, question.day)
        frozen = {} if project is None else project.frozen
        return Known(
            used_papers(self.files.ledger) if papers else {},
            {n: file_digest(path) for n, path in self.files.data.items() if n in frozen},
        )

    def read(
        self, permit: Permit, *, on_step: OnStep = lambda _: None, halt: Halt | None = None
    ) -> Own:
        """This party's rows for the permitted plan; another thread may end it by `halt`.

        Raises UsageError for bad input; nothing has been sent.
        """
        return self.sources.read(permit.plan, on_step=on_step, halt=halt)

    def write_fault(self, question: Question, fault: Exception) -> None:
        """Write down that `question` has ended here before its run by `fault`, of which only the type is kept.

        The initiator learns that this party cannot take part, which may tell it of this party's rows.
        """
        self.ledger.append("fault", {"question": question.digest(), "fault": type(fault).__name__})

    def stop_run(self) -> None:
        """Tell the others of a run that this party leaves it, if there is one; any thread may call this."""
        run = self._run
        if run is not None and run.mesh is not None:
            run.mesh.abort(self._stopped())

    def abandon_run(self) -> None:
        """Write down that a run has ended here, if there is one; any thread may call this.

        For a process that ends before the thread that takes part has found out.
        """
        run = self._run
        if run is not None:
            self._write_down(run, self._stopped())

    def take_part(
        self,
        question: Question,
        permit: Permit,
        rows: Mapping[str, Rows],
        label: str,
        *,
        on_step: OnStep = lambda _: None,
    ) -> Played:
        """The run `label` of the permitted plan. Raises PeerFault and TransportFault; both are written down."""
        plan = permit.plan
        others = [self.peers[name] for name in plan.parties if name != self.me]
        about = {"run": label, "plan": permit.plan_digest}
        self.ledger.append(
            "start", {**about, "parties": list(plan.parties), "papers": list(permit.papers)}
        )
        run = self._run = _Run(about)
        try:
            with Mesh.connect(
                self.identity, self.listener, label, others, silence=self.silence
            ) as mesh:
                run.mesh = mesh
                seeds = agree(mesh, self.me, plan.parties, self.terms(question, permit))
                on_step("handshake")
                session = Session(self.me, plan.parties, seeds, openings=run.openings)
                program = Program(self.me, play(session, permit, rows, on_step=on_step))
                clock, work = time.monotonic(), time.process_time()
                traffic = mesh.run(program)
                spent = Spent(
                    traffic.rounds,
                    traffic.bytes_sent[self.me],
                    round(1000 * (time.monotonic() - clock)),
                    round(1000 * (time.process_time() - work)),
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                )
        except BaseException as fault:
            self._write_down(run, fault)
            raise
        if not self._write_down(run, None):
            raise self._stopped()
        self.ledger.append("finish", {**about, **spent.to_json()})
        return Played(program.result, spent, label)

    def _write_down(self, run: _Run, fault: BaseException | None) -> bool:
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
            "principals": records.principals.digest,
            "projects": "none" if records.projects is None else records.projects.digest,
            "plan": permit.plan_digest,
            "public sizes": hashlib.sha256(repr(sizes).encode()).hexdigest(),
            **{f"card {s.card}": versions[s.card] for s in plan.steps},
        }


def _check_day(me: str, question: Question) -> None:
    """Decisions go by the question's day, so a question may not choose it: it is today, give or take a time zone."""
    now = today()
    if not later(now, -1) <= question.day <= later(now, 1):
        reason = (
            f"the question is of {question.day}, and it is {now} here: ask again with today's date"
        )
        raise PolicyRefused(me, (reason,))


def _entry(opening: Opening) -> dict[str, str | list[str] | list[int]]:
    return {
        "step": opening.step,
        "leak": opening.leak,
        "to": list(opening.to),
        "shape": list(opening.shape),
    }
