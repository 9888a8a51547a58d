"""Sessions in which episodes are judged: everyday movement, and exercise sets after a few guided clean repetitions.

Everything that a therapist would see happens in the exercise session: after the calibration some clean walking and
stairs and a few slow, clean repetitions of each exercise; then one or two sets of eight to twelve of three exercises
with pauses between them, a quarter of the repetitions collapsing, by all the ways in which the simulator's legs can.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.blocks import LegBlock
from pipeline.records import Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Bout, everyday_script, with_collapses
from pipeline.simulation.simulate import simulate
from tests.benchmarks.episode_scores import large
from tests.benchmarks.people import RATE_HZ, SimulatedLeg, causal, leg_of, offline, side_of

EXERCISES = ("squat", "single_leg_squat", "lunge", "step_up", "step_down")
GUIDED = ("squat", "single_leg_squat", "lunge", "step_up", "step_down", "deadlift")
KINDS = ("everyday", "exercises")


@dataclass(frozen=True)
class EpisodeSession:
    """One leg of one session. guided_s: the guided clean movement ends here (0: none).

    truth: the leg as a perfect estimator would hand it on. collapses: injected ones. sets: true sets (activity,
    start_s, end_s, repetitions). offline, live: what the two analyses made of the sensors.
    """

    seed: int
    kind: str
    side: Side
    guided_s: float
    truth: LegBlock
    steps: pd.DataFrame
    collapses: pd.DataFrame
    sets: pd.DataFrame
    offline: LegBlock
    live: LegBlock

    def block(self, way: str) -> LegBlock:
        """way: truth, process or replay."""
        return {"truth": self.truth, "process": self.offline, "replay": self.live}[way]


def exercise_script(rng: np.random.Generator, side: Side) -> list[Bout]:
    """Calibration, guided clean movement, sets."""
    script = [Bout("stand", float(rng.uniform(5.5, 7.0))), Bout("flex", int(rng.integers(6, 9)), lead=side)]
    script += [Bout("walk", 20.0, lead=side), Bout("up", 7, lead=side), Bout("walk", 3.0), Bout("down", 7, lead=side)]
    for what in GUIDED:
        script += [Bout("stand", 3.0), Bout(what, 3, lead=side, speed=0.8)]
    script.append(Bout("stand", 14.0))
    for k in rng.permutation(len(EXERCISES))[:3]:
        for _ in range(int(rng.integers(1, 3))):
            bout = Bout(EXERCISES[int(k)], int(rng.integers(8, 13)), lead=side)
            script += [_smaller(with_collapses(bout, rng, 0.25, (side,)), rng)]
            script += [Bout("stand", float(rng.uniform(15.0, 30.0)))]
    script += [Bout("deadlift", int(rng.integers(8, 13)), lead=side), Bout("stand", 15.0)]
    return script


def _smaller(bout: Bout, rng: np.random.Generator) -> Bout:
    """A third of the collapses made so small that a threshold may or may not be exceeded: they need not be reported,
    and show whether the confidence is worth anything."""
    sizes = [float(rng.uniform(3.0, 8.0)) if rng.uniform() < 0.33 else c.size_deg for c in bout.collapses]
    return replace(bout, collapses=tuple(replace(c, size_deg=s) for c, s in zip(bout.collapses, sizes, strict=True)))


def session(seed: int, kind: str, analyse: bool = True) -> EpisodeSession:
    """The session of that person. analyse: run both analyses; else their place is taken by the truth."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    side = side_of(seed)
    person = draw_person(np.random.default_rng(seed))
    script = exercise_script(rng, side) if kind == "exercises" else everyday_script(rng, sides=(side,), walk_s=25.0)
    result = simulate(person, script, rng, sides=(side,), rate_hz=RATE_HZ)
    leg: SimulatedLeg = leg_of(result, seed, side)
    truth = result.leg_block(side)
    steps = result.truth_steps()
    steps = steps[steps["role"] != "free"].reset_index(drop=True)
    collapses = result.truth_episodes()
    peaks = [row.peak_s for row in collapses.itertuples() if large(row)]
    steps["large"] = [any(r.start_s <= peak < r.end_s for peak in peaks) for r in steps.itertuples()]
    sets = true_sets(steps)
    guided_s = float(sets["start_s"].iloc[len(GUIDED)]) - 7.0 if kind == "exercises" else 0.0
    return EpisodeSession(
        seed,
        kind,
        side,
        guided_s,
        truth,
        steps,
        collapses,
        sets,
        offline(leg) if analyse else truth,
        causal(leg) if analyse else truth,
    )


def true_sets(steps: pd.DataFrame) -> pd.DataFrame:
    """Runs of repetitions of one exercise with less than ten seconds between them."""
    own = steps[steps["activity"].isin([*GUIDED])].sort_values("start_s")
    pause = own["start_s"] - own["end_s"].shift(1, fill_value=-100.0)
    number = ((own["activity"] != own["activity"].shift()) | (pause > 10.0)).cumsum()
    groups = own.groupby(number)
    return pd.DataFrame(
        {
            "activity": groups["activity"].first(),
            "start_s": groups["start_s"].min(),
            "end_s": groups["end_s"].max(),
            "repetitions": groups.size(),
            "collapsed": groups["collapsed"].sum(),
            "large": groups["large"].sum(),
        }
    ).reset_index(drop=True)
