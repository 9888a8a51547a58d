"""A whole recording in which a strap slipped, looked at as if it had not.

Standings and cycles of movement tell when a sensor moved, before and after (pipeline/slip_evidence.py), and how it sits
afterwards: the old alignment, put right by what it turned; or, where the person stood and flexed the knee anew, the
alignment that this gives. The rows after the slip are then turned, sensor frame into the sensor frame before the slip,
so that one alignment and one heading serve the whole recording. What lies before the slip stays as it was; what comes
after it is marked as slipped until a new calibration.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from pipeline.blocks import Bytes, Floats, GridBlock, Ints, LegBlock, Status, join
from pipeline.calibrating import Calibrating
from pipeline.calibration_parameters import Calibrated
from pipeline.cycles import Cycles
from pipeline.flexions import settled
from pipeline.heading_model import NEUTRAL, SHANK, STATES, THIGH
from pipeline.leg_rows import LegRows
from pipeline.orientation import Oriented
from pipeline.quaternions import conjugate, from_matrix, multiply
from pipeline.records import Side
from pipeline.rests import resting
from pipeline.rows import RaisedEvent
from pipeline.sights import Expected, Manners, Sight
from pipeline.slip import SlipParameters, doubted, rereferenced, slip_of, widened
from pipeline.slip_evidence import Verdict, likeliest_slip
from pipeline.smoothing import Smoothed
from pipeline.standings import standings_of


@dataclass(frozen=True, slots=True)
class Stretch:
    """From grid row `begin` on the sensors sit like this; slipped: as far as can be told without a new calibration.
    doubt: (3,) rad, how well that is known, about X, Y and Z of a segment."""

    begin: int
    alignment: Alignment
    slipped: bool
    doubt: Floats = field(default_factory=lambda: np.zeros(3))


@dataclass(frozen=True, slots=True)
class Worn:
    """How the sensors sat over a recording. stretches: in order, the first with the calibration's alignment. events:
    what is told of them. suspected: (3,) rad from a grid row on, what a slip that is not proven may have done."""

    stretches: list[Stretch]
    events: list[RaisedEvent]
    suspected: tuple[int, Floats]

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

    def widened(self, block: LegBlock) -> LegBlock:
        """A block of angles with deviations that hold what is not known of the sensors' sitting."""
        begins = [(s.begin, s.doubt) for s in self.stretches[1:]] + [self.suspected]
        starts = sorted({0, *(min(max(b - block.start, 0), len(block)) for b, _ in begins), len(block)})
        pieces = []
        for first, last in pairwise(starts):
            row = block.start + first
            known = [s.doubt for s in self.stretches if s.begin <= row][-1:]
            known += [self.suspected[1]] if self.suspected[0] <= row else []
            doubt = np.sqrt(np.sum(np.square(known), axis=0)) if known else np.zeros(3)
            pieces.append(widened(block.cut(first, last), doubt))
        return join(pieces) if len(pieces) > 1 else pieces[0] if pieces else block

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
    """Look through the standings and movements from the calibration's on (from the start with a saved one, found None).
    smoothed: the heading, as far as the recording tells it without knowing of slips."""
    begin = rows.start if found is None or found.standing is None else found.standing[0]
    stretches = [Stretch(begin, alignment, False)]
    events: list[RaisedEvent] = []
    length = round(0.5 * rate_hz)

    turns, sds = _neutral(smoothed, rows.start + length * np.arange(-(-len(rows) // length)))

    def believed(row: int) -> Expected:
        number = (row - rows.start) // length
        return Expected(float(turns[number]), float(sds[number]), 0.0, 0.0)

    last = smoothed.rows(rows.start + len(rows) - 1, 1).states[:, 0]
    axes = float(last[THIGH]), float(last[SHANK])

    def seen(now: Alignment, first: int) -> list[Sight]:
        frame = now.turned(*axes)
        standing = standings_of(rows, length, now, frame, believed, p.standing)
        manners, moving = Manners(rate_hz), []
        for cycle in Cycles(rate_hz).update(rows, frame):
            sight = manners.add(cycle) if cycle.begin >= first else None
            moving += [] if sight is None else [sight]
        sights = [s for s in [*standing, *moving, *manners.rest()] if s.begin >= first]
        return sorted(sights, key=lambda s: s.end)

    now, first = alignment, begin
    while True:
        sights = seen(now, first)
        surest = likeliest_slip(sights, p.test)
        verdict = _earliest(surest, sights, p)
        if verdict is None:
            return Worn(stretches, events, (0 if surest is None else surest.since, doubted(surest, p.test.sure)))
        slip = slip_of(verdict, axes, verdict.by, p)
        now, first = rereferenced(now, slip.segment, slip.turn), slip.by
        stretches.append(Stretch(verdict.since, now, True, np.hypot(stretches[-1].doubt, verdict.sd)))
        events.append(RaisedEvent(slip.noticed / rate_hz, "status", slip.fields(rate_hz, side.value)))
        anew = calibrated_anew(rows.cut(verdict.by - rows.start, len(rows)), rate_hz, side)
        if anew is not None and anew.standing is not None:
            now, first = anew.alignment, anew.standing[0]
            stretches.append(Stretch(first, now, False))
            fields: dict[str, object] = {"method": now.method, "flexions": anew.flexions, "after": "slip"}
            events.append(RaisedEvent((anew.flexing or anew.standing)[1] / rate_hz, "calibration", fields))


def _earliest(surest: Verdict | None, sights: list[Sight], p: SlipParameters) -> Verdict | None:
    """The first slip that is sure, if the likeliest one is; that one may hide others before it."""
    found: Verdict | None = None
    verdict = surest
    while verdict is not None and verdict.evidence >= p.test.sure:
        found = verdict
        sights = [s for s in sights if s.end <= found.since]
        verdict = likeliest_slip(sights, p.test)
    return found


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
    """(b,) each: what a neutral standing should show at some grid rows, and its standard deviation: that of the
    heading, since what is believed of the axes is one and the same for all of them."""
    _, delta, thigh, shank, delta_thigh, delta_shank, thigh_shank = smoothed.cov.T
    axes = np.maximum(thigh + shank - 2.0 * thigh_shank, 1e-12)
    known = delta - (delta_shank - delta_thigh) ** 2 / axes
    turn = np.interp(at, smoothed.centre, smoothed.mean @ NEUTRAL[:STATES])
    return turn, np.sqrt(np.maximum(np.interp(at, smoothed.centre, known), 0.0))
