"""What a Movella DOT does."""

import struct
from collections.abc import Mapping

from firmware_interface.drivers import movella_dot, movella_sync
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
        movella_sync.SERVICE: {
            movella_sync.CONTROL: (WRITE,),
            movella_sync.ACKNOWLEDGE: (READ,),
            movella_sync.NOTIFICATION: (NOTIFY,),
        },
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = False
        self._syncing = self._synchronised = False

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Rate (refused while measuring, as by the real sensor), start of mode 21, stop; synchronisation."""
        if characteristic == movella_sync.CONTROL:
            found = movella_sync.parsed(payload)
            if found is not None and found[0] == movella_sync.SYNC:
                self._syncing = found[1][0] == movella_sync.START and len(found[1]) == 7
                self._synchronised = self._synchronised and found[1][0] != movella_sync.STOP
            return []
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
        """The battery level; the result of a synchronisation; zeros elsewhere."""
        if characteristic == movella_sync.ACKNOWLEDGE:
            result = movella_sync.SyncResult.SUCCESS if self._synchronised else movella_sync.SyncResult.NOT_STARTED
            return movella_sync.message(movella_sync.SYNC, bytes((movella_sync.RESULT, result)))
        return bytes((round(100 * battery), 0)) if characteristic == movella_dot.BATTERY else bytes(32)

    def disconnected(self) -> None:
        """A DOT ends the measurement; one that was told to synchronise does so now."""
        self.streaming = False
        self._synchronised = self._synchronised or self._syncing
        self._syncing = False
