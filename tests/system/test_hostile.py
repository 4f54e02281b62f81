"""Members that ask what breaks, what never ends, or nothing at all: the node says so, goes on, and can be stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mpcstats.errors import PeerFault, TransportFault, UsageError
from mpcstats.party.ask import ask
from mpcstats.party.invite import Invitations
from mpcstats.party.node import Node
from mpcstats.party.question import Question, today
from mpcstats.party.sandbox.local import environment
from mpcstats.transport.control import Control, dial

if TYPE_CHECKING:
    from tests.system.conftest import Town

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
SILENCE = 2.0
STOPPED = 2.0  # seconds in which a node that is told to stop has ended
SECRET = "77345"
NO_LABEL = "0" * 32
JOIN = "SELECT COUNT(*) AS n FROM ({sub}) x JOIN bureau.enrolment e ON e.certno = x.certno"
GOOD = JOIN.format(sub="SELECT DISTINCT certno FROM hospital.cases")


def endless(owner: str) -> str:
    """A question for which `owner` joins six of its tables, every row with every other."""
    table, amount, other = {
        "hospital": ("hospital.cases", "tot_fee", "bureau.enrolment"),
        "bureau": ("bureau.settlement", "hifp_pay", "hospital.cases"),
    }[owner]
    tables = ", ".join(f"{table} {name}" for name in "abcdef")
    order = f"a.{amount} + b.{amount} * c.{amount} - d.{amount} + e.{amount} * f.{amount}"
    sub = f"SELECT a.certno AS certno FROM {tables} ORDER BY {order} LIMIT 10"
    return (
        f"SELECT COUNT(*) AS n FROM (SELECT DISTINCT q.certno AS certno FROM ({sub}) q) x "
        f"JOIN (SELECT DISTINCT certno FROM {other}) e ON e.certno = x.certno"
    )


def question(text: str) -> Question:
    return Question(text, "supervision", "a hostile test", "bureau", ("bureau",), today())


def patched(lines: str) -> tuple[str, ...]:
    """`mpcstats`, in whose process `lines` have been run."""
    start = "import mpcstats.party.serve as serving\nfrom mpcstats.cli.main import main\n"
    return (sys.executable, "-c", f"{start}{lines}\nmain()")


@pytest.fixture
def town(make_town: Callable[[float], Town]) -> Town:
    return make_town(SILENCE)


def start(town: Town, command: tuple[str, ...] | None = None) -> None:
    if command is None:
        town.serve("hospital")
    else:
        town.serve("hospital", command=command)
    town.wait("hospital")


@contextmanager
def asking(node: Node, asked: object) -> Iterator[Control]:
    """A control connection to the hospital on which `asked`, a Question or its fields, has been sent."""
    fields = asked.to_json() if isinstance(asked, Question) else asked
    with dial(node.identity, node.peers["hospital"], silence=SILENCE) as control:
        control.send({"kind": "question", "label": NO_LABEL, "question": fields, "papers": []})
        yield control


def word(control: Control) -> str:
    """What the node says after "working"."""
    while (said := control.receive(10))["kind"] == "working":
        pass
    return str(said["kind"])


def check_answers(town: Town, node: Node) -> None:
    """The hospital's process still prepares questions: here one of whose run nothing comes."""
    assert town.processes["hospital"].poll() is None
    with asking(node, question(GOOD)) as control:
        assert word(control) == "ready"
        control.send({"kind": "stop"})


def faults(town: Town) -> list[Any]:
    return [e.body["fault"] for e in town.entries("hospital") if e.kind == "fault"]


# What breaks.


def test_questions_that_no_planner_expects_end_no_node(town: Town) -> None:
    start(town)
    cases = "SELECT certno FROM hospital.cases"
    bad = (
        f"{GOOD} ORDER BY -1",
        JOIN.format(sub=f"{cases} LIMIT -1"),
        JOIN.format(sub=f"{cases} UNION SELECT certno, diag_main FROM hospital.cases"),
        JOIN.format(sub=f"{cases} WHERE left(diag_main, -1) = 'E1'"),
        JOIN.format(sub=f"{cases} WHERE substr(diag_main, -9, 3) = 'E1'"),
        f"SELECT SUM(e.paid_amt * {'9' * 4000} * {'9' * 4000}) AS n FROM bureau.enrolment e",
    )
    with town.node() as node:
        for text in bad:
            with asking(node, question(text)) as control:
                assert word(control) in {"unable", "refused"}, text
        check_answers(town, node)
    kinds = [entry.kind for entry in town.entries("hospital") if entry.body.get("permit") is None]
    assert kinds[:4] == ["request", "fault", "request", "fault"]


BREAKS = f"""
from mpcstats.party.data.sources import Sources
read, errors = Sources.read, [{{error}}("{SECRET}")]
def broken(*a, **k):
    if errors:
        raise errors.pop()
    return read(*a, **k)
Sources.read = broken
"""


def test_a_defect_is_told_by_its_type_alone_and_the_node_goes_on(town: Town) -> None:
    start(town, patched(BREAKS.format(error="TypeError")))
    with town.node() as node:
        with asking(node, question(GOOD)) as control:
            assert word(control) == "unable"
        check_answers(town, node)
    assert faults(town) == ["TypeError"]
    assert town.ledger("hospital")[:3] == ["request", "decision", "fault"]
    assert "TypeError at " in town.log("hospital")
    assert "Traceback" not in town.log("hospital")
    assert SECRET not in town.log("hospital")


def test_a_node_without_memory_ends(town: Town) -> None:
    """The control of the test above: not every error is survived."""
    start(town, patched(BREAKS.format(error="MemoryError")))
    with town.node() as node, asking(node, question(GOOD)) as control:
        with pytest.raises(TransportFault):
            word(control)
        assert town.processes["hospital"].wait(10) == 1


def test_data_that_cannot_be_read_are_written_down(town: Town) -> None:
    town.write_party("hospital", {"hospital.cases": town.folder / "nothing.csv"})
    start(town)
    with town.node() as node, asking(node, question(GOOD)) as control:
        assert word(control) == "unable"
    town.wait_log("hospital", "expected a file, got none")
    assert town.ledger("hospital") == ["request", "decision", "fault"]
    assert town.entries("hospital")[-1].body == {
        "question": question(GOOD).digest(),
        "fault": "UsageError",
    }


@pytest.mark.parametrize("end", ["\n", "\r", "\x1b[2K", "\u2028"])
def test_nobody_writes_lines_of_their_own_into_the_log(town: Town, end: str) -> None:
    start(town)
    forged = f"{end}09:00:00 forged"
    fields = question(GOOD).to_json()
    with town.node() as node:
        for name in ("purpose", "scenario"):
            bad = {**fields, name: f"x{forged}"}
            with asking(node, bad) as control, pytest.raises(TransportFault):
                word(control)
        if end in "\n\u2028":
            with asking(node, question(f'{GOOD} GROUP BY "x{forged}"')) as control:
                assert word(control) == "unable"
        with asking(node, {**fields, "purpose": "09:00:00 forged"}) as control:
            assert word(control) == "ready"  # the control: on one line it is a purpose like others
    lines = town.log("hospital").splitlines()
    assert [line for line in lines if line.startswith("09:00:00 forged")] == []
    assert any("bureau asks: 09:00:00 forged" in line for line in lines)
    assert "\x1b" not in town.log("hospital")


# What never ends.


def test_a_query_without_end_is_dropped_when_who_asked_has_gone(town: Town) -> None:
    start(town)
    with town.node() as node:
        with asking(node, question(endless("hospital"))) as control:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                assert control.receive(10)["kind"] == "working"  # it does not end by itself
        began = time.monotonic()
        check_answers(town, node)
    assert time.monotonic() - began < 4
    assert faults(town) == ["TransportFault"]


def test_a_query_without_end_is_dropped_after_a_time(town: Town) -> None:
    start(town, patched("serving.PREPARE_SECONDS = 1.0"))
    with town.node() as node:
        with asking(node, question(endless("hospital"))) as control:
            assert word(control) == "unable"
        check_answers(town, node)
    assert faults(town) == ["UsageError"]
    assert "expected a question that can be prepared within 1 s" in town.log("hospital")


def test_a_question_of_one_s_own_without_end_can_be_interrupted(town: Town) -> None:
    path = town.folder / "endless.sql"
    path.write_text(endless("bureau"), "utf-8")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mpcstats.cli", "run", "--consortium", town.consortium),
            *("--party", "bureau", "--question", path),
            *("--scenario", "supervision", "--purpose", "a hostile test"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with suppress(UsageError):  # a file that has not become a ledger yet
                if town.ledger("bureau") == ["request", "decision"]:
                    break
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(4) != 0
    finally:
        process.kill()
        process.wait()


# Who says nothing, or "wait" for ever.


def test_who_connects_and_says_nothing_holds_the_node_for_seconds_only(town: Town) -> None:
    start(town)
    with town.node() as node:
        with dial(node.identity, node.peers["hospital"], silence=SILENCE):
            began = time.monotonic()
            check_answers(town, node)
        assert time.monotonic() - began < SILENCE + 2
    town.wait_log("hospital", "TransportFault: bureau: expected a word within 2 s")


def say_wait(control: Control) -> None:
    for _ in range(100):
        control.send({"kind": "wait"})
        time.sleep(0.1)


def test_who_says_wait_for_ever_is_left(town: Town) -> None:
    start(town, patched("serving.GO_SECONDS = 1.0"))
    with town.node() as node:
        with asking(node, question(GOOD)) as control:
            assert word(control) == "ready"
            with pytest.raises(TransportFault):
                say_wait(control)
        check_answers(town, node)
    assert "expected go or stop within 1 s, got wait" in town.log("hospital")


def test_another_question_meanwhile_hears_that_the_node_is_busy(town: Town) -> None:
    start(town, patched("serving.PATIENCE = 0.5"))
    with town.node() as node:
        invited = [node.peers["hospital"]]
        with asking(node, question(GOOD)) as first:
            assert word(first) == "ready"
            with (
                pytest.raises(TransportFault, match=r"^hospital: is busy with another question: "),
                Invitations(
                    node.identity, invited, silence=SILENCE, terms={"plan": ""}
                ) as invitations,
            ):
                invitations.ask(NO_LABEL, question(GOOD))
            first.send({"kind": "stop"})
        check_answers(town, node)  # the control: afterwards it is not


# Stopping.


def _nothing(_: Control) -> None:
    pass


def _ready(control: Control) -> None:
    control.send(
        {"kind": "question", "label": NO_LABEL, "question": question(GOOD).to_json(), "papers": []}
    )
    assert word(control) == "ready"


def _reading(control: Control) -> None:
    asked = question(endless("hospital"))
    control.send({"kind": "question", "label": NO_LABEL, "question": asked.to_json(), "papers": []})
    for _ in range(2):
        assert control.receive(10)["kind"] == "working"


@pytest.mark.parametrize("state", [None, _nothing, _ready, _reading])
def test_a_node_stops_soon_whatever_it_does(
    make_town: Callable[[float], Town], state: Callable[[Control], None] | None
) -> None:
    town = make_town(20)
    start(town)
    with town.node() as node:
        if state is None:
            check_stops(town)
            return
        with dial(node.identity, node.peers["hospital"], silence=20) as control:
            state(control)
            check_stops(town)


def check_stops(town: Town) -> None:
    process = town.processes["hospital"]
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < STOPPED
    assert "Traceback" not in town.log("hospital")


def test_a_node_in_a_run_stops_soon_and_the_others_hear_of_it(
    make_town: Callable[[float], Town],
) -> None:
    town = make_town(20)
    for party in ("hospital", "insurer"):
        town.serve(party)
    town.wait("hospital", "insurer")
    times: list[float] = []

    def on_step(step: str) -> None:
        if step == "handshake":
            town.processes["hospital"].send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert town.processes["hospital"].wait(10) == 0
            times.append(time.monotonic() - began)

    text = (SETTLEMENT / "question.sql").read_text("utf-8")
    with town.node() as node, pytest.raises((PeerFault, TransportFault)) as caught:
        ask(node, question(text), on_step=on_step)
    assert isinstance(caught.value, TransportFault | PeerFault)
    assert caught.value.party == "hospital"
    assert times[0] < STOPPED
    town.wait_log("insurer", "TransportFault: hospital: ")
    kinds = town.ledger("hospital")
    assert kinds[2] == "start"
    assert "finish" not in kinds
    assert kinds[-1] == "fault"
