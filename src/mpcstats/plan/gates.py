"""What a plan opens, to whom, and under which rules: the gate, and what stands in its place on other engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mpcstats.errors import InternalError
from mpcstats.plan.cells import Label
from mpcstats.plan.private import PaddedJoin, PrivateJoin
from mpcstats.plan.sums import PartialSum


@dataclass(frozen=True, slots=True)
class Release:
    """What `recipients` may see: each cell of at least `k` persons, and of it the columns that pass the other rules.

    The rules are those of protocols.safety.Rules: for magnitudes a minimum of `contributors`, `p` (p% rule, p-ratio)
    and `largest` ((n,k) dominance), for all columns `complement` and `zeros`. Counts are multiples of `rounding`, the
    nearest ones, which the steps before have made of them. `own` names the institutions that are
    the recipients' own. `columns` and `cells` are the positions of the only ones that they see; None: all. `exempt`
    is the digest of the approval under which the rule's minimums do not hold for this release; None: they do.
    """

    recipients: tuple[str, ...]
    k: int
    contributors: int = 1
    p: int = 0
    largest: tuple[int, int] | None = None
    complement: bool = False
    zeros: bool = False
    rounding: int = 1
    own: tuple[Label, ...] = ()
    columns: tuple[int, ...] | None = None
    cells: tuple[int, ...] | None = None
    exempt: str | None = None

    def __post_init__(self) -> None:
        if not self.recipients or self.k < 1 or self.contributors < 1:
            raise InternalError("expected a release to somebody, with minimums of at least 1")

    @property
    def on_contributions(self) -> bool:
        """Whether the size of institutions' contributions matters."""
        return self.p > 0 or self.largest is not None

    @property
    def on_amounts(self) -> bool:
        """Whether anything is asked of amounts."""
        return self.contributors > 1 or self.on_contributions


@dataclass(frozen=True, slots=True)
class Gate:
    """Opens cells of step `of` as each release says, to its recipients and to nobody else.

    `magnitudes` are the positions of the columns for which the rules on amounts hold.
    """

    card: ClassVar[str] = "gate"
    name: str
    of: str
    releases: tuple[Release, ...]
    magnitudes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.releases:
            raise InternalError("expected a gate with a release, got none")

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who sees something, each once."""
        return tuple(dict.fromkeys(name for r in self.releases for name in r.recipients))

    @property
    def ruled(self) -> tuple[Release, ...]:
        """The releases for which the rule's minimums hold: those that no approval exempts."""
        return tuple(release for release in self.releases if release.exempt is None)

    @property
    def k(self) -> int:
        """The least number of persons of a cell, exempted releases aside; theirs where there are no others."""
        return min(release.k for release in self.ruled or self.releases)


@dataclass(frozen=True, slots=True)
class JoinGate(Gate):
    """The gate of a private join, which the join itself keeps: who finds the matches tests k, and nothing else is."""

    card: ClassVar[str] = PrivateJoin.card


@dataclass(frozen=True, slots=True)
class PaddedGate(JoinGate):
    """The same of a private join with dummies."""

    card: ClassVar[str] = PaddedJoin.card


@dataclass(frozen=True, slots=True)
class KeptGate(Gate):
    """Two who are left of a run open what they have put in, and test nothing: for rules that ask for no test."""

    card: ClassVar[str] = PartialSum.card
