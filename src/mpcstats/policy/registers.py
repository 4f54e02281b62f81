"""The registers that all parties of a consortium keep alike, as one party has read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpcstats.records.catalogue import Catalogue
from mpcstats.records.catalogue.sources import Conflict, Settlements, conflicts
from mpcstats.records.classification.review import Levels, graded
from mpcstats.records.papers.project import Projects
from mpcstats.records.principals import Principals
from mpcstats.records.profiles.acknowledgement import Acknowledgements
from mpcstats.records.profiles.profile import Profile
from mpcstats.records.registration.register import Registrations
from mpcstats.records.rights.register import RightsRegister


@dataclass(frozen=True, slots=True)
class Registers:
    """Who may sign, and what has been entered. None: the consortium keeps no such register, so that whatever
    requires it is denied. `heads` name the content of each, which parties compare before a run.
    """

    principals: Principals = field(default_factory=lambda: Principals(()))
    projects: Projects | None = None
    rights: RightsRegister | None = None
    registrations: Registrations | None = None
    levels: Levels | None = None
    settlements: Settlements | None = None
    acknowledgements: Acknowledgements | None = None
    profile: Profile | None = None
    heads: Mapping[str, str] = field(default_factory=dict)

    def graded(self, catalogue: Catalogue, day: str) -> Catalogue:
        """The catalogue with the levels that reviewers have decided by `day`."""
        return catalogue if self.levels is None else graded(catalogue, self.levels, day)

    def disputed(self, catalogue: Catalogue) -> tuple[Conflict, ...]:
        """The conflicts over an element's source that nobody has settled."""
        if self.settlements is None:
            return conflicts(catalogue)
        return self.settlements.open(catalogue)
