"""Slow flexions of the free knee, counted as they come, and what else the leg did instead.

A flexion is an excursion of the shank's inclination from its standing and back: far enough, slow, without an impact,
the thigh moving less than the shank.
"""

from collections.abc import Iterator

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bools, Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.calibration_progress import Bend, BendLimits, refusal
from pipeline.leg_rows import LegRows, inclination_from
from pipeline.rests import Rest


class FlexionCount:
    """The flexions after one standing. count, and span: grid rows from the first one's begin to the last one's end;
    refused: why the last bend was not taken, empty where it was."""

    def __init__(self, standing: Rest, rate_hz: float, parameters: CalibratingParameters) -> None:
        self._standing = standing
        self._rate = rate_hz
        self._p = parameters
        self._bent_at: int | None = None
        self._peak = self._thigh_peak = 0.0
        self._shake = np.zeros(2)
        self.count = 0
        self.span: tuple[int, int] | None = None
        self.refused = ""

    def update(self, rows: LegRows) -> bool:
        """The next block; True where something else than a flexion came to its end."""
        shank = inclination_from(self._standing.up_shank, rows.shank_quat)
        out = shank > self._p.straight
        if self._bent_at is None and not out.any():
            return False
        thigh = inclination_from(self._standing.up_thigh, rows.thigh_quat)
        shake = np.stack([_shake(rows.shank_acc), _shake(rows.thigh_acc)])
        other = False
        for begin, end, back in excursions(out, self._bent_at is not None):
            if begin > 0 or self._bent_at is None:
                self._bent_at = rows.start + begin - 1
                self._peak = self._thigh_peak = 0.0
                self._shake = np.zeros(2)
            if end > begin:
                self._peak = max(self._peak, float(shank[begin:end].max()))
                self._thigh_peak = max(self._thigh_peak, float(thigh[begin:end].max()))
                self._shake += shake[:, begin:end].sum(axis=1)
            if back:
                other |= not self._taken(self._bent_at, rows.start + end - 1)
                self._bent_at = None
        return other

    def _taken(self, begin: int, end: int) -> bool:
        """Whether an excursion was a flexion, or too small to be anything."""
        p = self._p
        lasted = (end - begin) / self._rate
        shank_rms, thigh_rms = np.sqrt(self._shake / max(1, end - begin))
        slow = p.shortest_s <= lasted <= p.longest_s
        gentle = shank_rms < p.shake_m_s2 and thigh_rms < p.thigh_shake_m_s2
        if self._peak > p.bent and slow and gentle and self._thigh_peak < p.thigh_share * self._peak:
            self.count += 1
            self.refused = ""
            self.span = (begin if self.span is None else self.span[0], end)
            return True
        if self._peak <= 1.5 * p.straight:
            return True
        bend = Bend(self._peak, self._thigh_peak, lasted, float(shank_rms), float(thigh_rms))
        limits = BendLimits(p.bent, p.shortest_s, p.longest_s, p.shake_m_s2, p.thigh_shake_m_s2, p.thigh_share)
        self.refused = refusal(bend, limits)
        return False


def excursions(out: Bools, already: bool) -> Iterator[tuple[int, int, bool]]:
    """Rows begin to end (exclusive) of each excursion within a block, without its first row, and whether its last row
    is back. out: (n,) which rows are out; already: whether the row before the block was: then the first excursion
    begins at row 0."""
    edges = np.flatnonzero(out[1:] != out[:-1]) + 1
    bounds = edges.tolist() if bool(out[0]) == already else [0, *edges.tolist()]
    if already:
        bounds = [-1, *bounds]
    for k in range(0, len(bounds), 2):
        back = k + 1 < len(bounds)
        yield bounds[k] + 1, bounds[k + 1] + 1 if back else len(out), back


def _shake(acc: Floats) -> Floats:
    """(n,) squared difference of the specific force's size from gravity."""
    off: Floats = np.sqrt(np.einsum("ni,ni->n", acc, acc)) - STANDARD_GRAVITY
    return off * off
