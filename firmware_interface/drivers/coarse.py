"""Even times from a clock that ticks more coarsely than the samples come.

A device time of 8 ms steps, or of 1.5 ms, says only in which tick a sample was taken; but the samples are even. So each
sample is placed one spacing after the last, and moved only as far as its tick demands: what is left of the error is
what no tick has contradicted yet, and shrinks as the ticks sweep across the samples. The spacing is the long-run ratio
of time to samples; samples that are missing are seen from it too.
"""

_LEARN = 12
_REMEMBER = 4096
"""Samples over which the spacing is measured at most: it drifts with the temperature."""


class CoarseClock:
    """The times of one stream of single samples.

    tick_us: length of one tick of the device's clock, microseconds.
    """

    def __init__(self, tick_us: float) -> None:
        self._tick_us = tick_us
        self._first_us = self._last_us = 0.0
        self._count = -1.0

    def place(self, time_us: float) -> tuple[int, int]:
        """Microseconds of a sample whose tick began at time_us, and how many samples were lost before it.

        time_us: above that of the sample before; `restart` first where it is not.
        """
        if self._count < 0:
            self._first_us = self._last_us = time_us + self._tick_us / 2
            self._count = 0.0
            return round(self._last_us), 0
        steps = 1
        if self._count < _LEARN:
            # Nothing is known of the spacing yet, but that the samples are even.
            self._last_us = max(time_us + self._tick_us / 2, self._last_us + 1)
        else:
            spacing = (self._last_us - self._first_us) / self._count
            steps = max(round((time_us + self._tick_us / 2 - self._last_us) / spacing), 1)
            expected = self._last_us + steps * spacing
            placed = min(max(expected, time_us), time_us + self._tick_us)
            self._last_us = max(placed, self._last_us + 1)
        self._count += steps
        if self._count > _REMEMBER:
            self._first_us += (self._last_us - self._first_us) / 2
            self._count /= 2
        return round(self._last_us), steps - 1

    def restart(self) -> None:
        """The device's clock began anew, or jumped."""
        self._count = -1.0
