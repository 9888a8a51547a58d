"""The exercise set in progress, for the screens: which one, how many repetitions, how many of them clean.

It counts as the movement stages do (pipeline/sets.py), and shows a set that is over until the next one begins.
"""

from dataclasses import dataclass, replace

from pipeline.blocks import Activity
from pipeline.rows import EpisodeRow, StepRow
from pipeline.sets import Prescription, SetFinder


@dataclass(frozen=True, slots=True)
class SetView:
    """activity: a label. number: which set of this exercise. asked: repetitions, sets: sets, from and to."""

    activity: str
    number: int
    repetitions: int
    collapsed: int
    asked: tuple[int, int]
    sets: tuple[int, int]
    over: bool = False


class SetCount:
    """One leg. Feed its rows and episodes in the order in which they are raised."""

    def __init__(self) -> None:
        self._finder = SetFinder()
        self._done: dict[Activity, int] = {}
        self._shown: SetView | None = None

    def step(self, row: StepRow) -> None:
        """A step or repetition."""
        self._pause(row.start_s)
        activity = _ACTIVITIES.get(row.activity, Activity.OTHER)
        over = self._finder.row(activity, row)
        if over is not None:
            self._finish(over.activity)
        self._show()

    def episode(self, row: EpisodeRow) -> None:
        """An episode, as it was judged."""
        self._finder.collapse(row.step_index)
        self._show()

    def view(self, prescription: Prescription, now_s: float) -> SetView | None:
        """Now; None before the first repetition."""
        self._pause(now_s)
        shown = self._shown
        if shown is None:
            return None
        sets, asked = prescription.of(_ACTIVITIES[shown.activity])
        return replace(shown, asked=asked, sets=sets)

    def _pause(self, now_s: float) -> None:
        if now_s > self._finder.over_s:
            over = self._finder.finish()
            if over is not None:
                self._finish(over.activity)

    def _finish(self, activity: Activity) -> None:
        self._done[activity] = self._done.get(activity, 0) + 1
        if self._shown is not None:
            self._shown = replace(self._shown, over=True)

    def _show(self) -> None:
        activity, repetitions, collapsed = self._finder.now
        if repetitions:
            number = self._done.get(activity, 0) + 1
            self._shown = SetView(activity.label, number, repetitions, collapsed, (0, 0), (0, 0))


_ACTIVITIES = {activity.label: activity for activity in Activity}
