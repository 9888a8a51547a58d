"""Where a sensor's clock stands in session time, and how fast it runs, bounded from both sides by its arrivals.

A packet arrives later than its newest sample was taken, never earlier, so all points (x, y) with x = device time and
y = arrival - x lie above the line of true offset and skew. And what a connection event brought was not ready at the
event before: the lowest points lie less than one packet's spacing above that line. So every bin of time bounds the line
from above and from below, and the lines that pass between all bounds are what the arrivals allow. Of those the mean is
taken, over candidate slopes with a normal prior (a crystal's tolerance), each with the middle of the offsets that it
leaves; their spread is the stated uncertainty. The points are thinned to the minimum of each bin.

How much that tells is set by the lattice. Samples of 100 Hz in events every 30 ms always come with the same phase,
which moves with the skew alone: the offset stays open within 10 ms until the phase goes round (250 s at 40 ppm), and is
then known to parts of a millisecond. It crosses its ends the more often the faster it moves: a phase seen to wrap
speaks for the larger slopes, in proportion. Where rate and interval do not fit together (104 Hz, or 28.75
ms, or a chip whose own oscillator is off by parts of a percent) the phases fill the spacing at once, evenly or in a few
levels; how many levels there are shows in the steps from event to event, as multiples of a part of the spacing.

Why not least squares of y: it keeps the mean latency, which differs between two sensors of unlike loss.
Source: Zhang, Liu, Xia, INFOCOM 2002, and Moon, Skelly, Towsley, INFOCOM 1999 (clock skew from one-way delays: the
bound from above). The bound from below is Bluetooth's own: a packet waits for the next connection event, no longer.
"""

from cmath import exp, phase
from collections import deque
from dataclasses import dataclass, replace
from math import hypot, pi, sqrt

import numpy as np

from firmware_interface.samples import Bools, Floats
from pipeline.two_clocks import Lines


@dataclass(frozen=True)
class EnvelopeParameters:
    """How the envelope is kept. Lengths in seconds of device time.

    slope_bounds: the largest believed |slope|, one per step; the next is taken where no slope within fits. The prior's
        standard deviation is a fifth of it.
    bin_s: width of the first bins; they are merged in pairs up to max_bin_s as the record grows.
    max_bins: with max_bin_s, the memory of the envelope (10 min: skew wanders with temperature over longer times).
    slack_s: by which bounds may contradict each other (the least jitter of arrivals in a bin, a crystal's wander), or
        more, up to a part slack_most of the packets' spacing, where the bins scatter (uneven sampling).
    late_s: a bin whose minimum is that much above both neighbours was late (a link that faded, a host that stalled).
    misfit_s: where the bounds of least_bins contradict each other by more than this, the slope may be beyond its own;
        runaway_s: bins so far above the others bound nothing from below.
    crystal: usual size of a skew: of two slopes that a wrap allows, one twice as large is twice as likely.
    interval_s, swept_s: packets further apart than the longest usual connection interval end anywhere in it, so that
        the least of a bin hardly waited: at most swept_s.
    """

    slope_bounds: tuple[float, ...] = (200e-6, 0.015, 0.1)
    bin_s: float = 0.5
    max_bin_s: float = 4.0
    max_bins: int = 150
    slack_s: float = 2e-4
    slack_most: float = 0.2
    late_s: float = 5e-4
    misfit_s: float = 3e-3
    least_bins: int = 6
    runaway_s: float = 0.03
    crystal: float = 40e-6
    interval_s: float = 0.05
    swept_s: float = 0.01

    def wait_s(self, spacing_s: float) -> float:
        """The longest that the promptest of packets so far apart is likely to have waited."""
        return spacing_s if spacing_s <= self.interval_s else self.swept_s


@dataclass(frozen=True, slots=True)
class _Bins:
    """x, y (n,): the bins' lowest points, x from the last one. below: which of them bound the line from below, and by
    how much less. speed: of all phases; event_slope: of the connection events. slack_s: see `EnvelopeParameters`."""

    x: Floats
    y: Floats
    below: list[tuple[Bools, float]]
    speed: float
    event_slope: float
    slack_s: float


_SLOPES = np.linspace(-1.0, 1.0, 81)
_SLOPE_RESOLUTION = 1e-6
_LEVELS = 6
_UNEVEN = 8
_EVENTS = 1000
_EVENTS_PER_LEVEL = 8
_FLAT = 1e-4
_LAG = 16


class Envelope:
    """The line offset + slope * x, from all points (x, y) so far, x increasing.

    packet_s: spacing of packets; followed as they come. offset (s) and slope may be read at any time.
    slope_sd: standard deviation of the slope.
    """

    def __init__(self, packet_s: float, parameters: EnvelopeParameters | None = None) -> None:
        self._parameters = parameters or EnvelopeParameters()
        self._bounds = list(self._parameters.slope_bounds)
        self._bin_s = self._parameters.bin_s
        self._xs: list[float] = []
        self._lows: list[float] = []
        self._counts: list[int] = []
        self._low_x = 0.0
        self._low = np.inf
        self._count = 0
        self._edge = -np.inf
        self._newest_x = 0.0
        self._event = (-np.inf, 0.0)
        self._events = 0
        self._gap_s = 0.0
        self._turns = [0j] * _LEVELS
        self._before: deque[float] = deque(maxlen=_LAG)
        self._lag_turn = 0j
        self._level = 1
        self._sd = self._parameters.wait_s(packet_s) / sqrt(12.0)
        self._sd_x = 0.0
        self._lines: Lines | None = None
        self.packet_s = packet_s
        self.offset = np.inf
        self.slope = 0.0
        self.slope_sd = self._bounds[0] / 5

    def sd_s(self, x: float) -> float:
        """Standard deviation of the line at x."""
        return hypot(self._sd, self.slope_sd * (x - self._sd_x))

    def lines(self, x: float) -> Lines | None:
        """All lines that the points allow, at x; None before there are enough."""
        allowed = self._lines
        return (
            None if allowed is None else replace(allowed, highest=allowed.highest + allowed.slopes * (x - self._sd_x))
        )

    def add(self, x: float, y: float) -> None:
        """One point. A point below the line lowers it at once."""
        step = x - self._newest_x
        self._newest_x = x
        if 0.3 * self.packet_s < step < 3.0 * self.packet_s:
            self.packet_s += 0.02 * (step - self.packet_s)
        self._see_event(x + y, y)
        if x >= self._edge:
            self._close_bin(x)
        if y < self._low:
            self._low = y
            self._low_x = x
        y -= self.slope * x
        if self._lines is None:
            y -= 0.5 * self._parameters.wait_s(self.packet_s)
        if y < self.offset:
            self.offset = y

    # -- the lattice ---------------------------------------------------------------------------------------------------

    def _see_event(self, arrival: float, y: float) -> None:
        """How y steps from one connection event to the next, as a turn of the packet's spacing and its parts."""
        last_arrival, last_y = self._event
        gap = arrival - last_arrival
        if gap < 0.5 * self.packet_s:
            return
        self._event = arrival, y
        self._count += 1
        if gap > 100.0:
            return
        self._events += 1
        share = max(1.0 / self._events, 1.0 / _EVENTS)
        self._gap_s += share * (gap - self._gap_s)
        turn = power = exp(2j * pi * ((y - last_y) / self.packet_s))
        turns = self._turns
        for k in range(_LEVELS):
            turns[k] += share * (power - turns[k])
            power *= turn
        before = self._before
        if len(before) == _LAG:
            turn = exp(2j * pi * (self._level * (y - before[0]) / self.packet_s))
            self._lag_turn += share * (turn - self._lag_turn)
        before.append(y)

    def _levels(self) -> tuple[int, float]:
        """In how many even levels the phases lie (steps are multiples of the spacing's so many-th part), and how fast
        all move at least, s/s: samples that are not taken at the rate which the ticks run at."""
        if self._events < 4 * _EVENTS_PER_LEVEL:
            return 1, 0.0
        level = max(range(_LEVELS), key=lambda k: (self._turns[k].real, -k))
        turn = self._turns[level]
        known = min(self._events, _EVENTS)
        if turn.real < max(0.1, 3.0 / sqrt(known)) or abs(turn.imag) > 0.3 * turn.real:
            return _UNEVEN, 0.0
        if level + 1 != self._level:
            self._level, self._lag_turn = level + 1, 0j
        angle = max(_angle(turn, known), _angle(self._lag_turn, known) / _LAG)
        return level + 1, angle / (2 * pi * (level + 1)) * self.packet_s / self._gap_s

    # -- bins ----------------------------------------------------------------------------------------------------------

    def _close_bin(self, x: float) -> None:
        p = self._parameters
        if self._low < np.inf:
            self._xs.append(self._low_x)
            self._lows.append(self._low)
            self._counts.append(self._count)
            self._low, self._count = np.inf, 0
            if len(self._xs) >= 3:
                self._fit()
        if len(self._xs) >= p.max_bins:
            if self._bin_s < p.max_bin_s:
                self._bin_s *= 2
                self._merge_pairs()
            else:
                del self._xs[0], self._lows[0], self._counts[0]
        self._edge = x + self._bin_s

    def _merge_pairs(self) -> None:
        xs, lows = self._xs, self._lows
        keep = [i if i + 1 == len(lows) or lows[i] <= lows[i + 1] else i + 1 for i in range(0, len(lows), 2)]
        self._xs = [xs[i] for i in keep]
        self._lows = [lows[i] for i in keep]
        self._counts = [sum(self._counts[i : i + 2]) for i in range(0, len(lows), 2)]

    def _from_below(self, x: Floats, y: Floats, levels: int, speed: float) -> Bools:
        """Which bins bound the line from below: the least of each group that must have seen every level, if on time."""
        p = self._parameters
        counts = np.array(self._counts)
        group = (np.cumsum(counts) - counts) // (_EVENTS_PER_LEVEL * levels)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        rest = y - self.slope * x
        least = np.minimum.reduceat(rest, starts)
        lowest = rest == np.repeat(least, np.diff(np.append(starts, len(rest))))
        above = rest - rest.min()
        at = np.flatnonzero(lowest & (above <= 3 * np.median(above) + p.runaway_s))
        value = rest[at]
        around = np.maximum(np.append(-np.inf, value[:-1]), np.append(value[1:], -np.inf))
        bound = np.zeros(len(x), bool)
        bound[at[value <= around + p.late_s + 2 * speed * self._bin_s]] = True
        return bound

    def _fit(self) -> None:
        p = self._parameters
        bins = self._bins()
        if len(self._bounds) > 1 and len(self._xs) >= p.least_bins:
            # A record that does not fit is mostly a link that fell behind: a wider bound must make it fit.
            here, beyond = (float(self._room(bins, bound * _SLOPES)[0].max()) for bound in self._bounds[:2])
            if here < -p.misfit_s and beyond > 0.25 * here:
                del self._bounds[0]
        bound = self._bounds[0]
        centre, half = 0.0, bound
        while True:
            slopes = centre + half * _SLOPES
            slopes = slopes[np.abs(slopes) <= bound]
            room, highest, size = self._room(bins, slopes)
            # What contradicts itself is uncertain by as much.
            least = min(float(room.max()), 0.0)
            room = room - least
            outside = np.minimum(room, 0.0) / ((bins.slack_s - least) / 3)
            room = np.maximum(room, 0.0)
            log_p = np.log(room + size + 1e-12) - 0.5 * outside**2 - 0.5 * (slopes / (bound / 5)) ** 2
            weight = np.exp(log_p - log_p.max())
            weight /= weight.sum()
            mean = float((weight * slopes).sum())
            wide = float(np.sqrt((weight * (slopes - mean) ** 2).sum()))
            step = half / 40
            if step <= _SLOPE_RESOLUTION or wide > 4 * step:
                break
            centre, half = mean, 6 * step
        held = np.minimum(room, p.wait_s(self.packet_s))
        middles = highest - 0.5 * held
        middle = float((weight * middles).sum())
        variance = float((weight * (room**2 / 12 + (middles - middle) ** 2)).sum()) + least**2 + bins.slack_s**2 / 4
        self.slope, self.slope_sd = mean, max(wide, step)
        self.offset = middle - mean * self._xs[-1]
        self._sd, self._sd_x = sqrt(variance), self._xs[-1]
        blurred = np.hypot(held, 2.0 * bins.slack_s - least)
        self._lines = Lines(slopes, log_p, highest + 0.5 * (blurred - held), blurred)

    def _bins(self) -> "_Bins":
        x, y = np.array(self._xs) - self._xs[-1], np.array(self._lows)
        levels, speed = self._levels()
        p = self._parameters
        below = [(self._from_below(x, y, n, speed), min(self.packet_s / n, p.interval_s)) for n in sorted({1, levels})]
        steps = np.diff(y - self.slope * x)
        scatter = float(np.median(np.abs(steps - np.median(steps))))
        slack_s = min(max(p.slack_s, 3.0 * scatter), max(p.slack_most * self.packet_s / levels, p.slack_s))
        return _Bins(x, y, below, speed, self._event_slope(x, y), slack_s)

    def _room(self, bins: "_Bins", slopes: Floats) -> tuple[Floats, Floats, Floats]:
        """For each slope (k,) how much the bounds leave to the offset (negative: they contradict each other), the
        largest offset, at the last bin, and what a phase's wrap adds to the slope's weight."""
        rests = bins.y - slopes[:, None] * bins.x
        highest = rests.min(axis=1)
        # The phase moves on while a bin is filled: what it passes over is seen.
        moving = np.abs(slopes - bins.event_slope)
        passed = np.maximum(moving, bins.speed) * self._bin_s
        room = np.full(len(slopes), 4.0 * self.packet_s)
        for used, spacing in bins.below:
            lowest = rests[:, used].max(axis=1, initial=-np.inf)
            room = np.minimum(room, highest - lowest + np.maximum(spacing - passed, 0.02 * self.packet_s))
        return room, highest, 0.5 * bins.slack_s * moving / self._parameters.crystal

    def _event_slope(self, x: Floats, y: Floats) -> float:
        """How fast connection events run against the device's ticks, from bins between which no phase has wrapped."""
        lag = max(len(x) // 8, 1)
        slope = float(np.median((y[lag:] - y[:-lag]) / (x[lag:] - x[:-lag])))
        return slope if abs(slope) < _FLAT else 0.0


def _angle(turn: complex, known: int) -> float:
    """The part of a mean turn's angle that is certain, rad; known: how many turns it is the mean of."""
    size = abs(turn)
    if size < 0.1:
        return 0.0
    noise = sqrt(max(1.0 - size * size, 0.0) / (2 * known)) / size
    return max(abs(phase(turn)) - 3.0 * noise, 0.0)
