"""The terminal while a session runs, and the summary after it.

In a terminal a table is redrawn in place a few times a second, at most 80 columns wide; where the output goes elsewhere
(a file, a pipe) plain lines say what has changed. Words carry the meaning, colours only help.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.rows import SummaryRow
from pipeline.screens import words
from pipeline.screens.terminal_lines import clock, episode_line, leg_line, plain, signed, to_do
from pipeline.screens.terminal_picture import picture
from pipeline.screens.view import LegView, View

_REDRAW_S = 0.25
_LINE_S = 5.0
NAMES = words.ACTIVITIES
"""The activities in a person's words."""


class Screen(Protocol):
    """Where a running session is shown. `show` may be called as often as one likes."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None: ...

    def show(self, view: Callable[[], View]) -> None:
        """view: asked for only when it is time to draw."""
        ...


def screen(console: Console | None = None) -> Screen:
    """The live table in a terminal, plain lines elsewhere."""
    console = console or Console()
    return LiveScreen(console) if console.is_terminal else LineScreen(console)


class LiveScreen:
    """A table that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._due = 0.0

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._live.__exit__(None, None, None)

    def show(self, view: Callable[[], View]) -> None:
        """Redraws where the last picture is old enough."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _REDRAW_S
            blocks = not self._console.options.ascii_only and not self._console.legacy_windows
            drawn = picture(view(), blocks=blocks, lines=self._console.size.height)
            self._live.update(drawn, refresh=True)


class LineScreen:
    """Plain lines: what changed, and every few seconds where the session stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = 0.0
        self._said: dict[str, str] = {}
        self._episodes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        return None

    def show(self, view: Callable[[], View]) -> None:
        """Prints what is new."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _REDRAW_S
        for line in self._new(view(), now):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _new(self, view: View, now: float) -> list[str]:
        at = f"{view.elapsed_s:6.1f} s  "
        lines = []
        for leg in view.legs:
            lines += self._changed(f"calibration {leg.side}", _progress_key(leg), f"{at}{leg.side}: {to_do(leg)}")
            repeat = "" if leg.guide is None else leg.guide.repeat
            lines += self._changed(f"repeat {leg.side}", repeat, f"{at}{leg.side}: {repeat or 'taken'}")
        for sensor in view.sensors:
            lines += self._changed(f"sensor {sensor.name}", sensor.state, f"{at}{sensor.name}: {sensor.state}")
        lines += self._changed("problem", view.problem, f"{at}{view.problem or 'recording again'}")
        for warning in view.warnings:
            lines += self._changed(f"warning {_key(warning)}", _key(warning), f"{at}warning: {warning}")
        fresh = min(view.episodes_seen - self._episodes, len(view.episodes))
        if fresh > 0:
            lines += [f"{at}{episode_line(episode)}" for episode in view.episodes[-fresh:]]
        self._episodes = view.episodes_seen
        if now >= float(self._said.get("next", "0")):
            self._said["next"] = str(now + _LINE_S)
            lines += [f"{at}{leg_line(leg)}" for leg in view.legs if leg.calibrated]
        return lines

    def _changed(self, key: str, value: str, line: str) -> list[str]:
        before = self._said.get(key, "")
        self._said[key] = value
        return [line] if value != before else []


def summary_table(rows: Sequence[SummaryRow]) -> RenderableType:
    """A row per side and activity, at most 80 columns wide."""
    if not rows:
        return Text("No step, repetition or posture was recognised.")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left", header_style="underline")
    table.title = Text("Summary (degrees: mean over the steps of each step's peak)", style="bold")
    for name in ("leg", "activity"):
        table.add_column(name, no_wrap=True)
    for name in ("steps", "time", "episodes", "abduct.", "sd", "excess", "collapse", "flexion"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.side,
            NAMES.get(row.activity, row.activity),
            str(row.steps),
            clock(row.duration_s),
            str(row.episodes),
            signed(row.peak_abduction_mean_deg),
            plain(row.peak_abduction_sd_deg),
            signed(row.peak_valgus_excess_mean_deg),
            signed(row.peak_medial_collapse_mean_deg),
            plain(row.peak_flexion_mean_deg, 0),
        )
    return table


def file_list(folder: Path, files: Sequence[Path]) -> RenderableType:
    """Where the results are."""
    names = ", ".join(file.name for file in files)
    return Text.assemble("Written to ", (str(folder), "bold"), f": {names}")


def _key(warning: str) -> str:
    """A warning without its figures, which change."""
    return "".join(each for each in warning if not each.isdigit())


def _progress_key(leg: LegView) -> str:
    """What makes a new line in plain output: the seconds of standing do not."""
    guide = leg.guide
    if guide is None:
        return leg.calibration
    return f"{guide.step} {guide.count if guide.step == 2 else ''} {guide.quality}"
