"""What is kept of the governance demo, shown as scenes: the receipt, the ledgers, the bill; each from files alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mpcstats.party.ask import Result
from mpcstats.party.books import check_ledger, read_checkpoint
from mpcstats.party.desk.bill import Desk, Splitting
from mpcstats.party.desk.receipt import check_receipt
from mpcstats.party.sandbox.governed import Governed
from mpcstats.party.sandbox.scene import Scene
from mpcstats.records.ledger import Report
from mpcstats.records.ledger.finding import Finding, blame

CHANGED = "hospital"  # whose entry is changed in a copy of the receipt
HEADS = ("", "party", "check", "finding")


def receipt(town: Governed, result: Result) -> Scene:
    """The receipt and the answer, checked with nothing but public keys."""
    answer, kept, salt = result.answer, result.kept, result.salt
    if answer is None or kept is None or salt is None:
        return Scene("the receipt, verified offline", must={"there is a receipt": False})
    shutil.copy(kept, town.where / "receipt.json")
    said = {**answer.to_json(), "salt": salt.hex()}
    (town.where / "answer.json").write_text(json.dumps(said), encoding="utf-8")
    found = _checked(town, "receipt.json")
    shown = [f for f in found if f.party in (None, "bureau")]
    return Scene(
        "the receipt, verified offline",
        (f"{len(found)} checks, of which here those of the whole and of the bureau's part:",),
        HEADS,
        tuple(_row(finding) for finding in shown),
        {"every check holds": all(f.good for f in found), "more than 20 checks": len(found) > 20},
    )


def changed_receipt(town: Governed) -> Scene:
    """The same receipt, one number of one entry another: what fails, and whom it blames."""
    whole = json.loads((town.where / "receipt.json").read_text(encoding="utf-8"))
    (part,) = (part for part in whole["parties"] if part["party"] == CHANGED)
    gate = part["entries"][-1]["entry"]["body"]["gate"]
    before = gate["k"]
    gate["k"] = before - 1
    path = town.where / "receipt_changed.json"
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1), encoding="utf-8")
    found = _checked(town, path.name)
    bad = tuple(_row(finding) for finding in found if not finding.good)
    names = {finding.party for finding in blame(found)}
    lines = (f"in the entry finish of {CHANGED}: k = {before} made {before - 1}",)
    must = {f"blames {CHANGED} and nobody else": names == {CHANGED}}
    return Scene(
        "the same receipt, one number changed",
        lines,
        HEADS,
        bad,
        must,
    )


def ledgers(town: Governed) -> Scene:
    """Every party's ledger, held against the checkpoints of it that the others have cosigned and kept."""
    parties = town.config.parties
    folder = town.where / "checkpoints"
    folder.mkdir()
    rows, must = [], {}
    for party in parties:
        others = [name for name in parties if name != party]
        paths = [folder / f"{party}-kept-by-{name}.txt" for name in others]
        for path, name in zip(paths, others, strict=True):
            path.write_text(read_checkpoint(town.ledger(name), party), encoding="utf-8")
        report = _report(town, party, tuple(paths))
        state = "whole" if report.fault is None else report.fault
        seen = f"the first {report.cosigned}, by {' and '.join(others)}"
        rows.append((party, str(report.entries), state, seen))
        must[f"{party}'s ledger is whole, and cosigned"] = (
            report.fault is None and report.cosigned is not None
        )
    heads = ("ledger of", "entries", "state", "cosigned")
    return Scene("the ledgers", (), heads, tuple(rows), must)


def bill(town: Governed) -> Scene:
    """The month's bill from the bureau's ledger, and whose the income is, to the fen."""
    desk = Desk.open(
        town.consortium,
        "bureau",
        town.where / "tariff.toml",
        town.where / "buyers.toml",
        None,
    )
    account = desk.account(max(use.month for use in desk.use()))
    splitting = Splitting.load(
        town.where / "shares.toml", (), desk=desk, principals=town.offices.files.principals
    )
    parts = splitting.parts(account)
    rows = [
        (line.use.buyer, line.use.scenario, f"{line.units} {line.unit}", f"{line.payable_fen:,}")
        for line in account.lines
    ]
    rows += [
        (f"to {holder}", "", "", f"{fen:,}")
        for part in parts.parts.values()
        for holder, fen in part.items()
    ]
    charged = {line.use.scenario: line.payable_fen for line in account.lines}
    split = [fen for part in parts.parts.values() for fen in part.values()]
    must = {
        "supervision is free, the commercial report is not": charged.get("supervision") == 0
        and charged.get("commercial", 0) > 0,
        "the parts are the income, to the fen": sum(split) == account.income_fen,
    }
    heads = ("buyer", "scenario", "units", "fen")
    return Scene(f"the bill of {account.month}", (), heads, tuple(rows), must)


def _checked(town: Governed, name: str) -> tuple[Finding, ...]:
    return check_receipt(
        town.where / name,
        town.consortium,
        principals=town.offices.files.principals,
        answer=town.where / "answer.json",
    )


def _report(town: Governed, party: str, kept: tuple[Path, ...]) -> Report:
    return check_ledger(town.node.consortium, party, town.ledger(party), checkpoints=kept)


def _row(finding: Finding) -> tuple[str, ...]:
    state = "holds" if finding.good else "FAILS"
    return (state, finding.party or "", finding.check, finding.why)
