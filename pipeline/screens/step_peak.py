"""The largest inward angle of the last step while the leg was loaded: the one figure to be read from across the room.

The step table's peak is over the whole stride. In the swing the knee bends far and carries nothing, and the estimate is
least sure, so what a person is shown is the stance: contact to toe-off; of a repetition, all of it.
"""

from collections import deque
from math import degrees, isfinite, nan

import numpy as np

from pipeline.blocks import Floats, LegBlock
from pipeline.rows import StepRow
from pipeline.thresholds import ValgusParameters

_KEPT_S = 12.0


class StepPeak:
    """One leg. `add` its rows in order, `step` each row of the step table. peak_deg: NaN before the first step."""

    def __init__(self) -> None:
        self._parts: deque[tuple[float, float, Floats]] = deque()
        self._end_s = 0.0
        self.peak_deg = nan

    def add(self, block: LegBlock) -> None:
        """Rows that follow the last ones."""
        if not len(block):
            return
        start_s = block.start / block.rate_hz
        self._parts.append((start_s, block.rate_hz, np.where(block.valid, block.excess, np.nan)))
        self._end_s = start_s + len(block) / block.rate_hz
        while len(self._parts) > 1 and self._parts[1][0] < self._end_s - _KEPT_S:
            self._parts.popleft()

    def step(self, row: StepRow) -> None:
        """A finished step or repetition."""
        end_s = row.toe_off_s if isfinite(row.toe_off_s) else row.end_s
        best = -np.inf
        for start_s, rate_hz, excess in self._parts:
            begin = max(0, round((row.start_s - start_s) * rate_hz))
            inside = excess[begin : max(0, round((end_s - start_s) * rate_hz) + 1)]
            known = inside[np.isfinite(inside)]
            if len(known):
                best = max(best, float(known.max()))
        if isfinite(best):
            self.peak_deg = degrees(best)


def step_words(peak_deg: float) -> str:
    """The last step in words."""
    notice, marked, _ = ValgusParameters().limits.excess_deg
    if not isfinite(peak_deg):
        return "no step yet"
    if peak_deg < notice:
        return "in line"
    return "slightly inward" if peak_deg < marked else "clearly inward"
