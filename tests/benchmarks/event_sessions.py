"""What simulated people do in the events benchmark: every activity and every way of walking that is to be told."""

import numpy as np

from pipeline.records import Side
from pipeline.simulation.script import Bout, everyday_script, with_collapses

CALIBRATION = (Bout("stand", 6.0), Bout("flex", 7))
"""What every session begins with: quiet standing and slow flexions of the free knee."""


def exercise_session(rng: np.random.Generator, collapse_rate: float = 0.2) -> list[Bout]:
    """Walking, stairs and every exercise, with collapses, then what varies most: shallow and careless squats, lunges
    on alternate legs, deadlifts."""
    further = [
        Bout("lunge", 6, alternate=True),
        Bout("squat", 5, style="shallow"),
        Bout("squat", 6, style="sloppy"),
        Bout("deadlift", 6),
        Bout("step_up", 5, style="sloppy"),
        Bout("single_leg_squat", 4, style="sloppy"),
        Bout("lunge", 4, lead=Side.LEFT),
    ]
    script = everyday_script(rng, collapse_rate=collapse_rate, walk_s=30.0)
    for k in rng.permutation(len(further)):
        script += [with_collapses(further[int(k)], rng, collapse_rate), Bout("stand", float(rng.uniform(2.0, 4.0)))]
    return script


def gait_session(rng: np.random.Generator) -> list[Bout]:
    """All ways of walking: usual, slow, fast, stiff-kneed, limping, up and down slopes, starts, stops and turns, stairs
    slow and fast."""
    turn = float(rng.choice([-90.0, 90.0]))
    pieces: list[list[Bout]] = [
        [Bout("walk", 15.0, turn_deg=turn)],
        [Bout("walk", 20.0, speed=0.31)],
        [Bout("walk", 12.0, speed=1.45)],
        [Bout("walk", 15.0, style="stiff")],
        [Bout("walk", 12.0, style="limp")],
        [Bout("walk", 12.0, style="limp", lead=Side.LEFT)],
        [Bout("walk", 12.0, slope_deg=6.0), Bout("walk", 12.0, slope_deg=-6.0)],
        [b for k in range(3) for b in (Bout("walk", 4.0, lead=list(Side)[k % 2]), Bout("stand", 1.5))],
        [Bout("walk", 4.0), Bout("turn", 3.0, turn_deg=2.0 * turn), Bout("walk", 4.0)],
        [Bout("walk", 4.0), Bout("up", 10), Bout("walk", 3.0), Bout("down", 10), Bout("walk", 3.0)],
        [Bout("up", 8, speed=0.75), Bout("walk", 3.0, lead=Side.LEFT), Bout("down", 8, speed=0.75)],
        [Bout("walk", 3.0, lead=Side.LEFT), Bout("down", 8, speed=1.25), Bout("walk", 3.0), Bout("up", 8, speed=1.25)],
    ]
    script = list(CALIBRATION)
    for k in rng.permutation(len(pieces)):
        script += [Bout("stand", float(rng.uniform(1.5, 4.0))), *pieces[int(k)]]
    return [*script, Bout("stand", 3.0)]


def everyday_session() -> list[Bout]:
    """Ten minutes without stairs or exercise: sitting, talking, reaching, turning, kneeling, lifts, errands on foot."""
    return [
        *CALIBRATION,
        Bout("stand", 4.0),
        Bout("walk", 25.0, turn_deg=90.0),
        Bout("turn", 4.0, turn_deg=180.0),
        Bout("walk", 15.0, slope_deg=5.0),
        Bout("sitting", 60.0),
        Bout("reach", 40.0),
        Bout("kneel", 20.0),
        Bout("lift", 25.0),
        Bout("walk", 20.0, speed=0.31),
        Bout("talk", 40.0),
        Bout("reach", 40.0, lead=Side.LEFT),
        Bout("turn", 4.0, turn_deg=-180.0),
        Bout("walk", 15.0, slope_deg=-5.0),
        Bout("kneel", 10.0, lead=Side.LEFT),
        Bout("sit", 2),
        Bout("walk", 25.0, style="stiff"),
        Bout("sitting", 80.0),
        Bout("lift", 25.0),
        Bout("talk", 40.0),
        Bout("walk", 30.0, speed=1.3),
        Bout("walk", 15.0, style="limp"),
        Bout("kneel", 6.0),
        Bout("reach", 20.0),
        Bout("stand", 10.0),
    ]
