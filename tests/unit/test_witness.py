"""Parties as each other's witnesses: honest logs are cosigned; a split view, a rollback and a wrong proof are not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.ledger import Ledger, verify
from mpcstats.records.ledger.checkpoint import Checkpoint, cosigned
from mpcstats.records.ledger.log import kept
from mpcstats.records.ledger.note import Note
from mpcstats.records.ledger.witness import SplitView, Witness, forked

PARTIES = ("bureau", "hospital", "insurer")
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([n + 1]) * 32)
    for n, name in enumerate(PARTIES)
}
PUBLIC = {name: key.public_key().public_bytes_raw() for name, key in KEYS.items()}
NOW = 1_790_000_000


class World:
    """Three ledgers, each with a witness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledgers = {name: self.open(name) for name in PARTIES}
        self.witnesses = {name: Witness(self.ledgers[name], PUBLIC) for name in PARTIES}

    def open(self, name: str) -> Ledger:
        return Ledger.open(self.path(name), party=name, signing_key=KEYS[name], clock=lambda: NOW)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.sqlite"

    def reopen(self, name: str, path: Path | None = None) -> None:
        """As after a crash; from `path` if the file is another one now."""
        self.ledgers[name].close()
        if path is not None:
            shutil.copy(path, self.path(name))
        self.ledgers[name] = self.open(name)
        self.witnesses[name] = Witness(self.ledgers[name], PUBLIC)

    def write(self, name: str, entries: int) -> None:
        for n in range(entries):
            self.ledgers[name].append("opening", {"n": n})

    def offered(self, log: str, witness: str, size: int | None = None) -> Any:
        held = wire(self.witnesses[witness].held(log))
        return wire(self.witnesses[log].offer(witness, held, size=size))

    def exchange(self, log: str, witness: str, size: int | None = None) -> int:
        """The three messages, one way; when it was cosigned."""
        offer = self.offered(log, witness, size)
        upto = Checkpoint.of_text(Note.parse(offer["checkpoint"]).text).size
        answer = wire(self.witnesses[witness].answer(log, offer))
        return self.witnesses[log].accept(witness, answer, size=upto)

    def fault(self, name: str) -> str | None:
        return verify(self.path(name), PUBLIC[name], party=name, cosigners=PUBLIC).fault


def wire(message: Any) -> Any:
    """What arrives of a message."""
    return json.loads(json.dumps(message))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.write("bureau", 5)
    yield made
    for ledger in made.ledgers.values():
        ledger.close()


def test_honest_runs_are_cosigned_by_all_over_one_checkpoint(world: World) -> None:
    for _ in range(3):
        sizes = {}
        for name in PARTIES:
            world.write(name, 3)
            sizes[name] = world.ledgers[name].size
        for log in PARTIES:
            for witness in PARTIES:
                if witness != log:
                    assert world.exchange(log, witness, sizes[log]) == NOW
        for log in PARTIES:
            note = Note.parse(world.ledgers[log].checkpoint(sizes[log]))
            others = [w for w in PARTIES if w != log]
            assert [cosigned(note, w, PUBLIC[w]) for w in others] == [NOW, NOW]
    assert [world.fault(name) for name in PARTIES] == [None] * 3


def test_each_head_stands_in_the_others_logs(world: World) -> None:
    world.exchange("bureau", "hospital")
    (entry,) = world.ledgers["hospital"].entries("cosigned")
    assert entry.body["origin"] == "mpcstats/bureau"
    assert entry.body["size"] == 5
    assert entry.body["root"] == world.ledgers["bureau"].root.hex()
    assert kept(world.path("hospital"), "bureau") == world.ledgers["hospital"].seen(
        "mpcstats/bureau"
    )


def test_the_same_checkpoint_is_cosigned_again_without_a_second_entry(world: World) -> None:
    world.exchange("bureau", "hospital")
    world.exchange("bureau", "hospital")
    assert len(world.ledgers["hospital"].entries("cosigned")) == 1


def test_a_rollback_is_no_extension(world: World, tmp_path: Path) -> None:
    world.ledgers["bureau"].close()
    shutil.copy(world.path("bureau"), tmp_path / "old")
    world.reopen("bureau")
    world.write("bureau", 2)
    world.exchange("bureau", "hospital")
    note = kept(world.path("hospital"), "bureau")
    world.reopen("bureau", tmp_path / "old")
    # An honest program notices by itself: what the hospital holds is not in the ledger.
    with pytest.raises(
        PeerFault, match=r"^hospital at checkpoint: says it holds a checkpoint of 7 "
    ):
        world.offered("bureau", "hospital")
    # One that lies about it is refused, and both notes are there to be shown.
    lie = {"checkpoint": world.ledgers["bureau"].checkpoint(), "old": 7, "proof": []}
    with pytest.raises(
        SplitView, match=r"of at least the 7 entries .* got 5: rolled back"
    ) as found:
        world.witnesses["hospital"].answer("bureau", lie)
    assert (found.value.party, found.value.held) == ("bureau", note)
    assert world.ledgers["hospital"].seen("mpcstats/bureau") == note
    report = verify(world.path("bureau"), PUBLIC["bureau"], kept=[note])
    assert report.fault is not None
    assert report.fault.startswith("entry 5: expected 7 entries as a kept checkpoint says")


def other_history(world: World, tmp_path: Path, entries: int) -> Ledger:
    """A second ledger of the bureau, signed with its key: the last entries differ."""
    ledger = Ledger.open(
        tmp_path / "second", party="bureau", signing_key=KEYS["bureau"], clock=lambda: NOW
    )
    for n in range(entries):
        ledger.append("opening", {"n": n if n < 3 else -n})
    return ledger


@pytest.mark.parametrize("entries", [5, 8])
def test_a_split_view_is_caught_with_both_notes(world: World, tmp_path: Path, entries: int) -> None:
    world.exchange("bureau", "hospital")
    note = kept(world.path("hospital"), "bureau")
    with other_history(world, tmp_path, entries) as second:
        offer = {
            "checkpoint": second.checkpoint(),
            "old": 5,
            "proof": [part.hex() for part in second.consistency(5)],
        }
        with pytest.raises(SplitView) as found:
            world.witnesses["hospital"].answer("bureau", offer)
        assert forked(found.value.held, found.value.offered, "bureau", PUBLIC["bureau"]) == (
            entries == 5
        )
        # The insurer, who has seen nothing yet, cosigns it: then the two witnesses hold a fork.
        first = wire(
            world.witnesses["insurer"].answer(
                "bureau", {**offer, "checkpoint": second.checkpoint(5)}
            )
        )
    assert "cosignature" in first
    assert forked(note, kept(world.path("insurer"), "bureau"), "bureau", PUBLIC["bureau"])
    assert len(world.ledgers["hospital"].entries("cosigned")) == 1
    body = found.value.body()
    world.ledgers["hospital"].append("violation", body)
    assert (body["held"], body["party"]) == (note, "bureau")
    # The bureau's honest ledger is told of it, with its own signatures as evidence.
    with pytest.raises(PeerFault, match=r"two checkpoints with this party's signature"):
        world.witnesses["bureau"].accept("hospital", wire(found.value.answer()), size=5)
    assert world.fault("hospital") is None


def test_a_replayed_checkpoint_is_refused(world: World) -> None:
    old = world.offered("bureau", "hospital")
    world.exchange("bureau", "hospital")
    world.write("bureau", 1)
    world.exchange("bureau", "hospital")
    with pytest.raises(SplitView, match="got 5: rolled back, or replayed"):
        world.witnesses["hospital"].answer("bureau", old)


def test_a_proof_from_another_size_is_no_second_history(world: World) -> None:
    """Two exchanges at once: the second's proof is from a size that is no longer the last."""
    slow = world.offered("bureau", "hospital")
    world.exchange("bureau", "hospital", 3)
    with pytest.raises(
        PeerFault, match="expected a proof from 3 entries, got one from 0: ask"
    ) as found:
        world.witnesses["hospital"].answer("bureau", slow)
    assert not isinstance(found.value, SplitView)
    assert world.exchange("bureau", "hospital") == NOW


@pytest.mark.parametrize("change", ["byte", "cut", "more", "none"])
def test_a_wrong_proof_is_refused(world: World, change: str) -> None:
    world.exchange("bureau", "hospital")
    world.write("bureau", 6)
    offer = world.offered("bureau", "hospital")
    proof = offer["proof"]
    assert len(proof) > 1
    bad = {
        "byte": {"proof": [proof[0][:-1] + ("0" if proof[0][-1] != "0" else "1"), *proof[1:]]},
        "cut": {"proof": proof[:-1]},
        "more": {"proof": [*proof, proof[0]]},
        "none": {"proof": []},
    }[change]
    with pytest.raises(SplitView, match="expected a proof that its log of 11 entries extends"):
        world.witnesses["hospital"].answer("bureau", {**offer, **bad})
    assert len(world.ledgers["hospital"].entries("cosigned")) == 1
    assert "cosignature" in world.witnesses["hospital"].answer("bureau", offer)


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"checkpoint": "x", "old": 0, "proof": []},
        {"checkpoint": 1, "old": 0, "proof": []},
        {"checkpoint": "GOOD", "old": "0", "proof": []},
        {"checkpoint": "GOOD", "old": -1, "proof": []},
        {"checkpoint": "GOOD", "old": True, "proof": []},
        {"checkpoint": "GOOD", "old": 0, "proof": ["00"]},
        {"checkpoint": "GOOD", "old": 0, "proof": ["A" * 64]},
        {"checkpoint": "GOOD", "old": 0, "proof": ["0" * 64] * 65},
        {"checkpoint": "GOOD", "old": 0, "proof": [], "more": 1},
        {"checkpoint": "INSURER", "old": 0, "proof": []},
        {"checkpoint": "FORGED", "old": 0, "proof": []},
    ],
)
def test_an_offer_of_another_form_is_the_peers_fault(world: World, message: Any) -> None:
    made = {
        "GOOD": world.ledgers["bureau"].checkpoint(),
        "INSURER": world.ledgers["insurer"].checkpoint(),
        "FORGED": str(Checkpoint("mpcstats/bureau", 9, bytes(32)).signed_by(KEYS["insurer"])),
    }
    if isinstance(message, dict) and message.get("checkpoint") in made:
        message = {**message, "checkpoint": made[message["checkpoint"]]}
    with pytest.raises(PeerFault, match=r"^bureau at checkpoint: ") as found:
        world.witnesses["hospital"].answer("bureau", message)
    assert not isinstance(found.value, SplitView)
    assert world.ledgers["hospital"].size == 0


@pytest.mark.parametrize(
    "held",
    [
        {"origin": "mpcstats/insurer", "size": 0, "root": "0" * 64},
        {"origin": "mpcstats/bureau", "size": 2, "root": "0" * 64},
        {"origin": "mpcstats/bureau", "size": 99, "root": "0" * 64},
        {"origin": "mpcstats/bureau", "size": 0},
        "x",
    ],
)
def test_what_a_peer_says_it_holds_is_checked(world: World, held: Any) -> None:
    with pytest.raises(PeerFault, match=r"^hospital at checkpoint: "):
        world.witnesses["bureau"].offer("hospital", held)


def test_a_cosignature_is_checked_before_it_is_kept(world: World) -> None:
    answer = wire(world.witnesses["hospital"].answer("bureau", world.offered("bureau", "hospital")))
    bureau = world.witnesses["bureau"]
    line = answer["cosignature"]
    for bad in (
        {"cosignature": line[:-4] + "AAA="},
        {"cosignature": line.replace("hospital", "insurer")},
        {"cosignature": "x"},
        {"cosignature": None},
        {},
        {"conflict": {"held": "x", "offered": "y", "reason": "z"}},
    ):
        with pytest.raises(PeerFault, match=r"^hospital at checkpoint: "):
            bureau.accept("hospital", bad, size=5)
    with pytest.raises(PeerFault):  # it is over five entries, not over four
        bureau.accept("hospital", answer, size=4)
    with pytest.raises(PeerFault):
        bureau.accept("insurer", answer, size=5)
    assert "hospital" not in world.ledgers["bureau"].checkpoint()
    assert bureau.accept("hospital", answer, size=5) == NOW
    assert "hospital" in world.ledgers["bureau"].checkpoint()


@pytest.mark.parametrize("after", ["offer", "answer"])
def test_a_crash_between_messages_is_made_good_by_the_next_exchange(
    world: World, after: str
) -> None:
    offer = world.offered("bureau", "hospital")
    if after == "answer":
        world.witnesses["hospital"].answer("bureau", offer)  # kept, and the answer is lost
    world.reopen("hospital")
    world.reopen("bureau")
    world.write("bureau", 1)
    assert world.exchange("bureau", "hospital") == NOW
    assert world.exchange("bureau", "insurer", 5) == NOW  # a witness of its own
    assert [world.fault(name) for name in PARTIES] == [None] * 3


def test_a_stranger_is_no_peer(world: World) -> None:
    for name in ("nobody", "bureau"):
        with pytest.raises(UsageError, match=r"^expected a peer of hospital, insurer, got "):
            world.witnesses["bureau"].held(name)
