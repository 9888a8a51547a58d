"""What a BlueST board does."""

from collections.abc import Mapping

from firmware_interface.drivers import bluest
from firmware_interface.virtual.behaviour import NOTIFY, Announcement

_BOARD = 0x02
"""SensorTile."""


class BlueStTwin:
    """Streams while it is subscribed, at the rate of its firmware."""

    announcement = Announcement(manufacturer=dict([bluest.advertised(_BOARD)]))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {bluest.SERVICE: {bluest.ACC_GYR_MAG: (NOTIFY,)}}

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = True

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Nothing can be set."""
        return []

    def value(self, characteristic: str, level: float) -> bytes:
        """Nothing can be read."""
        return b""

    def disconnected(self) -> None:
        """Nothing changes."""
