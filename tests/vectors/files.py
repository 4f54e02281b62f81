"""The files of the vectors: what is in them, and their text. A good one holds a transcript, a bad one its fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.vectors import bad, good, kernel, plays
from tests.vectors.bad import Bad
from tests.vectors.blocks import blocks
from tests.vectors.world import (
    Body,
    Fault,
    Party,
    Setting,
    Transcript,
    described,
    from_hex,
    play,
    to_hex,
)

CHECKOUT = Path(__file__).parents[2]
KERNEL = kernel.modules()
BODIES: dict[str, Body] = {**plays.BODIES, **{name: m.body for name, m in KERNEL.items()}}
INPUT = (  # what a good vector starts from; the rest of it is what must come of that
    *("about", "protocol", "version", "parties", "compute", "roles", "run_id", "pair_seeds"),
    *("private_seeds", "sizes", "inputs"),
)


def texts() -> dict[Path, str]:
    """Every file, freshly made: path below the checkout -> text."""
    found: dict[Path, str] = {}
    for protocol, by_title in _settings().items():
        folder = Path("protocols") / protocol / "vectors"
        bases = {title: good_vector(setting) for title, setting in by_title.items()}
        found |= {folder / f"{title}.json": render(vector) for title, vector in bases.items()}
        for title, fault in _cases(protocol).items():
            path = folder / f"{title}.json"
            if path in found:
                raise AssertionError(f"two vectors of {protocol} are called {title}")
            found[path] = render(bad_vector(fault, bases[fault.base]))
    folder = Path("tests") / "vectors"
    return found | {folder / f"{name}.json": render(made) for name, made in blocks().items()}


def _settings() -> dict[str, dict[str, Setting]]:
    return {**good.settings(), **{name: m.settings() for name, m in KERNEL.items()}}


def _cases(protocol: str) -> dict[str, Bad]:
    own = KERNEL.get(protocol)
    return bad.cases(protocol) if own is None else own.cases()


def paths() -> set[Path]:
    """The files of vectors that are there, below the checkout."""
    found = [*CHECKOUT.glob("protocols/*/vectors/*"), *CHECKOUT.glob("tests/vectors/*.json")]
    return {path.relative_to(CHECKOUT) for path in found}


def good_vector(setting: Setting) -> dict[str, Any]:
    """The setting and all that comes of it. Raises AssertionError if its run does not end well at every party."""
    start = {name: setting[name] for name in INPUT}
    transcript = play(start, BODIES[start["protocol"]])
    if transcript.faults or transcript.waiting:
        raise AssertionError(f"{start['about']}: {transcript.faults} {transcript.waiting}")
    return {**start, **outcome(start, transcript)}


def outcome(start: Setting, transcript: Transcript) -> dict[str, Any]:
    """What a good vector says besides its setting."""
    (openings,) = {tuple(found) for found in transcript.openings.values()}
    return {
        "streams": streams(start["parties"], transcript.parties),
        "messages": [
            {
                "round": number,
                "sender": m.sender,
                "receiver": m.receiver,
                "step": m.step,
                "payload": to_hex(m.payload),
            }
            for number, m in transcript.messages
        ],
        "openings": [
            {"step": o.step, "leak": o.leak, "to": list(o.to), "shape": list(o.shape)}
            for o in openings
        ],
        "results": {party: transcript.results[party] for party in start["parties"]},
    }


def streams(order: list[str], parties: dict[str, Party]) -> list[dict[str, Any]]:
    """Every stream that was drawn from: by whom, at which step, how many words, and the first of them.

    Raises AssertionError if two parties of a pair have not drawn the same.
    """
    found: dict[tuple[str, tuple[str, ...]], tuple[int, str]] = {}
    for me, party in parties.items():
        for (peer, step), stream in party.drawn.items():
            key = (step, tuple(sorted({me, peer}, key=order.index)))
            drawn = (stream.drawn, stream.first)
            if found.setdefault(key, drawn) != drawn:
                raise AssertionError(f"{key}: one has drawn {drawn}, the other {found[key]}")
    return [
        {"of": list(of), "step": step, "words": words, "first": first}
        for (step, of), (words, first) in sorted(found.items())
        if words
    ]


def bad_vector(case: Bad, base: dict[str, Any]) -> dict[str, Any]:
    """The fault, by the names of `base`, and what must happen."""
    start = {name: base[name] for name in INPUT}
    fault = {
        "messages": [change(base["messages"]) for change in case.messages],
        "setting": [
            {"at": list(at if at else start["parties"]), "path": list(path), "value": value}
            for at, path, value in case.setting
        ],
    }
    transcript = play(start, BODIES[start["protocol"]], fault_of(fault))
    vector = {
        "about": case.about,
        "protocol": start["protocol"],
        "version": start["version"],
        "base": f"{case.base}.json",
        "fault": fault,
        "expect": expected(base, transcript),
    }
    if vector["expect"]["outcome"] != case.outcome:
        raise AssertionError(f"{case.about}: expected {case.outcome}, got {vector['expect']}")
    return vector


def fault_of(fault: dict[str, Any]) -> Fault:
    """The fault that a bad vector describes."""
    return Fault(
        {
            (m["step"], m["sender"], m["receiver"]): [
                (a["sender"], a["step"], from_hex(a["payload"])) for a in m["arrives"]
            ]
            for m in fault["messages"]
        },
        [(s["at"], s["path"], s["value"]) for s in fault["setting"]],
    )


def expected(base: dict[str, Any], transcript: Transcript) -> dict[str, Any]:
    """What must happen at whom; of results only those that differ from the good vector's."""
    differing = {
        party: result
        for party, result in transcript.results.items()
        if result != base["results"][party]
    }
    if transcript.faults:
        what = "fault"
    elif transcript.waiting:
        what = "silence"
    else:
        what = "undetected" if differing else "no difference"
    return {
        "outcome": what,
        "faults": [{"at": p, **described(error)} for p, error in sorted(transcript.faults.items())],
        "waiting": [
            {"at": party, "sender": sender, "step": step}
            for party, names in sorted(transcript.waiting.items())
            for sender, step in names
        ],
        "results": differing,
    }


def render(value: dict[str, Any]) -> str:
    """JSON, one line for each entry of a list or table at the top."""
    lines = [f"  {_line(name)}: {_folded(item)}" for name, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _folded(item: Any) -> str:
    if isinstance(item, list) and item and not all(isinstance(entry, str) for entry in item):
        return "[\n" + ",\n".join(f"    {_line(entry)}" for entry in item) + "\n  ]"
    if isinstance(item, dict) and item:
        entries = (f"    {_line(name)}: {_line(entry)}" for name, entry in item.items())
        return "{\n" + ",\n".join(entries) + "\n  }"
    return _line(item)


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False)
