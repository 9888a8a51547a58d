"""Legs made for tests: blocks with given columns, and short simulated sessions."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from pipeline.blocks import Floats, LegBlock, Status
from pipeline.records import Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Bout
from pipeline.simulation.simulate import Simulation, simulate

RATE_HZ = 100.0


def leg(n: int, start: int = 0, **columns: Floats) -> LegBlock:
    """A leg standing still and valid, with sd of 1 deg, except for the columns given."""
    zero, one_deg = np.zeros(n), np.full(n, np.radians(1.0))
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (n, 1))
    values = dict.fromkeys(
        ("flexion", "abduction", "rotation", "excess", "collapse", "thigh_tilt", "shank_tilt", "thigh_incl",
         "shank_incl", "thigh_rate", "shank_rate", "thigh_yaw", "shank_yaw"), zero
    )  # fmt: skip
    values |= dict.fromkeys(("flexion_sd", "abduction_sd", "rotation_sd", "excess_sd", "collapse_sd"), one_deg)
    values |= {"shank_acc": np.zeros((n, 3)), "thigh_quat": upright, "shank_quat": upright}
    values |= {"acc_norm": np.full(n, 9.81), **columns}
    valid = np.ones(n, dtype=bool)
    return LegBlock(start=start, rate_hz=RATE_HZ, valid=valid, status=np.full(n, Status.OK, np.uint8), **values)


def smooth(u: Floats) -> Floats:
    """Minimum-jerk rise from 0 to 1."""
    x = np.clip(u, 0.0, 1.0)
    return x**3 * (10.0 + x * (6.0 * x - 15.0))


def down_and_up(seconds: float, depth: float) -> Floats:
    """From 0 to `depth` and back, at rest at both ends and at the bottom."""
    t = np.arange(round(seconds * RATE_HZ)) / (seconds * RATE_HZ)
    return depth * (smooth(2 * t) - smooth(2 * t - 1))


@cache
def simulated(seed: int, script: tuple[Bout, ...], sides: Sequence[Side] = (Side.RIGHT,)) -> Simulation:
    """A person of the simulator's population doing a script."""
    rng = np.random.default_rng(seed)
    return simulate(draw_person(rng), script, rng, sides=sides)
