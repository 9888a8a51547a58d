"""Exercise sets: rows of repetitions of one kind, what was prescribed, and what each set came to.

A set is over when another exercise begins, after a walk, or after a long pause. A single repetition of another kind
amid a set is taken for one that was called by the wrong name, and counts. Of each set: repetitions, tempo, depth, how
many were clean and how many held a valgus episode. In lunges and step-ups also the forward lean of the loaded
shank: where it is larger than `toes_lean_deg`, the knee stands in front of the toes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, nan, sqrt
from types import MappingProxyType

from pipeline.blocks import Activity
from pipeline.rows import StepRow

EXERCISES = frozenset(
    {
        Activity.LUNGE,
        Activity.SQUAT,
        Activity.SINGLE_LEG_SQUAT,
        Activity.DEADLIFT,
        Activity.STEP_UP,
        Activity.STEP_DOWN,
    }
)
"""Activities that come in sets."""

_LEANING = frozenset({Activity.LUNGE, Activity.STEP_UP})
_WALKED = frozenset({Activity.WALKING, Activity.STAIR_ASCENT, Activity.STAIR_DESCENT})


@dataclass(frozen=True, slots=True)
class Prescription:
    """What is asked for, from and to: sets of each exercise and repetitions of each set (1 to 3 sets of 8 to 12:
    the American College of Sports Medicine's usual range for strength), by_activity where it differs."""

    sets: tuple[int, int] = (1, 3)
    repetitions: tuple[int, int] = (8, 12)
    by_activity: Mapping[Activity, tuple[tuple[int, int], tuple[int, int]]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def of(self, activity: Activity) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sets and repetitions asked for in an exercise."""
        return self.by_activity.get(activity, (self.sets, self.repetitions))


@dataclass(frozen=True, slots=True)
class SetParameters:
    """pause_s: a longer pause ends a set. fewest: repetitions that make a set. walk: so many steps of gait end it.

    settled: after so many repetitions of one kind a single one of another is taken for one of them.

    toes_lean_deg: the knee is above the tip of the toes. With Winter's proportions (foot 0.152 of the height, shank
    0.246, a quarter of the foot behind the ankle) it is asin(0.75 * 0.152 / 0.246) = 27.6 deg, whatever the height.
    rear_lean_deg: a shank that leans more is the rear one of a lunge, and not looked at.
    """

    pause_s: float = 12.0
    fewest: int = 2
    walk: int = 3
    settled: int = 3
    toes_lean_deg: float = 27.6
    rear_lean_deg: float = 60.0


@dataclass(frozen=True, slots=True)
class ExerciseSet:
    """A finished set. tempo_s: mean seconds a repetition; depth_deg: mean peak flexion; *_sd: between repetitions.

    clean, collapsed: repetitions without and with an episode. shank_lean_deg: mean over the repetitions of the loaded
    shank's largest forward lean, past_toes: repetitions in which the knee went past the toes (NaN, 0: not looked at).
    """

    activity: Activity
    start_s: float
    end_s: float
    repetitions: int
    clean: int
    collapsed: int
    tempo_s: float
    tempo_sd_s: float
    depth_deg: float
    depth_sd_deg: float
    shank_lean_deg: float
    past_toes: int

    def fields(self) -> dict[str, object]:
        """JSON values; what is unknown is None, lean only where the exercise asks for it."""
        values: dict[str, object] = {
            "activity": self.activity.label,
            "start_s": _json(self.start_s),
            "end_s": _json(self.end_s),
            "repetitions": self.repetitions,
            "clean": self.clean,
            "collapsed": self.collapsed,
            "tempo_s": _json(self.tempo_s),
            "tempo_sd_s": _json(self.tempo_sd_s),
            "depth_deg": _json(self.depth_deg),
            "depth_sd_deg": _json(self.depth_sd_deg),
        }
        if self.activity in _LEANING:
            values |= {"shank_lean_deg": _json(self.shank_lean_deg), "past_toes": self.past_toes}
        return values


class SetFinder:
    """Groups repetitions into sets. `row` returns the set that is thereby over."""

    def __init__(self, parameters: SetParameters | None = None) -> None:
        self.parameters = parameters or SetParameters()
        self._rows: list[StepRow] = []
        self._activity = Activity.OTHER
        self._collapsed: set[int] = set()
        self._steps = 0
        self._odd: tuple[Activity, StepRow] | None = None

    def row(self, activity: Activity, row: StepRow) -> ExerciseSet | None:
        """The next step or repetition."""
        if activity not in EXERCISES:
            self._steps += activity in _WALKED
            return self.finish() if self._steps >= self.parameters.walk else None
        p, over = self.parameters, None
        last = self._odd[1] if self._odd is not None else self._rows[-1] if self._rows else row
        paused = row.start_s - last.end_s > p.pause_s
        if self._rows and activity is not self._activity and not paused and self._odd is None:
            if len(self._rows) >= p.settled:
                self._odd = activity, row
                self._steps = 0
                return None
            over = self.finish()
        elif self._odd is not None and activity is self._activity and not paused:
            self._rows.append(self._odd[1])
            self._odd = None
        elif self._rows and (activity is not self._activity or paused):
            odd = self._odd
            over = self.finish()
            if odd is not None and odd[0] is activity and not paused:
                self._rows.append(odd[1])
        self._activity = activity
        self._rows.append(row)
        self._steps = 0
        return over

    def collapse(self, step_index: int) -> None:
        """An episode lies in this step or repetition."""
        self._collapsed.add(step_index)

    @property
    def over_s(self) -> float:
        """When the set in progress is over unless another repetition comes; infinite without one."""
        last = self._odd[1] if self._odd is not None else self._rows[-1] if self._rows else None
        return last.end_s + self.parameters.pause_s if last is not None else inf

    @property
    def now(self) -> tuple[Activity, int, int]:
        """The set in progress: exercise, repetitions so far, and how many of them held an episode."""
        rows = [*self._rows, *([self._odd[1]] if self._odd is not None else [])]
        return self._activity, len(rows), len(self._collapsed & {row.index for row in rows})

    def finish(self) -> ExerciseSet | None:
        """The set in progress, which ends here."""
        rows, collapsed = self._rows, self._collapsed
        self._rows, self._steps, self._odd = [], 0, None
        p = self.parameters
        own = {r.index for r in rows}
        # What fell after the set belongs to the next one.
        self._collapsed = {index for index in collapsed if own and index > max(own)}
        if len(rows) < p.fewest:
            return None
        fallen = len(collapsed & own)
        tempo, tempo_sd = _mean_sd([r.end_s - r.start_s for r in rows])
        depth, depth_sd = _mean_sd([r.peak_flexion_deg for r in rows])
        leans = [r.shank_lean_deg for r in rows if r.shank_lean_deg < p.rear_lean_deg]
        return ExerciseSet(
            activity=self._activity,
            start_s=rows[0].start_s,
            end_s=rows[-1].end_s,
            repetitions=len(rows),
            clean=len(rows) - fallen,
            collapsed=fallen,
            tempo_s=tempo,
            tempo_sd_s=tempo_sd,
            depth_deg=depth,
            depth_sd_deg=depth_sd,
            shank_lean_deg=_mean_sd(leans)[0],
            past_toes=sum(lean > p.toes_lean_deg for lean in leans),
        )


def _mean_sd(values: list[float]) -> tuple[float, float]:
    """Of the finite ones; NaN of none, and a standard deviation of two at least."""
    known = [v for v in values if isfinite(v)]
    if not known:
        return nan, nan
    mean = sum(known) / len(known)
    if len(known) < 2:
        return mean, nan
    return mean, sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1))


def _json(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None
