"""Whether a figure has changed from the first sessions to the last: only beyond the smallest detectable change.

The smallest detectable change between two sessions is 1.96 sqrt(2) times the standard error of measurement (MDC95),
and what makes that error large is above all the strapping-on: sensors never sit twice in the same place. A table holds
what strapping on anew makes in simulation, for each activity and measure: a lower bound, since simulated people move
alike each time. No between-day figure is published for sideways angles from sensors on the skin, so 4 to 6 deg are
assumed, and the larger counts. Up to the lower end there is no change, beyond the upper end there is one, between
them it is unclear.

Means of several sessions are known better: where there are four or more, the first and the last two are compared, of
six or more the last three, and the limits shrink with the square root. A person's own repeatability takes the place of
what is assumed where it is known: from sessions on one day with the sensors put on anew, with Student's t for as few
as there are. Counts of episodes carry no such figure, so nothing is said of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite, nan, sqrt
from statistics import fmean, variance

from scipy.special import stdtrit

from pipeline.screens.session_tables import real
from pipeline.screens.trends_sessions import Sitting

LEAST_QUALITY = 0.4
SEVERAL_WEEKS = timedelta(days=21)
LEAST_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest detectable change between sessions, deg: below low_deg none, above high_deg one; and its source."""

    low_deg: float
    high_deg: float
    source: str


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own spread between sessions on one day: sd_deg, its degrees of freedom, and on how many days."""

    sd_deg: float
    degrees: int
    days: int

    @property
    def detectable_deg(self) -> float:
        """The smallest detectable change between two sessions."""
        return float(stdtrit(self.degrees, 0.975)) * sqrt(2.0) * self.sd_deg


ASSUMED = (4.0, 6.0)
"""Between sessions, sideways measures, deg: assumed."""
_ABOVE_STRAPPING = 1.5
"""The upper end is at least so many times what strapping on anew makes by itself."""
_FLEXION = (3.4, 9.2)
"""As published for inertial sensors, knee in the sagittal plane, between sessions."""
_MEASURES = ("peak_abduction_mean_deg", "peak_valgus_excess_mean_deg", "peak_medial_collapse_mean_deg")
STRAPPING = {
    "walking": (1.3, 0.9, 1.8),
    "stair_ascent": (3.0, 1.9, 2.4),
    "stair_descent": (2.3, 1.1, 2.3),
    "lunge": (3.2, 1.6, 2.6),
    "squat": (4.4, 2.5, 1.5),
    "single_leg_squat": (2.8, 1.9, 0.9),
    "step_up": (3.0, 2.1, 1.7),
    "step_down": (2.9, 2.1, 1.4),
    "sit_to_stand": (2.5, 1.6, 2.3),
}
"""Smallest detectable change between two strappings (deg) of peak abduction, excess and medial collapse, simulated:
`python -m tests.benchmarks.accuracy --only strapping --people 10`, seeds 100 to 109, offline. An activity that is not
named takes the largest."""
_TICKED_SHOWN = 3
OWN_DEGREES = 5
"""A person's own repeatability counts from so many degrees of freedom on: below, Student's t makes it useless."""


def smallest(activity: str, column: str, own: Own | None = None, count: int = 1) -> Detectable | None:
    """The smallest detectable change of a summary's column, of the mean of `count` sessions; None where unknown."""
    if column == "peak_flexion_mean_deg":
        low, high = _FLEXION
        source = "as published for inertial sensors, knee in the sagittal plane, between sessions"
    elif column in _MEASURES:
        at = _MEASURES.index(column)
        strapping = STRAPPING[activity][at] if activity in STRAPPING else max(row[at] for row in STRAPPING.values())
        low, high = max(ASSUMED[0], strapping), max(ASSUMED[1], _ABOVE_STRAPPING * strapping)
        source = f"assumed; strapping on anew makes {strapping:.1f} deg of it, in simulation"
        if own is not None and own.degrees >= OWN_DEGREES:
            low = high = max(strapping, own.detectable_deg)
            source = f"this person's own, from {own.degrees + own.days} sessions on {own.days} days"
    else:
        return None
    return Detectable(low / sqrt(count), high / sqrt(count), source)


def own_repeatability(sessions: Sequence[Sitting], side: str, activity: str, column: str) -> Own | None:
    """From days on which there were several sessions."""
    days: dict[date, list[float]] = {}
    for sitting, value in _counted(sessions, side, activity, column):
        days.setdefault(sitting.start.date(), []).append(value)
    several = [values for values in days.values() if len(values) > 1]
    degrees = sum(len(values) - 1 for values in several)
    if not degrees:
        return None
    return Own(sqrt(sum(variance(values) * (len(values) - 1) for values in several) / degrees), degrees, len(several))


SIDEWAYS = ("peak_valgus_excess_mean_deg", "peak_medial_collapse_mean_deg")


class Verdict(StrEnum):
    """What can be said of a change."""

    NONE = "no change"
    UNCLEAR = "unclear"
    LESS = "less"
    MORE = "more"
    UNKNOWN = "too little data"
    FIRST = "one session"


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of one side and activity. values: by session, NaN where unknown; first, last: means of the `count` first
    and last sessions that count; spread: standard deviation between the sessions that count; limits: what is none and
    what is one."""

    values: list[float]
    first: float
    last: float
    verdict: Verdict
    count: int = 1
    spread: float = nan
    limits: Detectable | None = None

    @property
    def change(self) -> float:
        """Last less first."""
        return self.last - self.first

    @property
    def alone(self) -> bool:
        """Whether one session alone counts: there is nothing to compare it with."""
        return isfinite(self.first) and not isfinite(self.last)


def change(sessions: Sequence[Sitting], side: str, activity: str, column: str) -> Change:
    """How a column of the summary has gone over the sessions; those of poor quality are shown but decide nothing."""
    values = [real(sitting.rows.get((side, activity), {}).get(column)) for sitting in sessions]
    counted = [value for _, value in _counted(sessions, side, activity, column)]
    if len(counted) < 2:
        limits = smallest(activity, column)
        word = Verdict.FIRST if counted else Verdict.UNKNOWN
        return Change(values, counted[0] if counted else nan, nan, word, limits=limits)
    count = 1 if len(counted) < 4 else 2 if len(counted) < 6 else 3
    limits = smallest(activity, column, own_repeatability(sessions, side, activity, column), count)
    first, last = fmean(counted[:count]), fmean(counted[-count:])
    return Change(values, first, last, verdict(last - first, limits), count, sqrt(variance(counted)), limits)


def _counted(sessions: Sequence[Sitting], side: str, activity: str, column: str) -> Iterator[tuple[Sitting, float]]:
    """The sessions whose figure is known and of sufficient quality."""
    for sitting in sessions:
        row = sitting.rows.get((side, activity), {})
        value = real(row.get(column))
        if isfinite(value) and not real(row.get("quality")) < LEAST_QUALITY:
            yield sitting, value


def verdict(difference_deg: float, limits: Detectable | None) -> Verdict:
    """Whether a difference is one."""
    if limits is None or not isfinite(difference_deg):
        return Verdict.UNKNOWN
    if abs(difference_deg) <= limits.low_deg:
        return Verdict.NONE
    if abs(difference_deg) <= limits.high_deg:
        return Verdict.UNCLEAR
    return Verdict.MORE if difference_deg > 0 else Verdict.LESS


def hints(sessions: Sequence[Sitting], verdicts: Iterable[Verdict]) -> list[str]:
    """When it is time to ask somebody who knows; never what is wrong.

    verdicts: on the sideways measures of all activities and legs.
    """
    ticked = [s for s in sessions if s.check is not None and s.check.any]
    found = [
        f"On {sitting.start:%Y-%m-%d} the person ticked before the session: {sitting.check.words()}."
        for sitting in ticked[-_TICKED_SHOWN:]
        if sitting.check is not None
    ]
    if len(ticked) > _TICKED_SHOWN:
        found.insert(0, f"Before {len(ticked)} sessions the person ticked something; the last ones:")
    if found:
        found.append("These are reasons to stop and to seek professional advice before the programme goes on.")
    known = [each for each in verdicts if each not in (Verdict.UNKNOWN, Verdict.FIRST)]
    span = sessions[-1].start - sessions[0].start
    if not known or span < SEVERAL_WEEKS or len(sessions) < LEAST_SESSIONS:
        return found
    weeks = round(span.days / 7)
    if Verdict.MORE in known:
        found.append(
            f"Over {weeks} weeks a sideways measure became larger by more than the smallest detectable change. "
            "Consider showing this page to a physiotherapist or physician."
        )
    elif Verdict.LESS not in known:
        found.append(
            f"Over {weeks} weeks no sideways measure changed by more than the smallest detectable change. "
            "If a change was wanted, consider going through the programme with a physiotherapist or physician."
        )
    return found
