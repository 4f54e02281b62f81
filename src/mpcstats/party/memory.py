"""Memory of a process that is ours: what was freed is kept for the next array, since fresh memory is dear.

The first touch of a page of fresh memory is a page fault, 4 KiB at a time, and costs up to 2 ms a MB on a virtual
machine. The GNU C library gives every block above 128 KiB to 32 MiB back to the system when it is freed, so
a protocol of many rounds over whole columns pays for the same memory again and again.
"""

from __future__ import annotations

import ctypes

# Parameters of mallopt(3).
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_NEVER = -1  # the heap never shrinks
# Largest block that comes from the heap. Before glibc 2.35 more than 32 MiB is refused.
_LARGEST_BLOCKS = (1 << 30, 1 << 25)


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed in this process, for the next arrays; whether it will.

    Call it first in a process that computes, before threads start: the whole process, and whatever else runs in
    it, keeps its peak of memory until it ends. So the command line calls it, and importing mpcstats never does.
    Without the GNU C library (musl, macOS, Windows) this does nothing and returns False.
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - only glibc has it, and the numbers above are glibc's
        mallopt = library.mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    # One arena: what one thread has freed, another takes.
    return (
        bool(mallopt(_ARENA_MAX, 1))
        and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
        and any(mallopt(_MMAP_THRESHOLD, size) for size in _LARGEST_BLOCKS)
    )
