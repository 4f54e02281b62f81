"""The certificate of a coded registration: plain data that a registrar signs, and its check."""

from __future__ import annotations

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.day import check_day
from mpcstats.records.principals import Principals
from mpcstats.records.registration.register import Registrations
from mpcstats.records.signed import Statement

KIND = "registration-certificate"


def certificate(
    register: Registrations,
    asset: str,
    day: str,
    *,
    issued: str | None = None,
    head: str | None = None,
) -> dict[str, JSON]:
    """What the certificate of the asset says on `day`. Raises UsageError if it has no live code then.

    `issued` is the day of its signature, on which the signer is a registrar; `day` unless given.
    """
    entry = register.of_asset(asset, day, head=head)
    if entry is None or entry.live(day) is None:
        raise UsageError(f"{asset}: expected a live code on {day}, got none")
    form = entry.form
    return {
        "asset": asset,
        "entry": entry.number,
        "code": entry.code,
        "state": entry.state.name,
        "name": form.name,
        "holder": form.holder,
        "since": entry.since,
        "until": entry.until,
        "lineage": list(form.lineage),
        "day": day,
        "issued": day if issued is None else issued,
        "head": register.timeline.head_at(register.timeline.upto(day, head)),
    }


def check_certificate(
    statement: Statement, register: Registrations, principals: Principals
) -> None:
    """Raises UsageError unless a registrar has signed it, and the register said so at the certificate's head."""
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
        got = ", ".join(signers) or "nobody"
        raise UsageError(f"{KIND}: expected the signature of a registrar, got that of {got}")
    again = Statement.of(KIND, certificate(register, asset, day, issued=issued, head=head))
    if again.text != statement.text:
        differs = sorted(name for name, value in body.items() if again.body.get(name) != value)
        raise UsageError(
            f"{KIND} of {asset}: expected what the register says, differs in "
            f"{', '.join(differs) or 'what it leaves out'}"
        )
