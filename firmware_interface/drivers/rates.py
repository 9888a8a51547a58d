"""The rates of a sensor, and the spacing of samples whose rate nobody tells."""

from collections import deque
from collections.abc import Sequence
from statistics import median

SECOND = 1_000_000
"""Microseconds."""


def nearest(rates_hz: Sequence[float], wanted_hz: float) -> float:
    """The rate that the sensor has and that is nearest, as a ratio, to the one wanted."""
    return min(rates_hz, key=lambda rate: max(rate / wanted_hz, wanted_hz / rate))


class Spacing:
    """Learns the time between samples from the samples' own times, for sensors that do not say their rate.

    The median of the last nine steps, at the nearest rate that the sensor has: so a few lost samples change nothing.
    """

    def __init__(self, rates_hz: Sequence[float]) -> None:
        self._rates_hz = rates_hz
        self._steps: deque[int] = deque(maxlen=9)
        self._last: int | None = None

    def learn(self, tick_us: int) -> None:
        """The time of one more sample."""
        if self._last is not None and tick_us > self._last:
            self._steps.append(tick_us - self._last)
        self._last = tick_us if self._last is None else max(tick_us, self._last)

    @property
    def us(self) -> int:
        """Microseconds between samples; 0 until it is known, for until then nothing can be called lost."""
        if len(self._steps) < 3:
            return 0
        return round(SECOND / nearest(self._rates_hz, SECOND / median(self._steps)))
