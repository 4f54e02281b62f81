"""Two processes join over TLS without a third: what they send is what the card says, and they say how far they are."""

from __future__ import annotations

from mpcstats.cards.load import load_cards
from mpcstats.party.sandbox.bench import bench
from mpcstats.party.sandbox.tasks.pairing import PARTIES, TASKS

ROWS = 2100  # three blocks


def test_a_benchmark_of_two_parties_sends_what_the_card_says_and_shows_its_progress() -> None:
    heard: list[float] = []
    (task,) = TASKS
    found = bench(task, ROWS, heard=heard.append)
    assert tuple(found["parties"]) == PARTIES == ("a", "b")
    cost = load_cards()[task].cost
    sizes = dict.fromkeys(("summed", "told", "size_told", "masks", "answers"), 1)
    sizes |= {"matcher_rows": ROWS, "holder_rows": ROWS}
    sent = {party: spent["bytes_sent"] for party, spent in found["parties"].items()}
    assert sent == {
        role: cost.bytes[name].evaluate(sizes)
        for role, name in zip(PARTIES, cost.bytes, strict=True)
    }
    assert heard[-1] == 1
    assert heard == sorted(heard)
    assert any(0 < part < 1 for part in heard)
