"""The catalogue: which datasets exist, who owns them, and what is public about their columns."""

from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.checks import Check, CrossCheck
from mpcstats.records.catalogue.column import Column, Normalisation
from mpcstats.records.catalogue.dataset import Dataset, Union
from mpcstats.records.catalogue.metadata import Consent

__all__ = [
    "Catalogue",
    "Check",
    "Column",
    "Consent",
    "CrossCheck",
    "Dataset",
    "Normalisation",
    "Union",
]
