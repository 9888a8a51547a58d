"""What a WitMotion module does."""

from collections.abc import Mapping

from firmware_interface.drivers import witmotion
from firmware_interface.virtual.behaviour import NOTIFY, WRITE, WRITE_BLIND, Announcement

_HUNDREDTHS_OF_A_VOLT = 391
_HUNDREDTHS_OF_A_DEGREE = 2975


class WitTwin:
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
        """Unlock, rate, and reading of rate, temperature and battery; other registers are accepted without effect."""
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
        elif register == witmotion.READ_REGISTER and value == witmotion.BATTERY_REGISTER:
            return [(witmotion.NOTIFY, witmotion.register_answer(value, [_HUNDREDTHS_OF_A_VOLT, *[0] * 7]))]
        elif register == witmotion.READ_REGISTER and value == witmotion.TEMPERATURE_REGISTER:
            return [(witmotion.NOTIFY, witmotion.register_answer(value, [_HUNDREDTHS_OF_A_DEGREE, *[0] * 7]))]
        return []

    def value(self, characteristic: str, battery: float) -> bytes:
        """Nothing can be read."""
        return b""

    def disconnected(self) -> None:
        """The lock closes; sampling goes on."""
        self._unlocked = False
