"""Double masking: elements of two parties under the masks of both, in orders that only the second party knows.

The first party sends its elements under its mask; the second masks them again and returns them shuffled. The second
sends its own, shuffled, each with words that travel beside it. Specification: protocols/private_join/spec.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import group
from mpcstats.engines.pair.elements import Mask, encodings
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Words, in_blocks

DOMAIN = b"mpcstats private_join 1 key"
KEY_WORDS = 2
BLOCK = 1024  # rows: a third of a second of work
MOST_BLOCKS = 1024  # messages of one kind: a receiver that is behind keeps them

Places = NDArray[np.intp]
Done = Callable[[int], None]
Beside = Callable[[Session, Places], Words]
Take = Callable[[Session, str, slice, Words], None]


class Rows:
    """A party's elements: of its keys, and of random ones up to the public number of rows."""

    def __init__(self, session: Session, keys: Words, count: int) -> None:
        """Keys of shape (m, 2). All parties' `session` is of the same step."""
        self.count = count
        # Random keys, not random elements: a row is as much work whether it stands for something or not.
        random = session.private().words(count - len(keys), KEY_WORDS)
        self._keys = np.concatenate([keys, random])
        self._prefix = session.digest().astype("<u8").tobytes()  # the same at both, of this run

    def __repr__(self) -> str:
        return f"<{self.count} rows>"

    def elements(self, places: Places) -> Words:
        """Those at `places`: keys have the first places."""
        return group.hash_to_group(self._keys[places], prefix=self._prefix, domain=DOMAIN)


async def send_first(session: Session, rows: Rows, mask: Mask, *, peer: str, done: Done) -> Words:
    """At the first party: its elements as `peer` returns them, under both masks, in the order of `peer`."""
    found = np.empty((rows.count, group.WORDS), dtype=np.uint64)

    async def out(step: Session, part: slice) -> None:
        masked = mask.own(rows.elements(np.arange(part.start, part.stop)))
        await step.exchange(send={peer: masked})
        done(len(masked))

    async def back(step: Session, part: slice) -> None:
        shape = found[part].shape
        found[part] = (await step.exchange(receive={peer: shape}))[peer]

    await in_blocks(session.narrow("out"), rows.count, _block(rows.count), out)
    await in_blocks(session.narrow("back"), rows.count, _block(rows.count), back)
    return found


async def return_first(session: Session, count: int, mask: Mask, *, peer: str, done: Done) -> None:
    """At the second party: the elements of `peer`, masked again and sent back in a fresh secret order.

    Raises PeerFault for an element that comes twice: it would show where it went.
    """
    found = np.empty((count, group.WORDS), dtype=np.uint64)

    async def out(step: Session, part: slice) -> None:
        shape = found[part].shape
        masked = (await step.exchange(receive={peer: shape}))[peer]
        found[part] = mask.of_peer(step, peer, masked)
        done(len(masked))

    async def back(step: Session, part: slice) -> None:
        await step.exchange(send={peer: found[part]})

    await in_blocks(session.narrow("out"), count, _block(count), out)
    if len(set(encodings(found))) < count:
        raise PeerFault(
            peer, session.step, "expected distinct elements for distinct keys, got one twice"
        )
    found = found[session.private().permutation(count)]
    await in_blocks(session.narrow("back"), count, _block(count), back)


async def send_second(
    session: Session,
    rows: Rows,
    mask: Mask,
    beside: Beside | None,
    *,
    peer: str,
    done: Done,
) -> None:
    """At the second party: its elements under its mask, in a fresh secret order, each followed by `beside` it.

    `beside` gives the words that travel with the rows at some places, drawn from the session of that block.
    """
    order = session.private().permutation(rows.count)

    async def out(step: Session, part: slice) -> None:
        masked = mask.own(rows.elements(order[part]))
        parts = [masked] if beside is None else [masked, beside(step, order[part])]
        await step.exchange(send={peer: np.hstack(parts)})
        done(len(masked))

    await in_blocks(session, rows.count, _block(rows.count), out)


async def receive_second(
    session: Session,
    count: int,
    mask: Mask,
    take: Take | None,
    *,
    width: int,
    peer: str,
    done: Done,
) -> Words:
    """At the first party: the elements of `peer` under both masks, in the order of `peer`.

    `take` gets, in any order of the blocks, the session and rows of a block, the name of `peer`, and the `width`
    words that travel with each row.
    """
    found = np.empty((count, group.WORDS), dtype=np.uint64)

    async def out(step: Session, part: slice) -> None:
        shape = (part.stop - part.start, group.WORDS + width)
        got = (await step.exchange(receive={peer: shape}))[peer]
        found[part] = mask.of_peer(step, peer, got[:, : group.WORDS])
        if take is not None:
            take(step, peer, part, got[:, group.WORDS :])
        done(len(got))

    await in_blocks(session, count, _block(count), out)
    return found


def _block(rows: int) -> int:
    return max(BLOCK, -(-rows // MOST_BLOCKS))
