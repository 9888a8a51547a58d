"""Whether the stated standard deviations mean something: at least 100 people, a minute or so each.

Errors of all people and activities pooled; per angle the share of rows within one and two stated deviations (a normal
error: 68 and 95 %). Only rows that have an angle count: nothing is stated before the calibration.
"""

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.angles.sessions import short
from tests.benchmarks.people import causal, errors, offline, rows_of, simulated_leg

WITH_SD = ("flexion", "abduction", "rotation", "excess", "collapse")
BOUNDS = (0.60, 0.76), (0.92, 1.0)
"""Wanted within one, and within two deviations."""


@dataclass
class Covered:
    """rows: (kind, angle) to rows within one and two deviations, and rows in all."""

    seed: int
    rows: dict[tuple[str, str], tuple[int, int, int]]


def covered(seed: int) -> Covered:
    """One person."""
    leg = simulated_leg(seed, short)
    rows = {}
    for kind, block in (("offline", offline(leg)), ("causal", causal(leg))):
        found = errors(leg, block)
        chosen = rows_of(leg, block, "any")
        for angle in WITH_SD:
            ratio = np.abs(found[angle][chosen]) / np.rad2deg(getattr(block, f"{angle}_sd")[chosen])
            rows[kind, angle] = int((ratio < 1).sum()), int((ratio < 2).sum()), len(ratio)
    return Covered(seed, rows)


def report(people: list[Covered]) -> None:
    """Print the shares."""
    print(f"{len(people)} short sessions, seeds {people[0].seed} to {people[-1].seed};")
    print("percent of errors within one / two stated standard deviations (wanted: 60 to 76 / at least 92)")
    for kind in ("offline", "causal"):
        cells = []
        for angle in WITH_SD:
            one, two, rows = np.sum([p.rows[kind, angle] for p in people], axis=0)
            within = one / rows, two / rows
            good = all(low <= share <= high for share, (low, high) in zip(within, BOUNDS, strict=True))
            cells.append(f"{angle} {100 * within[0]:.0f}/{100 * within[1]:.0f}{'' if good else ' (!)'}")
        print(f"  {kind:<10}" + "   ".join(cells))
