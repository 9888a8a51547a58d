"""How far a knee stands above its clean movement, how sure that is, and what it amounts to.

A wrong relative heading shows as abduction in a bent knee, but not in the medial tilts, which need gravity only. Knee
abduction e under a shank that leans by L does show there: medial collapse rises by e cos(L) - r sin(L), with a tibia
that turns in by r, at most about as much as the knee abducts. So abduction counts only where medial collapse stands
above 0.3 of it, give or take 1.5 standard deviations: what contradicts gravity is an error, not a collapse.

Confidence is the probability that the threshold over the clean movement was truly exceeded, for normal errors of the
estimate and of the clean reference (the spread of clean movement about it).
"""

from dataclasses import dataclass
from math import degrees, erf, hypot, inf, isfinite, nan, sqrt
from typing import NamedTuple

from pipeline.blocks import Activity, LegBlock
from pipeline.thresholds import Limits, ValgusParameters

SEVERITIES = ("notice", "marked", "strong")


class Row(NamedTuple):
    """What is looked at of one row, rad."""

    flexion: float
    excess: float
    collapse: float
    excess_sd: float
    collapse_sd: float


@dataclass(slots=True)
class Top:
    """The highest values above the clean movement so far, deg, how sure they are, and the row of the peak: where a
    measure stands highest as a share of its threshold."""

    ratio: float = 0.0
    peak: int = 0
    excess: float = -inf
    collapse: float = -inf
    excess_sd: float = nan
    collapse_sd: float = nan


class AboveClean:
    """The rows of a leg against the clean movement of an activity."""

    def __init__(self, parameters: ValgusParameters) -> None:
        self._p = parameters

    def over(self, row: Row, activity: Activity) -> tuple[float, float]:
        """Excess and collapse above clean, deg; no excess where medial collapse contradicts it."""
        p = self._p
        clean_excess, clean_collapse = p.clean.of(activity).at(degrees(row.flexion))
        excess, collapse = degrees(row.excess) - clean_excess, degrees(row.collapse) - clean_collapse
        if collapse < p.support_share * excess:
            unsure = p.support_sd * self._sd(row, activity)[1]
            if degrees(row.excess_sd) > p.unsupported_sd_deg:
                unsure = 0.0
            if not collapse + unsure > p.support_share * excess:
                excess = 0.0
        return excess, collapse

    def note(self, top: Top, at: int, row: Row, activity: Activity, over: tuple[float, float]) -> None:
        """Take the grid row `at`, which stands `over` the clean movement by so much, into the highest values."""
        excess, collapse = over
        limits = self._p.of(activity)
        ratio = max(excess / limits.excess_deg[0], collapse / limits.collapse_deg[0])
        if ratio > top.ratio:
            top.ratio, top.peak = ratio, at
        if excess > top.excess or collapse > top.collapse:
            sd = self._sd(row, activity)
            if excess > top.excess:
                top.excess, top.excess_sd = excess, sd[0]
            if collapse > top.collapse:
                top.collapse, top.collapse_sd = collapse, sd[1]

    def top_of(self, block: LegBlock, activity: Activity) -> Top:
        """The highest values of a whole stretch."""
        top = Top(peak=block.start)
        columns = (block.flexion, block.excess, block.collapse, block.excess_sd, block.collapse_sd)
        for at, values in enumerate(zip(*(c.tolist() for c in columns), strict=True), block.start):
            row = Row(*values)
            self.note(top, at, row, activity, self.over(row, activity))
        return top

    def _sd(self, row: Row, activity: Activity) -> tuple[float, float]:
        """Standard deviations (deg) of both measures above the clean movement."""
        clean = self._p.clean.of(activity).sd_at(degrees(row.flexion))
        return hypot(degrees(row.excess_sd), clean[0]), hypot(degrees(row.collapse_sd), clean[1])


def verdict(top: Top, limits: Limits) -> tuple[str, str, float]:
    """Measure, severity and confidence under some thresholds."""
    excess = sum(top.excess > limit for limit in limits.excess_deg)
    collapse = sum(top.collapse > limit for limit in limits.collapse_deg)
    by_ratio = top.excess / limits.excess_deg[0] >= top.collapse / limits.collapse_deg[0]
    if excess and collapse:
        measure = "both"
    elif excess or (not collapse and by_ratio):
        measure = "abduction"
    else:
        measure = "collapse"
    chances = [
        _exceeded(top.excess, limits.excess_deg[0], top.excess_sd),
        _exceeded(top.collapse, limits.collapse_deg[0], top.collapse_sd),
    ]
    return measure, SEVERITIES[max(excess, collapse, 1) - 1], max(chances)


def _exceeded(value: float, limit: float, sd: float) -> float:
    """Probability that the truth lies above the limit, for a normal error."""
    if not (isfinite(value) and isfinite(sd)):
        return 0.0
    return 0.5 * (1.0 + erf((value - limit) / (sqrt(2.0) * max(sd, 1e-6))))
