"""Steps, activities and episodes against force plates, real people and the simulator, causal and offline.

    python -m tests.benchmarks.events [--people 6] [--seed 700] [--only real|simulated] [--exact]

Everything goes through what `replay` (causal) and `process` (offline) do, from the raw samples on. The losses of the
causal way are the differences between the two tables. --exact feeds the simulated people's true angles to the movement
stages instead, so that only these are judged.

Real people: public treadmill walking with force plates, where Sub01 to Sub03 were tuned on and are reported apart; the
timed-up-and-go, on which chairs and lunges were told apart; fast gait and knee lifts, never tuned on.
Simulated people are drawn from --seed on, at least 100. Seeds below 100 were tuned on; 101 to 103 and some from 500 on
were looked at on the way.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.blocks import LegBlock
from pipeline.movement import Movement, MovementParameters, MovementUpdate, analyse
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.simulation.person import Person, draw_person
from pipeline.simulation.script import Bout
from pipeline.simulation.simulate import Simulation, simulate
from tests.benchmarks import event_real
from tests.benchmarks.both_ways import WAYS, both_ways
from tests.benchmarks.event_scores import Confusion, EpisodeScore
from tests.benchmarks.event_sessions import everyday_session, exercise_session, gait_session
from tests.shared_data import shared_folder

FIRST_UNSEEN = 100
EXERCISES = frozenset(
    {"stair_ascent", "stair_descent", "lunge", "squat", "single_leg_squat", "deadlift", "step_up", "step_down"}
)


@dataclass(frozen=True)
class Outcome:
    """What one way made of one session."""

    steps: list[StepRow]
    episodes: list[EpisodeRow]
    events: list[RaisedEvent]


def moved(side: Side, block: LegBlock, way: str, parameters: MovementParameters | None = None) -> MovementUpdate:
    """What the movement stages make of a leg, either way."""
    if way == "offline":
        return analyse(side, block, parameters=parameters)
    leg = Movement(side, parameters)
    update, last = leg.update(block), leg.finish()
    for name in ("steps", "episodes", "events", "episode_times_s"):
        getattr(update, name).extend(getattr(last, name))
    return update


def outcomes(session: Simulation, exact: bool) -> Mapping[str, Outcome]:
    """The right leg of a session, both ways."""
    if exact:
        block = session.leg_block(Side.RIGHT)
        found = {way: moved(Side.RIGHT, block, way) for way in WAYS}
        return {way: Outcome(u.steps, u.episodes, u.events) for way, u in found.items()}
    through = both_ways(session.table(Side.RIGHT), Side.RIGHT)
    return {way: Outcome(u.steps, u.episodes, u.events) for way, u in through.items()}


def doing(session: Simulation) -> Callable[[float], str]:
    """The true activity of the right leg at a time."""
    truth = session.truth_angles(Side.RIGHT)
    times, names = truth["time_s"].to_numpy(), truth["activity"].to_numpy()
    return lambda time_s: str(names[min(int(np.searchsorted(times, time_s)), len(names) - 1)])


def sessions(count: int, seed: int) -> Iterator[tuple[str, Simulation]]:
    """Each person's exercises, ways of walking, and ten minutes of everyday movement."""
    scripts: dict[str, Callable[[np.random.Generator], list[Bout]]] = {
        "exercises": exercise_session,
        "gait": gait_session,
        "everyday": lambda rng: everyday_session(),
    }
    for k in range(seed, seed + count):
        person: Person = draw_person(np.random.default_rng(k))
        for number, (name, script) in enumerate(scripts.items()):
            rng = np.random.default_rng([k, number])
            yield name, simulate(person, script(rng), rng)


def simulated_people(count: int, seed: int, exact: bool) -> None:
    """Confusion, timing and waiting, everyday movement, episodes and what the cue's activity came to."""
    confusions = {way: Confusion() for way in WAYS}
    episodes = {way: EpisodeScore() for way in WAYS}
    everyday = {way: Counter[str]() for way in WAYS}
    minutes = 0.0
    for name, session in sessions(count, seed):
        truth = session.truth_steps()
        truth = truth[truth["role"] != "free"]
        minutes += session.seconds / 60.0 if name == "everyday" else 0.0
        now = doing(session)
        for way, outcome in outcomes(session, exact).items():
            if name == "everyday":
                everyday[way] += Counter(s.activity for s in outcome.steps)
                continue
            confusions[way].add(truth, outcome.steps, now, outcome.events)
            if name == "exercises":
                episodes[way].add(session.truth_episodes(), outcome.episodes, len(outcome.steps), outcome.events)
    source = "true angles" if exact else "raw samples"
    for way in WAYS:
        print(f"simulated steps and repetitions, {way}, {count} people from seed {seed}, {source}")
        print("\n".join(confusions[way].lines()))
    for way in WAYS:
        wrong = sum(n for name, n in everyday[way].items() if name in EXERCISES)
        print(
            f"everyday movement, {minutes:.0f} min, {way}: {wrong} counted as stairs or exercise; {dict(everyday[way])}"
        )
    for way in WAYS:
        print(f"episodes, {way}, the default clean reference")
        print("\n".join(episodes[way].lines()))


def main() -> None:
    """Run what is asked for and what the data at hand allow."""
    parser = argparse.ArgumentParser(description="steps, activities and episodes against their truth")
    parser.add_argument("--people", type=int, default=6, help="simulated people")
    parser.add_argument(
        "--seed", type=int, default=700, help="the first of them, 100 or more: the others were tuned on"
    )
    parser.add_argument("--only", choices=("real", "simulated"), help="leave the other part out")
    parser.add_argument("--exact", action="store_true", help="simulated: true angles instead of raw samples")
    arguments = parser.parse_args()
    if arguments.seed < FIRST_UNSEEN:
        print(f"seeds below {FIRST_UNSEEN} were tuned on: these figures say nothing about other people")
    folder = shared_folder("cmu_capacitive")
    if arguments.only != "simulated" and folder is not None:
        event_real.contacts(folder)
        event_real.others(folder.parent)
    elif arguments.only == "real":
        parser.error("the public recordings are not here: name their folder with KNEETRACK_SHARED")
    if arguments.only != "real":
        simulated_people(arguments.people, arguments.seed, arguments.exact)


if __name__ == "__main__":
    main()
