"""Scores of valgus episodes against injected collapses, of their confidence, their cues, and of exercise sets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from pipeline.blocks import Activity, LegBlock
from pipeline.clean import CleanReference
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.thresholds import ValgusParameters

BINS = (0.0, 0.6, 0.7, 0.8, 0.9, 0.97, 1.001)


def large(row: Any) -> bool:
    """A collapse that must be reported: 8 deg of knee abduction, or 10 deg of medial collapse without it. row: as
    `itertuples` gives it."""
    return bool(row.peak_excess_deg >= 8.0 or (row.kind == "collapse" and row.peak_collapse_deg >= 10.0))


@dataclass
class Score:
    """large_blind: large collapses missed where there were no valid angles (live, the calibration takes half a minute).
    collapses: by (kind/driver, found). measures: by (kind/driver, measure). confidences: (value, truly above the
    threshold, injected). late_s: cues after the rule was fulfilled. changed: what the final activity altered."""

    large: int = 0
    large_found: int = 0
    large_blind: int = 0
    small: int = 0
    small_found: int = 0
    false: int = 0
    clean_steps: int = 0
    collapses: Counter[tuple[str, bool]] = field(default_factory=Counter)
    measures: Counter[tuple[str, str]] = field(default_factory=Counter)
    false_by: Counter[tuple[str, str]] = field(default_factory=Counter)
    drivers: Counter[tuple[str, str]] = field(default_factory=Counter)
    confidences: list[tuple[float, bool, bool]] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    changed: Counter[str] = field(default_factory=Counter)
    per_person: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)

    def add(
        self,
        person: int,
        collapses: pd.DataFrame,
        episodes: Sequence[EpisodeRow],
        steps: Sequence[StepRow],
        truly: Sequence[bool],
        block: LegBlock,
    ) -> None:
        """An episode belongs to the collapse with which it overlaps. truly: the truth was above its threshold.
        block: the angles that were judged."""
        used: set[int] = set()
        found_here, large_here = 0, 0
        for row in collapses.itertuples():
            own = [k for k, e in enumerate(episodes) if e.start_s < row.end_s and e.end_s > row.start_s]
            used.update(own)
            name = f"{row.kind}/{row.driver}"
            if large(row):
                self.large += 1
                self.large_found += bool(own)
                rows = slice(round(row.start_s * block.rate_hz) - block.start, round(row.end_s * block.rate_hz))
                self.large_blind += not own and float(np.mean(block.valid[rows])) < 0.5
                self.collapses[name, bool(own)] += 1
                large_here, found_here = large_here + 1, found_here + bool(own)
            else:
                self.small += 1
                self.small_found += bool(own)
            if own:
                longest = max((episodes[k] for k in own), key=lambda e: e.duration_s)
                self.drivers[str(row.driver), longest.driver] += 1
                if large(row):
                    self.measures[name, longest.measure] += 1
        for k, episode in enumerate(episodes):
            self.confidences.append((episode.confidence, truly[k], k in used))
            if k not in used:
                self.false_by[episode.activity, episode.measure] += 1
        false = len(episodes) - len(used)
        clean = max(len(steps) - len(collapses), 0)
        self.false += false
        self.clean_steps += clean
        before = self.per_person.get(person, (0, 0, 0, 0))
        now = (large_here, found_here, false, clean)
        self.per_person[person] = (before[0] + now[0], before[1] + now[1], before[2] + now[2], before[3] + now[3])

    def cues(self, events: Sequence[RaisedEvent], episodes: Sequence[EpisodeRow], shortest_s: float) -> None:
        """Live: how late each cue came, and what the row says otherwise than the cue."""
        rows = {round(e.start_s, 2): e for e in episodes}
        for event in events:
            if event.kind == "episode_end" and event.fields["withdrawn"]:
                self.changed["withdrawn" if "end_s" not in event.fields else "too short after all"] += 1
            if event.kind != "episode_start":
                continue
            self.changed["cues"] += 1
            start = float(str(event.fields["start_s"]))
            self.late_s.append(event.time_s - start - shortest_s)
            row = rows.get(round(start, 2))
            if row is not None and row.activity != event.fields["activity"]:
                self.changed["activity differs"] += 1
                self.changed["measure differs with it"] += row.measure != event.fields["measure"]

    def lines(self) -> list[str]:
        """For people."""
        right = sum(n for (t, f), n in self.drivers.items() if t == f and t in {"hip", "foot"})
        told = sum(n for (t, _), n in self.drivers.items() if t in {"hip", "foot"})
        worst_missed = min((100.0 * f / n for n, f, _, _ in self.per_person.values() if n), default=100.0)
        worst_false = max((100.0 * f / n for _, _, f, n in self.per_person.values() if n), default=0.0)
        return [
            f"large collapses found {self.large_found}/{self.large} ({_share(self.large_found, self.large)} %, worst "
            f"person {worst_missed:.0f} %); {self.large_blind} of the missed had no valid angles, without them "
            f"{_share(self.large_found, self.large - self.large_blind)} %; small ones {self.small_found}/{self.small}",
            f"false alarms {self.false} in {self.clean_steps} clean steps ({_share(self.false, self.clean_steps)} per "
            f"100, worst person {worst_false:.1f}) {dict(self.false_by) or ''}",
            f"driver right {right}/{told} ({_share(right, told)} %) of hip and foot",
        ]

    def parts(self) -> list[str]:
        """What each measure did, by how the collapse was made."""
        lines = []
        for name in sorted({k for k, _ in self.collapses}):
            found = self.collapses[name, True]
            by = {m: self.measures[name, m] for m in ("abduction", "collapse", "both")}
            told = ", ".join(f"{m} {n}" for m, n in by.items())
            lines.append(f"{name:20s} {found}/{found + self.collapses[name, False]}: {told}")
        return lines

    def reliability(self) -> list[str]:
        """Share truly above the threshold, and share of injected collapses, by confidence."""
        values = np.array(self.confidences, dtype=float).reshape(-1, 3)
        lines = []
        for low, high in pairwise(BINS):
            own = values[(values[:, 0] >= low) & (values[:, 0] < high)]
            if len(own):
                mean, above, injected = own.mean(axis=0)
                lines.append(
                    f"confidence {low:.2f} to {min(high, 1.0):.2f}: {len(own):4d} episodes, mean {mean:.2f}, truly "
                    f"above the threshold {above:.2f}, collapses {injected:.2f}"
                )
        return lines

    def cue_lines(self) -> list[str]:
        """Latency of the cues and what the final activity changed."""
        if not self.late_s:
            return []
        late = np.array(self.late_s)
        within = float(np.mean(late <= 0.1005))
        middle, most = 1e3 * np.median(late), 1e3 * late.max()
        return [
            f"cues {middle:.0f} ms after the rule was fulfilled (median; most {most:.0f}), within 100 ms "
            f"{100.0 * within:.1f} %",
            f"provisional against final activity: {dict(self.changed)}",
        ]


def truly_above(episode: EpisodeRow, truth: LegBlock, clean: CleanReference, parameters: ValgusParameters) -> bool:
    """Whether the true angles stood above the notice threshold over this person's true clean movement."""
    rate = truth.rate_hz
    part = truth.cut(max(0, round((episode.start_s - 0.05) * rate)), round((episode.end_s + 0.05) * rate) + 1)
    activity = Activity[episode.activity.upper()]
    curve, limits = clean.of(activity), parameters.of(activity)
    for flexion, excess, collapse in zip(
        *(np.degrees(c) for c in (part.flexion, part.excess, part.collapse)), strict=True
    ):
        usual = curve.at(float(flexion))
        if excess - usual[0] > limits.excess_deg[0] or collapse - usual[1] > limits.collapse_deg[0]:
            return True
    return False


@dataclass
class SetScore:
    """True sets against found ones."""

    true: int = 0
    found: int = 0
    exact: int = 0
    within_one: int = 0
    extra: int = 0
    told_right: int = 0

    def add(self, truth: pd.DataFrame, sets: Sequence[dict[str, object]]) -> None:
        """A set belongs to the true one of its kind with which it shares more than half of its time."""
        used: set[int] = set()
        for row in truth.itertuples():
            self.true += 1
            best, share = -1, 0.5
            for k, one in enumerate(sets):
                start, end = float(str(one["start_s"])), float(str(one["end_s"]))
                both = min(end, row.end_s) - max(start, row.start_s)
                whole = max(end, row.end_s) - min(start, row.start_s)
                if k not in used and one["activity"] == row.activity and both > share * whole:
                    best, share = k, both / whole
            if best < 0:
                continue
            used.add(best)
            self.found += 1
            off = int(str(sets[best]["repetitions"])) - int(row.repetitions)
            self.exact += off == 0
            self.within_one += abs(off) <= 1
            self.told_right += row.large - 1 < int(str(sets[best]["collapsed"])) <= row.collapsed
        self.extra += len(sets) - len(used)

    def line(self) -> str:
        """For people."""
        return (
            f"sets found {self.found}/{self.true}, extra {self.extra}; repetitions exact in {self.exact}, within one "
            f"in {self.within_one}; collapsed repetitions between those of large collapses and all in {self.told_right}"
        )


def _share(part: int, whole: int) -> str:
    return f"{100.0 * part / whole:.2f}" if whole and isfinite(part) else "-"
