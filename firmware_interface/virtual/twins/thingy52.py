"""What a Thingy:52 does."""

from collections.abc import Mapping

from firmware_interface.drivers import battery, thingy52
from firmware_interface.virtual.behaviour import NOTIFY, READ, WRITE, Announcement


class ThingyTwin:
    """Streams while it is subscribed, at the rate of its configuration, which can be read back."""

    announcement = Announcement(services=(thingy52.ADVERTISED,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        thingy52.SERVICE: {thingy52.CONFIG: (READ, WRITE), thingy52.RAW: (NOTIFY,)},
        battery.SERVICE: {battery.LEVEL: (READ, NOTIFY)},
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = True

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """The rate, where it is one that the firmware has."""
        if characteristic == thingy52.CONFIG and len(payload) == 9:
            rate = int.from_bytes(payload[6:8], "little")
            self.rate_hz = float(rate) if 5 <= rate <= 200 else self.rate_hz
        return []

    def value(self, characteristic: str, level: float) -> bytes:
        """Configuration and battery."""
        if characteristic == battery.LEVEL:
            return bytes((round(100 * level),))
        return thingy52.motion_config(round(self.rate_hz))

    def disconnected(self) -> None:
        """The configuration stays."""
