"""What a MetaMotion board does."""

from collections.abc import Mapping

from firmware_interface.drivers import metamotion as mw
from firmware_interface.virtual.behaviour import NOTIFY, READ, WRITE, WRITE_BLIND, Announcement

_CHARGE = (88, 4012)
"""Per cent, mV."""


class MetaMotionTwin:
    """Answers discovery, hands out processors, and samples while both chips are powered and something is subscribed.

    acc_chip, gyr_chip: as in the driver. processor_revision: from 3 on it can fuse.
    """

    announcement = Announcement(services=(mw.SERVICE,))
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        mw.SERVICE: {mw.COMMAND: (READ, WRITE, WRITE_BLIND), mw.NOTIFY: (NOTIFY,)}
    }

    def __init__(
        self, rate_hz: float, acc_chip: int = 4, gyr_chip: int = 1, processor_revision: int = mw.FUSES_FROM
    ) -> None:
        self.rate_hz = rate_hz
        self._modules = {
            mw.ACC: bytes((acc_chip, 1)),
            mw.GYR: bytes((gyr_chip, 0)),
            mw.PROCESSOR: bytes((0, processor_revision, 0x1C)),
        }
        self._rates = {code: rate for rate, code in mw.RATE_CODES.items()}
        self.ranges: dict[int, int] = {}
        """Range codes that were set, by module."""
        self._processors = 0
        self._powered: set[int] = set()
        self._subscribed = False

    @property
    def streaming(self) -> bool:
        """Both chips on, and their data asked for."""
        return self._subscribed and self._powered >= {mw.ACC, mw.GYR}

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Obey a command of module, register, data."""
        if characteristic != mw.COMMAND or len(payload) < 2:
            return []
        module, register, data = payload[0], payload[1], payload[2:]
        if register == mw.READ and module in self._modules:
            return [(mw.NOTIFY, bytes((module, register)) + self._modules[module])]
        if module == mw.SETTINGS and register == mw.READ | mw.BATTERY:
            charge, millivolts = _CHARGE
            return [(mw.NOTIFY, bytes((module, register, charge)) + millivolts.to_bytes(2, "little"))]
        if module == mw.PROCESSOR:
            return self._process(register, data)
        if module in (mw.ACC, mw.GYR):
            self._sense(module, register, data)
        return []

    def _process(self, register: int, data: bytes) -> list[tuple[str, bytes]]:
        if register == mw.ADD:
            self._processors += 1
            return [(mw.NOTIFY, bytes((mw.PROCESSOR, mw.ADD, self._processors - 1)))]
        if register == mw.REMOVE_ALL:
            self._processors = 0
            self._subscribed = False
        elif register == mw.ENABLE and len(data) == 2 and data[0] < self._processors:
            self._subscribed = bool(data[1])
        return []

    def _sense(self, module: int, register: int, data: bytes) -> None:
        if register == 0x01 and len(data) == 1:
            (self._powered.add if data[0] else self._powered.discard)(module)
        elif register == 0x03 and len(data) == 2:
            self.rate_hz = self._rates.get(data[0] & 0x0F, self.rate_hz)
            self.ranges[module] = data[1]
        elif register >= 0x04:
            self._subscribed = data == b"\x01"

    def value(self, characteristic: str, level: float) -> bytes:
        """Nothing of use can be read."""
        return b""

    def disconnected(self) -> None:
        """Everything stays: the board goes on into nothing until it is stopped or set up anew."""
