"""What a consortium file says of engines: `compute` is who computes on rep3, [engines] what else is offered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.party.question import check_name
from mpcstats.plan.offer import PAIR, REP3, SEATS, SHAMIR, Offer
from mpcstats.records.tomlfile import Table, toml_text


def _name(text: str) -> str:
    try:
        return check_name(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_name)]


class ShamirTable(Table):
    """Who computes on shamir, if not every owner of what is asked; of whom `threshold` may collude, if not the most."""

    compute: Annotated[list[Name], Field(min_length=1)] | None = None
    threshold: Annotated[int, Field(ge=1)] | None = None


class PairTable(Table):
    """The two parties that compute on pair, if not any two owners of what is asked."""

    compute: Annotated[list[Name], Field(min_length=1)] | None = None


class EnginesTable(Table):
    """[engines]: what is offered beside rep3. An empty table offers the engine to whoever owns what is asked."""

    shamir: ShamirTable | None = None
    pair: PairTable | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, table: object) -> object:
        unknown = [] if not isinstance(table, dict) else [n for n in table if n not in SEATS]
        if unknown:
            raise ValueError(f"expected engines {SHAMIR} or {PAIR}, got {', '.join(unknown)}")
        if isinstance(table, dict) and REP3 in table:
            raise ValueError("expected rep3's parties as compute = [...], got a table of it")
        return table

    @property
    def offers(self) -> tuple[Offer, ...]:
        """These engines. Raises UsageError for parties that an engine cannot have."""
        found = []
        if self.shamir is not None:
            own = self.shamir
            found.append(Offer(SHAMIR, tuple(own.compute or ()), own.threshold))
        if self.pair is not None:
            found.append(Offer(PAIR, tuple(self.pair.compute or ())))
        return tuple(found)


def check_engines(
    compute: list[str] | None, engines: EnginesTable, names: Iterable[str] | None = None
) -> None:
    """Raises ValueError unless an engine is offered, each among parties that it can have, which are of `names`."""
    if compute is not None and not compute:
        raise ValueError("expected 3 different compute parties for engine rep3, got none")
    try:
        offers = [*(() if compute is None else [Offer(REP3, tuple(compute))]), *engines.offers]
    except UsageError as error:
        raise ValueError(str(error)) from None
    if not offers:
        raise ValueError("expected who computes: compute = [...] for rep3, or a table of [engines]")
    known = None if names is None else set(names)
    unknown = [p for o in offers for p in o.compute if known is not None and p not in known]
    if unknown:
        raise ValueError(f"expected compute parties among the parties, got {', '.join(unknown)}")


def engine_lines(compute: Iterable[str], engines: Iterable[Offer]) -> list[str]:
    """What a file says to offer these: `compute`, which stands before all tables, then those of [engines]."""
    lines = [_listed(compute)] if compute else []
    for offer in engines:
        lines.append(f"[engines.{offer.engine}]")
        if offer.compute:
            lines.append(_listed(offer.compute))
        if offer.threshold is not None:
            lines.append(f"threshold = {offer.threshold}")
    return lines


def _listed(compute: Iterable[str]) -> str:
    return f"compute = [{', '.join(map(toml_text, compute))}]"
