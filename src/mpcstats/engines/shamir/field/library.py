"""MPyC as imported here, without the side effects of its import, and its global runtime made that of who runs."""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# MPyC's switch for builds of its documentation: with it, the import parses no sys.argv, sets up no logging, no
# event loop and no runtime, starts no processes and writes no environment variables.
_SWITCH = ("READTHEDOCS", "True")
_PREFIX = "MPYC_"  # variables that would turn parts of MPyC off


@contextmanager
def _undisturbed() -> Iterator[None]:
    before = {
        name: value
        for name, value in os.environ.items()
        if name == _SWITCH[0] or name.startswith(_PREFIX)
    }
    for name in before:
        del os.environ[name]
    handlers = list(logging.root.handlers)
    os.environ[_SWITCH[0]] = _SWITCH[1]
    try:
        with warnings.catch_warnings():  # it uses a deprecated name of numpy
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logging.root.handlers[:] = handlers  # its first call of logging.debug adds one
        del os.environ[_SWITCH[0]]
        os.environ.update(before)


with _undisturbed():
    import mpyc.runtime
    from mpyc import (
        asyncoro,
        finfields,
        mpctools,
        random,
        secgroups,
        seclists,
        secpols,
        sectypes,
        statistics,
        thresha,
    )

__all__ = ["Runtime", "asyncoro", "bound", "finfields", "label", "thresha"]

Runtime: Any = mpyc.runtime.Runtime
# Each of these modules keeps the runtime of the process in a global of this name.
_KEEPERS: tuple[Any, ...] = (
    *(asyncoro, mpctools, random, secgroups, seclists, secpols, sectypes, statistics),
)
_current: ContextVar[Any] = ContextVar("mpcstats_field_runtime", default=None)


class _Router:
    """Stands in MPyC's global: the runtime that is bound where the code runs, else the one that was there before.

    A context variable, not a global that is switched: two threads each see their own.
    """

    __slots__ = ("_otherwise",)

    def __init__(self, otherwise: Any) -> None:
        object.__setattr__(self, "_otherwise", otherwise)

    def _runtime(self) -> Any:
        bound_here = _current.get()
        return self._otherwise if bound_here is None else bound_here

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._runtime(), name, value)


def label(counter: Sequence[int]) -> int:
    """The program counter of a call made at `counter`, (number of the call, depth): 64 bits, one of them a sign.

    MPyC takes Python's hash of the two, which another implementation, or another Python, need not have.
    """
    text = ",".join(str(part) for part in counter)
    data = hashlib.blake2b(text.encode(), digest_size=8, person=b"mpcstats-label").digest()
    return int.from_bytes(data, "little", signed=True)


_hops: list[Any] = []  # what MPyC, or a program's own mpc.setup(), has had for its hop


def _hop(counter: Sequence[int]) -> Any:
    return _hops[-1](counter) if _current.get() is None else label(counter)


@contextmanager
def bound(runtime: Any) -> Iterator[None]:
    """Within it, MPyC's functions and types belong to `runtime`, in this thread and context alone."""
    _take_over()
    token = _current.set(runtime)
    try:
        yield
    finally:
        _current.reset(token)


def _take_over() -> None:
    # Looked at every time: a program's own mpc.setup() may come later, and sets all of them anew.
    if (found := asyncoro._hop) is not _hop:
        _hops.append(found)
        asyncoro._hop = _hop
    for keeper in _KEEPERS:
        if not isinstance(found := keeper.runtime, _Router):
            keeper.runtime = _Router(found)
