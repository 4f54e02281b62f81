"""The README's code runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_its_python_prints_the_plan_and_a_table(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mpcstats.cli", "demo", "copy", "town", "--persons", "5000"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=tmp_path,
        env={**os.environ},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "permitted by the policy of bureau" in done.stdout
    assert re.search(r"^gend +persons +paid_fen$", done.stdout, re.MULTILINE)
    assert len(done.stdout[done.stdout.index("gend  ") :].splitlines()) == 3


def test_its_two_commands_are_targets_of_the_makefile() -> None:
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)", text, re.MULTILINE))
    assert targets == {"demo", "test"}
    makefile = README.with_name("Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
