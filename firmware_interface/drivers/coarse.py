"""Even times from a clock that ticks more coarsely than the samples come.

A device time of 8 ms steps, or of 1.5 ms, says only in which tick a sample was taken; but the samples are even. So a
straight line is fitted to the middles of the ticks over the number of the sample (least squares that forget with a time
constant of 250 samples, for the spacing drifts with the temperature), and each sample is placed on it, within its own
tick. Uniform errors of one tick become about a fourteenth of it after some seconds. How many samples fit between two
ticks follows from the line's slope: what is missing is seen. The first samples are gone through once more when there
are enough of them to tell a usual step from a hole; a loss among them may still be overlooked.
"""

from itertools import pairwise
from math import ceil
from statistics import fmean, median

_LEARN = 16
"""Samples after which the spacing is first known."""
_FORGET = 1 - 1 / 250


class CoarseClock:
    """The times of one stream of single samples.

    tick_us: length of one tick of the device's clock, microseconds.
    """

    def __init__(self, tick_us: float) -> None:
        self._half_us = tick_us / 2
        self._received = 0
        self._first: list[float] = []
        self._origin_us = 0.0
        self._last_us = -1e300
        # Sums of weight, x, x^2, y and x y; x counts samples back from the newest, y is microseconds after the origin.
        self._w = self._x = self._xx = self._y = self._xy = 0.0

    def place(self, time_us: float) -> tuple[int, int]:
        """Microseconds of a sample whose tick began at time_us, and how many samples were lost before it.

        time_us: above that of the sample before; `restart` first where it is not.
        """
        middle_us = time_us + self._half_us
        lost = 0
        if self._received < _LEARN:
            self._first.append(middle_us)
            self._add(1, middle_us)
            if self._received + 1 == _LEARN:
                lost = self._go_through_again()
        else:
            steps = self._steps_to(time_us)
            self._add(steps, middle_us)
            lost = steps - 1
        self._received += 1
        level, _ = self._line()
        placed = min(max(self._origin_us + level, time_us), time_us + 2 * self._half_us)
        self._last_us = max(round(placed), self._last_us + 1)
        return int(self._last_us), lost

    def restart(self) -> None:
        """The device's clock began anew, or jumped. Times still only grow."""
        self._received = 0
        self._first.clear()
        self._w = self._x = self._xx = self._y = self._xy = 0.0

    def _go_through_again(self) -> int:
        """Fit the first samples anew, holes among them counted; returns what is missing."""
        gaps = [after - before for before, after in pairwise(self._first)]
        longest = 1.5 * median(gaps) + 2 * self._half_us
        usual = fmean(gap for gap in gaps if gap <= longest)
        steps = [1, *(max(round(gap / usual), 1) if gap > longest else 1 for gap in gaps)]
        self._w = self._x = self._xx = self._y = self._xy = 0.0
        for step, middle_us in zip(steps, self._first, strict=True):
            self._add(step, middle_us)
        self._first.clear()
        return sum(steps) - len(steps)

    def _steps_to(self, time_us: float) -> int:
        """The fewest samples that explain a tick that began then: a loss is rarer than an error of the line.

        The margin: samples that nearly keep step with the clock leave half a tick open, and the line has its own error.
        A loss that it hides shows at one of the next samples.
        """
        level, spacing_us = self._line()
        margin_us = 2 * self._half_us * (0.6 + 4 / self._received)
        return max(ceil((time_us - margin_us - self._origin_us - level) / max(spacing_us, 1.0)), 1)

    def _add(self, steps: int, middle_us: float) -> None:
        """One more point, at x = 0 and y = 0: everything before moves back."""
        moved = middle_us - self._origin_us
        self._origin_us = middle_us
        y = self._y - moved * self._w
        xy = self._xy - moved * self._x - steps * y
        self._xx = _FORGET * (self._xx - 2 * steps * self._x + steps * steps * self._w)
        self._x = _FORGET * (self._x - steps * self._w)
        self._xy, self._y = _FORGET * xy, _FORGET * y
        self._w = _FORGET * self._w + 1.0

    def _line(self) -> tuple[float, float]:
        """Level at the newest sample, microseconds after the origin, and microseconds per sample."""
        determinant = self._w * self._xx - self._x * self._x
        if self._received < 3 or determinant <= 0:
            return 0.0, 0.0
        return (
            (self._xx * self._y - self._x * self._xy) / determinant,
            (self._w * self._xy - self._x * self._y) / determinant,
        )
