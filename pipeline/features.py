"""The physical features by which steps and repetitions are told apart.

Of a stride: the knee at contact, at toe-off and between, how far the thigh swings, and how high the ankle climbs. Of a
bend: its depth, how far thigh and shank lean at its deepest point, whether the whole leg leans inward (as it does under
a body that stands on it alone) and whether the leg sinks. Heights come from the vertical acceleration, integrated twice
between two moments at which the velocity is known (zero-velocity integration).
"""

from dataclasses import dataclass
from math import cos, isfinite, nan, sin

import numpy as np

from pipeline.blocks import Floats, LegBlock
from pipeline.steps import Unit


@dataclass(frozen=True, slots=True)
class StrideShape:
    """Features of a stride: angles rad, seconds, metres; NaN where unknown."""

    seconds: float
    stance_s: float
    knee_at_contact: float
    knee_at_toe_off: float
    knee_stance_peak: float
    knee_stance_low: float
    knee_swing_peak: float
    thigh_range: float
    climb_m: float
    held_s: float
    forward: bool


@dataclass(frozen=True, slots=True)
class BendShape:
    """Features of a bend: depth and changes from its begin to its deepest point, rad.

    lean, lean_before: whole leg tilted inward (the thigh's medial tilt less the shank's, halved) at depth and before
    the bend (its least in the last second). held_s: time near the deepest point. sinks_m: how much lower the shank is
    at depth, if it ends as high as it began. rises_m: how much higher the ankle ends.
    """

    depth: float
    thigh: float
    shank: float
    thigh_change: float
    lean: float
    lean_before: float
    held_s: float
    sinks_m: float
    rises_m: float
    stepped: bool


def stride_shape(block: LegBlock, flexion: Floats, unit: Unit, climb_m: float) -> StrideShape:
    """Features of a stride. block, flexion: its rows, contact to contact."""
    rate = block.rate_hz
    off = min(max(int(unit.toe_off) - block.start, 1), len(block) - 1)
    stance, swing = flexion[:off], flexion[off:]
    early = max(1, min(off, round(0.03 * rate)))
    peak = _top(stance)
    return StrideShape(
        seconds=(unit.end - unit.begin) / rate,
        stance_s=(unit.toe_off - unit.begin) / rate,
        knee_at_contact=_mean(flexion[:early]),
        knee_at_toe_off=_mean(flexion[max(0, off - early) : off + early]),
        knee_stance_peak=peak,
        knee_stance_low=-_top(-stance),
        knee_swing_peak=_top(swing),
        thigh_range=_top(block.thigh_incl) + _top(-block.thigh_incl),
        climb_m=climb_m,
        held_s=float(np.count_nonzero(stance > peak - 0.12)) / rate,
        forward=unit.forward,
    )


def bend_shape(block: LegBlock, flexion: Floats, unit: Unit, before: LegBlock, ankle_m: float) -> BendShape:
    """Features of a bend. block, flexion: its rows; before: the rows of the second before it."""
    rate = block.rate_hz
    deep = min(max(int(unit.deepest) - block.start, 0), len(block) - 1)
    depth = float(flexion[deep] - flexion[0])
    near = flexion > flexion[deep] - 0.12 * max(depth, 0.3)
    lean = 0.5 * (block.thigh_tilt - block.shank_tilt)
    quiet = 0.5 * (before.thigh_tilt - before.shank_tilt)
    return BendShape(
        depth=depth,
        thigh=float(block.thigh_incl[deep]),
        shank=float(block.shank_incl[deep]),
        thigh_change=float(block.thigh_incl[deep] - block.thigh_incl[0]),
        lean=_mean(lean[near]),
        lean_before=-_top(-quiet),
        held_s=float(np.count_nonzero(near)) / rate,
        sinks_m=-_height_at(block, deep),
        rises_m=climb(block, 0, len(block) - 1, ankle_m),
        stepped=isfinite(unit.contact),
    )


def climb(block: LegBlock, begin: int, end: int, ankle_m: float) -> float:
    """How much higher the ankle is at row `end` of the block than at row `begin`, m. NaN where unknown.

    At both rows the foot is taken to stand: the sensor's velocity is that of a shank turning about a still ankle,
    ankle_m below it, and the difference between that and the integral is drift, taken off linearly.
    """
    if not 0 <= begin < end < len(block):
        return nan
    up = block.shank_acc[begin : end + 1, 1]
    lean, rate = block.shank_incl[[begin, end]], block.shank_rate[[begin, end]]
    if not (np.all(np.isfinite(up)) and np.all(np.isfinite(lean)) and np.all(np.isfinite(rate))):
        return nan
    step = 1.0 / block.rate_hz
    velocity = np.concatenate([[0.0], np.cumsum(0.5 * (up[1:] + up[:-1]) * step)])
    first, last = (-ankle_m * sin(a) * w for a, w in zip(lean.tolist(), rate.tolist(), strict=True))
    drift = float(velocity[-1]) - (last - first)
    velocity = velocity + first - drift * np.arange(len(up)) / (len(up) - 1)
    rise = float(np.sum(0.5 * (velocity[1:] + velocity[:-1])) * step)
    return rise - ankle_m * (cos(float(lean[1])) - cos(float(lean[0])))


def _height_at(block: LegBlock, row: int) -> float:
    """Height of the shank sensor at a row of the block against its ends, at which it is at rest at equal heights."""
    up = block.shank_acc[:, 1]
    if len(up) < 3 or not np.all(np.isfinite(up)):
        return nan
    step = 1.0 / block.rate_hz
    n = len(up)
    velocity = np.concatenate([[0.0], np.cumsum(0.5 * (up[1:] + up[:-1]) * step)])
    velocity = velocity - velocity[-1] * np.arange(n) / (n - 1)
    height = np.concatenate([[0.0], np.cumsum(0.5 * (velocity[1:] + velocity[:-1]) * step)])
    height = height - height[-1] * np.arange(n) / (n - 1)
    return float(height[row])


def _top(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else nan


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.sum(finite) / len(finite)) if len(finite) else nan
