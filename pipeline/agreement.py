"""Two sensors of one leg on one time: what their arrivals say, joined with the motion that they share.

Each sensor's time base rests on arrivals alone (see `timebase`). Between the two that leaves what no arrival tells: the
phase of samples against connection events, up to a packet's spacing until it was seen to wrap, which takes minutes, and
for unlike sensors their own delays. `shared_motion` measures the difference in every window of moving rows. Here those
measurements become one estimate of the difference between the two clocks and of its drift (a Kalman filter of two
states). One that disagrees wildly is left out; two in a row mean that a clock has jumped, and the estimate begins anew.

What motion shows holds a part of its own, the lag of skin and muscle behind the bone: some milliseconds, and the same
as long as the sensors stay where they are. `two_clocks` joins the difference, with that lag's standard deviation, and
the bounds of both sensors' arrivals: the drift tells all, the absolute value as much as the lag allows, and a phase
that is known is not moved. What is learnt of the lag outlives a connection. An offset too large for any lag is
corrected as a whole: a sensor that holds its samples back, samples lost unseen. A correction takes effect on the
samples that come afterwards, at the time bases' slow pace. All is decided as rows become final, by records alone: live
and replay agree to the last bit. Tables whose time is the session's are checked and not corrected.
"""

from collections import deque
from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Protocol

from pipeline.shared_motion import Seen, SharedMotion, SharedMotionParameters
from pipeline.tabletime import TableTime
from pipeline.timebase import TimeBase
from pipeline.track import Row
from pipeline.two_clocks import Agreed, Difference, together


@dataclass(frozen=True)
class AgreementParameters:
    """unlike_sd_s: how much the shortest latencies of two different models differ. change_sd_s: how much tissue's lag
    changes between kinds of movement. wild: standard deviations beyond which a measurement is not believed at once;
    disproved: beyond which the arrivals' own are not.
    drift_sd: least standard deviation of the drift before any motion; drift_walk: its random walk, per root s
    (temperature: about 1 ppm a minute). kept_lag_sd_s: how much less sure the lag is after a connection that ended.
    calm_sd_s, calm_windows: where the difference is known as well as this, so many windows are left out after each that
    showed something."""

    unlike_sd_s: float = 4e-3
    change_sd_s: float = 1.5e-3
    wild: float = 4.0
    disproved: float = 4.0
    drift_sd: float = 120e-6
    drift_walk: float = 0.15e-6
    kept_lag_sd_s: float = 1.5e-3
    calm_sd_s: float = 1e-3
    calm_windows: int = 3
    motion: SharedMotionParameters = field(default_factory=SharedMotionParameters)


_PATIENCE = 2
"""Windows of rows without a full one, after which the estimate is carried on all the same."""


class Timed(Protocol):
    """One sensor's stream of samples: its time base, while it is connected, and the time of its newest sample."""

    @property
    def base(self) -> TimeBase | TableTime | None: ...

    @property
    def newest_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Offset:
    """How late the first sensor's rows are against the second's, s: as the motion showed it last, with its standard
    deviation, soft tissue's share included."""

    offset_s: float
    sd_s: float


class Agreement:
    """Watches the rows of one leg's two sensors and corrects their time bases.

    first, second: the streams of thigh and shank. alike: both are of one model, so that their latencies are the same.
    """

    def __init__(
        self,
        first: Timed,
        second: Timed,
        rate_hz: float,
        alike: bool = True,
        parameters: AgreementParameters | None = None,
    ) -> None:
        self._p = parameters or AgreementParameters()
        self._streams = first, second
        self._unlike_var = 0.0 if alike else self._p.unlike_sd_s**2
        self._rate_hz = rate_hz
        self._motion = SharedMotion(rate_hz, self._p.motion)
        self._clocks: tuple[object, ...] = ()
        self._from_s = -1e300
        self._length = round(self._p.motion.window_s * rate_hz)
        self._shifts: deque[float] = deque(maxlen=self._length)
        self._since = 0
        self._difference = _Difference(self._p)
        self._lag = _Lag(0.0, self._p.motion.tissue_sd_s**2)
        self._lag_now = self._lag
        self._wild = False
        self._calm = 0
        self.last: Offset | None = None
        """None before any motion showed it, and again after a clock or a connection began anew."""
        self.mappings = 0
        """How many times that was."""
        self.difference_sd_s: float | None = None
        """Of the two clocks, as arrivals and motion leave it; None while motion says nothing."""

    def row(self, time_s: float, first: Row, second: Row) -> None:
        """The next row of both sensors became final."""
        one, two = self._streams[0].base, self._streams[1].base
        if one is None or two is None or not (one.is_open and two.is_open):
            # A device's clock is not mapped at present; what was known of it does not hold for the next mapping.
            if self._clocks:
                self._forget(())
            return
        clocks = (one, one.restarts, two, two.restarts)
        if clocks != self._clocks:
            self._forget(clocks)
        if time_s <= self._from_s:
            return
        self._since += 1
        if first[2] and second[2]:
            self._shifts.append(one.shift_s - two.shift_s)
        if self._motion.add(first, second):
            self._window(one, two, self._calm < 1)
        elif self._since == _PATIENCE * self._length:
            self._window(one, two, False)

    def _forget(self, clocks: tuple[object, ...]) -> None:
        """New mappings. Rows that are still to come may be older than they are: those do not count."""
        self._clocks = clocks
        self.mappings += 1
        self._from_s = max(stream.newest_s for stream in self._streams)
        self._motion.restart()
        self._shifts.clear()
        self._since = 0
        self._difference.forget()
        self._lag = self._lag_now.after(self._p)
        self._lag_now = self._lag
        self._wild = False
        self._calm = 0
        self.difference_sd_s = None
        for stream in self._streams:
            if isinstance(stream.base, TimeBase):
                stream.base.agree(None)
        if clocks:
            self.last = None

    def _window(self, one: TimeBase | TableTime, two: TimeBase | TableTime, look: bool) -> None:
        """A window of rows is full, or holes have kept it from being: measure, keep the estimate, correct."""
        self._calm -= 1
        seen = self._motion.take(look)
        seconds, self._since = self._since / self._rate_hz, 0
        if seen is not None:
            self.last = Offset(seen.offset_s, hypot(seen.sd_s, self._p.motion.tissue_sd_s))
            if self.difference_sd_s is not None and self.difference_sd_s < self._p.calm_sd_s:
                self._calm = self._p.calm_windows
        if not (isinstance(one, TimeBase) and isinstance(two, TimeBase)):
            return
        self._difference.run(seconds)
        if seen is not None:
            self._measured(one, two, seen)
        if self._difference.known:
            self._correct(one, two)

    def _measured(self, one: TimeBase, two: TimeBase, seen: Seen) -> None:
        """The difference of the two clocks' shifts as a window showed it."""
        shifts = list(self._shifts)[-seen.rows :]
        shift_s = sum(shifts) / len(shifts) - seen.offset_s
        ago_s, var = 0.5 * seen.rows / self._rate_hz, seen.sd_s**2
        difference = self._difference
        if difference.known and not difference.fits(shift_s, ago_s, var + self._p.change_sd_s**2, self._p.wild):
            if not self._wild:
                self._wild = True
                return
            difference.forget()
        self._wild = False
        if difference.known:
            difference.measured(shift_s, ago_s, var)
            return
        (drift1, drift_sd1), (drift2, drift_sd2) = one.drift, two.drift
        difference.begin(shift_s, ago_s, var, drift1 - drift2, max(3.0 * hypot(drift_sd1, drift_sd2), self._p.drift_sd))

    def _correct(self, one: TimeBase, two: TimeBase) -> None:
        seen = self._difference.seen
        arrivals = one.envelope_s - two.envelope_s
        if abs(seen.value_s - arrivals) > self._p.motion.longest_s:
            # More than motion could have measured: one of the two is wrong about what these rows were.
            self._difference.forget()
            self._uncorrected(one, two)
            return
        first, second = one.lines(), two.lines()
        if first is None or second is None:
            return
        lag, delays = self._lag, self._unlike_var
        var1, var2 = (base.arrival_sd_s**2 for base in (one, two))
        missing = seen.value_s - lag.value_s - arrivals
        held_back = missing**2 > self._p.disproved**2 * (var1 + var2 + seen.var + lag.var + delays)
        if held_back:
            delays = missing**2
        apart = seen.var + lag.var + delays
        value_s = seen.value_s - lag.value_s
        found = together(first, second, Difference(value_s, seen.drift, apart, seen.drift_var, seen.covariance))
        if found is None:
            self._uncorrected(one, two)
            return
        # What arrivals do not explain is the sensors' own delays, or the lag.
        rest = value_s - (found.values_s[0] - found.values_s[1])
        delay = rest * delays / apart
        own = 0.25 * delays * (1.0 - delays / apart)
        # Nobody sends early: it is the later one that is late.
        for k, (base, late) in enumerate(((one, min(delay, 0.0)), (two, min(-delay, 0.0)))):
            value_s = found.values_s[k] + late
            base.agree(Agreed(base.newest_x_s, value_s, found.slopes[k], sqrt(found.vars[k] + own)))
        self.difference_sd_s = sqrt(found.difference_var + 4.0 * own)
        share = lag.var / apart
        var = found.difference_var * share**2 + lag.var * (1.0 - share)
        self._lag_now = lag if held_back else _Lag(lag.value_s + rest * share, min(var, lag.var))

    def _uncorrected(self, one: TimeBase, two: TimeBase) -> None:
        one.agree(None)
        two.agree(None)
        self.difference_sd_s = None


@dataclass(frozen=True, slots=True)
class _Lag:
    """How late skin and muscle make the first sensor, against the second: s, s2."""

    value_s: float
    var: float

    def after(self, parameters: AgreementParameters) -> "_Lag":
        """In the next connection: the sensor may have been taken off."""
        var = min(self.var + parameters.kept_lag_sd_s**2, parameters.motion.tissue_sd_s**2)
        return _Lag(self.value_s, var)


class _Difference:
    """The difference of two clocks' shifts and its drift, from measurements at window's middles: a Kalman filter."""

    def __init__(self, parameters: AgreementParameters) -> None:
        self._p = parameters
        self.known = False
        self.value_s = self.var = 0.0
        self._drift = self._drift_var = self._covariance = 0.0

    @property
    def seen(self) -> Difference:
        """As it is now."""
        return Difference(self.value_s, self._drift, self.var, self._drift_var, self._covariance)

    def forget(self) -> None:
        """Nothing is known any more."""
        self.known = False

    def begin(self, value_s: float, ago_s: float, var: float, drift: float, drift_sd: float) -> None:
        """The first measurement."""
        self.known = True
        self.value_s, self.var = value_s, var
        self._drift, self._drift_var, self._covariance = drift, drift_sd**2, 0.0
        self.run(ago_s)

    def run(self, seconds: float) -> None:
        """Time passes."""
        self.value_s += self._drift * seconds
        self.var += seconds * (2.0 * self._covariance + seconds * self._drift_var)
        self._covariance += seconds * self._drift_var
        self._drift_var += self._p.drift_walk**2 * seconds

    def fits(self, value_s: float, ago_s: float, var: float, limit: float) -> bool:
        """Whether a measurement is within so many standard deviations."""
        off = value_s - (self.value_s - ago_s * self._drift)
        return abs(off) <= limit * sqrt(self.var + var)

    def measured(self, value_s: float, ago_s: float, var: float) -> None:
        """Take a measurement of the value as it was ago_s before."""
        cross = self.var - ago_s * self._covariance
        slope = self._covariance - ago_s * self._drift_var
        total = cross - ago_s * slope + var
        off = value_s - (self.value_s - ago_s * self._drift)
        self.value_s += cross / total * off
        self._drift += slope / total * off
        self.var -= cross * cross / total
        self._covariance -= cross * slope / total
        self._drift_var -= slope * slope / total
