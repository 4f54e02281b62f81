"""Comparing nodes' copies: where the first difference is, and which node it convicts.

No vote is needed where signatures decide: a copy that does not fit its keeper's seals convicts the node that
shows it, and two seals under two heads convict the node that signed both, whoever has the majority.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mpcstats.records.principals import Principals
from mpcstats.records.replication.block import EMPTY, Block, Copies, Seal


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """`node` is at fault in block `index`, the first such one, of the log of `log`."""

    log: str
    index: int
    node: str
    why: str

    def __str__(self) -> str:
        return f"block {self.index} of the log of {self.log}: {self.node}: {self.why}"


def faults(copies: Iterable[Copies], principals: Principals) -> tuple[Fault, ...]:
    """Every node that is at fault, once a log, by what nodes show of their copies; () if all fit together.

    Each of `copies` must come from its node, over a channel that says so (`Copies.read`) or from its own file.
    A node that is behind is not at fault, unless it has sealed what it does not show.
    """
    shown = tuple(copies)
    good = {s for c in shown for s in c.seals if s.good(principals)}  # each signature once
    found = [*_two_heads(good)]
    for each in shown:
        logs = sorted({b.log for b in each.blocks} | {s.log for s in good if s.node == each.node})
        found += [f for log in logs if (f := _of_log(each, log, good, principals)) is not None]
    first: dict[tuple[str, str], Fault] = {}
    for fault in sorted(found):
        first.setdefault((fault.log, fault.node), fault)
    return tuple(first.values())


def _of_log(copies: Copies, log: str, good: set[Seal], principals: Principals) -> Fault | None:
    """The first fault in one node's copy of one log."""
    blocks = [block for block in copies.blocks if block.log == log]
    sealed = {(s.node, s.index): s.head for s in copies.seals if s.log == log and s in good}
    head = EMPTY
    for number, block in enumerate(blocks, 1):
        why = _of_block(copies.node, block, number, head, sealed)
        if why is not None:
            return Fault(log, number, copies.node, why)
        wrong = block.fault(principals)
        if wrong is not None:
            return Fault(log, number, log, f"sealed what it should not have: {wrong}")
        head = block.head
    last = max((s.index for s in good if s.log == log and s.node == copies.node), default=0)
    if last > len(blocks):
        return Fault(
            log, len(blocks) + 1, copies.node, f"sealed {last} blocks, shows {len(blocks)}"
        )
    return None


def _of_block(
    node: str, block: Block, number: int, head: str, sealed: dict[tuple[str, int], str]
) -> str | None:
    if block.index != number:
        return f"expected block {number}, got block {block.index}: one is missing or moved"
    if block.after(head) != block.head:
        return "expected the head of its content, got another: it was changed"
    for signer in dict.fromkeys((block.log, node)):
        if sealed.get((signer, number)) != block.head:
            return f"expected the seal of {signer} under its head, got none: it was changed"
    return None


def _two_heads(good: set[Seal]) -> Iterable[Fault]:
    heads: defaultdict[tuple[str, int, str], set[str]] = defaultdict(set)
    for seal in good:
        heads[seal.log, seal.index, seal.node].add(seal.head)
    for (log, index, node), signed in heads.items():
        if len(signed) > 1:
            yield Fault(log, index, node, f"sealed {len(signed)} different heads")
