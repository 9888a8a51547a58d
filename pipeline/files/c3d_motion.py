"""What a session found, laid out as C3D has it: frames of a fixed rate, points, analog channels and events.

C3D is what motion laboratories exchange. Its joint angles are points of the type ANGLES, three numbers a frame, named
as Vicon's Plug-in Gait names them; so are they here, with that model's signs, since programs and people take them for
granted: X flexion +, Y varus (adduction) +, Z internal rotation +, on both legs. Abduction is therefore `-Y`. A frame
whose angles are not valid is marked as C3D marks it (residual -1). Everything else that `angles.parquet` has, the three
angles with their own signs among it, is an analog channel, one sample a frame, NaN where it is not known; a channel
tells which frames are valid. Foot contacts, repetitions, episodes and markers are events with a context of Left, Right
or General.

C3D's times begin at its first frame. That is the session's time zero, with frames that are not valid until the first
row, so that times are those of the other files; of a part, and where the session's rows begin late, `offset_s` is to
be added.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.blocks import Activity, Floats, Status
from pipeline.errors import BadInputError
from pipeline.files.angle_table import ANGLES
from pipeline.records import Side

MAX_FRAMES = 65535
"""C3D counts frames with 16 bits, and what programs do beyond differs."""
FOOT_STRIKE, FOOT_OFF = "Foot Strike", "Foot Off"
"""The names that gait programs look for."""
CODES = {
    "status": {status.name.lower(): int(status) for status in Status},
    "activity": {activity.label: int(activity) for activity in Activity},
}
"""Words of `angles.parquet` as numbers."""

_PADDED_S = 10.0
"""A session whose rows begin later than this begins with them."""
_SAME_S = 0.0015
"""The end of a step is the begin of the next one: one foot strike."""
_CONTEXTS = {"right": "Right", "left": "Left"}
_CHANNELS = {
    "flexion_deg": ("KneeFlexion", "flexion of the knee, flexion +, valid or not"),
    "abduction_deg": ("KneeAbduction", "abduction of the knee, abduction (valgus) +, valid or not"),
    "rotation_deg": ("KneeRotation", "rotation of the tibia, internal +, valid or not"),
    "valgus_excess_deg": ("ValgusExcess", "abduction above the knee's own unloaded path"),
    "medial_collapse_deg": ("MedialCollapse", "inward lean of thigh and shank together"),
    "shank_medial_tilt_deg": ("ShankTilt", "inward lean of the shank, knee inward +"),
    "thigh_medial_tilt_deg": ("ThighTilt", "inward lean of the thigh, knee inward +"),
    "flexion_sd_deg": ("KneeFlexionSD", "standard deviation of the flexion"),
    "abduction_sd_deg": ("KneeAbductionSD", "standard deviation of the abduction"),
    "rotation_sd_deg": ("KneeRotationSD", "standard deviation of the rotation"),
    "valgus_excess_sd_deg": ("ValgusExcessSD", "standard deviation of the valgus excess"),
    "medial_collapse_sd_deg": ("MedialCollapseSD", "standard deviation of the medial collapse"),
}
assert _CHANNELS.keys() == ANGLES.keys()


@dataclass(frozen=True, slots=True)
class Point:
    """A joint's three angles. values: (3, n) deg, NaN where not valid."""

    label: str
    description: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Channel:
    """One analog channel. values: (n,), NaN where not known."""

    label: str
    description: str
    unit: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Happening:
    """An event. time_s: since the first frame. context: Left, Right or General."""

    time_s: float
    label: str
    context: str
    description: str


@dataclass(frozen=True, slots=True)
class Motion:
    """What the file holds. offset_s: the session's time at the first frame."""

    rate_hz: float
    frames: int
    offset_s: float
    points: tuple[Point, ...]
    channels: tuple[Channel, ...]
    events: tuple[Happening, ...]


def lay_out(
    angles: pd.DataFrame,
    steps: pd.DataFrame,
    episodes: pd.DataFrame,
    markers: Sequence[tuple[float, str]] = (),
    *,
    side: Side | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
) -> Motion:
    """The motion of a session, or of a part of it.

    Parameters
    ----------
    angles, steps, episodes : the tables of a result folder.
    markers : times (s) and names of what was marked.
    side : one leg only.
    from_s, to_s : session times of the part; None: all of it.

    Raises BadInputError where there are no rows, too many of them, or both legs' rows are not of one rate.
    """
    sides = [leg for leg in (Side.RIGHT, Side.LEFT) if side in (None, leg) and (angles["side"] == leg.value).any()]
    if not sides:
        raise BadInputError(f"there are no angles of the {side} leg" if side else "there are no angles to export")
    legs = {leg: angles[angles["side"] == leg.value] for leg in sides}
    rates = {leg: _rate_hz(rows["time_s"].to_numpy(np.float64)) for leg, rows in legs.items()}
    rate_hz = rates[sides[0]]
    if any(abs(rate - rate_hz) > 1e-4 * rate_hz for rate in rates.values()):
        raise BadInputError("the legs' angles have different rates, a C3D file has one: choose one with --side")
    begin, end = _window([rows["time_s"].to_numpy(np.float64) for rows in legs.values()], rate_hz, from_s, to_s)
    if end - begin > MAX_FRAMES:
        raise BadInputError(
            f"{(end - begin) / rate_hz:.0f} s are {end - begin} frames, a C3D file holds {MAX_FRAMES} "
            f"({MAX_FRAMES / rate_hz:.0f} s): choose a part with --from and --to"
        )
    points: list[Point] = []
    channels: list[Channel] = []
    for leg, rows in legs.items():
        table = _frames(rows, rate_hz, begin, end)
        points.append(_point(leg, table))
        channels += _channels(leg, table)
    offset_s = begin / rate_hz
    happened = [*_foot_events(steps, sides), *_episode_events(episodes, sides)]
    happened += [Happening(time_s, "Marker", "General", name) for time_s, name in markers]
    inside = [e for e in happened if offset_s <= e.time_s <= (end - 1) / rate_hz]
    events = [Happening(e.time_s - offset_s, e.label, e.context, e.description) for e in inside]
    events.sort(key=lambda e: (e.time_s, e.context, e.label))
    return Motion(rate_hz, end - begin, offset_s, tuple(points), tuple(channels), tuple(events))


def _rate_hz(time_s: Floats) -> float:
    """Rows a second of a regular grid whose holes are whole rows."""
    steps = np.diff(time_s)
    if not len(steps) or not (steps > 0.0).all():
        raise BadInputError("the rows of the angles are not in order of time: process the recording again")
    rows = np.rint(steps / np.median(steps))
    rate_hz = float(rows.sum() / (time_s[-1] - time_s[0]))
    if np.abs(time_s * rate_hz - np.rint(time_s * rate_hz)).max() > 0.05:
        raise BadInputError("the rows of the angles are on no regular grid: process the recording again")
    return round(rate_hz, 4)


def _window(times: Sequence[Floats], rate_hz: float, from_s: float | None, to_s: float | None) -> tuple[int, int]:
    """The grid rows of the file, first and end (exclusive)."""
    first, last = min(float(t[0]) for t in times), max(float(t[-1]) for t in times)
    begin = from_s if from_s is not None else 0.0 if 0.0 <= first <= _PADDED_S else first
    end = last if to_s is None else min(to_s, last)
    rows = round(begin * rate_hz), round(end * rate_hz) + 1
    if rows[1] <= rows[0] or begin > last or end < first:
        raise BadInputError(
            f"there are no angles between {begin:g} and {end:g} s: they go from {first:g} to {last:g} s"
        )
    return rows


def _frames(rows: pd.DataFrame, rate_hz: float, begin: int, end: int) -> dict[str, Floats]:
    """The leg's columns as frames, NaN where it has no row; words as numbers."""
    at = np.rint(rows["time_s"].to_numpy(np.float64) * rate_hz).astype(np.int64) - begin
    kept = (at >= 0) & (at < end - begin)
    columns = {name: rows[name].to_numpy(np.float64) for name in ANGLES if name in rows}
    columns["valid"] = rows["valid"].to_numpy(np.float64)
    for name, codes in CODES.items():
        if name in rows:
            columns[name] = rows[name].map(codes).to_numpy(np.float64)
    table = {}
    for name, values in columns.items():
        frames = np.full(end - begin, np.nan)
        frames[at[kept]] = values[kept]
        table[name] = frames
    table["valid"] = np.nan_to_num(table["valid"])
    return table


def _point(leg: Side, table: dict[str, Floats]) -> Point:
    values = np.stack([table["flexion_deg"], -table["abduction_deg"], table["rotation_deg"]])
    values[:, table["valid"] < 0.5] = np.nan
    text = "X flexion +, Y varus + (minus abduction), Z internal rotation +; zero in standing; residual -1: not valid"
    return Point(f"{_letter(leg)}KneeAngles", text, values)


def _channels(leg: Side, table: dict[str, Floats]) -> list[Channel]:
    letter = _letter(leg)
    found = [
        Channel(letter + label, text, "deg", table[name]) for name, (label, text) in _CHANNELS.items() if name in table
    ]
    found.append(Channel(f"{letter}Valid", "1: all angles of the frame are to be trusted", "", table["valid"]))
    for name, codes in CODES.items():
        if name in table:
            text = ", ".join(f"{code} {word}" for word, code in codes.items())
            found.append(Channel(f"{letter}{name.capitalize()}", text, "", table[name]))
    return found


def _foot_events(steps: pd.DataFrame, sides: Sequence[Side]) -> list[Happening]:
    found: list[Happening] = []
    for leg in sides:
        strikes: list[float] = []
        context = _CONTEXTS[leg.value]
        for row in steps[steps["side"] == leg.value].to_dict("records"):
            what, off_s = str(row["activity"]), float(row["toe_off_s"])
            if math.isfinite(row["cadence_spm"]):
                strikes += [row["start_s"], row["end_s"]]
            else:
                found.append(Happening(row["start_s"], "Repetition Start", context, what))
                found.append(Happening(row["end_s"], "Repetition End", context, what))
                strikes.append(off_s - row["stance_s"])
            if math.isfinite(off_s):
                found.append(Happening(off_s, FOOT_OFF, context, what))
        found += [Happening(time_s, FOOT_STRIKE, context, "initial contact") for time_s in _distinct(strikes)]
    return found


def _distinct(times: Iterable[float]) -> list[float]:
    kept: list[float] = []
    for time_s in sorted(t for t in times if math.isfinite(t)):
        if not kept or time_s - kept[-1] > _SAME_S:
            kept.append(time_s)
    return kept


def _episode_events(episodes: pd.DataFrame, sides: Sequence[Side]) -> list[Happening]:
    found: list[Happening] = []
    wanted = {leg.value for leg in sides}
    for row in episodes[episodes["side"].isin(wanted)].to_dict("records"):
        text = f"{row['severity']}, {row['measure']}, {row['driver']}"
        context = _CONTEXTS[row["side"]]
        found.append(Happening(row["start_s"], "Valgus Start", context, text))
        found.append(Happening(row["end_s"], "Valgus End", context, text))
    return found


def _letter(leg: Side) -> str:
    return "R" if leg is Side.RIGHT else "L"
