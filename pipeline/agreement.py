"""Two sensors of one leg on one time: what their arrivals say, corrected by the motion that they share.

Each sensor's time base rests on arrivals alone (see `timebase`). Between the two that leaves what no arrival tells: the
phase of samples against connection events, up to a packet's spacing until it was seen to wrap, which takes minutes, and
for unlike sensors their own delays. `shared_motion` measures the rest in every window of moving rows. Here those
measurements become one estimate of the difference between the two clocks and of its drift (a Kalman filter of two
states). One that disagrees wildly is left out; two in a row mean that a clock has jumped, and the estimate begins anew.

What motion shows holds a part of its own, the lag of skin and muscle behind the bone: unknown, some milliseconds, and
the same as long as the sensors stay where they are. So arrivals say where the clocks stand in the long run and motion
how they move meanwhile: the mean of (motion - arrivals) since the mapping began is taken for that lag, the more firmly
the longer the phase had time to go round, and only what differs from it corrects. An offset too large for any lag is
corrected as a whole: a sensor that holds its samples back, samples lost unseen. The correction is shrunk by all
variances, so that a good clock hardly moves, divided between the two sensors by theirs, and takes effect on the samples
that come afterwards, at the time bases' slow pace. All is decided as rows become final, by records alone: live and
replay agree to the last bit. Tables whose time is the session's are checked and not corrected.
"""

from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Protocol

from pipeline.shared_motion import SharedMotion, SharedMotionParameters
from pipeline.tabletime import TableTime
from pipeline.timebase import TimeBase
from pipeline.track import Row


@dataclass(frozen=True)
class AgreementParameters:
    """unlike_sd_s: how much the shortest latencies of two different models differ. wild: standard deviations beyond
    which a measurement is not believed at once; disproved: beyond which the arrivals' own are not.
    phase_s: time in which the phase of packets against connection events becomes another (10 ms at some 40 ppm, and
        half of it); most_windows: memory of the mean that is taken for the tissue's lag.
    drift_sd: of the difference of two crystals, where arrivals claim to know it better (they see it only as the phase
    wraps); drift_walk: its random walk, per root s (temperature: about 1 ppm a minute). calm_sd_s, calm_windows: where
    arrivals are this good already, so many windows are left out after each that showed something."""

    unlike_sd_s: float = 4e-3
    wild: float = 4.0
    disproved: float = 2.5
    phase_s: float = 120.0
    most_windows: int = 150
    drift_sd: float = 60e-6
    drift_walk: float = 0.15e-6
    calm_sd_s: float = 1.5e-3
    calm_windows: int = 3
    motion: SharedMotionParameters = field(default_factory=SharedMotionParameters)


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
        self._sum_s = 0.0
        self._rows = 0
        self._difference = _Difference(self._p)
        self._lag_s, self._windows = 0.0, 0
        self._wild = False
        self._calm = 0
        self.last: Offset | None = None
        """None before any motion showed it, and again after a clock or a connection began anew."""

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
        self._rows += 1
        self._sum_s += one.shift_s - two.shift_s
        if self._motion.add(first, second):
            self._window(one, two)

    def _forget(self, clocks: tuple[object, ...]) -> None:
        """New mappings. Rows that are still to come may be older than they are: those do not count."""
        self._clocks = clocks
        self._from_s = max(stream.newest_s for stream in self._streams)
        self._motion.restart()
        self._sum_s, self._rows = 0.0, 0
        self._difference.forget()
        self._lag_s, self._windows = 0.0, 0
        self._wild = False
        self._calm = 0
        if clocks:
            self.last = None

    def _window(self, one: TimeBase | TableTime, two: TimeBase | TableTime) -> None:
        """A window of rows is full: measure, keep the estimate, correct."""
        self._calm -= 1
        seen = self._motion.take(self._calm < 0)
        shift_s, seconds = self._sum_s / self._rows, self._rows / self._rate_hz
        self._sum_s, self._rows = 0.0, 0
        if seen is not None:
            self.last = Offset(seen.offset_s, hypot(seen.sd_s, self._p.motion.tissue_sd_s))
            if hypot(one.time_sd_s, two.time_sd_s) < self._p.calm_sd_s:
                self._calm = self._p.calm_windows
        if not (isinstance(one, TimeBase) and isinstance(two, TimeBase)):
            return
        self._difference.run(seconds)
        if seen is not None:
            self._measured(one, two, shift_s - seen.offset_s, 0.5 * seconds, seen.sd_s**2)
        if self._difference.known:
            self._correct(one, two)

    def _measured(self, one: TimeBase, two: TimeBase, shift_s: float, ago_s: float, var: float) -> None:
        """The difference of the two clocks' shifts as a window showed it; ago_s: since the window's middle."""
        difference = self._difference
        tissue_var = self._p.motion.tissue_sd_s**2
        if difference.known and not difference.fits(shift_s, ago_s, var + tissue_var, self._p.wild):
            if not self._wild:
                self._wild = True
                return
            difference.forget()
        self._wild = False
        if difference.known:
            difference.measured(shift_s, ago_s, var)
            return
        (drift1, drift_sd1), (drift2, drift_sd2) = one.drift, two.drift
        difference.begin(shift_s, ago_s, var, drift1 - drift2, max(hypot(drift_sd1, drift_sd2), self._p.drift_sd))

    def _correct(self, one: TimeBase, two: TimeBase) -> None:
        var1 = one.time_sd_s**2 + 0.5 * self._unlike_var
        var2 = two.time_sd_s**2 + 0.5 * self._unlike_var
        arrivals, tissue = var1 + var2, self._p.motion.tissue_sd_s**2
        missing = self._difference.value_s - (one.envelope_s - two.envelope_s)
        if abs(missing) > self._p.motion.longest_s:
            # More than motion could have measured: one of the two is wrong about what these rows were.
            self._difference.forget()
            one.correction_s = two.correction_s = 0.0
            return
        self._windows = min(self._windows + 1, self._p.most_windows)
        self._lag_s += (missing - self._lag_s) / self._windows
        believed = arrivals
        phases = 1.0 + self._windows * self._p.motion.window_s / self._p.phase_s
        if missing**2 > self._p.disproved**2 * (arrivals + tissue + self._difference.var):
            believed, phases = missing**2, 1.0
        known = tissue / (tissue + believed / phases)
        motion = self._difference.var + known * believed / phases
        missing = (missing - known * self._lag_s) * believed / (believed + motion)
        one.correction_s = missing * var1 / arrivals
        two.correction_s = -missing * var2 / arrivals


class _Difference:
    """The difference of two clocks' shifts and its drift, from measurements at window's middles: a Kalman filter."""

    def __init__(self, parameters: AgreementParameters) -> None:
        self._p = parameters
        self.known = False
        self.value_s = self.var = 0.0
        self._drift = self._drift_var = self._covariance = 0.0

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
