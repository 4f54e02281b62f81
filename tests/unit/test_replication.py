"""Replicated logs: four nodes come to hold the same, one that crashes catches up, who changes a block is named."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.replication.block import Copies, Seal, head_after
from mpcstats.records.replication.compare import faults
from mpcstats.records.replication.file import read_copies
from mpcstats.records.replication.replica import Replica
from mpcstats.records.signed import Statement

NODES = ("bureau", "h1", "h2", "p")
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in NODES}
AT = "2026-03-02T08:00:00Z"


def principal(name: str) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": ["party"]})


EVERYBODY = Principals([principal(name) for name in NODES])


def body(number: int, signer: str = "p") -> dict[str, Any]:
    statement = Statement.of("action", {"number": number}).sign(signer, KEYS[signer])
    return {"at": AT, "statement": statement.to_json()}


def opened(folder: Path, me: str) -> Replica:
    path = folder / f"{me}.sqlite"
    return Replica.open(path, me=me, key=KEYS[me], nodes=NODES, principals=EVERYBODY)


def exchange(replicas: list[Replica]) -> None:
    """Everybody takes what everybody else has; the second time, the seals made in the first."""
    for _ in range(2):
        for giver in replicas:
            for taker in replicas:
                if giver is not taker:
                    taker.take(giver.since(taker.have()), sender=giver.me)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of four nodes that hold three blocks of the bureau's log and two of h1's."""
    folder = tmp_path_factory.mktemp("nodes")
    replicas = [opened(folder, name) for name in NODES]
    for number in range(3):
        replicas[0].append("action", body(number))
    for number in range(2):
        replicas[1].append("action", body(number, "h2"))
    exchange(replicas)
    for replica in replicas:
        replica.close()
    return folder


@pytest.fixture
def four(filled: Path, tmp_path: Path) -> Iterator[list[Replica]]:
    """The four nodes, on files of their own."""
    for name in NODES:
        shutil.copy(filled / f"{name}.sqlite", tmp_path)
    replicas = [opened(tmp_path, name) for name in NODES]
    yield replicas
    for replica in replicas:
        replica.close()


def shown(folder: Path) -> list[Copies]:
    return [read_copies(folder / f"{name}.sqlite") for name in NODES]


def tamper(folder: Path, node: str, sql: str) -> None:
    with closing(sqlite3.connect(folder / f"{node}.sqlite")) as db:
        assert db.execute(sql).rowcount > 0
        db.commit()


def test_four_nodes_come_to_hold_the_same(four: list[Replica], tmp_path: Path) -> None:
    assert {tuple(r.have().items()) for r in four} == {
        (("bureau", 3), ("h1", 2), ("h2", 0), ("p", 0))
    }
    assert all(r.log("bureau") == four[0].log("bureau") for r in four)
    assert four[2].sealed_by("bureau", 3) == NODES
    assert faults(shown(tmp_path), EVERYBODY) == ()


def test_the_head_covers_log_place_kind_and_body() -> None:
    parts = ("bureau", "0" * 64, 1, "action", "{}")
    changed = [("h1", *parts[1:]), ("bureau", "1" * 64, *parts[2:]), (*parts[:2], 2, *parts[3:])]
    changed += [(*parts[:3], "access", "{}"), (*parts[:4], '{"a":1}')]
    assert len({head_after(*p) for p in (parts, *changed)}) == 6


def test_a_node_that_comes_back_catches_up_and_goes_on(four: list[Replica], tmp_path: Path) -> None:
    four[2].close()  # h2 is gone
    rest = [four[0], four[1], four[3]]
    four[0].append("action", body(3))
    exchange(rest)
    back = opened(tmp_path, "h2")
    assert back.have()["bureau"] == 3
    assert faults(shown(tmp_path), EVERYBODY) == ()  # behind is no fault
    four[2] = back
    exchange(four)
    assert back.log("bureau") == four[0].log("bureau")
    assert back.append("action", body(9, "h2")).index == 1
    exchange(four)
    assert four[3].sealed_by("h2", 1) == NODES


def test_a_node_that_has_lost_its_disk_gets_even_its_own_log_back(
    four: list[Replica], tmp_path: Path
) -> None:
    four[1].close()
    (tmp_path / "h1.sqlite").unlink()
    four[1] = opened(tmp_path, "h1")
    # Until then it is named: it has sealed what it does not show.
    named = faults(shown(tmp_path), EVERYBODY)
    assert {(f.log, f.index, f.node) for f in named} == {("bureau", 1, "h1"), ("h1", 1, "h1")}
    exchange(four)
    assert faults(shown(tmp_path), EVERYBODY) == ()
    assert four[1].append("action", body(7, "h1")).index == 3


UPDATE = "UPDATE block SET"
WHERE = "WHERE log = 'bureau' AND number ="


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (f"{UPDATE} body = replace(body, '\"number\":1', '\"number\":7') {WHERE} 2", 2),
        (f"{UPDATE} body = 'rubbish' {WHERE} 1", 1),
        (f"{UPDATE} kind = 'access' {WHERE} 3", 3),
        (f"{UPDATE} head = printf('%064d', 0) {WHERE} 2", 2),
        (f"{UPDATE} log = 'no name!' {WHERE} 3", 3),
        (f"{UPDATE} number = -4 {WHERE} 1", 1),
        (f"DELETE FROM block {WHERE} 2", 2),
        (f"DELETE FROM block {WHERE} 3", 3),
        (f"DELETE FROM seal {WHERE} 1 AND node = 'bureau'", 1),
        (f"UPDATE seal SET signature = printf('%0128d', 0) {WHERE} 3", 3),
    ],
)
@pytest.mark.parametrize("node", ["bureau", "p"])
def test_one_tampered_block_names_the_node_and_the_first_index(
    four: list[Replica], tmp_path: Path, node: str, sql: str, index: int
) -> None:
    tamper(tmp_path, node, sql)
    named = faults(shown(tmp_path), EVERYBODY)
    assert [(f.log, f.index, f.node) for f in named] == [("bureau", index, node)]
    # Every other node finds it with its own copies alone.
    for other in NODES:
        if other != node:
            pair = [read_copies(tmp_path / f"{name}.sqlite") for name in (node, other)]
            assert faults(pair, EVERYBODY) == named


def test_a_block_moved_to_another_log_is_a_fault_in_both(
    four: list[Replica], tmp_path: Path
) -> None:
    tamper(tmp_path, "h2", f"{UPDATE} log = 'p' {WHERE} 2")
    named = faults(shown(tmp_path), EVERYBODY)
    assert [(f.log, f.index, f.node) for f in named] == [("bureau", 2, "h2"), ("p", 1, "h2")]


def rewritten(folder: Path, node: str) -> Copies:
    """The bureau's log at `node`, with its second record replaced and every seal that `node` can make made anew."""
    copies = read_copies(folder / f"{node}.sqlite")
    head, blocks, seals = "0" * 64, [], []
    for block in copies.blocks:
        if block.log != "bureau":
            continue
        changed = {"body": body(99)} if block.index == 2 else {}
        block = block.model_copy(update=changed)
        head = block.after(head)
        blocks.append(block.model_copy(update={"head": head}))
        seals.append(Seal.of("bureau", block.index, head, node=node, key=KEYS[node]))
    keeper = [s for s in copies.seals if s.node == "bureau" and s.log == "bureau"]
    kept = [] if node == "bureau" else keeper
    others = [b for b in copies.blocks if b.log != "bureau"]
    kept += [s for s in copies.seals if s.log != "bureau"]
    return Copies(node=node, blocks=(*blocks, *others), seals=(*seals, *kept))


@pytest.mark.parametrize("node", ["bureau", "p"])
def test_a_node_that_signs_a_rewritten_log_is_convicted_by_its_earlier_seals(
    four: list[Replica], tmp_path: Path, node: str
) -> None:
    forged = rewritten(tmp_path, node)
    honest = read_copies(tmp_path / "h1.sqlite")
    named = faults([forged, honest], EVERYBODY)
    assert [(f.log, f.index, f.node) for f in named] == [("bureau", 2, node)]


def test_a_keeper_with_two_blocks_for_one_index_is_named_when_it_sends_them(
    four: list[Replica], tmp_path: Path
) -> None:
    forged = rewritten(tmp_path, "bureau").model_dump(mode="json")
    with pytest.raises(PeerFault, match="block 2 of bureau: expected one block, got two") as caught:
        four[2].take(forged, sender="bureau")
    assert caught.value.party == "bureau"


def test_a_keeper_that_shows_two_logs_is_named_and_those_who_believed_it_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "two").mkdir()
    with (
        closing(opened(tmp_path, "bureau")) as one,
        closing(opened(tmp_path / "two", "bureau")) as two,
        closing(opened(tmp_path, "h1")) as h1,
        closing(opened(tmp_path, "h2")) as h2,
    ):
        one.append("action", body(1))
        two.append("action", body(2))
        h1.take(one.since(h1.have()), sender="bureau")
        h2.take(two.since(h2.have()), sender="bureau")
        shown: Any = h2.since({})
        with pytest.raises(PeerFault, match="expected one block, got two") as caught:
            h1.take(shown, sender="h2")
        assert caught.value.party == "bureau"
        # With seals alone: the keeper's convicts it, another's without it leaves open which of the two.
        for signers, party in (({"bureau", "h2"}, "bureau"), ({"h2"}, "bureau or h2")):
            seals = [s for s in shown["seals"] if s["node"] in signers]
            with pytest.raises(PeerFault, match="expected a seal under the head here") as caught:
                h1.take({"node": "h2", "blocks": [], "seals": seals}, sender="h2")
            assert caught.value.party == party
        named = faults(
            [read_copies(tmp_path / f"{name}.sqlite") for name in ("h1", "h2")], EVERYBODY
        )
    assert [(f.log, f.index, f.node) for f in named] == [("bureau", 1, "bureau")]


Change = Callable[[dict[str, Any]], None]


def set_body(given: dict[str, Any]) -> None:
    given["blocks"][0]["body"]["statement"]["body"]["number"] = 8


def set_sender(given: dict[str, Any]) -> None:
    given["node"] = "h1"


def drop_seal(given: dict[str, Any]) -> None:
    given["seals"] = []


def skip(given: dict[str, Any]) -> None:
    del given["blocks"][0]


def add_name(given: dict[str, Any]) -> None:
    given["blocks"][0]["more"] = 1


def add_float(given: dict[str, Any]) -> None:
    given["blocks"][0]["body"]["at"] = 1.5


def foreign_seal(given: dict[str, Any]) -> None:
    given["seals"].append({**given["seals"][0], "node": "p"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_body, "block 1 of bureau: expected the head of its content, got another"),
        (set_sender, "expected its own copies, got those of h1"),
        (drop_seal, "block 1 of bureau: expected the seal of bureau, got none"),
        (skip, "expected block 1 of bureau, got block 2 of bureau"),
        (add_name, "more: extra inputs are not permitted"),
        (add_float, "expected text, whole numbers"),
        (foreign_seal, "expected a seal of p, got another's"),
    ],
)
def test_what_a_node_has_changed_on_the_way_is_its_fault(
    tmp_path: Path, change: Change, message: str
) -> None:
    with closing(opened(tmp_path, "bureau")) as giver, closing(opened(tmp_path, "h2")) as taker:
        giver.append("action", body(1))
        giver.append("action", body(2))
        given: dict[str, Any] = dict(giver.since(taker.have()))
        change(given)
        with pytest.raises(PeerFault, match=message) as caught:
            taker.take(given, sender="bureau")
        assert caught.value.party == "bureau"
        taker.take(giver.since(taker.have()), sender="bureau")  # unchanged, it is taken
        assert taker.sealed_by("bureau", 2) == ("bureau", "h2")


def test_seals_come_back_to_the_keeper(tmp_path: Path) -> None:
    with closing(opened(tmp_path, "bureau")) as giver, closing(opened(tmp_path, "h2")) as taker:
        giver.append("action", body(1))
        assert giver.sealed_by("bureau", 1) == ("bureau",)
        answer = taker.take(giver.since(taker.have()), sender="bureau")
        giver.take(answer, sender="h2")
        assert giver.sealed_by("bureau", 1) == ("bureau", "h2")


def test_a_statement_that_its_signer_did_not_sign_is_taken_by_nobody(tmp_path: Path) -> None:
    forged = body(1)
    forged["statement"]["body"]["number"] = 2
    with closing(opened(tmp_path, "bureau")) as node:
        with pytest.raises(UsageError, match="expected a signature by the key of p, got another"):
            node.append("action", forged)
        assert node.have()["bureau"] == 0
        unsigned: dict[str, Any] = {"at": AT, "statement": Statement.of("action", {}).to_json()}
        with pytest.raises(UsageError, match="expected a signature, got none"):
            node.append("action", unsigned)
        with pytest.raises(UsageError, match="expected a time as"):
            node.append("action", {"what": 1})


def test_pages_reach_the_end(tmp_path: Path) -> None:
    with closing(opened(tmp_path, "bureau")) as giver, closing(opened(tmp_path, "h2")) as taker:
        for number in range(7):
            giver.append("action", body(number))
        for expected in (3, 6, 7, 7):
            taker.take(giver.since(taker.have(), blocks=3), sender="bureau")
            assert taker.have()["bureau"] == expected


def test_copies_of_another_node_and_other_files_are_refused(tmp_path: Path) -> None:
    opened(tmp_path, "bureau").close()
    (tmp_path / "bureau.sqlite").rename(tmp_path / "h1.sqlite")
    with pytest.raises(UsageError, match="expected the copies of h1, got those of 'bureau'"):
        opened(tmp_path, "h1")
    (tmp_path / "h2.sqlite").write_text("nothing of the kind, but long enough to be looked at" * 9)
    with pytest.raises(UsageError, match=r"h2\.sqlite: expected a node's copies of logs, got"):
        opened(tmp_path, "h2")
