"""Scores of steps, activities and episodes against a truth."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.rows import EpisodeRow, RaisedEvent, StepRow

MISSED, EXTRA = "missed", "extra"
GAIT = ("walking", "stair_ascent", "stair_descent")


@dataclass
class Confusion:
    """True against found activity of steps and repetitions; transitions are counted apart.

    starts, ends, depths: found minus true, s and deg, by activity. waits: from the end of a found step or repetition to
    its event, s, by `step` and `repetition`; behind: the same from the true end.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    starts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    depths: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    behind: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self,
        truth: pd.DataFrame,
        steps: Sequence[StepRow],
        doing: Callable[[float], str] = lambda time_s: "",
        events: Sequence[RaisedEvent] = (),
    ) -> None:
        """Steps found belong to the true one with which they share more than half of the time.

        Those that belong to none are extra, unless the person did do that then (doing: the activity at a time): the
        truth leaves out the last steps of each walk. events: those of the steps, for the waiting times.
        """
        raised = {e.fields["index"]: e for e in events if e.kind in ("step", "repetition")}
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
            if best < 0:
                continue
            step = steps[best]
            self.starts[name].append(step.start_s - row.start_s)
            self.ends[name].append(step.end_s - row.end_s)
            self.depths[name].append(step.peak_flexion_deg - row.peak_flexion_deg)
            event = raised.get(step.index)
            if event is not None:
                self.waits[event.kind].append(event.time_s - step.end_s)
                self.behind[event.kind].append(event.time_s - row.end_s)
        for k, step in enumerate(steps):
            if k not in used and doing(0.5 * (step.start_s + step.end_s)) != step.activity:
                self.counts[EXTRA, step.activity] += 1

    def table(self) -> pd.DataFrame:
        """Rows: truth, columns: found."""
        return pd.Series(self.counts).unstack(fill_value=0).astype(int)

    def scores(self) -> pd.DataFrame:
        """A row per true activity: how many, found, precision, recall, F1 (%), and the timing (ms) and depth (deg) of
        what was found: median and inter-quartile range."""
        rows = {}
        for name in self._steady():
            hit = self.counts[name, name]
            true = sum(n for k, n in self.counts.items() if k[0] == name)
            called = sum(n for k, n in self.counts.items() if k[1] == name and not k[0].endswith("(change)"))
            rows[name] = {
                "true": true,
                "found %": _percent(true - self.counts[name, MISSED], true),
                "precision %": _percent(hit, called),
                "recall %": _percent(hit, true),
                "F1 %": _percent(2 * hit, true + called),
                "start ms": _middle(self.starts[name], 1e3),
                "end ms": _middle(self.ends[name], 1e3),
                "peak flexion deg": _middle(self.depths[name], 1.0),
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def macro_f1(self) -> float:
        """Mean over the true activities of the harmonic mean of precision and recall; changes left aside."""
        return float(np.mean(self.scores()["F1 %"])) / 100.0

    def found_share(self) -> float:
        """True steps and repetitions that were found, whatever they were called."""
        true = sum(n for k, n in self.counts.items() if k[0] != EXTRA)
        missed = sum(n for k, n in self.counts.items() if k[1] == MISSED)
        return 1.0 - missed / true

    def lines(self) -> list[str]:
        """A few lines and two tables for people."""
        lines = [f"  found {100.0 * self.found_share():.2f} %, macro-F1 {100.0 * self.macro_f1():.1f} %"]
        for kind, limit_s in (("step", 0.15), ("repetition", 0.3)):
            waits, behind = np.array(self.waits[kind]), np.array(self.behind[kind])
            if len(waits):
                lines.append(
                    f"  {kind}: known {_middle(waits.tolist(), 1e3)} ms after its found end,"
                    f" {_percent(int(np.sum(waits <= limit_s)), len(waits)):.1f} % within {1e3 * limit_s:.0f} ms"
                    f" (95 % within {1e3 * np.percentile(waits, 95):.0f}); {_middle(behind.tolist(), 1e3)} ms after its"
                    f" true end, {_percent(int(np.sum(behind <= limit_s)), len(behind)):.1f} % within the limit"
                )
        return [*lines, self.scores().to_string(float_format="%.1f"), self.table().to_string()]

    def _steady(self) -> list[str]:
        return sorted({k[0] for k in self.counts if not k[0].endswith("(change)")} - {EXTRA})


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else float("nan")


def _middle(values: Sequence[float], scale: float) -> str:
    """Median and inter-quartile range."""
    if not len(values):
        return "-"
    low, middle, high = scale * np.percentile(values, [25, 50, 75])
    return f"{middle:.0f} ({high - low:.0f})"


@dataclass
class EpisodeScore:
    """Injected collapses against episodes. large: rises of 8 deg abduction, or 10 deg collapse without it, or more."""

    true: int = 0
    found: int = 0
    large: int = 0
    large_found: int = 0
    false: int = 0
    clean_steps: int = 0
    onset_differs: Counter[tuple[str, str]] = field(default_factory=Counter)
    withdrawn: int = 0
    drivers: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def add(
        self, truth: pd.DataFrame, episodes: Sequence[EpisodeRow], steps: int, events: Sequence[RaisedEvent] = ()
    ) -> None:
        """An episode belongs to the collapse with which it overlaps.

        steps: found steps and repetitions; events: for the cues that the final activity took back.
        """
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
                if first.activity != first.activity_at_onset:
                    self.onset_differs[first.activity_at_onset, first.activity] += 1
        self.false += len(episodes) - len(used)
        self.clean_steps += max(steps - len(truth), 0)
        self.withdrawn += sum(e.kind == "episode_end" and bool(e.fields.get("withdrawn")) for e in events)

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
            f"  the activity at the cue differs from the final one in {sum(self.onset_differs.values())} of"
            f" {self.found}: { ({f'{a} > {b}': n for (a, b), n in self.onset_differs.items()}) };"
            f" cues taken back: {self.withdrawn}",
        ]
