"""The calibration's slow flexions: their angles, and what they say of the shank's frame.

In a free flexion the thigh hardly moves, so the knee's angles hardly depend on the heading: standing, which comes right
before, gives it. What abduction then goes with flexion tells how far the shank's axis is turned
(calibration/unloaded_path.py).
"""

from dataclasses import replace

import numpy as np

from calibration.alignment import Alignment
from calibration.unloaded_path import UnloadedPath, azimuth_from_path, fit_unloaded_path
from pipeline.blocks import Floats
from pipeline.calibration_parameters import Calibrated
from pipeline.heading_model import DELTA, FLEXED, STATES, RelativeRows
from pipeline.joint_signals import joint_signals
from pipeline.knee import Knee
from pipeline.leans import Leans
from pipeline.level_frames import seen_together
from pipeline.neutral import neutral_turn
from pipeline.orientation import Oriented
from pipeline.records import Side
from pipeline.tied_path import TIED, TiedPath


def settled(found: Calibrated, side: Side, rate_hz: float) -> Calibrated:
    """The calibration with its shank frame turned as the flexions' abduction asks; unchanged without flexions, or where
    a sensor was away between them and the standing."""
    if found.flexing is None or found.standing is None:
        return found
    span, together = seen_together(found, rate_hz)
    if not together:
        return found
    alignment = found.alignment
    standing = found.rows.cut(*_span(found, found.standing))
    states = np.zeros(STATES)
    states[DELTA] = neutral_turn(standing, alignment)
    bends = _bends(found, span, alignment, side, rate_hz, RelativeRows(states[:, None], np.zeros((7, 1))))
    turn, left = azimuth_from_path(*bends, side.sign, alignment.shank_axis_sd)
    return replace(found, alignment=replace(alignment.turned(0.0, turn), shank_axis_sd=left))


def _bends(
    found: Calibrated,
    span: tuple[int, int],
    alignment: Alignment,
    side: Side,
    rate_hz: float,
    relative: RelativeRows,
    errors: Floats | None = None,
) -> tuple[Floats, Floats]:
    """(n,) each: flexion and abduction in a span of the flexions; relative: one row, held for all of them. errors: of
    the accelerometers, None where nothing is known of them."""
    rows = found.rows.cut(*_span(found, span))
    n = len(rows)
    held = RelativeRows(np.repeat(relative.states, n, axis=1), np.repeat(relative.cov, n, axis=1), True)
    knee = Knee(side, rate_hz)
    if errors is not None:
        knee.upright(errors, relative.states[:, 0])
    knee.align(alignment)
    none = np.zeros(n, bool)
    one = Oriented(rows.thigh_quat, rows.thigh_gyr, none)
    two = Oriented(rows.shank_quat, rows.shank_gyr, none)
    return knee.bends(one, two, held)


def tied_path(
    found: Calibrated, alignment: Alignment, side: Side, rate_hz: float, now: RelativeRows, errors: Floats
) -> TiedPath:
    """The unloaded path of a calibration's flexions; now: one row, as the heading filter believes it (its `flexed` is
    the heading that they had); errors (12,): of the accelerometers, as it believes them. A zero curve without
    flexions."""
    if found.flexing is None:
        return TiedPath()
    span, _ = seen_together(found, rate_hz)
    signals = joint_signals(found.rows.cut(*_span(found, span)), rate_hz, None)
    leans = None if signals is None else Leans.seen(signals)

    def fitted(states: Floats) -> UnloadedPath:
        heading = states.copy()
        heading[DELTA] = states[FLEXED]
        # The inclination as it was in the flexions, where the person may have faced elsewhere.
        heading[:2] = 0.0 if leans is None else leans.tilts(heading[DELTA]) @ errors
        held = RelativeRows(heading[:, None], now.cov)
        return fit_unloaded_path(*_bends(found, span, alignment, side, rate_hz, held, errors))

    states = now.states[:, 0]
    path = fitted(states)
    change = np.zeros((2, 3))
    for column, turned in enumerate(TIED):
        moved = states.copy()
        moved[turned] += _STEP
        other = fitted(moved)
        change[:, column] = (other.slope - path.slope) / _STEP, (other.bend - path.bend) / _STEP
    return TiedPath(path, states.copy(), change, errors.copy())


_STEP = np.deg2rad(1.0)


def _span(found: Calibrated, span: tuple[int, int]) -> tuple[int, int]:
    """Grid indices as positions in the calibration's rows."""
    return max(0, span[0] - found.rows.start), span[1] - found.rows.start
