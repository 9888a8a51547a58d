"""One leg, causal: the stages in their order, from the grid to the angles.

Rows pass through as they come; decisions (calibration, heading, neutral standing) fall at the edges of half-second
blocks of the grid, from rows that were complete by then. So the same rows give the same bits however they are cut.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import LeverPrior
from calibration.profile import Profile
from calibration.unloaded_path import UnloadedPath
from pipeline.axis_watch import AxisWatch
from pipeline.blocks import GridBlock, LegBlock
from pipeline.calibrating import Calibrating
from pipeline.calibration_parameters import Calibrated, CalibratingParameters
from pipeline.calibration_progress import CalibrationProgress
from pipeline.calibration_told import calibration_event, calibration_quality
from pipeline.flexions import settled, tied_path
from pipeline.heading import Heading
from pipeline.heading_model import SHANK, STATES, THIGH, Neutral
from pipeline.joint_signals import JointSignalWindow
from pipeline.knee import Knee, no_angles
from pipeline.leg_rows import LegRows, join_rows
from pipeline.leg_settings import LegSettings
from pipeline.level_frames import seen_together
from pipeline.neutral import is_neutral, neutral_turn
from pipeline.orientation import Orientation, Oriented
from pipeline.quick_check import QuickCheck, profile_quality
from pipeline.records import Side
from pipeline.recovered import recovered_block
from pipeline.rests import at_rest
from pipeline.row_status import row_status
from pipeline.rows import RaisedEvent
from pipeline.second_look import SecondLook
from pipeline.slip import Slip, SlipWatch, rereferenced, widened
from pipeline.tied_path import TiedPath

_TOLD_SLIPS = 20
"""Of a long session with a loose strap, the last ones are told in the end."""
_TOLD_AT = np.deg2rad(60.0)
_TOLD_CHANGE = np.deg2rad(2.0)
"""The unloaded path is told again where it changed by so much at this flexion."""


class LegEngine:
    """`update(grid) -> angles`. `events` collects what was raised; `profile` is the calibration once there is one."""

    def __init__(self, side: Side, rate_hz: float, settings: LegSettings) -> None:
        self._settings = settings
        self._side = side
        self._rate = rate_hz
        self._thigh = Orientation(rate_hz, settings.orientation)
        self._shank = Orientation(rate_hz, settings.orientation)
        self._heading = Heading(rate_hz, settings.heading)
        self._signals = JointSignalWindow(rate_hz)
        self._calibrating: Calibrating | None = Calibrating(rate_hz, side.sign)
        self._calibrated_by: Calibrating | None = None
        self._quick: QuickCheck | None = None
        self._knee = Knee(side, rate_hz)
        self._block = self._heading.block
        self._number: int | None = None
        self._parts: list[LegRows] = []
        self._resting = 0
        self._restarted = 0
        """The row with which a level frame last began anew: nothing before it tells of the present heading."""
        self._axis: AxisWatch | None = None
        self._slips: SlipWatch | None = None
        self._look = SecondLook(rate_hz, side, settings)
        self.slipped = ""
        """What to do about a strap that slipped, as long as its rows are marked."""
        self._slip_lines: list[str] = []
        self.alignment: Alignment | None = None
        self._path = TiedPath()
        self._told_path = UnloadedPath()
        self.calibrated: Calibrated | None = None
        self._events: list[RaisedEvent] = []
        self._recovered: LegBlock | None = None
        if settings.profile is not None:
            self.use_profile(settings.profile)

    @property
    def phase(self) -> str:
        """What the calibration waits for: `stand still`, `bend the knee slowly (2 of 5)`, `done`."""
        return "done" if self._calibrating is None else self._calibrating.phase

    @property
    def progress(self) -> CalibrationProgress | None:
        """How far the calibration has come; None where nothing is awaited any more."""
        return None if self._calibrating is None else self._calibrating.progress

    def profile(self) -> Profile | None:
        """The calibration as it stands, to be saved."""
        alignment = self._believed()
        if alignment is None:
            return None
        quality = profile_quality(alignment, self.calibrated)
        return Profile(self._side.value, alignment, self.path, self._heading.arms, quality=quality)

    def _believed(self) -> Alignment | None:
        """The alignment with what movement has taught since."""
        if self.alignment is None:
            return None
        mean, cov = self._heading.state.mean, self._heading.state.cov
        return replace(
            self.alignment.turned(float(mean[THIGH]), float(mean[SHANK])),
            thigh_axis_sd=float(np.sqrt(cov[THIGH, THIGH])),
            shank_axis_sd=float(np.sqrt(cov[SHANK, SHANK])),
        )

    @property
    def path(self) -> UnloadedPath:
        """The unloaded path as it is believed now."""
        return self._path.now(self._heading.state.mean[:STATES])

    def take_events(self) -> list[RaisedEvent]:
        """What was raised since the last call."""
        events, self._events = self._events, []
        return events

    def take_recovered(self) -> LegBlock | None:
        """Once after the first calibration: the rows before it, as far as they are kept, seen with it."""
        block, self._recovered = self._recovered, None
        return block

    def finish(self) -> None:
        """The recording is over: where nothing was calibrated yet, with what there is."""
        if self.alignment is not None or self._calibrating is None:
            return
        found = self._calibrating.finish()
        if found is not None:
            self._use(found, ((self._number or 0) + 1) * self._block / self._rate)

    def quality(self) -> dict[str, object]:
        """Plain values about the calibration and the heading."""
        told = calibration_quality(self._believed(), self.path, self._heading.arms, self._heading.residual_sd)
        if self._slip_lines:
            told["slips"] = self._slip_lines
        return told if self._quick is None else {**told, "quick_check": self._quick.told()}

    def update(self, grid: GridBlock) -> list[LegBlock]:
        """Angles of these rows, in order, in one or more blocks."""
        one = self._thigh.update(grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok)
        two = self._shank.update(grid.shank_acc, grid.shank_gyr, grid.shank_ok)
        restarted = one.restarted | two.restarted
        results = []
        edges = {0, len(grid)} | set(np.flatnonzero(restarted).tolist())
        edges |= set(range((-grid.start) % self._block, len(grid), self._block))
        bounds = sorted(edges)
        for begin, end in pairwise(bounds):
            s = slice(begin, end)
            piece = grid if len(bounds) == 2 else grid.cut(begin, end)
            results.append(
                self._piece(
                    piece,
                    Oriented(one.quat[s], one.gyr[s], one.restarted[s]),
                    Oriented(two.quat[s], two.gyr[s], two.restarted[s]),
                    bool(restarted[begin]),
                )
            )
        return results

    def _piece(self, grid: GridBlock, one: Oriented, two: Oriented, restarted: bool) -> LegBlock:
        """Rows of one half-second block."""
        number = grid.start // self._block
        if number != self._number:
            self._begin_block(number)
        if restarted:
            self._heading.lost()
            self._restarted = grid.start
        ok = grid.thigh_ok & grid.shank_ok
        status = row_status(grid, self.alignment is not None, bool(self.slipped))
        if self.alignment is None:
            leg = no_angles(grid.start, self._rate, grid.shank_acc, status)
        else:
            relative = self._heading.rows(grid.start, len(grid))
            leg = self._knee.update(grid.start, one, two, grid.shank_acc, relative, status)
            leg = leg if self._slips is None else widened(leg, self._slips.doubt)
        self._look.keep(grid, one.quat, two.quat, restarted)
        self._parts.append(
            LegRows(grid.start, grid.thigh_acc, one.gyr, one.quat, grid.shank_acc, two.gyr, two.quat, ok)
        )
        return leg

    def _begin_block(self, number: int) -> None:
        """Everything that is decided from the block that is now complete."""
        self._number = number
        if not self._parts:
            self._heading.advance(number)
            return
        rows = join_rows(self._parts)
        self._heading.advance(number, self._signals.update(rows, self.alignment))
        self._knee.upright(self._heading.errors, self._heading.state.mean)
        self._look.block(rows)
        self._parts = []
        time_s = number * self._block / self._rate
        found = self._calibration_in(rows)
        if found is not None:
            self._use(found, time_s)
            return
        if self.alignment is None or self._slips is None:
            return
        if self._quick is not None and not self._quick.done:
            self._check(self._quick, rows, time_s)
        slip = self._slips.update(rows, self.alignment, self._heading.state)
        if slip is not None:
            self._slip(slip, time_s)
        if self.alignment.standing and not self._slips.suspect:
            self._look_for_neutral(rows)
        if self._look.due and not self._slips.suspect:
            self._look_again()
        self._follow_path(time_s)
        believed = float(self._heading.state.mean[THIGH])
        seen = None if self._axis is None else self._axis.update(rows, believed)
        if seen is not None:
            self._see_axis(*seen, time_s)

    def _calibration_in(self, rows: LegRows) -> Calibrated | None:
        """A calibration that is complete with this block."""
        if self._calibrating is not None:
            found = self._calibrating.update(rows)
            if self._calibrating.done:
                self._calibrated_by, self._calibrating = self._calibrating, None
            return found
        if self._calibrated_by is None:
            return None
        found = self._calibrated_by.after(rows)
        if self._calibrated_by.over:
            self._calibrated_by = None
        return found

    def _follow_path(self, time_s: float) -> None:
        """The unloaded path as movement teaches it: fitted anew where the frames turned far, told where it matters."""
        assert self.alignment is not None
        states, errors = self._heading.now().states[:, 0], self._heading.errors
        if self.calibrated is not None and self._path.far(states, errors):
            self._path = self._tied(self.calibrated, self.alignment)
            self._knee.align(self.alignment, self._path)
        flexion = np.array([_TOLD_AT])
        if self._path.known and abs(float((self.path.at(flexion) - self._told_path.at(flexion))[0])) > _TOLD_CHANGE:
            self._told_path = self.path
            fields: dict[str, object] = {
                "method": self.alignment.method,
                "corrected": "unloaded path",
                "unloaded_path": self.path.to_json(),
            }
            self._events.append(RaisedEvent(time_s, "calibration", fields))

    def _check(self, quick: QuickCheck, rows: LegRows, time_s: float) -> None:
        """The saved calibration against a standing and a flexion."""
        if quick.update(rows, at_rest(rows, CalibratingParameters())):
            self._events.append(RaisedEvent(time_s, "calibration", {"quick_check": quick.told()}))

    def _slip(self, slip: Slip, time_s: float) -> None:
        """A sensor moved on the leg: the angles go on from the new standing, marked, and a new standing with flexions
        is waited for."""
        assert self.alignment is not None
        self.slipped = slip.line(self._rate, self._side.value)
        self._slip_lines = [*self._slip_lines, self.slipped][-_TOLD_SLIPS:]
        self.alignment = rereferenced(self.alignment, slip.segment, slip.turn)
        self._knee.align(self.alignment, self._path)
        if self._axis is not None:
            self._axis = AxisWatch(self.alignment, self._settings.axis_watch)
        self._calibrating = Calibrating(self._rate, self._side.sign, anew=True)
        self._look.stop(awaited=True)
        self._events.append(RaisedEvent(time_s, "status", slip.fields(self._rate, self._side.value)))

    def _see_axis(self, turn: float, sd: float, time_s: float) -> None:
        """The thigh's axis was seen: a correction, or, where the frame was altogether wrong, a new one."""
        assert self.alignment is not None
        if abs(turn - float(self._heading.state.mean[THIGH])) < self._settings.wrong_axis:
            self._heading.observe(THIGH, turn, sd)
            return
        alignment = replace(self.alignment.turned(turn, 0.0), thigh_axis_sd=sd)
        self._apply(alignment, self.calibrated)
        if self._axis is not None:
            self._axis.realign(alignment)
        if self._slips is not None:
            self._slips.realigned(turn)
        self._events.append(RaisedEvent(time_s, "calibration", {"method": alignment.method, "corrected": "thigh axis"}))

    def _look_again(self) -> None:
        """The calibration as it is seen now that movement has told more."""
        before, believed = self.alignment, self._believed()
        assert before is not None and believed is not None and self._slips is not None
        looked = self._look.look(believed)
        if looked is None:
            return
        alignment = looked.calibrated.alignment
        self.calibrated, self.alignment = looked.calibrated, alignment
        self._heading.take(looked.state, looked.residual_sd)
        self._path = self._tied(looked.calibrated, alignment)
        self._knee.upright(self._heading.errors, looked.state.mean)
        self._knee.align(alignment, self._path)
        self._slips.seen_again(*before.azimuths_of(alignment), looked.shown)
        if self._axis is not None:
            self._axis.realign(alignment)
        if looked.axis_known:
            self._axis = None

    def _look_for_neutral(self, rows: LegRows) -> None:
        assert self.alignment is not None
        p = self._settings.neutral
        if not is_neutral(rows, self.alignment, p):
            self._resting = 0
            return
        self._resting += 1
        if self._resting % p.every_blocks == p.first_block:
            self._heading.neutral(Neutral(neutral_turn(rows, self.alignment), p.sd))

    def _use(self, found: Calibrated, time_s: float) -> None:
        """A calibration from now on: frames, neutral heading, unloaded path."""
        found = settled(found, self._side, self._rate)
        if self.alignment is None:
            self._recovered = recovered_block(found.rows, found.alignment, self._side, self._rate)
        self.calibrated = found
        self.slipped = ""
        self._slips = SlipWatch(self._rate, found.standing, self._settings.slip)
        self._apply(found.alignment, found)
        self._look.begin(found, (self._number or 0) * self._block)
        self._axis = AxisWatch(found.alignment, self._settings.axis_watch)
        self._events.append(calibration_event(found, self.path, time_s))

    def _apply(self, alignment: Alignment, found: Calibrated | None) -> None:
        """Frames; with the standing, the heading; with the flexions, the unloaded path."""
        self.alignment = alignment
        self._heading.align(alignment.thigh_axis_sd, alignment.shank_axis_sd)
        self._heading.set_prior(LeverPrior.of(alignment))
        if found is not None and found.standing is not None:
            begin, end = (max(0, row - found.rows.start) for row in found.standing)
            rows = found.rows.cut(begin, end)
            # Long after the standing, or where a sensor was away meanwhile, its rows are no longer among those kept.
            if len(rows):
                self._heading.neutral(Neutral(neutral_turn(rows, alignment), self._settings.neutral.sd))
        self._path = TiedPath()
        if found is not None:
            self._heading.mark_flexions()
            if found.flexing is not None and seen_together(found, self._rate)[1]:
                self._path = self._tied(found, alignment)
            if found.standing is not None and found.standing[0] < self._restarted:
                # A sensor was away since: its level frame is another one, and what the standing told is of the old.
                self._heading.lost()
        self._told_path = self.path
        self._knee.align(alignment, self._path)

    def _tied(self, found: Calibrated, alignment: Alignment) -> TiedPath:
        """The unloaded path of a calibration, as its flexions look through what is believed now."""
        return tied_path(found, alignment, self._side, self._rate, self._heading.now(), self._heading.errors)

    def use_profile(self, profile: Profile) -> None:
        """A saved calibration, from now on."""
        self.alignment, self._path = profile.alignment, TiedPath(profile.path)
        self._quick = QuickCheck(profile)
        self._look.stop(awaited=False)
        self._heading.align(self.alignment.thigh_axis_sd, self.alignment.shank_axis_sd)
        prior = LeverPrior.of(self.alignment)
        self._heading.set_prior(prior if profile.arms is None else LeverPrior(profile.arms, 0.05))
        self._knee.align(self.alignment, self._path)
        self._calibrating = self._calibrated_by = None
        self.slipped = ""
        self._slips = SlipWatch(self._rate, None, self._settings.slip)
