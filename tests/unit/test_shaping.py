"""Networks that are not there: the schedule of an uplink, by a clock that the test moves."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from mpcstats.errors import MpcstatsError
from mpcstats.transport.connection import Connection
from mpcstats.transport.frames import HEADER_BYTES, Frame, Kind, encode, frame_bytes
from mpcstats.transport.outlet import Outlet
from mpcstats.transport.shaping import LAN, LOOPBACK, PROFILES, WAN, Profile, Uplink

SLOW = Profile("slow", rate=8000.0, round_trip=4.0)  # 1000 bytes a second, 2 s one way


class Clock:
    """Seconds as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_profiles_are_those_of_the_docs() -> None:
    assert PROFILES == {"loopback": LOOPBACK, "lan": LAN, "wan": WAN}
    assert (LAN.rate, LAN.round_trip, LAN.delay) == (1e9, 0.0005, 0.00025)
    assert (WAN.rate, WAN.round_trip, WAN.delay) == (100e6, 0.04, 0.02)
    assert (LOOPBACK.rate, LOOPBACK.round_trip) == (math.inf, 0)


def test_a_frame_takes_its_transmission_and_half_a_round_trip() -> None:
    flight = Uplink(SLOW, clock=Clock()).book(500)
    assert flight.due(0) == 102
    assert flight.due(250) == 102.25
    assert flight.due(500) == 102.5


def test_frames_leave_one_after_the_other_and_their_delays_overlap() -> None:
    uplink = Uplink(SLOW, clock=Clock())
    arrivals = [uplink.book(size).due(size) for size in (1000, 3000, 0)]
    assert arrivals == [103, 106, 106]  # back to back: the delay of 2 s is paid once


def test_an_uplink_that_was_idle_owes_nothing_and_has_saved_nothing() -> None:
    clock = Clock()
    uplink = Uplink(SLOW, clock=clock)
    assert uplink.book(1000).due(1000) == 103
    clock.now = 100.25
    assert uplink.book(1000).due(1000) == 104  # waits for the first to have left
    clock.now = 150.0
    assert uplink.book(1000).due(1000) == 153


def test_without_bounds_everything_is_due_at_once() -> None:
    clock = Clock()
    uplink = Uplink(LOOPBACK, clock=clock)
    assert [uplink.book(1 << 40).due(1 << 40) for _ in range(2)] == [clock.now] * 2


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.DATA, 7, words=np.arange(5, dtype=np.uint64)),
        Frame(Kind.DATA, 7),
        Frame(Kind.JSON, fields={"a": "é"}),
        Frame(Kind.BYE),
    ],
)
def test_what_is_booked_is_what_is_sent(frame: Frame) -> None:
    header, payload = encode(frame)
    assert frame_bytes(frame) == len(header) + len(payload)
    assert len(header) == HEADER_BYTES


class Recorded(Connection):
    """Keeps what is sent; a data frame asks for its pace, and what it is told it waits for."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.peer = "b"
        self.sent: list[Kind] = []

    def send_frame(self, frame: Frame, *, timeout: float, pace: object = None) -> None:
        self.sent.append(frame.kind)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass


def _never(peer: str, error: MpcstatsError) -> None:
    raise error


def test_a_frame_that_is_long_in_leaving_is_preceded_by_signs_of_life() -> None:
    connection = Recorded()
    outlet = Outlet(
        connection, silence=0.08, failed=_never, uplink=Uplink(Profile("far", math.inf, 0.4))
    )
    outlet.put(Frame(Kind.DATA, 1, words=np.zeros(1, dtype=np.uint64)))
    outlet.close()
    data = connection.sent.index(Kind.DATA)
    assert data >= 1
    assert set(connection.sent[:data]) == {Kind.HEARTBEAT}
    assert connection.sent[-1] is Kind.BYE


def test_an_outlet_that_is_closed_in_haste_does_not_wait_for_its_network() -> None:
    connection = Recorded()
    outlet = Outlet(
        connection, silence=3600, failed=_never, uplink=Uplink(Profile("moon", 1.0, 7200.0))
    )
    outlet.put(Frame(Kind.DATA, 1, words=np.zeros(1 << 10, dtype=np.uint64)))
    outlet.close(timeout=0.01)
    assert Kind.DATA not in connection.sent
    assert not [t for t in threading.enumerate() if t.name == "mpcstats-to-b"]


def test_an_abort_drops_the_words_that_wait_and_is_not_held_back() -> None:
    connection = Recorded()
    outlet = Outlet(
        connection, silence=3600, failed=_never, uplink=Uplink(Profile("far", math.inf, 0.2))
    )
    outlet.put(Frame(Kind.JSON, fields={}))
    for _ in range(3):
        outlet.put(Frame(Kind.DATA, 1, words=np.zeros(1, dtype=np.uint64)))
    outlet.abort(Frame(Kind.ABORT, fields={}))
    outlet.close()
    assert connection.sent == [Kind.JSON, Kind.ABORT, Kind.BYE]
