"""Sensors in each other's place, told from the movement alone: thigh and shank of a leg, and one sensor of each leg.

Thigh and shank. In walking the shank turns faster than the thigh in every swing (peaks of 4 to 7 against 2 to 4 rad/s)
and is shaken harder by every heel strike, since the knee and the soft tissue above it absorb. The two ratios are added
(logarithms, the shocks at half weight) over windows of rhythmic gait. Stairs upwards and step-ups turn the thigh more,
but shake the shank more; running turns both alike and is left aside.

Left and right. A heel strike reaches both sensors of its own leg within some hundredths of a second and the other leg
half a stride later. So the shocks of a thigh go with those of its own shank; where they go with the other leg's shank
in both legs, one sensor of each leg was exchanged. Both legs exchanged altogether look the same this way
(mirror_watch.py); with sensors on one leg only, nothing tells that it is the other one.

Nothing is told without several windows that agree; until then it is unknown. Norms do not depend on the mounting.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from pipeline.blocks import Floats, GridBlock
from pipeline.gait_windows import GaitWindow, GaitWindowParameters, GaitWindows
from pipeline.records import Side


class Fit(StrEnum):
    """Whether the sensors are where the session believes them."""

    UNKNOWN = "unknown"
    FITS = "fits"
    SWAPPED = "swapped"


@dataclass(frozen=True, slots=True)
class SwapParameters:
    """Chosen on simulated people (seeds below 100) and on public walks.

    shock_weight: of the shocks' ratio. at_most: one window's evidence. running: peak rate of the slower segment above
    which it is no walking, rad/s. swapped, fits: mean evidence of thigh and shank beyond which it is told.
    crossed: mean difference of the shocks' correlations, own leg minus other, for left and right. reach_s: how much
    later a shock may reach the other sensor. least, kept: windows that are needed, and remembered.
    """

    gait: GaitWindowParameters = field(default_factory=GaitWindowParameters)
    shock_weight: float = 0.5
    at_most: float = 1.0
    running: float = 6.0
    swapped: float = -0.4
    fits: float = 0.3
    crossed: float = 0.2
    reach_s: float = 0.04
    least: int = 3
    kept: int = 15


@dataclass(frozen=True, slots=True)
class Told:
    """News: time_s of the decision, and what it is."""

    time_s: float
    fit: Fit


class _Verdict:
    """The mean of the last pieces of evidence against two limits."""

    def __init__(self, swapped: float, fits: float, parameters: SwapParameters) -> None:
        self._swapped, self._fits = swapped, fits
        self._least = parameters.least
        self._evidence: deque[float] = deque(maxlen=parameters.kept)
        self.fit = Fit.UNKNOWN

    def add(self, evidence: float) -> bool:
        """Whether it is told otherwise now. In between the limits it stays as it was."""
        self._evidence.append(evidence)
        if len(self._evidence) < self._least:
            return False
        mean = float(np.mean(self._evidence))
        before = self.fit
        if mean < self._swapped:
            self.fit = Fit.SWAPPED
        elif mean > self._fits:
            self.fit = Fit.FITS
        return self.fit is not before


class SegmentWatch:
    """Thigh and shank of one leg. `update(grid)` gives what is told anew; `windows` of these rows serve both legs."""

    def __init__(self, parameters: SwapParameters | None = None) -> None:
        self._p = parameters or SwapParameters()
        self._gait = GaitWindows(self._p.gait)
        self._verdict = _Verdict(self._p.swapped, self._p.fits, self._p)
        self.windows: list[GaitWindow] = []

    @property
    def fit(self) -> Fit:
        """As it is believed now."""
        return self._verdict.fit

    def update(self, grid: GridBlock) -> list[Told]:
        """The rows follow the last ones."""
        self.windows = self._gait.update(grid)
        told = []
        for window in self.windows:
            peaks = float(window.thigh_turn.max()), float(window.shank_turn.max())
            if min(peaks) > self._p.running:
                continue
            shocks = [float(np.sqrt(np.mean(s**2))) for s in (window.thigh_shock, window.shank_shock)]
            evidence = _ratio(peaks[1], peaks[0]) + self._p.shock_weight * _ratio(shocks[1], shocks[0])
            if self._verdict.add(float(np.clip(evidence, -self._p.at_most, self._p.at_most))):
                told.append(Told((window.number + 1) * self._p.gait.window_s, self._verdict.fit))
        return told


class SideWatch:
    """One sensor of each leg in the other's place. `add` the windows of either leg, in order of time."""

    def __init__(self, parameters: SwapParameters | None = None) -> None:
        self._p = parameters or SwapParameters()
        self._verdict = _Verdict(-self._p.crossed, self._p.crossed, self._p)
        self._waiting: dict[Side, deque[GaitWindow]] = {side: deque(maxlen=self._p.kept) for side in Side}

    @property
    def fit(self) -> Fit:
        """As it is believed now."""
        return self._verdict.fit

    def add(self, side: Side, windows: list[GaitWindow]) -> list[Told]:
        """Windows of one leg; those of the same time are compared once both legs have come."""
        self._waiting[side].extend(windows)
        left, right = self._waiting[Side.LEFT], self._waiting[Side.RIGHT]
        told = []
        while left and right:
            if left[0].number != right[0].number:
                (left if left[0].number < right[0].number else right).popleft()
                continue
            one, two = left.popleft(), right.popleft()
            if one.rate_hz == two.rate_hz and self._verdict.add(self._evidence(one, two)):
                told.append(Told((one.number + 1) * self._p.gait.window_s, self._verdict.fit))
        return told

    def _evidence(self, left: GaitWindow, right: GaitWindow) -> float:
        reach = max(1, round(self._p.reach_s * left.rate_hz))
        own = [_together(leg.thigh_shock, leg.shank_shock, reach) for leg in (left, right)]
        other = [
            _together(left.thigh_shock, right.shank_shock, reach),
            _together(right.thigh_shock, left.shank_shock, reach),
        ]
        return float(np.mean(own) - np.mean(other))


def _ratio(a: float, b: float) -> float:
    return float(np.log(max(a, 1e-6) / max(b, 1e-6)))


def _together(a: Floats, b: Floats, reach: int) -> float:
    """The largest correlation of two curves, one shifted by up to `reach` rows."""
    one, two = a - a.mean(), b - b.mean()
    scale = max(float(np.sqrt((one @ one) * (two @ two))), 1e-12)
    inner = one[reach:-reach]
    return max(float(inner @ two[k : k + len(inner)]) for k in range(2 * reach + 1)) / scale
