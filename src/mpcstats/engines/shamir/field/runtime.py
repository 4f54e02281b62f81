"""An MPyC runtime without network: messages go into an outbox, awaited ones are futures that the session fills.

Of MPyC's methods four touch the network: `_distribute`, `output`, `_reshare` and `transfer`. All read pickles of a
peer, always or for arrays. Here `output` and `_reshare` send elements of fixed width, and the others refuse to run.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from mpcstats.engines.shamir.field.circuit import SECURITY
from mpcstats.engines.shamir.field.library import Runtime, asyncoro, finfields, thresha
from mpcstats.engines.shamir.field.loop import StepLoop
from mpcstats.engines.shamir.field.sharing import combine, encode, split, width
from mpcstats.errors import InternalError
from mpcstats.session import Stream, Words

Keys = Mapping[tuple[int, ...], bytes]  # parties that know a key -> 128 bits


@dataclass(frozen=True, slots=True)
class Options:
    """All that MPyC would have read from a command line or the environment."""

    threshold: int
    sec_param: int = SECURITY
    bit_length: int = 32
    no_async: bool = False
    no_barrier: bool = True
    no_prss: bool = False
    no_log: bool = True
    ssl: bool = False
    mix32_64bit: bool = True  # no pickles for arrays, though arrays are refused before that


@dataclass(frozen=True, slots=True)
class Letter:
    """Words for some peers, labelled with the program counter of who sends them."""

    counter: int
    words: Mapping[int, Words]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """`count` elements below p that `sender` sends at `counter`; `future` takes them."""

    counter: int
    sender: int
    count: int
    p: int
    future: Future[list[int]]

    @property
    def size(self) -> int:
        """Its words."""
        return self.count * width(self.p)


class FieldRuntime(Runtime):  # type: ignore[misc]
    """The runtime of party `pid` (from 0) of n, of which t may be corrupted; `stream` is this party's own."""

    def __init__(self, pid: int, n: int, t: int, keys: Keys, stream: Stream) -> None:
        # MPyC's own __init__ takes the event loop of the process and draws keys: none of it is called.
        self.pid = pid
        self.parties = tuple(SimpleNamespace(pid=i) for i in range(n))
        self.options = Options(t)
        self._threshold = t
        self._logging_enabled = False
        self._program_counter = [0, 0]
        self._pc_level = 0
        self._loop = self.loop = StepLoop()  # MPyC reads the first
        self._prss_keys = dict(keys)
        self._functions: dict[int, dict[tuple[int, ...], Any]] = {}
        self._stream = stream
        self.outbox: deque[Letter] = deque()
        self.wanted: deque[Wanted] = deque()

    def __repr__(self) -> str:
        return f"<field runtime of party {self.pid} of {len(self.parties)}>"

    def prfs(self, bound: int) -> dict[tuple[int, ...], Any]:
        """Set of parties -> the function that they share, with values below `bound`."""
        # MPyC keeps these in a cache of the process, which would keep the keys of every run.
        if bound not in self._functions:
            self._functions[bound] = {
                holders: thresha.PRF(key, bound) for holders, key in self._prss_keys.items()
            }
        return self._functions[bound]

    # MPyC takes a return annotation for the type of a placeholder: these two have none.
    @asyncoro.mpc_coro
    async def output(self, x, receivers=None, threshold=None, raw=False):  # type: ignore[no-untyped-def]
        """The values of x, one element or a list, at every party."""
        many = isinstance(x, list)
        shares = list(x) if many else [x]
        await self.returnType(Future)
        if receivers is not None:
            raise InternalError("expected an opening to all parties, got some of them")
        if not shares:
            return []
        kind, field, own = await self._own(shares)
        n = len(self.parties)
        degree = self._threshold if threshold is None else threshold
        known = await self._passed(
            {(self.pid + i) % n: own for i in range(1, degree + 1)},
            [(self.pid - i) % n for i in range(1, degree + 1)],
            field,
            len(own),
        )
        known[self.pid] = own
        opened = [field(value) for value in combine(known, field.modulus)]
        convert = getattr(kind, "_output_conversion", None)
        if convert is not None and not raw:
            opened = [convert(value) for value in opened]
        return opened if many else opened[0]

    @asyncoro.mpc_coro
    async def _reshare(self, x):  # type: ignore[no-untyped-def]
        """Fresh shares, of degree t, of products of degree 2t. Gennaro, Rabin, Rabin: PODC 1998, section 3."""
        many = isinstance(x, list)
        shares = list(x) if many else [x]
        if not shares:
            return []
        kind = type(shares[0])
        if not issubclass(kind, self.SecureObject):
            await self.returnType(Future)
        elif many:
            await self.returnType(kind, len(shares))
        else:
            await self.returnType(kind)
        _, field, own = await self._own(shares)
        n, t, p = len(self.parties), self._threshold, field.modulus
        senders = range(2 * t + 1)  # the same always, so that costs do not depend on a counter
        known = {}
        outgoing = {}
        if self.pid in senders:
            dealt = split(own, t=t, n=n, p=p, stream=self._stream)
            known[self.pid] = dealt[self.pid]
            outgoing = {peer: dealt[peer] for peer in range(n) if peer != self.pid}
        known |= await self._passed(
            outgoing, [s for s in senders if s != self.pid], field, len(own)
        )
        fresh = [field(value) for value in combine(known, p)]
        return fresh if many else fresh[0]

    async def _own(self, shares: list[Any]) -> tuple[Any, Any, list[int]]:
        """The type of `shares`, their field, and this party's shares as numbers."""
        kind = type(shares[0])
        gathered = await self.gather(shares) if issubclass(kind, self.SecureObject) else shares
        field = type(gathered[0])
        if not issubclass(field, finfields.PrimeFieldElement):
            raise InternalError(f"expected elements of a prime field, got {kind.__name__}")
        return kind, field, [int(element.value) for element in gathered]

    async def _passed(
        self, outgoing: Mapping[int, Sequence[int]], senders: list[int], field: Any, count: int
    ) -> dict[int, list[int]]:
        """Send peer -> elements; what each of `senders` sends at this program counter, `count` elements."""
        counter, p = self._program_counter[0], field.modulus
        if outgoing:
            words = {peer: encode(values, p) for peer, values in outgoing.items()}
            self.outbox.append(Letter(counter, words))
        futures = {}
        for sender in senders:
            futures[sender] = self.loop.create_future()
            self.wanted.append(Wanted(counter, sender, count, p, futures[sender]))
        arrived = await self.gather(list(futures.values()))
        return dict(zip(futures, arrived, strict=True))

    def _refused(self, *_: Any, **__: Any) -> Any:
        raise InternalError("expected MPyC to reshare and to open only, got another message")

    _distribute = _refused
    transfer = _refused
    start = _refused
    shutdown = _refused
    _send_message = _refused
    _receive_message = _refused
