"""Drift: an hour of walking with turns and stops. Does the mean abduction of a bout of walking wander?

Per bout the mean of the error while walking. Two figures: how far its straight-line trend goes over the hour, and how
far the mean of any ten minutes is from the mean of all.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import LegBlock
from tests.benchmarks.angles.sessions import long_walk
from tests.benchmarks.people import SimulatedLeg, causal, errors, offline, rows_of, simulated_leg

MINUTES = 60.0
_WINDOW_S = 600.0


@dataclass
class Drift:
    """trend, wander: by kind, (deg over the hour, deg)."""

    seed: int
    figures: dict[str, tuple[float, float]]


def drifted(seed: int) -> Drift:
    """One person for an hour."""
    leg = simulated_leg(seed, long_walk(MINUTES))
    return Drift(seed, {"offline": _drift(leg, offline(leg)), "causal": _drift(leg, causal(leg))})


def _drift(leg: SimulatedLeg, block: LegBlock) -> tuple[float, float]:
    walking = rows_of(leg, block, "walking", 60.0)
    error = errors(leg, block)["abduction"][walking]
    time = block.time_s[walking]
    slope = float(np.polyfit(time, error, 1)[0])
    parts = [error[(time >= t) & (time < t + _WINDOW_S)].mean() for t in np.arange(60.0, time[-1] - 300.0, _WINDOW_S)]
    return abs(slope) * 3600.0, float(np.abs(np.array(parts) - error.mean()).max())


def report(people: list[Drift]) -> None:
    """Print the figures."""
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}, {MINUTES:.0f} min of walking each;")
    print("mean abduction error: trend over the hour, largest difference of ten minutes from the whole; median (worst)")
    for kind in ("offline", "causal"):
        trend, wander = np.array([p.figures[kind] for p in people]).T
        figures = [f"{np.median(v):6.2f} ({v.max():.2f}) deg" for v in (trend, wander)]
        print(f"  {kind:<10}{figures[0]}   {figures[1]}")
