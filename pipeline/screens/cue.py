"""When to tell the person: a cue at the beginning of a valgus episode, all the time or less and less often.

Feedback at every step helps at once and is leaned upon; feedback that fades lasts longer (Winstein and Schmidt 1990, J
Exp Psychol Learn Mem Cogn 16:677). `fading` gives it on all of the first 20 steps, then on three quarters, a half and a
quarter of 20 each, and on a tenth from there on. That share of each leg's episodes is told, spread evenly over them and
not over the steps: a knee that falls inward in every second step would else be told always or never. `marked` waits
until the episode is marked: at its beginning, or when it grows to that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline.above_clean import AboveClean, Row
from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.thresholds import Thresholds
from pipeline.update import LegResult, Update

FADING = (1.0, 0.75, 0.5, 0.25, 0.1)
"""Share of the steps with feedback, for each `FADING_STEPS` steps; the last one stays."""
FADING_STEPS = 20


class CueMode(StrEnum):
    """Which episodes are told."""

    OFF = "off"
    EVERY = "every"
    MARKED = "marked"
    FADING = "fading"


@dataclass(frozen=True, slots=True)
class Signal:
    """A cue. time_s: session time at which the rule was fulfilled."""

    side: Side
    time_s: float
    severity: str


class Cue:
    """Feed a session's updates in order; gives the cues. The mode may be changed at any time."""

    def __init__(self, mode: CueMode = CueMode.EVERY, thresholds: Thresholds | None = None) -> None:
        self.mode = mode
        self._thresholds = thresholds or Thresholds()
        self._steps = 0
        self._due: dict[Side, float] = {}
        self._untold: set[Side] = set()

    @property
    def share(self) -> float:
        """Share of the steps that have feedback now."""
        if self.mode is CueMode.FADING:
            return FADING[min(self._steps // FADING_STEPS, len(FADING) - 1)]
        return 0.0 if self.mode is CueMode.OFF else 1.0

    def choose(self, mode: CueMode) -> None:
        """From now on; fading begins anew."""
        self.mode = mode
        self._steps = 0
        self._due.clear()
        self._untold.clear()

    def update(self, update: Update) -> list[Signal]:
        """The cues that are due with this update."""
        signals = []
        for event in update.events:
            side = event.fields.get("side")
            if side not in set(Side):
                continue
            if event.kind == "episode_end":
                self._untold.discard(Side(str(side)))
            elif event.kind == "episode_start":
                signal = Signal(Side(str(side)), event.time_s, str(event.fields.get("severity", "notice")))
                if self.mode is CueMode.MARKED and signal.severity == "notice":
                    self._untold.add(signal.side)
                elif self._told_now(signal.side):
                    signals.append(signal)
        if self._untold:
            signals += self._grown(update)
        self._steps += len(update.steps)
        return signals

    def _told_now(self, side: Side) -> bool:
        """Each episode of a leg adds its share of a cue; what makes a whole one is told."""
        due = self._due.get(side, 0.0) + self.share
        told = due > 1.0 - 1e-9
        self._due[side] = due - told
        return told

    def _grown(self, update: Update) -> Iterator[Signal]:
        """Episodes that began as slight and are marked now."""
        for leg in update.legs:
            row = self._marked_row(leg) if leg.side in self._untold else None
            if row is not None:
                self._untold.discard(leg.side)
                yield Signal(leg.side, float(leg.block.time_s[row]), "marked")

    def _marked_row(self, leg: LegResult) -> int | None:
        parameters = self._thresholds.of(leg.side)
        above = AboveClean(parameters)
        block = leg.block
        columns = (block.flexion, block.excess, block.collapse, block.excess_sd, block.collapse_sd)
        for i, values in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            activity = Activity(int(leg.activity[i]))
            limits = parameters.of(activity)
            excess, collapse = above.over(Row(*values), activity)
            if excess > limits.excess_deg[1] or collapse > limits.collapse_deg[1]:
                return i
        return None
