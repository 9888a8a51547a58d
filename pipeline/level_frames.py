"""Which of a calibration's rows were seen in one pair of level frames.

After a hole that is too long to bridge a sensor's filter begins anew, with another heading (pipeline/orientation.py).
What the standing tells of the relative heading holds for the flexions only up to such a hole.
"""

import numpy as np

from pipeline.calibration_parameters import Calibrated
from pipeline.leg_rows import LegRows
from pipeline.orientation import OrientationParameters

_LEAST_S = 3.0
"""Fewer seconds of flexions tell nothing of a path."""


def seen_together(found: Calibrated, rate_hz: float) -> tuple[tuple[int, int], bool]:
    """The flexions, first row to end, as far as they were seen in the level frames of the standing, and True; where
    that is too little of them, those of the last level frames, and False. Without a standing: the last ones, True."""
    assert found.flexing is not None
    first, end = found.flexing
    holes = _holes(found.rows, rate_hz)
    last = max([first, *(after for begin, after in holes if begin < end)]), end
    if found.standing is None:
        return last, True
    stood, risen = found.standing
    if any(begin < risen and after > stood for begin, after in holes):
        return last, False
    first = max([first, *(after for _, after in holes if after <= stood)])
    end = min([end, *(begin for begin, _ in holes if begin >= risen)])
    return ((first, end), True) if end - first >= _LEAST_S * rate_hz else (last, False)


def _holes(rows: LegRows, rate_hz: float) -> list[tuple[int, int]]:
    """Grid rows, begin to end, of the holes after which a sensor's level frame is another one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], rows.ok.astype(np.int8), [1]]))).reshape(-1, 2)
    bridged = round(OrientationParameters().bridge_s * rate_hz)
    return [(rows.start + begin, rows.start + end) for begin, end in edges.tolist() if end - begin > bridged]
