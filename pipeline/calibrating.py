"""The automatic calibration: finds the quiet standing and the slow flexions in the stream, or makes do with less.

Half-second blocks are looked at one by one. A block is at rest where the rates scatter little and the accelerations
keep still. The last rest of some seconds before the flexions is the standing. A flexion is an excursion of the shank's
inclination from that standing and back, slow, without an impact, in which the thigh moves less than the shank. When
enough of them are over the frames follow (calibration/alignment.py). Where the person moves on without flexions, the
axes come from the motion itself; where there was no standing either, so does the vertical.
"""

from collections import deque

import numpy as np

from calibration.alignment import MOTION, STANDING_AND_MOTION
from pipeline.calibration_parameters import Calibrated, CalibratingParameters
from pipeline.calibration_progress import CalibrationProgress
from pipeline.flexion_count import FlexionCount
from pipeline.frames_from_flexions import frames_from_flexions, with_steps
from pipeline.frames_from_motion import frames_from_motion
from pipeline.leg_rows import LegRows, join_rows
from pipeline.rests import Rest, at_rest
from pipeline.seated import Seated, SeatedFound


class Calibrating:
    """Feed complete blocks in order; `update` returns a Calibrated when there is enough: perhaps one from motion first,
    and a better one when the flexions come; `done` after that. With a whole recording it waits for flexions until
    `finish` and forgets nothing. anew: there is a calibration already, and only standing and flexions replace it."""

    def __init__(
        self,
        rate_hz: float,
        side_sign: float,
        parameters: CalibratingParameters | None = None,
        recording: LegRows | None = None,
        anew: bool = False,
    ) -> None:
        self._sign = side_sign
        self._p = parameters or CalibratingParameters()
        self._rate = rate_hz
        self._recording = recording
        self._whole = recording is not None
        self._anew = anew
        self._blocks: deque[LegRows] = deque(maxlen=None if self._whole else self._p.buffer_blocks)
        self._resting: list[LegRows] = []
        self._standing: Rest | None = None
        self._flexions: FlexionCount | None = None
        self._moving = self._latest = 0
        self._fallback = ""
        self._walking = False
        self._seated = Seated(rate_hz, side_sign)
        self._sat: SeatedFound | None = None
        self.done = self.over = False

    @property
    def parameters(self) -> CalibratingParameters:
        """As given."""
        return self._p

    @property
    def _count(self) -> int:
        return 0 if self._flexions is None else self._flexions.count

    @property
    def _span(self) -> tuple[int, int] | None:
        return None if self._flexions is None else self._flexions.span

    @property
    def settled(self) -> bool:
        """Whether nothing that follows can change what `finish` gives: the flexions are over, and nobody rose soon
        after them, to show that it was sitting."""
        if not (self._whole and self._walking and self._count >= self._p.few) or self._span is None:
            return False
        return self._latest - self._span[1] > self._p.rising_s * self._rate

    @property
    def phase(self) -> str:
        """What the person should do now."""
        if self._standing is None:
            return "stand still"
        if self._walking:
            return "walk a few steps"
        if self._count < self._p.flexions:
            return f"bend the knee slowly ({self._count} of {self._p.flexions})"
        return "done"

    @property
    def progress(self) -> CalibrationProgress:
        """The same in figures, and why the last bend was not taken."""
        p, block_s = self._p, 0.5
        still_s = block_s * min(len(self._resting), p.rest_blocks)
        stood = self._standing is not None
        wanted_s = block_s * p.rest_blocks
        refused = "" if self._flexions is None else self._flexions.refused
        return CalibrationProgress(
            still_s, wanted_s, stood, self._count, p.flexions, refused, self._walking and not self.done
        )

    def update(self, rows: LegRows, rests: bool | None = None) -> Calibrated | None:
        """rows: one complete block; rests: whether it is at rest, where that is known already."""
        self._blocks.append(rows)
        self._latest = rows.start
        resting = at_rest(rows, self._p) if rests is None else rests
        self._sat = self._seated.update(rows, resting) or self._sat
        if self._sat is not None and not self._whole:
            return self._from_seated(self._sat)
        if self._seated.sitting:
            return None
        if resting:
            return self._rest(rows)
        self._resting = []
        if 2 * int(np.count_nonzero(rows.ok)) > len(rows):
            self._moving += 1
        if self._flexions is not None:
            other = False if self._walking and self._whole else self._flexions.update(rows)
            if self._count >= self._p.flexions + 3 or (self._count >= self._p.few and (other or self._walking)):
                self._walking = True
                return None if self._whole else self._from_flexions()
        return None if self._whole else self._fall_back()

    def _fall_back(self) -> Calibrated | None:
        """Once from motion alone, once from standing and motion."""
        if self._anew:
            return None
        standing = self._standing is not None
        method = STANDING_AND_MOTION if standing else MOTION
        enough = self._p.motion_blocks_standing if standing else self._p.motion_blocks_alone
        if self._fallback == method or self._count > 0 or self._moving < enough:
            return None
        self._fallback = method
        return self.from_motion()

    def finish(self) -> Calibrated | None:
        """The best that can be had of what was seen, at the end of a recording."""
        sat, span = self._sat, self._span
        if sat is not None and span is not None and span[0] < sat.flexing[1] and span[1] > sat.flexing[0]:
            # What looked like standing was sitting: the person rose after these flexions.
            return self._from_seated(sat)
        if self._standing is not None and self._count >= self._p.few:
            found = self._from_flexions()
            if found is not None:
                return found
        if sat is not None:
            return self._from_seated(sat)
        return self.from_motion()

    def after(self, rows: LegRows) -> Calibrated | None:
        """The blocks after it was done: a calibration where it turns out, on rising, that the person sat. Live, sitting
        still with flexions cannot be told from standing until then. `over` when nothing can come any more."""
        self._blocks.append(rows)
        self.over = rows.start > (self._span or (0, 0))[1] + self._p.buffer_blocks * len(rows)
        sat = self._seated.update(rows, at_rest(rows, self._p))
        if sat is None or self._span is None or sat.flexing[0] > self._span[1] or sat.flexing[1] < self._span[0]:
            return None
        self.over = True
        return self._from_seated(sat)

    def _from_seated(self, sat: SeatedFound) -> Calibrated:
        self.done = True
        rows = self._recording or join_rows(list(self._blocks))
        seen = sat.standing[0] >= rows.start and sat.flexing[0] >= rows.start
        alignment = with_steps(sat.alignment, rows, self._rate, self._p) if self._whole else sat.alignment
        return Calibrated(alignment, sat.standing if seen else None, sat.flexing, sat.flexions, rows)

    def _rest(self, rows: LegRows) -> Calibrated | None:
        if self._standing is not None and self._count >= self._p.few:
            self._walking = True
            return None if self._whole else self._from_flexions()
        self._resting.append(rows)
        if len(self._resting) >= self._p.rest_blocks:
            self._standing = Rest.of(self._resting[-20:])
            self._flexions = FlexionCount(self._standing, self._rate, self._p)
            self._moving = 0
        return None

    def _from_flexions(self) -> Calibrated | None:
        """Standing and flexions."""
        assert self._standing is not None and self._span is not None
        rows = self._recording or join_rows(list(self._blocks))
        alignment = frames_from_flexions(rows, self._standing, self._span, self._sign, self._rate, self._p)
        if alignment is None:
            return None
        self.done = True
        return Calibrated(alignment, (self._standing.begin, self._standing.end), self._span, self._count, rows)

    def from_motion(self) -> Calibrated | None:
        """Axes from walking or whatever was done."""
        found = frames_from_motion([b for b in self._blocks if bool(b.ok.all())], self._sign, self._rate, self._p)
        if found is None:
            return None
        alignment, standing, rows = found
        return Calibrated(alignment, None if standing is None else (standing.begin, standing.end), None, 0, rows)
