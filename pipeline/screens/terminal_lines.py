"""The lines of the terminal: a leg, a set, an episode, what is to be done; each at most 80 columns wide unless said."""

import math

from pipeline.rows import EpisodeRow
from pipeline.screens import words
from pipeline.screens.set_count import SetView
from pipeline.screens.view import Angle, LegView


def leg_line(leg: LegView) -> str:
    """One leg in one line."""
    counted = ", ".join(f"{count} x {words.activity(name)}" for name, count in leg.steps.items())
    state = "" if leg.status == "ok" else f" [{words.STATUS.get(leg.status, leg.status)}]"
    return (
        f"{leg.side}: {words.activity(leg.activity)}{state}, flexion {with_sd(leg.flexion)}, abduction "
        f"{with_sd(leg.abduction)}, rotation {with_sd(leg.rotation)} deg; {counted or 'no steps yet'}"
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
        f"valgus episode at {episode.start_s:.1f} s, {episode.side}, {words.activity(episode.activity)}: "
        f"excess {signed(episode.peak_excess_deg)}, collapse {signed(episode.peak_collapse_deg)} deg for "
        f"{episode.duration_s:.2f} s, {episode.severity}, driven by: {episode.driver}"
    )


def to_do(leg: LegView) -> str:
    """What the person is to do in a leg's calibration, or that it is calibrated."""
    guide = leg.guide
    if guide is None:
        return "calibrated" if leg.calibrated else f"Calibration: {leg.calibration}"
    count = f" ({guide.count})" if guide.count else ""
    quality = f", {guide.quality}: {guide.detail}" if guide.quality else ""
    return f"Calibration: {guide.title[0].lower()}{guide.title[1:]}{count}{quality}"


def with_sd(angle: Angle) -> str:
    """An angle with a sign and its standard deviation; a dash where it is unknown."""
    if not math.isfinite(angle.deg):
        return "-"
    return signed(angle.deg) + (f" ±{angle.sd_deg:.1f}" if math.isfinite(angle.sd_deg) else "")


def signed(value: float) -> str:
    """A figure with its sign; a dash where it is unknown."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return f"{round(value, 1) + 0.0:+.1f}" if math.isfinite(value) else "-"


def plain(value: float, decimals: int = 1) -> str:
    """A figure; a dash where it is unknown."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if math.isfinite(value) else "-"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
