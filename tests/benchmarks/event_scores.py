"""Scores of steps, activities and episodes against a truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.rows import EpisodeRow, StepRow

MISSED, EXTRA = "missed", "extra"


@dataclass
class Confusion:
    """True against found activity of steps and repetitions; transitions are counted apart."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, truth: pd.DataFrame, steps: Sequence[StepRow], bounds_s: tuple[float, float]) -> None:
        """Steps found belong to the true one with which they share more than half of the time. Found steps that belong
        to none are extra, where the truth counts steps (bounds_s: it leaves out the last of each walk)."""
        used: set[int] = set()
        for row in truth.itertuples():
            best, share = -1, 0.5
            for k, step in enumerate(steps):
                shared = min(step.end_s, row.end_s) - max(step.start_s, row.start_s)
                whole = max(step.end_s, row.end_s) - min(step.start_s, row.start_s)
                if k not in used and shared > share * whole:
                    best, share = k, shared / whole
            used.add(best)
            name = f"{row.activity} (change)" if row.transition else str(row.activity)
            self.counts[name, steps[best].activity if best >= 0 else MISSED] += 1
        for k, step in enumerate(steps):
            if k not in used and bounds_s[0] <= step.start_s and step.end_s <= bounds_s[1]:
                self.counts[EXTRA, step.activity] += 1

    def table(self) -> pd.DataFrame:
        """Rows: truth, columns: found."""
        return pd.Series(self.counts).unstack(fill_value=0).astype(int)

    def macro_f1(self) -> float:
        """Mean over the true activities of the harmonic mean of precision and recall; changes left aside."""
        steady = {k: n for k, n in self.counts.items() if not k[0].endswith("(change)")}
        scores = []
        for name in sorted({k[0] for k in steady} - {EXTRA}):
            hit = steady.get((name, name), 0)
            true = sum(n for k, n in steady.items() if k[0] == name)
            found = sum(n for k, n in steady.items() if k[1] == name)
            scores.append(2.0 * hit / (true + found) if true + found else 0.0)
        return float(np.mean(scores))

    def found_share(self) -> float:
        """True steps and repetitions that were found, whatever they were called."""
        true = sum(n for k, n in self.counts.items() if k[0] != EXTRA)
        missed = sum(n for k, n in self.counts.items() if k[1] == MISSED)
        return 1.0 - missed / true


@dataclass
class EpisodeScore:
    """Injected collapses against episodes. large: rises of 8 deg abduction, or 10 deg collapse without it, or more."""

    true: int = 0
    found: int = 0
    large: int = 0
    large_found: int = 0
    false: int = 0
    clean_steps: int = 0
    onset_differs: int = 0
    drivers: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def add(self, truth: pd.DataFrame, episodes: Sequence[EpisodeRow], steps: int) -> None:
        """An episode belongs to the collapse with which it overlaps. steps: found steps and repetitions."""
        used: set[int] = set()
        for row in truth.itertuples():
            own = [k for k, e in enumerate(episodes) if e.start_s < row.end_s and e.end_s > row.start_s]
            used.update(own)
            large = row.peak_excess_deg >= 8.0 or (row.kind == "collapse" and row.peak_collapse_deg >= 10.0)
            self.true += 1
            self.large += large
            self.by_kind[f"{row.kind}/{row.driver}", bool(own)] += 1
            if own:
                self.found += 1
                self.large_found += large
                first = episodes[own[0]]
                self.drivers[str(row.driver), first.driver] += 1
                self.onset_differs += first.activity != first.activity_at_onset
        self.false += len(episodes) - len(used)
        self.clean_steps += max(steps - len(truth), 0)

    def lines(self) -> list[str]:
        """A few lines for people."""
        right = sum(n for (t, f), n in self.drivers.items() if t == f and t in {"hip", "foot"})
        told = sum(n for (t, _), n in self.drivers.items() if t in {"hip", "foot"})
        kinds = sorted({k for k, _ in self.by_kind})
        shares = ", ".join(
            f"{k} {self.by_kind[k, True]}/{self.by_kind[k, True] + self.by_kind[k, False]}" for k in kinds
        )
        return [
            f"  collapses found {self.found}/{self.true}, large {self.large_found}/{self.large}"
            f" ({100.0 * self.large_found / max(self.large, 1):.1f} %); {shares}",
            f"  false alarms {self.false} in {self.clean_steps} clean steps"
            f" ({100.0 * self.false / max(self.clean_steps, 1):.2f} per 100)",
            f"  driver right {right}/{told} ({100.0 * right / max(told, 1):.1f} %) of hip and foot;"
            f" frontal: { ({f: n for (t, f), n in self.drivers.items() if t == 'frontal'}) }",
            f"  activity at onset differs from the final one in {self.onset_differs} of {self.found}",
        ]
