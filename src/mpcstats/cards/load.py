"""Reading cards: shipped in the wheel, at the top of a checkout, or in a folder of one's own."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mpcstats.cards.card import (
    Adversary,
    Card,
    Cost,
    CostKind,
    Leakage,
    Offer,
    OnCheating,
    Opening,
    Parties,
    Setting,
)
from mpcstats.cards.formula import Formula
from mpcstats.errors import UsageError


class Cards(Mapping[str, Card]):
    """Cards by id, and the closed vocabulary of leakage ids that they draw from."""

    def __init__(self, cards: Mapping[str, Card], leakage: Mapping[str, str]) -> None:
        self._cards = dict(sorted(cards.items()))
        self.leakage = dict(leakage)

    def __getitem__(self, card: str) -> Card:
        if card not in self._cards:
            raise UsageError(f"expected a card of {', '.join(self._cards)}, got {card!r}")
        return self._cards[card]

    def __contains__(self, card: object) -> bool:
        return card in self._cards

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    @property
    def versions(self) -> dict[str, str]:
        """For each card its version and the digest of its file: what the handshake compares."""
        return {card.id: f"{card.version} {card.digest}" for card in self._cards.values()}


def load_cards(folder: Path | None = None) -> Cards:
    """The cards of `folder`, or those that mpcstats comes with.

    Raises UsageError with file and place for a card that breaks the schema or names unknown leakage.
    """
    top = folder if folder is not None else _shipped()
    leakage = _vocabulary(top / "leakage.toml")
    cards = {}
    for path in sorted(top.glob("*/card.toml")):
        card = _read(path)
        if card.id != path.parent.name:
            raise UsageError(f"{path}: expected id {path.parent.name!r}, got {card.id!r}")
        unknown = sorted(card.leakage.ids - set(leakage))
        if unknown:
            raise UsageError(
                f"{path}: expected leakage ids of leakage.toml, got {', '.join(unknown)}"
            )
        cards[card.id] = card
    return Cards(cards, leakage)


def _shipped() -> Path:
    packaged = Path(str(resources.files("mpcstats"))) / "_protocols"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "protocols"


def _vocabulary(path: Path) -> dict[str, str]:
    entries = _parsed(path, _bytes(path, "the vocabulary of leakage"), "the vocabulary of leakage")
    for name, sentence in entries.items():
        if not isinstance(sentence, str):
            raise UsageError(
                f"{path}, {name}: expected one sentence, got {type(sentence).__name__}"
            )
    return entries


def _formula(text: object) -> Formula:
    if not isinstance(text, str):
        raise ValueError("expected a formula as text")
    try:
        return Formula(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _no_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected text, got none")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_no_blank)]
FormulaText = Annotated[Formula, BeforeValidator(_formula)]
ENGINE_SIZES = frozenset({"parties", "threshold"})  # what every formula of [engines.*] may use


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )


class _Parties(_Table):
    engines: list[Text]
    count: Annotated[int, Field(ge=1)]
    corruptions: Annotated[int, Field(ge=0)]
    adversary: Adversary
    on_cheating: OnCheating
    assumes: list[Text]
    helper_must_not_collude_with: list[Text]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.corruptions >= self.count:
            raise ValueError(
                f"expected fewer corruptions than parties, got {self.corruptions} of {self.count}"
            )
        return self


class _Opening(_Table):
    id: Text
    to: Text
    what: Text


class _Leakage(_Table):
    sizes: list[Text]
    opened: list[_Opening]


class _Cost(_Table):
    kind: CostKind
    rounds_kind: CostKind
    rounds: FormulaText
    bytes: dict[str, FormulaText]
    sizes: dict[str, Text]


class _Setting(_Table):
    least: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1)]
    corruptions: FormulaText
    adversary: Adversary
    on_cheating: OnCheating
    assumes: list[Text]
    cost: _Cost | None = None  # None: that of the card


class _Card(_Table):
    id: Text
    version: Annotated[int, Field(ge=1)]
    status: Literal["stable", "experimental", "withdrawn"]
    computes: Text
    code: Text
    source: Text
    deviates: Text
    parties: _Parties
    leakage: _Leakage
    cost: _Cost
    limits: dict[str, str | int]
    offers: list[Offer] = Field(default_factory=list)
    engines: dict[str, _Setting] = Field(default_factory=dict)


def _read(path: Path) -> Card:
    raw = _bytes(path, "a card")
    try:
        table = _Card.model_validate(_parsed(path, raw, "a card in TOML"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}, {place}: {_said(first['msg'])}") from None
    _check_sizes(path, "cost", table.cost, frozenset())
    for engine, setting in table.engines.items():
        _check_setting(path, f"engines.{engine}", setting, known=engine in table.parties.engines)
    parties = table.parties
    return Card(
        **table.model_dump(
            include={"id", "version", "status", "computes", "code", "source", "deviates"}
        ),
        parties=Parties(
            tuple(parties.engines),
            parties.count,
            parties.corruptions,
            parties.adversary,
            parties.on_cheating,
            tuple(parties.assumes),
            tuple(parties.helper_must_not_collude_with),
        ),
        leakage=Leakage(
            tuple(table.leakage.sizes),
            tuple(Opening(o.id, o.to, o.what) for o in table.leakage.opened),
        ),
        cost=_cost(table.cost),
        limits=table.limits,
        digest=hashlib.sha256(raw).hexdigest(),
        offers=tuple(table.offers),
        settings={
            engine: _setting(setting, setting.cost or table.cost)
            for engine, setting in table.engines.items()
        },
    )


def _cost(cost: _Cost) -> Cost:
    return Cost(cost.kind, cost.rounds_kind, cost.rounds, cost.bytes, cost.sizes)


def _setting(setting: _Setting, cost: _Cost) -> Setting:
    return Setting(
        setting.least,
        setting.most,
        setting.corruptions,
        setting.adversary,
        setting.on_cheating,
        tuple(setting.assumes),
        _cost(cost),
    )


def _check_sizes(path: Path, place: str, cost: _Cost, free: frozenset[str]) -> None:
    """Raises UsageError unless cost.sizes explains every variable of the formulas but those of `free`, and no other."""
    used = {n for f in (cost.rounds, *cost.bytes.values()) for n in f.variables} - free
    if used != set(cost.sizes):
        odd = ", ".join(sorted(used ^ set(cost.sizes)))
        raise UsageError(
            f"{path}, {place}.sizes: expected the variables of the formulas, differs in {odd}"
        )


def _check_setting(path: Path, place: str, setting: _Setting, *, known: bool) -> None:
    if not known:
        raise UsageError(f"{path}, {place}: expected an engine of parties.engines")
    if setting.most < setting.least:
        raise UsageError(
            f"{path}, {place}.most: expected at least {setting.least}, got {setting.most}"
        )
    odd = setting.corruptions.variables - ENGINE_SIZES
    if odd:
        raise UsageError(
            f"{path}, {place}.corruptions: expected parties and threshold, got {', '.join(odd)}"
        )
    if setting.cost is not None:
        _check_sizes(path, f"{place}.cost", setting.cost, ENGINE_SIZES)


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: expected {what} to read, got: {error.strerror}") from None


def _parsed(path: Path, raw: bytes, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode())
    except ValueError as error:  # TOML, UTF-8, or int() of thousands of digits
        raise UsageError(f"{path}: expected {what}, got: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: expected {what}, got lists or tables nested too deep") from None


def _said(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
