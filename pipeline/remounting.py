"""A whole recording in which a strap slipped, looked at as if it had not.

The standings tell when a sensor moved (pipeline/slip.py) and how it sits afterwards: the old alignment, put right so
that the new standing reads as the old ones did; or, where the person stood and flexed the knee anew, the alignment that
this gives. The rows after the slip are then turned, sensor frame into the sensor frame before the slip, so that one
alignment and one heading serve the whole recording. What lies before the last good standing stays as it was; what comes
after it is marked as slipped until a new calibration.
"""

from dataclasses import dataclass, replace

import numpy as np

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from pipeline.blocks import Bools, Bytes, Floats, GridBlock, Ints, Status
from pipeline.calibrating import Calibrating
from pipeline.calibration_parameters import Calibrated
from pipeline.flexions import settled
from pipeline.heading_model import NEUTRAL, STATES
from pipeline.leg_rows import LegRows
from pipeline.orientation import Oriented
from pipeline.quaternions import conjugate, from_matrix, multiply
from pipeline.records import Side
from pipeline.rests import resting
from pipeline.rows import RaisedEvent
from pipeline.slip import SlipParameters, SlipWatch, rereferenced
from pipeline.smoothing import Smoothed


@dataclass(frozen=True, slots=True)
class Stretch:
    """From grid row `begin` on the sensors sit like this; slipped: as far as a standing can tell."""

    begin: int
    alignment: Alignment
    slipped: bool


@dataclass(frozen=True, slots=True)
class Worn:
    """How the sensors sat over a recording. stretches: in order, the first with the calibration's alignment."""

    stretches: list[Stretch]
    events: list[RaisedEvent]

    @property
    def moved(self) -> bool:
        """Whether anything slipped."""
        return len(self.stretches) > 1

    def marked(self, status: Bytes, start: int) -> Bytes:
        """(n,) status with the rows from index start that are slipped."""
        told = status.copy()
        for stretch in self.stretches:
            rows = slice(max(0, stretch.begin - start), None)
            told[rows] = status[rows]
            if stretch.slipped:
                told[rows][status[rows] <= Status.SLIPPED] = Status.SLIPPED
        return told

    def remounted(self, grid: GridBlock, one: Oriented, two: Oriented) -> tuple[GridBlock, Oriented, Oriented]:
        """The recording as sensors that never moved would have given it."""
        first = self.stretches[0].alignment
        acc = [grid.thigh_acc.copy(), grid.shank_acc.copy()]
        gyr = [grid.thigh_gyr.copy(), grid.shank_gyr.copy()]
        rate = [one.gyr.copy(), two.gyr.copy()]
        quat = [one.quat.copy(), two.quat.copy()]
        ends = [s.begin - grid.start for s in self.stretches[1:]] + [len(grid)]
        for stretch, end in zip(self.stretches[1:], ends[1:], strict=True):
            rows = slice(max(0, stretch.begin - grid.start), end)
            for k, (old, new) in enumerate(
                (
                    (first.thigh_from_sensor, stretch.alignment.thigh_from_sensor),
                    (first.shank_from_sensor, stretch.alignment.shank_from_sensor),
                )
            ):
                turn = old.T @ new
                for vectors in (acc[k], gyr[k], rate[k]):
                    vectors[rows] = vectors[rows] @ turn.T
                quat[k][rows] = multiply(quat[k][rows], conjugate(from_matrix(turn)))
        grid = replace(grid, thigh_acc=acc[0], thigh_gyr=gyr[0], shank_acc=acc[1], shank_gyr=gyr[1])
        return grid, replace(one, quat=quat[0], gyr=rate[0]), replace(two, quat=quat[1], gyr=rate[1])


def sensors_worn(
    rows: LegRows,
    rate_hz: float,
    side: Side,
    alignment: Alignment,
    found: Calibrated | None,
    smoothed: Smoothed,
    p: SlipParameters,
) -> Worn:
    """Look through the standings from the calibration's on (from the start with a saved one, found None). smoothed: the
    heading, as far as the recording tells it without knowing of slips."""
    begin = rows.start if found is None or found.standing is None else found.standing[0]
    good = begin if found is None or found.flexing is None else found.flexing[1]
    stretches = [Stretch(begin, alignment, False)]
    events: list[RaisedEvent] = []
    length = round(0.5 * rate_hz)
    watch, now = SlipWatch(False, good, p, suspecting=False), alignment
    anew: Calibrated | None = None

    rests: Bools = resting(rows, length, p.rest)
    turns, sds = _neutral(smoothed, rows.start + length * np.arange(len(rests)))

    def believed(row: int) -> tuple[float, float]:
        number = (row - rows.start) // length
        return float(turns[number]), float(sds[number])

    for number in range(-(-(begin - rows.start) // length), len(rests)):
        if not rests[number] and anew is None:
            watch.forget()
            continue
        block = rows.cut(number * length, (number + 1) * length)
        if anew is not None and anew.standing is not None and block.start >= (anew.flexing or anew.standing)[1]:
            now, watch = anew.alignment, SlipWatch(False, block.start, p, suspecting=False)
            stretches.append(Stretch(anew.standing[0], now, False))
            fields: dict[str, object] = {"method": now.method, "flexions": anew.flexions, "after": "slip"}
            events.append(RaisedEvent(block.start / rate_hz, "calibration", fields))
            anew = None
        slip = watch.update(block, now, believed, bool(rests[number]))
        if slip is None:
            continue
        now = rereferenced(now, slip)
        stretches.append(Stretch(slip.since, now, True))
        events.append(RaisedEvent(slip.noticed / rate_hz, "status", slip.fields(rate_hz)))
        anew = calibrated_anew(rows.cut(slip.noticed - rows.start, len(rows)), rate_hz, side)
    return Worn(stretches, events)


def calibrated_anew(rows: LegRows, rate_hz: float, side: Side) -> Calibrated | None:
    """The next standing with flexions in these rows."""
    calibrating = Calibrating(rate_hz, side.sign, recording=rows, anew=True)
    length = round(0.5 * rate_hz)
    for number, rests in enumerate(resting(rows, length, calibrating.parameters).tolist()):
        if calibrating.update(rows.cut(number * length, (number + 1) * length), rests) is not None:
            break
    found = calibrating.finish()
    if found is None or found.alignment.method != STANDING_AND_FLEXIONS:
        return None
    return settled(found, side, rate_hz)


def _neutral(smoothed: Smoothed, at: Ints) -> tuple[Floats, Floats]:
    """(b,) each: what a neutral standing should show at some grid rows, and its standard deviation."""
    _, delta, thigh, shank, delta_thigh, delta_shank, thigh_shank = smoothed.cov.T
    variance = delta + thigh + shank + 2.0 * (delta_shank - delta_thigh - thigh_shank)
    turn = np.interp(at, smoothed.centre, smoothed.mean @ NEUTRAL[:STATES])
    return turn, np.sqrt(np.maximum(np.interp(at, smoothed.centre, variance), 0.0))
