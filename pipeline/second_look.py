"""Live, the calibration is looked at again as movement tells more.

A filter that only goes forwards saw the calibration's standing and flexions when it knew least: the gyroscopes' bias,
the accelerometers' errors, the arms and often the thigh's axis were all still to be learnt. So the rows since then are
kept for some minutes, and each time the movement among them has grown by half they are looked at as `process` would
(pipeline/two_sided.py): sensors oriented forwards and backwards, frames found anew, the heading smoothed. The live
filter goes on from what is known of all states at their end, the heading that the flexions had and its correlation with
the present one among them. Measured against the filter alone: tests/benchmarks/accuracy.py, causal.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from calibration.alignment import STANDING_AND_MOTION, Alignment
from pipeline.blocks import Floats, GridBlock, join
from pipeline.calibration_parameters import Calibrated
from pipeline.flexions import settled
from pipeline.heading_model import DELTA, DRIFT, SHANK, THIGH, TILT_X, TILT_Y, RelativeState
from pipeline.leg_rows import LegRows, join_rows
from pipeline.leg_settings import LegSettings
from pipeline.level_frames import seen_together
from pipeline.neutral import neutral_turn
from pipeline.orientation import Oriented, orient_offline
from pipeline.quaternions import conjugate, multiply
from pipeline.records import Side
from pipeline.two_sided import find_calibration, smoother_of


@dataclass(frozen=True, slots=True)
class LookedAgain:
    """calibrated: the calibration as it is seen now. state: of the heading filter at the end of the rows that were
    looked at. residual_sd: m/s2, see `Heading`. shown: the turn between the frames in the standing, rad; None where it
    was not seen in the level frames of the flexions. axis_known: whether there was movement enough for the thigh's
    axis."""

    calibrated: Calibrated
    state: RelativeState
    residual_sd: float
    shown: float | None
    axis_known: bool


class _Kept(NamedTuple):
    """A block of the grid, and how the live filters oriented both sensors: (n, 4) each."""

    grid: GridBlock
    thigh: Floats
    shank: Floats


class SecondLook:
    """`keep` every piece of the grid, `block` at the end of a block; when `due`, `look`."""

    def __init__(self, rate_hz: float, side: Side, settings: LegSettings) -> None:
        self._rate = rate_hz
        self._side = side
        self._settings = settings
        self._p = settings.second_look
        self._pieces: list[_Kept] = []
        self._blocks: list[_Kept] = []
        self._calibrated: Calibrated | None = None
        self._until = 0
        self._waiting = True
        self._moving = 0
        self._due = 0.0
        self._contradicted = False
        self._latest = self._restarted = 0

    def keep(self, grid: GridBlock, thigh: Floats, shank: Floats, restarted: bool) -> None:
        """Rows that came, and their orientations by the live filters; restarted: one of these began anew with them."""
        self._restarted = grid.start if restarted else self._restarted
        if self._waiting or self._calibrated is not None:
            self._pieces.append(_Kept(grid, thigh, shank))

    def block(self, rows: LegRows) -> None:
        """What was kept since the last time makes a whole block; rows: the same, oriented."""
        if not self._pieces:
            return
        self._latest = rows.start + len(rows)
        grids, thigh, shank = zip(*self._pieces, strict=True)
        self._blocks.append(_Kept(join(list(grids)), np.concatenate(thigh), np.concatenate(shank)))
        self._pieces = []
        turning = np.maximum(_squares(rows.thigh_gyr), _squares(rows.shank_gyr)) > self._p.moving_rad_s**2
        self._moving += int((turning & rows.ok).sum())
        if self._calibrated is None:
            self._forget_before(rows.start - round(self._p.before_s * self._rate))
        elif rows.start > self._until:
            self._calibrated, self._waiting, self._blocks = None, False, []

    def begin(self, found: Calibrated, row: int) -> None:
        """A calibration was found at grid row `row`: what follows will tell more of it; but for one from standing and
        motion, of whose axes the live filter learns as much on the way (simulated people, and one real walk)."""
        if found.alignment.method == STANDING_AND_MOTION:
            self.stop(awaited=True)
            return
        spans = [span for span in (found.standing, found.flexing) if span is not None]
        begins = [begin for begin, _ in spans] or [found.rows.start]
        self._forget_before(min(begins) - round(self._p.ahead_s * self._rate))
        self._calibrated = found
        self._until = row + round(self._p.kept_s * self._rate)
        self._moving, self._due = 0, self._p.first_s * self._rate
        self._contradicted = False

    def stop(self, awaited: bool) -> None:
        """The calibration holds no more; awaited: whether another one is waited for."""
        self._calibrated, self._waiting = None, awaited
        self._blocks = self._blocks if awaited else []

    @property
    def due(self) -> bool:
        """Whether enough movement is new among the rows kept, and no level frame."""
        settled = self._latest - self._restarted >= _DRIFT_S * self._rate
        return self._calibrated is not None and self._moving >= self._due and settled

    def look(self, believed: Alignment) -> LookedAgain | None:
        """When due: what the rows kept show, if anything. believed: the frames, as they are believed now; what turns
        them far, though they are known, has to be seen twice."""
        assert self._calibrated is not None
        self._due = self._p.growth * self._moving
        looked = self._seen(self._calibrated)
        if looked is None:
            return None
        seen = looked.calibrated.alignment.turned(*looked.state.mean[[THIGH, SHANK]].tolist())
        known = max(believed.thigh_axis_sd, believed.shank_axis_sd) < self._p.known_sd
        far = known and max(map(abs, believed.azimuths_of(seen))) > self._p.far
        again, self._contradicted = self._contradicted, far
        return looked if again or not far else None

    def _seen(self, live: Calibrated) -> LookedAgain | None:
        settings, rate = self._settings, self._rate
        grid = join([kept.grid for kept in self._blocks])
        one = orient_offline(grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok, rate, settings.orientation)
        two = orient_offline(grid.shank_acc, grid.shank_gyr, grid.shank_ok, rate, settings.orientation)
        last = min(round(_DRIFT_S * rate), len(grid))
        ok = grid.thigh_ok & grid.shank_ok
        rows = LegRows(grid.start, grid.thigh_acc, one.gyr, one.quat, grid.shank_acc, two.gyr, two.quat, ok)
        found = find_calibration(rows, rate, self._side)
        if found is None or not _same(found, live):
            return None
        found = settled(found, self._side, rate)
        smoother, smoothed = smoother_of(grid, rows, one, two, found.alignment, settings)
        (begin, end), together = (rows.start, rows.start), True
        if found.flexing is not None:
            (begin, end), together = seen_together(found, rate)
        state = smoother.at_the_end((begin + end) // 2, grid.start + len(grid))
        self._as_live(state, one, two, last)
        # Copied: what was kept is let go.
        told = max([span[1] for span in (found.standing, found.flexing) if span is not None] or [end])
        found = replace(found, rows=join_rows([rows.cut(0, told - rows.start + 1)]))
        shown = None
        if found.standing is not None and together:
            shown = neutral_turn(found.rows.cut(*(row - rows.start for row in found.standing)), found.alignment)
        return LookedAgain(found, state, smoothed.residual_sd, shown, self._moving >= self._p.axis_s * rate)

    def _as_live(self, state: RelativeState, one: Oriented, two: Oriented, last: int) -> None:
        """The live filters' level frames head elsewhere than these, and drift and lean otherwise."""
        there = (np.concatenate([getattr(kept, name) for kept in self._blocks]) for name in ("thigh", "shank"))
        thigh, shank = (
            _azimuth(multiply(live[-last:], conjugate(here.quat[-last:])))
            for live, here in zip(there, (one, two), strict=True)
        )
        apart = thigh - shank
        state.mean[DELTA] += apart[-1]
        state.mean[DRIFT] += (apart[-1] - apart[0]) * self._rate / max(last - 1, 1)
        for i in (TILT_X, TILT_Y):
            state.mean[i] = 0.0
            state.cov[i, :] = state.cov[:, i] = 0.0
            state.cov[i, i] = self._settings.heading.tilt_sd**2

    def _forget_before(self, row: int) -> None:
        while self._blocks and self._blocks[0].grid.start + len(self._blocks[0].grid) <= row:
            del self._blocks[0]


_DRIFT_S = 10.0
"""Over how long the drift of the live filters is compared."""


def _same(found: Calibrated, live: Calibrated) -> bool:
    """Whether this is the calibration that was found live, seen better."""
    if found.flexing is None or live.flexing is None:
        return found.flexing is live.flexing and found.alignment.method == live.alignment.method
    return found.flexing[0] < live.flexing[1] and live.flexing[0] < found.flexing[1]


def _squares(gyr: Floats) -> Floats:
    return np.asarray(np.einsum("ni,ni->n", gyr, gyr))


def _azimuth(quat: Floats) -> Floats:
    """(n,) rad, continuous, of rotations that are nearly about the vertical."""
    return np.unwrap(2.0 * np.arctan2(quat[:, 3], quat[:, 0]))
