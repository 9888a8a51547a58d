"""What an x-IMU3 does: it obeys commands and streams."""

import json
from collections.abc import Mapping

from firmware_interface.drivers import ximu3
from firmware_interface.virtual.behaviour import NOTIFY, WRITE, Announcement


class Ximu3Twin:
    """Settings count once they are applied; each command is answered with itself."""

    announcement = Announcement(services=(ximu3.SERVICE,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        ximu3.SERVICE: {ximu3.STREAM: (NOTIFY,), ximu3.COMMANDS: (WRITE,)}
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = True
        self._divisor = 0

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """One command."""
        try:
            ((key, value),) = json.loads(payload).items()
        except (ValueError, AttributeError):
            return []
        if key == "inertial_message_rate_divisor" and isinstance(value, int):
            self._divisor = value
        elif key == "apply" and self._divisor > 0:
            self.rate_hz = ximu3.SAMPLE_HZ / self._divisor
        return [(ximu3.STREAM, payload)]

    def value(self, characteristic: str, battery: float) -> bytes:
        """Nothing can be read."""
        return b""

    def disconnected(self) -> None:
        """Nothing changes."""
