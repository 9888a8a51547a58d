"""Whether both legs' sensors are on each other's leg, from how the thighs lean aside in walking.

When a leg carries the body, its hip adducts and the body shifts over the foot: the thigh's lower end leans inwards. In
its swing the leg is led outwards. So the thigh's medial tilt, which needs gravity and the flexion axis alone, is larger
in stance than in swing; on the wrong leg the sign is reversed. The difference is some degrees (0.5 to 7 in ordinary
walking of twelve legs of six people), and the axis' error stays out of it, as it is much the same in both phases.

A leg with a stiff knee is swung around sideways, and its sign is reversed, too (4.7 deg in one of those people). So one
leg alone tells nothing, and two legs only where both agree: whoever swings both legs around is told wrongly, and whose
legs differ or lean little is told nothing. Shank tilt and rotation differ too much from person to person.

Source: adduction of the hip in stance, Perry and Burnfield, Gait Analysis; circumduction of a stiff knee, the same.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from pipeline.blocks import LegBlock, join
from pipeline.records import Side
from pipeline.swaps import Fit, Told


@dataclass(frozen=True, slots=True)
class MirrorParameters:
    """window_s: rows that are looked at together. swing, stance: shank rates beyond and below which it swings or
    stands, rad/s. swing_s: swing that a window of walking has at least. lean: mean that tells, on both legs, rad.
    least, kept: windows of both legs that are needed, and remembered."""

    window_s: float = 4.0
    swing: float = 2.0
    stance: float = 1.2
    swing_s: float = 0.5
    lean: float = np.deg2rad(1.2)
    least: int = 6
    kept: int = 15


@dataclass(slots=True)
class _Leg:
    parts: list[LegBlock] = field(default_factory=list)
    leans: deque[tuple[int, float]] = field(default_factory=deque)
    """By the number of the window, counted from session time zero; waiting for the other leg's."""


class MirrorWatch:
    """`update(side, block)` gives what is told anew with these rows of one leg."""

    def __init__(self, parameters: MirrorParameters | None = None) -> None:
        self._p = parameters or MirrorParameters()
        self._legs = {side: _Leg(leans=deque(maxlen=self._p.kept)) for side in Side}
        self._pairs: deque[tuple[float, float]] = deque(maxlen=self._p.kept)
        self.fit = Fit.UNKNOWN

    def update(self, side: Side, block: LegBlock) -> list[Told]:
        """The rows follow the leg's last ones without a hole."""
        leg = self._legs[side]
        size = round(self._p.window_s * block.rate_hz)
        told = []
        begin = 0
        while begin < len(block):
            end = min(len(block), begin + size - (block.start + begin) % size)
            leg.parts.append(block if end - begin == len(block) else block.cut(begin, end))
            if (block.start + end) % size == 0:
                lean = self._lean(join(leg.parts))
                leg.parts = []
                if lean is not None:
                    leg.leans.append(((block.start + end) // size, lean))
                    told += self._compared()
            begin = end
        return told

    def _compared(self) -> list[Told]:
        """Windows of the same time of both legs."""
        left, right = self._legs[Side.LEFT].leans, self._legs[Side.RIGHT].leans
        told = []
        while left and right:
            if left[0][0] != right[0][0]:
                (left if left[0][0] < right[0][0] else right).popleft()
                continue
            number, lean = left.popleft()
            self._pairs.append((lean, right.popleft()[1]))
            if self._decide():
                told.append(Told(number * self._p.window_s, self.fit))
        return told

    def _decide(self) -> bool:
        if len(self._pairs) < self._p.least:
            return False
        leans = np.mean(np.array(self._pairs), axis=0)
        before = self.fit
        if float(leans.max()) < -self._p.lean:
            self.fit = Fit.SWAPPED
        elif float(leans.min()) > self._p.lean:
            self.fit = Fit.FITS
        elif before is Fit.SWAPPED:
            self.fit = Fit.UNKNOWN
        return self.fit is not before

    def _lean(self, rows: LegBlock) -> float | None:
        p = self._p
        known = np.isfinite(rows.thigh_tilt) & np.isfinite(rows.shank_rate)
        swing = known & (rows.shank_rate > p.swing)
        stance = known & (np.abs(rows.shank_rate) < p.stance)
        if int(swing.sum()) < p.swing_s * rows.rate_hz or int(stance.sum()) < p.swing_s * rows.rate_hz:
            return None
        return float(np.mean(rows.thigh_tilt[stance]) - np.mean(rows.thigh_tilt[swing]))
