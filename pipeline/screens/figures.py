"""The report's figures as SVG text: peaks per step over the session, and angle curves over the cycle.

Same scales for both legs; the legs differ in colour, marker and line (safe for the colour-blind and in grey print).
"""

import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.screens.cycles import band
from pipeline.screens.terminal import NAMES

_LEG = {"right": ("#0072B2", "o", "-"), "left": ("#D55E00", "s", "--")}
_EPISODE = "#CC0033"
_CYCLIC = ("walking", "stair_ascent", "stair_descent")
_MOST_ACTIVITIES = 4
_LEAST_STEPS = 3
_WIDTH_IN = 7.4
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG element and the sentence under it."""

    svg: str
    caption: str


def peaks_over_session(steps: pd.DataFrame, episodes: pd.DataFrame) -> Picture | None:
    """Each step's peak abduction, valgus excess and medial collapse over the session, episodes ringed."""
    if steps.empty:
        return None
    measures = [
        ("peak_abduction_deg", "abduction"),
        ("peak_valgus_excess_deg", "valgus excess"),
        ("peak_medial_collapse_deg", "medial collapse"),
    ]
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": "peaks"}):
        figure = Figure(figsize=(_WIDTH_IN, 4.6), layout="constrained")
        axes: Sequence[Axes] = figure.subplots(len(measures), 1, sharex=True)
        for axis, (column, name) in zip(axes, measures, strict=True):
            for side, rows in steps.groupby("side"):
                colour, marker, _ = _LEG[str(side)]
                axis.plot(
                    rows["start_s"], rows[column], marker, color=colour, ms=3.2, mew=0, alpha=0.75, label=f"{side} leg"
                )
            _ring(axis, steps, episodes, column)
            axis.axhline(0.0, color="#999999", lw=0.8)
            axis.set_ylabel(f"{name}\n(deg)")
            axis.yaxis.set_major_locator(MaxNLocator(4))
        _name_activities(axes, steps)
        axes[-1].xaxis.set_major_formatter(FuncFormatter(_clock))
        axes[-1].xaxis.set_major_locator(MaxNLocator(8, steps=_round_times(steps)))
        axes[-1].set_xlabel("time in the session (min:s)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=3)
        svg = _svg(figure)
    return Picture(
        svg, "Each dot is one step or repetition: its largest value. Red rings: a valgus episode in that step."
    )


def curves_over_cycle(angles: pd.DataFrame, steps: pd.DataFrame) -> Picture | None:
    """Mean and spread of the three angles over the cycle, a row per activity, both legs on the same scale."""
    if steps.empty:
        return None
    shown = _activities(steps)
    columns = [
        ("flexion_deg", "flexion"),
        ("abduction_deg", "abduction (valgus +)"),
        ("rotation_deg", "rotation (inward +)"),
    ]
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": "cycles"}):
        figure = Figure(figsize=(_WIDTH_IN, 0.5 + 1.9 * max(1, len(shown))), layout="constrained")
        grid = figure.subplots(max(1, len(shown)), len(columns), squeeze=False, sharex=True)
        drawn = False
        for row, activity in zip(grid, shown, strict=False):
            for axis, (column, name) in zip(row, columns, strict=True):
                drawn |= _draw_bands(axis, angles, steps[steps["activity"] == activity], column)
                axis.set_title(f"{NAMES.get(activity, activity)}: {name}")
                axis.axhline(0.0, color="#999999", lw=0.8)
                axis.set_xlim(0, 100)
                if column != "flexion_deg":
                    _at_least(axis, 12.0)
            row[0].set_ylabel("deg")
        if not drawn:
            return None
        for axis in grid[-1]:
            axis.set_xlabel("% of the cycle")
        handles = {
            label: line for axis in grid.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower right", ncols=4)
        svg = _svg(figure)
    return Picture(
        svg,
        "Line: mean over the steps; band: one standard deviation. 0 % is the foot's contact (or a repetition's start).",
    )


def _activities(steps: pd.DataFrame) -> list[str]:
    counts = steps.groupby("activity").size()
    often = [str(name) for name, count in counts.items() if count >= _LEAST_STEPS]
    return sorted(often, key=lambda name: (name not in _CYCLIC, -int(counts[name]), name))[:_MOST_ACTIVITIES]


def _draw_bands(axis: Axes, angles: pd.DataFrame, steps: pd.DataFrame, column: str) -> bool:
    drawn = False
    percent = np.linspace(0.0, 100.0, 101)
    for side, rows in steps.groupby("side"):
        leg = angles[angles["side"] == side]
        found = band(
            leg["time_s"].to_numpy(float),
            leg[column].to_numpy(float),
            leg["valid"].to_numpy(bool),
            rows["start_s"].to_numpy(float),
            rows["end_s"].to_numpy(float),
        )
        if found is None:
            continue
        colour, _, line = _LEG[str(side)]
        axis.fill_between(percent, found.mean - found.sd, found.mean + found.sd, color=colour, alpha=0.18, lw=0)
        axis.plot(percent, found.mean, line, color=colour, lw=1.6, label=f"{side} leg")
        axis.annotate(
            f"{found.steps} steps",
            (1.0, 0.98 - 0.12 * (side == "left")),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=7,
            color=colour,
        )
        drawn = True
    return drawn


def _ring(axis: Axes, steps: pd.DataFrame, episodes: pd.DataFrame, column: str) -> None:
    """Rings around the steps in which an episode of this measure began."""
    measure = {"peak_valgus_excess_deg": "abduction", "peak_medial_collapse_deg": "collapse"}.get(column)
    if measure is None or episodes.empty:
        return
    meant = episodes[episodes["measure"].isin([measure, "both"])]
    inside = [
        steps[(steps["side"] == e.side) & (steps["start_s"] <= e.peak_s) & (steps["end_s"] > e.peak_s)]
        for e in meant.itertuples()
    ]
    ringed = pd.concat(inside) if inside else steps.iloc[:0]
    axis.plot(ringed["start_s"], ringed[column], "o", mfc="none", mec=_EPISODE, ms=7.5, mew=1.3)


def _name_activities(axes: Sequence[Axes], steps: pd.DataFrame) -> None:
    """Grey bands behind every second bout of the busier leg, its name above where there is room."""
    busier = steps["side"].value_counts().index[0]
    order = steps[steps["side"] == busier].sort_values("start_s")
    whole = max(1e-9, float(order["end_s"].max() - order["start_s"].min()))
    rows = zip(order["activity"], order["start_s"], order["end_s"], strict=True)
    for index, (activity, group) in enumerate(groupby(rows, key=lambda row: row[0])):
        bout = list(group)
        start, end = float(bout[0][1]), float(max(row[2] for row in bout))
        if index % 2:
            for axis in axes:
                axis.axvspan(start, end, color="#f1f1f4", lw=0, zorder=0)
        name = NAMES.get(str(activity), str(activity))
        if (end - start) / whole > 0.012 * len(name):
            axes[0].annotate(
                name,
                ((start + end) / 2, 1.02),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                fontsize=7.5,
            )


def _round_times(steps: pd.DataFrame) -> list[float]:
    """Leading figures of tick distances: decimal below a minute or so, parts and multiples of a minute above."""
    return [1, 2, 5, 10] if float(steps["end_s"].max()) < 100.0 else [1.2, 3, 6, 10]


def _at_least(axis: Axes, span: float) -> None:
    low, high = axis.get_ylim()
    if high - low < span:
        middle = (low + high) / 2
        axis.set_ylim(middle - span / 2, middle + span / 2)


def _clock(seconds: float, _: int | None = None) -> str:
    if not math.isfinite(seconds):
        return ""
    whole = round(abs(seconds))
    return f"{'-' if seconds < 0 else ''}{whole // 60}:{whole % 60:02d}"


def _svg(figure: Figure) -> str:
    """The figure as an element for an HTML page: no XML header, no link to the outside, width left to the page."""
    FigureCanvasSVG(figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r'^<svg ([^>]*?)height="[^"]*" ([^>]*?)width="[^"]*"', r"<svg \1\2", text, count=1)


def joined(parts: Iterable[Picture | None]) -> list[Picture]:
    """The figures that there are."""
    return [part for part in parts if part is not None]
