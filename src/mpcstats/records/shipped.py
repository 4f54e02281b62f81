"""Data files that mpcstats comes with: the folder `governance`, in the wheel or at the top of a checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def shipped(name: str) -> Path:
    """Where the shipped file `name` of the folder `governance` is."""
    packaged = Path(str(resources.files("mpcstats"))) / "_governance"
    top = packaged if packaged.is_dir() else Path(__file__).parents[3] / "governance"
    return top / name
