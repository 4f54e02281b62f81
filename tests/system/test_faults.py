"""What goes wrong between the parties of a question: who is named, who is told what, and that nothing was started."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from mpcstats.errors import (
    Disagreement,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
    UsageError,
)
from mpcstats.party.ask import Result, ask
from mpcstats.party.files.keys import make_keys
from mpcstats.party.node import Node
from mpcstats.party.question import Question, today
from mpcstats.transport.control import dial

if TYPE_CHECKING:
    from tests.system.conftest import Town

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
OTHERS = ("hospital", "insurer")
SILENCE = 2.0
SOON = 4.0  # seconds, where the silence is 20
PURPOSE = "what goes wrong"
ASKED = ["request", "decision"]

# A party that plans the same, and differs in one thing that it was told.
PATCHED = """
import mpcstats.party.serve as serving
from dataclasses import replace
from mpcstats.cli.main import main

class Changed:
    @staticmethod
    def from_json(value):
        question = Question.from_json(value)
        return replace(question, {change})

Question, serving.Question = serving.Question, Changed
main()
"""

SLOW_SECONDS = 12
# A party that takes long to read its data.
SLOW = f"""
import time
from mpcstats.cli.main import main
from mpcstats.party.data.sources import Sources

read = Sources.read
Sources.read = lambda *a, **k: (time.sleep({SLOW_SECONDS}), read(*a, **k))[1]
main()
"""


def question(text: str | None = None, *, initiator: str = "bureau") -> Question:
    found = (SETTLEMENT / "question.sql").read_text("utf-8") if text is None else text
    return Question(found, "supervision", PURPOSE, initiator, ("bureau",), today())


def asked(node: Node, at: str = "", act: Callable[[], object] = lambda: None) -> Result:
    """Ask the settlement question; `act` when the step `at` is done."""

    def on_step(step: str) -> None:
        if step == at:
            act()

    return ask(node, question(), on_step=on_step)


def failing(
    town: Town,
    at: str = "",
    act: Callable[[], object] = lambda: None,
    consortium: Path | None = None,
) -> MpcstatsError:
    """The error with which the settlement question ends at the bureau."""
    with town.node(consortium) as node, pytest.raises(MpcstatsError) as caught:
        asked(node, at, act)
    return caught.value


def start_all(town: Town, **consortia: Path) -> None:
    for party in OTHERS:
        town.serve(party, consortium=consortia.get(party))
    town.wait(*OTHERS)


def check_alive(town: Town, party: str) -> None:
    """The party's process still decides questions: here one that it refuses."""
    assert town.processes[party].poll() is None
    text = (SETTLEMENT / "refused.sql").read_text("utf-8")
    request = {
        "kind": "question",
        "label": "0" * 32,
        "question": question(text).to_json(),
        "papers": [],
    }
    with town.node() as node, dial(node.identity, node.peers[party], silence=10) as control:
        control.send(request)
        while (said := control.receive(10))["kind"] == "working":
            pass
    assert said["kind"] == "refused"
    assert any("malicious" in reason for reason in said["reasons"])


def lookup_step(town: Town) -> str:
    """The name of the plan's first lookup."""
    with town.node() as node:
        return node.decide(question()).plan.steps[0].name


def test_the_town_answers_when_nothing_goes_wrong(town: Town) -> None:
    """The control of all tests below: the same files, the same question."""
    start_all(town)
    with town.node() as node:
        result = asked(node)
        again = asked(node)
    assert result.answer is not None
    assert result.answer.suppressed == 0
    assert again.answer == result.answer
    assert again.label != result.label
    for party in OTHERS:
        told = town.ledger(party)
        assert told.count("start") == told.count("finish") == 2
        assert "fault" not in told
        town.wait_log(party, "done: gate")


# Parties that die or fall silent.


@pytest.mark.parametrize("victim", OTHERS)
def test_a_party_killed_in_mid_run_is_named_by_both_others(town: Town, victim: str) -> None:
    start_all(town)
    (survivor,) = set(OTHERS) - {victim}
    at = "handshake" if victim == "insurer" else lookup_step(town)
    times: list[float] = []

    def kill() -> None:
        times.append(time.monotonic())
        os.kill(town.processes[victim].pid, signal.SIGKILL)

    error = failing(town, at, kill)
    assert time.monotonic() - times[0] < SOON
    assert isinstance(error, TransportFault)
    assert error.party == victim
    assert town.processes[victim].wait(10) == -signal.SIGKILL
    town.wait_log(survivor, f"TransportFault: {victim}: ")
    assert town.ledger(survivor)[-2:] == ["start", "fault"]
    assert town.ledger("bureau")[-2:] == ["start", "fault"]
    check_alive(town, survivor)


def test_a_stopped_party_is_named_after_the_silence(make_town: Callable[[float], Town]) -> None:
    town = make_town(SILENCE)
    start_all(town)
    pid = town.processes["insurer"].pid
    times: list[float] = []

    def stop() -> None:
        times.append(time.monotonic())
        os.kill(pid, signal.SIGSTOP)

    try:
        error = failing(town, "handshake", stop)
        took = time.monotonic() - times[0]
        town.wait_log("hospital", "TransportFault: insurer: ")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert isinstance(error, TransportFault)
    assert error.party == "insurer"
    assert "within 2 s" in error.reason
    assert SILENCE / 2 < took < SILENCE + SOON
    town.wait_log("insurer", "Fault: ")  # it is told, or finds out, and goes on serving
    check_alive(town, "insurer")
    check_alive(town, "hospital")


def test_a_party_that_was_never_started_is_named(make_town: Callable[[float], Town]) -> None:
    town = make_town(SILENCE)
    town.serve("hospital")
    town.wait("hospital")
    began = time.monotonic()
    error = failing(town)
    assert isinstance(error, TransportFault)
    assert error.party == "insurer"
    address = town.addresses["insurer"]
    assert f"expected a node at {address} within 2 s" in error.reason
    assert SILENCE <= time.monotonic() - began < 2 * SILENCE + SOON
    assert "start" not in town.ledger("bureau")
    assert town.ledger("hospital") == ASKED
    check_alive(town, "hospital")


def test_a_party_stopped_before_the_question_is_named(make_town: Callable[[float], Town]) -> None:
    town = make_town(SILENCE)
    start_all(town)
    pid = town.processes["hospital"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        error = failing(town)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert isinstance(error, TransportFault)
    assert error.party == "hospital"
    assert "start" not in town.ledger("insurer")


# Parties that have other files.


def test_another_minimum_in_a_party_s_policy_is_another_plan(town: Town) -> None:
    town.variant("policy.toml", "strict.toml", ("minimum_persons = 11", "minimum_persons = 12"))
    own = town.variant("consortium.toml", "insurer.toml", ("policy.toml", "strict.toml"))
    start_all(town, insurer=own)
    error = failing(town)
    assert isinstance(error, Disagreement)
    assert error.party == "insurer"
    assert "expected the same plan as here" in error.reason
    assert "; what differs: plan (here " in error.reason
    assert "; policy (here " in error.reason
    assert "catalogue" not in error.reason
    town.wait_log("insurer", "Disagreement: ")  # the other side is told as much
    assert "; policy (here " in town.log("insurer")
    for party in ("bureau", *OTHERS):
        assert town.ledger(party) == ASKED


def closed_for(town: Town, party: str) -> Path:
    """The consortium file as `party` has it: with a policy that permits no such question."""
    text = (town.folder / "policy.toml").read_text("utf-8")
    for level in ("MODERATE", "HIGH"):
        head = f'scenario = "supervision"\nlevel = "{level}"\n'
        at = text.index(head)
        end = text.index("[[rule]]", at)  # a rule that denies says nothing of what the others say
        denied = f'{head}permit = false\nbecause = "the year is not closed"\n\n'
        text = text[:at] + denied + text[end:]
    (town.folder / "closed.toml").write_text(text, "utf-8")
    return town.variant("consortium.toml", f"{party}.toml", ("policy.toml", "closed.toml"))


# What a party has in another form, by the name under which the handshake compares it. All plan the same.
DIFFERENT = {
    "policy": ("policy.toml", ('because = "special diseases are', 'because = "special codes are')),
    "catalogue": ("catalogue.toml", ("maximum = 20_500", "maximum = 20_501")),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_other_records_that_lead_to_the_same_plan_are_found_in_the_handshake(
    town: Town, what: str
) -> None:
    file, change = DIFFERENT[what]
    town.variant(file, f"other-{file}", change)
    own = town.variant("consortium.toml", "hospital.toml", (file, f"other-{file}"))
    start_all(town, hospital=own)
    error = failing(town)
    assert isinstance(error, Disagreement)
    assert error.party == "hospital"
    assert f": {what} (here " in error.reason
    assert error.reason.count("(here") == 1
    town.wait_log("hospital", "Disagreement: ")
    for party in OTHERS:
        assert town.ledger(party) == [*ASKED, "fault"]
        check_alive(town, party)


@pytest.mark.parametrize("change", ["text=question.text + ' '", "purpose='another'"])
def test_a_party_that_was_told_another_question_is_named(town: Town, change: str) -> None:
    town.serve("hospital")
    town.serve("insurer", command=(sys.executable, "-c", PATCHED.format(change=change)))
    town.wait(*OTHERS)
    error = failing(town)
    assert isinstance(error, Disagreement)
    assert error.party == "insurer"
    assert "expected the same plan as here, got another one" in error.reason
    assert "; question (here " in error.reason
    digests = {party: town.entries(party)[0].body["question"] for party in ("bureau", *OTHERS)}
    assert digests["bureau"] == digests["hospital"] != digests["insurer"]
    for party in ("bureau", *OTHERS):
        assert town.ledger(party) == ASKED


def certificates(town: Town, of: str, at: str) -> Path:
    """The consortium file as `at` has it: with a stranger's certificate for party `of`."""
    stranger = make_keys(of, town.folder / "strangers")
    return town.variant(
        "consortium.toml",
        f"{at}.toml",
        (town.fingerprint(of), stranger.fingerprint),
        (f"keys/{of}.crt", f"strangers/{of}.crt"),
    )


def test_a_wrong_certificate_for_the_initiator_keeps_it_out(town: Town) -> None:
    start_all(town, hospital=certificates(town, "bureau", "hospital"))
    error = failing(town)
    assert isinstance(error, TransportFault)
    assert error.party == "hospital"
    assert "certificate" in error.reason
    assert town.ledger("hospital") == []
    assert "start" not in town.ledger("insurer")


def test_a_wrong_certificate_at_the_initiator_keeps_the_question_at_home(town: Town) -> None:
    start_all(town)
    error = failing(town, consortium=certificates(town, "insurer", "bureau"))
    assert isinstance(error, PeerFault)
    assert error.party == "insurer"
    assert "expected the certificate sha256:" in error.reason
    assert town.ledger("insurer") == []
    assert "start" not in town.ledger("hospital")


def test_a_wrong_certificate_between_two_others_ends_the_run(town: Town) -> None:
    start_all(town, hospital=certificates(town, "insurer", "hospital"))
    error = failing(town)
    assert isinstance(error, PeerFault | TransportFault)
    assert error.party in OTHERS
    town.wait_log("hospital", "insurer at transport: expected the certificate sha256:")
    for party in OTHERS:
        assert town.ledger(party) == [*ASKED, "fault"]


# Bad data.


def without(town: Town, column: str) -> Path:
    path = town.folder / "secret-name.parquet"
    with duckdb.connect() as database:
        database.read_parquet(str(town.data / "insurer" / "policies.parquet")).create("policies")
        database.execute(f"COPY (SELECT * EXCLUDE ({column}) FROM policies) TO '{path}'")
    return path


def emptied(town: Town) -> Path:
    path = town.folder / "secret-name.csv"
    path.write_text("certno,diag_main,diag_2,diag_3\n", "utf-8")
    return path


BAD: dict[str, tuple[str, str, Callable[[Any], Path], str]] = {
    "no file": (
        *("insurer", "insurer.claims", lambda town: town.folder / "secret-name.parquet"),
        "expected a file, got none",
    ),
    "no column": (
        *("insurer", "insurer.policies", lambda town: without(town, "prod_type")),
        "expected columns prod_type",
    ),
    "no rows": ("hospital", "hospital.cases", emptied, "expected rows, got none"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_data_of_another_party_are_told_to_that_party_alone(town: Town, what: str) -> None:
    party, dataset, make, detail = BAD[what]
    town.write_party(party, {dataset: make(town)})
    start_all(town)
    error = failing(town)
    assert isinstance(error, TransportFault)
    assert error.party == party
    assert error.reason == "cannot take part: its own log says what is wrong with its files"
    town.wait_log(party, detail)
    assert f"UsageError: {dataset}, " in town.log(party)
    assert "secret-name" in town.log(party)
    (other,) = set(OTHERS) - {party}
    assert "secret-name" not in town.log(other) + str(error)
    for each in ("bureau", *OTHERS):
        assert town.ledger(each) == ([*ASKED, "fault"] if each == party else ASKED)
    check_alive(town, party)


def test_bad_data_of_the_initiator_are_found_before_anybody_is_asked(town: Town) -> None:
    town.write_party("bureau", {"bureau.enrolment": town.folder / "nothing.parquet"})
    start_all(town)
    error = failing(town)
    assert isinstance(error, UsageError)
    assert "bureau.enrolment, " in str(error)
    assert "expected a file, got none" in str(error)
    assert town.ledger("bureau") == ASKED
    for party in OTHERS:
        assert town.ledger(party) == []
        assert "asks" not in town.log(party)


def test_a_recipient_that_cannot_write_the_answer_says_so_and_goes_on(town: Town) -> None:
    change = ('recipients = ["bureau"]', 'recipients = ["bureau", "hospital"]')
    town.variant("policy.toml", "policy.toml", change)
    (town.folder / "ledgers" / "answers").write_text("in the way", "utf-8")
    start_all(town)
    with town.node() as node:
        result = ask(node, replace(question(), recipients=("hospital",)))
    assert result.answer is None
    town.wait_log(
        "hospital", f"{result.label}-hospital.json: expected a place for the answer, got: "
    )
    check_alive(town, "hospital")


# Refusals.


def test_a_refusal_of_another_party_carries_its_reasons_and_starts_nothing(
    town: Town, mpcstats: Callable[..., Any]
) -> None:
    start_all(town, hospital=closed_for(town, "hospital"))
    done = mpcstats(
        *("run", "--consortium", town.consortium, "--party", "bureau", "--json"),
        *("--question", SETTLEMENT / "question.sql"),
        *("--scenario", "supervision", "--purpose", PURPOSE),
    )
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == {"refused_by", "reasons"}
    assert said["refused_by"] == "hospital"
    assert "the year is not closed" in " ".join(said["reasons"])
    assert "refused by the policy of hospital" in " ".join(done.stderr.split())
    for party in ("bureau", *OTHERS):
        assert town.ledger(party) == ASKED
    with town.node() as node, pytest.raises(PolicyRefused) as caught:
        asked(node)
    assert caught.value.party == "hospital"
    assert list(caught.value.reasons) == said["reasons"]


def test_a_refusal_does_not_wait_for_a_party_that_still_reads_its_data(
    make_town: Callable[[float], Town],
) -> None:
    town = make_town(SILENCE)
    town.serve("insurer", command=(sys.executable, "-c", SLOW))
    town.serve("hospital", consortium=closed_for(town, "hospital"))
    town.wait(*OTHERS)
    began = time.monotonic()
    error = failing(town)
    assert isinstance(error, PolicyRefused)
    assert error.party == "hospital"
    assert time.monotonic() - began < SLOW_SECONDS / 2
    town.processes["insurer"].kill()  # else the test would wait for it


def test_a_question_that_nests_too_deeply_ends_no_node(town: Town) -> None:
    town.serve("hospital")
    town.wait("hospital")
    deep = f"SELECT COUNT(*) AS n FROM bureau.enrolment WHERE {'NOT ' * 10_000} gend = 1"
    reason = "expected a question that nests less deeply"
    with town.node() as node:
        with pytest.raises(UsageError, match=reason):
            ask(node, question(deep))
        with dial(node.identity, node.peers["hospital"], silence=10) as control:
            request = {
                "kind": "question",
                "label": "0" * 32,
                "question": question(deep).to_json(),
                "papers": [],
            }
            control.send(request)
            while (said := control.receive(10))["kind"] == "working":
                pass
    assert said == {"kind": "unable"}
    town.wait_log("hospital", f"UsageError: {reason}")
    check_alive(town, "hospital")


def test_a_refusal_of_one_s_own_policy_is_nobody_else_s_business(
    town: Town, mpcstats: Callable[..., Any]
) -> None:
    start_all(town)
    done = mpcstats(
        *("run", "--consortium", town.consortium, "--party", "bureau", "--json"),
        *("--question", SETTLEMENT / "refused.sql"),
        *("--scenario", "commercial", "--purpose", "how many policyholders have HIV"),
    )
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    assert said["refused_by"] == "bureau"
    assert "special diseases are not given to commercial insurers" in " ".join(said["reasons"])
    assert town.ledger("bureau") == ASKED
    for party in OTHERS:
        assert town.ledger(party) == []
