"""Accuracy on simulated people that were never used for tuning: `python -m tests.benchmarks.accuracy [--people 10]`.

Per person and group of activities: RMSE of each angle, offline, causal (after 60 s), and the floor: the same
calibration and formulas fed with the true orientations, which says what the calibration alone costs. Collapse gain:
slope of the estimated on the true peak abduction of a step above that activity's usual peak; its RMSE in degrees.
Coverage: share of errors within one and two of the stated standard deviations, all people pooled.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.blocks import LegBlock
from tests.benchmarks.people import (
    FIRST_UNSEEN,
    GROUPS,
    TRUTH,
    SimulatedLeg,
    causal,
    errors,
    floor,
    offline,
    rmse,
    rows_of,
    simulated_leg,
)

WITH_SD = ("flexion", "abduction", "rotation", "excess", "collapse")


@dataclass
class Person:
    """rmse: (kind, group, angle) to degrees. gain, peak_rmse: by kind. covered: (kind, angle) to rows within 1 and 2
    standard deviations, and rows."""

    seed: int
    rmse: dict[tuple[str, str, str], float] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    peak_rmse: dict[str, float] = field(default_factory=dict)
    covered: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)


def measure(seed: int) -> Person:
    """One person: offline, causal after 60 s, and the floor."""
    leg = simulated_leg(seed)
    person = Person(seed)
    for kind, block, after_s in (
        ("offline", offline(leg), 0.0),
        ("causal", causal(leg), 60.0),
        ("floor", floor(leg), 0.0),
    ):
        found = errors(leg, block)
        for group in ("any", *GROUPS):
            rows = rows_of(leg, block, group, after_s)
            for angle in TRUTH:
                person.rmse[kind, group, angle] = rmse(found[angle][rows])
        person.gain[kind], person.peak_rmse[kind] = collapse_gain(leg, block, after_s)
        rows = rows_of(leg, block, "any", after_s)
        for angle in WITH_SD:
            ratio = np.abs(found[angle][rows]) / np.rad2deg(getattr(block, f"{angle}_sd")[rows])
            person.covered[kind, angle] = int((ratio < 1).sum()), int((ratio < 2).sum()), len(ratio)
    return person


def collapse_gain(leg: SimulatedLeg, block: LegBlock, after_s: float) -> tuple[float, float]:
    """Slope and RMSE (deg) of each step's peak abduction above the activity's median peak, estimated on true."""
    t = leg.truth["time_s"].to_numpy()
    true = np.interp(block.time_s, t, leg.truth["abduction_deg"].to_numpy())
    estimate = np.rad2deg(block.abduction)
    rows = []
    steps = leg.steps[(leg.steps.activity != "standing") & (leg.steps.start_s >= after_s)]
    for step in steps.itertuples():
        last = step.toe_off_s if np.isfinite(step.toe_off_s) else step.end_s
        span = (block.time_s >= step.start_s) & (block.time_s <= last) & np.isfinite(estimate)
        if span.sum() >= 10:
            rows.append((step.activity, true[span].max(), estimate[span].max()))
    table = pd.DataFrame(rows, columns=["activity", "true", "estimate"])
    above = table[["true", "estimate"]] - table.groupby("activity")[["true", "estimate"]].transform("median")
    x, y = above["true"].to_numpy(), above["estimate"].to_numpy()
    return float((x @ y) / (x @ x)), rmse(y - x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--first", type=int, default=FIRST_UNSEEN, help="first seed (below 100: used for tuning)")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.people)
    with ProcessPoolExecutor(options.jobs) as pool:
        people = []
        for person in pool.map(measure, seeds):
            people.append(person)
            print(f"\r{len(people)} of {len(seeds)} people", end="", flush=True)
    print("\r", end="")
    report(people)


def report(people: list[Person]) -> None:
    """Print the tables."""
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}; RMSE in deg: median (worst person)\n")
    for group in ("any", *GROUPS):
        print(f"{group:<12}" + "".join(f"{angle:>16}" for angle in TRUTH))
        for kind in ("offline", "causal", "floor"):
            cells = [[p.rmse[kind, group, angle] for p in people] for angle in TRUTH]
            print(f"  {kind:<10}" + "".join(f"{np.nanmedian(c):>9.2f} ({np.nanmax(c):4.1f})" for c in cells))
    print("\nworst person's valgus excess over that person's floor, walking / exercises")
    for kind in ("offline", "causal"):
        ratios = [
            max(p.rmse[kind, g, "excess"] / p.rmse["floor", g, "excess"] for p in people)
            for g in ("walking", "exercises")
        ]
        print(f"  {kind:<10}{ratios[0]:6.2f} /{ratios[1]:6.2f}")
    print("\ncollapse: gain median (worst), RMSE of peaks above the usual, deg")
    for kind in ("offline", "causal", "floor"):
        gains, peaks = [p.gain[kind] for p in people], [p.peak_rmse[kind] for p in people]
        print(f"  {kind:<10}{np.median(gains):6.2f} ({min(gains):.2f}) {np.median(peaks):8.2f} ({max(peaks):.2f})")
    print("\nerrors within one and two standard deviations, percent")
    for kind in ("offline", "causal"):
        cells = []
        for angle in WITH_SD:
            one, two, rows = np.sum([p.covered[kind, angle] for p in people], axis=0)
            cells.append(f"{angle} {100 * one / rows:.0f}/{100 * two / rows:.0f}")
        print(f"  {kind:<10}" + "  ".join(cells))


if __name__ == "__main__":
    main()
