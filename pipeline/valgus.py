"""Valgus episodes: when a loaded knee falls inward, by how much, and which link gives way.

The method. Two measures are watched, each above its clean movement at the same flexion and activity: abduction above
the person's own unloaded path, and medial collapse (design: what valgus means). An episode is either of them above its
threshold, above twice its own standard deviation, and with a confidence of at least 0.65, for at least 100 ms of a
loaded phase; it ends where both fall below their thresholds less a hysteresis, the foot leaves the ground, or the
angles are no longer valid. What the measures amount to: above_clean.py. The driver is told from what changed since
contact (or the start of the repetition); see driver.py.

The cue is raised at once with the provisional activity's thresholds and clean curve; the row waits for the step or
repetition to be over and takes its final ones: an episode that is none under these is withdrawn, by a second
`episode_end`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import degrees, inf, isfinite, radians

from pipeline.above_clean import AboveClean, Row, Top, verdict
from pipeline.blocks import Activity, LegBlock
from pipeline.driver import UsualTurns, changes, driver
from pipeline.rows import EpisodeRow, RaisedEvent
from pipeline.thresholds import Limits, ValgusParameters

NOT_JUDGED = frozenset({Activity.STANDING, Activity.SITTING})
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

    def row(self, k: int) -> Row:
        """The angles of one row."""
        return Row(self.flexion[k], self.excess[k], self.collapse[k], self.excess_sd[k], self.collapse_sd[k])


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
    top: Top
    end: float = inf
    raised: bool = False
    below: int = 0
    closed: int = 0


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
        self._above = AboveClean(self.parameters)
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

    def _begin(self, row: int, k: int, rows: WatchRows) -> None:
        activity = Activity(rows.codes[k])
        if activity in NOT_JUDGED:
            return
        limits, now = self.parameters.of(activity), rows.row(k)
        excess, collapse = over = self._above.over(now, activity)
        factor = self.parameters.sd_factor
        if excess > max(limits.excess_deg[0], factor * degrees(now.excess_sd)) or collapse > max(
            limits.collapse_deg[0], factor * degrees(now.collapse_sd)
        ):
            self._now = _Episode(max(float(row), rows.since[k]), activity, limits, Top())
            self._above.note(self._now.top, row, now, activity, over)

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
        now = rows.row(k)
        excess, collapse = over = self._above.over(now, episode.onset)
        limits, hysteresis = episode.limits, self.parameters.hysteresis_deg
        if excess < limits.excess_deg[0] - hysteresis and collapse < limits.collapse_deg[0] - hysteresis:
            episode.below += 1
            if episode.below >= self._release:
                self._close(episode, float(row + 1 - episode.below), row, events)
            return
        episode.below = 0
        self._above.note(episode.top, row, now, episode.onset, over)
        if episode.raised or row - episode.start + 1 < self._shortest:
            return
        if verdict(episode.top, limits)[2] >= self.parameters.least_confidence:
            episode.raised = True
            events.append((row, self._event(row, "episode_start", self._onset_fields(episode))))

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
            top = self._above.top_of(block.cut(first, len(block)), activity)
            if verdict(top, limits)[2] < self.parameters.least_confidence:
                values = {"side": self._side, "activity": activity.label, "withdrawn": True}
                values |= {"start_s": round(episode.start / self._rate_hz, 4)}
                events.append((row, self._event(row, "episode_end", values)))
                return
        at = min(max(top.peak - block.start, first), len(block) - 1)
        measure, severity, confidence = verdict(top, limits)
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

    def _driver(self, block: LegBlock, at: int, activity: Activity, unit: JudgedUnit | None) -> str:
        turn, rotation = changes(block, at)
        whole = (unit.end - unit.begin) if unit is not None else 3.0 * at
        usual_turn, usual_rotation = self.usual.at(activity, at / max(whole, 1.0))
        return driver(turn - usual_turn, rotation - usual_rotation, self.parameters.driver_deg)

    def _onset_fields(self, episode: _Episode) -> dict[str, object]:
        measure, severity, confidence = verdict(episode.top, episode.limits)
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


def _rounded(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None
