"""The import of MPyC does nothing on the side, and its global runtime is that of whoever runs.

Each case is a process of its own: an import happens once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FIELD = "mpcstats.engines.shamir.field"

WATCHED = f"""
import asyncio, logging, os, sys, subprocess, threading
def refused(*a, **k): raise AssertionError("a process was started")
subprocess.Popen = refused
argv, environment = list(sys.argv), dict(os.environ)
policy = type(asyncio.get_event_loop_policy())
made = []
asyncio.new_event_loop = asyncio.set_event_loop = lambda *a: made.append(a)
import {FIELD}.run
assert "mpyc.runtime" in sys.modules
assert sys.argv == argv, sys.argv
assert dict(os.environ) == environment
assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING
assert type(asyncio.get_event_loop_policy()) is policy and made == []
assert threading.active_count() == 1
from mpyc import asyncoro, gmpy, numpy
assert numpy.np is not None and gmpy.version() != ""
print("nothing happened")
"""

LAZY = """
import sys
import mpcstats
import mpcstats.protocols.regression, mpcstats.protocols.regression_cost
assert not [name for name in sys.modules if name.split(".")[0] == "mpyc"]
print("not imported")
"""

# A program that has its own runtime of one party, before ours is there, and after.
OWN = f"""
import sys
sys.argv = ["program", "--no-log"]
from mpyc.runtime import mpc
number = mpc.SecInt(32)
def check():
    assert mpc.run(mpc.output(number(6) * number(7))) == 42
check()
from {FIELD}.library import asyncoro, bound
class Other: ...
with bound(Other()):
    assert not hasattr(asyncoro.runtime, "options")
    asyncoro.runtime.mark = 1
assert asyncoro.runtime.options.no_log and not hasattr(mpc, "mark")
check()
from mpyc.runtime import setup
mpc = setup()  # all globals anew
with bound(Other()):
    assert not hasattr(asyncoro.runtime, "options")
check()
print("both ran")
"""


def python(text: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("arguments", [("-M3", "-I", "0", "--log-level", "debug"), ("--VERSION",)])
def test_the_import_reads_neither_command_line_nor_environment(arguments: tuple[str, ...]) -> None:
    names = ("NONUMPY", "NOGMPY", "NOPRSS", "MIX32_64BIT", "MAXWORKERS")
    ran = python(WATCHED, *arguments, **{f"MPYC_{name}": "1" for name in names})
    assert (ran.stdout, ran.stderr) == ("nothing happened\n", "")


def test_a_plain_import_is_seen_to_do_more() -> None:
    plain = WATCHED.replace(f"import {FIELD}.run", "import mpyc.runtime")
    assert "Error" in python(plain, "-M3").stderr
    assert "Error" in python(plain, "--no-log").stderr


def test_nothing_is_imported_before_it_is_run() -> None:
    ran = python(LAZY)
    assert (ran.stdout, ran.stderr) == ("not imported\n", "")
    assert (
        "AssertionError"
        in python(LAZY.replace("import mpcstats\n", f"import {FIELD}.run\n")).stderr
    )


def test_a_program_keeps_its_own_runtime() -> None:
    ran = python(OWN)
    assert (ran.stdout, ran.returncode) == ("both ran\n", 0), ran.stderr
