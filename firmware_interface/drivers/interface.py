"""What a driver is: how to recognise a sensor, set it up, and turn its bytes into samples."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from firmware_interface.samples import Floats, ImuSamples


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The untrusted claims of a device in range. manufacturer maps company id to bytes."""

    address: str
    name: str = ""
    service_uuids: tuple[str, ...] = ()
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)
    rssi_dbm: int | None = None


class Claim(IntEnum):
    """How surely a driver recognises an advertisement, weakest first; NO is false."""

    NO = 0
    NAME = 1
    """By its name or by the form of its data: anything could be called that."""
    MAKER = 2
    """By its maker's company id: one of this maker's devices, not surely one of this format."""
    SERVICE = 3
    """By the format's own service."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A notification on `characteristic` that begins with `begins`."""

    characteristic: str
    begins: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a characteristic while a sensor is configured; pause_s is waited afterwards.

    answer: what the sensor replies with; it is waited for, and a sensor that stays silent is not configured.
    optional: a sensor that has no such characteristic, or refuses, is configured all the same.
    """

    characteristic: str
    payload: bytes
    response: bool = True
    pause_s: float = 0.0
    answer: Answer | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a characteristic. The value is recorded as if it had been notified.

    optional: a sensor that has no such characteristic, or refuses, gives nothing and is configured all the same.
    """

    characteristic: str
    optional: bool = False


Step = Write | Read
Conversation = Generator[Step, bytes, None]
"""How a sensor is started: each `yield` of a read, or of a write with an answer, gives what the sensor said.

What the decoder has to know of it comes as a notification too, so that a recording can be decoded by itself.
"""

DESCRIPTION = "description"
"""The characteristic under which a driver's own description stands in a recording; no sensor has it."""


class Decoder(Protocol):
    """Bytes to samples, for one connection of one sensor. Stateful: counters are unwrapped, cut frames are joined.

    Never raises on any payload and never returns NaN: what cannot be read is counted in `rejected`.
    """

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples: ...


class Encoder(Protocol):
    """Samples to notifications: the virtual sensor's half of a format.

    ticks_us: (n,) int device time in microseconds; acc (n, 3) m/s2; gyr (n, 3) rad/s.
    Returns (characteristic, payload) pairs, each payload at most max_payload bytes.
    """

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]: ...


class Driver(Protocol):
    """One packet format. Instances hold no state; `decoder()` and `encoder()` do. Drivers derive from it.

    name: registry key, stored in recordings (e.g. "movella_dot").
    label: what a person reads.
    service: UUID to advertise and scan for.
    notify: characteristics to subscribe, the data first; those after it may be missing in a sensor.
    acc_range, gyr_range: full scale in m/s2 and rad/s, as `start` sets it.
    description: what the decoder needs to know beyond the name, recorded at every connection before anything else (a
        driver that a file describes); empty for all others.
    """

    name: str
    label: str
    service: str
    notify: tuple[str, ...]
    acc_range: float
    gyr_range: float
    description: bytes = b""

    def matches(self, advertisement: Advertisement) -> Claim:
        """How surely this device speaks the format. The advertisement is untrusted."""
        ...

    def start(self, rate_hz: float) -> Conversation:
        """What sets the rate and the ranges and starts the stream, after subscribing, at every connection.

        Raises RefusedError, from within, where the sensor says that it cannot.
        """
        ...

    def stop(self) -> tuple[Write, ...]: ...

    def rates_hz(self) -> tuple[float, ...]:
        """The rates the format can stream."""
        ...

    def decoder(self) -> Decoder: ...

    def encoder(self, rate_hz: float) -> Encoder: ...
