"""Who may see which cells of a plan under which minimums: the rule's, and what authorisers have exempted from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mpcstats.plan.physical import GroupKey, Item, Label, Outcome, Physical, Release
from mpcstats.policy.case import Case
from mpcstats.policy.conditions.approval import exempting
from mpcstats.policy.rule import ANYBODY
from mpcstats.records.catalogue import Catalogue, Dataset
from mpcstats.records.papers.approval import Approval, Exemption
from mpcstats.records.papers.papers import Paper


def releases(case: Case, ruled: Release) -> tuple[Release, ...]:
    """The releases of the case's plan: `ruled` to those whom the rule serves, then what each exemption adds.

    A recipient that is exempted for its own row alone sees the exempted columns of no other row, and one whom the rule
    does not name sees nothing but what is exempted for it.
    """
    papers = exempting(case)
    served: dict[tuple[int, ...] | None, list[str]] = {}
    for name in ruled.recipients:
        columns = _ruled(case, name, papers)
        if columns is None or columns:
            served.setdefault(columns, []).append(name)
    found = [replace(ruled, recipients=tuple(w), columns=c) for c, w in served.items()]
    found += [release for paper in papers for release in _exempted(case, ruled, paper)]
    return tuple(found) or (ruled,)


def _ruled(case: Case, name: str, papers: Iterable[Paper[Approval]]) -> tuple[int, ...] | None:
    """The columns that `name` sees under the rule's minimums; None: all."""
    exemptions = [
        p.body.exemption
        for p in papers
        if p.body.exemption is not None and name in p.body.exemption.recipients
    ]
    permitted = [] if case.rule is None else case.rule.recipients
    if exemptions and not (name in permitted or ANYBODY in permitted):
        return ()
    own = {c for e in exemptions if e.own_row for c in columns_of(case.plan, e)}
    if not own:
        return None
    return tuple(c for c in range(len(case.plan.aggregate.totals)) if c not in own)


def _exempted(case: Case, ruled: Release, paper: Paper[Approval]) -> list[Release]:
    exemption = paper.body.exemption
    if exemption is None:
        return []
    columns = columns_of(case.plan, exemption)
    recipients = tuple(name for name in ruled.recipients if name in exemption.recipients)
    if not columns or not recipients:
        return []
    least = replace(_least(case, ruled), columns=columns, exempt=paper.digest)
    if not exemption.own_row:
        return [replace(least, recipients=recipients)]
    rows = {name: own_cells(case.plan, case.catalogue, name) for name in recipients}
    return [
        replace(least, recipients=(name,), cells=cells) for name, cells in rows.items() if cells
    ]


def _least(case: Case, ruled: Release) -> Release:
    """`ruled` under what an approval cannot exempt from: the minimums of the jurisdiction's profile."""
    profile = case.registers.profile
    # Counts are rounded before the gate, for all releases or for none.
    free = replace(ruled, k=1, contributors=1, p=0, largest=None, complement=False)
    if profile is None:
        return free
    return replace(
        free,
        k=profile.minimum_persons,
        contributors=min(ruled.contributors, profile.minimum_contributors),
        p=min(ruled.p, profile.dominance),
    )


def by_own(plan: Physical, catalogue: Catalogue, ruled: Release) -> tuple[Release, ...]:
    """`ruled` to each of its recipients, together with those whose own institutions are the same.

    What one institution adds to an amount the rules take as known to somebody in any case; of several that are one
    recipient's it knows the sum.
    """
    found: dict[tuple[Label, ...], list[str]] = {}
    for name in ruled.recipients:
        own = _own_institutions(plan, catalogue, name) if ruled.on_amounts else ()
        found.setdefault(own, []).append(name)
    return tuple(replace(ruled, recipients=tuple(who), own=own) for own, who in found.items())


def _own_institutions(plan: Physical, catalogue: Catalogue, party: str) -> tuple[Label, ...]:
    """The labels of the party's institutions, of datasets of which it has several."""
    read = sorted({item.dataset for f in plan.fragments for item in f.items})
    mine = {
        value
        for name in read
        if catalogue.has(name)
        for value in catalogue.dataset(name).contributors.get(party, ())
    }
    several = (labels for labels in plan.tests.institutions if len(mine & {*labels}) > 1)
    return tuple(dict.fromkeys(label for labels in several for label in labels if label in mine))


def columns_of(plan: Physical, exemption: Exemption) -> tuple[int, ...]:
    """The positions of the totals that stand behind the output columns which `exemption` names."""
    named = {c.position for c in plan.output if c.kind == "total" and c.name in exemption.cells}
    return tuple(sorted(named))


def own_cells(plan: Physical, catalogue: Catalogue, party: str) -> tuple[int, ...]:
    """The cells of the plan's answer in which a group is an institution of `party`, or `party` itself.

    Only where a group's labels are all institutions that the catalogue gives to parties, or all owners of the plan's
    fragments: what else a label says is nobody's.
    """
    if isinstance(plan.aggregate, Outcome) and plan.aggregate.beside is not None:
        return ()  # a table with totals is opened as a whole
    own = [
        {i for i, x in enumerate(g.labels) if _whose(plan, catalogue, g, x) == party}
        for g in plan.aggregate.groups
    ]
    found = []
    for cell in range(plan.cells):
        rest = cell
        for group, mine in zip(reversed(plan.aggregate.groups), reversed(own), strict=True):
            rest, position = divmod(rest, len(group.labels))
            if position in mine:
                found.append(cell)
                break
    return tuple(found)


def _whose(plan: Physical, catalogue: Catalogue, group: GroupKey, label: Label) -> str | None:
    """The party whose institution `label` is, if the group is one of institutions or of owners."""
    for known in _registers(plan, catalogue):
        if set(group.labels) <= set(known):
            return known[label]
    return None


def _registers(plan: Physical, catalogue: Catalogue) -> list[Mapping[Label, str]]:
    """Label -> party: of each dataset whose contributor item is a group, and of the owners."""
    owners: Mapping[Label, str] = {f.owner: f.owner for f in plan.fragments}
    grouped = {item for f in plan.fragments for item in f.items if _institution(item, catalogue)}
    named = sorted({item.dataset for item in grouped})
    datasets = [catalogue.dataset(name) for name in named]
    return [
        *(_institutions(d) for d in datasets),
        owners,
    ]


def _institution(item: Item, catalogue: Catalogue) -> bool:
    if item.use != "group" or not catalogue.has(item.dataset):
        return False
    return catalogue.dataset(item.dataset).contributor == item.column


def _institutions(dataset: Dataset) -> dict[Label, str]:
    """Each institution of the dataset, and the party that it is."""
    return {value: party for party, values in dataset.contributors.items() for value in values}
