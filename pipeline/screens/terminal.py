"""The terminal while a session runs, and the summary after it.

In a terminal a table is redrawn in place a few times a second, at most 80 columns wide; where the output goes elsewhere
(a file, a pipe) plain lines say what has changed. Words carry the meaning, colours only help.
"""

import math
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.rows import EpisodeRow, SummaryRow
from pipeline.screens import words
from pipeline.screens.digits import large
from pipeline.screens.guide import STEP_NAMES, GuideView
from pipeline.screens.set_count import SetView
from pipeline.screens.view import Angle, LegView, SensorView, View

WIDTH = 80
_REDRAW_S = 0.25
_LINE_S = 5.0
_COLUMN = 25
NAMES = words.ACTIVITIES
"""The activities in a person's words."""
_STATUS = words.STATUS


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
            self._live.update(picture(view(), blocks=blocks), refresh=True)


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
            lines += self._changed(f"calibration {leg.side}", _progress_key(leg), f"{at}{leg.side}: {_to_do(leg)}")
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


def picture(view: View, blocks: bool = True) -> RenderableType:
    """The session now, at most 80 columns wide. blocks: whether the terminal can draw large figures."""
    parts: list[RenderableType] = [_heading(view)]
    for leg in view.legs:
        parts += [Text(), *_leg(leg, blocks)]
    parts += [Text(), _episodes(view), Text(), _sensors(view.sensors)]
    parts += [Text(textwrap.fill(f"! {warning}", WIDTH), style="yellow") for warning in view.warnings]
    if view.problem:
        parts.append(Text(view.problem, style="bold red"))
    parts.append(Text("Ctrl-C ends the session and keeps everything.", style="dim"))
    return Group(*parts)


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
            _clock(row.duration_s),
            str(row.episodes),
            _signed(row.peak_abduction_mean_deg),
            _plain(row.peak_abduction_sd_deg),
            _signed(row.peak_valgus_excess_mean_deg),
            _signed(row.peak_medial_collapse_mean_deg),
            _plain(row.peak_flexion_mean_deg, 0),
        )
    return table


def file_list(folder: Path, files: Sequence[Path]) -> RenderableType:
    """Where the results are."""
    names = ", ".join(file.name for file in files)
    return Text.assemble("Written to ", (str(folder), "bold"), f": {names}")


def leg_line(leg: LegView) -> str:
    """One leg in one line."""
    counted = ", ".join(f"{count} x {NAMES.get(name, name)}" for name, count in leg.steps.items())
    state = "" if leg.status == "ok" else f" [{_STATUS.get(leg.status, leg.status)}]"
    return (
        f"{leg.side}: {NAMES.get(leg.activity, leg.activity)}{state}, flexion {_with_sd(leg.flexion)}, abduction "
        f"{_with_sd(leg.abduction)}, rotation {_with_sd(leg.rotation)} deg; {counted or 'no steps yet'}"
    )


def set_line(exercise: SetView | None) -> str:
    """The exercise set in progress in one line; empty without one."""
    if exercise is None:
        return ""
    (least, most), sets = exercise.asked, exercise.sets[1]
    asked = f"{least}" if least == most else f"{least} to {most}"
    clean = exercise.repetitions - exercise.collapsed
    return (
        f"{words.activity(exercise.activity)}, set {exercise.number} of {sets}: {exercise.repetitions} of {asked}, "
        f"{clean} clean, {exercise.collapsed} inward{', over' if exercise.over else ''}"
    )


def static_line(deg: float | None) -> str:
    """The clinician's measured alignment in one line; empty without one."""
    return "" if deg is None else f"standing alignment as measured {deg:+.1f}° (valgus +), not part of these angles"


def episode_line(episode: EpisodeRow) -> str:
    """One valgus episode in one line."""
    return (
        f"valgus episode at {episode.start_s:.1f} s, {episode.side}, {NAMES.get(episode.activity, episode.activity)}: "
        f"excess {_signed(episode.peak_excess_deg)}, collapse {_signed(episode.peak_collapse_deg)} deg for "
        f"{episode.duration_s:.2f} s, {episode.severity}, driven by: {episode.driver}"
    )


def _key(warning: str) -> str:
    """A warning without its figures, which change."""
    return "".join(each for each in warning if not each.isdigit())


def _heading(view: View) -> Text:
    limit = "" if view.limit_s is None else f" of {_clock(view.limit_s)}"
    line = Text.assemble(("kneetrack", "bold"), f"   {_clock(view.elapsed_s)}{limit}")
    if view.where:
        line.append(f"   recording to {view.where}", style="dim")
    line.truncate(WIDTH, overflow="ellipsis")
    return line


def _leg(leg: LegView, blocks: bool) -> list[RenderableType]:
    counted = "  ".join(f"{NAMES.get(name, name)} {count}" for name, count in leg.steps.items()) or "no steps yet"
    title = Text.assemble((f"{leg.side.upper()} LEG", "bold"), f"   {NAMES.get(leg.activity, leg.activity)}   ")
    title.append(counted, style="dim")
    title.truncate(WIDTH, overflow="ellipsis")
    if not leg.calibrated:
        return [title, Text(_to_do(leg), style="bold yellow"), *_guide(leg.guide, blocks)]
    style = "bold red" if leg.in_episode else ("bold green" if leg.status == "ok" else "yellow")
    grid = Table.grid(padding=0)
    for _ in range(3):
        grid.add_column(width=_COLUMN)
    grid.add_row(*(Text(name, style="dim") for name in ("flexion", "abduction (valgus +)", "rotation (inward +)")))
    grid.add_row(*(_figure(a, s, style, blocks) for a, s in ((leg.flexion, 0), (leg.abduction, 1), (leg.rotation, 1))))
    state = "VALGUS EPISODE" if leg.in_episode else _STATUS.get(leg.status, leg.status)
    foot = Text(f"valgus excess {_with_sd(leg.excess)}°   medial collapse {_with_sd(leg.collapse)}°   ")
    foot.append(state, style=style)
    lines = [set_line(leg.exercise), static_line(leg.static_valgus_deg)]
    return [title, grid, foot, *(Text(line) for line in lines if line)]


def _figure(angle: Angle, decimals: int, style: str, blocks: bool) -> RenderableType:
    number = _signed(angle.deg) if decimals else _plain(angle.deg, 0)
    spread = f"±{angle.sd_deg:.1f}°" if math.isfinite(angle.sd_deg) else ""
    if not blocks:
        return Text.assemble((f"{number}°", style), f" {spread}")
    lines = large(number)
    return Text("\n").join(
        [Text(lines[0], style), Text(lines[1], style), Text.assemble((lines[2], style), f" {spread}")]
    )


def _episodes(view: View) -> RenderableType:
    if not view.episodes:
        return Text("No valgus episode so far.", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("episode at", "leg", "activity", "excess", "collapse", "driven by", "severity"):
        table.add_column(name, no_wrap=True)
    for episode in list(view.episodes)[-3:][::-1]:
        table.add_row(
            _clock(episode.start_s),
            episode.side,
            NAMES.get(episode.activity, episode.activity),
            f"{_signed(episode.peak_excess_deg)}°",
            f"{_signed(episode.peak_collapse_deg)}°",
            episode.driver,
            episode.severity,
        )
    return table


def _sensors(sensors: Sequence[SensorView]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("sensor", "kind", "state", "rate", "battery", "lost"):
        table.add_column(name, no_wrap=True)
    for sensor in sensors:
        table.add_row(
            sensor.name,
            words.maker(sensor.driver),
            Text(sensor.state, style="" if sensor.state == "connected" else "bold red"),
            "-" if sensor.rate_hz is None else f"{sensor.rate_hz:.0f} Hz",
            "-" if sensor.battery is None else f"{100 * sensor.battery:.0f} %",
            f"{100 * sensor.loss:.1f} %",
        )
    return table


def _to_do(leg: LegView) -> str:
    guide = leg.guide
    if guide is None:
        return "calibrated" if leg.calibrated else f"Calibration: {leg.calibration}"
    count = f" ({guide.count})" if guide.count else ""
    quality = f", {guide.quality}: {guide.detail}" if guide.quality else ""
    return f"Calibration: {guide.title[0].lower()}{guide.title[1:]}{count}{quality}"


def _progress_key(leg: LegView) -> str:
    """What makes a new line in plain output: the seconds of standing do not."""
    guide = leg.guide
    if guide is None:
        return leg.calibration
    return f"{guide.step} {guide.count if guide.step == 2 else ''} {guide.quality}"


def _guide(guide: GuideView | None, blocks: bool) -> list[RenderableType]:
    """The guide's bar, and what is to be repeated."""
    if guide is None or guide.step == 0:
        return []
    filled = round(40 * guide.done)
    full, empty = ("█", "░") if blocks else ("#", ".")
    steps = "  ".join(
        f"{'x' if number < guide.step else ('>' if number == guide.step else ' ')} {name}"
        for number, name in enumerate(STEP_NAMES, start=1)
    )
    parts: list[RenderableType] = [Text(full * filled + empty * (40 - filled), style="green"), Text(steps, style="dim")]
    if guide.repeat:
        return [*parts, *(Text(line, style="bold red") for line in wrap(guide.repeat, WIDTH)[:2])]
    how = Text(guide.how)
    how.truncate(WIDTH, overflow="ellipsis")
    parts.append(how)
    return parts


def _with_sd(angle: Angle) -> str:
    if not math.isfinite(angle.deg):
        return "-"
    return _signed(angle.deg) + (f" ±{angle.sd_deg:.1f}" if math.isfinite(angle.sd_deg) else "")


def _signed(value: float) -> str:
    # Adding zero turns a rounded -0.0 into 0.0.
    return f"{round(value, 1) + 0.0:+.1f}" if math.isfinite(value) else "-"


def _plain(value: float, decimals: int = 1) -> str:
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if math.isfinite(value) else "-"


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
