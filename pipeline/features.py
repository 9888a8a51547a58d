"""The physical features by which steps and repetitions are told apart.

Of a stride: the knee at contact, at toe-off and between, how far the thigh swings, and how high the ankle climbs. Of a
bend: its depth, how far thigh and shank lean at its deepest point, whether the whole leg leans inward (as it does under
a body that stands on it alone) and whether the leg sinks. Heights come from the vertical acceleration, integrated twice
between two moments at which the velocity is known (zero-velocity integration).
"""

from dataclasses import dataclass
from math import cos, isfinite, nan, pi, sin

import numpy as np

from pipeline.blocks import Bools, Floats, LegBlock
from pipeline.steps import Unit

_STILL_RAD_S = 0.15
"""A shank that turns more slowly stands. Over a foot in the slowest walking it turns twice as fast in the mean."""


@dataclass(frozen=True, slots=True)
class StrideShape:
    """Features of a stride: angles rad, seconds, metres; NaN where unknown.

    knee_given_back: how far the loaded knee straightened after its peak; held_s: time near that peak.
    thigh_at_contact, thigh_rearmost: inclinations. still_s: longest time in stance in which the shank does not turn.
    turned: how far the shank ends turned about the vertical, either way.
    """

    seconds: float
    stance_s: float
    knee_at_contact: float
    knee_at_toe_off: float
    knee_stance_peak: float
    knee_stance_low: float
    knee_given_back: float
    thigh_range: float
    thigh_at_contact: float
    thigh_rearmost: float
    climb_m: float
    held_s: float
    still_s: float
    turned: float
    forward: bool


@dataclass(frozen=True, slots=True)
class BendShape:
    """Features of a bend: depth and changes from its begin to its deepest point, rad. *_before: inclinations at its
    begin; thigh_rearmost: lowest inclination on the way down.

    lean, lean_before: whole leg tilted inward (the thigh's medial tilt less the shank's, halved) on the way down and
    before the bend (its least in the last second). held_s: time near the deepest point. sinks_m: how much lower the
    shank is at depth, if it ends as high as it began. rises_m: how much higher the ankle ends.
    """

    seconds: float
    depth: float
    thigh: float
    shank: float
    thigh_before: float
    shank_before: float
    thigh_change: float
    thigh_rearmost: float
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
    stance = flexion[:off]
    early = max(1, min(off, round(0.03 * rate)))
    peak = _top(stance)
    return StrideShape(
        seconds=(unit.end - unit.begin) / rate,
        stance_s=(unit.toe_off - unit.begin) / rate,
        knee_at_contact=_mean(flexion[:early]),
        knee_at_toe_off=_mean(flexion[max(0, off - early) : off + early]),
        knee_stance_peak=peak,
        knee_stance_low=-_top(-stance),
        knee_given_back=peak + _top(-stance[int(np.argmax(stance)) :]),
        thigh_range=_top(block.thigh_incl) + _top(-block.thigh_incl),
        thigh_at_contact=_mean(block.thigh_incl[:early]),
        thigh_rearmost=-_top(-block.thigh_incl),
        climb_m=climb_m,
        held_s=float(np.count_nonzero(stance > peak - 0.12)) / rate,
        still_s=_longest(np.abs(block.shank_rate[:off]) < _STILL_RAD_S) / rate,
        turned=abs((float(block.shank_yaw[-1] - block.shank_yaw[0]) + pi) % (2.0 * pi) - pi),
        forward=unit.forward,
    )


def bend_shape(block: LegBlock, flexion: Floats, unit: Unit, before: LegBlock, ankle_m: float) -> BendShape:
    """Features of a bend. block, flexion: its rows; before: the rows of the second before it."""
    rate = block.rate_hz
    deep = min(max(int(unit.deepest) - block.start, 0), len(block) - 1)
    low = float(flexion[0])
    depth = float(flexion[deep]) - low
    near = flexion > flexion[deep] - 0.12 * max(depth, 0.3)
    lean = 0.5 * (block.thigh_tilt - block.shank_tilt)
    quiet = 0.5 * (before.thigh_tilt - before.shank_tilt)
    return BendShape(
        seconds=(unit.end - unit.begin) / rate,
        depth=depth,
        thigh=float(block.thigh_incl[deep]),
        shank=float(block.shank_incl[deep]),
        thigh_before=float(block.thigh_incl[0]),
        shank_before=float(block.shank_incl[0]),
        thigh_change=float(block.thigh_incl[deep] - block.thigh_incl[0]),
        thigh_rearmost=-_top(-block.thigh_incl[: deep + 1]),
        # At the beginning of the way down: who stands on one leg leans before the knee bends far, both legs of a squat
        # may come to lean with depth, and a knee that gives way moves the shank.
        lean=_mean(lean[:deep][(flexion[:deep] > low + 0.08 * depth) & (flexion[:deep] < low + 0.35 * depth)]),
        lean_before=-_top(-quiet),
        held_s=float(np.count_nonzero(near)) / rate,
        sinks_m=-_height_at(block, deep),
        rises_m=climb(block, 0, len(block) - 1, ankle_m),
        stepped=isfinite(unit.contact),
    )


def climb(block: LegBlock, begin: int, end: int, ankle_m: float, drift_m_s2: float | None = None) -> float:
    """How much higher the ankle is at row `end` of the block than at row `begin`, m. NaN where unknown.

    At `begin` the foot is taken to stand: the sensor's velocity is that of a shank turning about a still ankle, ankle_m
    below it. So is it at `end`, and what the integral says beyond that is drift; or, where the foot is only just
    meeting the ground at `end`, the drift is given from before.
    """
    if not 0 <= begin < end < len(block):
        return nan
    up = block.shank_acc[begin : end + 1, 1]
    drift = vertical_drift(block, begin, end, ankle_m) if drift_m_s2 is None else drift_m_s2
    if not (np.all(np.isfinite(up)) and isfinite(drift)):
        return nan
    step = 1.0 / block.rate_hz
    velocity = np.concatenate([[0.0], np.cumsum(0.5 * (up[1:] + up[:-1]) * step)])
    velocity = velocity + _standing_velocity(block, begin, ankle_m) - drift * step * np.arange(len(up))
    rise = float(np.sum(0.5 * (velocity[1:] + velocity[:-1])) * step)
    return rise - ankle_m * (cos(float(block.shank_incl[end])) - cos(float(block.shank_incl[begin])))


def vertical_drift(block: LegBlock, begin: int, end: int, ankle_m: float) -> float:
    """Mean error of the vertical acceleration between two rows at which the foot stands, m/s2. NaN where unknown."""
    if not 0 <= begin < end < len(block):
        return nan
    up = block.shank_acc[begin : end + 1, 1]
    step = 1.0 / block.rate_hz
    gained = float(np.sum(0.5 * (up[1:] + up[:-1])) * step)
    true = _standing_velocity(block, end, ankle_m) - _standing_velocity(block, begin, ankle_m)
    return (gained - true) / ((end - begin) * step)


def _standing_velocity(block: LegBlock, row: int, ankle_m: float) -> float:
    """Upward velocity of the sensor on a shank that turns about a still ankle, m/s."""
    return -ankle_m * sin(float(block.shank_incl[row])) * float(block.shank_rate[row])


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


def _longest(yes: Bools) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], yes, [False]])))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _top(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else nan


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.sum(finite) / len(finite)) if len(finite) else nan
