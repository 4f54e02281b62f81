"""The ledger of a party: an RFC 6962 Merkle log with checkpoints that the other parties cosign (docs/ledger.md)."""

from mpcstats.records.ledger.entry import KINDS, Entry
from mpcstats.records.ledger.log import Ledger, entries
from mpcstats.records.ledger.verify import Report, verify

__all__ = ["KINDS", "Entry", "Ledger", "Report", "entries", "verify"]
