"""What a sensor of each format does besides measuring: what it advertises, offers, and answers to writes.

Facts as in the driver of the format.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from firmware_interface.drivers import movella_dot, open_format, witmotion
from firmware_interface.drivers.interface import Driver

READ, WRITE, WRITE_BLIND, NOTIFY = "read", "write", "write-without-response", "notify"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is advertised besides the name."""

    services: tuple[str, ...] = ()
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)


class Behaviour(Protocol):
    """One sensor's firmware.

    announcement: what it advertises.
    services: service -> characteristic -> properties.
    rate_hz: the rate at which it samples.
    streaming: whether it sends samples to a subscriber.
    """

    announcement: Announcement
    services: Mapping[str, Mapping[str, tuple[str, ...]]]
    rate_hz: float
    streaming: bool

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Obey a write; returns the notifications it is answered with."""
        ...

    def value(self, characteristic: str, battery: float) -> bytes:
        """What a read gives."""
        ...

    def disconnected(self) -> None:
        """The central has gone."""
        ...


class DotBehaviour:
    """A Movella DOT: rate by device control, start and stop by measurement control."""

    announcement = Announcement(manufacturer={movella_dot.COMPANY: b""})
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        movella_dot.uuid("1000"): {movella_dot.DEVICE_CONTROL: (READ, WRITE)},
        movella_dot.SERVICE: {
            movella_dot.MEASUREMENT_CONTROL: (READ, WRITE),
            movella_dot.MEDIUM_PAYLOAD: (NOTIFY,),
        },
        movella_dot.uuid("3000"): {movella_dot.BATTERY: (READ, NOTIFY)},
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = False

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Rate (refused while measuring, as by the real sensor), start of mode 21, stop."""
        if characteristic == movella_dot.DEVICE_CONTROL and len(payload) == 32 and payload[0] & 0x10:
            (rate,) = struct.unpack_from("<H", payload, 24)
            if rate in movella_dot.RATES_HZ and not self.streaming:
                self.rate_hz = float(rate)
        elif payload == movella_dot.measure(True):
            self.streaming = True
        elif len(payload) == 3 and payload[:2] == b"\x01\x00":
            self.streaming = False
        return []

    def value(self, characteristic: str, battery: float) -> bytes:
        """The battery level; zeros elsewhere."""
        return bytes((round(100 * battery), 0)) if characteristic == movella_dot.BATTERY else bytes(32)

    def disconnected(self) -> None:
        """A DOT ends the measurement."""
        self.streaming = False


class WitBehaviour:
    """A WitMotion module: streams from power-on; registers can be written when unlocked, and read."""

    announcement = Announcement(services=(witmotion.SERVICE,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        witmotion.SERVICE: {witmotion.NOTIFY: (NOTIFY,), witmotion.WRITE: (WRITE, WRITE_BLIND)}
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = True
        self._unlocked = False

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Unlock, rate, and reading of the rate register; other registers are accepted without effect."""
        if len(payload) != 5 or payload[:2] != b"\xff\xaa":
            return []
        register, value = payload[2], int.from_bytes(payload[3:], "little")
        rates = {code: rate for rate, code in witmotion.RATE_CODES.items()}
        if payload == witmotion.UNLOCK:
            self._unlocked = True
        elif register == witmotion.RATE_REGISTER and self._unlocked and value in rates:
            self.rate_hz = rates[value]
        elif register == witmotion.READ_REGISTER and value == witmotion.RATE_REGISTER:
            code = witmotion.RATE_CODES.get(self.rate_hz, 0)
            return [(witmotion.NOTIFY, witmotion.register_answer(value, [code, *[0] * 7]))]
        return []

    def value(self, characteristic: str, battery: float) -> bytes:
        """Nothing can be read."""
        return b""

    def disconnected(self) -> None:
        """The lock closes; sampling goes on."""
        self._unlocked = False


class OpenBehaviour:
    """A sensor of the open format: start with a rate, stop."""

    announcement = Announcement(services=(open_format.SERVICE,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        open_format.SERVICE: {open_format.DATA: (NOTIFY,), open_format.CONTROL: (WRITE,)}
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = False

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Start at a rate, stop; anything else is ignored."""
        if len(payload) == 3 and payload[0] == open_format.START:
            self.rate_hz = float(max(int.from_bytes(payload[1:], "little"), 1))
            self.streaming = True
        elif payload == bytes((open_format.STOP,)):
            self.streaming = False
        return []

    def value(self, characteristic: str, battery: float) -> bytes:
        """Nothing can be read."""
        return b""

    def disconnected(self) -> None:
        """The stream ends with the connection."""
        self.streaming = False


def behaviour(driver: Driver, rate_hz: float) -> Behaviour:
    """The firmware of a sensor that this driver speaks to. rate_hz: its rate until it is told another."""
    kinds: dict[str, type[DotBehaviour] | type[WitBehaviour] | type[OpenBehaviour]] = {
        "movella_dot": DotBehaviour,
        "witmotion": WitBehaviour,
        "open_format": OpenBehaviour,
    }
    return kinds[driver.name](rate_hz)
