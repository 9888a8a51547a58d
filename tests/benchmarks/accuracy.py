"""How exact the angles are: `python -m tests.benchmarks.accuracy [--only PART ...] [--people 10]`.

| part | what |
|---|---|
| tables | everyday sessions: RMSE offline, causal after 60 s, floor; collapse gain |
| exercises | the same without any walking, causal from the calibration on |
| coverage | stated standard deviations, at least 100 short sessions |
| minute | the first minute live |
| drift | an hour of walking with turns and stops |
| strapping | sensors taken off and put on again: smallest detectable change |
| peers | other open methods with the same alignment |
| budget | what each cause of error costs |
| real | a robot's joint and one real walk, against references |
| cost | processor time beside VQF |

People of seeds below 100 were used for choosing parameters; those from 100 on are reported. Of the real files, all
robot files and the walk were looked at while the heading filter was built.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.benchmarks.angles import budget, cost, coverage, drift, first_minute, peers, real, strapping, tables
from tests.benchmarks.people import FIRST_UNSEEN

PEOPLE: dict[str, tuple[Callable[[int], Any], Callable[[list[Any]], None], float]] = {
    "tables": (tables.everyday_person, tables.report, 2.0),
    "exercises": (tables.exercising_person, tables.report, 2.0),
    "coverage": (coverage.covered, coverage.report, 10.0),
    "minute": (first_minute.first_minute, first_minute.report, 2.0),
    "drift": (drift.drifted, drift.report, 0.4),
    "strapping": (strapping.strapped, strapping.report, 1.0),
    "peers": (peers.compared, peers.report, 1.0),
    "budget": (budget.budget, budget.report, 1.0),
}
"""Per part: one person's measure, the report of many, and how many people for each one asked for."""
ALONE: dict[str, Callable[[], None]] = {"real": real.report, "cost": cost.report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*PEOPLE, *ALONE], help="some parts instead of all")
    parser.add_argument("--people", type=int, default=10, help="parts that need more or fewer take a multiple of it")
    parser.add_argument("--first", type=int, default=FIRST_UNSEEN, help="first seed (below 100: used for tuning)")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    parts = options.only or [*PEOPLE, *ALONE]
    with ProcessPoolExecutor(options.jobs) as pool:
        for part in parts:
            begin = time.monotonic()
            if part in ALONE:
                print(f"\n== {part}", flush=True)
                ALONE[part]()
                continue
            measure, report, share = PEOPLE[part]
            count = max(1, round(options.people * share))
            people = []
            for person in pool.map(measure, range(options.first, options.first + count)):
                people.append(person)
                print(f"\r{part}: {len(people)} of {count} people", end="", flush=True)
            print(f"\r== {part} ({time.monotonic() - begin:.0f} s){'':<20}", flush=True)
            report(people)
            print()


if __name__ == "__main__":
    main()
