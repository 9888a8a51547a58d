"""What the command line says after the summary's table: the sets, what differs clearly, the worst steps, what is too
little to be averaged. Plain words, at most 80 columns wide."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.screens import words
from pipeline.screens.terminal import NAMES

_MEASURES = {
    "peak_flexion_deg": "flexion",
    "peak_abduction_deg": "abduction",
    "peak_valgus_excess_deg": "excess",
    "peak_medial_collapse_deg": "medial collapse",
    "rotation_range_deg": "range of rotation",
}


def session_notes(extras: Mapping[str, Any]) -> RenderableType:
    """From the summary's `extras`."""
    parts: list[RenderableType] = []
    if extras["sets"]:
        parts += [sets_table(extras["sets"]), *map(Text, _asked(extras["exercises"]))]
    for heading, lines in (
        ("Differences between the legs (right less left)", _differences(extras["left_right"])),
        ("Last third less first third", _differences(extras["thirds"])),
        ("Worst steps", _worst(extras["worst_steps"])),
        ("Too little to average or compare", [*map(words.with_activities, extras["too_little"])]),
    ):
        if lines:
            parts += [Text(heading, style="bold"), *(Text(f"  {line}") for line in lines)]
    return Group(*parts)


def sets_table(sets: Sequence[Mapping[str, Any]]) -> Table:
    """A row per set: repetitions against those asked for, how many were clean, tempo, depth, knee past the toes."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left", header_style="underline")
    table.title = Text("Sets (tempo: seconds a repetition; depth: peak flexion, deg)", style="bold")
    for name in ("leg", "exercise"):
        table.add_column(name, no_wrap=True)
    for name in ("set", "done", "asked", "clean", "collapsed", "tempo", "depth", "lean", "past toes"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in sets:
        asked = one["asked"]
        table.add_row(
            str(one["side"]),
            NAMES.get(str(one["activity"]), str(one["activity"])),
            str(one["number"]),
            str(one["repetitions"]),
            f"{asked[0]}-{asked[1]}",
            str(one["clean"]),
            str(one["collapsed"]),
            _number(one.get("tempo_s"), 1),
            _number(one.get("depth_deg"), 0),
            _number(one.get("shank_lean_deg"), 0),
            str(one["past_toes"]) if "past_toes" in one else "",
        )
    return table


def _asked(exercises: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where fewer or more sets were done than asked for."""
    lines = []
    for one in exercises:
        fewest, most = one["asked_sets"]
        if not fewest <= one["sets"] <= most:
            name = NAMES.get(str(one["activity"]), str(one["activity"]))
            lines.append(f"  {one['side']}, {name}: {one['sets']} sets, asked for {fewest} to {most}")
    return lines


def _differences(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for entry in entries:
        name = NAMES.get(str(entry["activity"]), str(entry["activity"]))
        told = [f"{_MEASURES.get(m, m)} {entry[m]:+.1f}" for m in entry["clear"]]
        if told:
            leg = f"{entry['side']}, " if "side" in entry else ""
            lines.append(f"{leg}{name}: {', '.join(told)} deg")
    return lines


def _worst(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{_clock(step['start_s'])}  {step['side']}, {NAMES.get(str(step['activity']), str(step['activity']))}: excess "
        f"{_number(step['peak_valgus_excess_deg'], 1)}, medial collapse {_number(step['peak_medial_collapse_deg'], 1)}"
        for step in steps
    ]


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(max(seconds, 0.0), 60.0)
    return f"{int(minutes):2d}:{rest:04.1f}"


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"
