"""One leg, two-sided: the most exact analysis of a whole recording.

The same formulas as the causal engine, with the future allowed: VQF forwards and backwards, the calibration found over
the whole recording and its angles valid from the first row, every quiet standing as a neutral, the heading smoothed
backwards, and the unloaded path fitted with the heading as it is known in the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import LeverPrior
from calibration.profile import Profile
from calibration.unloaded_path import UnloadedPath, fit_unloaded_path
from pipeline.blocks import GridBlock, LegBlock, Status, collect
from pipeline.calibrating import Calibrating
from pipeline.calibration_parameters import Calibrated
from pipeline.calibration_told import calibration_event, calibration_quality
from pipeline.deviations import TWO_SIDED
from pipeline.flexions import settled
from pipeline.heading_model import Neutral, RelativeRows
from pipeline.joint_signals import joint_signals
from pipeline.knee import Knee, KneeParameters, no_angles
from pipeline.leg_rows import LegRows
from pipeline.leg_settings import LegSettings
from pipeline.neutral import neutral_turn, upright_blocks
from pipeline.orientation import Oriented, orient_offline
from pipeline.quick_check import QuickCheck, checked_quickly, profile_quality
from pipeline.records import Side
from pipeline.remounting import sensors_worn
from pipeline.rests import resting, resting_in_turn
from pipeline.row_status import row_status
from pipeline.rows import RaisedEvent
from pipeline.smoothing import HeadingSmoother, Smoothed
from pipeline.tied_path import TiedPath


@dataclass(frozen=True, slots=True)
class LegAnalysis:
    """block: the angles of the whole recording. alignment: None where nothing told how the sensors sit."""

    block: LegBlock
    alignment: Alignment | None
    path: UnloadedPath
    calibrated: Calibrated | None
    smoothed: Smoothed | None
    events: list[RaisedEvent]
    quick: QuickCheck | None = None

    def quality(self) -> dict[str, object]:
        """Plain values about the calibration and the heading."""
        if self.smoothed is None:
            return {"method": None}
        told = calibration_quality(self.alignment, self.path, self.smoothed.arms, self.smoothed.residual_sd)
        slips = [event.fields["message"] for event in self.events if event.fields.get("status") == "slipped"]
        told |= {"slips": slips} if slips else {}
        return told if self.quick is None else {**told, "quick_check": self.quick.told()}

    def profile(self, side: Side) -> Profile | None:
        """The calibration, to be saved."""
        if self.alignment is None or self.smoothed is None:
            return None
        quality = profile_quality(self.alignment, self.calibrated)
        return Profile(side.value, self.alignment, self.path, self.smoothed.arms, quality=quality)


_PIECE = 6000
"""Rows taken through the formulas at a time."""
_LEAST_S = 0.75
"""A shorter recording tells nothing of the heading, whatever was saved."""

Smooth = Callable[[GridBlock, LegRows, Oriented, Oriented, Alignment, LegSettings], Smoothed]
"""Gives the relative heading of a recording whose sensors are oriented and aligned."""


def analyse_leg(grid: GridBlock, side: Side, settings: LegSettings) -> LegAnalysis:
    """grid: the whole recording of one leg."""
    rate = grid.rate_hz
    one = orient_offline(grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok, rate, settings.orientation)
    two = orient_offline(grid.shank_acc, grid.shank_gyr, grid.shank_ok, rate, settings.orientation)
    return analyse_oriented(grid, one, two, side, settings, smoothed_heading)


def analyse_oriented(
    grid: GridBlock, one: Oriented, two: Oriented, side: Side, settings: LegSettings, smooth: Smooth
) -> LegAnalysis:
    """From the orientations of thigh and shank sensor on: calibration, relative heading, angles, unloaded path."""
    rate = grid.rate_hz
    ok = grid.thigh_ok & grid.shank_ok
    rows = LegRows(grid.start, grid.thigh_acc, one.gyr, one.quat, grid.shank_acc, two.gyr, two.quat, ok)
    calibrated = None
    path = UnloadedPath()
    quick = None
    if settings.profile is not None:
        quick = checked_quickly(rows, rate, settings.profile)
        alignment: Alignment | None = settings.profile.alignment
        path = settings.profile.path
    else:
        calibrated = find_calibration(rows, rate, side)
        calibrated = None if calibrated is None else settled(calibrated, side, rate)
        alignment = None if calibrated is None else calibrated.alignment
    status = row_status(grid, alignment is not None)
    if alignment is None or len(grid) < _LEAST_S * rate or int(ok.sum()) < 3:
        return LegAnalysis(no_angles(grid.start, rate, grid.shank_acc, status), None, path, None, None, [])
    smoothed = smooth(grid, rows, one, two, alignment, settings)
    worn = sensors_worn(rows, rate, side, alignment, calibrated, smoothed, settings.slip)
    if worn.moved:
        status = worn.marked(status, grid.start)
        grid, one, two = worn.remounted(grid, one, two)
        rows = LegRows(grid.start, grid.thigh_acc, one.gyr, one.quat, grid.shank_acc, two.gyr, two.quat, ok)
        smoothed = smooth(grid, rows, one, two, alignment, settings)

    def seen(s: slice) -> tuple[Oriented, Oriented, RelativeRows]:
        """What is known at some rows."""
        return (
            Oriented(one.quat[s], one.gyr[s], one.restarted[s]),
            Oriented(two.quat[s], two.gyr[s], two.restarted[s]),
            smoothed.rows(grid.start + s.start, s.stop - s.start),
        )

    knee = Knee(side, rate, KneeParameters(TWO_SIDED))
    knee.upright(smoothed.errors, smoothed.mean[0])
    knee.align(alignment, TiedPath(path))
    if calibrated is not None and calibrated.flexing is not None:
        flexing = slice(*(row - grid.start for row in calibrated.flexing))
        known = status[flexing] < Status.SINGLE_SENSOR
        flexion, abduction = knee.bends(*seen(flexing))
        path = fit_unloaded_path(flexion[known], abduction[known])
        knee.align(alignment, TiedPath(path))

    def angles(s: slice) -> LegBlock:
        first, second, relative = seen(s)
        return knee.update(grid.start + s.start, first, second, grid.shank_acc[s], relative, status[s])

    # Pieces that fit the processor's cache: several times as fast as one array through all the formulas.
    pieces = (slice(i, min(i + _PIECE, len(grid))) for i in range(0, len(grid), _PIECE))
    block = worn.widened(collect(map(angles, pieces), len(grid)))
    events = [] if calibrated is None else [calibration_event(calibrated, path, grid.start / rate)]
    return LegAnalysis(block, alignment, path, calibrated, smoothed, [*events, *worn.events], quick)


def find_calibration(rows: LegRows, rate_hz: float, side: Side) -> Calibrated | None:
    """The first calibration that the recording shows, block by block; at its end, the best that can be had."""
    calibrating = Calibrating(rate_hz, side.sign, recording=rows)
    length = round(0.5 * rate_hz)
    for number, rests in enumerate(resting_in_turn(rows, length, calibrating.parameters)):
        found = calibrating.update(rows.cut(number * length, (number + 1) * length), rests)
        if found is not None:
            return found
        if calibrating.settled:
            break
    return calibrating.finish()


def smoothed_heading(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> Smoothed:
    """The relative heading over the recording, with every quiet standing as a neutral."""
    return smoother_of(grid, rows, one, two, alignment, settings)[1]


def smoother_of(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> tuple[HeadingSmoother, Smoothed]:
    """The same, and what found it."""
    rate = grid.rate_hz
    smoother = HeadingSmoother(rate, settings.heading, LeverPrior.of(alignment))
    smoother.thigh_sd, smoother.shank_sd = alignment.thigh_axis_sd, alignment.shank_axis_sd
    if alignment.standing:
        smoother.neutrals = neutrals(rows, alignment, settings, rate)
    smoother.lost = (grid.start + np.flatnonzero(one.restarted | two.restarted)).tolist()
    signals = joint_signals(rows, rate, alignment)
    assert signals is not None
    return smoother, smoother.smooth(signals)


def neutrals(rows: LegRows, alignment: Alignment, settings: LegSettings, rate_hz: float) -> list[tuple[int, Neutral]]:
    """The quiet standings, each with the grid row where its block begins."""
    p = settings.neutral
    length = round(settings.heading.block_s * rate_hz)
    found: list[tuple[int, Neutral]] = []
    rested = 0
    first = -(-rows.start // length)
    whole = rows.cut(first * length - rows.start, len(rows))
    neutral = resting(whole, length, p.rest) & upright_blocks(whole, length, alignment, p)
    for number, yes in enumerate(neutral.tolist()):
        rested = rested + 1 if yes else 0
        if yes and rested % p.every_blocks == p.first_block:
            block = whole.cut(number * length, (number + 1) * length)
            found.append((block.start, Neutral(neutral_turn(block, alignment), p.sd)))
    return found
