"""The terminal's picture of a running session: large figures, what to do, the last episodes, the sensors.

It fits the terminal: where everything does not, empty lines go first, then sensors move together, then all but the last
episode, and the large figures at last. Words carry the meaning, colours only help.
"""

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from textwrap import wrap

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.screens import words
from pipeline.screens.digits import large
from pipeline.screens.guide import STEP_NAMES, GuideView
from pipeline.screens.terminal_lines import clock, plain, set_line, signed, static_line, to_do, with_sd
from pipeline.screens.view import Angle, LegView, SensorView, View

WIDTH = 80
_COLUMN = 25
_CLOSEST = 5
_WALK = 3
"""The guide's step."""
_LOSS_TOLD = 0.01


def picture(view: View, blocks: bool = True, lines: int | None = None) -> RenderableType:
    """The session now, at most 80 columns wide.

    blocks: whether the terminal can draw large figures. lines: how high it is; None: as high as one likes.
    """
    for closer in range(_CLOSEST):
        parts = _parts(view, blocks, closer)
        if lines is None or _height(parts) <= lines:
            break
    else:
        parts = _parts(view, False, _CLOSEST)
    return Group(*parts)


def _parts(view: View, blocks: bool, closer: int) -> list[RenderableType]:
    """closer: from 1 on without empty lines, from 2 on two sensors in a line, from 3 on the last episode alone, from 4
    on without the alignment that does not change."""
    gap: list[RenderableType] = [] if closer else [Text()]
    parts: list[RenderableType] = [_heading(view)]
    for leg in view.legs:
        parts += [*gap, *_leg(leg if closer < 4 else replace(leg, static_valgus_deg=None), blocks)]
    parts += [*gap, _last_episode(view) if closer >= 3 else _episodes(view, 2 if closer else 3)]
    parts += [*gap, _sensors_beside(view.sensors) if closer >= 2 else _sensors(view.sensors)]
    parts += [Text(textwrap.fill(f"! {warning}", WIDTH), style="yellow") for warning in view.warnings]
    if view.problem:
        parts.append(Text(textwrap.fill(view.problem, WIDTH), style="bold red"))
    parts.append(Text("Ctrl-C ends the session and keeps everything.", style="dim"))
    return parts


def _height(parts: Sequence[RenderableType]) -> int:
    console = Console(file=io.StringIO(), width=WIDTH)
    return len(console.render_lines(Group(*parts), pad=False))


def _heading(view: View) -> Text:
    limit = "" if view.limit_s is None else f" of {clock(view.limit_s)}"
    line = Text.assemble(("kneetrack", "bold"), f"   {clock(view.elapsed_s)}{limit}")
    if view.where:
        line.append(f"   recording to {view.where}", style="dim")
    line.truncate(WIDTH, overflow="ellipsis")
    return line


def _leg(leg: LegView, blocks: bool) -> list[RenderableType]:
    counted = "  ".join(f"{words.activity(name)} {count}" for name, count in leg.steps.items()) or "no steps yet"
    title = Text.assemble((f"{leg.side.upper()} LEG", "bold"), f"   {words.activity(leg.activity)}   ")
    title.append(counted, style="dim")
    title.truncate(WIDTH, overflow="ellipsis")
    if not leg.calibrated:
        return [title, Text(to_do(leg), style="bold yellow"), *_guide(leg.guide, blocks)]
    style = "bold red" if leg.in_episode else ("bold green" if leg.status == "ok" else "yellow")
    grid = Table.grid(padding=0)
    for _ in range(3):
        grid.add_column(width=_COLUMN)
    grid.add_row(*(Text(name, style="dim") for name in ("flexion", "abduction (valgus +)", "rotation (inward +)")))
    grid.add_row(*(_figure(a, s, style, blocks) for a, s in ((leg.flexion, 0), (leg.abduction, 1), (leg.rotation, 1))))
    state = "VALGUS EPISODE" if leg.in_episode else words.STATUS.get(leg.status, leg.status)
    foot = Text(f"valgus excess {with_sd(leg.excess)}°   medial collapse {with_sd(leg.collapse)}°   ")
    foot.append(state, style=style)
    lines = [set_line(leg.exercise), static_line(leg.static_valgus_deg)]
    if leg.guide is not None and leg.guide.step == _WALK:
        # There are angles already: only how sharp they are is left.
        return [title, Text(f"Calibration: walk 10 steps ({leg.guide.count})", style="bold yellow"), grid, foot]
    return [title, grid, foot, *(Text(line) for line in lines if line)]


def _figure(angle: Angle, decimals: int, style: str, blocks: bool) -> RenderableType:
    number = signed(angle.deg) if decimals else plain(angle.deg, 0)
    spread = f"±{angle.sd_deg:.1f}°" if math.isfinite(angle.sd_deg) else ""
    if not blocks:
        return Text.assemble((f"{number}°", style), f" {spread}")
    lines = large(number)
    return Text("\n").join(
        [Text(lines[0], style), Text(lines[1], style), Text.assemble((lines[2], style), f" {spread}")]
    )


def _episodes(view: View, most: int) -> RenderableType:
    if not view.episodes:
        return Text("No valgus episode so far.", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("episode at", "leg", "activity", "excess", "collapse", "driven by", "severity"):
        table.add_column(name, no_wrap=True)
    for episode in list(view.episodes)[-most:][::-1]:
        table.add_row(
            clock(episode.start_s),
            episode.side,
            words.activity(episode.activity),
            f"{signed(episode.peak_excess_deg)}°",
            f"{signed(episode.peak_collapse_deg)}°",
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
    return [*parts, *map(Text, wrap(guide.how, WIDTH))]


def _last_episode(view: View) -> RenderableType:
    if not view.episodes:
        return _episodes(view, 1)
    last = view.episodes[-1]
    size = f"excess {signed(last.peak_excess_deg)}° collapse {signed(last.peak_collapse_deg)}°"
    where = f"{clock(last.start_s)} {last.side}, {words.activity(last.activity)}"
    return Text(f"episode {where}: {size}, {last.driver}, {last.severity}")


def _sensors_beside(sensors: Sequence[SensorView]) -> RenderableType:
    """Two in a line: the rate, and of battery and loss what matters more."""
    table = Table.grid(padding=(0, 2, 0, 0))
    cells = []
    for sensor in sensors:
        if sensor.state != "connected":
            cells.append(Text.assemble(f"{sensor.name} ", (sensor.state, "bold red")))
            continue
        told = [sensor.name + (" -" if sensor.rate_hz is None else f" {sensor.rate_hz:.0f} Hz")]
        if sensor.loss >= _LOSS_TOLD:
            told.append(f"lost {100 * sensor.loss:.1f} %")
        elif sensor.battery is not None:
            told.append(f"battery {100 * sensor.battery:.0f} %")
        cells.append(Text(", ".join(told)))
    for pair in zip_longest(cells[::2], cells[1::2], fillvalue=Text()):
        table.add_row(*pair)
    return table
