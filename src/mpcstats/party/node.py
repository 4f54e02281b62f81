"""One organisation's node: its identity, records, data and ledger, and its part in a run."""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mpcstats.errors import MpcstatsError, PolicyRefused
from mpcstats.party.answer import Answer
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.config import Consortium, PartyFile
from mpcstats.party.keys import read_signing_key
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.party.sources import Own, Rows, Sources
from mpcstats.party.version import version
from mpcstats.plan.cost import public_sizes
from mpcstats.policy.permit import Permit
from mpcstats.records.ledger import Ledger
from mpcstats.session import Opening, Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh

OnStep = Callable[[str], None]


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


class Node:
    """A party that listens at its address. A context manager; one run at a time."""

    def __init__(self, consortium: Consortium, files: PartyFile) -> None:
        self.me = files.party
        self.consortium = consortium
        self.files = files
        self.silence = consortium.silence
        own = consortium.member(self.me)
        self.identity = Identity(self.me, own.certificate, files.tls_key)
        self.peers = {
            name: Peer(name, m.address.host, m.address.port, m.fingerprint, m.certificate)
            for name, m in consortium.members.items()
            if name != self.me
        }
        self.records = Records.load(
            self.me,
            catalogue=consortium.catalogue,
            policy=consortium.policy,
            compute=consortium.compute,
            members=tuple(consortium.members),
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

    def decide(self, question: Question) -> Permit:
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
            },
        )
        try:
            permit = compile_question(question, self.records)
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
            },
        )
        return permit

    def read(self, permit: Permit, *, on_step: OnStep = lambda _: None) -> Own:
        """This party's rows for the permitted plan. Raises UsageError for bad input; nothing has been sent."""
        return self.sources.read(permit.plan, on_step=on_step)

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
        openings: list[Opening] = []
        about = {"run": label, "plan": permit.plan_digest}
        self.ledger.append("start", {**about, "parties": list(plan.parties)})
        try:
            with Mesh.connect(
                self.identity, self.listener, label, others, silence=self.silence
            ) as mesh:
                seeds = agree(mesh, self.me, plan.parties, self._terms(question, permit))
                on_step("handshake")
                session = Session(self.me, plan.parties, seeds, openings=openings)
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
        except MpcstatsError as fault:
            self.ledger.append("fault", {**about, "fault": type(fault).__name__})
            raise
        finally:
            for opening in openings:
                self.ledger.append("opening", {**about, **_entry(opening)})
        self.ledger.append("finish", {**about, **spent.to_json()})
        return Played(program.result, spent, label)

    def _terms(self, question: Question, permit: Permit) -> dict[str, str]:
        """What all parties must agree on before a share is sent, by the name that an error gives it."""
        plan = permit.plan
        sizes = sorted(public_sizes(plan).items())
        versions = self.records.cards.versions
        return {
            "mpcstats version": version(),
            "question": question.digest(),
            "catalogue": self.records.catalogue.digest(),
            "policy": permit.policy_digest,
            "plan": permit.plan_digest,
            "public sizes": hashlib.sha256(repr(sizes).encode()).hexdigest(),
            **{f"card {s.card}": versions[s.card] for s in plan.steps},
        }


def _entry(opening: Opening) -> dict[str, str | list[str] | list[int]]:
    return {
        "step": opening.step,
        "leak": opening.leak,
        "to": list(opening.to),
        "shape": list(opening.shape),
    }
