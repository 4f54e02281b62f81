"""What every test shares: the Hypothesis profile, the seed in the report's header, the `system` marker."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# A deadline would make the result depend on how busy the machine is.
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("local", deadline=None, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Outside CI, draw the seed here, so that the header can show what Hypothesis will use."""
    if not IN_CI and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which mpcstats is tested, and how to draw the same examples again."""
    spec = importlib.util.find_spec("mpcstats")
    where = Path(spec.origin).parent if spec is not None and spec.origin else "not installed"
    seed = config.option.hypothesis_seed
    drawn = "fixed (CI)" if seed is None else f"repeat with --hypothesis-seed={seed}"
    return [f"mpcstats: {where}", f"random examples: {drawn}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/system starts processes, so it carries the marker without saying so."""
    for item in items:
        if item.path.is_relative_to(TESTS / "system"):
            item.add_marker("system")


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """The module tests/worlds.py: random cohort questions with their plain answers."""
    spec = importlib.util.spec_from_file_location("worlds", TESTS / "worlds.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("tests/worlds.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules["worlds"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module
