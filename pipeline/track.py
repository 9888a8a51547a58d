"""One sensor's samples on their way to the grid: sorted, checked, and interpolated at the grid's times.

Samples come with irregular times, mostly in order. A reordered packet is sorted in as long as the rows it belongs to
are not final. Impossible samples (beyond any sensor's range, or a jump of one sample there and back that no limb makes)
are left out, and the rows between their neighbours are not ok. Between neighbours closer than the bridge length a row
is interpolated by a cubic through four samples (Hermite with parabolic tangents; measured against linear in
tests/pipeline/test_grid.py: a third of its error or less, for one sample more of delay); a sensor clearly faster than
the grid is averaged over the row's interval instead, which keeps the integral of the angular rate and avoids aliasing.
Across longer gaps a row holds the last value and is not ok.
"""

from bisect import bisect_left
from dataclasses import dataclass
from statistics import median

from firmware_interface.samples import STANDARD_GRAVITY

Vector = tuple[float, float, float]

Row = tuple[Vector, Vector, bool, bool]
"""One sensor at one time of the grid: specific force m/s2, angular rate rad/s, ok, clipped."""

STANDARD_GRAVITY_VECTOR: Vector = (0.0, 0.0, STANDARD_GRAVITY)
"""What rows hold before a sensor's first sample: harmless to filters, and never ok."""


@dataclass(frozen=True)
class TrackParameters:
    """What is bridged and what is believed.

    bridge_s: longest hole that is interpolated and stays ok (design: gaps up to a stated length).
    reorder_s: rows in a hole wait this long, in the sensor's own time, for a late packet.
    acc_limit, gyr_limit: m/s2 and rad/s beyond which no sensor of this kind measures (16 g, 2000 deg/s and a margin).
    acc_spike, gyr_spike: smallest jump, in and out, of a single impossible sample. A heel strike on the shank makes
        single-sample peaks up to about 10 g at 100 Hz.
    average_above: source rate over grid rate from which samples are averaged rather than interpolated.
    """

    bridge_s: float = 0.1
    reorder_s: float = 0.15
    acc_limit: float = 200.0
    gyr_limit: float = 40.0
    acc_spike: float = 120.0
    gyr_spike: float = 12.0
    average_above: float = 1.3


_SAME_TIME_S = 1e-6
_PRUNE = 512
_REACH = 2.5


class Track:
    """The samples of one sensor that may still be needed. `row` must be asked for increasing times.

    period_s: median spacing of its samples. ready_s: rows up to here are final whatever comes in order. reorder_s: may
    be set longer where delay does not matter. Counts: spikes, late, gaps (holes not bridged), empty_rows within them.
    """

    def __init__(self, parameters: TrackParameters) -> None:
        self._p = parameters
        self.times: list[float] = []
        self._acc: list[Vector] = []
        self._gyr: list[Vector] = []
        self._clipped: list[bool] = []
        self._doubtful: list[bool] = []
        self._doubt_next = False
        self._jumped = False
        self._settled = 0
        self._at = 0
        self._final_s = -1e300
        self.half_s = 0.0
        self._row_s = 0.0
        self.reorder_s = parameters.reorder_s
        self.period_s = 0.01
        self.ready_s = -1e300
        self.first_s: float | None = None
        self.last_s = -1e300
        self.spikes = 0
        self.late = 0
        self.packet_s = 0.0
        """The longest span of samples that came in one packet."""
        self.gaps = 0
        self.empty_rows = 0
        self._in_gap = True

    def add(self, time_s: float, acc: Vector, gyr: Vector, clipped: bool) -> None:
        """One sample. Counted and left out where it is late or impossible."""
        p = self._p
        a, g = p.acc_limit, p.gyr_limit
        if not (
            -a <= acc[0] <= a and -a <= acc[1] <= a and -a <= acc[2] <= a
            and -g <= gyr[0] <= g and -g <= gyr[1] <= g and -g <= gyr[2] <= g
        ):  # fmt: skip
            self.spikes += 1
            self._doubt_next = True
            return
        if time_s <= self.last_s:
            self._insert(time_s, acc, gyr, clipped)
            return
        if time_s <= self._final_s:
            self.late += 1
            return
        doubtful = self._doubt_next
        self._doubt_next = False
        n = len(self.times)
        if self._jumped and n >= 2 and self._is_spike(n, acc, gyr, time_s):
            self._drop(n - 1)
            n -= 1
            self.spikes += 1
            doubtful = True
        self._jumped = n > 0 and (
            _jumps(self._gyr[n - 1], gyr, p.gyr_spike) or _jumps(self._acc[n - 1], acc, p.acc_spike)
        )
        self.times.append(time_s)
        self._acc.append(acc)
        self._gyr.append(gyr)
        self._clipped.append(clipped)
        self._doubtful.append(doubtful)
        self.last_s = time_s
        if self.first_s is None:
            self.first_s = time_s
        self._settle()
        if len(self.times) > _PRUNE:
            self._prune()

    def use_grid(self, rate_hz: float) -> None:
        """Fix how rows are made: the grid's rate is known, and with it whether this sensor is faster."""
        self._measure_period()
        self._row_s = 1.0 / rate_hz
        faster = self._row_s > self._p.average_above * self.period_s
        self.half_s = 0.5 * self._row_s if faster else 0.0
        self._settle()

    def measured_period_s(self) -> float | None:
        """Median spacing of the samples held; None before there are a few."""
        steps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        return median(steps) if len(steps) >= 4 else None

    def row(self, time_s: float) -> Row:
        """acc, gyr, ok, clipped at a grid time; the time is final from here on."""
        self._final_s = time_s
        times = self.times
        at = self._at
        last = len(times) - 1
        until = time_s + _SAME_TIME_S
        while at < last and times[at + 1] <= until:
            at += 1
        self._at = at
        if last < 0 or times[at] > until:
            return self._no_data(STANDARD_GRAVITY_VECTOR, (0.0, 0.0, 0.0), False)
        if self.half_s:
            return self._average(time_s, at)
        if time_s - times[at] < _SAME_TIME_S:
            self._in_gap = False
            return self._acc[at], self._gyr[at], True, self._clipped[at]
        if at == last or times[at + 1] - times[at] > self._p.bridge_s:
            return self._no_data(self._acc[at], self._gyr[at], self._clipped[at])
        self._in_gap = False
        acc, gyr = self._cubic(time_s, at)
        return acc, gyr, not self._doubtful[at + 1], self._clipped[at] or self._clipped[at + 1]

    # -- samples -------------------------------------------------------------------------------------------------------

    def _insert(self, time_s: float, acc: Vector, gyr: Vector, clipped: bool) -> None:
        i = bisect_left(self.times, time_s)
        same_before = i > 0 and time_s - self.times[i - 1] < _SAME_TIME_S
        if time_s <= self._final_s or same_before or self.times[i] - time_s < _SAME_TIME_S:
            self.late += 1
            return
        if i == 0:
            self.first_s = time_s
        self.times.insert(i, time_s)
        self._acc.insert(i, acc)
        self._gyr.insert(i, gyr)
        self._clipped.insert(i, clipped)
        self._doubtful.insert(i, self._doubtful[i])
        self._settled = max(min(self._settled, i - 1), 0)
        self._settle()

    def _drop(self, i: int) -> None:
        for column in (self.times, self._acc, self._gyr, self._clipped, self._doubtful):
            del column[i]

    def _is_spike(self, n: int, acc: Vector, gyr: Vector, time_s: float) -> bool:
        """Whether the newest sample held stands out from both neighbours, which agree with each other."""
        if time_s - self.times[n - 2] > 2 * _REACH * self.period_s:
            return False
        p = self._p
        return _stands_out(self._gyr[n - 2], self._gyr[n - 1], gyr, p.gyr_spike) or _stands_out(
            self._acc[n - 2], self._acc[n - 1], acc, p.acc_spike
        )

    def _settle(self) -> None:
        """Rows up to ready_s cannot change any more, whatever comes in order."""
        times = self.times
        known = len(times) - 2
        if known < 0:
            return
        i = self._settled
        short = 1.5 * self.period_s
        waited = times[-1] - self.reorder_s
        while i < known and (times[i + 1] - times[i] <= short or times[i + 1] <= waited):
            i += 1
        self._settled = i
        self.ready_s = times[i] - self.half_s

    def _prune(self) -> None:
        """Forget what no row needs. The samples held are the last few of a live stream: the rate is measured anew."""
        if len(self.times) > 4 * _PRUNE and self._row_s == 0.0:
            keep_from = len(self.times) // 2
        else:
            keep_from = max(self._at - 2 - int((self._p.bridge_s + 4 * self.half_s) / self.period_s), 0)
        if keep_from == 0:
            return
        if self._row_s:
            self._measure_period()
        for column in (self.times, self._acc, self._gyr, self._clipped, self._doubtful):
            del column[:keep_from]
        self._at = max(self._at - keep_from, 0)
        self._settled = max(self._settled - keep_from, 0)

    def _measure_period(self) -> None:
        period = self.measured_period_s()
        if period:
            self.period_s = period

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _no_data(self, acc: Vector, gyr: Vector, clipped: bool) -> Row:
        self.empty_rows += 1
        if not self._in_gap:
            self._in_gap = True
            self.gaps += 1
        return acc, gyr, False, clipped

    def _cubic(self, time_s: float, at: int) -> tuple[Vector, Vector]:
        times = self.times
        t1, t2 = times[at], times[at + 1]
        h = t2 - t1
        u = (time_s - t1) / h
        v = 1.0 - u
        # across a hole the tangents come from samples about as far out as the hole is wide: near ones are all noise
        far = 0.4 * h
        i = at - 1
        while i > 0 and t1 - times[i] < far:
            i -= 1
        j = at + 2
        end = len(times) - 1
        while j < end and times[j] - t2 < far:
            j += 1
        reach = _REACH * max(h, self.period_s)
        before = t1 - times[i] if i >= 0 else 1e300
        after = times[j] - t2 if j <= end else 1e300
        has0 = far / 2 < before < reach
        has3 = far / 2 < after < reach and not (self._jumped and j == end)
        # a newest sample that jumped may yet be a spike: until its successor is seen it must not shape a row
        h10 = u * v * v
        h11 = -u * u * v
        w1 = (1.0 + 2.0 * u) * v * v
        w2 = u * u * (3.0 - 2.0 * u)
        w0 = w3 = 0.0
        if has0 and has3:
            a, b = _tangent(before, h)
            c, d = _tangent(after, h)
            w0, w3 = -h10 * b, h11 * d
            w1 += h10 * (b - a) - h11 * c
            w2 += h10 * a + h11 * (c - d)
        elif has0:
            a, b = _tangent(before, h)
            # the parabola through the three samples: the far tangent follows from the near one
            w0 = -h10 * b + h11 * b
            w1 += h10 * (b - a) + h11 * (a - b - 2.0)
            w2 += h10 * a + h11 * (2.0 - a)
        elif has3:
            c, d = _tangent(after, h)
            w3 = h11 * d - h10 * d
            w1 += -h11 * c + h10 * (c - 2.0)
            w2 += h11 * (c - d) + h10 * (2.0 - c + d)
        else:
            w1, w2 = v, u
        i = i if has0 else at
        j = j if has3 else at
        x0, x1, x2 = self._acc[i]
        y0, y1, y2 = self._acc[at]
        z0, z1, z2 = self._acc[at + 1]
        q0, q1, q2 = self._acc[j]
        acc = (
            w0 * x0 + w1 * y0 + w2 * z0 + w3 * q0,
            w0 * x1 + w1 * y1 + w2 * z1 + w3 * q1,
            w0 * x2 + w1 * y2 + w2 * z2 + w3 * q2,
        )
        x0, x1, x2 = self._gyr[i]
        y0, y1, y2 = self._gyr[at]
        z0, z1, z2 = self._gyr[at + 1]
        q0, q1, q2 = self._gyr[j]
        gyr = (
            w0 * x0 + w1 * y0 + w2 * z0 + w3 * q0,
            w0 * x1 + w1 * y1 + w2 * z1 + w3 * q1,
            w0 * x2 + w1 * y2 + w2 * z2 + w3 * q2,
        )
        return acc, gyr

    def _average(self, time_s: float, at: int) -> Row:
        """Mean of the broken line through the samples over one grid interval."""
        times = self.times
        begin, end = time_s - self.half_s, time_s + self.half_s
        first = at
        while first > 0 and times[first] > begin:
            first -= 1
        last = at
        while last < len(times) - 1 and times[last] < end:
            last += 1
        ok = True
        clipped = False
        weights = [0.0] * (last - first + 1)
        if times[first] > begin + _SAME_TIME_S or times[last] < end - _SAME_TIME_S:
            return self._no_data(self._acc[at], self._gyr[at], self._clipped[at])
        for i in range(first, last):
            t1, t2 = times[i], times[i + 1]
            h = t2 - t1
            if h > self._p.bridge_s:
                return self._no_data(self._acc[at], self._gyr[at], self._clipped[at])
            ok = ok and not self._doubtful[i + 1]
            clipped = clipped or self._clipped[i] or self._clipped[i + 1]
            lo, hi = max(t1, begin), min(t2, end)
            if hi <= lo:
                continue
            width = (hi - lo) / self._row_s
            middle = (0.5 * (lo + hi) - t1) / h
            weights[i - first] += width * (1.0 - middle)
            weights[i - first + 1] += width * middle
        self._in_gap = False
        span = range(first, last + 1)
        acc = tuple(sum(w * self._acc[i][k] for w, i in zip(weights, span, strict=True)) for k in range(3))
        gyr = tuple(sum(w * self._gyr[i][k] for w, i in zip(weights, span, strict=True)) for k in range(3))
        return (acc[0], acc[1], acc[2]), (gyr[0], gyr[1], gyr[2]), ok, clipped


def _tangent(outer: float, h: float) -> tuple[float, float]:
    """h times the parabola's slope at the inner sample = a * (rise over h) + b * (rise over the outer interval)."""
    return outer / (outer + h), h * h / (outer * (outer + h))


def _jumps(a: Vector, b: Vector, limit: float) -> bool:
    return not (-limit <= a[0] - b[0] <= limit and -limit <= a[1] - b[1] <= limit and -limit <= a[2] - b[2] <= limit)


def _stands_out(before: Vector, middle: Vector, after: Vector, limit: float) -> bool:
    for b, m, a in zip(before, middle, after, strict=True):
        rise, fall = m - b, m - a
        if (rise > limit and fall > limit) or (rise < -limit and fall < -limit):
            return abs(a - b) < 0.5 * min(abs(rise), abs(fall))
    return False
