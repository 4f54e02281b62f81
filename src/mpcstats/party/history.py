"""What a party's ledger says of earlier questions: how often papers were used, what projects ran, who broke a rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Self

from mpcstats.party.repeat import Released
from mpcstats.records.budget import Spending
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Entry, Ledger
from mpcstats.records.principals import Principals
from mpcstats.records.privacy.spending import Losses
from mpcstats.records.standing import REINSTATEMENT, VIOLATION, Standing, standing

KINDS = ("request", "decision", "start", "finish", "charge", VIOLATION, REINSTATEMENT)


class History:
    """The fold of a ledger's entries in order; `read_on` takes those that have been written since."""

    def __init__(self) -> None:
        self.spending = Spending()
        self.losses = Losses()
        self.used: Counter[str] = Counter()  # paper -> runs that began
        self.used_by: defaultdict[str, Counter[str]] = defaultdict(Counter)  # the same by initiator
        self.runs: Counter[str] = Counter()  # project -> runs that began
        self.labels: set[str] = set()  # of runs that began
        # By plan and policy: the last run that has ended well.
        self.released: dict[tuple[str, str], Released] = {}
        # By template, or plan where there is none: the runs whose answer this party has got, in order.
        self.answered: defaultdict[str, list[str]] = defaultdict(list)
        self._kinds: dict[str, str] = {}  # question -> the template that it is one of
        self._policies: dict[str, str] = {}  # question -> the policy that has permitted it
        self._begun: dict[str, Mapping[str, JSON]] = {}  # run -> its start
        self._projects: dict[str, str] = {}  # question -> project
        self._initiators: dict[str, str] = {}  # question -> who asked it
        self._of_standing: list[Entry] = []
        self._next = 0

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """What these entries say."""
        history = cls()
        for entry in entries:
            history.add(entry)
        return history

    def add(self, entry: Entry) -> None:
        """One entry more."""
        self._next = entry.index + 1
        body = entry.body
        if entry.kind in (VIOLATION, REINSTATEMENT):
            self._of_standing.append(entry)
        elif entry.kind == "start":
            self.labels.add(str(body.get("run")))
            self._begun[str(body.get("run"))] = body
            papers = body.get("papers")
            papers = papers if isinstance(papers, list) else []
            self.used.update(papers)
            self.used_by[self._initiators.get(str(body.get("question")), "")].update(papers)
            of = self._projects.get(str(body.get("question")))
            if of is not None:
                self.runs[of] += 1
        elif entry.kind in ("request", "decision"):
            project = body.get("project")
            if isinstance(project, str):
                self._projects[str(body.get("question"))] = project
            if entry.kind == "request":
                self._initiators[str(body.get("question"))] = str(body.get("initiator"))
            if entry.kind == "decision" and body.get("permit") is True:
                self._policies[str(body.get("question"))] = str(body.get("policy"))
                self._kinds[str(body.get("question"))] = str(body.get("template") or "")
            self.spending.add(entry)
        elif entry.kind == "finish":
            self._finish(body)
        elif entry.kind == "charge":
            self.spending.add(entry)
        self.losses.add(entry)

    def _finish(self, body: Mapping[str, JSON]) -> None:
        label = str(body.get("run"))
        start = self._begun.pop(label, {})
        state, result = start.get("state"), body.get("result")
        question = str(start.get("question"))
        if isinstance(result, str):
            self.answered[self._kinds.get(question) or str(start.get("plan"))].append(label)
        if isinstance(state, Mapping):
            policy = self._policies.get(question, "")
            self.released[str(start.get("plan")), policy] = Released(
                label,
                {name: str(each) for name, each in state.items()},
                result if isinstance(result, str) else None,
            )

    def read_on(self, ledger: Ledger) -> None:
        """Take what any process of this party has written since the last time."""
        since = self._next
        new = (entry for kind in KINDS for entry in ledger.entries(kind, since=since))
        for entry in sorted(new, key=attrgetter("index")):
            self.add(entry)

    def standing(self, name: str, principals: Principals) -> Standing:
        """Whether `name` may still ask this party."""
        return standing(self._of_standing, name, principals)
