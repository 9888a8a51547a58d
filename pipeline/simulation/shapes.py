"""Smooth shapes of time from which every simulated movement is put together.

All are twice continuously differentiable, so that accelerations have no jumps: the quintic step (rest to rest, minimum
jerk: Flash and Hogan 1985), a bump of two such steps, periodic cubic splines, and slow sways.
"""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from pipeline.blocks import Floats

GRID_HZ = 400.0
"""Internal rate of the simulation: fine enough for 15 Hz soft tissue, coarse enough for hours."""


def smoothstep(u: Floats) -> Floats:
    """Quintic from 0 (u <= 0) to 1 (u >= 1), first and second derivative zero at both ends."""
    x = np.clip(u, 0.0, 1.0)
    step: Floats = x * x * x * (10.0 + x * (6.0 * x - 15.0))
    return step


def ramp(t: Floats, start: float, end: float) -> Floats:
    """Quintic step from 0 at `start` to 1 at `end`."""
    return smoothstep((t - start) / (end - start))


def bump(t: Floats, start: float, peak: float, end: float) -> Floats:
    """0 outside start to end, 1 at `peak`, smooth on both flanks."""
    return ramp(t, start, peak) * (1.0 - ramp(t, peak, end))


def staircase(t: Floats, first: float, steps: Sequence[tuple[float, float, float]]) -> Floats:
    """From level `first` by quintic steps (from, to, new level); t: (n,) rising. Costs O(n) however many the steps."""
    arrived = np.zeros(len(t) + 1)
    on_the_way = np.zeros(len(t))
    level = first
    for start, end, new in steps:
        a, b = np.searchsorted(t, [start, end])
        on_the_way[a:b] += (new - level) * ramp(t[a:b], start, end)
        arrived[b] += new - level
        level = new
    levels: Floats = first + np.cumsum(arrived[:-1]) + on_the_way
    return levels


class Cycle:
    """A curve over one cycle, through values at fractions of the cycle, as a periodic cubic spline."""

    def __init__(self, at: Sequence[float], values: Sequence[float]) -> None:
        self._spline = CubicSpline([*at, at[0] + 1.0], [*values, values[0]], bc_type="periodic")

    def __call__(self, phase: Floats) -> Floats:
        """Values at any phase; whole numbers of cycles do not matter."""
        values: Floats = self._spline(np.mod(phase, 1.0))
        return values


def through(at: Sequence[float], values: Sequence[float], where: Floats) -> Floats:
    """Cubic spline through few knots (for what varies from stride to stride), held flat outside them."""
    if len(at) < 2:
        return np.full(len(where), float(values[0]))
    spline = CubicSpline(at, values, bc_type="natural" if len(at) < 4 else "not-a-knot")
    inside: Floats = spline(where)
    first, last = float(at[0]), float(at[-1])
    before: Floats = values[0] + spline(first, 1) * (where - first)
    after: Floats = values[-1] + spline(last, 1) * (where - last)
    joined: Floats = np.where(where < first, before, np.where(where > last, after, inside))
    return joined


def sway(t: Floats, amplitude: float, seed: Sequence[float]) -> Floats:
    """A slow wandering of about `amplitude` (its standard deviation), of period 2 to 9 s, endless and repeatable.

    seed: numbers 0 to 1 that choose periods and phases, two per sinusoid.
    """
    total = np.zeros(len(t))
    pairs = list(zip(seed[::2], seed[1::2], strict=False))
    for k, (a, b) in enumerate(pairs):
        period = 2.0 + 1.5 * k + 1.5 * a
        total += np.sin(2.0 * np.pi * (t / period + b))
    scaled: Floats = total * amplitude * np.sqrt(2.0 / len(pairs))
    return scaled
