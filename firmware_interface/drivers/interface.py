"""What a driver is: how to recognise a sensor, set it up, and turn its bytes into samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a characteristic while a sensor is configured; pause_s is waited afterwards."""

    characteristic: str
    payload: bytes
    response: bool = True
    pause_s: float = 0.0


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
    """One packet format. Instances hold no state; `decoder()` and `encoder()` do.

    name: registry key, stored in recordings (e.g. "movella_dot").
    label: what a person reads.
    service: UUID to advertise and scan for.
    notify: characteristics to subscribe, in order.
    acc_range, gyr_range: full scale in m/s2 and rad/s.
    """

    name: str
    label: str
    service: str
    notify: tuple[str, ...]
    acc_range: float
    gyr_range: float

    def matches(self, advertisement: Advertisement) -> bool: ...

    def start(self, rate_hz: float) -> tuple[Write, ...]:
        """The writes that set the rate and start the stream; sent after subscribing, at every connection."""
        ...

    def stop(self) -> tuple[Write, ...]: ...

    def rates_hz(self) -> tuple[float, ...]:
        """The rates the format can stream."""
        ...

    def decoder(self) -> Decoder: ...

    def encoder(self, rate_hz: float) -> Encoder: ...
