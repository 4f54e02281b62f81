"""A scene of a demo: what there is to see, and what must be so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to see: lines, a table (`heads`, `rows`), and what `must` be so with whether it is."""

    title: str
    lines: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    must: Mapping[str, bool] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        return all(self.must.values())
