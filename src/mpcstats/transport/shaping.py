"""Networks that are not there: what a party sends leaves at the pace of an uplink and arrives after a delay.

For measurements on one machine, without root: the sender holds frames back. A party has one uplink, as a real site
has, and shares it over its peers: frames leave one after the other in the order in which they were put, whoever
they are for, each at the full rate; what arrives is not slowed down. Half a round trip passes on the way, for every
frame alike, and frames under way do not wait for one another. Counted are the bytes of frames, not what TLS and
TCP add (about 3 %). Not modelled: loss, the slow start of TCP, and the round trips that make a connection.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

BYTE_BITS = 8


@dataclass(frozen=True, slots=True)
class Profile:
    """A network: `rate` of a party's uplink in bits a second, and `round_trip` in seconds (there and back)."""

    name: str
    rate: float
    round_trip: float

    @property
    def delay(self) -> float:
        """Seconds one way."""
        return self.round_trip / 2


LOOPBACK = Profile("loopback", math.inf, 0.0)
LAN = Profile("lan", 1e9, 0.5e-3)
WAN = Profile("wan", 100e6, 40e-3)
PROFILES = {profile.name: profile for profile in (LOOPBACK, LAN, WAN)}


@dataclass(frozen=True, slots=True)
class Flight:
    """When a frame arrives: its first byte `begin`, then one every `byte` seconds (monotonic seconds)."""

    begin: float
    byte: float

    def due(self, size: int) -> float:
        """When the first `size` bytes have arrived."""
        return self.begin + size * self.byte


class Uplink:
    """What a party sends to all its peers over a network of `profile`. Any thread may use it."""

    def __init__(self, profile: Profile, *, clock: Clock = time.monotonic) -> None:
        self.profile = profile
        self._clock = clock
        self._free = -math.inf  # when the last byte of all frames until now has left
        self._lock = threading.Lock()

    def book(self, size: int) -> Flight:
        """The flight of a frame of `size` bytes that is handed over now: it leaves when the uplink is free."""
        byte = BYTE_BITS / self.profile.rate
        with self._lock:
            begin = max(self._clock(), self._free)
            self._free = begin + size * byte
        return Flight(begin + self.profile.delay, byte)
