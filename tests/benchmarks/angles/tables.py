"""RMSE of each angle per person and group of activities: offline, causal, and the floor.

The floor is the same calibration and formulas fed with the true orientations, which says what the calibration alone
costs. Collapse gain: slope of the estimated on the true peak abduction of a step above that activity's usual peak; its
RMSE in degrees.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.blocks import LegBlock
from tests.benchmarks.angles.sessions import MakeScript, everyday, exercises_only
from tests.benchmarks.people import (
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

KINDS = ("offline", "causal", "floor")
_OWN_FLOOR = {"offline": "floor", "causal": "floor of these rows"}
"""The floor over the rows that the causal figures are of."""


@dataclass
class Person:
    """rmse: (kind, group, angle) to degrees. gain, peak_rmse: by kind."""

    seed: int
    rmse: dict[tuple[str, str, str], float] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    peak_rmse: dict[str, float] = field(default_factory=dict)


def everyday_person(seed: int) -> Person:
    """An everyday session; causal figures from 60 s on."""
    return _measured(seed, everyday, 60.0)


def exercising_person(seed: int) -> Person:
    """Exercises and no walking; causal figures from the calibration on."""
    return _measured(seed, exercises_only, 0.0)


def _measured(seed: int, make: MakeScript, after_s: float) -> Person:
    leg = simulated_leg(seed, make)
    person = Person(seed)
    best = floor(leg)
    for kind, block, after in (
        ("offline", offline(leg), 0.0),
        ("causal", causal(leg), after_s),
        ("floor", best, 0.0),
        (_OWN_FLOOR["causal"], best, after_s),
    ):
        found = errors(leg, block)
        for group in GROUPS:
            rows = rows_of(leg, block, group, after)
            for angle in TRUTH:
                person.rmse[kind, group, angle] = rmse(found[angle][rows])
        person.gain[kind], person.peak_rmse[kind] = collapse_gain(leg, block, after)
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


def report(people: list[Person]) -> None:
    """Print the tables of one kind of session."""
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}; RMSE in deg: median (worst person)\n")
    for group in GROUPS:
        if np.isnan([p.rmse["floor", group, "flexion"] for p in people]).all():
            continue
        print(f"{group:<12}" + "".join(f"{angle:>15}" for angle in TRUTH))
        for kind in KINDS:
            cells = [[p.rmse[kind, group, angle] for p in people] for angle in TRUTH]
            print(f"  {kind:<10}" + "".join(f"{np.nanmedian(c):>8.2f} ({np.nanmax(c):4.1f})" for c in cells))
    print("\ntimes the own floor, by group: median of people; whoever has the largest RMSE; the largest ratio")
    for angle in ("abduction", "excess"):
        for kind in KINDS[:2]:
            cells = []
            for group in ("walking", "other", "any"):
                ours, floors = (np.array([p.rmse[k, group, angle] for p in people]) for k in (kind, _OWN_FLOOR[kind]))
                if not np.isnan(ours).all():
                    ratio = ours / floors
                    worst = ratio[np.nanargmax(ours)]
                    cells.append(f"{group} {np.nanmedian(ratio):.2f}, {worst:.2f}, {np.nanmax(ratio):.2f}")
            print(f"  {angle:<10}{kind:<10}{'   '.join(cells)}")
    print("\ncollapse: gain median (worst), RMSE of peaks above the usual, deg")
    for kind in KINDS:
        gains, peaks = [p.gain[kind] for p in people], [p.peak_rmse[kind] for p in people]
        print(f"  {kind:<10}{np.median(gains):6.2f} ({min(gains):.2f}) {np.median(peaks):8.2f} ({max(peaks):.2f})")
