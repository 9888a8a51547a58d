"""The sessions that simulated people do in the accuracy benchmarks, beside the simulator's everyday one."""

from collections.abc import Callable

import numpy as np

from pipeline.records import Side
from pipeline.simulation.script import Bout, everyday_script, parse_script, with_collapses

EXERCISES = ("lunge", "squat", "step_down", "step_up", "single_leg_squat", "sit")

MakeScript = Callable[[np.random.Generator, Side], list[Bout]]
"""Draws what a person does; the leg that wears the sensors leads."""


def everyday(rng: np.random.Generator, side: Side) -> list[Bout]:
    """A minute of walking first, then stairs, exercises and walking at another speed."""
    return everyday_script(rng, sides=(side,))


def written(text: str) -> MakeScript:
    """What a script says (pipeline/simulation/script.py), {side} standing for the leg that wears the sensors."""
    return lambda rng, side: parse_script(text.format(side=side.value))


def _calibration(rng: np.random.Generator, side: Side) -> list[Bout]:
    return [Bout("stand", float(rng.uniform(5.0, 6.5))), Bout("flex", 6, lead=side)]


def _led(bouts: list[Bout], rng: np.random.Generator, side: Side) -> list[Bout]:
    """Every second repetition of ten collapses, as in the everyday session."""
    return [with_collapses(Bout(b.what, b.amount, side, turn_deg=b.turn_deg), rng, 0.2, (side,)) for b in bouts]


def exercises_only(rng: np.random.Generator, side: Side) -> list[Bout]:
    """A lunge and squat session: no walking at all."""
    bouts: list[Bout] = []
    for what in rng.permutation(EXERCISES):
        bouts += [Bout("stand", float(rng.uniform(3.0, 6.0))), Bout(str(what), int(rng.integers(8, 12)))]
    return _calibration(rng, side) + _led([*bouts, Bout("stand", 5.0)], rng, side)


def short(rng: np.random.Generator, side: Side) -> list[Bout]:
    """A minute or so: the calibration, then two things, walking among them in two of three people."""
    names = [str(n) for n in rng.permutation(("stairs", *EXERCISES))]
    chosen = ["walk", names[0]] if rng.uniform() < 0.67 else names[:2]
    bouts: list[Bout] = []
    for what in chosen:
        bouts.append(Bout("stand", float(rng.uniform(2.0, 5.0))))
        if what == "walk":
            bouts.append(Bout("walk", float(rng.uniform(12.0, 25.0)), turn_deg=float(rng.uniform(-90.0, 90.0))))
        elif what == "stairs":
            bouts += [Bout("up", 8), Bout("walk", 3.0), Bout("down", 8)]
        else:
            bouts.append(Bout(what, int(rng.integers(4, 7))))
    return _calibration(rng, side) + _led([*bouts, Bout("stand", 4.0)], rng, side)


def long_walk(minutes: float) -> MakeScript:
    """Walking with turns and stops; a quiet standing now and then."""

    def script(rng: np.random.Generator, side: Side) -> list[Bout]:
        bouts = _calibration(rng, side)
        spent = 0.0
        while spent < 60.0 * minutes:
            walk = float(rng.uniform(40.0, 150.0))
            stop = float(rng.uniform(2.0, 8.0))
            bouts.append(Bout("walk", walk, side, turn_deg=float(rng.uniform(-180.0, 180.0))))
            bouts.append(Bout("stand", stop))
            spent += walk + stop + 2.0
        return bouts

    return script
