"""Two sensors of one leg on one time: what their arrivals say, corrected by the motion that they share.

Each sensor's time base rests on arrivals alone (see `timebase`). Between the two that leaves what no arrival tells: the
phase of samples against connection events, up to a packet's spacing until it was seen to wrap, which takes minutes, and
for unlike sensors their own delays. `shared_motion` measures the rest in every window of moving rows. Here those
measurements become one estimate of the difference between the two clocks: it runs on with their known drift, gains
variance by what of the drift is unknown, and takes each window by its variance (a Kalman filter of one state). One that
disagrees wildly is left out; two in a row mean that a clock has jumped, and the estimate begins anew.

The correction is the difference between that estimate and the arrivals', shrunk by both variances, so that a good clock
hardly moves; it is divided between the two sensors by theirs. It takes effect on the samples that come afterwards, at
the time bases' slow pace. All is decided as rows become final, by records alone: live and replay agree to the last bit.
Tables whose time is the session's are checked and not corrected.
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
    which a measurement is not believed at once. drift_factor: by which the unknown drift is taken larger, as its error
    stays the same from window to window. calm_sd_s, calm_windows: where arrivals are this good already, or cannot be
    corrected, so many windows are left out after each that showed something."""

    unlike_sd_s: float = 4e-3
    wild: float = 4.0
    drift_factor: float = 2.0
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
        self._difference_s = 0.0
        self._var = -1.0
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
        self._var = -1.0
        self._wild = False
        self._calm = 0
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
        (slope1, slope_sd1), (slope2, slope_sd2) = one.drift, two.drift
        drift = slope1 - slope2
        self._difference_s += drift * seconds
        if self._var >= 0.0:
            self._var += (self._p.drift_factor * hypot(slope_sd1, slope_sd2) * seconds) ** 2
        if seen is not None:
            self._measured(shift_s - seen.offset_s + 0.5 * drift * seconds, seen.sd_s**2)
        if self._var >= 0.0:
            self._correct(one, two)

    def _measured(self, difference_s: float, var: float) -> None:
        off = difference_s - self._difference_s
        if self._var >= 0.0 and abs(off) > self._p.wild * sqrt(self._var + var + self._p.motion.tissue_sd_s**2):
            if not self._wild:
                self._wild = True
                return
            self._var = -1.0
        self._wild = False
        if self._var < 0.0:
            self._difference_s, self._var = difference_s, var
        else:
            gain = self._var / (self._var + var)
            self._difference_s += gain * off
            self._var *= 1.0 - gain

    def _correct(self, one: TimeBase, two: TimeBase) -> None:
        var1 = one.time_sd_s**2 + 0.5 * self._unlike_var
        var2 = two.time_sd_s**2 + 0.5 * self._unlike_var
        arrivals = var1 + var2
        missing = self._difference_s - (one.envelope_s - two.envelope_s)
        if abs(missing) > self._p.motion.longest_s:
            # More than motion could have measured: one of the two is wrong about what these rows were.
            self._var = -1.0
            one.correction_s = two.correction_s = 0.0
            return
        missing *= arrivals / (arrivals + self._var + self._p.motion.tissue_sd_s**2)
        one.correction_s = missing * var1 / arrivals
        two.correction_s = -missing * var2 / arrivals
