"""What an OpenEarable 2 does."""

from collections.abc import Mapping

from firmware_interface.drivers import battery, openearable
from firmware_interface.drivers.openearable_scheme import Component, Scheme, written
from firmware_interface.virtual.behaviour import NOTIFY, READ, WRITE, Announcement

_GROUPS = (("ACC", "g"), ("GYRO", "dps"), ("MAG", "uT"))
SCHEME = Scheme(
    openearable.IMU,
    "IMU",
    tuple(Component(group, axis, unit, 6) for group, unit in _GROUPS for axis in "XYZ"),
    (25.0, 50.0, 100.0, 200.0, 400.0, 800.0),
    usual=1,
    highest=2,
)


class OpenEarableTwin:
    """Its inertial unit starts and stops with a configuration write."""

    announcement = Announcement(services=(openearable.SERVICE,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        openearable.SERVICE: {openearable.DATA: (NOTIFY,), openearable.CONFIG: (WRITE,)},
        openearable.INFO: {openearable.INFO_REQUEST: (WRITE,), openearable.INFO_SCHEME: (READ,)},
        battery.SERVICE: {battery.LEVEL: (READ, NOTIFY)},
    }

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.streaming = False

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Sensor, rate index and mask."""
        known = len(payload) == 3 and payload[0] == openearable.IMU and payload[1] < len(openearable.RATES_HZ)
        if characteristic == openearable.CONFIG and known:
            self.streaming = bool(payload[2] & openearable.OVER_BLE)
            self.rate_hz = openearable.RATES_HZ[payload[1]] if self.streaming else self.rate_hz
        return []

    def value(self, characteristic: str, level: float) -> bytes:
        """The battery; the scheme of the inertial unit."""
        if characteristic == openearable.INFO_SCHEME:
            return written(SCHEME)
        return bytes((round(100 * level),))

    def disconnected(self) -> None:
        """The stream ends with the connection."""
        self.streaming = False
