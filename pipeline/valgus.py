"""Valgus episodes: when a loaded knee falls inward, by how much, and which link gives way.

The method. Two measures are watched, each above its clean movement at the same flexion and activity: abduction above
the person's own unloaded path, and medial collapse (design: what valgus means). An episode is either of them above its
threshold, above twice its own standard deviation, and with a confidence of at least 0.6, for at least 100 ms of a
loaded phase; it ends where both fall below their thresholds less a hysteresis, the foot leaves the ground, or the
angles are no longer valid. The driver is
told from what changed since contact (or the start of the repetition); see driver.py.

A wrong relative heading shows as abduction in a bent knee, but not in the medial tilts, which need gravity only. Knee
abduction e under a shank that leans by L does show there: medial collapse rises by e cos(L) - r sin(L), with a tibia
that turns in by r, at most about as much as the knee abducts. So abduction counts only where medial collapse stands
above 0.3 of it, give or take 1.5 standard deviations: what contradicts gravity is an error, not an episode.

The cue is raised at once with the provisional activity's thresholds and clean curve; the row waits for the step or
repetition to be over and takes its final ones: an episode that is none under these is withdrawn, by a second
`episode_end`. Confidence is the probability that the threshold over the clean movement was truly exceeded, for normal
errors of the estimate and of the clean reference (the spread of clean movement about it).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import degrees, erf, hypot, inf, isfinite, nan, radians, sqrt

from pipeline.blocks import Activity, LegBlock
from pipeline.driver import UsualTurns, changes, driver
from pipeline.rows import EpisodeRow, RaisedEvent
from pipeline.thresholds import Limits, ValgusParameters

NOT_JUDGED = frozenset({Activity.STANDING, Activity.SITTING})
SEVERITIES = ("notice", "marked", "strong")
_DETAIL_S = 20.0
"""Of a longer episode only the end is looked at: earlier rows may no longer be kept."""


@dataclass(frozen=True, slots=True)
class WatchRows:
    """What the watch sees of each row, plain lists. Angles rad; codes: activity.

    judged: the angles are valid and the knee is loaded, as far as this row knows. since: row at which the loaded phase
    began; until: row at which it ended, infinite while it goes on.
    """

    flexion: list[float]
    excess: list[float]
    collapse: list[float]
    excess_sd: list[float]
    collapse_sd: list[float]
    judged: list[bool]
    since: list[float]
    until: list[float]
    codes: list[int]


@dataclass(frozen=True, slots=True)
class JudgedUnit:
    """A finished step or repetition. Rows; index: of its StepRow."""

    activity: Activity
    index: int
    begin: float
    end: float
    confirmed: int


@dataclass(slots=True)
class _Episode:
    start: float
    onset: Activity
    limits: Limits
    top: "_Top"
    end: float = inf
    raised: bool = False
    below: int = 0
    closed: int = 0


@dataclass(slots=True)
class _Top:
    """The highest values above the clean movement so far, deg, how sure they are, and the row of the peak: where a
    measure stands highest as a share of its threshold."""

    ratio: float = 0.0
    peak: int = 0
    excess: float = -inf
    collapse: float = -inf
    excess_sd: float = nan
    collapse_sd: float = nan


class ValgusWatch:
    """Watches one leg row by row. `rows_of(begin, end)` gives the kept rows of the leg, for an episode's details."""

    def __init__(
        self,
        side: str,
        rate_hz: float,
        rows_of: Callable[[int, int], LegBlock],
        parameters: ValgusParameters | None = None,
        usual: UsualTurns | None = None,
    ) -> None:
        self.parameters = parameters or ValgusParameters()
        self.usual = usual or UsualTurns()
        p = self.parameters
        self._side = side
        self._rate_hz = rate_hz
        self._rows_of = rows_of
        self._shortest = max(1, round(p.shortest_s * rate_hz))
        self._release = max(1, round(p.release_s * rate_hz))
        everywhere = [p.limits, *p.by_activity.values()]
        lowest = p.clean.lowest()
        # Below these no measure can be above its threshold: most rows need no more than two comparisons.
        self._quiet_excess = radians(min(limits.excess_deg[0] for limits in everywhere) + lowest[0])
        self._quiet_collapse = radians(min(limits.collapse_deg[0] for limits in everywhere) + lowest[1])
        self._now: _Episode | None = None
        self._pending: list[_Episode] = []

    def update(
        self, start: int, rows: WatchRows, units: Sequence[JudgedUnit]
    ) -> tuple[list[tuple[int, EpisodeRow]], list[tuple[int, RaisedEvent]]]:
        """Episodes that became final and events, each with the row at which it was.

        start: grid row of the first; units: those confirmed in these rows, in order.
        """
        finished: list[tuple[int, EpisodeRow]] = []
        events: list[tuple[int, RaisedEvent]] = []
        ends = iter(units)
        unit = next(ends, None)
        quiet_excess, quiet_collapse = self._quiet_excess, self._quiet_collapse
        row = start - 1
        final_rows = self.parameters.final_s * self._rate_hz
        for k, (excess, collapse, judged) in enumerate(zip(rows.excess, rows.collapse, rows.judged, strict=True)):
            row += 1
            if self._now is not None:
                self._follow(row, k, rows, judged, events)
            elif judged and (excess > quiet_excess or collapse > quiet_collapse):
                self._begin(row, k, rows)
            if unit is not None and unit.confirmed <= row:
                while unit is not None and unit.confirmed <= row:
                    self._settle(unit, row, finished, events)
                    unit = next(ends, None)
            if self._pending and row - self._pending[0].closed > final_rows:
                self._finalise(self._pending.pop(0), None, row, finished, events)
        return finished, events

    def finish(self, row: int) -> tuple[list[tuple[int, EpisodeRow]], list[tuple[int, RaisedEvent]]]:
        """No more rows come."""
        finished: list[tuple[int, EpisodeRow]] = []
        events: list[tuple[int, RaisedEvent]] = []
        if self._now is not None:
            self._close(self._now, float(row), row, events)
        while self._pending:
            self._finalise(self._pending.pop(0), None, row, finished, events)
        return finished, events

    def _over(self, k: int, rows: WatchRows, activity: Activity) -> tuple[float, float]:
        """Excess and collapse above clean, deg; no excess where medial collapse contradicts it."""
        clean_excess, clean_collapse = self.parameters.clean.of(activity).at(degrees(rows.flexion[k]))
        excess, collapse = degrees(rows.excess[k]) - clean_excess, degrees(rows.collapse[k]) - clean_collapse
        p = self.parameters
        if collapse < p.support_share * excess:
            sd = self._unsure(activity, rows.flexion[k], rows.excess_sd[k], rows.collapse_sd[k])[1]
            if not collapse + p.support_sd * sd > p.support_share * excess:
                excess = 0.0
        return excess, collapse

    def _begin(self, row: int, k: int, rows: WatchRows) -> None:
        activity = Activity(rows.codes[k])
        if activity in NOT_JUDGED:
            return
        limits = self.parameters.of(activity)
        excess, collapse = self._over(k, rows, activity)
        factor = self.parameters.sd_factor
        if excess > max(limits.excess_deg[0], factor * degrees(rows.excess_sd[k])) or collapse > max(
            limits.collapse_deg[0], factor * degrees(rows.collapse_sd[k])
        ):
            self._now = _Episode(max(float(row), rows.since[k]), activity, limits, _Top())
            self._note(self._now, row, k, rows, excess, collapse)

    def _follow(self, row: int, k: int, rows: WatchRows, judged: bool, events: list[tuple[int, RaisedEvent]]) -> None:
        episode = self._now
        assert episode is not None
        if not judged:
            self._close(episode, min(float(row), rows.until[k]), row, events)
            return
        episode.start = max(episode.start, rows.since[k])
        if not episode.raised:
            activity = Activity(rows.codes[k])
            if activity in NOT_JUDGED:
                self._now = None
                return
            episode.onset, episode.limits = activity, self.parameters.of(activity)
        excess, collapse = self._over(k, rows, episode.onset)
        limits, hysteresis = episode.limits, self.parameters.hysteresis_deg
        if excess < limits.excess_deg[0] - hysteresis and collapse < limits.collapse_deg[0] - hysteresis:
            episode.below += 1
            if episode.below >= self._release:
                self._close(episode, float(row + 1 - episode.below), row, events)
            return
        episode.below = 0
        self._note(episode, row, k, rows, excess, collapse)
        if episode.raised or row - episode.start + 1 < self._shortest:
            return
        if _judged(episode.top, limits)[2] >= self.parameters.least_confidence:
            episode.raised = True
            events.append((row, self._event(row, "episode_start", self._onset_fields(episode))))

    def _note(self, episode: _Episode, row: int, k: int, rows: WatchRows, excess: float, collapse: float) -> None:
        limits, top = episode.limits, episode.top
        ratio = max(excess / limits.excess_deg[0], collapse / limits.collapse_deg[0])
        if ratio > top.ratio:
            top.ratio, top.peak = ratio, row
        if excess > top.excess or collapse > top.collapse:
            sd = self._unsure(episode.onset, rows.flexion[k], rows.excess_sd[k], rows.collapse_sd[k])
            if excess > top.excess:
                top.excess, top.excess_sd = excess, sd[0]
            if collapse > top.collapse:
                top.collapse, top.collapse_sd = collapse, sd[1]

    def _unsure(self, activity: Activity, flexion: float, excess_sd: float, collapse_sd: float) -> tuple[float, float]:
        """Standard deviations (deg) of both measures above the clean movement; arguments rad."""
        clean = self.parameters.clean.of(activity).sd_at(degrees(flexion))
        return hypot(degrees(excess_sd), clean[0]), hypot(degrees(collapse_sd), clean[1])

    def _close(self, episode: _Episode, end: float, row: int, events: list[tuple[int, RaisedEvent]]) -> None:
        self._now = None
        if not episode.raised:
            return
        episode.end, episode.closed = end, row
        episode.top.peak = min(episode.top.peak, int(end))
        long_enough = end - episode.start >= self._shortest - 1
        values = self._onset_fields(episode) | {
            "end_s": round(end / self._rate_hz, 4),
            "peak_s": round(episode.top.peak / self._rate_hz, 4),
            "withdrawn": not long_enough,
        }
        events.append((row, self._event(row, "episode_end", values)))
        if long_enough:
            self._pending.append(episode)

    def _settle(
        self,
        unit: JudgedUnit,
        row: int,
        finished: list[tuple[int, EpisodeRow]],
        events: list[tuple[int, RaisedEvent]],
    ) -> None:
        inside = [e for e in self._pending if e.top.peak <= unit.end]
        now = self._now is not None and self._now.raised and self._now.start < unit.end
        if not now and not any(e.top.peak >= unit.begin for e in inside):
            self.usual.add(unit.activity, self._rows_of(int(unit.begin), int(unit.end) + 1))
        for episode in inside:
            self._pending.remove(episode)
            self._finalise(episode, unit if episode.top.peak >= unit.begin else None, row, finished, events)

    def _finalise(
        self,
        episode: _Episode,
        unit: JudgedUnit | None,
        row: int,
        finished: list[tuple[int, EpisodeRow]],
        events: list[tuple[int, RaisedEvent]],
    ) -> None:
        activity = unit.activity if unit is not None else episode.onset
        limits = self.parameters.of(activity)
        begin = unit.begin if unit is not None else episode.start - 0.3 * self._rate_hz
        last = max(int(episode.end), episode.top.peak) + 1
        block = self._rows_of(max(int(begin), last - round(_DETAIL_S * self._rate_hz)), last)
        first = min(max(int(episode.start) - block.start, 0), len(block) - 1)
        top = episode.top
        if activity is not episode.onset:
            top = self._top(block, first, activity, limits)
            if _judged(top, limits)[2] < self.parameters.least_confidence:
                values = {"side": self._side, "activity": activity.label, "withdrawn": True}
                values |= {"start_s": round(episode.start / self._rate_hz, 4)}
                events.append((row, self._event(row, "episode_end", values)))
                return
        at = min(max(top.peak - block.start, first), len(block) - 1)
        measure, severity, confidence = _judged(top, limits)
        baseline = degrees(float(block.abduction[at] - block.excess[at]))
        if measure == "collapse":
            baseline = self.parameters.clean.of(activity).at(degrees(float(block.flexion[at])))[1]
        found = EpisodeRow(
            side=self._side,
            activity=activity.label,
            activity_at_onset=episode.onset.label,
            step_index=unit.index if unit is not None else -1,
            start_s=episode.start / self._rate_hz,
            end_s=episode.end / self._rate_hz,
            peak_s=(block.start + at) / self._rate_hz,
            duration_s=(episode.end - episode.start) / self._rate_hz,
            measure=measure,
            baseline_deg=baseline,
            peak_abduction_deg=degrees(float(block.abduction[first:].max())),
            peak_excess_deg=degrees(float(block.excess[first:].max())),
            peak_collapse_deg=degrees(float(block.collapse[first:].max())),
            flexion_at_peak_deg=degrees(float(block.flexion[at])),
            rotation_at_peak_deg=degrees(float(block.rotation[at])),
            driver=self._driver(block, at, activity, unit),
            severity=severity,
            confidence=confidence,
        )
        finished.append((row, found))

    def _top(self, block: LegBlock, first: int, activity: Activity, limits: Limits) -> _Top:
        """The peaks of an episode judged anew, as another activity: from row `first` of the block on."""
        part = block.cut(first, len(block))
        n = len(part)
        flexion, excess, collapse = part.flexion.tolist(), part.excess.tolist(), part.collapse.tolist()
        sds = part.excess_sd.tolist(), part.collapse_sd.tolist()
        rows = WatchRows(flexion, excess, collapse, *sds, [True] * n, [0.0] * n, [inf] * n, [int(activity)] * n)
        episode = _Episode(float(part.start), activity, limits, _Top(peak=part.start))
        for k in range(n):
            self._note(episode, part.start + k, k, rows, *self._over(k, rows, activity))
        return episode.top

    def _driver(self, block: LegBlock, at: int, activity: Activity, unit: JudgedUnit | None) -> str:
        turn, rotation = changes(block, at)
        whole = (unit.end - unit.begin) if unit is not None else 3.0 * at
        usual_turn, usual_rotation = self.usual.at(activity, at / max(whole, 1.0))
        return driver(turn - usual_turn, rotation - usual_rotation, self.parameters.driver_deg)

    def _onset_fields(self, episode: _Episode) -> dict[str, object]:
        measure, severity, confidence = _judged(episode.top, episode.limits)
        return {
            "side": self._side,
            "activity": episode.onset.label,
            "start_s": round(episode.start / self._rate_hz, 4),
            "measure": measure,
            "severity": severity,
            "confidence": round(confidence, 3),
            "excess_deg": _rounded(episode.top.excess),
            "collapse_deg": _rounded(episode.top.collapse),
        }

    def _event(self, row: int, kind: str, values: dict[str, object]) -> RaisedEvent:
        return RaisedEvent(row / self._rate_hz, kind, values)


def _judged(top: _Top, limits: Limits) -> tuple[str, str, float]:
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


def _rounded(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None
