"""Simulated people with known angles, analysed: the common part of the benchmarks.

Seeds below 100 were used to choose parameters; benchmarks and tests report seeds from 100 on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from calibration.alignment import Alignment
from calibration.joint_centre import LeverArms
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bools, Floats, GridBlock, LegBlock, join
from pipeline.engine import LegEngine
from pipeline.heading_model import SHANK, STATES, THIGH, covariances
from pipeline.leg_rows import LegRows
from pipeline.leg_settings import LegSettings
from pipeline.orientation import Oriented
from pipeline.quaternions import conjugate, rotate
from pipeline.records import Side
from pipeline.simulation.person import Person, draw_person, restrap
from pipeline.simulation.script import Bout
from pipeline.simulation.simulate import Simulation, Slip, simulate
from pipeline.smoothing import Smoothed
from pipeline.two_sided import analyse_leg, analyse_oriented, neutrals
from tests.benchmarks.angles.sessions import MakeScript, everyday

FIRST_UNSEEN = 100
RATE_HZ = 100.0
TRUTH = {
    "flexion": "flexion_deg",
    "abduction": "abduction_deg",
    "rotation": "rotation_deg",
    "excess": "valgus_excess_deg",
    "collapse": "medial_collapse_deg",
    "shank_tilt": "shank_medial_tilt_deg",
    "thigh_tilt": "thigh_medial_tilt_deg",
}
_STAIRS = ("stair_ascent", "stair_descent")
_EXERCISES = ("lunge", "squat", "single_leg_squat", "step_up", "step_down", "deadlift", "sit_to_stand")
GROUPS: dict[str, tuple[str, ...] | None] = {
    "any": None,
    "walking": ("walking",),
    "other": _STAIRS + _EXERCISES,
    "stairs": _STAIRS,
    "exercises": _EXERCISES,
    "standing": ("standing",),
}
"""Activities that are reported together; None: no matter what. `other` is all that moves and is not level walking."""


@dataclass(frozen=True)
class SimulatedLeg:
    """One leg of a simulated person. script: what was done. grid: what an intake would give. truth, steps: tables in
    degrees. orientations, segments: (n, 4) of thigh and shank sensor, and of the segments, true."""

    seed: int
    side: Side
    script: list[Bout]
    grid: GridBlock
    truth: pd.DataFrame
    steps: pd.DataFrame
    orientations: tuple[Floats, Floats]
    segments: tuple[Floats, Floats]


Change = Callable[[Person], Person]
"""Takes a drawn person and gives another one: a cause of error switched off, say."""


def simulated_leg(
    seed: int,
    make: MakeScript = everyday,
    *,
    change: Change | None = None,
    strapping: int = 0,
    slips: Sequence[Slip] = (),
) -> SimulatedLeg:
    """A person of that seed in a session, right leg for odd seeds, else left.

    strapping: the same person and movement with the sensors put on anew, differently for each number above 0.
    slips: straps that slide on the way.
    """
    rng = np.random.default_rng(seed)
    side = side_of(seed)
    person = draw_person(rng)
    if strapping:
        person = restrap(person, np.random.default_rng([seed, strapping]))
    if change is not None:
        person = change(person)
    script = make(rng, side)
    return leg_of(simulate(person, script, rng, sides=(side,), rate_hz=RATE_HZ, slips=slips), seed, side)


def side_of(seed: int) -> Side:
    """The leg that wears the sensors."""
    return Side.RIGHT if seed % 2 else Side.LEFT


def leg_of(result: Simulation, seed: int, side: Side) -> SimulatedLeg:
    """One leg of a simulated session."""
    table = result.table(side)
    time = table["time_s"].to_numpy()
    index = np.arange(int(np.ceil(time[0] * RATE_HZ)), int(np.floor(time[-1] * RATE_HZ)))

    def three(name: str) -> Floats:
        return np.stack([np.interp(index / RATE_HZ, time, table[f"{name}_{a}"]) for a in "xyz"], axis=-1)

    yes = np.ones(len(index), bool)
    signals = [three(f"{s}_{k}") for s in ("thigh", "shank") for k in ("acc", "gyr")]
    grid = GridBlock(int(index[0]), RATE_HZ, *signals, yes, yes, ~yes)
    true = result.truth_orientations(side)
    rows = np.clip(index, 0, len(true) - 1)

    def attitude(name: str) -> Floats:
        return np.ascontiguousarray(true[[f"{name}_{a}" for a in "wxyz"]].to_numpy()[rows])

    sensors, segments = ((attitude(f"thigh{what}"), attitude(f"shank{what}")) for what in ("_sensor", ""))
    return SimulatedLeg(
        seed, side, result.script, grid, result.truth_angles(side), result.truth_steps(), sensors, segments
    )


def offline(leg: SimulatedLeg, settings: LegSettings | None = None) -> LegBlock:
    """The two-sided analysis."""
    return analyse_leg(leg.grid, leg.side, settings or LegSettings()).block


def causal(leg: SimulatedLeg, settings: LegSettings | None = None) -> LegBlock:
    """The live engine."""
    return join(LegEngine(leg.side, RATE_HZ, settings or LegSettings()).update(leg.grid))


def floor(leg: SimulatedLeg) -> LegBlock:
    """The same calibration and formulas, fed with the true orientations of the sensors; the accelerometers are moved
    so that the standing agrees with them."""
    none = np.zeros(len(leg.grid), bool)
    g = leg.grid
    up = np.array([0.0, 0.0, STANDARD_GRAVITY])
    standing = slice(100, 400)
    wrong = [
        acc[standing].mean(axis=0) - rotate(conjugate(q[standing]), np.tile(up, (300, 1))).mean(axis=0)
        for acc, q in zip((g.thigh_acc, g.shank_acc), leg.orientations, strict=True)
    ]
    g = replace(g, thigh_acc=g.thigh_acc - wrong[0], shank_acc=g.shank_acc - wrong[1])
    one = Oriented(leg.orientations[0], g.thigh_gyr - g.thigh_gyr[standing].mean(axis=0), none)
    two = Oriented(leg.orientations[1], g.shank_gyr - g.shank_gyr[standing].mean(axis=0), none)
    return analyse_oriented(g, one, two, leg.side, LegSettings(), _true_heading).block


def _true_heading(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> Smoothed:
    """Both level frames are the world; the standings tell how far the two frames' azimuths are apart."""
    turns = [n.turn for _, n in neutrals(rows, alignment, settings, RATE_HZ)]
    apart = float(np.mean(turns)) if turns else 0.0
    share = alignment.thigh_axis_sd**2 / (alignment.thigh_axis_sd**2 + alignment.shank_axis_sd**2)
    mean = np.zeros((1, STATES))
    mean[0, THIGH], mean[0, SHANK] = -share * apart, (1.0 - share) * apart
    cov = np.zeros((1, STATES, STATES))
    cov[0, SHANK, SHANK] = (1.0 - share) * alignment.shank_axis_sd**2
    return Smoothed(np.array([0.0]), mean, covariances(cov), LeverArms.zero(), 0.1)


def errors(leg: SimulatedLeg, block: LegBlock) -> dict[str, Floats]:
    """(n,) deg, estimate minus truth; NaN where there is no estimate."""
    t = leg.truth["time_s"].to_numpy()
    return {
        name: np.rad2deg(getattr(block, name)) - np.interp(block.time_s, t, leg.truth[column].to_numpy())
        for name, column in TRUTH.items()
    }


def rows_of(leg: SimulatedLeg, block: LegBlock, group: str, after_s: float = 0.0) -> Bools:
    """(n,) rows with an angle in which the person truly did one of a group's activities."""
    rows = np.isfinite(block.flexion) & (block.time_s >= after_s)
    activities = GROUPS[group]
    if activities is None:
        return rows
    t = leg.truth["time_s"].to_numpy()
    codes = np.array(leg.truth["activity"].tolist(), dtype="U20")
    now = codes[np.clip(np.searchsorted(t, block.time_s), 0, len(t) - 1)]
    return rows & np.isin(now, activities)


def rmse(values: Floats) -> float:
    """Root mean square, NaN of nothing."""
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
