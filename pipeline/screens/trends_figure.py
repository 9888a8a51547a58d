"""One activity over weeks: both measures and the episodes, both legs on one scale, and what is not yet a change."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.screens.drawing import (
    LEGS,
    STYLE,
    WIDTH_IN,
    ZERO,
    Picture,
    at_least,
    lay_out,
    leg_handle,
    name_below,
    svg,
)
from pipeline.screens.session_tables import real
from pipeline.screens.trends_change import LEAST_QUALITY, Change
from pipeline.screens.trends_sessions import Sitting

COLUMNS = {
    "peak_valgus_excess_mean_deg": "valgus excess (deg)",
    "peak_medial_collapse_mean_deg": "medial collapse (deg)",
    "episodes_per_100_steps": "episodes per 100 steps",
}
_WHOLE_DAYS = 3.0
_NAMED_DAYS = 4
_APART = 0.2
"""Of the axis: a date needs so much room."""
_DATES: Any = matplotlib.dates


def activity_over_sessions(
    sessions: Sequence[Sitting], activity: str, name: str, changes: Mapping[tuple[str, str], Change]
) -> Picture:
    """changes: by side and column."""
    sides = [side for side in LEGS if (side, "episodes_per_100_steps") in changes]
    when = _DATES.date2num([sitting.start for sitting in sessions])
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"trend {activity}"}):
        figure = Figure(figsize=(WIDTH_IN, 1.65))
        lay_out(figure, (1, len(COLUMNS)), (0.35, 0.06, 0.22, 0.42), 0.4)
        axes: Sequence[Axes] = figure.subplots(1, len(COLUMNS))
        for axis, (column, label) in zip(axes, COLUMNS.items(), strict=True):
            axis.axhline(0.0, color=ZERO, lw=0.7)
            for side in sides:
                of = changes[side, column]
                _bands(axis, of, side)
                quality = [real(sitting.rows.get((side, activity), {}).get("quality")) for sitting in sessions]
                _draw_leg(axis, when, np.array(of.values), np.array(quality), side)
            axis.set_title(label)
            axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
            at_least(axis, 10.0)
            _date_axis(axis, when)
        name_below(figure, "date of the session", [leg_handle(side) for side in sides])
        drawn = svg(figure, f"{name}: valgus excess, medial collapse and episodes over the sessions")
    return Picture(drawn, "")


def _draw_leg(axis: Axes, when: np.ndarray, values: np.ndarray, quality: np.ndarray, side: str) -> None:
    look = LEGS[side]
    known = np.isfinite(values)
    poor = known & (quality < LEAST_QUALITY)
    axis.plot(when[known & ~poor], values[known & ~poor], look.line, color=look.colour, lw=1.2)
    marker = "o" if look.round else "s"
    axis.plot(when[known & ~poor], values[known & ~poor], marker, color=look.colour, ms=4)
    axis.plot(when[poor], values[poor], marker, mfc="white", mec=look.colour, ms=4)


def _bands(axis: Axes, of: Change, side: str) -> None:
    if of.limits is None or not np.isfinite(of.first):
        return
    for reach, alpha in ((of.limits.high_deg, 0.07), (of.limits.low_deg, 0.10)):
        axis.axhspan(of.first - reach, of.first + reach, color=LEGS[side].colour, alpha=alpha, lw=0, zorder=0)


def _date_axis(axis: Axes, when: np.ndarray) -> None:
    low, high = float(when.min()), float(when.max())
    room = max(0.06 * (high - low), 0.5 if high - low < _WHOLE_DAYS else 1.0)
    axis.set_xlim(low - room, high + room)
    days = np.unique(np.floor(when))
    if len(days) <= _NAMED_DAYS and (len(days) == 1 or np.diff(days).min() > _APART * (high - low + 2.0 * room)):
        # Each of a few days by its date: between them lies nothing that a scale would help to read.
        dates = [_DATES.num2date(day) for day in days]
        axis.set_xticks([float(when[np.floor(when) == day].mean()) for day in days])
        axis.set_xticklabels([f"{date.day} {date:%b}" for date in dates])
        return
    locator = _DATES.AutoDateLocator(minticks=2, maxticks=5)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(locator, show_offset=False))
