"""What an organisation does with policies at its own desk: check one, explain it, compare two, test one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mpcstats.cards.load import Cards, load_cards
from mpcstats.party.compile import Papers, Records, case_of, planned
from mpcstats.party.question import Question
from mpcstats.policy.check import Finding, findings
from mpcstats.policy.difference import Change, difference
from mpcstats.policy.expected import Failure, failures, load_expected
from mpcstats.policy.matrix import Cell, matrix, remarks
from mpcstats.policy.reason import Code, Reason
from mpcstats.policy.rule import Policy, Rule
from mpcstats.policy.template import ONE_OF_EACH, default_policy, filled, load_kinds
from mpcstats.policy.words import level_words
from mpcstats.policy.written import written
from mpcstats.records.levels import Level

DEFAULT = "default"  # instead of a file: the policy that mpcstats comes with
GATE = "gate"

# How a table calls all protocols that are not permitted on one ground.
GROUNDS: Mapping[Code, str] = {
    "no-rule": "no rule speaks of it",
    "denied": "denied",
    "card": "no such engine, or withdrawn",
    "leakage": "leaks more than is permitted",
    "adversary": "withstands less than is asked for",
    "operation": "no operation that is permitted",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario and level in words: the protocols permitted, the others by ground, what else is in the way."""

    scenario: str
    level: str
    permitted: tuple[str, ...]
    others: tuple[tuple[str, tuple[str, ...]], ...]  # (ground, protocols)
    remarks: tuple[str, ...]
    because: str
    cells: tuple[Cell, ...]


def read_policy(named: str, parties: Path | None = None) -> Policy:
    """The policy file `named`, or that of DEFAULT, filled with the parties of the file `parties`.

    Without that file a template's kinds stand for themselves. Raises UsageError with file and every fault.
    """
    kinds = ONE_OF_EACH if parties is None else load_kinds(parties)
    return default_policy(kinds) if named == DEFAULT else filled(Path(named), kinds)


def filled_file(policy: Policy) -> str:
    """The policy as the file that a consortium keeps."""
    return written(policy)


def summary(policy: Policy) -> tuple[str, ...]:
    """What the policy speaks of, in lines, its digest last."""
    permitted = [rule for rule in policy.rules if rule.permit]
    missing = [
        f"{scenario} x {level_words(level)}"
        for scenario in policy.scenarios
        for level in Level
        if policy.rule(scenario, level) is None
    ]
    return (
        f"{len(policy.rules)} rules, of which {len(permitted)} permit; scenarios {', '.join(policy.scenarios)}",
        *((f"no rule, which denies: {', '.join(missing)}",) if missing else ()),
        f"digest {policy.digest}",
    )


def rows(policy: Policy, cards: Cards | None = None) -> tuple[Row, ...]:
    """The matrix of the policy, a row for each scenario and level; `cards` are those that mpcstats comes with."""
    known = load_cards() if cards is None else cards
    by_case: dict[tuple[str, Level], list[Cell]] = {}
    for cell in matrix(policy, known):
        by_case.setdefault((cell.scenario, cell.level), []).append(cell)
    return tuple(
        _row(policy.rule(scenario, level), known, tuple(cells))
        for (scenario, level), cells in by_case.items()
    )


def _row(rule: Rule | None, cards: Cards, cells: tuple[Cell, ...]) -> Row:
    grounds: dict[str, list[str]] = {}
    for cell in cells:
        for code in dict.fromkeys(reason.code for reason in cell.reasons):
            grounds.setdefault(GROUNDS[code], []).append(cell.card)
    asked = rule is not None and rule.permit
    return Row(
        cells[0].scenario,
        level_words(cells[0].level),
        tuple(cell.card for cell in cells if cell.permitted),
        tuple((ground, tuple(names)) for ground, names in grounds.items()),
        tuple(r.text for r in remarks(rule, cards[GATE])) if rule is not None and asked else (),
        "" if rule is None else rule.because,
        cells,
    )


def rows_json(policy: Policy, found: tuple[Row, ...]) -> dict[str, object]:
    """The rows as plain data, with every reason against every protocol."""
    return {
        "policy": policy.digest,
        "rows": [
            {
                "scenario": row.scenario,
                "level": row.cells[0].level.name,
                "because": row.because,
                "remarks": list(row.remarks),
                "protocols": {cell.card: _reasons_json(cell.reasons) for cell in row.cells},
            }
            for row in found
        ],
    }


def decided(
    question: Question, records: Records, papers: Papers = ()
) -> tuple[str, tuple[Finding, ...]]:
    """The level of `question` in words, and what each condition of the policy says to it.

    Raises UsageError for a question that cannot be planned.
    """
    case = case_of(planned(question, records, papers), question, records, papers)
    named = "no rule" if case.rule is None else f"rule {case.rule.name}"
    because = f" because of {', '.join(case.found.columns)}" if case.found.columns else ""
    return f"level {level_words(case.found.level)}{because}; {named}", findings(case)


def findings_json(found: tuple[Finding, ...]) -> list[dict[str, object]]:
    """The findings as plain data."""
    return [{"condition": each.condition, "reasons": _reasons_json(each.reasons)} for each in found]


def compared(old: Policy, new: Policy) -> tuple[Change, ...]:
    """In which cells `new` does not decide as `old`."""
    return difference(old, new)


def changes_json(found: tuple[Change, ...]) -> list[dict[str, object]]:
    """The changes as plain data."""
    return [
        {"where": each.where, "more": list(each.more), "less": list(each.less)} for each in found
    ]


def tested(policy: Policy, cases: Path) -> tuple[int, tuple[Failure, ...]]:
    """How many cases the file has, and those that `policy` fails. Raises UsageError with file and place."""
    expected = load_expected(cases)
    return len(expected), failures(policy, expected)


def _reasons_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": reason.code, "text": reason.text} for reason in reasons]
