"""What a program does with mpcstats: connect as a party, ask in SQL or with frames, look at the plan, run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.adjudication.insurer import Adjudicated, adjudicate
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.ask import Result, ask
from mpcstats.party.candidates import Candidate
from mpcstats.party.compile import Papers, Records, candidates, planned
from mpcstats.party.data.source import GivenFrame
from mpcstats.party.desk.statements import read_statement
from mpcstats.party.explained import Explained, explained
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.node import Node, OnStep
from mpcstats.party.question import Asking, Defaults, Question, question_of, today
from mpcstats.party.registers import load_principals, load_registers
from mpcstats.party.sandbox.local import Local
from mpcstats.party.shown.page import page
from mpcstats.plan.frame import Frame, table
from mpcstats.plan.learned import learned
from mpcstats.plan.physical import Physical
from mpcstats.policy.permit import Permit
from mpcstats.protocols.private_join import Progress
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.ledger.finding import Finding, verify_receipt
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement


class Asked:
    """A question of one party, not run yet."""

    def __init__(self, node: Node, question: Question, papers: Papers = ()) -> None:
        self._node = node
        self.question = question
        self.papers = papers

    def __repr__(self) -> str:
        return f"<question of {self.question.initiator}: {self.question.purpose}>"

    @property
    def plan(self) -> Physical:
        """The physical plan. Raises UsageError where the question cannot be computed."""
        return planned(self.question, self._node.records, self.papers)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The question on each engine that the consortium offers: its plan there, or why it cannot run there."""
        return candidates(self.question, self._node.records, self.papers)

    def explain(self) -> Explained:
        """The plan, who learns what, its cost, and this party's decision; nothing is sent.

        `print` shows it as text; it has to_json() and to_html(). Raises UsageError as `plan` does.
        """
        known = self._node.known(self.question)
        return explained(self.question, self._node.records, self.papers, known)

    def run(
        self,
        *,
        on_plan: Callable[[Permit], None] = lambda _: None,
        on_step: OnStep = lambda _: None,
        on_progress: Progress | None = None,
    ) -> Result:
        """Run it together with the others; `print` shows the table.

        `on_plan` sees the permit before anything is sent, `on_step` each step when done, `on_progress` how many rows of
        this party's work are done, and of how many, in a join of two parties.

        Raises PolicyRefused with every reason, UsageError for a bad question or bad data of this party,
        PeerFault and TransportFault naming the party at fault.
        """
        return ask(
            self._node,
            self.question,
            self.papers,
            on_plan=on_plan,
            on_step=on_step,
            on_progress=on_progress,
        )


class Party:
    """An open connection to a consortium as one of its parties."""

    def __init__(
        self,
        node: Node,
        defaults: Defaults | None = None,
        log: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._node = node
        self._defaults = Defaults() if defaults is None else defaults
        self.log = log  # what another party's node has said, where it runs on this machine

    def __repr__(self) -> str:
        return f"<party {self.name} of {self._node.consortium.name!r}>"

    @property
    def name(self) -> str:
        """This party's name."""
        return self._node.me

    def sql(
        self,
        text: str,
        *,
        scenario: str | None = None,
        purpose: str | None = None,
        to: str | Sequence[str] | None = None,
        user: str | None = None,
        project: str | None = None,
        papers: Sequence[Statement] = (),
        engine: str | None = None,
    ) -> Asked:
        """A question in SQL (DuckDB dialect); the answer goes `to` these parties, by default to this one alone.

        What is not given here is taken from the text's leading comments ("-- scenario: supervision"). `user`,
        `project` and `papers` (signed approvals and the like) go with it where the policy asks for them. `engine` is
        what it is to be computed on (rep3, shamir, pair); without it the best one that the policy permits.
        Raises UsageError if scenario or purpose is given nowhere.
        """
        question = question_of(
            text,
            initiator=self.name,
            asking=Asking(today(), user, project, engine),
            given=Defaults(scenario, purpose),
            defaults=self._defaults,
            to=to,
        )
        return Asked(self._node, question, tuple(papers))

    def adjudicate(
        self,
        *,
        event: str,
        token: Statement | str | Path,
        rule: str | Path,
        on_step: OnStep = lambda _: None,
    ) -> Adjudicated:
        """What this party, an insurer, has to pay for `event`: the settlement stays with its holder, the rule here.

        `token` is the person's one-shot consent or its file, `rule` the file of the secret rule. Raises PolicyRefused
        with every reason, UsageError with file and place, PeerFault and TransportFault.
        """
        given = token if isinstance(token, Statement) else read_statement(Path(token))
        loaded = RuleFile.load(Path(rule))
        return adjudicate(self._node, event=event, token=given, rule=loaded, on_step=on_step)

    def page(self, result: Result) -> str:
        """A finished run as one HTML page that needs no other file: the table, who learned what, what its receipt
        proves. It may be passed on to whoever may see the answer.
        """
        records, receipt = self._node.records, result.receipt
        findings: tuple[Finding, ...] = ()
        if receipt is not None:
            answer = None if result.answer is None else result.to_json()
            findings = verify_receipt(receipt, records.registers.principals, answer=answer)
        known = [str(each) for each in learned(result.permit.plan, records.cards)]
        return page(result, known, findings)

    def table(self, name: str) -> Frame:
        """The dataset or union `name` of this party's catalogue, to build a question of.

        Raises UsageError with the names that exist.
        """
        return table(self._node.records.catalogue, name)

    def ask(
        self,
        frame: Frame,
        *,
        scenario: str | None = None,
        purpose: str | None = None,
        to: str | Sequence[str] | None = None,
        user: str | None = None,
        project: str | None = None,
        papers: Sequence[Statement] = (),
        engine: str | None = None,
    ) -> Asked:
        """The question that `frame` is: the same in everything as `sql(frame.sql(), ...)`, its digest included."""
        if not isinstance(frame, Frame):
            raise UsageError(f"expected a frame, got {type(frame).__name__}; sql() takes a text")
        return self.sql(
            frame.sql(),
            scenario=scenario,
            purpose=purpose,
            to=to,
            user=user,
            project=project,
            papers=papers,
            engine=engine,
        )


@contextmanager
def connect(
    consortium: str | Path,
    *,
    party: str,
    party_file: str | Path | None = None,
    frames: Mapping[str, object] | None = None,
) -> Iterator[Party]:
    """`party` of the consortium file, as a context manager; its own file lies beside it unless it is named.

    `frames` are pandas frames or Arrow tables by dataset, in place of what its file names. Raises UsageError with
    file and place.
    """
    own = None if party_file is None else Path(party_file)
    with Node.open(Path(consortium), party, own, _given(frames)) as node:
        yield Party(node)


@contextmanager
def local(
    config: str | Path,
    *,
    party: str | None = None,
    data: str | Path | None = None,
    keep: str | Path | None = None,
    frames: Mapping[str, object] | None = None,
) -> Iterator[Party]:
    """`party` of a local.toml (its initiator, if None), every other one being a process of its own on this machine.

    `data` is the folder of the data files; `keep` an empty folder in which keys, ledgers and logs stay. `frames` are
    pandas frames or Arrow tables by dataset, in place of files; they become files of the run's folder, where their
    owners' processes read them. Raises UsageError with file and place.
    """
    loaded = with_frames(local_file(config, party=party, data=data), _given(frames))
    kept = None if keep is None else Path(keep)
    with Local(loaded, keep=kept) as world:
        yield Party(world.node, Defaults(loaded.scenario, loaded.purpose), world.log)


def local_file(
    config: str | Path, *, party: str | None = None, data: str | Path | None = None
) -> LocalFile:
    """The local.toml with `party` as who asks. Raises UsageError if it has no such party."""
    loaded = LocalFile.load(Path(config), data=None if data is None else Path(data))
    if party is None:
        return loaded
    if party not in loaded.parties:
        known = ", ".join(loaded.parties)
        raise UsageError(f"{loaded.path}: expected a party of {known}, got {party[:40]!r}")
    return replace(loaded, initiator=party)


def with_frames(config: LocalFile, frames: Mapping[str, GivenFrame]) -> LocalFile:
    """The local.toml with the datasets of `frames` read from there. Raises UsageError for a name that is none."""
    if not frames:
        return config
    catalogue = Catalogue.load(config.catalogue)
    data = {party: dict(own) for party, own in config.data.items()}
    for name, frame in frames.items():
        data.setdefault(catalogue.dataset(name).owner, {})[name] = frame
    return replace(config, data=data)


def _given(frames: Mapping[str, object] | None) -> dict[str, GivenFrame]:
    return {} if frames is None else {name: GivenFrame(rows) for name, rows in frames.items()}


def local_records(config: LocalFile) -> Records:
    """What the initiator of a local.toml decides by."""
    return Records.load(
        config.initiator,
        catalogue=config.catalogue,
        policy=config.policy,
        compute=config.compute,
        members=config.parties,
        registers=load_registers(
            config.registers, Principals.load(config.registers.principals, {})
        ),
        engines=config.engines,
    )


def consortium_records(consortium: Consortium, party: str) -> Records:
    """What `party` of the consortium decides by."""
    principals = load_principals(consortium)
    return Records.load(
        consortium.member(party).name,
        catalogue=consortium.catalogue,
        policy=consortium.policy,
        compute=consortium.compute,
        members=tuple(consortium.members),
        registers=load_registers(consortium.registers, principals),
        engines=consortium.engines,
    )
