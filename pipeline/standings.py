"""Quiet standings, found block by block: which rests are looked at, when, and how much each look counts.

A rest is looked at after some blocks and again when it goes on; it ends with movement, or where the leg leans
otherwise. With each goes what the heading filter expected of a neutral standing (`Expected`), so that it shows how the
frames are turned against each other as well as how they tilt.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.heading_model import DELTA, SHANK, THIGH, RelativeState
from pipeline.leg_rows import LegRows
from pipeline.rests import resting
from pipeline.sights import Expected, Quiet, Sight, quiet_blocks, standing_sight

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class StandingParameters:
    """leaning: a segment that leans more does not stand, rad; one that leans more than leant_over, only in the longest
    look. still: change of a lean (rad) between blocks that ends a rest. looks: numbers of blocks of a rest after which
    it is looked at; with the last, a new look begins. sure_block: blocks that make a standing, and from which a slip is
    told; short, again: weight of one of few blocks, and of a further look at the same stance. same_blocks: a rest that
    begins so soon after another, as between repetitions, is the same stance: the feet were not placed anew, so that it
    tells little of how standings differ.
    """

    leaning: float = 25.0 * _DEG
    leant_over: float = 13.0 * _DEG
    still: float = 1.0 * _DEG
    looks: tuple[int, ...] = (2, 4, 6, 12)
    sure_block: int = 4
    short: float = 0.7
    again: float = 0.05
    same_blocks: int = 16
    rest: CalibratingParameters = field(default_factory=CalibratingParameters)


Believed = Callable[[int], Expected]
"""What is expected of a neutral standing at a grid row."""


def expected_of(state: RelativeState, heading: int = DELTA) -> Expected:
    """What is expected of a neutral standing now, or, with FLEXED as the heading, of the calibration's."""
    mean, cov = state.mean, state.cov
    axes, sd = axes_of(state)
    shared = float(cov[heading, SHANK] - cov[heading, THIGH]) / sd**2
    known = max(float(cov[heading, heading]) - (shared * sd) ** 2, 0.0)
    return Expected(float(mean[heading]) + axes, float(np.sqrt(known)), axes, min(max(1.0 + shared, 0.0), 1.0))


def axes_of(state: RelativeState) -> tuple[float, float]:
    """How far the shank's frame is believed to be turned against the thigh's, rad, and its standard deviation."""
    cov = state.cov
    variance = float(cov[SHANK, SHANK] + cov[THIGH, THIGH] - 2.0 * cov[THIGH, SHANK])
    return float(state.mean[SHANK] - state.mean[THIGH]), float(np.sqrt(max(variance, 1e-12)))


class Standings:
    """`update` blocks in order; `now` is what the rest that goes on shows, and what `update` returns is over."""

    def __init__(self, p: StandingParameters) -> None:
        self._p = p
        self._run: list[Quiet] = []
        self._expected = Expected(0.0, 1.0, 0.0, 0.0)
        self._end: int | None = None
        self._same = False
        self._leans: Floats | None = None
        self._look: tuple[list[Quiet], Alignment, float] | None = None
        self._now: Sight | None = None

    @property
    def now(self) -> Sight | None:
        """What the rest that goes on shows, the same object until it is looked at again."""
        if self._now is None and self._look is not None:
            seen, frame, weight = self._look
            self._now = standing_sight(seen, frame, self._expected, weight)
        return self._now

    def update(self, quiet: Quiet | None, frame: Alignment, believed: Believed) -> Sight | None:
        """quiet: a block at rest; None: another one. frame: in which tilts are seen."""
        done = None
        leans = None if quiet is None else quiet.leans
        furthest = 0.0 if leans is None else max(hypot(*lean) for lean in leans.tolist())
        if furthest > self._p.leaning:
            quiet = leans = None
        moved = leans is None or (self._leans is not None and float(np.abs(leans - self._leans).max()) > self._p.still)
        self._leans = leans
        if moved or len(self._run) >= self._p.looks[-1]:
            done = self.now if len(self._run) >= self._p.sure_block else None
            self._look = self._now = None
            self._end = self._end if done is None else done.end
            self._run = []
        if quiet is None:
            return done
        if not self._run:
            self._expected = believed(quiet.begin)
            apart = self._p.same_blocks * (quiet.end - quiet.begin)
            self._same = self._end is not None and quiet.begin - self._end < apart
        self._run.append(quiet)
        length = len(self._run)
        if length in self._p.looks and (furthest < self._p.leant_over or length == self._p.looks[-1]):
            # The first block settles.
            seen = self._run[1:] if length > self._p.looks[0] else [*self._run]
            weight = self._p.again if self._same else self._p.short if length < _FULL else 1.0
            self._look, self._now = (seen, frame, weight), None
        return done

    def interrupted(self) -> None:
        """The rest that goes on, if any, begins anew with the next block."""
        self._run, self._look, self._now, self._leans = [], None, None, None

    @property
    def length(self) -> int:
        """Blocks of the rest that goes on."""
        return len(self._run)


_FULL = 6
"""Blocks of a rest that count as a full standing."""


def standings_of(
    rows: LegRows, length: int, alignment: Alignment, frame: Alignment, believed: Believed, p: StandingParameters
) -> list[Sight]:
    """All quiet standings of a recording, in blocks of `length` rows. alignment: to which the heading belongs;
    frame: in which tilts are seen."""
    standings = Standings(p)
    found = []
    before = None
    for quiet in quiet_blocks(rows, length, resting(rows, length, p.rest), alignment, frame):
        if before is not None and quiet.begin != before:
            found.append(standings.update(None, frame, believed))
        found.append(standings.update(quiet, frame, believed))
        before = quiet.end
    found.append(standings.update(None, frame, believed))
    return [sight for sight in found if sight is not None]
