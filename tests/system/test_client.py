"""mpcstats in a program: `local` and `connect` as context managers, a question explained, run and printed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mpcstats
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.sandbox.demo import plain_answer
from mpcstats.records.ledger.finding import verify_receipt
from mpcstats.records.principals import Principals
from mpcstats.transport.control import dial

if TYPE_CHECKING:
    from tests.system.conftest import Town

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
TEXT = (SETTLEMENT / "question.sql").read_text("utf-8")
HEADED = f"-- scenario: supervision\n-- purpose: from the text's head\n{TEXT}"


def plain(data: Path) -> tuple[tuple[object, ...], ...]:
    return plain_answer(TEXT, LocalFile.load(SETTLEMENT, data=data))


def refused(consortium: Path, party: str, own: Path | None = None) -> str:
    """What `connect` says when it does not connect."""
    with (
        pytest.raises(mpcstats.UsageError) as caught,
        mpcstats.connect(consortium, party=party, party_file=own),
    ):
        pass
    return str(caught.value)


def test_local_runs_a_question_explains_and_prints_it(
    town_data: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    with mpcstats.local(SETTLEMENT, data=town_data, keep=run_folder) as bureau:
        assert bureau.name == "bureau"
        assert repr(bureau) == "<party bureau of 'settlement demo'>"
        asked = bureau.sql(TEXT)
        assert asked.question.scenario == "supervision"  # local.toml's
        assert "persons with diabetes" in repr(asked)
        assert "who learns what" in str(asked.explain())
        assert "permitted by the policy of bureau" in str(asked.explain())
        assert asked.plan.parties == ("bureau", "hospital", "insurer")

        permits: list[mpcstats.Permit] = []
        steps: list[str] = []
        result = asked.run(on_plan=permits.append, on_step=steps.append)
        print(result)  # noqa: T201 - as the user does
        assert [permit.plan for permit in permits] == [result.permit.plan]
        assert steps[-2:] == ["gate", "receipt"]
        compared = result.compared()
        assert {row.party for row in compared.rows} == {"bureau", "hospital", "insurer"}
        assert compared.bytes_exact  # the cards of this plan are: what was sent is what was said
        assert [row.bytes_sent for row in compared.rows] == [
            asked.explain().plan.bytes_sent[row.party] for row in compared.rows
        ]
        assert all(0 < row.seconds < 60 for row in compared.rows)
        receipt = result.receipt
        assert receipt is not None
        keys = {n: m.signing_key for n, m in bureau._node.consortium.members.items()}
        findings = verify_receipt(receipt, Principals.load(None, keys))
        assert all(finding.good for finding in findings)
        # Of every two parties, what one has sent is what the other has received.
        assert [f.why for f in findings if f.check == "transcripts"] == ["6 compared, all the same"]
        assert {"handshake", "hospital is ready", "insurer is ready"} <= set(steps)

        again = bureau.sql(HEADED, purpose="given with the call").run()
        assert again.permit.plan.purpose == "given with the call"
        assert again.label != result.label
        with pytest.raises(mpcstats.PolicyRefused, match="refused by the policy of bureau"):
            bureau.sql((SETTLEMENT / "refused.sql").read_text("utf-8")).run()
        with pytest.raises(mpcstats.UsageError):
            bureau.sql("SELECT certno FROM bureau.enrolment").run()
        assert isinstance(result.answer, mpcstats.Answer)
        assert again.answer == result.answer
        assert result.answer.rows == plain(town_data)
        assert result.answer.units == (None, None, "fen", "fen")
        page = bureau.page(result)
        assert receipt.digest in page
        assert "checks, all hold" in page

        with pytest.raises(mpcstats.PolicyRefused, match="hospital"):
            bureau.sql(TEXT, to=["hospital"]).run()
    assert set(threading.enumerate()) == before
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        list(result.answer.columns),
        *([f"{cell:,}" for cell in row] for row in plain(town_data)),
    ]
    assert (run_folder / "ledgers" / "bureau.sqlite").is_file()


def fail_inside(data: str, seen: list[Path]) -> None:
    with mpcstats.local(SETTLEMENT, data=data) as bureau:
        seen.append(bureau.sql(TEXT)._node.consortium.path.parent)
        assert (seen[0] / "keys" / "bureau.key").is_file()
        raise ZeroDivisionError


def test_local_leaves_nothing_when_its_block_fails(
    town_data: Path, no_process_of: Callable[[Path], None]
) -> None:
    before, seen = set(threading.enumerate()), list[Path]()
    with pytest.raises(ZeroDivisionError):
        fail_inside(str(town_data), seen)
    assert not seen[0].exists()
    assert set(threading.enumerate()) == before
    no_process_of(seen[0])


def test_connect_is_a_party_of_a_consortium_that_runs(town: Town, town_data: Path) -> None:
    for party in ("hospital", "insurer"):
        town.serve(party)
    with mpcstats.connect(town.consortium, party="bureau") as bureau:
        assert bureau.name == "bureau"
        with pytest.raises(mpcstats.UsageError, match="expected a scenario of the question"):
            bureau.sql(TEXT)
        with pytest.raises(mpcstats.UsageError, match="expected a purpose of the question"):
            bureau.sql(TEXT, scenario="supervision")
        asked = bureau.sql(HEADED)
        assert asked.question.purpose == "from the text's head"
        assert "permitted by the policy of bureau" in str(asked.explain())
        result = asked.run()
        assert result.answer is not None
        assert result.answer.rows == plain(town_data)
        peer = bureau.sql(HEADED)._node.peers["hospital"]
        identity = bureau.sql(HEADED)._node.identity
    # The node is gone with its block; the others are there as before.
    with dial(identity, peer, silence=5):
        pass
    own = town.folder / "parties" / "bureau.toml"
    own.rename(town.folder / "mine.toml")
    assert "parties/bureau.toml: " in refused(town.consortium, "bureau")


def test_connect_takes_the_party_s_own_file_from_elsewhere(town: Town) -> None:
    text = (town.folder / "parties" / "bureau.toml").read_text("utf-8")
    own = town.folder / "mine.toml"
    own.write_text(text.replace('"../', '"'), "utf-8")
    (town.folder / "parties" / "bureau.toml").unlink()
    with mpcstats.connect(town.consortium, party="bureau", party_file=own) as bureau:
        assert "permitted" in str(bureau.sql(HEADED).explain())
    assert "expected the file of insurer, got that of" in refused(town.consortium, "insurer", own)


def test_an_address_is_one_node_s_at_a_time(town: Town) -> None:
    with mpcstats.connect(town.consortium, party="bureau"):
        address = town.addresses["bureau"]
        assert f"expected to listen at {address}, got" in refused(town.consortium, "bureau")
    with mpcstats.connect(town.consortium, party="bureau"):
        pass
