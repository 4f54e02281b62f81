"""A policy's template: a policy file that names kinds of parties ("@hospital"), and the parties that fill it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from mpcstats.errors import UsageError
from mpcstats.policy.rule import PLACEHOLDER, Helper, Policy, PolicyFile, Rule
from mpcstats.records.tomlfile import Table, Version, read_toml

Kind = Literal["bureau", "hospital", "insurer", "institute"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# One party of each kind, which has the kind's name: to look at a template without a consortium.
ONE_OF_EACH: Mapping[str, Kind] = {kind: kind for kind in KINDS}
DEFAULT = "default.toml"


class PartiesFile(Table):
    """parties.toml: of which kind each party is."""

    version: Version
    party: dict[str, Kind]


def load_kinds(path: Path) -> Mapping[str, Kind]:
    """The kinds of the parties, by name. Raises UsageError with file and place."""
    return read_toml(path, PartiesFile).party


def default_policy(parties: Mapping[str, Kind]) -> Policy:
    """The policy that mpcstats comes with, for these parties. Raises UsageError if they do not fill it."""
    return filled(shipped() / DEFAULT, parties)


def shipped() -> Path:
    """The folder of the policy files that mpcstats comes with."""
    packaged = Path(str(resources.files("mpcstats"))) / "_governance"
    top = packaged if packaged.is_dir() else Path(__file__).parents[3] / "governance"
    return top / "policy"


def filled(path: Path, parties: Mapping[str, Kind]) -> Policy:
    """The policy of the template at `path`, each "@kind" being all parties of that kind, in order of their names.

    A policy file that names parties alone is a template without placeholders. Raises UsageError with file and
    place, also for a kind that is not known, and for a rule whose recipients nobody fills.
    """
    table = read_toml(path, PolicyFile)
    try:
        rules = tuple(_rule(rule, parties) for rule in table.rule)
        helpers = tuple(h for helper in table.helper for h in _helpers(helper, parties))
        return Policy.of(rules, helpers)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _rule(rule: Rule, parties: Mapping[str, Kind]) -> Rule:
    recipients = _names(rule.recipients, parties)
    if rule.permit and not recipients:
        raise UsageError(
            f"rule {rule.name}: expected a party of {', '.join(rule.recipients)} as recipient, got none: "
            "give the kind of every party"
        )
    return rule.model_copy(update={"recipients": recipients})


def _helpers(helper: Helper, parties: Mapping[str, Kind]) -> list[Helper]:
    accepts = _names(helper.accepts, parties)
    return [
        Helper(owner=owner, accepts=[name for name in accepts if name != owner])
        for owner in _names([helper.owner], parties)
    ]


def _names(named: list[str], parties: Mapping[str, Kind]) -> list[str]:
    found: dict[str, None] = {}
    for name in named:
        if not name.startswith(PLACEHOLDER):
            found[name] = None
            continue
        kind = name.removeprefix(PLACEHOLDER)
        if kind not in KINDS:
            known = ", ".join(PLACEHOLDER + kind for kind in KINDS)
            raise UsageError(f"expected a kind of party of {known}, got {name!r}")
        found.update(dict.fromkeys(sorted(p for p, its in parties.items() if its == kind)))
    return list(found)
