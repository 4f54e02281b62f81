"""What a log shows as lost, dataset by dataset: each permitted question counts once, a repeated answer nothing.

A question counts when it is permitted. If its run then gives the very answer of an earlier run (the same is asked of
the same data and so gets the same noise, which its record `finish` says by a digest), nothing new was told, and the
charge is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Self

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.privacy.loss import NOTHING, Loss, read_charged
from mpcstats.records.record import Record

DECISION = "decision"
FINISH = "finish"
FIELD = "privacy"  # of a decision: what is lost of each dataset
ANSWER = "noise"  # of a finish: which answer it was


class Losses:
    """The fold; `add` takes a log's records in order. Decisions and ends of runs alone matter."""

    def __init__(self) -> None:
        self._charged: defaultdict[str, list[Loss]] = defaultdict(list)  # by dataset
        self._last: dict[str, Mapping[str, Loss]] = {}  # plan -> what its last permit charged
        self._answers: set[str] = set()  # that have been given

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """What `records` show. Raises UsageError as `add`."""
        found = cls()
        for record in records:
            found.add(record)
        return found

    def add(self, record: Record) -> None:
        """One record more. Raises UsageError for a charge that cannot be read: it could not be counted."""
        body = record.body
        plan = str(body.get("plan"))
        if record.kind == DECISION and body.get("permit") is True and FIELD in body:
            charged = read_charges(body[FIELD])
            for dataset, loss in charged.items():
                self._charged[dataset].append(loss)
            self._last[plan] = charged
        elif record.kind == FINISH and isinstance(body.get(ANSWER), str):
            self._finished(plan, str(body[ANSWER]))

    def _finished(self, plan: str, answer: str) -> None:
        charged = self._last.pop(plan, None)
        if charged is None:
            return
        if answer not in self._answers:
            self._answers.add(answer)
            return
        for dataset, loss in charged.items():
            self._charged[dataset].remove(loss)

    def lost(self, dataset: str) -> Loss:
        """What has been lost of `dataset` so far."""
        return sum(self._charged.get(dataset, ()), start=NOTHING)


def charges(lost: Mapping[str, Loss]) -> dict[str, JSON]:
    """What a decision says of the loss of each dataset; `read_charges` reads it."""
    return {
        dataset: {
            "epsilon": None if loss.epsilon is None else str(loss.epsilon),
            "rho": str(loss.rho),
            **({"delta": str(loss.delta)} if loss.delta else {}),
        }
        for dataset, loss in lost.items()
    }


def read_charges(value: JSON) -> dict[str, Loss]:
    """The losses by dataset. Raises UsageError if `value` does not say them."""
    if not isinstance(value, Mapping):
        raise UsageError("expected what is lost of each dataset as a table")
    found = {}
    for dataset, each in value.items():
        if not isinstance(each, Mapping) or set(each) - {"delta"} != {"epsilon", "rho"}:
            raise UsageError(f"{dataset}: expected epsilon and rho of what is lost")
        pure = each["epsilon"]
        found[dataset] = Loss(
            None if pure is None else read_charged(pure),
            read_charged(each["rho"]),
            read_charged(each.get("delta", "0")),
        )
    return found
