"""Whether a figure has changed from the first session to the last: only beyond the smallest detectable change.

The smallest detectable change between two sessions is 1.96 sqrt(2) times the standard error of measurement (MDC95),
and what makes that error large is above all the strapping-on: sensors never sit twice in the same place. Until it has
been measured on people with this system, one range is assumed for all sideways measures, and a change is called one
only beyond the upper end; inside the range it is unclear. Counts of episodes carry no such figure, so nothing is said
of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import isfinite, nan

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


_ASSUMED = (
    "assumed, as no figure is published for sideways angles from sensors on the skin. Sensors put on anew on simulated "
    "people who move alike each time ask for {}; real skin, and people who never move alike, for more"
)
_FLEXION = "as published for inertial sensors, knee in the sagittal plane, between sessions"
SMALLEST_DETECTABLE = {
    "peak_valgus_excess_mean_deg": Detectable(4.0, 6.0, _ASSUMED.format("1.2 to 3.2 deg")),
    "peak_medial_collapse_mean_deg": Detectable(4.0, 6.0, _ASSUMED.format("1.2 to 3.2 deg")),
    "peak_abduction_mean_deg": Detectable(4.0, 6.0, _ASSUMED.format("1.5 to 4.5 deg")),
    "peak_flexion_mean_deg": Detectable(3.4, 9.2, _FLEXION),
}
"""By column of the summary: the one place to enter a measured repeatability. The simulated ones: `python -m
tests.benchmarks.accuracy --only strapping --people 10`, seeds 100 to 109, over nine activities, offline."""
SIDEWAYS = ("peak_valgus_excess_mean_deg", "peak_medial_collapse_mean_deg")


class Verdict(StrEnum):
    """What can be said of a change."""

    NONE = "no change"
    UNCLEAR = "unclear"
    LESS = "less"
    MORE = "more"
    UNKNOWN = "too little data"


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of one side and activity. values: by session, NaN where unknown; first, last: of those that count."""

    values: list[float]
    first: float
    last: float
    verdict: Verdict

    @property
    def change(self) -> float:
        """Last less first."""
        return self.last - self.first


def change(sessions: Sequence[Sitting], side: str, activity: str, column: str) -> Change:
    """How a column of the summary has gone over the sessions; those of poor quality are shown but decide nothing."""
    values, counted = [], []
    for sitting in sessions:
        row = sitting.rows.get((side, activity), {})
        value = real(row.get(column))
        values.append(value)
        if isfinite(value) and not real(row.get("quality")) < LEAST_QUALITY:
            counted.append(value)
    if len(counted) < 2:
        return Change(values, counted[0] if counted else nan, nan, Verdict.UNKNOWN)
    return Change(values, counted[0], counted[-1], verdict(counted[-1] - counted[0], column))


def verdict(difference_deg: float, column: str) -> Verdict:
    """Whether a difference between two sessions is one. column: of the summary."""
    smallest = SMALLEST_DETECTABLE.get(column)
    if smallest is None or not isfinite(difference_deg):
        return Verdict.UNKNOWN
    if abs(difference_deg) <= smallest.low_deg:
        return Verdict.NONE
    if abs(difference_deg) <= smallest.high_deg:
        return Verdict.UNCLEAR
    return Verdict.MORE if difference_deg > 0 else Verdict.LESS


def hints(sessions: Sequence[Sitting], verdicts: Iterable[Verdict]) -> list[str]:
    """When it is time to ask somebody who knows; never what is wrong.

    verdicts: on the sideways measures of all activities and legs.
    """
    found = []
    for sitting in sessions:
        if sitting.check is not None and sitting.check.any:
            found.append(f"On {sitting.start:%Y-%m-%d} the person ticked before the session: {sitting.check.words()}.")
    if found:
        found.append("These are reasons to stop and to seek professional advice before the programme goes on.")
    known = [each for each in verdicts if each is not Verdict.UNKNOWN]
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
