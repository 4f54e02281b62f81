"""Who did what to an asset, looked up in the files of any nodes' logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from mpcstats.party.files.config import Consortium
from mpcstats.party.registers import load_principals
from mpcstats.records.ledger import entries
from mpcstats.records.provenance import Deed, Provenance, provenance
from mpcstats.records.record import Record
from mpcstats.records.replication.block import Block
from mpcstats.records.replication.compare import faults
from mpcstats.records.replication.file import holds_copies, read_copies

HEADS = ("at", "who", "what", "verdict", "query", "result", "cells", "statement")
SHORT = 16  # hex digits of a digest in a table; enough to find it in a log


def look_up(
    consortium: Path, principals: Path | None, ledgers: Iterable[Path], asset: str
) -> Provenance:
    """What was done to `asset` by the ledgers, or nodes' copies of logs, at `ledgers` together.

    Copies are compared first: a block that does not fit its seals is a fault, and it and all behind it in that
    copy are left out. A ledger is read as it is: what is signed in it is checked, its times and violations are its
    keeper's word until `mpcstats ledger verify` says that it is whole. Raises UsageError if a file cannot be read.
    """
    agreed = Consortium.load(consortium)
    known = load_principals(agreed, principals)
    logs: dict[str, Iterable[Record]] = {}
    keepers: dict[str, str] = {}
    copies = []
    for path in ledgers:
        if holds_copies(path):
            copies.append(read_copies(path))
        else:
            logs[str(path)] = entries(path)
    found = faults(copies, known)
    first = {(fault.node, fault.log): fault.index for fault in found}
    for copy in copies:
        for log in dict.fromkeys(block.log for block in copy.blocks):
            end = first.get((copy.node, log))
            name = f"log of {log} at {copy.node}"
            logs[name], keepers[name] = _until(copy.blocks, log, end), log
    looked = provenance(logs, asset, known, keepers=keepers)
    return Provenance(asset, looked.deeds, (*(str(fault) for fault in found), *looked.faults))


def table(found: Provenance) -> Iterator[str]:
    """The deeds as a table of text below HEADS, one a line; digests are cut."""
    rows = [HEADS, *(_row(deed) for deed in found.deeds)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def lines(found: Provenance) -> Iterator[str]:
    """The deeds as JSON, one a line, with whole digests."""
    for deed in found.deeds:
        yield json.dumps(asdict(deed), ensure_ascii=False)


def _row(deed: Deed) -> tuple[str, ...]:
    query, result = ((digest or "-")[:SHORT] for digest in (deed.query, deed.result))
    cells = "-" if deed.cells is None else str(deed.cells)
    return (deed.at, deed.who, deed.what, deed.verdict, query, result, cells, deed.digest[:SHORT])


def _until(blocks: Iterable[Block], log: str, end: int | None) -> tuple[Block, ...]:
    return tuple(b for b in blocks if b.log == log and (end is None or b.index < end))
