"""A session in the dashboard: angles, cues and the rest of the picture out, what the people at it ask for in.

Live and replay both go through here, so a replay gives the cues of its own mode at the same places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.screens.cue import Cue, CueMode, Signal
from pipeline.screens.view import View
from pipeline.thresholds import Thresholds
from pipeline.update import Update


class Board(Protocol):
    """What is needed of the publisher; nothing here may wait."""

    def add(self, update: Update) -> None: ...

    def show(self, view: Callable[[], View], cue: dict[str, Any], last: bool = False) -> None: ...

    def cue(self, signal: Signal, behind_s: float) -> None: ...

    def commands(self) -> list[dict[str, str]]: ...

    @property
    def trouble(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for that concerns the session: `mark`, `save` or `cue`, with its fields."""

    kind: str
    fields: dict[str, str]


class Showing:
    """One session in one dashboard.

    now_s : the session time that it is now, for the delay of a cue; None in a replay.
    thresholds : of the session's episodes.
    """

    def __init__(
        self,
        board: Board,
        view: Callable[[], View],
        now_s: Callable[[], float] | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._board = board
        self._view = view
        self._now_s = now_s
        self._cue = Cue(thresholds=thresholds)
        self.stopped = False

    def take(self, update: Update) -> list[Signal]:
        """One update, in order; gives the cues that were raised, the first thing to go out."""
        signals = self._cue.update(update)
        for signal in signals:
            self._board.cue(signal, 0.0 if self._now_s is None else self._now_s() - signal.time_s)
        self._board.add(update)
        if self._now_s is None:
            self.show()
            self.asked()
        return signals

    def show(self, last: bool = False) -> None:
        """The picture, where it is time. last: as it is in the end."""
        self._board.show(self._view, {"mode": self._cue.mode.value, "share": self._cue.share}, last)

    def asked(self) -> list[Asked]:
        """What was asked for; `stop` is kept as `stopped`, the cue is chosen."""
        found = []
        for command in self._board.commands():
            kind = command.get("kind")
            if kind == "stop":
                self.stopped = True
            elif kind == "mark":
                found.append(Asked("mark", {"label": command.get("label") or "mark"}))
            elif kind == "cue" and command.get("mode") in set(CueMode):
                self._cue.choose(CueMode(command["mode"]))
                found.append(Asked("cue", {"cue": self._cue.mode.value}))
            elif kind == "save":
                found.append(Asked("save", {}))
        return found

    @property
    def trouble(self) -> str:
        """Why nobody sees it any more; empty where all is well."""
        return self._board.trouble
