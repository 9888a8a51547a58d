"""The largest inward angle of the last step while the leg was loaded: the one figure to be read from across the room.

The step table's peak is over the whole stride. In the swing the knee bends far and carries nothing, and the estimate is
least sure, so what a person is shown is the stance: contact to toe-off; of a repetition, all of it. Where the step held
an episode, the figure is of the measure whose rule was broken, and the episode's severity says how far: what is shown
never contradicts the cue.
"""

from collections import deque
from dataclasses import dataclass, field
from math import degrees, isfinite, nan

import numpy as np

from pipeline.blocks import Floats, LegBlock
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow

_KEPT_S = 12.0
_MEASURES = ("excess", "collapse")
_SEVERITIES = ("", "notice", "marked", "strong")


@dataclass(frozen=True, slots=True)
class LastStep:
    """peak_deg: NaN before the first one. measure: excess or collapse. severity: of its episode, empty without one."""

    peak_deg: float = nan
    measure: str = "excess"
    severity: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    start_s: float
    rate_hz: float
    angles: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class _Fall:
    """An episode. end_s: infinite while it goes on."""

    start_s: float
    end_s: float
    measure: str
    severity: str


@dataclass(slots=True)
class StepPeak:
    """One leg. `add` its rows in order, `event` its events, `step` each row of the step table, `episode` each final
    episode."""

    _parts: deque[_Part] = field(default_factory=deque)
    _falls: deque[_Fall] = field(default_factory=lambda: deque(maxlen=8))
    _row: StepRow | None = None
    _end_s: float = 0.0
    _peaks: dict[str, float] = field(default_factory=dict)

    @property
    def last(self) -> LastStep:
        """The last step whose angles were known."""
        row = self._row
        if row is None:
            return LastStep()
        inside = [fall for fall in self._falls if fall.start_s < row.end_s and fall.end_s > row.start_s]
        worst = max(inside, key=lambda fall: _SEVERITIES.index(fall.severity), default=None)
        measure = "collapse" if worst is not None and worst.measure == "collapse" else "excess"
        return LastStep(degrees(self._peaks[measure]), measure, "" if worst is None else worst.severity)

    def add(self, block: LegBlock) -> None:
        """Rows that follow the last ones."""
        if not len(block):
            return
        start_s = block.start / block.rate_hz
        angles = {name: np.where(block.valid, getattr(block, name), np.nan) for name in _MEASURES}
        self._parts.append(_Part(start_s, block.rate_hz, angles))
        self._end_s = start_s + len(block) / block.rate_hz
        while len(self._parts) > 1 and self._parts[1].start_s < self._end_s - _KEPT_S:
            self._parts.popleft()

    def event(self, event: RaisedEvent) -> None:
        """The beginning or the end of an episode."""
        fields = event.fields
        start_s = fields.get("start_s")
        if event.kind not in ("episode_start", "episode_end") or not isinstance(start_s, int | float):
            return
        self._forget(start_s)
        if fields.get("withdrawn"):
            return
        end = fields.get("end_s")
        end_s = float(end) if isinstance(end, int | float) else np.inf
        self._fell(_Fall(float(start_s), end_s, str(fields.get("measure")), str(fields.get("severity"))))

    def episode(self, row: EpisodeRow) -> None:
        """As it was judged when the step was over."""
        self._forget(row.start_s)
        self._fell(_Fall(row.start_s, row.end_s, row.measure, row.severity))

    def step(self, row: StepRow) -> None:
        """A finished step or repetition."""
        end_s = row.toe_off_s if isfinite(row.toe_off_s) else row.end_s
        peaks = {name: self._most(name, row.start_s, end_s) for name in _MEASURES}
        if isfinite(peaks["excess"]):
            self._peaks, self._row = peaks, row

    def _fell(self, fall: _Fall) -> None:
        if fall.severity in _SEVERITIES:
            self._falls.append(fall)

    def _forget(self, start_s: float) -> None:
        for fall in [fall for fall in self._falls if abs(fall.start_s - start_s) < 0.02]:
            self._falls.remove(fall)

    def _most(self, name: str, begin_s: float, end_s: float) -> float:
        best = -np.inf
        for part in self._parts:
            begin = max(0, round((begin_s - part.start_s) * part.rate_hz))
            inside = part.angles[name][begin : max(0, round((end_s - part.start_s) * part.rate_hz) + 1)]
            known = inside[np.isfinite(inside)]
            if len(known):
                best = max(best, float(known.max()))
        return best
