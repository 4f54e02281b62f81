"""The registers of a consortium, from the files that its own file names: who may sign, and its projects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mpcstats.party.files.config import Consortium
from mpcstats.records.journal import Journal
from mpcstats.records.ledger import entries
from mpcstats.records.papers.project import Projects
from mpcstats.records.principals import Principals


def load_principals(consortium: Consortium) -> Principals:
    """The parties with their signing keys, and the principals of the file. Raises UsageError with file and place."""
    keys = {name: member.signing_key for name, member in consortium.members.items()}
    return Principals.load(consortium.principals, keys)


def load_projects(consortium: Consortium, principals: Principals) -> Projects | None:
    """The projects of the journal, checked; None if the consortium keeps none. Raises UsageError with file and line."""
    if consortium.projects is None:
        return None
    projects = Projects(principals)
    Journal.load(consortium.projects, principals, projects.add)
    return projects


def edition(consortium: Consortium) -> tuple[object, ...]:
    """Differs after a file of principals or projects was written, so that it is read again then alone."""
    found: list[object] = []
    for path in (consortium.principals, consortium.projects):
        if path is not None and path.exists():
            now = path.stat()
            found.append((now.st_ino, now.st_size, now.st_mtime_ns))
        else:
            found.append(None)
    return tuple(found)


def runs_by_project(ledger: Path) -> Mapping[str, int]:
    """How many runs of each project have begun, as the ledger at `ledger` says."""
    projects: dict[object, str] = {}  # question -> project, then plan -> project
    found: dict[str, int] = {}
    for entry in entries(ledger):
        body = entry.body
        match entry.kind, body.get("project"):
            case "request", str(project):
                projects[str(body.get("question"))] = project
            case "decision", _ if body.get("permit") and body.get("question") in projects:
                projects[str(body.get("plan"))] = projects[str(body.get("question"))]
            case "start", _ if body.get("plan") in projects:
                project = projects[str(body.get("plan"))]
                found[project] = found.get(project, 0) + 1
    return found


def used_papers(ledger: Path) -> Mapping[str, int]:
    """How often each paper, by digest, has been used by a run that began, as the ledger at `ledger` says."""
    found: dict[str, int] = {}
    for entry in entries(ledger):
        papers = entry.body.get("papers") if entry.kind == "start" else None
        for digest in papers if isinstance(papers, list) else ():
            found[digest] = found.get(digest, 0) + 1
    return found
