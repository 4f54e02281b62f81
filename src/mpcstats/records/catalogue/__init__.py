"""The catalogue: which datasets exist, who owns them, and what is public about their columns."""

from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.column import Column
from mpcstats.records.catalogue.dataset import Dataset, Union

__all__ = ["Catalogue", "Column", "Dataset", "Union"]
