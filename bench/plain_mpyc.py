"""A plain MPyC array program, to compare with: every party puts in a vector of 64-bit numbers, the sum is opened.

usage: python bench/plain_mpyc.py -M10 --no-log ROWS     (MPyC starts the other parties itself)
Prints wall seconds of the first party, from when all parties are connected and have their inputs, to the sum.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from mpyc.runtime import mpc  # parses sys.argv, and takes its own options out of it

BITS = 40  # of values, as in `mpcstats bench sum`


async def main(rows: int) -> None:
    number = mpc.SecInt(64)
    m = len(mpc.parties)
    await mpc.start()
    own = np.arange(rows, dtype=object) * 7919 % (1 << BITS) + mpc.pid
    await mpc.transfer(None)  # all are ready
    start = time.monotonic()
    vectors = mpc.input(number.array(own))
    total = vectors[0]
    for vector in vectors[1:]:
        total = total + vector
    opened = await mpc.output(total, receivers=0)
    seconds = time.monotonic() - start
    await mpc.shutdown()
    if mpc.pid == 0:
        expected = (own - mpc.pid) * m + m * (m - 1) // 2
        assert (opened == expected).all()
        print(f"{seconds:.4f}")


mpc.run(main(int(sys.argv[1])))
