"""A virtual sensor's inertial unit: samples of a motion, stamped by a crystal of its own."""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import Floats, Ints
from firmware_interface.virtual.source import MotionSource

_AHEAD_S = 0.25
_SAME_RATE = 0.02


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A sensor's clock: start_us at true time zero, fast by skew_ppm (20 ppm is typical of a 32 kHz crystal)."""

    skew_ppm: float = 0.0
    start_us: int = 0

    def ticks_us(self, time_s: Floats) -> Ints:
        """Device time (n,) at true times (n,) s."""
        return self.start_us + np.rint(time_s * (1e6 + self.skew_ppm)).astype(np.int64)


class Sampler:
    """Takes the samples of a source as true time goes on.

    A source whose rate is within 2 % of the sensor's is taken sample for sample: the difference is the sensor's own
    error of rate. Any other is interpolated onto the sensor's rate. The source is read a quarter of a second ahead, so
    that many small steps cost few reads.
    """

    def __init__(self, source: MotionSource, clock: DeviceClock) -> None:
        self._source = source
        self._clock = clock
        self._rate_hz = source.rate_hz
        self._read_to_s = 0.0
        self._time = np.empty(0)
        self._acc = self._gyr = np.empty((0, 3))

    def start(self, now_s: float, rate_hz: float) -> None:
        """Begin anew at true time now_s."""
        self._rate_hz = rate_hz
        self._read_to_s = now_s
        self._time = np.empty(0)
        self._acc = self._gyr = np.empty((0, 3))

    def take(self, now_s: float, whole: int) -> tuple[list[int], Floats, Floats]:
        """Ticks (us), acc and gyr of the samples since the last call: a multiple of `whole`, the others wait."""
        if now_s > self._read_to_s:
            self._read(now_s + _AHEAD_S)
        ready = int(np.searchsorted(self._time, now_s, side="right")) // whole * whole
        time, acc, gyr = self._time[:ready], self._acc[:ready], self._gyr[:ready]
        self._time, self._acc, self._gyr = self._time[ready:], self._acc[ready:], self._gyr[ready:]
        return self._clock.ticks_us(time).tolist(), acc, gyr

    def _read(self, end_s: float) -> None:
        begin_s = self._read_to_s
        if abs(self._source.rate_hz / self._rate_hz - 1) <= _SAME_RATE:
            time, acc, gyr = self._source.read(begin_s, end_s)
        else:
            time, acc, gyr = self._interpolated(begin_s, end_s)
        self._time = np.concatenate([self._time, time])
        self._acc = np.concatenate([self._acc, acc])
        self._gyr = np.concatenate([self._gyr, gyr])
        self._read_to_s = end_s

    def _interpolated(self, begin_s: float, end_s: float) -> tuple[Floats, Floats, Floats]:
        first, last = np.ceil(np.array([begin_s, end_s]) * self._rate_hz - 1e-9)
        time = np.arange(first, last) / self._rate_hz
        margin_s = 2 / self._source.rate_hz
        known, acc, gyr = self._source.read(max(begin_s - margin_s, 0.0), end_s + margin_s)
        columns = np.hstack([acc, gyr])
        values = np.stack([np.interp(time, known, column) for column in columns.T], axis=1)
        return time, values[:, :3], values[:, 3:]
