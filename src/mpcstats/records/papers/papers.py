"""The papers of a question, read: which say something that can be checked, and why each of the others says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from mpcstats.errors import UsageError
from mpcstats.records.journal import body_as
from mpcstats.records.papers import approval, licence, request
from mpcstats.records.papers.approval import Approval
from mpcstats.records.papers.licence import Licence
from mpcstats.records.papers.request import Request
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table

B = TypeVar("B", bound=Table)
MODELS: dict[str, type[Table]] = {
    request.KIND: Request,
    approval.KIND: Approval,
    licence.KIND: Licence,
}
SHOWN = 16  # hex digits of a digest in words


@dataclass(frozen=True, slots=True)
class Paper(Generic[B]):
    """A paper whose signatures are good: `digest` names it, `signers` have signed it, whatever their roles."""

    kind: str
    digest: str
    body: B
    signers: tuple[str, ...]

    @property
    def name(self) -> str:
        """How reasons call it."""
        return f"{self.kind} {self.digest[:SHOWN]}"


@dataclass(frozen=True, slots=True)
class Unread:
    """A paper that says nothing: `why` in words."""

    kind: str
    digest: str
    why: str

    @property
    def name(self) -> str:
        """How reasons call it."""
        return f"{self.kind} {self.digest[:SHOWN]}"


@dataclass(frozen=True, slots=True)
class Papers:
    """All papers of a question, by kind, each once; `unread` are those that help nobody."""

    requests: tuple[Paper[Request], ...] = ()
    approvals: tuple[Paper[Approval], ...] = ()
    licences: tuple[Paper[Licence], ...] = ()
    unread: tuple[Unread, ...] = field(default=())


def read(statements: Iterable[Statement], principals: Principals) -> Papers:
    """The papers in `statements`, which may come from anybody. Never raises: what is no good is in `unread`.

    The same paper with other signatures is one paper with all of them, as when signers at several places have each
    signed a copy.
    """
    found: dict[str, Paper[Table]] = {}
    unread: list[Unread] = []
    for statement in statements:
        try:
            paper = _paper(statement, principals)
        except UsageError as error:
            unread.append(Unread(statement.kind, statement.digest, str(error)))
            continue
        known = found.get(paper.digest)
        signers = paper.signers if known is None else (*known.signers, *paper.signers)
        found[paper.digest] = replace(paper, signers=tuple(sorted(set(signers))))
    papers = tuple(found.values())
    return Papers(_of(papers, Request), _of(papers, Approval), _of(papers, Licence), tuple(unread))


def _paper(statement: Statement, principals: Principals) -> Paper[Table]:
    model = MODELS.get(statement.kind)
    if model is None:
        raise UsageError(f"expected a paper of kind {', '.join(MODELS)}, got another kind")
    signers = statement.signers(principals)
    if not signers:
        raise UsageError("expected a signature, got none")
    return Paper(statement.kind, statement.digest, body_as(statement, model), signers)


def _of(papers: tuple[Paper[Table], ...], model: type[B]) -> tuple[Paper[B], ...]:
    return tuple(
        Paper(paper.kind, paper.digest, paper.body, paper.signers)
        for paper in papers
        if isinstance(paper.body, model)
    )
