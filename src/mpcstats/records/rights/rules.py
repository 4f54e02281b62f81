"""What must hold before a statement is entered; each rule raises UsageError with what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.errors import UsageError
from mpcstats.records.principals import Principals
from mpcstats.records.rights.book import Book, Dispute, Grant
from mpcstats.records.rights.events import (
    Cancel,
    Change,
    First,
    Licence,
    Lineage,
    Objection,
    Resolution,
    Transfer,
    is_product,
)
from mpcstats.records.rights.terms import AGREED, STAGES, Right, Stage, Terms

# What may be licensed under a right; HOLD goes by transfer only.
LICENSED: dict[Right, frozenset[Right]] = {
    Right.HOLD: frozenset({Right.USE}),
    Right.USE: frozenset({Right.USE}),
    Right.OPERATE: frozenset({Right.USE, Right.OPERATE}),
}


@dataclass(frozen=True, slots=True)
class Office:
    """The register at work: what is entered so far, who is who, the statement's day and who has signed it."""

    book: Book
    principals: Principals
    day: str
    signers: tuple[str, ...]

    def signed_by(self, names: tuple[str, ...], what: str) -> None:
        """Raises UsageError unless one of `names` has signed, as a party."""
        if not any(name in self.signers and self.is_party(name) for name in names):
            raise UsageError(
                f"expected the signature of {' or '.join(names)}, {what}, got that of "
                f"{', '.join(self.signers)}"
            )

    def is_party(self, name: str) -> bool:
        """Whether `name` is a party on the day."""
        return self.principals.has(name, "party", self.day)

    def can_hold(self, name: str) -> None:
        """Raises UsageError unless `name` is a party on the day: nobody else holds a right."""
        if not self.is_party(name):
            raise UsageError(f"expected a holder that is a party on {self.day}, got {name}")

    def free(self, number: str) -> None:
        """Raises UsageError if the number is in use."""
        if number in self.book.grants or number in self.book.disputes:
            raise UsageError(f"expected a number that was never used, got {number}")

    def undisputed(self, asset: str) -> None:
        """Raises UsageError if an objection to the asset is open."""
        found = self.book.open_disputes(asset, self.book.timeline.number)
        if found:
            raise UsageError(
                f"{asset}: expected no open objection, got {found[0].number} of "
                f"{found[0].objector}: it must be resolved first"
            )

    def right(self, number: str) -> Grant:
        """The right of that number. Raises UsageError if there is none, or it or what it hangs on has ended."""
        known = self.book.grants.get(number)
        if known is None:
            raise UsageError(f"expected the number of a registered right, got {number}")
        for link in self.book.chain(known.now, self.book.now(self.day)):
            if link.ended is not None:
                raise UsageError(
                    f"{number}: expected a right in force, but {link.number} is {link.ended}: "
                    "nothing more is entered about it"
                )
            if link.terms.until is not None and link.terms.until < self.day:
                raise UsageError(
                    f"{number}: expected a right in force, but {link.number} ended on "
                    f"{link.terms.until}"
                )
        return known.now

    def within(self, terms: Terms, licensor: Grant) -> None:
        """Raises UsageError unless `terms` are no wider than the licensor's, and those than its own licensor's."""
        for link in self.book.chain(licensor, self.book.now(self.day)):
            wider = terms.wider(link.terms)
            if wider:
                raise UsageError(
                    f"expected terms within those of {link.number}, got a wider {', '.join(wider)}"
                )

    def may_license(self, licensor: Grant) -> None:
        """Raises UsageError unless the right is a unit's first, or a licence that may be passed on."""
        if licensor.under is not None and not licensor.terms.sublicensable:
            raise UsageError(f"{licensor.number}: expected a sublicensable licence, got another")

    def inputs(self, lineage: Lineage, operator: str, terms: Terms) -> None:
        """Raises UsageError unless `operator` may use every input for all that the product's `terms` are for."""
        moment = self.book.now(self.day)
        for asset in lineage.inputs:
            self.undisputed(asset)
            held = [
                self.book.effective(g, moment) for g in self.book.held_by(asset, operator, moment)
            ]
            # A product's columns are its own, and say nothing of its inputs'.
            wanted = terms.scope.model_copy(update={"columns": ()})
            if not any(one is not None and wanted.within(one.scope) for one in held):
                raise UsageError(
                    f"expected {operator} to have USE {Right.USE.value} of input {asset} on "
                    f"{self.day}, for the product's scenarios and purposes, got no such right: "
                    f"ask the holder of {asset} for a licence"
                )


def check_first(office: Office, event: First) -> None:
    """首次."""
    asset = event.asset
    office.can_hold(event.holder)
    office.signed_by((event.holder,), "the holder")
    office.free(event.number)
    _unregistered(office, asset)
    _raw(asset, event.right, event.terms)
    expected = Right.OPERATE if is_product(asset) else Right.HOLD
    if event.right is not expected:
        raise UsageError(
            f"{asset}: expected a first registration of {expected.name} {expected.value}, got "
            f"{event.right.name}"
        )
    _stage(event.right, event.terms)
    if event.sensitivity == "core":
        raise UsageError(f"{asset}: core data 核心数据 are not registered")
    if event.disputes:
        raise UsageError(f"{asset}: expected no dispute, got {len(event.disputes)} unresolved")
    office.undisputed(asset)
    if event.lineage is not None:
        office.inputs(event.lineage, event.holder, event.terms)


def check_licence(office: Office, event: Licence) -> Grant:
    """许可; the right that it is licensed under."""
    office.free(event.number)
    licensor = office.right(event.under)
    office.signed_by((licensor.holder,), f"the holder of {licensor.number}")
    office.can_hold(event.holder)
    if event.holder == licensor.holder:
        raise UsageError(f"expected a licence for another party, got one for {event.holder} itself")
    office.may_license(licensor)
    _raw(licensor.asset, event.right, event.terms)
    if event.right not in LICENSED[licensor.right]:
        raise UsageError(
            f"expected a licence of {_names(LICENSED[licensor.right])} under {licensor.right.name}, "
            f"got {event.right.name}"
        )
    _stage(event.right, event.terms)
    office.undisputed(licensor.asset)
    office.within(event.terms, licensor)
    _both_sides(office, event.holder, event.terms)
    return licensor


def check_transfer(office: Office, event: Transfer) -> Grant:
    """转移; the right that is transferred."""
    grant = office.right(event.number)
    office.signed_by((grant.holder,), "the holder")
    office.can_hold(event.holder)
    if event.holder == grant.holder:
        raise UsageError(f"{grant.number}: expected another holder, got {event.holder} again")
    if not grant.terms.transferable:
        raise UsageError(f"{grant.number}: expected a transferable right, got another")
    office.undisputed(grant.asset)
    _both_sides(office, event.holder, grant.terms)
    lineage = office.book.units[grant.unit].lineage
    if grant.under is None and lineage is not None:
        office.inputs(lineage, event.holder, grant.terms)
    return grant


def check_change(office: Office, event: Change) -> Grant:
    """变更; the right that is changed."""
    grant = office.right(event.number)
    office.undisputed(grant.asset)
    _raw(grant.asset, grant.right, event.terms)
    _stage(grant.right, event.terms)
    if grant.under is not None:
        licensor = office.right(grant.under)
        office.signed_by((licensor.holder,), f"the holder of {licensor.number}")
        office.may_license(licensor)
        office.within(event.terms, licensor)
        _both_sides(office, grant.holder, event.terms)
        return grant
    office.signed_by((grant.holder,), "the holder")
    lineage = office.book.units[grant.unit].lineage
    if lineage is not None:
        office.inputs(lineage, grant.holder, event.terms)
    return grant


def check_cancel(office: Office, event: Cancel) -> Grant:
    """注销; the right that ends. The registrar may sign it too."""
    grant = office.right(event.number)
    if any(office.principals.has(name, "registrar", office.day) for name in office.signers):
        return grant
    if grant.under is None:
        office.signed_by((grant.holder,), "the holder")
    else:
        licensor = office.right(grant.under)
        office.signed_by((licensor.holder, grant.holder), "licensor or licensee")
    return grant


def check_objection(office: Office, event: Objection) -> None:
    """异议. It may also be to an asset that is cancelled: only so can a wrong registration be annulled."""
    office.free(event.objection)
    if event.objector not in office.signers:
        raise UsageError(
            f"expected the signature of {event.objector}, who objects, got that of "
            f"{', '.join(office.signers)}"
        )


def check_resolution(office: Office, event: Resolution) -> Dispute:
    """The objection that ends: by registrar or regulator, and by nobody who is a side of it."""
    known = office.book.disputes.get(event.objection)
    if known is None or known.now.outcome is not None:
        raise UsageError(f"expected an open objection, got {event.objection}")
    dispute = known.now
    unit = office.book.unit_of(dispute.asset, office.book.timeline.number)
    sides = {dispute.objector} | ({office.book.grants[unit.number].now.holder} if unit else set())
    judges = [
        name
        for name in office.signers
        if office.principals.has(name, "registrar", office.day)
        or office.principals.has(name, "regulator", office.day)
    ]
    if not set(judges) - sides:
        raise UsageError(
            f"{event.objection}: expected the signature of a registrar or regulator who is no side "
            f"of it, got that of {', '.join(office.signers)}"
        )
    return dispute


def _unregistered(office: Office, asset: str) -> None:
    unit = office.book.unit_of(asset, office.book.timeline.number)
    if unit is None:
        return
    first = office.book.grants[unit.number].now
    ended, until = first.ended, first.terms.until
    over = until is not None and until < office.day  # then it may be registered anew
    if ended is None and not over:
        raise UsageError(f"{asset}: expected one registration unit, it is {unit.number} already")
    if ended == "cancelled":
        raise UsageError(
            f"{asset}: its registration {unit.number} is cancelled: nothing more is entered about it"
        )


def _raw(asset: str, right: Right, terms: Terms) -> None:
    """Nobody sells raw data: neither OPERATE nor the stage of trade on a dataset."""
    if not is_product(asset) and (right is Right.OPERATE or terms.stage is Stage.TRADE):
        raise UsageError(
            f"{asset}: raw data are not traded: {Right.OPERATE.name} {Right.OPERATE.value} and stage "
            f"{Stage.TRADE.name} {Stage.TRADE.value} are for derived products alone"
        )


def _stage(right: Right, terms: Terms) -> None:
    if terms.stage not in STAGES[right]:
        raise UsageError(
            f"expected {right.name} in stage {_names(STAGES[right])}, got {terms.stage.name}"
        )


def _both_sides(office: Office, holder: str, terms: Terms) -> None:
    """Where agreements are asked for, both sides sign: the licensor, and the one who takes the right."""
    if terms.stage in AGREED:
        office.signed_by((holder,), f"who takes the right in stage {terms.stage.name}")


def _names(names: frozenset[Right] | frozenset[Stage]) -> str:
    return " or ".join(sorted(name.name for name in names))
