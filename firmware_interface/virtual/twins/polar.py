"""What a Polar Verity Sense does."""

from collections.abc import Mapping

from firmware_interface.drivers import battery, polar
from firmware_interface.drivers.polar_frames import ACC, GYR
from firmware_interface.virtual.behaviour import INDICATE, NOTIFY, READ, WRITE, Announcement

_INVALID_STATE, _INVALID_TYPE, _NOT_SUPPORTED, _INVALID_PARAMETER = 6, 2, 3, 5
_Offers = dict[int, tuple[tuple[int, ...], tuple[int, ...]]]
"""Rates and ranges of each measurement."""
_PLAIN: _Offers = {ACC: ((52,), (8,)), GYR: ((52,), (2000,))}
_WIDE: _Offers = {
    ACC: ((26, 52, 104, 208, 416), (2, 4, 8, 16)),
    GYR: ((26, 52, 104, 208, 416), (250, 500, 1000, 2000)),
}


class PolarTwin:
    """Answers settings, starts and stops on the control characteristic; streams while both measurements run.

    sdk_mode: whether its firmware has SDK mode.
    """

    announcement = Announcement()
    services: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        polar.SERVICE: {polar.CONTROL: (READ, WRITE, INDICATE), polar.DATA: (NOTIFY,)},
        battery.SERVICE: {battery.LEVEL: (READ, NOTIFY)},
    }

    def __init__(self, rate_hz: float, sdk_mode: bool = True) -> None:
        self.rate_hz = rate_hz
        self._has_sdk_mode = sdk_mode
        self._offers = _PLAIN
        self.chosen: dict[int, dict[int, list[int]]] = {}
        """The settings of the measurements that run."""

    @property
    def streaming(self) -> bool:
        """Both measurements run."""
        return self.chosen.keys() >= {ACC, GYR}

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """One answer to every command."""
        if characteristic != polar.CONTROL or len(payload) < 2:
            return []
        code, kind, data = payload[0], payload[1], payload[2:]
        if code == polar.START and kind == polar.SDK_MODE:
            return [self._answer(code, kind, *self._enter_sdk_mode())]
        if kind not in self._offers:
            return [self._answer(code, kind, _INVALID_TYPE)]
        if code == polar.SETTINGS:
            return [self._answer(code, kind, polar.DONE, self._settings(kind))]
        if code == polar.START:
            return [self._start(kind, data)]
        stopped = self.chosen.pop(kind, None)
        return [self._answer(code, kind, polar.DONE if stopped else _INVALID_STATE)]

    def _enter_sdk_mode(self) -> tuple[int, bytes]:
        if not self._has_sdk_mode:
            return _NOT_SUPPORTED, b""
        self._offers = _WIDE
        self.chosen.clear()
        return polar.DONE, b""

    def _settings(self, kind: int) -> bytes:
        rates, ranges = self._offers[kind]
        offered = {polar.RATE: rates, polar.RESOLUTION: (16,), polar.RANGE: ranges}
        parts = [bytes((s, len(v))) + b"".join(each.to_bytes(2, "little") for each in v) for s, v in offered.items()]
        return b"".join(parts) + polar.setting(polar.CHANNELS, 3)

    def _start(self, kind: int, data: bytes) -> tuple[str, bytes]:
        wanted = polar.parsed_settings(data)
        rates, ranges = self._offers[kind]
        if wanted.get(polar.RATE, [0])[0] not in rates or wanted.get(polar.RANGE, [0])[0] not in ranges:
            return self._answer(polar.START, kind, _INVALID_PARAMETER)
        self.chosen[kind] = wanted
        self.rate_hz = float(wanted[polar.RATE][0])
        return polar.CONTROL, polar.started(kind)

    def _answer(self, code: int, kind: int, status: int, parameters: bytes = b"") -> tuple[str, bytes]:
        return polar.CONTROL, bytes((polar.ANSWERED, code, kind, status)) + (b"\0" + parameters if not status else b"")

    def value(self, characteristic: str, level: float) -> bytes:
        """The battery; on the control characteristic what can be measured."""
        if characteristic == battery.LEVEL:
            return bytes((round(100 * level),))
        return bytes((polar.FEATURES, 1 << ACC | 1 << GYR))

    def disconnected(self) -> None:
        """The measurements end; SDK mode stays until the sensor is switched off."""
        self.chosen.clear()
