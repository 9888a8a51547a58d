"""The lower envelope of arrival minus device time: where a sensor's clock stands in session time, and how fast it runs.

A notification arrives later than its newest sample was taken, never earlier, so all points (x, y) with x = device time
and y = arrival - x lie above the line of true offset and skew. The points are thinned to the minimum of each time bin.
The skew is the mean of a posterior over candidate slopes: a normal prior (the crystal's tolerance), the width of the
corridor that holds all minima (a wrong slope needs a wider one) and their spread. The offset is then the highest line
of that slope below every minimum. While the record is short the prior holds the slope at 1; minutes later the data do.

Why not least squares of y: it keeps the mean latency, which differs between two sensors of unlike loss. Why not the
hull's edge alone: sample period and connection interval are often commensurable (10 in 30 ms), the minima are then a
staircase whose steps come once in minutes, and one edge of it may be tilted by a whole step.
Source: Zhang, Liu, Xia, INFOCOM 2002, and Moon, Skelly, Towsley, INFOCOM 1999 (clock skew from one-way delays).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EnvelopeParameters:
    """How the envelope is kept. Lengths in seconds of device time.

    slope_bounds: the largest believed |slope|, one per step; the next is taken where the data run away from the line.
    bin_s: width of the first bins; they are merged in pairs up to max_bin_s as the record grows.
    max_bins: with max_bin_s, the memory of the envelope (10 min: skew wanders with temperature over longer times).
    corridor_s: how much wider than the narrowest a corridor may well be (arrival jitter of the host).
    runaway_s: the last bins this far above the line mean that the slope is beyond its bound.
    """

    slope_bounds: tuple[float, ...] = (200e-6, 0.015, 0.1)
    bin_s: float = 0.5
    max_bin_s: float = 4.0
    max_bins: int = 150
    corridor_s: float = 1e-3
    runaway_s: float = 0.03


_SLOPES = np.linspace(-1.0, 1.0, 61)
_SLOPE_RESOLUTION = 1e-6
_STEP_VARIANCE_S2 = 0.01**2 / 12


class Envelope:
    """The line offset + slope * x under all points (x, y) so far, x increasing.

    offset (s) and slope may be read at any time. width_s: height of the corridor that holds the bins' minima.
    slope_sd: standard deviation of the slope.
    """

    def __init__(self, parameters: EnvelopeParameters | None = None) -> None:
        self._parameters = parameters or EnvelopeParameters()
        self._bounds = list(self._parameters.slope_bounds)
        self._bin_s = self._parameters.bin_s
        self._xs: list[float] = []
        self._lows: list[float] = []
        self._low_x = 0.0
        self._low = np.inf
        self._edge = -np.inf
        self.offset = np.inf
        self.slope = 0.0
        self.slope_sd = self._bounds[0] / 5
        self.width_s = 0.0

    def add(self, x: float, y: float) -> None:
        """One point. A point below the line lowers it at once."""
        if x >= self._edge:
            self._close_bin(x)
        if y < self._low:
            self._low = y
            self._low_x = x
        y -= self.slope * x
        if y < self.offset:
            self.offset = y

    def _close_bin(self, x: float) -> None:
        p = self._parameters
        if self._low < np.inf:
            self._xs.append(self._low_x)
            self._lows.append(self._low)
            self._low = np.inf
            self._refresh()
        if len(self._xs) >= p.max_bins:
            if self._bin_s < p.max_bin_s:
                self._bin_s *= 2
                self._merge_pairs()
            else:
                del self._xs[0], self._lows[0]
        self._edge = x + self._bin_s

    def _merge_pairs(self) -> None:
        xs, lows = self._xs, self._lows
        keep = [i if i + 1 == len(lows) or lows[i] <= lows[i + 1] else i + 1 for i in range(0, len(lows), 2)]
        self._xs = [xs[i] for i in keep]
        self._lows = [lows[i] for i in keep]

    def _refresh(self) -> None:
        if len(self._xs) < 3:
            return
        self._fit()
        if len(self._bounds) > 1 and self._ran_away():
            del self._bounds[0]
            self._fit()

    def _excess(self, bins: slice) -> float:
        points = zip(self._xs[bins], self._lows[bins], strict=True)
        return min(low - self.slope * x - self.offset for x, low in points)

    def _ran_away(self) -> bool:
        """Either end lies well above the line although the slope is near its bound."""
        excess = max(self._excess(slice(-3, None)), self._excess(slice(0, 3)))
        return excess > self._parameters.runaway_s and abs(self.slope) > self._bounds[0] / 2 and len(self._xs) >= 6

    def _fit(self) -> None:
        bound = self._bounds[0]
        sd = bound / 5
        x = np.array(self._xs)
        y = np.array(self._lows)
        rest = y - self.slope * x
        above = rest - rest.min()
        keep = above <= 3 * np.median(above) + self._parameters.runaway_s
        x, y = x[keep], y[keep]
        top = int(0.95 * (len(x) - 1))
        centre, half = 0.0, bound
        while True:
            slopes = centre + half * _SLOPES
            slopes = slopes[np.abs(slopes) <= bound]
            rests = y - slopes[:, None] * x
            offsets = rests.min(axis=1)
            widths = np.partition(rests, top, axis=1)[:, top] - offsets
            spread = rests.var(axis=1)
            log_p = -widths / self._parameters.corridor_s - 0.5 * (slopes / sd) ** 2 - 6 * spread / _STEP_VARIANCE_S2
            p = np.exp(log_p - log_p.max())
            p /= p.sum()
            mean = float((p * slopes).sum())
            wide = float(np.sqrt((p * (slopes - mean) ** 2).sum()))
            step = half / 30
            if step <= _SLOPE_RESOLUTION or wide > 4 * step:
                break
            centre, half = mean, 6 * step
        self.slope, self.slope_sd = mean, max(wide, step)
        rests = y - mean * x
        self.offset = float(rests.min())
        self.width_s = float(rests.max()) - self.offset
