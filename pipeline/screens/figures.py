"""The report's figures over the whole session: the largest value of each step in time, and how it is distributed.

Both legs share one scale. Up to some hundreds of steps each step is a dot. Of more, each bar covers one part of the
session (the 10th to the 90th percentile of its steps, a tick at the median), and only the steps with an episode stay
dots: what matters is still seen one by one, and the page stays light.
"""

import math
from collections.abc import Sequence
from itertools import groupby

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pipeline.screens.drawing import (
    EPISODE,
    LEGS,
    STYLE,
    WIDTH_IN,
    ZERO,
    LegLook,
    Picture,
    at_least,
    clock,
    dots,
    lay_out,
    leg_handle,
    name_below,
    name_beside,
    svg,
)
from pipeline.screens.terminal import NAMES

MEASURES = [
    ("peak_abduction_deg", "abduction"),
    ("peak_valgus_excess_deg", "valgus excess"),
    ("peak_medial_collapse_deg", "medial collapse"),
]
_JUDGED = {"peak_valgus_excess_deg": "abduction", "peak_medial_collapse_deg": "collapse"}
_MOST_DOTS = 500
_PARTS = 100
_MOST_ACTIVITIES = 7
_MARKED = LegLook(EPISODE, "-", True)
_MOST_BOUTS = 60
_LEAST_SPAN_DEG = 10.0
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def peaks_over_session(steps: pd.DataFrame, episodes: pd.DataFrame, height_in: float) -> Picture | None:
    """Each step's peak abduction, valgus excess and medial collapse over the session, steps with an episode ringed."""
    known = _known(steps)
    if known.empty:
        return None
    sides = [side for side in LEGS if (known["side"] == side).any()]
    many = any((steps["side"] == side).sum() > _MOST_DOTS for side in sides)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "peaks"}):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        lay_out(figure, (len(MEASURES), 1), (0.7, 0.06, 0.2, 0.42), 0.0)
        axes: Sequence[Axes] = figure.subplots(len(MEASURES), 1, sharex=True)
        span = float(steps["end_s"].max() - steps["start_s"].min())
        for axis, (column, name) in zip(axes, MEASURES, strict=True):
            axis.axhline(0.0, color=ZERO, lw=0.8)
            axis.set_xlim(float(steps["start_s"].min()) - 0.01 * span, float(steps["end_s"].max()) + 0.01 * span)
            _limit(axis, steps[column].to_numpy(float))
            for side in sides:
                rows = steps[steps["side"] == side]
                _draw_leg(axis, rows["start_s"].to_numpy(float), rows[column].to_numpy(float), side, many)
            _ring(axis, steps, episodes, column, many)
            name_beside(axis, name.replace(" ", "\n") + "\n(deg)")
            axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _name_activities(axes, steps)
        axes[-1].xaxis.set_major_formatter(FuncFormatter(clock))
        axes[-1].xaxis.set_major_locator(MultipleLocator(_tick_s(span)))
        unit = "h:min:s" if steps["end_s"].max() >= 3600 else "min:s"
        name_below(figure, f"time in the session ({unit})", [leg_handle(side) for side in sides])
        drawn = svg(figure, "Largest abduction, valgus excess and medial collapse of each step over the session")
    meant = "red: a step with a valgus episode of that measure"
    if many:
        said = "Bars: where eight of ten steps of that part of the session lie (the largest value of each), tick at"
        return Picture(drawn, f"{said} the median; {meant}.")
    return Picture(drawn, f"Each dot is one step or repetition: its largest value; {meant}.")


def distributions(steps: pd.DataFrame, most_in: float) -> Picture | None:
    """How both measures are distributed over the steps of each activity, legs beside each other on one scale."""
    steps = _known(steps)
    shown = _often(steps)
    if not shown:
        return None
    sides = [side for side in LEGS if (steps["side"] == side).any()]
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "distributions", "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH_IN, min(most_in, distributions_in(steps))))
        lay_out(figure, (1, 2), (1.05, 0.06, 0.04, 0.4), 0.12)
        axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
        for axis, (column, name) in zip(axes, MEASURES[1:], strict=True):
            axis.axvline(0.0, color=ZERO, lw=0.8)
            for place, activity in enumerate(shown):
                for order, side in enumerate(sides):
                    of = steps[(steps["activity"] == activity) & (steps["side"] == side)]
                    height = place + (order - (len(sides) - 1) / 2) * 0.38
                    _spread(axis, of[column].to_numpy(float), height, side)
            axis.set_xlabel(f"largest {name} of a step (deg)")
            axis.set_yticks(range(len(shown)), [NAMES.get(name, name) for name in shown])
            axis.set_ylim(len(shown) - 0.45, -0.55)
            low, high = axis.get_xlim()
            if high - low < _LEAST_SPAN_DEG:
                axis.set_xlim((low + high - _LEAST_SPAN_DEG) / 2, (low + high + _LEAST_SPAN_DEG) / 2)
            # Of two pictures side by side no figure at the edge touches the other's.
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, prune="upper"))
            axis.tick_params(axis="y", length=0)
        drawn = svg(figure, "Distribution of valgus excess and medial collapse over the steps of each activity")
    legs = "Upper: right leg, lower: left leg. " if len(sides) > 1 else ""
    return Picture(
        drawn, f"{legs}Box: the middle half of the steps, line: median, whiskers: nine of ten, dots: steps outside."
    )


def distributions_in(steps: pd.DataFrame) -> float:
    """Inches that the distributions would like to be high."""
    known = _known(steps)
    shown = len(_often(known))
    return 0.5 + shown * (0.06 + 0.19 * max(1, known["side"].nunique())) if shown else 0.0


def _known(steps: pd.DataFrame) -> pd.DataFrame:
    """The steps of which any of the measures is known."""
    return steps.dropna(how="all", subset=[column for column, _ in MEASURES])


def _draw_leg(axis: Axes, at: np.ndarray, values: np.ndarray, side: str, many: bool) -> None:
    look = LEGS[side]
    if not many:
        dots(axis, at, values, look, 3.2)
        return
    known = np.isfinite(values)
    at, values = at[known], values[known]
    low, high = axis.get_xlim()
    part = ((at - low) / (high - low) * _PARTS).astype(int)
    shift = (0.35 if look.round else 0.65) * (high - low) / _PARTS
    for number in np.unique(part):
        of = values[part == number]
        x = low + number * (high - low) / _PARTS + shift
        ends = np.percentile(of, [10, 90])
        axis.plot([x, x], ends, "-", color=look.colour, lw=1.5, alpha=0.6, solid_capstyle="butt")
        axis.plot([x], [np.median(of)], "_", color=look.colour, ms=3.5, mew=1.2)


def _spread(axis: Axes, values: np.ndarray, height: float, side: str) -> None:
    values = values[np.isfinite(values)]
    if not len(values):
        return
    look = LEGS[side]
    if len(values) < 5:
        dots(axis, values, np.full(len(values), height), look, 3.2)
        return
    least, lower, middle, upper, most = np.percentile(values, [5, 25, 50, 75, 95])
    axis.plot([least, most], [height, height], "-", color=look.colour, lw=1.0)
    axis.plot([lower, upper], [height, height], "-", color=look.colour, lw=6.5, alpha=0.45, solid_capstyle="butt")
    axis.plot([middle], [height], "|", color=look.colour, ms=7.5, mew=1.8)
    outside = values[(values < least) | (values > most)]
    if len(outside) > 40:
        outside = np.sort(outside)[np.linspace(0, len(outside) - 1, 40).astype(int)]
    dots(axis, outside, np.full(len(outside), height), look, 2.0)


def _ring(axis: Axes, steps: pd.DataFrame, episodes: pd.DataFrame, column: str, many: bool) -> None:
    """Rings around the steps in which an episode of this measure had its peak."""
    measure = _JUDGED.get(column)
    if measure is None or episodes.empty:
        return
    meant = episodes[episodes["measure"].isin([measure, "both"])]
    for side, of in meant.groupby("side"):
        mine = steps[steps["side"] == side].sort_values("start_s")
        if mine.empty:
            continue
        peaks = of["peak_s"].to_numpy(float)
        at = np.searchsorted(mine["start_s"].to_numpy(float), peaks, side="right") - 1
        inside = (at >= 0) & (mine["end_s"].to_numpy(float)[at] > peaks)
        ringed = mine.iloc[np.unique(at[inside])]
        if many:
            dots(axis, ringed["start_s"].to_numpy(float), ringed[column].to_numpy(float), _MARKED, 2.2, 1.0)
        else:
            size = 6.5 if len(steps) < _MOST_DOTS / 4 else 5.0
            axis.plot(ringed["start_s"], ringed[column], "o", mfc="none", mec=EPISODE, ms=size, mew=size / 5.5)


def _name_activities(axes: Sequence[Axes], steps: pd.DataFrame) -> None:
    """Grey bands behind every second bout of the busier leg, its name above where there is room."""
    busier = steps["side"].value_counts().index[0]
    order = steps[steps["side"] == busier].sort_values("start_s")
    low, high = axes[0].get_xlim()
    rows = zip(order["activity"], order["start_s"], order["end_s"], strict=True)
    bouts = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row[0])]
    free_from = low
    for index, (activity, bout) in enumerate(bouts):
        start, end = float(bout[0][1]), float(max(row[2] for row in bout))
        if index % 2 and len(bouts) <= _MOST_BOUTS:
            for axis in axes:
                axis.axvspan(start, end, color="#f0f0f4", lw=0, zorder=0)
        name = NAMES.get(str(activity), str(activity))
        half = 0.0058 * len(name) * (high - low)
        middle = (start + end) / 2
        if end - start > 1.3 * half and middle - half > free_from and middle + half < high:
            free_from = middle + half
            axes[0].annotate(
                name, (middle, 1.02), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=7.5
            )


def _often(steps: pd.DataFrame) -> list[str]:
    """The activities with most steps, in the order in which the table has them."""
    counts = steps["activity"].value_counts()
    known = [name for name in NAMES if counts.get(name, 0) > 0]
    most = sorted(known, key=lambda name: -int(counts[name]))[:_MOST_ACTIVITIES]
    return [name for name in known if name in most]


def _tick_s(span_s: float) -> float:
    """The distance of the ticks: round on a clock, nine of them at most."""
    return next((float(tick) for tick in _TICKS_S if span_s / tick <= 9.0), 3600.0 * math.ceil(span_s / 3600.0 / 9.0))


def _limit(axis: Axes, values: np.ndarray) -> None:
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.08 * max(high - low, 1.0)
    axis.set_ylim(low - room, high + room)
    at_least(axis, _LEAST_SPAN_DEG)
