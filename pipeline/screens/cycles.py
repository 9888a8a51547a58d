"""Angle curves over the normalised cycle: every step stretched to 0 to 100 %, then mean and spread over the steps.

A step runs from one contact of a foot to its next (or is one repetition). A step takes part where the angle is known
in at least nine tenths of it; between known samples it is interpolated linearly, so a hole is never extended.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Bools, Floats

POINTS = 101
_KNOWN = 0.9


@dataclass(frozen=True, slots=True)
class Band:
    """mean, sd: (POINTS,) over the steps, in the unit of the angle; steps: how many took part."""

    mean: Floats
    sd: Floats
    steps: int


def band(time_s: Floats, angle: Floats, valid: Bools, start_s: Floats, end_s: Floats) -> Band | None:
    """Mean and standard deviation over the steps; None where fewer than two could be used.

    Parameters
    ----------
    time_s, angle, valid : (n,) increasing time, the angle (any unit), whether it is to be trusted.
    start_s, end_s : (m,) the steps.
    """
    curves = normalised(time_s, angle, valid, start_s, end_s)
    if len(curves) < 2:
        return None
    return Band(curves.mean(axis=0), curves.std(axis=0, ddof=1), len(curves))


def normalised(time_s: Floats, angle: Floats, valid: Bools, start_s: Floats, end_s: Floats) -> Floats:
    """(k, POINTS): the k steps that could be used, each at 0 to 100 % of its time."""
    curves = []
    good = valid & np.isfinite(angle)
    for start, end in zip(start_s, end_s, strict=True):
        first, last = np.searchsorted(time_s, (start, end))
        inside = good[first:last]
        if len(inside) < 10 or inside.mean() < _KNOWN:
            continue
        at = np.linspace(start, end, POINTS)
        curves.append(np.interp(at, time_s[first:last][inside], angle[first:last][inside]))
    return np.array(curves).reshape(len(curves), POINTS)
