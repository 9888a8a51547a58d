"""Steps, activities and episodes against force plates, real people and the simulator.

    python -m tests.benchmarks.events [--people 6] [--seed 500] [--results DIR] [--tables DIR]

Contacts: public treadmill walking with force plates; found means within 150 ms after a constant offset per trial and
leg. By default the leg's angles come straight from its two IMUs (tests/pipeline/leg_from_imu.py). To judge what
`kneetrack process` makes of the same recordings, write them as generic tables with --tables DIR, process each into
RESULTS/<name>/, and give that folder with --results: its steps.parquet is then read instead.

The timed-up-and-go is no unseen test either: chairs and lunges were told apart on it. In Sub06's stiff-knee trial the
offset between both legs' contacts and the plates jumps by some 0.2 s at 51 s, on both legs at once.

Simulated: people drawn from --seed on, true angles, so that only what follows the angles is judged. Seeds 1 to 3 were
tuned on; 11 to 18, 31 to 36, 101 to 103, and six each from 500 and 700 on were looked at on the way.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.activity import Activity
from pipeline.blocks import Floats, LegBlock
from pipeline.clean import CleanReference, learn_clean
from pipeline.movement import Movement, MovementParameters, MovementUpdate, analyse
from pipeline.records import Side
from pipeline.simulation.person import Person, draw_person
from pipeline.simulation.script import Bout, everyday_script
from pipeline.simulation.simulate import Simulation, simulate
from pipeline.thresholds import ValgusParameters
from tests.benchmarks.event_scores import Confusion, EpisodeScore
from tests.pipeline.leg_from_imu import RawLeg, leg_from_imu
from tests.pipeline.public_legs import (
    CMU_PEOPLE,
    CMU_TUNED_ON,
    TUGS,
    Match,
    cmu_leg,
    cmu_plates,
    matched,
    qmt_leg,
    tug_leg,
)
from tests.shared_data import shared_folder

CONDITIONS = ("CSBaseline", "CSStiffKnee")
WAYS = ("causal", "two-sided")
EVERYDAY = (
    Bout("stand", 4.0),
    Bout("walk", 25.0, turn_deg=90.0),
    Bout("turn", 4.0, turn_deg=180.0),
    Bout("walk", 15.0, slope_deg=5.0),
    Bout("sitting", 60.0),
    Bout("reach", 40.0),
    Bout("kneel", 20.0),
    Bout("lift", 25.0),
    Bout("walk", 20.0, speed=0.4),
    Bout("stand", 40.0),
    Bout("reach", 40.0),
    Bout("turn", 4.0, turn_deg=-180.0),
    Bout("walk", 15.0, slope_deg=-5.0),
    Bout("kneel", 10.0, lead=Side.LEFT),
    Bout("sit", 2),
    Bout("walk", 25.0, style="stiff"),
    Bout("sitting", 90.0),
    Bout("lift", 25.0),
    Bout("stand", 60.0),
    Bout("walk", 30.0, speed=1.3),
    Bout("stand", 30.0),
)
GUIDED = tuple(
    bout
    for what in ("squat", "single_leg_squat", "lunge", "step_up", "step_down")
    for bout in (Bout("stand", 3.0), Bout(what, 3, speed=0.8))
)


@dataclass(frozen=True)
class Found:
    """Contacts and toe-offs (s) of one leg."""

    contacts_s: Floats
    toe_offs_s: Floats


def moved(side: Side, block: LegBlock, way: str, parameters: MovementParameters | None = None) -> MovementUpdate:
    """What the movement stages make of a leg, either way."""
    if way == "two-sided":
        return analyse(side, block, parameters=parameters)
    leg = Movement(side, parameters)
    update, last = leg.update(block), leg.finish()
    update.steps += last.steps
    update.episodes += last.episodes
    update.events += last.events
    return update


def found_in(steps: pd.DataFrame) -> Found:
    """Contacts and toe-offs of the steps of a results table: repetitions have no cadence."""
    walked = steps[np.isfinite(steps["cadence_spm"].to_numpy(dtype=float))]
    contacts = np.concatenate([walked["start_s"], walked["end_s"]]).astype(float)
    toe_offs = walked["toe_off_s"].to_numpy(dtype=float)
    return Found(np.unique(np.round(contacts, 6)), toe_offs[np.isfinite(toe_offs)])


def cmu_name(person: str, condition: str, side: Side) -> str:
    """Name of a leg of a trial among tables and results."""
    return f"{person}_{condition}_{side.value}"


def write_tables(folder: Path, tables: Path) -> None:
    """The legs of the treadmill trials as generic tables, for `kneetrack process`."""
    tables.mkdir(parents=True, exist_ok=True)
    for person, condition, side in cmu_legs():
        generic_table(cmu_leg(folder, person, condition, side)).to_parquet(
            tables / f"{cmu_name(person, condition, side)}.parquet"
        )


def generic_table(raw: RawLeg) -> pd.DataFrame:
    """The design's generic table of one leg."""
    columns: dict[str, Floats] = {"time_s": np.arange(len(raw.thigh_acc)) / raw.rate_hz}
    for segment in ("thigh", "shank"):
        for kind in ("acc", "gyr"):
            values = getattr(raw, f"{segment}_{kind}")
            columns |= {f"{segment}_{kind}_{axis}": values[:, k] for k, axis in enumerate("xyz")}
    return pd.DataFrame(columns)


def cmu_legs() -> Iterator[tuple[str, str, Side]]:
    """All legs of all trials."""
    return ((p, c, s) for c in CONDITIONS for p in CMU_PEOPLE for s in Side)


def contacts(folder: Path, results: Path | None) -> None:
    """Contacts and toe-offs against the force plates, a row per trial, leg and way."""
    rows = []
    for person, condition, side in cmu_legs():
        plates = cmu_plates(folder, person, condition, side)
        name = cmu_name(person, condition, side)
        for way in WAYS if results is None else ("results",):
            if results is None:
                block = leg_from_imu(cmu_leg(folder, person, condition, side), side)
                steps = pd.DataFrame(moved(side, block, way).steps)
            else:
                steps = pd.read_parquet(results / name / "steps.parquet")
            found = found_in(steps)
            on = matched(found.contacts_s, plates.contacts_s)
            # A table of steps holds the toe-offs between contacts, not one before the first.
            inside = (plates.toe_offs_s > plates.contacts_s[0]) & (plates.toe_offs_s < plates.contacts_s[-1])
            off = matched(found.toe_offs_s, plates.toe_offs_s[inside])
            rows.append((condition, way, person in CMU_TUNED_ON, name, on, off))
    print("contacts against force plates (IQR ms after the offset of the trial and leg)")
    for condition, way, _, name, on, off in rows:
        print(f"  {name:28s} {way:10s} contact {_line(on)}   toe-off {_line(off)}  {condition[2:]}")
    for condition in CONDITIONS:
        for way in dict.fromkeys(r[1] for r in rows):
            for label, tuned in (("tuned on", True), ("not tuned on", False)):
                own = [r for r in rows if (r[0], r[1], r[2]) == (condition, way, tuned)]
                on_all, off_all = _sum([r[4] for r in own]), _sum([r[5] for r in own])
                print(f"  {condition} {way} {label}: contact {on_all}; toe-off {off_all}")


def _line(m: Match) -> str:
    return f"{m.found:3d}/{m.true:3d} +{m.extra} offset {1e3 * m.offset_s:4.0f} iqr {1e3 * m.iqr_s:3.0f}"


def _sum(matches: list[Match]) -> str:
    true = sum(m.true for m in matches)
    found, extra = (100.0 * sum(v) / true for v in ([m.found for m in matches], [m.extra for m in matches]))
    spread = float(np.median([m.iqr_s for m in matches]))
    return f"found {found:.2f} %, extra {extra:.2f} %, median iqr {1e3 * spread:.0f} ms"


def real_people() -> None:
    """Timed-up-and-go (one rise, one sitting down each) and fast gait: what was counted."""
    folder = shared_folder("sensbiotk_inria")
    print("timed-up-and-go, two-sided (one standing up and one sitting down each)")
    for trial in TUGS if folder is not None else ():
        for side in Side:
            steps = analyse(side, leg_from_imu(tug_leg(folder, trial, side), side)).steps
            print(f"  {trial} {side.value:5s} {dict(Counter(s.activity for s in steps))}")
    folder = shared_folder("qmt_full_body")
    for side in Side if folder is not None else ():
        steps = analyse(side, leg_from_imu(qmt_leg(folder, side), side)).steps
        print(f"  fast gait {side.value:5s} {dict(Counter(s.activity for s in steps))}")


def simulated_people(count: int, seed: int) -> None:
    """Confusion, everyday movement, episodes; with the default and with each person's own clean reference."""
    confusions = {way: Confusion() for way in WAYS}
    scores = {(way, own): EpisodeScore() for way in WAYS for own in (False, True)}
    wrong: Counter[str] = Counter()
    minutes = 0.0
    for k in range(count):
        rng = np.random.default_rng(seed + k)
        person = draw_person(rng)
        session = simulate(person, everyday_script(rng), rng)
        own = MovementParameters(valgus=ValgusParameters(clean=guided_reference(person, seed + k)))
        block = session.leg_block(Side.RIGHT)
        truth = session.truth_steps()
        truth = truth[truth["role"] != "free"]
        span = (float(truth["start_s"].min()), float(truth["end_s"].max()))
        for way in WAYS:
            update = moved(Side.RIGHT, block, way)
            confusions[way].add(truth, update.steps, span)
            scores[way, False].add(session.truth_episodes(), update.episodes, len(update.steps))
            judged = moved(Side.RIGHT, block, way, own)
            scores[way, True].add(session.truth_episodes(), judged.episodes, len(judged.steps))
        quiet = simulate(person, EVERYDAY, rng)
        minutes += quiet.seconds / 60.0
        wrong += Counter(s.activity for s in analyse(Side.RIGHT, quiet.leg_block(Side.RIGHT)).steps)
    for way in WAYS:
        print(f"simulated steps and repetitions, {way}: found {100 * confusions[way].found_share():.2f} %,")
        print(f"  macro-F1 {100 * confusions[way].macro_f1():.1f} %")
        print(confusions[way].table().to_string())
    print(f"everyday movement, {minutes:.0f} min of {count} people, two-sided: {dict(wrong)}")
    for (way, own_reference), score in scores.items():
        label = "the person's own guided clean reference" if own_reference else "the default clean reference"
        print(f"episodes, {way}, {label}")
        print("\n".join(score.lines()))


def guided_reference(person: Person, seed: int) -> CleanReference:
    """A clean reference from three slow repetitions of each exercise, and from a minute's walk."""
    session: Simulation = simulate(person, [*GUIDED, Bout("stand", 3.0)], np.random.default_rng([seed, 1]))
    block = session.leg_block(Side.RIGHT)
    pieces = []
    for row in session.truth_steps().itertuples():
        piece = block.cut(int(row.start_s * block.rate_hz), int(row.end_s * block.rate_hz))
        if row.role != "rear":
            pieces.append((Activity[row.activity.upper()], piece, np.ones(len(piece), dtype=bool)))
    return learn_clean(pieces)


def main() -> None:
    """Run everything that the data at hand allow."""
    parser = argparse.ArgumentParser(description="steps, activities and episodes against their truth")
    parser.add_argument("--people", type=int, default=6, help="simulated people")
    parser.add_argument("--seed", type=int, default=500, help="the first of them")
    parser.add_argument("--results", type=Path, help="folder of processed treadmill trials")
    parser.add_argument("--tables", type=Path, help="write the treadmill trials here as generic tables and stop")
    arguments = parser.parse_args()
    folder = shared_folder("cmu_capacitive")
    if arguments.tables is not None:
        if folder is None:
            parser.error("the public recordings cmu_capacitive are not here")
        write_tables(folder, arguments.tables)
        return
    if folder is not None:
        contacts(folder, arguments.results)
    real_people()
    simulated_people(arguments.people, arguments.seed)


if __name__ == "__main__":
    main()
