"""Parties over TLS on this machine: they agree with lockstep, and every failure names who failed."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from mpcstats.errors import Disagreement, MpcstatsError, PeerFault, TransportFault, UsageError
from mpcstats.session import PairSeeds, Program, Session, Words, parallel
from mpcstats.session.messages import wire_tag
from mpcstats.testing import run_together
from mpcstats.transport.connection import Connection
from mpcstats.transport.control import connect, dial
from mpcstats.transport.frames import Frame, Kind
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import (
    Identity,
    Peer,
    client_context,
    fingerprint,
    make_certificate,
    read_certificate,
    server_context,
)
from mpcstats.transport.inbox import LIMITS, Limits
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh
from mpcstats.transport.shaping import LOOPBACK, WAN, Profile
from mpcstats.transport.traffic import Traffic

T = TypeVar("T")
NAMES = ("bureau", "fund", "hospital")
SILENCE = 1.0
TERMS = {"plan": "a1b2c3", "policy": "77"}


@dataclass(frozen=True)
class World:
    """Certificates and addresses of three parties; `folder` holds the PEM files."""

    folder: Path
    me: dict[str, Identity]
    peers: dict[str, Peer]

    def others(self, name: str) -> dict[str, Peer]:
        return {peer.name: peer for peer in self.peers.values() if peer.name != name}

    def listen(self, name: str) -> Listener:
        peer = self.peers[name]
        return Listener(self.me[name], peer.host, peer.port, self.others(name), silence=SILENCE)


def write_identity(folder: Path, name: str, file: str) -> Identity:
    certificate, key = make_certificate(name)
    identity = Identity(name, folder / f"{file}.crt", folder / f"{file}.key")
    identity.certificate.write_bytes(certificate)
    identity.key.write_bytes(key)
    return identity


def free_ports(n: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def make_world(folder: Path) -> World:
    me = {name: write_identity(folder, name, name) for name in NAMES}
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    peers = {
        name: Peer(
            name,
            "127.0.0.1",
            ports[name],
            fingerprint(read_certificate(me[name].certificate)),
            me[name].certificate,
        )
        for name in NAMES
    }
    return World(folder, me, peers)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    before = set(threading.enumerate())
    yield make_world(tmp_path)
    left = [t.name for t in threading.enumerate() if t not in before and "mpcstats" in t.name]
    assert left == []


def at_all(
    world: World,
    act: Callable[[Mesh], T],
    names: tuple[str, ...] = NAMES,
    *,
    profile: Profile = LOOPBACK,
) -> dict[str, Any]:
    """What `act` returned or raised at each party of a mesh of `names`, each in a thread of its own."""
    label = secrets.token_hex(16)

    def one(name: str) -> Any:
        try:
            with world.listen(name) as listener:
                others = list(world.others(name).values())
                with Mesh.connect(
                    world.me[name], listener, label, others, silence=SILENCE, profile=profile
                ) as mesh:
                    return act(mesh)
        except MpcstatsError as error:
            return error

    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def seeded(mesh: Mesh, body: Callable[[Session], Any]) -> tuple[Any, Traffic]:
    seeds = agree(mesh, mesh.me, NAMES, TERMS)
    program = Program(mesh.me, body(Session(mesh.me, NAMES, seeds)))
    traffic = mesh.run(program)
    return program.result, traffic


def ring(me: str) -> tuple[str, str]:
    i = NAMES.index(me)
    return NAMES[(i + 1) % 3], NAMES[(i - 1) % 3]


def number(me: str) -> np.uint64:
    return np.uint64(NAMES.index(me) + 1)


async def around(session: Session) -> list[int]:
    """Sums of what goes round the ring, in parallel branches of several sizes, some of them empty."""
    right, left = ring(session.me)

    async def lap(branch: Session, n: int) -> int:
        held = np.full(n, number(session.me), dtype=np.uint64)
        total = held.copy()
        for _ in range(2):
            held = (await branch.exchange(send={right: held}, receive={left: n}))[left]
            total += held
        return int(total.sum())

    return list(await parallel(*(lap(session.narrow(f"n{n}"), n) for n in (1, 0, 1000, 20_000))))


async def large(session: Session) -> bool:
    """Several MB in both directions of every pair at once, then a mask that the pairs have in common."""
    others = [name for name in session.parties if name != session.me]
    n = 1 << 19  # 4 MiB
    got = await session.exchange(
        send={peer: np.full(n, number(session.me), dtype=np.uint64) for peer in others},
        receive=dict.fromkeys(others, n),
    )
    masks = session.narrow("masks")
    mine = {peer: masks.stream(peer).words(4) for peer in others}
    theirs = await masks.exchange(send=mine, receive=dict.fromkeys(others, 4))
    return all(bool(np.all(got[p] == number(p))) for p in others) and all(
        np.array_equal(mine[p], theirs[p]) for p in others
    )


def test_over_a_shaped_network_no_round_trip_is_shorter_than_the_profile_says(world: World) -> None:
    profile = Profile("slow", rate=40e6, round_trip=0.05)
    n = 1 << 15  # 256 KiB: 52 ms of transmission, each way

    async def there_and_back(session: Session) -> float:
        """Seconds at bureau from sending to its answer; fund sends back what it got."""
        if session.me == "hospital":
            return 0.0
        peer = "fund" if session.me == "bureau" else "bureau"
        begun = time.monotonic()
        held = np.arange(n, dtype=np.uint64)
        if session.me == "fund":
            held = (await session.exchange(receive={peer: n}))[peer]
            await session.exchange(send={peer: held})
            return 0.0
        await session.exchange(send={peer: held})
        back = (await session.exchange(receive={peer: n}))[peer]
        assert np.array_equal(back, held)
        return time.monotonic() - begun

    outcome = at_all(world, lambda mesh: seeded(mesh, there_and_back), profile=profile)
    took, traffic = outcome["bureau"]
    assert traffic.total_bytes == 8 * n
    assert took >= 0.99 * (profile.round_trip + 2 * 8 * (8 * n) / profile.rate)


def test_a_failure_is_told_over_a_shaped_network_too(world: World) -> None:
    def act(mesh: Mesh) -> object:
        if mesh.me == "bureau":
            raise PeerFault("fund", "run/x", "expected 3 words, got 4")
        return seeded(mesh, around)

    outcome = at_all(world, act, profile=WAN)
    assert outcome["hospital"].party == "fund"
    assert isinstance(outcome["hospital"], PeerFault)


def test_what_one_branch_sends_arrives_while_the_next_computes(world: World) -> None:
    arrived = threading.Event()

    async def says(session: Session) -> bool:
        if session.me == "bureau":
            await session.exchange(send={"fund": np.ones(3, dtype=np.uint64)})
        elif session.me == "fund":
            await session.exchange(receive={"bureau": 3})
            arrived.set()
        return True

    async def computes(session: Session) -> bool:
        return session.me != "bureau" or arrived.wait(10)

    async def both(session: Session) -> list[bool]:
        return await parallel(says(session.narrow("says")), computes(session.narrow("computes")))

    outcome = at_all(world, lambda mesh: seeded(mesh, both))
    assert [result for result, _ in outcome.values()] == [[True, True]] * 3
    assert [traffic.rounds for _, traffic in outcome.values()] == [1, 0, 0]


def test_a_mesh_does_what_lockstep_does(world: World) -> None:
    expected = run_together(NAMES, around)
    outcome = at_all(world, lambda mesh: seeded(mesh, around))
    assert {name: result for name, (result, _) in outcome.items()} == expected.results
    for name, (_, traffic) in outcome.items():
        assert traffic.bytes_sent[name] == expected.traffic.bytes_sent[name]
        assert traffic.rounds >= expected.traffic.rounds


def test_megabytes_in_both_directions_at_once_do_not_block(world: World) -> None:
    outcome = at_all(world, lambda mesh: seeded(mesh, large))
    assert [result for result, _ in outcome.values()] == [True, True, True]


def test_a_party_that_computes_for_longer_than_a_silence_is_not_taken_for_dead(
    world: World,
) -> None:
    def slow(mesh: Mesh) -> tuple[Any, Traffic]:
        if mesh.me == "fund":
            time.sleep(1.5 * SILENCE)
        mesh.exchange_json({}, timeout=5)
        return seeded(mesh, around)

    outcome = at_all(world, slow)
    assert all(isinstance(result, tuple) for result in outcome.values()), outcome


def test_differing_terms_are_named_at_both_sides(world: World) -> None:
    def act(mesh: Mesh) -> object:
        other = {"plan": "ffff"} if mesh.me == "fund" else {}
        return agree(mesh, mesh.me, NAMES, TERMS | other)

    outcome = at_all(world, act)
    for name, error in outcome.items():
        assert isinstance(error, Disagreement), outcome
        assert "plan (here " in error.reason
        assert "policy" not in error.reason
        assert name == "fund" or error.party == "fund"
    assert outcome["fund"].party in {"bureau", "hospital"}


def test_a_term_that_one_side_lacks_is_named(world: World) -> None:
    def act(mesh: Mesh) -> object:
        return agree(mesh, mesh.me, NAMES, TERMS if mesh.me == "fund" else {"plan": "a1b2c3"})

    outcome = at_all(world, act)
    assert all("policy (here" in error.reason for error in outcome.values()), outcome


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("nonce", "zz" * 32, "expected a nonce of 64 hex digits"),
        ("nonce", "ab", "expected a nonce of 64 hex digits"),
        ("seed", 5, "expected a seed of 64 hex digits"),
        ("terms", {"plan": 1}, "expected at most 64 terms"),
        ("terms", {str(i): "" for i in range(65)}, "expected at most 64 terms"),
        ("more", 1, "got other fields"),
    ],
)
def test_a_malformed_handshake_is_the_peers_fault(field: str, value: object, reason: str) -> None:
    good = {"nonce": "ab" * 32, "seed": "cd" * 32, "terms": TERMS}

    class Fake:
        def exchange_json_each(self, fields: Any, *, check: Any = None) -> Any:
            check("fund", good | {field: value})

    with pytest.raises(PeerFault, match=reason):
        agree(Fake(), "bureau", ("bureau", "fund"), TERMS)


def test_a_nonce_that_differs_between_receivers_is_noticed(world: World) -> None:
    def act(mesh: Mesh) -> object:
        if mesh.me != "fund":
            return agree(mesh, mesh.me, NAMES, TERMS)
        two_faced = {
            peer: {"nonce": digit * 64, "seed": "0" * 64, "terms": TERMS}
            for peer, digit in (("bureau", "1"), ("hospital", "2"))
        }
        mesh.exchange_json_each(two_faced)
        return mesh.exchange_json({"run": "0" * 64})

    outcome = at_all(world, act)
    assert isinstance(outcome["bureau"], Disagreement)
    assert isinstance(outcome["hospital"], Disagreement)


def test_a_fault_at_one_party_is_named_by_all_and_a_private_error_stays_private(
    world: World,
) -> None:
    def act(mesh: Mesh) -> object:
        if mesh.me == "bureau":
            raise PeerFault("fund", "run/x", "expected 3 words, got 4")
        if mesh.me == "fund":
            raise UsageError("/home/fund/secret.csv line 3")
        return seeded(mesh, around)

    error = at_all(world, act)["hospital"]
    assert isinstance(error, PeerFault | TransportFault)
    assert error.party == "fund"
    assert "secret" not in str(error)


def test_an_accused_party_names_its_accuser(world: World) -> None:
    def act(mesh: Mesh) -> object:
        if mesh.me == "bureau":
            raise PeerFault("fund", "run/x", "expected 3 words, got 4")
        return seeded(mesh, around)

    outcome = at_all(world, act)
    assert outcome["fund"].party in {"bureau", "hospital"}
    assert outcome["hospital"].party == "fund"
    assert isinstance(outcome["hospital"], PeerFault)


# One honest party (bureau), the others played by hand on bare connections.


@dataclass(frozen=True)
class Puppet:
    """The connections of a party that is played by hand."""

    out: Connection
    back: Connection

    def send(self, frame: Frame) -> None:
        self.out.send_frame(frame, timeout=SILENCE)

    def data(self, tag: int, words: Words) -> None:
        self.send(Frame(Kind.DATA, tag, words=words))

    def raw(self, data: bytes) -> None:
        self.out._socket.sendall(data)


def against(
    world: World,
    play: Callable[[Puppet], None],
    act: Callable[[Mesh], object],
    limits: Limits = LIMITS,
) -> BaseException:
    """The error that bureau gets from `act` when fund does `play`, in a mesh of the two."""
    label = secrets.token_hex(16)
    fund, bureau = world.peers["fund"], world.peers["bureau"]

    def puppet(listener: Listener) -> None:
        deadline = time.monotonic() + SILENCE
        hello = {"kind": "run", "label": label}
        out = connect(world.me["fund"], bureau, hello, deadline=deadline, silence=SILENCE)
        back = listener.incoming(label, "bureau", deadline)
        try:
            with suppress(MpcstatsError, OSError):  # bureau may have had enough before all is said
                play(Puppet(out, back))
            drain(back)
        finally:
            out.close()
            back.close()

    def drain(back: Connection) -> None:
        try:
            while back.receive_frame(SILENCE, limit=1 << 30).kind is not Kind.BYE:
                pass
        except MpcstatsError:
            return

    with (
        world.listen("bureau") as here,
        world.listen("fund") as there,
        ThreadPoolExecutor(1) as pool,
    ):
        done = pool.submit(puppet, there)
        with (
            pytest.raises(MpcstatsError) as caught,
            Mesh.connect(
                world.me["bureau"], here, label, [fund], silence=SILENCE, limits=limits
            ) as mesh,
        ):
            act(mesh)
        done.result()
    return caught.value


async def await_three(session: Session) -> None:
    await session.exchange(receive={"fund": 3})
    await session.exchange(receive={"fund": 3})


def run_await(mesh: Mesh) -> object:
    return mesh.run(
        Program(
            "bureau",
            await_three(Session("bureau", ("bureau", "fund"), PairSeeds(b"", {"fund": bytes(32)}))),
        )
    )


THREE = np.arange(3, dtype=np.uint64)


@pytest.mark.parametrize(
    ("play", "step", "reason"),
    [
        (
            lambda p: p.data(wire_tag("run#0"), np.arange(4, dtype=np.uint64)),
            "run#0",
            "expected 3 words, got 4",
        ),
        (
            lambda p: (p.data(wire_tag("run#0"), THREE), p.data(wire_tag("run#0"), THREE)),
            "run#0",
            "got a second one",
        ),
        (lambda p: (p.data(5, THREE), p.data(5, THREE)), "message 00", "got a second one"),
        (
            lambda p: [p.data(tag, THREE) for tag in (9, wire_tag("run#0"), wire_tag("run#1"))],
            "transport",
            "expected no further message, got 1",
        ),
        (lambda p: p.raw(b"\xff" * 24), "transport", "expected a known kind of frame"),
        (lambda p: p.send(Frame(Kind.HELLO, fields={})), "transport", "expected one hello"),
        (
            lambda p: p.raw(b"\x02" + bytes(15) + (1 << 40).to_bytes(8, "little")),
            "transport",
            "expected at most 1048576 bytes in a json frame",
        ),
        (
            lambda p: p.raw(b"\x03" + bytes(15) + (1 << 60).to_bytes(8, "little")),
            "transport",
            "bytes in a data frame, got",
        ),
        (
            lambda p: p.raw(b"\x03" + bytes(15) + (7).to_bytes(8, "little")),
            "transport",
            "expected whole words",
        ),
        (
            lambda p: p.raw(b"\x02" + bytes(15) + (3).to_bytes(8, "little") + b"[1]"),
            "transport",
            "expected a JSON object, got a list",
        ),
        (
            lambda p: [p.data(tag, np.zeros(1000, dtype=np.uint64)) for tag in range(1, 20)],
            "transport",
            "ahead of this party",
        ),
        (
            lambda p: [p.send(Frame(Kind.JSON, fields={"i": i})) for i in range(20)],
            "transport",
            "objects ahead of this party",
        ),
    ],
)
def test_a_breach_of_the_protocol_is_a_peer_fault(
    world: World, play: Callable[[Puppet], None], step: str, reason: str
) -> None:
    error = against(world, play, run_await, Limits(pending=100_000))
    assert isinstance(error, PeerFault)
    assert error.party == "fund"
    assert error.step.startswith(step)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        (lambda p: time.sleep(1.5 * SILENCE), "expected a word within 1 s, got none"),
        (lambda p: p.out.close(), "has closed the connection"),
        (lambda p: (p.raw(b"\x03" + bytes(15) + b"\x18"), p.out.close()), "has closed"),
        (lambda p: p.send(Frame(Kind.BYE)), "has ended its part of the run"),
        (lambda p: p.raw(b"\x03" + bytes(10)), "expected a word within 1 s, got none"),
    ],
)
def test_a_party_that_goes_or_falls_silent_is_named(
    world: World, play: Callable[[Puppet], None], reason: str
) -> None:
    start = time.monotonic()
    error = against(world, play, run_await)
    assert isinstance(error, TransportFault)
    assert error.party == "fund"
    assert reason in error.reason
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"culprit": "bureau", "reason": "x"},
        {"culprit": "nobody", "reason": "\x1b[2Jx", "kind": "broke"},
        {"culprit": 3, "reason": ["x"], "kind": {}},
        {"culprit": "fund", "reason": "x" * 100_000},
    ],
)
def test_a_verdict_can_blame_but_not_deface(world: World, fields: dict[str, Any]) -> None:
    error = against(world, lambda p: p.send(Frame(Kind.ABORT, fields=fields)), run_await)
    assert isinstance(error, TransportFault)
    assert error.party == "fund"
    assert str(error).isprintable()
    assert len(str(error)) < 600


# The door: certificates, addresses, and callers who are nobody's peer.


def first_word(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(address, timeout=SILENCE) as raw,
        context.wrap_socket(raw) as tls,
    ):
        word = tls.recv(1)
        if not word:
            raise ConnectionResetError
        return word


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 2
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_controls_talk_in_objects(world: World) -> None:
    with world.listen("bureau") as listener:
        assert listener.control(0.01) is None
        with dial(world.me["fund"], world.peers["bureau"], silence=SILENCE) as asking:
            answering = listener.control(SILENCE)
            assert answering is not None
            with answering:
                assert (asking.peer, answering.peer) == ("bureau", "fund")
                asking.send({"question": 1})
                assert answering.receive(SILENCE) == {"question": 1}
                answering.send({"answer": 2})
                assert asking.receive(SILENCE) == {"answer": 2}
                with pytest.raises(TransportFault, match=r"fund: expected a word within 0\.05 s"):
                    answering.receive(0.05)
            with pytest.raises(TransportFault, match="bureau: has closed"):
                asking.receive(SILENCE)


def test_an_unknown_certificate_is_turned_away_whatever_name_it_bears(world: World) -> None:
    stranger = write_identity(world.folder, "fund", "stranger")
    with world.listen("bureau") as listener:
        with pytest.raises(TransportFault, match=r"bureau: .*certificate"):
            dial(stranger, world.peers["bureau"], silence=SILENCE)
        until(lambda: listener.refused.total() == 1)
        assert "self-signed certificate" in next(iter(listener.refused)).replace("self ", "self-")
        assert listener.control(0.01) is None


def test_a_peer_is_who_its_key_says_not_who_its_certificate_says(world: World) -> None:
    posing = write_identity(world.folder, "hospital", "posing")  # fund's, which says hospital
    peers = world.others("bureau")
    peers["fund"] = replace(
        peers["fund"],
        certificate=posing.certificate,
        fingerprint=fingerprint(read_certificate(posing.certificate)),
    )
    bureau = world.peers["bureau"]
    with (
        Listener(world.me["bureau"], bureau.host, bureau.port, peers, silence=SILENCE) as listener,
        dial(posing, bureau, silence=SILENCE),
    ):
        control = listener.control(SILENCE)
        assert control is not None
        with control:
            assert control.peer == "fund"


def test_a_node_with_another_certificate_at_a_peers_address_is_named(world: World) -> None:
    moved = replace(world.peers["hospital"], port=world.peers["bureau"].port)
    with (
        world.listen("bureau"),
        pytest.raises(PeerFault, match=r"hospital at transport: expected the certificate sha256:"),
    ):
        dial(world.me["fund"], moved, silence=SILENCE)


def test_a_caller_without_certificate_or_with_tls_1_2_is_turned_away(world: World) -> None:
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.verify_mode = ssl.CERT_NONE
    old = client_context(world.me["fund"], world.peers["bureau"])
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with world.listen("bureau") as listener:
        for context in (bare, old):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                first_word(listener.address, context)
        until(lambda: listener.refused.total() == 2)
        assert listener.control(0.01) is None


def test_a_caller_that_speaks_no_tls_or_nothing_is_turned_away(world: World) -> None:
    with world.listen("bureau") as listener:
        with socket.create_connection(listener.address) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            until(lambda: listener.refused.total() == 1)
        with socket.create_connection(listener.address):
            until(lambda: listener.refused["silent"] == 1)


@pytest.mark.parametrize(
    "hello",
    [{}, {"kind": "run"}, {"kind": "run", "label": "../x"}, {"kind": "run", "label": 3}],
)
def test_a_hello_of_another_form_is_turned_away(world: World, hello: dict[str, Any]) -> None:
    with world.listen("bureau") as listener:
        with pytest.raises(TransportFault):
            connect(
                world.me["fund"],
                world.peers["bureau"],
                hello,
                deadline=time.monotonic() + SILENCE,
                silence=SILENCE,
            )
        until(lambda: listener.refused["PeerFault"] == 1)


def test_unclaimed_runs_are_bounded(world: World) -> None:
    opened: list[Connection] = []

    def one(label: str) -> None:
        hello = {"kind": "run", "label": label}
        by = time.monotonic() + SILENCE
        opened.append(
            connect(world.me["fund"], world.peers["bureau"], hello, deadline=by, silence=SILENCE)
        )

    with world.listen("bureau") as listener:
        for i in range(8):
            one(f"{i:032x}")
        until(lambda: len(listener._runs) == 8)
        with pytest.raises(TransportFault):
            one("a" * 32)
    for connection in opened:
        connection.close()


def test_a_silent_server_is_named_within_the_silence(world: World) -> None:
    fund = world.peers["fund"]
    start = time.monotonic()
    with (
        world.listen("bureau") as listener,
        socket.create_server((fund.host, fund.port)),
        pytest.raises(TransportFault, match="fund: expected TLS") as caught,
        Mesh.connect(world.me["bureau"], listener, "0" * 32, [fund], silence=SILENCE),
    ):
        pass
    assert caught.value.party == "fund"
    assert time.monotonic() - start < 2 * SILENCE


def test_a_server_that_never_welcomes_is_named(world: World) -> None:
    fund = world.peers["fund"]
    context = server_context(world.me["fund"], [world.peers["bureau"]])

    def shake(server: socket.socket) -> None:
        raw, _ = server.accept()
        with context.wrap_socket(raw, server_side=True) as tls:
            while tls.recv(1000):
                pass

    with (
        socket.create_server((fund.host, fund.port)) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        done = pool.submit(shake, server)
        with pytest.raises(TransportFault, match="fund: expected a welcome, got none"):
            dial(world.me["bureau"], fund, silence=SILENCE)
        done.result()


def test_a_node_that_is_not_there_is_named_with_its_address(world: World) -> None:
    fund = world.peers["fund"]
    with pytest.raises(TransportFault, match=rf"fund: expected a node at 127.0.0.1:{fund.port}"):
        dial(world.me["bureau"], fund, silence=0.3)


def test_a_node_that_starts_a_little_later_is_reached(world: World) -> None:
    def late() -> str | None:
        time.sleep(0.3)
        with world.listen("fund") as listener:
            control = listener.control(SILENCE)
            if control is None:
                return None
            with control:
                return control.peer

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(late)
        with dial(world.me["bureau"], world.peers["fund"], silence=SILENCE):
            assert done.result() == "bureau"


def test_a_connection_that_does_not_come_back_is_named(world: World) -> None:
    fund = world.peers["fund"]
    with (
        world.listen("bureau") as here,
        world.listen("fund"),
        pytest.raises(TransportFault, match="fund: expected a connection for this run"),
    ):
        Mesh.connect(world.me["bureau"], here, "0" * 32, [fund], silence=0.3)


def test_unusable_files_and_addresses_are_the_owners_fault(world: World) -> None:
    me, fund = world.me["bureau"], world.peers["fund"]
    nothing = world.folder / "nothing"
    cases: list[tuple[Identity, Peer, str]] = [
        (replace(me, certificate=nothing), fund, "nothing: expected a certificate"),
        (replace(me, certificate=me.key), fund, "bureau.key: expected a certificate in PEM"),
        (replace(me, key=nothing), fund, "nothing: expected the private key"),
        (replace(me, key=world.me["fund"].key), fund, "fund.key: expected the unencrypted"),
        (me, replace(fund, certificate=nothing), "nothing: expected a certificate"),
        (me, replace(fund, certificate=me.certificate), "bureau.crt: expected the certificate"),
    ]
    for identity, peer, reason in cases:
        with pytest.raises(UsageError, match=reason):
            client_context(identity, peer)
    with pytest.raises(UsageError, match="one interface, not of all"):
        Listener(me, "0.0.0.0", 0, {}, silence=SILENCE)  # noqa: S104
    with (
        world.listen("fund"),
        pytest.raises(
            UsageError, match=f"expected to listen at 127.0.0.1:{fund.port}, got: .*: end the node"
        ),
    ):
        Listener(me, fund.host, fund.port, {}, silence=SILENCE)


CHILD = """
import json, os, sys
from pathlib import Path
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.inbox import LIMITS, Limits
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh

plan = json.loads(sys.argv[1])
peers = {p["name"]: Peer(**{**p, "certificate": Path(p["certificate"])}) for p in plan["peers"]}
mine = peers.pop("hospital")
me = Identity("hospital", mine.certificate, mine.certificate.with_suffix(".key"))
with Listener(me, mine.host, mine.port, peers, silence=5) as listener:
    with Mesh.connect(me, listener, plan["label"], list(peers.values()), silence=5) as mesh:
        mesh.exchange_json({})
        print("ready", flush=True)
        sys.stdin.read()
"""


def test_a_killed_process_is_named_by_all_others(world: World) -> None:
    label = secrets.token_hex(16)
    peers = [
        {
            "name": p.name,
            "host": p.host,
            "port": p.port,
            "fingerprint": p.fingerprint,
            "certificate": str(p.certificate),
        }
        for p in world.peers.values()
    ]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps({"label": label, "peers": peers})],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def survivor(name: str) -> BaseException | None:
        others = list(world.others(name).values())
        with world.listen(name) as listener:
            try:
                with Mesh.connect(world.me[name], listener, label, others, silence=5) as mesh:
                    mesh.exchange_json({})
                    ready.wait()
                    mesh.exchange_json({})
            except MpcstatsError as error:
                return error
        return None

    ready = threading.Barrier(3)
    with child, ThreadPoolExecutor(2) as pool:
        done = [pool.submit(survivor, name) for name in ("bureau", "fund")]
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        ready.wait(5)
        killed = time.monotonic()
        child.kill()
        errors = [each.result() for each in done]
        assert time.monotonic() - killed < 2
    for error in errors:
        assert isinstance(error, TransportFault)
        assert error.party == "hospital"


def test_too_long_a_message_is_not_sent(world: World) -> None:
    async def body(session: Session) -> None:
        await session.exchange(send={"fund": np.zeros(5, dtype=np.uint64)})

    session = Session("bureau", ("bureau", "fund"), PairSeeds(b"", {"fund": bytes(32)}))
    error = against(
        world,
        lambda p: None,
        lambda mesh: mesh.run(Program("bureau", body(session))),
        Limits(message=32),
    )
    assert isinstance(error, UsageError)
    assert "run#0: expected at most 32 bytes in a message, got 40" in str(error)


def test_a_mesh_runs_one_program(world: World) -> None:
    def twice(mesh: Mesh) -> object:
        seeded(mesh, around)
        return seeded(mesh, around)

    outcome = at_all(world, twice)
    errors = [str(error) for error in outcome.values()]
    assert "expected one program for each mesh, got a second one" in errors


def test_every_run_has_an_identifier_and_masks_of_its_own(world: World) -> None:
    seeds = [at_all(world, lambda mesh: agree(mesh, mesh.me, NAMES, TERMS)) for _ in range(2)]
    for run in seeds:
        assert len({each.run_id for each in run.values()}) == 1
        pairs = [run[a].seeds[b] for a in NAMES for b in NAMES if a != b]
        assert len(set(pairs)) == 3
    assert seeds[0]["fund"].run_id != seeds[1]["fund"].run_id
    assert seeds[0]["fund"].seeds["bureau"] != seeds[1]["fund"].seeds["bureau"]
