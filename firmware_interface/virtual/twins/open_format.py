"""What a sensor of the open format does."""

from collections.abc import Mapping

from firmware_interface.drivers import open_format
from firmware_interface.virtual.behaviour import NOTIFY, WRITE, Announcement


class OpenTwin:
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
