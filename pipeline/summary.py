"""The session in a few rows: per side and activity, and what compares sides, sets and the beginning with the end.

Steps and repetitions are averaged over those in which a value is known. Where there are too few, the value is NaN and
the quality low: too little is said, not averaged. Standing and sitting have a duration only. Kept per step are a dozen
numbers, so that an hour of walking stays under a megabyte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np

from pipeline.blocks import Activity
from pipeline.rows import EpisodeRow, StepRow, SummaryRow
from pipeline.update import LegResult, Update

_TIMED = (Activity.STANDING, Activity.SITTING)
_COMPARED = (
    "peak_flexion_deg",
    "peak_abduction_deg",
    "peak_valgus_excess_deg",
    "peak_medial_collapse_deg",
    "rotation_range_deg",
)


@dataclass(frozen=True, slots=True)
class SummaryParameters:
    """fewest: steps for a mean; fewest_p95: for a 95th percentile; plenty: from here on numbers cost no quality.
    fewest_thirds: for a comparison of the first with the last third; worst: how many worst steps are listed."""

    fewest: int = 3
    fewest_p95: int = 8
    plenty: int = 8
    fewest_thirds: int = 9
    worst: int = 5


class Summary:
    """Collects updates; `rows` and `extras` may be asked for at any time."""

    def __init__(self, parameters: SummaryParameters | None = None) -> None:
        self.parameters = parameters or SummaryParameters()
        self._steps: dict[tuple[str, Activity], list[StepRow]] = {}
        self._episodes: dict[tuple[str, Activity], int] = {}
        self._still: dict[tuple[str, Activity], _Still] = {}
        self._sets: list[dict[str, object]] = []

    def add(self, update: Update) -> None:
        """What the session handed on."""
        for leg in update.legs:
            self._add_rows(leg)
        for step in update.steps:
            self._steps.setdefault((step.side, _activity(step.activity)), []).append(step)
        for episode in update.episodes:
            self._add_episode(episode)
        self._sets += [dict(event.fields) for event in update.events if event.kind == "set"]

    def rows(self) -> list[SummaryRow]:
        """One row per side and activity that occurred, in the order of the activities."""
        keys = {*self._steps, *self._episodes, *(k for k, still in self._still.items() if still.rows)}
        return [self._row(*key) for key in sorted(keys)]

    def extras(self) -> dict[str, Any]:
        """JSON values: left_right (right less left, deg), sets, thirds (last less first), worst_steps, counts."""
        return {
            "left_right": self._left_right(),
            "sets": self._sets,
            "thirds": self._thirds(),
            "worst_steps": self._worst(),
            "counts": {
                "steps": sum(len(steps) for steps in self._steps.values()),
                "episodes": sum(self._episodes.values()),
                "sets": len(self._sets),
            },
        }

    def _add_rows(self, leg: LegResult) -> None:
        for activity in _TIMED:
            still = self._still.setdefault((leg.side.value, activity), _Still())
            rows = leg.activity == int(activity)
            count = int(np.count_nonzero(rows))
            still.rows += count
            still.seconds += count / leg.block.rate_hz
            still.valid += int(np.count_nonzero(rows & leg.block.valid))

    def _add_episode(self, episode: EpisodeRow) -> None:
        key = episode.side, _activity(episode.activity)
        self._episodes[key] = self._episodes.get(key, 0) + 1

    def _row(self, side: str, activity: Activity) -> SummaryRow:
        p = self.parameters
        steps = self._steps.get((side, activity), [])
        episodes = self._episodes.get((side, activity), 0)
        still = self._still.get((side, activity), _Still())
        if activity in _TIMED:
            duration, quality = still.seconds, still.valid / still.rows if still.rows else 0.0
        else:
            duration = sum(s.end_s - s.start_s for s in steps)
            quality = _mean([s.quality for s in steps], 1) * min(1.0, len(steps) / p.plenty) if steps else 0.0

        def mean(name: str) -> float:
            return _mean([getattr(s, name) for s in steps], p.fewest)

        def p95(name: str) -> float:
            values = _finite(getattr(s, name) for s in steps)
            return float(np.percentile(values, 95)) if len(values) >= p.fewest_p95 else nan

        peaks = _finite(s.peak_abduction_deg for s in steps)
        return SummaryRow(
            side=side,
            activity=activity.label,
            steps=len(steps),
            duration_s=round(duration, 3),
            episodes=episodes,
            episodes_per_100_steps=100.0 * episodes / len(steps) if len(steps) >= p.fewest else nan,
            peak_abduction_mean_deg=mean("peak_abduction_deg"),
            peak_abduction_sd_deg=float(np.std(peaks, ddof=1)) if len(peaks) >= p.fewest else nan,
            peak_abduction_p95_deg=p95("peak_abduction_deg"),
            peak_valgus_excess_mean_deg=mean("peak_valgus_excess_deg"),
            peak_valgus_excess_p95_deg=p95("peak_valgus_excess_deg"),
            peak_medial_collapse_mean_deg=mean("peak_medial_collapse_deg"),
            peak_medial_collapse_p95_deg=p95("peak_medial_collapse_deg"),
            rotation_range_mean_deg=mean("rotation_range_deg"),
            peak_flexion_mean_deg=mean("peak_flexion_deg"),
            cadence_mean_spm=mean("cadence_spm"),
            quality=round(quality, 3),
        )

    def _left_right(self) -> list[dict[str, object]]:
        """Right less left in degrees, where both sides have enough steps (a ratio blows up near zero)."""
        found = []
        for activity in sorted({activity for _, activity in self._steps}):
            sides = [self._steps.get((side, activity), []) for side in ("left", "right")]
            entry: dict[str, object] = {"activity": activity.label, "steps_left": len(sides[0])}
            entry["steps_right"] = len(sides[1])
            for name in _COMPARED:
                left, right = (_mean([getattr(s, name) for s in steps], self.parameters.fewest) for steps in sides)
                entry[name] = _json(right - left)
            if all(sides):
                found.append(entry)
        return found

    def _thirds(self) -> list[dict[str, object]]:
        """Last third less first third of a side's steps of an activity, deg: what grows with fatigue."""
        found = []
        for (side, activity), steps in sorted(self._steps.items()):
            third = len(steps) // 3
            if len(steps) < self.parameters.fewest_thirds:
                continue
            ordered = sorted(steps, key=lambda s: s.start_s)
            entry: dict[str, object] = {"side": side, "activity": activity.label, "steps": len(steps)}
            for name in _COMPARED:
                first, last = (
                    _mean([getattr(s, name) for s in part], self.parameters.fewest)
                    for part in (ordered[:third], ordered[-third:])
                )
                entry[name] = _json(last - first)
            found.append(entry)
        return found

    def _worst(self) -> list[dict[str, object]]:
        """The steps with the largest valgus excess of all."""
        steps = [s for steps in self._steps.values() for s in steps if isfinite(s.peak_valgus_excess_deg)]
        steps.sort(key=lambda s: (-s.peak_valgus_excess_deg, s.side, s.start_s))
        return [
            {
                "side": s.side,
                "activity": s.activity,
                "index": s.index,
                "start_s": _json(s.start_s),
                "end_s": _json(s.end_s),
                "peak_valgus_excess_deg": _json(s.peak_valgus_excess_deg),
                "peak_medial_collapse_deg": _json(s.peak_medial_collapse_deg),
            }
            for s in steps[: self.parameters.worst]
        ]


@dataclass(slots=True)
class _Still:
    rows: int = 0
    valid: int = 0
    seconds: float = 0.0


def _activity(label: str) -> Activity:
    return Activity[label.upper()]


def _finite(values: Iterable[float]) -> list[float]:
    return [v for v in values if isfinite(v)]


def _mean(values: Sequence[float], fewest: int) -> float:
    known = _finite(values)
    return float(np.mean(known)) if len(known) >= fewest else nan


def _json(value: float) -> float | None:
    return round(value, 3) if isfinite(value) else None
