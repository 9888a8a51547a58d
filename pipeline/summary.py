"""The session in a few rows: per side and activity, and what compares sides, sets and the beginning with the end.

Steps and repetitions are averaged over those in which a value is known. Where there are too few, the value is NaN and
`too_little` says so in words: too little is said, not averaged. Differences (right less left, last third less first)
come with their standard error, and are called clear only beyond twice that and beyond the smallest change that can be
detected at all. Standing and sitting have a duration only. Kept per step are a dozen numbers, so that an hour of
walking stays under a megabyte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

from pipeline.blocks import Activity
from pipeline.rows import EpisodeRow, StepRow, SummaryRow
from pipeline.sets import EXERCISES, Prescription
from pipeline.thresholds import Limits
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
    """When there is too little, and why there.

    The peaks of one person's clean steps vary by 0.5 to 1.2 deg (standard deviation, in simulation). fewest: with 5 of
    them the mean is known to within 1.5 deg (95 %: 2.8 * 1.2 / sqrt(5)), half of the smallest change that can be
    detected within a session, 2 to 3 deg (biomechanics notes, section 7); with 3 it would be 3 deg. fewest_p95: below
    20 values a 95th percentile is but a guess beyond the second largest. fewest_thirds: with 12, thirds of 4, a
    difference of 2 deg stands out of chance (1.96 * 1.2 * sqrt(2 / 4) = 1.7). detectable_deg: a smaller difference is
    none. plenty: from here on numbers cost no quality. worst: how many worst steps are listed.
    """

    fewest: int = 5
    fewest_p95: int = 20
    plenty: int = 8
    fewest_thirds: int = 12
    detectable_deg: float = 2.0
    worst: int = 5


class Summary:
    """Collects updates; `rows` and `extras` may be asked for at any time."""

    def __init__(self, parameters: SummaryParameters | None = None, prescription: Prescription | None = None) -> None:
        self.parameters = parameters or SummaryParameters()
        self.prescription = prescription or Prescription()
        self._steps: dict[tuple[str, Activity], list[StepRow]] = {}
        self._episodes: dict[tuple[str, Activity], int] = {}
        self._still: dict[tuple[str, Activity], _Still] = {}
        self._sets: list[dict[str, object]] = []
        self._cued_otherwise = 0
        self._withdrawn = 0

    def add(self, update: Update) -> None:
        """What the session handed on."""
        for leg in update.legs:
            self._add_rows(leg)
        for step in update.steps:
            self._steps.setdefault((step.side, _activity(step.activity)), []).append(step)
        for episode in update.episodes:
            self._add_episode(episode)
        for event in update.events:
            if event.kind == "set":
                self._add_set(dict(event.fields))
            self._withdrawn += event.kind == "episode_end" and event.fields.get("withdrawn") is True

    def rows(self) -> list[SummaryRow]:
        """One row per side and activity that occurred, in the order of the activities."""
        keys = {*self._steps, *self._episodes, *(k for k, still in self._still.items() if still.rows)}
        return [self._row(*key) for key in sorted(keys)]

    def extras(self) -> dict[str, Any]:
        """JSON values: left_right (right less left, deg), sets, exercises (sets and repetitions against what was asked
        for), thirds (last less first, deg), worst_steps, too_little (in words), counts."""
        return {
            "left_right": self._left_right(),
            "sets": self._sets,
            "exercises": self._exercises(),
            "thirds": self._thirds(),
            "too_little": self._too_little(),
            "worst_steps": self._worst(),
            "counts": {
                "steps": sum(len(steps) for steps in self._steps.values()),
                "episodes": sum(self._episodes.values()),
                "sets": len(self._sets),
                "episodes_cued_as_another_activity": self._cued_otherwise,
                "cues_withdrawn": self._withdrawn,
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

    def _add_set(self, values: dict[str, Any]) -> None:
        """number: which set of its exercise and side; in_range: as many repetitions as were asked for."""
        activity = _activity(values["activity"])
        fewest, most = self.prescription.of(activity)[1]
        same = [s for s in self._sets if (s["side"], s["activity"]) == (values["side"], values["activity"])]
        in_range = fewest <= values["repetitions"] <= most
        self._sets.append({**values, "number": len(same) + 1, "asked": [fewest, most], "in_range": in_range})

    def _add_episode(self, episode: EpisodeRow) -> None:
        self._cued_otherwise += episode.activity != episode.activity_at_onset
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

        def sd(name: str) -> float:
            values = _finite(getattr(s, name) for s in steps)
            return float(np.std(values, ddof=1)) if len(values) >= p.fewest else nan

        return SummaryRow(
            side=side,
            activity=activity.label,
            steps=len(steps),
            duration_s=round(duration, 3),
            episodes=episodes,
            episodes_per_100_steps=100.0 * episodes / len(steps) if len(steps) >= p.fewest else nan,
            peak_abduction_mean_deg=mean("peak_abduction_deg"),
            peak_abduction_sd_deg=sd("peak_abduction_deg"),
            peak_abduction_p95_deg=p95("peak_abduction_deg"),
            peak_valgus_excess_mean_deg=mean("peak_valgus_excess_deg"),
            peak_valgus_excess_p95_deg=p95("peak_valgus_excess_deg"),
            peak_medial_collapse_mean_deg=mean("peak_medial_collapse_deg"),
            peak_medial_collapse_p95_deg=p95("peak_medial_collapse_deg"),
            rotation_range_mean_deg=mean("rotation_range_deg"),
            peak_flexion_mean_deg=mean("peak_flexion_deg"),
            cadence_mean_spm=mean("cadence_spm"),
            quality=round(quality, 3),
            peak_valgus_excess_sd_deg=sd("peak_valgus_excess_deg"),
            peak_medial_collapse_sd_deg=sd("peak_medial_collapse_deg"),
        )

    def _left_right(self) -> list[dict[str, object]]:
        """Right less left in degrees, where both sides have steps (a ratio blows up near zero)."""
        found = []
        for activity in sorted({activity for _, activity in self._steps}):
            left, right = (self._steps.get((side, activity), []) for side in ("left", "right"))
            if left and right:
                entry: dict[str, object] = {"activity": activity.label, "steps_left": len(left)}
                found.append(
                    entry | {"steps_right": len(right)} | self._difference(left, right, self.parameters.fewest)
                )
        return found

    def _thirds(self) -> list[dict[str, object]]:
        """Last third less first third of a side's steps of an activity, deg: what grows with fatigue."""
        found = []
        for (side, activity), steps in sorted(self._steps.items()):
            if len(steps) < self.parameters.fewest_thirds:
                continue
            third = len(steps) // 3
            ordered = sorted(steps, key=lambda s: s.start_s)
            entry: dict[str, object] = {"side": side, "activity": activity.label, "steps": len(steps)}
            fewest = self.parameters.fewest_thirds // 3
            found.append(entry | self._difference(ordered[:third], ordered[-third:], fewest))
        return found

    def _difference(self, one: Sequence[StepRow], other: Sequence[StepRow], fewest: int) -> dict[str, object]:
        """Mean of `other` less mean of `one`, its standard error, and which measures differ clearly."""
        values: dict[str, object] = {}
        clear: list[str] = []
        for name in _COMPARED:
            a, b = (_finite(getattr(s, name) for s in steps) for steps in (one, other))
            if min(len(a), len(b)) < fewest:
                values |= {name: None, name.replace("_deg", "_se_deg"): None}
                continue
            difference = float(np.mean(b) - np.mean(a))
            error = sqrt(float(np.var(a, ddof=1)) / len(a) + float(np.var(b, ddof=1)) / len(b))
            values |= {name: _json(difference), name.replace("_deg", "_se_deg"): _json(error)}
            if abs(difference) > max(2.0 * error, self.parameters.detectable_deg):
                clear.append(name)
        return values | {"clear": clear}

    def _exercises(self) -> list[dict[str, object]]:
        """Per side and exercise: sets and repetitions done, and whether that is what was asked for."""
        found = []
        for key in sorted(k for k in self._steps if k[1] in EXERCISES):
            side, activity = key
            own = [s for s in self._sets if (s["side"], s["activity"]) == (side, activity.label)]
            asked = self.prescription.of(activity)[0]
            found.append(
                {
                    "side": side,
                    "activity": activity.label,
                    "sets": len(own),
                    "repetitions": len(self._steps[key]),
                    "asked_sets": list(asked),
                    "in_range": asked[0] <= len(own) <= asked[1] and all(s["in_range"] for s in own),
                }
            )
        return found

    def _too_little(self) -> list[str]:
        """What is not averaged or compared because there is too little of it."""
        p = self.parameters
        said = []
        for (side, activity), steps in sorted(self._steps.items()):
            known = len(_finite(s.peak_abduction_deg for s in steps))
            what = "repetition" if activity in EXERCISES or activity is Activity.SIT_TO_STAND else "step"
            name = f"{side} {activity.label.replace('_', ' ')}"
            if known < p.fewest:
                of = "" if known == len(steps) else f" with known angles, of {len(steps)}"
                said.append(f"{name}: {known} {what}{'' if known == 1 else 's'}{of}; means need {p.fewest}")
            elif len(steps) < p.fewest_thirds:
                said.append(f"{name}: {len(steps)} {what}s; a comparison of beginning and end needs {p.fewest_thirds}")
        return said

    def _worst(self) -> list[dict[str, object]]:
        """The steps in which a measure stands highest as a share of its usual threshold."""
        ranked = [(_badness(s), s) for steps in self._steps.values() for s in steps]
        ranked = sorted((r for r in ranked if isfinite(r[0])), key=lambda r: (-r[0], r[1].side, r[1].start_s))
        return [
            {
                "side": s.side,
                "activity": s.activity,
                "index": s.index,
                "start_s": _json(s.start_s),
                "end_s": _json(s.end_s),
                "peak_abduction_s": _json(s.peak_abduction_s),
                "peak_valgus_excess_deg": _json(s.peak_valgus_excess_deg),
                "peak_medial_collapse_deg": _json(s.peak_medial_collapse_deg),
            }
            for _, s in ranked[: self.parameters.worst]
        ]


@dataclass(slots=True)
class _Still:
    rows: int = 0
    valid: int = 0
    seconds: float = 0.0


def _badness(step: StepRow) -> float:
    """The larger of both measures' shares of the default thresholds; NaN where neither is known."""
    usual = Limits()
    shares = [step.peak_valgus_excess_deg / usual.excess_deg[0], step.peak_medial_collapse_deg / usual.collapse_deg[0]]
    return max(_finite(shares), default=nan)


def _activity(label: str) -> Activity:
    return Activity[label.upper()]


def _finite(values: Iterable[float]) -> list[float]:
    return [v for v in values if isfinite(v)]


def _mean(values: Sequence[float], fewest: int) -> float:
    known = _finite(values)
    return float(np.mean(known)) if len(known) >= fewest else nan


def _json(value: float) -> float | None:
    return round(value, 3) if isfinite(value) else None
