"""A sensor whose gravity is wrong is calibrated or refused, never used silently.

At rest an accelerometer must read g. One that is off by more than 2 % (a constant offset of 5 m/s2 was seen in a cheap
device) would tilt every angle. Where the recording holds rests at enough inclinations, the sensor is calibrated from
them (calibration/inertial.py). Where it does not, an error of up to 4 %, which ordinary parts have, is put down to the
likeliest small bias and scale that make the rests right, and told. Beyond that the sensor is refused, and one line says
what was found and what to do: no angle is valid. Up to 10 % the inclinations are off by some degrees only, which hardly
matters to foot contacts and to what is being done, so that steps, repetitions and sets are still told; further off, the
sensor's rows count as missing. Rests count by their duration, so that a ride in a lift, which makes gravity wrong for
some seconds, does not refuse a sensor that read well before.

Offline the whole recording decides. Live, each half second of the grid is looked at when it is complete, so that the
decision depends on the recorded data alone.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from calibration.errors import CalibrationError
from calibration.inertial import (
    MAX_NORM_ERROR,
    AccelerometerParameters,
    Inertial,
    Rest,
    RestParameters,
    calibrate,
    find_rests,
    resting_norm_error,
)
from calibration.six_positions import OFF
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bools, Floats, GridBlock, LegBlock, Status
from pipeline.records import Segment, SensorInfo, Side
from pipeline.rows import RaisedEvent

ORDINARY_SENSOR = AccelerometerParameters(bias_sd=0.1, scale_sd=0.006, cross_sd=0.006, least_rests=1, least_spread=-1.0)
"""What is wrong with an ordinary one, for which a few rests have to do."""
ORDINARY = 0.04
"""Norm error (fraction) that an ordinary part may have: four deviations of 0.08 m/s2 and 0.6 %."""
FOLLOWED = 0.1
"""Norm error (fraction) up to which a refused sensor's movement is followed: a bias of 0.1 g tilts by 6 deg."""
POOR_SENSOR = AccelerometerParameters(bias_sd=0.5, scale_sd=0.02, least_rests=1, least_spread=-1.0)
"""What is wrong with such a one, for what the rests do not show."""
_POOR_RESIDUAL = 0.03
_UNKNOWN = ("abduction", "rotation", "excess", "collapse")
"""Angles that some degrees of inclination spoil altogether; flexion only becomes less sure."""


@dataclass(frozen=True, slots=True)
class GravityParameters:
    """least_s: rest that decides, s. residual: norm error (fraction) that a calibration from the session may leave.
    apart: rests closer in inclination (rad) are one; kept: most of them that are remembered."""

    rest: RestParameters = field(default_factory=RestParameters)
    least_s: float = 2.5
    residual: float = 0.006
    apart: float = np.deg2rad(12.0)
    kept: int = 40


def named(side: Side, segment: Segment, sensors: list[SensorInfo]) -> str:
    """A sensor as the person knows it."""
    address = next((s.address for s in sensors if s.segment is segment and s.address), "")
    return f"the {side} {segment} sensor" + (f" ({address})" if address else "")


def complaint(name: str, error: float, followed: bool = False) -> str:
    """The one line about a sensor that is refused, off by `error` (signed fraction of g).

    followed: steps are told nevertheless.
    """
    return (
        f"{name} reads {STANDARD_GRAVITY * (1.0 + error):.2f} m/s2 at rest, {abs(100.0 * error):.1f} % too "
        f"{'much' if error > 0 else 'little'} (at most {100.0 * MAX_NORM_ERROR:g} % is usable)"
        f"{', so that no angle is valid and only steps are told' if followed else ''}: calibrate it with "
        "`kneetrack calibrate --inertial`, six positions at rest, or wear another sensor"
    )


def distrusted(block: LegBlock, error: float) -> LegBlock:
    """A leg with a refused sensor that is followed, off by `error`: flexion unsure, the other angles unknown."""
    unknown = np.full(len(block), np.nan)
    angles: dict[str, Any] = {name: unknown for base in _UNKNOWN for name in (base, f"{base}_sd")}
    return replace(block, **angles, flexion_sd=np.hypot(block.flexion_sd, abs(error)), valid=np.zeros(len(block), bool))


def marked(block: LegBlock) -> LegBlock:
    """The same as it is told: a sensor is missing."""
    return replace(block, status=np.maximum(block.status, np.uint8(Status.SINGLE_SENSOR)))


class SensorGravity:
    """What the rests of one sensor say. `error`: of the rests in doubt, signed; None while all is well."""

    def __init__(self, parameters: GravityParameters) -> None:
        self._p = parameters
        self._rests: list[Rest] = []
        self._good_s = 0.0
        self._bad_s = 0.0
        self.error: float | None = None

    def add(self, rest: Rest, more_s: float) -> None:
        """A rest as it stands now; more_s: how much longer than when it was last added."""
        error = resting_norm_error(rest.acc)
        if abs(error) > MAX_NORM_ERROR:
            self._bad_s += more_s
            if self._bad_s >= self._p.least_s and self._bad_s > self._good_s:
                self.error = error if self.error is None else self.error
        else:
            self._good_s += more_s
        self._remember(rest)

    def calibration(self, address: str = "") -> Inertial | None:
        """From the rests so far, where they suffice."""
        found = self._fitted(address, OFF, self._p.residual)
        if found is None and self.error is not None and abs(self.error) <= ORDINARY:
            found = self._fitted(address, ORDINARY_SENSOR, self._p.residual)
        return found

    def makeshift(self) -> Inertial | None:
        """What makes the movement of a refused sensor fit to be followed; None where it is too far off for that."""
        if self.error is None or abs(self.error) > FOLLOWED:
            return None
        return self._fitted("", POOR_SENSOR, _POOR_RESIDUAL)

    def _fitted(self, address: str, prior: AccelerometerParameters, most: float) -> Inertial | None:
        """The accelerometer's part only: the gyroscope's bias is found by the orientation filter, as it goes."""
        try:
            found = calibrate(self._rests, address, parameters=prior)
        except CalibrationError:
            return None
        if not found.acc_bias.any():
            return None
        acc, _ = found.apply(np.array([r.acc for r in self._rests]), np.zeros((len(self._rests), 3)))
        left = np.sqrt(np.mean((np.linalg.norm(acc, axis=1) / STANDARD_GRAVITY - 1.0) ** 2))
        return replace(found, gyr_bias=np.zeros(3)) if left < most else None

    def _remember(self, rest: Rest) -> None:
        """One rest for each inclination, the longest."""
        for i, other in enumerate(self._rests):
            # Not divided: a sensor that is dead reads nothing at all.
            both = float(np.linalg.norm(rest.acc) * np.linalg.norm(other.acc))
            if float(rest.acc @ other.acc) >= np.cos(self._p.apart) * both:
                if rest.duration_s >= other.duration_s:
                    self._rests[i] = rest
                return
        if len(self._rests) < self._p.kept:
            self._rests.append(rest)


class GravityCheck:
    """The causal form for one leg: `update(grid)` gives the rows corrected, or with a refused sensor's rows not ok.
    `error_at` tells where a refused sensor is followed nevertheless."""

    def __init__(
        self, side: Side, rate_hz: float, sensors: list[SensorInfo], parameters: GravityParameters | None = None
    ) -> None:
        p = parameters or GravityParameters()
        self._side, self._rate, self._sensors = side, rate_hz, sensors
        self._length = max(round(p.rest.window_s * rate_hz), 4)
        self._watches = {segment: _Watch(p, self._length, rate_hz) for segment in Segment}
        self._events: list[RaisedEvent] = []
        self._followed: list[tuple[int, float]] = [(0, 0.0)]
        self.complaints: dict[Segment, str] = {}

    def error_at(self, row: int) -> float:
        """Norm error of a sensor that is refused but followed at a grid row; 0 where there is none."""
        return next(error for since, error in reversed(self._followed) if since <= row or since == 0)

    def take_events(self) -> list[RaisedEvent]:
        """What was raised since the last call."""
        events, self._events = self._events, []
        return events

    def update(self, grid: GridBlock) -> list[GridBlock]:
        """The same rows, cut where a decision fell."""
        edges = range((-grid.start) % self._length, len(grid), self._length)
        bounds = sorted({0, len(grid), *edges})
        return [self._piece(grid.cut(a, b)) for a, b in pairwise(bounds)]

    def _piece(self, grid: GridBlock) -> GridBlock:
        """Rows of one window."""
        parts = {}
        for segment, watch in self._watches.items():
            thigh = segment is Segment.THIGH
            acc, gyr, ok = (
                (grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok)
                if thigh
                else (grid.shank_acc, grid.shank_gyr, grid.shank_ok)
            )
            if grid.start % self._length == 0:
                self._decide(segment, watch, grid.start)
            parts[segment] = watch.rows(acc, gyr, ok)
        (a, b, c), (d, e, f) = parts[Segment.THIGH], parts[Segment.SHANK]
        return replace(grid, thigh_acc=a, thigh_gyr=b, thigh_ok=c, shank_acc=d, shank_gyr=e, shank_ok=f)

    def _decide(self, segment: Segment, watch: "_Watch", row: int) -> None:
        was = watch.refused
        if not watch.look() or watch.correction is not None:
            return
        name, time_s = named(self._side, segment, self._sensors), row / self._rate
        assert watch.gravity.error is not None
        found = watch.gravity.calibration()
        where: dict[str, object] = {"segment": segment.value, "norm_error": round(watch.gravity.error, 4)}
        if found is not None:
            watch.correction, watch.refused = found, False
            self.complaints.pop(segment, None)
            self._events.append(RaisedEvent(time_s, "calibration", {**where, "inertial": found.to_json()}))
        elif not was:
            watch.refused, watch.makeshift = True, watch.gravity.makeshift()
            self.complaints[segment] = complaint(name, watch.gravity.error, watch.makeshift is not None)
            self._events.append(RaisedEvent(time_s, "status", {**where, "error": self.complaints[segment]}))
        else:
            return
        errors = [abs(w.gravity.error or 0.0) for w in self._watches.values() if w.refused and w.makeshift is not None]
        self._followed.append((row, max(errors, default=0.0)))


class _Watch:
    """One sensor's windows."""

    def __init__(self, p: GravityParameters, length: int, rate_hz: float) -> None:
        self._p, self._length, self._rate = p, length, rate_hz
        self._acc: list[Floats] = []
        self._gyr: list[Floats] = []
        self._ok: list[Bools] = []
        self._rest: list[tuple[Floats, Floats]] = []
        self.gravity = SensorGravity(p)
        self.refused = False
        self.correction: Inertial | None = None
        self.makeshift: Inertial | None = None

    def rows(self, acc: Floats, gyr: Floats, ok: Bools) -> tuple[Floats, Floats, Bools]:
        """Keep the raw rows for the window's end; give what goes on."""
        if self.correction is not None:
            return (*self.correction.apply(acc, gyr), ok)
        self._acc.append(acc)
        self._gyr.append(gyr)
        self._ok.append(ok)
        if self.refused and self.makeshift is not None:
            return (*self.makeshift.apply(acc, gyr), ok)
        return acc, gyr, np.zeros_like(ok) if self.refused else ok

    def look(self) -> bool:
        """The window is complete: whether the sensor is off, and something is new about it."""
        if not self._acc:
            return False
        acc, gyr, ok = (np.concatenate(part) for part in (self._acc, self._gyr, self._ok))
        self._acc, self._gyr, self._ok = [], [], []
        p = self._p.rest
        still = (
            len(acc) == self._length
            and bool(ok.all())
            and bool((acc.std(axis=0) < p.acc_sd).all() and (gyr.std(axis=0) < p.gyr_sd).all())
        )
        mean = acc.mean(axis=0), gyr.mean(axis=0)
        if not still or float(np.linalg.norm(mean[1])) >= p.gyr_mean:
            self._rest = []
            return False
        if self._rest and float(np.abs(mean[0] - self._rest[-1][0]).max()) >= p.turn:
            self._rest = []
        self._rest = [*self._rest, mean][-20:]
        window_s = self._length / self._rate
        count = len(self._rest)
        if count * window_s < p.least_s:
            return False
        mean_acc, mean_gyr = (np.mean([m[k] for m in self._rest], axis=0) for k in (0, 1))
        first = (count - 1) * window_s < p.least_s
        rest = Rest(0, 0, mean_acc, mean_gyr, count * window_s)
        self.gravity.add(rest, count * window_s if first else window_s)
        return self.gravity.error is not None


class Checked(NamedTuple):
    """A recording's rows with what was done about its sensors. complaints: about those that are refused. error: norm
    error of one that is refused but followed, else 0."""

    grid: GridBlock
    events: list[RaisedEvent]
    complaints: list[str]
    error: float = 0.0


def checked(
    grid: GridBlock, side: Side, sensors: list[SensorInfo], parameters: GravityParameters | None = None
) -> Checked:
    """A whole recording's rows, sensors that are off calibrated from its rests, or refused."""
    p = parameters or GravityParameters()
    events, complaints, worst = [], [], 0.0
    for segment in Segment:
        thigh = segment is Segment.THIGH
        acc, gyr, ok = (
            (grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok)
            if thigh
            else (grid.shank_acc, grid.shank_gyr, grid.shank_ok)
        )
        gravity = SensorGravity(p)
        for rest in find_rests(acc, gyr, grid.rate_hz, ok, p.rest):
            gravity.add(rest, rest.duration_s)
        if gravity.error is None:
            continue
        found = gravity.calibration()
        where: dict[str, object] = {"segment": segment.value, "norm_error": round(gravity.error, 4)}
        if found is not None:
            told = RaisedEvent(grid.start / grid.rate_hz, "calibration", {**where, "inertial": found.to_json()})
        else:
            found = gravity.makeshift()
            line = complaint(named(side, segment, sensors), gravity.error, found is not None)
            told = RaisedEvent(grid.start / grid.rate_hz, "status", {**where, "error": line})
            complaints.append(line)
            worst = worst if found is None else max(worst, abs(gravity.error))
        events.append(told)
        if found is None:
            none = np.zeros_like(ok)
            grid = replace(grid, thigh_ok=none) if thigh else replace(grid, shank_ok=none)
            continue
        acc, gyr = found.apply(acc, gyr)
        grid = replace(grid, thigh_acc=acc, thigh_gyr=gyr) if thigh else replace(grid, shank_acc=acc, shank_gyr=gyr)
    return Checked(grid, events, complaints, worst)
