"""The report's figures inside a step: mean curves over the normalised cycle, and the worst steps enlarged.

Curves of both legs lie in one picture on one scale, which is also the same from activity to activity. A worst step is
shown in its own time, both measures with the standard deviation of their estimate, so that one sees what was a collapse
and what the estimate does not know.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.screens.cycles import POINTS, Band, band
from pipeline.screens.drawing import (
    EPISODE,
    LEGS,
    STYLE,
    WIDTH_IN,
    ZERO,
    Picture,
    at_least,
    clock,
    lay_out,
    leg_handle,
    name_below,
    name_beside,
    svg,
)
from pipeline.screens.session_tables import objects, real
from pipeline.screens.terminal import NAMES

WORST = 5
WORST_IN = 1.5
_CYCLIC = ("walking", "stair_ascent", "stair_descent")
_MOST_ACTIVITIES = 3
_LEAST_STEPS = 3
_LOWEST_IN, _HIGHEST_IN = 0.85, 1.2
_ANGLES = [
    ("flexion_deg", "flexion", 40.0),
    ("abduction_deg", "abduction (valgus +)", 12.0),
    ("valgus_excess_deg", "valgus excess", 12.0),
    ("medial_collapse_deg", "medial collapse", 12.0),
    ("rotation_deg", "rotation (inward +)", 12.0),
]
_MEASURES = [
    ("valgus_excess_deg", "valgus excess", "#4B2E83", "-"),
    ("medial_collapse_deg", "medial collapse", "#1B7F5C", "--"),
]
_AROUND_S = 0.25


def curves_over_cycle(angles: pd.DataFrame, steps: pd.DataFrame, most_in: float) -> Picture | None:
    """Mean and spread of the angles over the cycle, a row per activity, both legs on the same scale."""
    steps = _directed(angles, steps)
    bands = {
        activity: found
        for activity in _often(steps)[: max(1, min(_MOST_ACTIVITIES, int((most_in - 0.4) / _LOWEST_IN)))]
        if any(found := [_bands(angles, steps, activity, a) for a, *_ in _ANGLES])
    }
    if not bands:
        return None
    sides = [side for side in LEGS if any(side in of for row in bands.values() for of in row)]
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "cycles"}):
        figure = Figure(figsize=(WIDTH_IN, min(most_in, 0.5 + _HIGHEST_IN * len(bands))))
        lay_out(figure, (len(bands), len(_ANGLES)), (0.84, 0.12, 0.2, 0.42), 0.36)
        grid = figure.subplots(len(bands), len(_ANGLES), squeeze=False, sharex=True, sharey="col")
        for axes, (activity, row) in zip(grid, bands.items(), strict=True):
            for axis, of in zip(axes, row, strict=True):
                _draw_bands(axis, of)
            counts = [f"{row[0][side].steps} {side}" for side in sides if side in row[0]]
            name_beside(axes[0], "\n".join([NAMES.get(activity, activity), *counts, "(deg)"]), fontsize=6.8)
        for axis, (_, name, span) in zip(grid[0], _ANGLES, strict=True):
            axis.set_title(name)
            at_least(axis, span)
        name_below(figure, "% of the cycle", [leg_handle(side) for side in sides])
        drawn = svg(figure, "Angles over the step cycle, mean and spread, by activity")
    return Picture(
        drawn,
        "Line: mean over the steps (how many stands at the left); band: one standard deviation between steps. "
        "0 % is the foot's contact, or a repetition's start.",
    )


def worst_steps(
    angles: pd.DataFrame, steps: pd.DataFrame, episodes: pd.DataFrame, summary: Mapping[str, Any]
) -> Picture | None:
    """The steps that collapsed most, each in its own time, both measures on one scale."""
    chosen = _listed(steps, summary)
    if chosen.empty:
        chosen = worst(steps, episodes)
    if chosen.empty:
        return None
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "worst"}):
        figure = Figure(figsize=(WIDTH_IN, WORST_IN))
        lay_out(figure, (1, WORST), (0.45, 0.06, 0.34, 0.42), 0.14)
        axes: Sequence[Axes] = figure.subplots(1, WORST, sharey=True)
        for axis, step in zip(axes, chosen.to_dict("records"), strict=False):
            _draw_step(axis, angles[angles["side"] == step["side"]], step, episodes)
        for axis in axes[len(chosen) :]:
            axis.set_visible(False)
        name_beside(axes[0], "deg", 0.3)
        axes[0].yaxis.set_major_locator(MaxNLocator(5, integer=True))
        at_least(axes[0], 10.0)
        handles = [Line2D([], [], color=colour, ls=line, lw=1.4, label=name) for _, name, colour, line in _MEASURES]
        name_below(figure, "s from the start of the step", handles)
        drawn = svg(figure, "The steps with the largest valgus episodes, enlarged")
    return Picture(
        drawn,
        "Band: one standard deviation of the estimate; red bar: the valgus episode; grey: before and after the step. "
        "Above: when, and its driver where that could be told.",
    )


def worst(steps: pd.DataFrame, episodes: pd.DataFrame, most: int = WORST) -> pd.DataFrame:
    """The steps with the largest episodes of either measure, largest first; without any, of largest excess."""
    if steps.empty:
        return steps
    size = steps[["peak_valgus_excess_deg", "peak_medial_collapse_deg"]].max(axis=1)
    marked = np.zeros(len(steps), bool)
    for episode in episodes.itertuples():
        marked |= (
            (steps["side"] == episode.side) & (steps["start_s"] <= episode.peak_s) & (steps["end_s"] > episode.peak_s)
        ).to_numpy()
    among = size[marked] if marked.any() else steps["peak_valgus_excess_deg"].astype(float)
    return steps.loc[among.dropna().nlargest(most).index]


def _listed(steps: pd.DataFrame, summary: Mapping[str, Any]) -> pd.DataFrame:
    """The worst steps as summary.json lists them, where it does."""
    found = []
    for entry in objects(summary.get("worst_steps")):
        same = (steps["side"] == entry.get("side")) & ((steps["start_s"] - real(entry.get("start_s"))).abs() < 0.01)
        found += [index for index in steps.index[same] if index not in found]
    return steps.loc[found[:WORST]]


def _often(steps: pd.DataFrame) -> list[str]:
    if steps.empty:
        return []
    counts = steps["activity"].value_counts()
    often = [str(name) for name, count in counts.items() if count >= _LEAST_STEPS]
    return sorted(often, key=lambda name: (name not in _CYCLIC, -int(counts[name]), name))


def _directed(angles: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """Sitting down and standing up under names of their own: a mean over both would be neither."""
    steps = steps.copy()
    for side in LEGS:
        leg = angles[angles["side"] == side]
        rows = steps.index[(steps["side"] == side) & (steps["activity"] == "sit_to_stand")]
        if len(rows) and len(leg):
            ends = steps.loc[rows, ["start_s", "end_s"]].to_numpy(float)
            bent = np.interp(ends, leg["time_s"].to_numpy(float), leg["flexion_deg"].to_numpy(float))
            steps.loc[rows, "activity"] = np.where(bent[:, 1] < bent[:, 0], "standing up", "sitting down")
    return steps


def _bands(angles: pd.DataFrame, steps: pd.DataFrame, activity: str, column: str) -> dict[str, Band]:
    """By side."""
    found = {}
    for side in LEGS:
        rows = steps[(steps["activity"] == activity) & (steps["side"] == side)]
        leg = angles[angles["side"] == side]
        if rows.empty or leg.empty:
            continue
        over = band(
            leg["time_s"].to_numpy(float),
            leg[column].to_numpy(float),
            leg["valid"].to_numpy(bool),
            rows["start_s"].to_numpy(float),
            rows["end_s"].to_numpy(float),
        )
        if over is not None:
            found[side] = over
    return found


def _draw_bands(axis: Axes, of: dict[str, Band]) -> None:
    percent = np.linspace(0.0, 100.0, POINTS)
    axis.axhline(0.0, color=ZERO, lw=0.7)
    for side, over in of.items():
        look = LEGS[side]
        axis.fill_between(percent, over.mean - over.sd, over.mean + over.sd, color=look.colour, alpha=0.18, lw=0)
        axis.plot(percent, over.mean, look.line, color=look.colour, lw=1.4)
    axis.set_xlim(0, 100)
    axis.set_xticks([0, 25, 50, 75, 100], ["0", "", "50", "", "100"])
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_step(axis: Axes, leg: pd.DataFrame, step: Mapping[Any, Any], episodes: pd.DataFrame) -> None:
    start, end = float(step["start_s"]), float(step["end_s"])
    time = leg["time_s"].to_numpy(float)
    first, last = np.searchsorted(time, [start - _AROUND_S, end + _AROUND_S])
    rows = leg.iloc[first:last]
    valid = rows["valid"].to_numpy(bool)
    at = time[first:last] - start
    axis.axhline(0.0, color=ZERO, lw=0.7)
    for column, _, colour, line in _MEASURES:
        values = np.where(valid, rows[column].to_numpy(float), np.nan)
        sd = rows[column.replace("_deg", "_sd_deg")].to_numpy(float)
        axis.fill_between(at, values - sd, values + sd, color=colour, alpha=0.16, lw=0)
        axis.plot(at, values, line, color=colour, lw=1.3)
    for begin, finish in ((-_AROUND_S, 0.0), (end - start, end - start + _AROUND_S)):
        axis.axvspan(begin, finish, color="#eeeeee", lw=0, zorder=0)
    mine = episodes[(episodes["side"] == step["side"]) & (episodes["start_s"] < end) & (episodes["end_s"] > start)]
    for episode in mine.itertuples():
        span = [float(episode.start_s) - start, float(episode.end_s) - start]
        axis.plot(span, [0.02, 0.02], color=EPISODE, lw=3, transform=axis.get_xaxis_transform(), solid_capstyle="butt")
    axis.set_xlim(-_AROUND_S, end - start + _AROUND_S)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    name = NAMES.get(str(step["activity"]), str(step["activity"]))
    told = [str(driver) for driver in mine["driver"].iloc[:1] if driver in ("hip", "foot", "mixed")]
    axis.set_title(f"{step['side']}, {name}\n" + ", ".join([f"at {clock(start)}", *told]), fontsize=7.5)
