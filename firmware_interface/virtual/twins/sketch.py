"""What a described sensor does: what its file says of it."""

from collections.abc import Mapping

from firmware_interface.drivers.sketch_file import Description
from firmware_interface.virtual.behaviour import NOTIFY, READ, WRITE, Announcement


class SketchTwin:
    """Streams while it is subscribed, or between the writes that its file names."""

    def __init__(self, described: Description) -> None:
        self._d = described
        self.announcement = Announcement(services=(described.service,))
        own: dict[str, tuple[str, ...]] = {described.data: (NOTIFY,)}
        for command in (described.start, described.stop):
            if command is not None:
                own[command.characteristic] = (WRITE,)
        if described.battery:
            own[described.battery] = (READ, NOTIFY)
        self.services: Mapping[str, Mapping[str, tuple[str, ...]]] = {described.service: own}
        self.rate_hz = described.rate_hz
        self.streaming = described.start is None

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Start and stop as the file says."""
        for command, streams in ((self._d.start, True), (self._d.stop, False)):
            if command is not None and (characteristic, payload) == (command.characteristic, command.payload):
                self.streaming = streams
        return []

    def value(self, characteristic: str, level: float) -> bytes:
        """The battery."""
        return bytes((round(100 * level),))

    def disconnected(self) -> None:
        """The stream ends where it has to be started."""
        self.streaming = self._d.start is None
