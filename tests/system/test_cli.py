"""The command line: exit codes and messages, a consortium set up by hand as the docs say, the demo, benchmarks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from mpcstats.cards.load import load_cards
from mpcstats.cli.app import app
from mpcstats.cli.main import exit_code, main
from mpcstats.errors import (
    Disagreement,
    InternalError,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
    UsageError,
)
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.sandbox import demo
from mpcstats.party.sandbox.local import environment, free_ports
from mpcstats.party.sandbox.synthetic import TABLES
from mpcstats.party.sandbox.tasks import PARTIES as BENCH_PARTIES
from mpcstats.plan import physical as plans
from mpcstats.plan.cost import estimate

if TYPE_CHECKING:
    from tests.system.conftest import Town

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
PURPOSE = "what the fund and the insurer paid for persons with diabetes"
UP = 30.0

Run = subprocess.CompletedProcess[str]
Cli = Callable[..., Run]


def keys_of(mpcstats: Cli, party: str, folder: Path, port: int) -> Run:
    return mpcstats("keys", party, "--address", f"127.0.0.1:{port}", "--folder", folder)


# Exit codes and messages.


def test_the_exit_codes_are_those_of_the_docs() -> None:
    cases: dict[int, tuple[MpcstatsError, ...]] = {
        1: (InternalError("x"),),
        2: (UsageError("x"),),
        3: (PolicyRefused("a", ("x",)),),
        4: (PeerFault("a", "s", "x"), Disagreement("a", "s", "x"), TransportFault("a", "x")),
    }
    assert {code: {exit_code(error) for error in cases[code]} for code in cases} == {
        code: {code} for code in cases
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("run", "--question", "q.sql"), "error: expected --local FOLDER"),
        (("run", "--question", "q.sql", "--local", "."), "q.sql: expected a file with a question"),
        (
            ("run", "--question", str(SETTLEMENT / "question.sql"), "--local", "nowhere"),
            "error: nowhere",
        ),
        (
            ("run", "--question", "q.sql", "--consortium", "c.toml"),
            "error: expected --party with --consortium",
        ),
        (("serve", "--consortium", "nowhere.toml", "--party", "a"), "error: nowhere.toml"),
        (("keys", "Bureau", "--address", "127.0.0.1:7000"), "error: expected a party's name"),
        (("keys", "bureau", "--address", "0.0.0.0:7000"), "expected the address of one interface"),
        (("bench", "nothing", "--rows", "10"), "error: expected a task, got 'nothing': all, sum, "),
        (("bench", "sum", "--rows", "0"), "error: expected 1 to 268435456 rows, got 0"),
        (("bench", "sum", "--network", "moon"), "expected a network of loopback, lan, wan, got"),
        (("bench", "sum", "--rows", "1.5"), "expected a whole number of rows"),
        (("frobnicate",), "No such command"),
    ],
)
def test_a_wrong_use_ends_with_2_and_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mpcstats", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert reason in said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_party_that_is_not_there_ends_the_run_with_4(
    make_town: Callable[[float], Town], mpcstats: Cli
) -> None:
    town = make_town(1)
    done = mpcstats(*asking(town.consortium), "--json")
    assert done.returncode == 4
    assert done.stdout == ""
    # One line, however long: a message that is folded cannot be searched for.
    (line,) = done.stderr.splitlines()
    party = line.removeprefix("another party: ").split(":")[0]
    assert party in PARTIES[1:]
    assert f"expected a node at {town.addresses[party]} within 1 s" in line


def asking(consortium: Path) -> tuple[str | Path, ...]:
    return (
        *("run", "--consortium", consortium, "--party", "bureau"),
        *("--question", SETTLEMENT / "question.sql"),
        *("--scenario", "supervision", "--purpose", PURPOSE),
    )


# Keys, and a consortium by hand.


def test_keys_are_private_and_never_replaced(mpcstats: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = keys_of(mpcstats, "bureau", folder, 7000)
    assert made.returncode == 0, made.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"bureau.crt": 0o644, "bureau.key": 0o600, "bureau.sign": 0o600}
    assert "PRIVATE" not in made.stdout + made.stderr
    assert 'certificate = "keys/bureau.crt"' in made.stdout

    before = {path: path.read_bytes() for path in folder.iterdir()}
    (folder / "bureau.crt").unlink()
    again = keys_of(mpcstats, "bureau", folder, 7000)
    assert again.returncode == 2
    assert f"{folder / 'bureau.key'}: expected no such file, got one" in again.stderr
    assert not (folder / "bureau.crt").exists()  # nothing is written, not even what is missing
    assert all(path.read_bytes() == before[path] for path in folder.iterdir())


@pytest.fixture
def by_hand(mpcstats: Cli, tmp_path: Path, town_data: Path) -> Path:
    """A consortium file and all that belongs to it, made as docs/consortium.md says."""
    ports = free_ports(len(PARTIES))
    entries = []
    for party, port in zip(PARTIES, ports, strict=True):
        made = keys_of(mpcstats, party, tmp_path / "keys", port)
        assert made.returncode == 0, made.stderr
        entries.append(made.stdout)
    for name in ("catalogue.toml", "policy.toml"):
        (tmp_path / name).write_bytes((SETTLEMENT / name).read_bytes())
    consortium = tmp_path / "consortium.toml"
    consortium.write_text(
        'name = "by hand"\ncatalogue = "catalogue.toml"\npolicy = "policy.toml"\n'
        'compute = ["bureau", "hospital", "insurer"]\nsilence = 20\n\n' + "\n".join(entries),
        "utf-8",
    )
    (tmp_path / "parties").mkdir()
    for party in PARTIES:
        data = "\n".join(
            f'"{path.split(".")[0].replace("/", ".")}" = "{town_data / path}"'
            for path in TABLES
            if path.startswith(party)
        )
        (tmp_path / "parties" / f"{party}.toml").write_text(
            f'party = "{party}"\ntls_key = "../keys/{party}.key"\n'
            f'signing_key = "../keys/{party}.sign"\nledger = "../{party}.sqlite"\n\n[data]\n{data}\n',
            "utf-8",
        )
    return consortium


@pytest.fixture
def served(by_hand: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The processes of the parties that do not ask."""
    with ExitStack() as stack:
        found = {}
        for party in PARTIES[1:]:
            log = stack.enter_context((by_hand.parent / f"{party}.log").open("wb"))
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mpcstats.cli", "serve"),
                    *("--consortium", str(by_hand), "--party", party),
                ],
                stdin=subprocess.DEVNULL,
                stderr=log,
                stdout=log,
                env=environment(),
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            found[party] = process
        yield found


def test_a_consortium_set_up_by_hand_answers_and_ends_at_a_signal(
    by_hand: Path, served: dict[str, subprocess.Popen[bytes]], mpcstats: Cli, town_data: Path
) -> None:
    agreed = Consortium.load(by_hand)
    assert tuple(agreed.members) == PARTIES
    explained = mpcstats("explain", *asking(by_hand)[1:])  # nobody need be there
    assert explained.returncode == 0, explained.stderr
    assert "permitted by the policy of bureau" in explained.stdout

    page = by_hand.with_name("answer.html")
    done = mpcstats(*asking(by_hand), "--json", "--html", page)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "checks, all hold" in page.read_text(encoding="utf-8")
    said = json.loads(done.stdout)
    assert set(said) == {
        *("columns", "rows", "states", "units", "salt", "receipt", "run", "plan", "spent"),
        *("own_rows", "compared"),
    }
    assert f"  plan {said['plan']}" in explained.stdout
    assert [tuple(row) for row in said["rows"]] == list(plain(town_data))
    assert set(said["spent"]) == set(PARTIES)
    rows = said["compared"]["rows"]
    assert [row["bytes_sent"] for row in rows] == [row["bytes_estimated"] for row in rows]

    own = by_hand.parent / "parties" / "bureau.toml"
    own.rename(by_hand.parent / "parties" / "elsewhere.toml")
    missing = mpcstats(*asking(by_hand))
    assert missing.returncode == 2
    assert f"{own}: " in missing.stderr
    table = mpcstats(*asking(by_hand), "--party-file", own.with_name("elsewhere.toml"))
    assert table.returncode == 0, table.stderr
    assert " ".join(said["columns"]) in " ".join(table.stdout.split())
    assert f"plan {said['plan'][:16]}, run " in table.stdout
    assert "rows of bureau.enrolment, " in table.stdout
    assert "seconds estimated, roughly: loopback " in table.stdout

    served["hospital"].send_signal(signal.SIGTERM)
    served["insurer"].send_signal(signal.SIGINT)
    assert [process.wait(UP) for process in served.values()] == [0, 0]
    for party in PARTIES[1:]:
        assert "Traceback" not in (by_hand.parent / f"{party}.log").read_text("utf-8")
        verified = mpcstats("ledger", "verify", "--consortium", by_hand, "--party", party)
        assert verified.returncode == 0
        assert f" entries of {party}, whole; root " in verified.stdout


def plain(data: Path) -> Any:
    text = (SETTLEMENT / "question.sql").read_text("utf-8")
    return demo.plain_answer(text, LocalFile.load(SETTLEMENT, data=data))


@pytest.mark.parametrize("how", ["signal", "end of input"])
def test_a_started_party_ends_with_its_starter_and_without_trouble(town: Town, how: str) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mpcstats.cli", "serve", "--until-input-ends"),
            *("--consortium", str(town.consortium), "--party", "hospital"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    with process:
        assert process.stderr is not None
        assert process.stdin is not None
        try:
            assert b"listens at" in process.stderr.readline()
            if how == "signal":
                process.terminate()
            else:
                process.stdin.close()
            assert process.wait(UP) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_the_parties_of_a_local_run_end_when_their_starter_is_killed(
    town_data: Path, run_folder: Path
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mpcstats.cli", "run", "--local", str(SETTLEMENT)),
            *("--data", str(town_data), "--keep", str(run_folder)),
            *("--question", str(SETTLEMENT / "question.sql")),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    with process:
        try:
            end = time.monotonic() + UP
            while not (run_folder / "insurer.log").exists() and time.monotonic() < end:
                time.sleep(0.01)
        finally:
            process.kill()
    assert (run_folder / "insurer.log").exists()
    # The fixture run_folder waits until no process of that folder is left.


# Explain.


def test_explain_says_the_plan_who_learns_what_the_cost_and_the_decision(mpcstats: Cli) -> None:
    asked = ("explain", "--local", SETTLEMENT, "--question")
    done = mpcstats(*asked, SETTLEMENT / "question.sql")
    assert done.returncode == 0, done.stderr
    parts = ["computed at home", "computed together", "who learns what", "cost (", "permitted by"]
    places = [done.stdout.index(part) for part in parts]
    assert places == sorted(places)
    assert "lookup_join v1" in done.stdout
    assert (
        "bureau: the values of each cell and column that pass, and which of them are NULL (k = 11)"
        in done.stdout
    )
    assert "permitted by the policy of bureau\n  level MODERATE" in done.stdout

    # A refusal is explained as well, and asking to explain is no offence.
    denied = mpcstats(*asked, SETTLEMENT / "refused.sql", "--scenario", "commercial")
    assert denied.returncode == 3, denied.stderr
    assert "refused by the policy of bureau\n" in denied.stdout
    assert "special diseases are not given to commercial insurers" in denied.stdout
    assert "permitted by" not in denied.stdout

    unknown = mpcstats(*asked, SETTLEMENT / "question.sql", "--to", "nobody")
    assert unknown.returncode == 2
    assert "expected parties of the consortium (bureau, hospital, insurer), got nobody" in (
        unknown.stderr
    )


# The demo.


def test_the_demo_ends_well_and_leaves_what_it_was_asked_to_keep(
    mpcstats: Cli, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    done = mpcstats("demo", "settlement", "--persons", "5000", "--keep", kept)
    assert done.returncode == 0, done.stderr
    assert "\nequal to the plain answer of DuckDB over all tables together\n" in done.stdout
    assert "bureau: the values of each cell" in done.stdout
    assert done.stdout.count(" entries, whole, root ") == len(PARTIES)
    assert "insurer asks: how many policyholders have HIV" in done.stdout
    for party in PARTIES:
        assert (kept / "run" / "ledgers" / f"{party}.sqlite").is_file()
    again = mpcstats("demo", "settlement", "--persons", "5000", "--keep", kept)
    assert again.returncode == 2


def in_process(monkeypatch: pytest.MonkeyPatch, persons: int, change: int) -> tuple[int, str]:
    """Exit code and output of the demo; the plain answer has `change` more in its last cell."""
    honest = demo.plain_answer

    def other(*arguments: Any) -> Any:
        *rows, last = honest(*arguments)
        return (*rows, (*last[:-1], int(last[-1] or 0) + change))

    monkeypatch.setattr(demo, "plain_answer", other)
    done = CliRunner().invoke(app, ["demo", "settlement", "--persons", str(persons)])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.output


def test_the_demo_fails_if_the_plain_answer_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = in_process(monkeypatch, 5000, 1)
    assert code == 1
    assert "NOT EQUAL to the plain answer" in said


def test_the_demo_of_a_small_town_suppresses_its_small_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 2000 persons one of the two groups has fewer than 11; that is no failure."""
    code, said = in_process(monkeypatch, 2000, 0)
    assert "suppressed" in said
    assert "\nequal to the plain answer" in said
    assert code == 0


# Benchmarks.


def benched(mpcstats: Cli, task: str, rows: str, *options: str) -> dict[str, Any]:
    done = mpcstats("bench", task, "--rows", rows, "--json", *options)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert set(report) == {"commit", "machine", "calibration", "results"}
    assert set(report["machine"]) == {"cpu", "cores", "platform", "python", "numpy"}
    assert all(seconds > 0 for seconds in report["calibration"].values())
    (found,) = report["results"]
    figures = {"task", "rows", "network", "engine", "rounds", "parties", "walls_s"}
    assert set(found) == figures | {"median_wall_s"}
    assert found["task"] == task
    assert found["rows"] == float(rows)
    parties = int(options[options.index("--parties") + 1]) if "--parties" in options else 3
    assert "".join(found["parties"]) == "abcde"[:parties]
    for spent in found["parties"].values():
        assert set(spent) == {"wall_s", "cpu_s", "bytes_sent", "peak_rss_bytes"}
        assert spent["wall_s"] > 0
        assert spent["cpu_s"] >= 0
        assert 10e6 < spent["peak_rss_bytes"] < 4e9
    return dict(found)


def bytes_sent(found: dict[str, Any]) -> dict[str, int]:
    return {party: spent["bytes_sent"] for party, spent in found["parties"].items()}


def fragment(owner: str, rows: int, *values: str) -> plans.Fragment:
    columns = tuple(plans.ValueColumn(name, 0, 1) for name in values)
    return plans.Fragment(f"of_{owner}", owner, "", rows, columns, (), ())


def formula(
    fragments: tuple[plans.Fragment, ...], *steps: plans.Lookup | plans.Cohort | plans.Sum
) -> tuple[dict[str, int], int]:
    """By the cards: what each party sends in `steps`, and in how many rounds; a plan ends in a gate, left out here."""
    gate = plans.Gate("gate", steps[-1].name, (plans.Release(("a",), 1),))
    plan = plans.Physical("q", "s", "p", "a", "rep3", BENCH_PARTIES, fragments, (*steps, gate), ())
    costs = estimate(plan, load_cards()).steps[:-1]
    sent: Counter[str] = Counter()
    for cost in costs:
        assert cost.exact
        sent.update(cost.bytes_sent)
    return dict(sent), sum(cost.rounds for cost in costs)


def test_a_benchmark_of_sum_sends_what_the_card_says(mpcstats: Cli) -> None:
    found = benched(mpcstats, "sum", "1e4")
    providers = tuple(fragment(party, 10_000) for party in BENCH_PARTIES)
    # One element a cell: here as many cells as rows.
    labels = tuple(range(10_000))
    names = tuple(f.name for f in providers)
    step = plans.Sum("sum", names, (plans.GroupKey(names[0], "g", labels),), ())
    sent, rounds = formula(providers, step)
    assert bytes_sent(found) == sent == dict.fromkeys(BENCH_PARTIES, 80_000)
    assert found["rounds"] == rounds == 1


def test_a_benchmark_of_lookup_join_sends_what_the_cards_say(mpcstats: Cli) -> None:
    rows = 5000
    found = benched(mpcstats, "lookup_join", str(rows))
    totals = tuple(
        plans.Total(name, (plans.Term((plans.Ref("lookup", name),), ()),), 1)
        for name in ("fund", "paid")
    )
    sent, rounds = formula(
        (fragment("a", rows), fragment("b", rows, "fund", "paid")),
        plans.Lookup("lookup", "of_a", "of_b", "c"),
        plans.Cohort("cohort", "of_a", ("lookup",), plans.Hit("lookup"), (), totals),
    )
    assert bytes_sent(found) == sent
    assert rounds / 2 <= found["rounds"] <= rounds


def test_a_benchmark_of_five_parties_on_engine_shamir(mpcstats: Cli) -> None:
    found = benched(mpcstats, "sum", "1000", "--engine", "shamir", "--parties", "5")
    assert found["engine"] == "shamir"
    # a to c hold summands, which b and c send to a, who learns the sum; d and e send one summand each.
    assert bytes_sent(found) == {"a": 0, **dict.fromkeys("bcde", 8000)}


def test_a_benchmark_over_a_wide_network_takes_its_round_trips(mpcstats: Cli) -> None:
    found = benched(mpcstats, "less_than", "1000", "--network", "wan", "--repeats", "2")
    assert found["network"] == "wan"
    assert len(found["walls_s"]) == 2
    # A round is one way: half of 40 ms.
    assert min(found["walls_s"]) >= 0.99 * 0.02 * found["rounds"]


def test_a_party_of_a_benchmark_that_fails_is_a_defect_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mpcstats.party.sandbox.bench.TASKS", {"absent": None})
    monkeypatch.setattr("mpcstats.party.sandbox.report.calibration", dict)
    done = CliRunner().invoke(app, ["bench", "absent", "--rows", "10"])
    assert isinstance(done.exception, InternalError)
    assert "a has failed: " in str(done.exception)
