"""Writing a page of HTML to a file that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.errors import UsageError

PagePath = Annotated[
    Path | None, typer.Option("--html", help="Write it to this file as one page of HTML.")
]


def write_page(path: Path, page: str) -> None:
    """Write `page` to `path`. Raises UsageError with the path."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: expected a file to write, got: {error.strerror}") from None
