"""What all figures of the pages share: how a leg looks, large clouds of dots as one light element, and SVG for a page.

The legs differ in colour, shape and line (Okabe and Ito's palette, which the colour-blind tell apart, and grey print
does by shape). Figures are vector graphics without links, scripts or fonts of their own, numbers rounded to a tenth of
a point, so that a session of an hour stays a light page.
"""

import io
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from pipeline.blocks import Floats

WIDTH_IN = 7.4
"""Inches: the width of an A4 page without its margins."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.7,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
}


@dataclass(frozen=True, slots=True)
class LegLook:
    """How a leg is drawn. round: round dots, else square ones."""

    colour: str
    line: str
    round: bool


LEGS = {"right": LegLook("#0072B2", "-", True), "left": LegLook("#D55E00", "--", False)}
_ROW_GAP_IN = 0.12
EPISODE = "#B0003A"
ZERO = "#8a8a8a"


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG element and the sentence under it."""

    svg: str
    caption: str


def dots(axis: Axes, x: Floats, y: Floats, look: LegLook, size_pt: float = 3.0, alpha: float = 0.75) -> None:
    """Many dots as one path: pen strokes of no length with a wide tip. Values that are not finite are left out.

    Call after the axis has its limits: the dots are placed where the axis is then. x, y: (n,).
    """
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return
    points = np.repeat(np.column_stack([x[known], y[known]]), 2, axis=0)
    codes = np.tile([Outline.MOVETO, Outline.LINETO], int(known.sum()))
    outline = Outline(points, codes)
    outline.should_simplify = False
    cap: Any = "round" if look.round else "projecting"
    patch = PathPatch(outline, fill=False, ec=look.colour, lw=size_pt, capstyle=cap, alpha=alpha, zorder=2.5)
    axis.add_patch(patch)
    axis.update_datalim(points)


def leg_handle(side: str, label: str | None = None) -> Any:
    """A legend's entry for a leg: its dot and its line."""
    from matplotlib.lines import Line2D

    look = LEGS[side]
    marker = "o" if look.round else "s"
    return Line2D([], [], color=look.colour, ls=look.line, lw=1.4, marker=marker, ms=4, label=label or f"{side} leg")


def lay_out(
    figure: Figure, shape: tuple[int, int], frame_in: tuple[float, float, float, float], gaps_in: float
) -> None:
    """Set the axes of a figure at fixed distances: quick, and the same on every machine.

    shape: rows and columns. frame_in: left, right, top, bottom, in inches. gaps_in: between columns; between rows 0.12.
    """
    left, right, top, bottom = frame_in
    width, height = figure.get_size_inches()
    rows, columns = shape
    across = (width - left - right - (columns - 1) * gaps_in) / columns
    down = (height - top - bottom - (rows - 1) * _ROW_GAP_IN) / rows
    figure.subplots_adjust(
        left=left / width,
        right=1.0 - right / width,
        top=1.0 - top / height,
        bottom=bottom / height,
        wspace=gaps_in / across,
        hspace=_ROW_GAP_IN / down,
    )


def name_beside(axis: Axes, text: str, away_in: float = 0.3, **style: Any) -> None:
    """The vertical axis's name at a fixed distance, whatever the figures at its ticks: none runs out of the picture."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    width = axis.get_position().width * figure.get_size_inches()[0]
    axis.set_ylabel(text, **style)
    axis.yaxis.set_label_coords(-away_in / width, 0.5)


def name_below(figure: Figure, axis_name: str, handles: list[Any]) -> None:
    """One line below all axes: what their horizontal axis is, and at its end the legend."""
    figure.supxlabel(axis_name, fontsize=7.5)
    figure.legend(handles=handles, loc="lower right", ncols=max(1, len(handles)), borderaxespad=0.0, borderpad=0.1)


def at_least(axis: Axes, span: float) -> None:
    """Widen an axis of values to at least `span`, so that noise does not fill it."""
    low, high = axis.get_ylim()
    if high - low < span:
        middle = (low + high) / 2
        axis.set_ylim(middle - span / 2, middle + span / 2)


def clock(seconds: float, _: int | None = None) -> str:
    """Minutes and seconds, hours before them from one on; a dash where it is unknown."""
    if not math.isfinite(seconds):
        return "–"
    whole = round(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    hours, minutes = divmod(whole // 60, 60)
    return f"{sign}{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{sign}{minutes}:{whole % 60:02d}"


def svg(figure: Figure, description: str) -> str:
    """The figure as an element for a page: no XML header, no link to the outside, width left to the page.

    description: what a screen reader says instead.
    """
    FigureCanvasSVG(figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<= d=")[^"]*', _rounded, text)
    text = re.sub(r'^<svg ([^>]*?)height="[^"]*" ([^>]*?)width="[^"]*"', r"<svg \1\2", text, count=1)
    said = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1)


def _rounded(found: "re.Match[str]") -> str:
    short = re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number.group()):.1f}", found.group())
    short = re.sub(r"\s+", " ", short).replace(".0 ", " ").strip()
    # A stroke of no length: not every viewer draws its tip.
    return re.sub(r"M (\S+) (\S+) L \1 \2(?= |$)", r"M\1 \2h.1", short)
