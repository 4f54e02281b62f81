"""Freed memory stays with the process that asked for it, and importing mpcstats asks for nothing."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpcstats.cli.main import main
from mpcstats.party import memory

SOURCE = Path(__file__).parents[2] / "src"
HAS_GLIBC = hasattr(ctypes.CDLL(None), "gnu_get_libc_version")

# Page faults of taking three arrays of 24 MiB and freeing them, again and again, after a first time.
FAULTS = """
import resource
import numpy as np
import mpcstats.party.memory as memory
{call}
def take():
    arrays = [np.ones(3 << 20, dtype=np.uint64) for _ in range(3)]
    return int(sum(array[-1] for array in arrays))
take()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
assert [take() for _ in range(4)] == [3] * 4
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(call=call)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "NUMPY_MADVISE_HUGEPAGE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(not HAS_GLIBC, reason="only the GNU C library keeps memory when asked to")
def test_freed_memory_is_taken_again_without_faults() -> None:
    kept = faults("assert memory.keep_freed_memory()")
    given_back = faults("pass")  # imported and not called: nothing changes
    assert kept * 20 < given_back


@pytest.mark.parametrize("missing", ["gnu_get_libc_version", "mallopt"])
def test_without_the_gnu_c_library_it_does_nothing(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    class Other:
        def __getattr__(self, name: str) -> object:
            if name == missing:
                raise AttributeError(name)
            return lambda *_: pytest.fail("called")

    monkeypatch.setattr("ctypes.CDLL", lambda _: Other())
    assert not memory.keep_freed_memory()


def test_where_there_is_no_library_to_ask_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> object:
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert not memory.keep_freed_memory()


def test_an_old_library_that_refuses_large_blocks_gets_smaller_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    class Mallopt:
        def __call__(self, parameter: int, value: int) -> int:
            asked.append((parameter, value))
            return int(parameter != memory._MMAP_THRESHOLD or value <= 1 << 25)

    class Glibc:
        gnu_get_libc_version = None
        mallopt = Mallopt()

    monkeypatch.setattr("ctypes.CDLL", lambda _: Glibc())
    assert memory.keep_freed_memory()
    assert asked[-1] == (memory._MMAP_THRESHOLD, 1 << 25)


def test_the_command_keeps_freed_memory_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    monkeypatch.setattr("signal.signal", lambda *_: None)
    # The package's name `main` hides the module's.
    monkeypatch.setitem(main.__globals__, "keep_freed_memory", lambda: order.append("memory"))
    monkeypatch.setitem(main.__globals__, "application", lambda _: lambda: order.append("command"))
    main()
    assert order == ["memory", "command"]
