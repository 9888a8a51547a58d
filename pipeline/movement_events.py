"""What is told of finished units: an event for each step and repetition, and one for each set when it is over."""

from collections.abc import Sequence
from dataclasses import fields
from math import inf, isfinite
from operator import itemgetter

import numpy as np

from pipeline.finished_units import FinishedUnit
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.sets import EXERCISES, ExerciseSet, SetFinder, SetParameters
from pipeline.steps import UnitKind


def unit_event(done: FinishedUnit, rate_hz: float) -> RaisedEvent:
    """A step or a repetition, told at the row at which it was known."""
    values: dict[str, object] = {f.name: _json(getattr(done.row, f.name)) for f in fields(StepRow)}
    if done.unit.kind is UnitKind.SIT_DOWN:
        values["part"] = "down"
    elif done.unit.kind is UnitKind.STAND_UP:
        values["part"] = "up"
    is_step = done.unit.kind is UnitKind.STRIDE and done.activity not in EXERCISES
    return RaisedEvent(done.unit.confirmed / rate_hz, "step" if is_step else "repetition", values)


def _json(value: object) -> object:
    if not isinstance(value, float):
        return value
    return round(value, 4) if isfinite(value) else None


class SetEvents:
    """The sets of one leg, as their units and the pauses after them become known: events, each with its row."""

    def __init__(self, side: str, rate_hz: float, parameters: SetParameters) -> None:
        self._side = side
        self._rate = rate_hz
        self._sets = SetFinder(parameters)

    def update(
        self, end: int, done: Sequence[FinishedUnit], episodes: Sequence[tuple[int, EpisodeRow]]
    ) -> list[tuple[int, RaisedEvent]]:
        """Set events of these rows: units, the episodes in them and the ends of pauses in the order of their rows."""
        events: list[tuple[int, RaisedEvent]] = []
        happened: list[tuple[int, int, FinishedUnit | EpisodeRow]] = [(d.unit.confirmed, 0, d) for d in done]
        happened += [(row, 1, episode) for row, episode in episodes]
        for row, _, thing in sorted(happened, key=itemgetter(0, 1)):
            events += self._pause(row)
            if isinstance(thing, FinishedUnit):
                events += self._event(row, self._sets.row(thing.activity, thing.row))
            else:
                self._sets.collapse(thing.step_index)
        return events + self._pause(end)

    def finish(self, row: int, episodes: Sequence[tuple[int, EpisodeRow]]) -> list[tuple[int, RaisedEvent]]:
        """What is open ends at a row, with the last episodes."""
        for _, episode in episodes:
            self._sets.collapse(episode.step_index)
        return self._event(row, self._sets.finish())

    def _pause(self, before: int) -> list[tuple[int, RaisedEvent]]:
        over_s = self._sets.over_s
        row = int(np.ceil(over_s * self._rate)) if over_s < inf else before
        return self._event(row, self._sets.finish()) if row < before else []

    def _event(self, row: int, over: ExerciseSet | None) -> list[tuple[int, RaisedEvent]]:
        if over is None:
            return []
        values: dict[str, object] = {"side": self._side, **over.fields()}
        return [(row, RaisedEvent(row / self._rate, "set", values))]
