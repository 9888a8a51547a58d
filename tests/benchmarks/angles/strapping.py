"""Repeatability: the same person does the same session again after taking the sensors off and putting them on.

New places, mounting and soft tissue; the same movement, so all that differs is the measuring. Per person and activity
the standard deviation between strappings of the mean peak abduction and peak excess of a step; pooled over people it is
the standard error of measurement (SEM), and 1.96 sqrt(2) SEM the smallest change between two sessions that can be
detected with 95 % confidence.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.blocks import LegBlock
from tests.benchmarks.angles.sessions import everyday
from tests.benchmarks.people import SimulatedLeg, causal, offline, simulated_leg

STRAPPINGS = 4
MEASURES = {"peak abduction": "abduction", "peak excess": "excess", "peak medial collapse": "collapse"}


@dataclass
class Strapped:
    """peaks: (kind, measure, activity) to the mean peaks (deg) of each strapping."""

    seed: int
    peaks: dict[tuple[str, str, str], list[float]]


def strapped(seed: int) -> Strapped:
    """One person, several times."""
    peaks: dict[tuple[str, str, str], list[float]] = {}
    for number in range(1, STRAPPINGS + 1):
        leg = simulated_leg(seed, everyday, strapping=number)
        for kind, block in (("offline", offline(leg)), ("causal", causal(leg))):
            for (measure, activity), value in _mean_peaks(leg, block).items():
                peaks.setdefault((kind, measure, activity), []).append(value)
    return Strapped(seed, peaks)


def _mean_peaks(leg: SimulatedLeg, block: LegBlock) -> dict[tuple[str, str], float]:
    rows = []
    for step in leg.steps[leg.steps.activity != "standing"].itertuples():
        last = step.toe_off_s if np.isfinite(step.toe_off_s) else step.end_s
        span = (block.time_s >= step.start_s) & (block.time_s <= last) & np.isfinite(block.abduction)
        if span.sum() >= 10:
            rows.append((step.activity, *(np.rad2deg(getattr(block, v)[span].max()) for v in MEASURES.values())))
    table = pd.DataFrame(rows, columns=["activity", *MEASURES]).groupby("activity").mean()
    return {(m, str(activity)): float(row[m]) for activity, row in table.iterrows() for m in MEASURES}


def report(people: list[Strapped]) -> None:
    """Print SEM and smallest detectable change per activity."""
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}, {STRAPPINGS} strappings each;")
    print("smallest detectable change between two strappings (SEM), deg")
    activities = sorted({activity for p in people for _, _, activity in p.peaks})
    for kind in ("offline", "causal"):
        print(f"  {kind:<18}" + "".join(f"{m:>24}" for m in MEASURES))
        for activity in activities:
            cells = []
            for measure in MEASURES:
                spreads = [
                    np.var(v, ddof=1) for p in people if len(v := p.peaks.get((kind, measure, activity), [])) > 1
                ]
                sem = float(np.sqrt(np.mean(spreads))) if spreads else float("nan")
                cells.append(f"{1.96 * np.sqrt(2.0) * sem:16.1f} ({sem:4.2f})")
            print(f"    {activity:<16}" + "  ".join(cells))
