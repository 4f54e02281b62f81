"""Joint statistics over the private data of several organisations, by secure multi-party computation.

import mpcstats as ms

with ms.local("town") as bureau:  # made by: mpcstats demo copy town
    question = bureau.sql("SELECT ...", scenario="supervision", purpose="...")
    print(question.explain())
    print(question.run())
"""

from mpcstats.errors import (
    Disagreement,
    InternalError,
    MpcstatsError,
    PeerFault,
    PolicyRefused,
    TransportFault,
    UsageError,
)
from mpcstats.party.answer import Answer
from mpcstats.party.ask import Result
from mpcstats.party.client import Asked, Party, connect, local
from mpcstats.party.compared import Compared
from mpcstats.party.explained import Explained
from mpcstats.party.question import Question
from mpcstats.party.version import version
from mpcstats.plan.expression import Expression
from mpcstats.plan.frame import Frame, Grouped
from mpcstats.plan.functions import (
    avg,
    case,
    coalesce,
    count,
    count_distinct,
    greatest,
    least,
    max_,
    min_,
    sum_,
)
from mpcstats.policy.permit import Permit

__version__ = version()
del version

__all__ = [
    "Answer",
    "Asked",
    "Compared",
    "Disagreement",
    "Explained",
    "Expression",
    "Frame",
    "Grouped",
    "InternalError",
    "MpcstatsError",
    "Party",
    "PeerFault",
    "Permit",
    "PolicyRefused",
    "Question",
    "Result",
    "TransportFault",
    "UsageError",
    "__version__",
    "avg",
    "case",
    "coalesce",
    "connect",
    "count",
    "count_distinct",
    "greatest",
    "least",
    "local",
    "max_",
    "min_",
    "sum_",
]
