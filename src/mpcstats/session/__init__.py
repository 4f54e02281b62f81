"""What a protocol may touch: a party's role, its steps, its masks and one await."""

from mpcstats.session.blocks import in_blocks
from mpcstats.session.messages import Message, Words
from mpcstats.session.parallel import parallel
from mpcstats.session.program import Program
from mpcstats.session.randomness import PairSeeds, Stream, private_stream
from mpcstats.session.session import Opening, Session

__all__ = [
    "Message",
    "Opening",
    "PairSeeds",
    "Program",
    "Session",
    "Stream",
    "Words",
    "in_blocks",
    "parallel",
    "private_stream",
]
