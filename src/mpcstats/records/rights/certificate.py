"""The certificate of an asset's registration on a day, and the retention of what is registered.

A certificate names the register's head that it rests on. Given again for that head it is the same, whatever was
entered since.
"""

from __future__ import annotations

from collections.abc import Iterable

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.day import check_day, years_later
from mpcstats.records.principals import Principals
from mpcstats.records.rights.book import Held, Moment, Unit
from mpcstats.records.rights.events import is_product
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.rights.terms import AGREEMENTS
from mpcstats.records.signed import Statement

KIND = "right-certificate"
USES = ("trade 交易", "pledge 质押", "accounting 入表", "arbitration 仲裁")
COMPUTE_PARTIES = (
    "a party that only computes holds shares of the data and none of the rights: neither HOLD 持有 nor "
    "USE 使用 nor OPERATE 经营"
)


def certificate(
    register: RightsRegister,
    asset: str,
    day: str,
    *,
    issued: str | None = None,
    head: str | None = None,
) -> dict[str, JSON]:
    """What was registered about the asset on `day`: plain data, of which `head` names what it rests on.

    `issued` is the day of its signature, on which the signer is a registrar; `day` unless given. Raises
    UsageError if the asset had no right in force then.
    """
    book = register.book
    moment = book.moment(day, head)
    unit = book.unit_of(asset, moment.number)
    first = None if unit is None else book.grant(unit.number, moment)
    if unit is None or first is None or not book.in_force(first, moment):
        raise UsageError(f"{asset}: expected a registration in force on {day}, got none")
    held = [one for one in book.held(moment) if one.unit == unit.number]
    return {
        "asset": asset,
        "is": "product" if is_product(asset) else "dataset",
        "number": unit.number,
        "day": day,
        "issued": day if issued is None else issued,
        "head": book.timeline.head_at(moment.number),
        "statements": moment.number,
        "rights": [_right(one) for one in held],
        "objections": [one.number for one in book.open_disputes(asset, moment.number)],
        "lineage": None if unit.lineage is None else unit.lineage.model_dump(mode="json"),
        "compute_parties": COMPUTE_PARTIES,
        "retention_years": unit.retention,
        "for": list(USES),
    }


def check_certificate(
    statement: Statement, register: RightsRegister, principals: Principals
) -> None:
    """Raises UsageError unless a registrar has signed the certificate and the register says the same.

    The register may have grown since: what it says is taken as it was at the certificate's head.
    """
    body = statement.body
    asset, day, issued, head = (body.get(name) for name in ("asset", "day", "issued", "head"))
    if statement.kind != KIND or not (
        isinstance(asset, str)
        and isinstance(day, str)
        and isinstance(issued, str)
        and isinstance(head, str)
    ):
        raise UsageError(
            f"expected a {KIND} with asset, day, issued and head, got another statement"
        )
    signers = statement.signers(principals)
    if not any(principals.has(name, "registrar", check_day(issued)) for name in signers):
        raise UsageError(
            f"{KIND}: expected the signature of a registrar, got that of "
            f"{', '.join(signers) or 'nobody'}"
        )
    again = Statement.of(KIND, certificate(register, asset, day, issued=issued, head=head))
    if again.text != statement.text:
        differs = sorted(name for name, value in body.items() if again.body.get(name) != value)
        raise UsageError(
            f"{KIND} of {asset}: expected what the register says, differs in "
            f"{', '.join(differs) or 'what it leaves out'}"
        )


def retained_until(register: RightsRegister, asset: str) -> str | None:
    """The day until which the asset's entries are kept at least; None while its registration has not ended.

    Nothing is taken out of the register on that day either: a journal from which a statement is taken has
    another head.
    """
    book = register.book
    unit = book.unit_of(asset, book.timeline.number)
    if unit is None:
        raise UsageError(f"expected a registered asset, got {asset}")
    ended = _ended(register, unit)
    return None if ended is None else years_later(ended, unit.retention)


def check_retained(register: RightsRegister, heads: Iterable[str]) -> None:
    """Raises UsageError unless the register still has every head that was noted earlier: nothing was deleted."""
    for head in heads:
        register.book.timeline.position(head)


def _right(one: Held) -> dict[str, JSON]:
    agreements = {name: getattr(one.terms.agreements, name) for name in AGREEMENTS}
    return {
        "number": one.number,
        "under": one.under,
        "right": one.right.name,
        "name": one.right.value,
        "holder": one.holder,
        "basis": {"by": one.terms.basis.by, "document": one.terms.basis.document},
        "scope": one.scope.model_dump(mode="json"),
        "since": one.since,
        "until": one.until,
        "transferable": one.terms.transferable,
        "sublicensable": one.terms.sublicensable,
        "stage": one.terms.stage.value,
        "agreements": {name: digest for name, digest in agreements.items() if digest is not None},
    }


def _ended(register: RightsRegister, unit: Unit) -> str | None:
    """The day on which the unit's first right ended: by cancellation, annulment, or its term."""
    book = register.book
    now = book.grants[unit.number].now
    if now.ended is None:
        last = register.last_day
        until = now.terms.until
        return until if until is not None and last is not None and until < last else None
    for one in register.history(unit.asset):
        grant = book.grant(unit.number, Moment(one.event.day, one.number))
        if grant is not None and grant.ended is not None:
            return one.event.day
    return None
