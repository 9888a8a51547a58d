"""The first minute live: from when on are there angles, and how good are they before anybody has walked a minute?"""

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.angles.sessions import short
from tests.benchmarks.people import causal, errors, rmse, rows_of, simulated_leg

ANGLES = ("flexion", "abduction", "rotation", "excess", "collapse")


@dataclass
class FirstMinute:
    """wait_s: from the end of the last flexion to the first angle. shown_early: rows with an angle before the end of
    the flexions. rmse: deg by angle, of rows called valid, in the minute from then on. valid: their share."""

    seed: int
    wait_s: float
    shown_early: int
    rmse: dict[str, float]
    valid: float


def first_minute(seed: int) -> FirstMinute:
    """One person."""
    leg = simulated_leg(seed, short)
    block = causal(leg)
    stand, flex = leg.script[0], leg.script[1]
    flexing = leg.truth["time_s"][(leg.truth["flexion_deg"] > 25.0)].to_numpy()
    gaps = np.flatnonzero(np.diff(flexing) > 0.3)
    ends = flexing[np.append(gaps, len(flexing) - 1)]
    done = float(ends[int(flex.amount) - 1])
    assert stand.what == "stand"
    known = np.isfinite(block.flexion)
    first = float(block.time_s[known][0]) if known.any() else np.inf
    found = errors(leg, block)
    minute = rows_of(leg, block, "any") & (block.time_s < first + 60.0)
    rows = minute & block.valid
    early = int((known & (block.time_s < done)).sum())
    share = float(rows.sum() / max(minute.sum(), 1))
    return FirstMinute(seed, first - done, early, {a: rmse(found[a][rows]) for a in ANGLES}, share)


def report(people: list[FirstMinute]) -> None:
    """Print the figures."""
    wait = np.array([p.wait_s for p in people])
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}: stand 5 s, six flexions, then anything;")
    print(f"  angles {np.median(wait):.1f} s after the last flexion (latest {wait.max():.1f} s),")
    print(f"  shown before it: {sum(p.shown_early > 0 for p in people)} people;")
    valid = 100 * np.median([p.valid for p in people])
    print(f"  called valid in the minute from then on: {valid:.0f} % of rows (median)")
    cells = []
    for angle in ANGLES:
        values = [p.rmse[angle] for p in people]
        cells.append(f"{angle} {np.nanmedian(values):.2f} ({np.nanmax(values):.1f})")
    print("  RMSE of those, deg, median (worst): " + "   ".join(cells))
