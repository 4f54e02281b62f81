"""Chongqing (SYSTEMS.md row 3): authorisation by scenario and level, and operating separated from authorising."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.authorise import Authorisation, Verdict, Wish, authorise
from mpcstats.policy.case import Case
from mpcstats.policy.check import check, digest, findings, reasons
from mpcstats.policy.operations import OPERATIONS
from mpcstats.policy.template import default_policy
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.principals import ROLES, Principals
from mpcstats.records.signed import Statement

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT.parent / "shared" / "domain" / "README.md"
DEMO = CHECKOUT / "demos" / "settlement"
DAY = "2026-01-01"
# The roles of parties are data, as in a parties.toml.
POLICY = default_policy({"bureau": "bureau", "hospital": "hospital", "insurer": "insurer"})

ANY = frozenset(OPERATIONS)
REVIEWED = frozenset({"count", "sum", "join", "group-by", "moments", "quantile"})
PAPERS = {"real-name", "licence", "approval", "rights", "registration"}


@dataclass(frozen=True)
class Expected:
    """What a cell of the table means: operations, duties of all of them, those of magnitudes alone, amounts."""

    text: str  # the cell in the README
    operations: frozenset[str] = frozenset()
    duties: frozenset[str] = frozenset()
    of_magnitudes: frozenset[str] = frozenset()
    amounts: tuple[tuple[str, int], ...] = ()
    recipients: tuple[str, ...] = ()
    form: str = "aggregate"
    adjudication: bool = False


K11, K30 = (("minimum-persons", 11),), (("minimum-persons", 30),)
CONTRIBUTORS = frozenset({"minimum-contributors", "dominance"})
SAFE = (("minimum-contributors", 3), ("dominance", 10))
PLAIN = Expected("plain text", ANY, form="plain")


def low(text: str, recipients: tuple[str, ...], *more: str) -> Expected:
    duties = frozenset({"minimum-persons", "recipients", "real-name", *more})
    return Expected(text, ANY, duties, amounts=K11, recipients=recipients)


def reviewed(
    text: str, recipients: tuple[str, ...], *more: str, also: frozenset[str] = frozenset()
) -> Expected:
    duties = frozenset({"minimum-persons", "recipients", *PAPERS, *more})
    return Expected(text, REVIEWED | also, duties, CONTRIBUTORS, (*K11, *SAFE), recipients)


BUREAU = ("bureau",)
# Scenario x level, in the words of the README and as the policy must have it. Where it asks for more than the cell
# says, that is said in governance/policy/default.toml.
TABLE: dict[tuple[str, str], Expected] = {
    ("supervision", "HIGH"): Expected(
        "special-disease predicates: count and sum, k >= 30, malicious security, the bureau the only "
        "recipient, two signatures",
        frozenset({"count", "sum"}),
        frozenset({"minimum-persons", "recipients", "adversary", "signatures", *PAPERS}),
        CONTRIBUTORS,
        (*K30, *SAFE, ("signatures", 2)),
        BUREAU,
    ),
    ("commercial", "HIGH"): Expected(
        "**deny**, except one-shot adjudication of the person's own event with a consumed token, payable "
        "amount only",
        adjudication=True,
    ),
    ("research", "HIGH"): Expected(
        "government-led project, k >= 30, noise on counts, malicious security",
        REVIEWED,
        frozenset(
            {
                *("minimum-persons", "complement", "recipients", "adversary", "noise"),
                *("government-led", "project"),
            }
            | PAPERS
        ),
        CONTRIBUTORS,
        (*K30, *SAFE),
        BUREAU,
    ),
    ("public", "HIGH"): Expected("deny"),
    ("supervision", "MODERATE"): reviewed(
        "approved template; joins, group-by, moments, quantiles; k >= 11 persons, >= 3 contributors, "
        "p-ratio 10 %",
        BUREAU,
        also=frozenset({"window"}),  # the README expects readmissions (Q06) to be shown
    ),
    ("commercial", "MODERATE"): reviewed(
        "approval per project; the same, and a query budget",
        ("bureau", "insurer"),
        *("complement", "project", "budget", "fee"),
    ),
    ("research", "MODERATE"): reviewed(
        "as supervision, with a registered plan; government-led where the project says so",
        BUREAU,
        *("complement", "project"),
    ),
    ("public", "MODERATE"): Expected("only released LOW"),
    ("supervision", "LOW"): low(
        "automatic for a real-name user", ("bureau", "hospital", "insurer")
    ),
    ("commercial", "LOW"): low("same, with a fee", ("bureau", "insurer"), "fee"),
    ("research", "LOW"): low("same", ("bureau", "hospital")),
    ("public", "LOW"): Expected(
        "after the gate", ANY, frozenset({"minimum-persons", "no-blind-keys"}), amounts=K11
    ),
    ("supervision", "NONE"): PLAIN,
    ("commercial", "NONE"): PLAIN,
    ("research", "NONE"): PLAIN,
    ("public", "NONE"): PLAIN,
}
SCENARIOS = ("supervision", "commercial", "research", "public")
CELLS = [(scenario, level.name) for level in Level for scenario in SCENARIOS]


def asked(scenario: str, level: str, operation: str, **more: str) -> Authorisation:
    form = more.pop("form", TABLE[scenario, level].form)
    wish = Wish(scenario, level, more.pop("requester", "user"), operation, form, **more)
    return authorise(POLICY, wish)


# --- Min: the table-driven test of all scenario x level x operation cells ---


@pytest.mark.skipif(not README.is_file(), reason="the domain pack ../shared/domain is not there")
def test_the_table_is_that_of_the_domain() -> None:
    section = README.read_text(encoding="utf-8").partition("## Default policy")[2]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    found = {
        (scenario, row[0].strip()): row[i].strip()
        for row in rows
        if row[0].strip() in Level.__members__
        for i, scenario in enumerate(SCENARIOS, 1)
    }
    assert found == {cell: expected.text for cell, expected in TABLE.items()}


def test_the_table_has_every_cell() -> None:
    assert set(CELLS) == set(TABLE)
    assert len(CELLS) == 16
    assert set(POLICY.scenarios) == set(SCENARIOS)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("scenario", "level"), CELLS)
def test_every_cell_and_operation(scenario: str, level: str, operation: str) -> None:
    expected = TABLE[scenario, level]
    found = asked(scenario, level, operation)
    if operation not in expected.operations:
        assert found.verdict == "deny"
        assert found.reason.code == ("operation" if expected.operations else "denied")
        assert found.obligations == ()
        return
    duties = expected.duties | (expected.of_magnitudes if operation != "count" else frozenset())
    assert {obligation.duty for obligation in found.obligations} == duties
    assert found.verdict == ("permit-with-obligations" if duties else "permit")
    amounts: dict[str, int] = {o.duty: o.amount for o in found.obligations if o.amount is not None}
    wanted = {duty: n for duty, n in expected.amounts if duty in duties}
    assert {duty: amounts[duty] for duty in wanted} == wanted
    assert set(amounts) - set(wanted) <= {"budget"}


@pytest.mark.parametrize(("scenario", "level"), CELLS)
def test_every_cell_and_recipient(scenario: str, level: str) -> None:
    expected = TABLE[scenario, level]
    for recipient in ("bureau", "hospital", "insurer", "stranger"):
        found = asked(scenario, level, "count", recipient=recipient)
        open_to_all = expected.operations and not expected.recipients
        permitted = open_to_all or recipient in expected.recipients
        assert (found.verdict != "deny") == bool(permitted), recipient
        if not permitted and expected.operations:
            assert found.reason.code == "recipient"


@pytest.mark.parametrize(("scenario", "level"), CELLS)
def test_every_cell_and_form(scenario: str, level: str) -> None:
    expected = TABLE[scenario, level]
    forms = {"plain": ("aggregate", "plain"), "aggregate": ("aggregate",)}[expected.form]
    for form in ("aggregate", "plain", "payable-amount", "rows", ""):
        found = asked(scenario, level, "count", form=form)
        assert (found.verdict != "deny") == (bool(expected.operations) and form in forms), form


@pytest.mark.parametrize(("scenario", "level"), CELLS)
def test_every_cell_and_adjudication(scenario: str, level: str) -> None:
    """A person's own event, against a consumed token, the payable amount only: in commercial claims alone."""
    found = asked(scenario, level, "adjudication", form="payable-amount")
    if scenario == "commercial":
        assert [o.duty for o in found.obligations] == ["token"]
        assert asked(scenario, level, "adjudication", form="aggregate").verdict == "deny"
    else:
        assert (found.verdict, found.reason.code) == ("deny", "operation")


# --- Min: authorise(scenario, level, requester role, operation, output form) -> verdict and reason ---


def test_the_three_verdicts() -> None:
    found = {
        asked("supervision", "NONE", "count").verdict,
        asked("supervision", "MODERATE", "sum").verdict,
        asked("commercial", "HIGH", "count").verdict,
    }
    assert found == set(get_args(Verdict))


@pytest.mark.parametrize(("scenario", "level"), CELLS)
def test_every_verdict_has_a_reason_that_names_the_rule(scenario: str, level: str) -> None:
    for operation in (*OPERATIONS, "adjudication"):
        reason = asked(scenario, level, operation).reason
        assert f"rule {scenario} x {level}" in reason.text


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish("marketing", "LOW", "user", "count", "aggregate"), "no-rule"),
        (Wish("supervision", "low", "user", "count", "aggregate"), "no-rule"),
        (Wish("supervision", "LOW", "user", "train", "aggregate"), "operation"),
        (Wish("supervision", "LOW", "user", "count", "rows"), "form"),
        (Wish("supervision", "LOW", "stranger", "count", "aggregate"), "requester"),
    ],
)
def test_what_is_unknown_is_denied(wish: Wish, code: str) -> None:
    found = authorise(POLICY, wish)
    assert (found.verdict, found.reason.code) == ("deny", code)


def test_the_requesters_role_counts() -> None:
    verdicts = {
        role: asked("supervision", "LOW", "count", requester=role).verdict for role in ROLES
    }
    denied = {role for role, verdict in verdicts.items() if verdict == "deny"}
    assert denied == {"authoriser", "authority", "reviewer", "registrar"}


def test_a_raised_level_never_permits_more() -> None:
    for scenario in SCENARIOS:
        for operation in (*OPERATIONS, "adjudication"):
            form = "payable-amount" if operation == "adjudication" else "aggregate"
            verdicts = [
                asked(scenario, level.name, operation, form=form).verdict != "deny"
                for level in Level
            ]
            assert verdicts == sorted(verdicts, reverse=True)


# --- Min: two distinct principals AUTHORISER and OPERATOR; the same key is refused for both ---


def public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def principals(folder: Path, *entries: tuple[str, Ed25519PrivateKey, str]) -> Principals:
    path = folder / "principals.toml"
    text = "".join(
        f'[[principal]]\nname = "{name}"\nkey = "{public(key)}"\nroles = [{roles}]\n'
        for name, key, roles in entries
    )
    path.write_text("version = 1\n" + text, encoding="utf-8")
    return Principals.load(path, {})


def test_authoriser_and_operator_are_two(tmp_path: Path) -> None:
    one, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    found = principals(
        tmp_path, ("bureau.office", one, '"authoriser"'), ("centre.desk", other, '"operator"')
    )
    assert found.having("authoriser", DAY) == ("bureau.office",)
    assert found.having("operator", DAY) == ("centre.desk",)
    # What the operator signs is no authorisation, whatever it is called.
    signed = Statement.of("licence", {"scenario": "supervision"}).sign("centre.desk", other)
    (signer,) = signed.signers(found)
    assert not found.has(signer, "authoriser", DAY)
    forged = Statement.of("licence", {"scenario": "supervision"}).sign("bureau.office", other)
    with pytest.raises(UsageError, match=r"expected a signature by the key of bureau\.office"):
        forged.signers(found)


def test_one_principal_in_both_roles_is_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with pytest.raises(UsageError, match="who authorises must not operate"):
        principals(tmp_path, ("bureau.office", key, '"authoriser", "operator"'))


def test_one_key_in_both_roles_is_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with pytest.raises(UsageError, match="expected a key of its own for every principal"):
        principals(tmp_path, ("bureau.office", key, '"authoriser"'), ("c.desk", key, '"operator"'))


# --- Min: the operator can run only inside a licence; MPC: every party evaluates for itself ---

CATALOGUE = Catalogue.load(DEMO / "catalogue.toml")


def question() -> Physical:
    compute = ("bureau", "insurer", "hospital")
    setting = Setting(
        catalogue=CATALOGUE,
        engine="rep3",
        compute=compute,
        initiator="bureau",
        recipients=("bureau",),
        scenario="supervision",
        purpose="fund report",
        k=11,
        helpers=POLICY.helpers,
    )
    return plan_question((DEMO / "question.sql").read_text(encoding="utf-8"), setting)


def case() -> Case:
    return Case(question(), CATALOGUE, POLICY, load_cards(), day=DAY, user="bureau.desk")


def test_without_a_licence_nothing_reviewed_runs() -> None:
    with pytest.raises(PolicyRefused):
        check(case(), party="insurer")
    assert "granted: licence" in refusing()


def refusing() -> set[str]:
    """The conditions that refuse the question, which came without papers."""
    return {finding.condition for finding in findings(case()) if finding.reasons}


def test_every_party_decides_alike_from_the_same_records() -> None:
    assert len({digest(reasons(case())) for _ in ("bureau", "hospital", "insurer")}) == 1


def test_the_plans_decision_has_what_the_table_said() -> None:
    """An office is told duties before there is a plan; the node refuses the plan for each that is not met."""
    duties = {o.duty for o in asked("supervision", "MODERATE", "sum").obligations}
    text = " ".join(reason.text for reason in reasons(case()))
    assert duties >= PAPERS
    assert refusing() >= {f"granted: {paper}" for paper in PAPERS}
    assert "at least 3 contributors of a magnitude, which the plan does not ask of gate v3" in text
