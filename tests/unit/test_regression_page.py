"""The program of docs/regression.md runs, and prints what the page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "regression.md"
SOURCE = Path(__file__).parents[2] / "src"


def test_the_page_says_what_its_program_prints() -> None:
    _, program, _ = PAGE.read_text(encoding="utf-8").replace("```python", "```").split("```")
    *_, said = [line for line in program.splitlines() if line.startswith("# ")]
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.stdout == said.removeprefix("# ") + "\n", ran.stderr
