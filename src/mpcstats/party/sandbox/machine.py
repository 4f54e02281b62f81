"""The machine that a benchmark ran on, the code that it ran, how fast the machine was, and a process's peak."""

from __future__ import annotations

import mmap
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mpcstats.party.version import version
from mpcstats.session import Stream

CHECKOUT = Path(__file__).parents[4]
REPEATS = 5
_WORDS = 1 << 15  # 256 KiB an array: three of them stay in the L2 cache
_PASSES = 1 << 10
_FRESH_BYTES = 1 << 26


def machine() -> dict[str, Any]:
    """Model and number of processors that this process may use, platform, versions of Python and numpy."""
    return {
        "cpu": _cpu(Path("/proc/cpuinfo")),
        "cores": _cores(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def commit(folder: Path = CHECKOUT) -> str:
    """What `git describe` says of the checkout that this code is in, else its version."""
    if (folder / ".git").exists() and (folder / "pyproject.toml").exists():
        try:
            return subprocess.run(
                ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):  # no git, or a checkout of another owner
            pass
    return version()


def calibration() -> dict[str, float]:
    """Seconds of fixed work on one core, each the median of 5: tables of two machines are compared by them.

    words_s: xor and and of 2^25 words (256 MiB) each, from the cache. aes_s: 256 MiB of AES-128-CTR.
    fresh_s: first touch of 64 MiB of fresh memory.
    """
    return {
        "words_s": _median_seconds(_words),
        "aes_s": _median_seconds(_keystream),
        "fresh_s": _median_seconds(_fresh),
    }


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """The most bytes of memory that this process has had at once."""
    # What getrusage says begins, on Linux, with the peak of the process that started this one.
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    unit = 1 if platform.system() == "Darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _cpu(listed: Path) -> str:
    try:
        lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _median_seconds(work: Callable[[], None]) -> float:
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return round(sorted(took)[REPEATS // 2], 4)


def _words() -> None:
    x, y, z = np.ones((3, _WORDS), dtype=np.uint64)
    for _ in range(_PASSES):
        np.bitwise_xor(x, y, out=z)
        np.bitwise_and(z, y, out=x)


def _keystream() -> None:
    stream, out = Stream(bytes(16)), np.empty(_WORDS, dtype=np.uint64)
    for _ in range(_PASSES):
        stream.fill(out)


def _fresh() -> None:
    with mmap.mmap(-1, _FRESH_BYTES) as fresh:
        for start in range(0, _FRESH_BYTES, mmap.PAGESIZE):
            fresh[start] = 1
