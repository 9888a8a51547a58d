"""What a Movella DOT does."""

import struct
from collections.abc import Mapping

from firmware_interface.drivers import movella_dot
from firmware_interface.virtual.behaviour import NOTIFY, READ, WRITE, Announcement


class DotTwin:
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
