"""One party of a regression over TLS, as a process: FOLDER NAME RUNS SILENCE. It says its fit, or who was lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from mpcstats.errors import TransportFault
from mpcstats.protocols.design import Design, Rules
from mpcstats.protocols.gram import gram
from mpcstats.protocols.regression import Fit, regression
from mpcstats.session import Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh

HOST = "127.0.0.1"
DESIGN = Design(rows=10, columns=(9,), outcome=99, fraction_bits=10, magnitude_bits=8)


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(folder: Path, me: str, runs: int, silence: float) -> None:
    """Runs it so many times, one after the other; y = 3 x + 5 at everybody."""
    places = json.loads((folder / "places.json").read_text(encoding="utf-8"))
    names = tuple(places)
    identity = Identity(me, folder / f"{me}.crt", folder / f"{me}.key")
    peers = {
        name: Peer(name, HOST, port, fingerprint, folder / f"{name}.crt")
        for name, (port, fingerprint) in places.items()
        if name != me
    }
    x = np.arange(5, dtype=np.int64) + names.index(me)

    async def body(session: Session) -> list[Fit | None]:
        found = []
        for i in range(runs):
            fit = await regression(
                session.narrow(f"fit{i}"),
                names,
                DESIGN,
                Rules(4),
                providers=names,
                to=names[:1],
                own=gram(DESIGN, x[:, None], 3 * x + 5),
            )
            found.append(fit)
            say("fitted")
        return found

    try:
        with (
            Listener(identity, HOST, places[me][0], peers, silence=silence) as listener,
            Mesh.connect(
                identity, listener, "0" * 32, list(peers.values()), silence=silence
            ) as mesh,
        ):
            seeds = agree(mesh, me, names, {"what": "a regression"})
            program = Program(me, body(Session(me, names, seeds)))
            mesh.run(program)
    except TransportFault as fault:
        say(json.dumps({"fault": type(fault).__name__, "party": fault.party}))
        return
    fit = program.result[-1]
    told = None if fit is None else [float(c) for c in fit.coefficients or ()]
    say(json.dumps({"coefficients": told}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
