"""The truth of a simulated session in the words of the result tables, and as the block that later stages take.

Angles are zero in the first standing, as a calibrated estimate's are.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.blocks import Activity, Bytes, Floats, LegBlock, Status
from pipeline.records import Segment, Side
from pipeline.simulation.body import Episode, LegMotion
from pipeline.simulation.imu import Track, attitudes, ideal
from pipeline.simulation.plan import Contact, Repetition
from pipeline.simulation.rotations import conjugate, inclination, medial_tilt, multiply, rotate
from pipeline.simulation.shapes import GRID_HZ

BARE_ANGLES = {
    "flexion_deg": "flexion",
    "abduction_deg": "abduction",
    "rotation_deg": "rotation",
    "valgus_excess_deg": "excess",
}
"""Columns of angles that need no other segment, and the channels they come from."""

_SD = np.deg2rad(1.0)


def at_times(values: Floats, times: Floats) -> Floats:
    """(n,) a grid channel at `times` s, linear between rows."""
    return np.interp(times * GRID_HZ, np.arange(len(values)), values)


def codes_at(codes: Bytes, times: Floats) -> Bytes:
    """(n,) activity codes at `times` s."""
    rows: Bytes = codes[np.clip((times * GRID_HZ).astype(np.int64), 0, len(codes) - 1)]
    return rows


def leg_block(
    leg: LegMotion, tracks: dict[Segment, Track], side: Side, rate_hz: float, neutral: tuple[float, float]
) -> LegBlock:
    """A `LegBlock` without error: every row valid, constant small standard deviations.

    neutral: from and to (s) of the standing in which angles and tilts are zero.
    """
    n = int(len(leg.flexion) / GRID_HZ * rate_hz)
    times = np.arange(n) / rate_hz
    standing = (times >= neutral[0]) & (times < neutral[1])

    def zeroed(values: Floats) -> Floats:
        sampled = at_times(values, times)
        return sampled - (sampled[standing].mean() if standing.any() else 0.0)

    thigh, _ = attitudes(tracks[Segment.THIGH], times)
    shank, shank_sensor = attitudes(tracks[Segment.SHANK], times)
    force, _ = ideal(tracks[Segment.SHANK], times)
    free = rotate(shank_sensor, force) - np.array([0.0, 0.0, 9.80665])
    thigh_tilt = zeroed(-medial_tilt(leg.thigh, side.sign))
    shank_tilt = zeroed(medial_tilt(leg.shank, side.sign))
    sd = np.full(n, _SD)
    return LegBlock(
        start=0,
        rate_hz=rate_hz,
        flexion=zeroed(leg.flexion),
        abduction=zeroed(leg.abduction),
        rotation=zeroed(leg.rotation),
        excess=zeroed(leg.excess),
        collapse=thigh_tilt + shank_tilt,
        thigh_tilt=thigh_tilt,
        shank_tilt=shank_tilt,
        flexion_sd=sd,
        abduction_sd=sd,
        rotation_sd=sd,
        excess_sd=sd,
        collapse_sd=sd,
        thigh_incl=inclination(thigh),
        shank_incl=inclination(shank),
        thigh_rate=_swing_rate(leg.thigh, times),
        shank_rate=_swing_rate(leg.shank, times),
        shank_acc=_level(shank, free),
        thigh_yaw=_yaw(leg.thigh, times, side),
        shank_yaw=_yaw(leg.shank, times, side),
        thigh_quat=thigh,
        shank_quat=shank,
        acc_norm=np.linalg.norm(force, axis=1),
        valid=np.ones(n, bool),
        status=np.full(n, Status.OK, np.uint8),
    )


def _swing_rate(segment: Floats, times: Floats) -> Floats:
    """Rate about the mediolateral axis, + distal end forward."""
    step = multiply(conjugate(segment[:-2]), segment[2:])
    rate = np.zeros(len(segment))
    rate[1:-1] = 2.0 * np.arctan2(step[:, 3], step[:, 0])
    rate[1:-1] = (rate[1:-1] + np.pi) % (2.0 * np.pi) - np.pi
    return at_times(rate * GRID_HZ / 2.0, times)


def _lateral(segment: Floats) -> Floats:
    """(n, 2) horizontal part of the mediolateral axis, pointing right."""
    return rotate(segment, np.array([0.0, 0.0, 1.0]))[:, :2]


def _yaw(segment: Floats, times: Floats, side: Side) -> Floats:
    right = _lateral(segment)
    angle = np.unwrap(np.arctan2(right[:, 1], right[:, 0]))
    return at_times(side.sign * (angle - angle[0]), times)


def _level(segment: Floats, free: Floats) -> Floats:
    """Acceleration (n, 3) in the level frame of a segment: x forward, y up, z right."""
    right = _lateral(segment)
    right = right / np.linalg.norm(right, axis=1, keepdims=True)
    sideways = np.sum(free[:, :2] * right, axis=1)
    forward = -free[:, 0] * right[:, 1] + free[:, 1] * right[:, 0]
    return np.column_stack([forward, free[:, 2], sideways])


def angles_table(block: LegBlock, codes: Bytes, side: Side) -> pd.DataFrame:
    """The columns of angles.parquet that have a truth."""
    labels = np.array([a.label for a in Activity])
    return pd.DataFrame(
        {
            "time_s": block.time_s,
            "side": side.value,
            "flexion_deg": np.rad2deg(block.flexion),
            "abduction_deg": np.rad2deg(block.abduction),
            "rotation_deg": np.rad2deg(block.rotation),
            "valgus_excess_deg": np.rad2deg(block.excess),
            "medial_collapse_deg": np.rad2deg(block.collapse),
            "shank_medial_tilt_deg": np.rad2deg(block.shank_tilt),
            "thigh_medial_tilt_deg": np.rad2deg(block.thigh_tilt),
            "activity": labels[codes],
        }
    )


def steps_table(
    repetitions: Sequence[Repetition], blocks: dict[Side, LegBlock], episodes: Sequence[Episode]
) -> pd.DataFrame:
    """One row per true step or repetition of the sides in `blocks`."""
    rows = []
    for rep in sorted(repetitions, key=lambda r: (r.start_s, r.side)):
        block = blocks.get(rep.side)
        if block is None:
            continue
        a, b = (round(t * block.rate_hz) for t in (rep.start_s, rep.end_s))
        piece = block.cut(max(a, 0), max(b, a + 2))
        top = int(np.argmax(piece.abduction))
        fallen = [
            e
            for e in episodes
            if e.injection.collapse.side is rep.side and rep.start_s <= e.injection.peak_s < rep.end_s
        ]
        rows.append(
            {
                "side": rep.side.value,
                "activity": rep.activity.label,
                "role": rep.role,
                "transition": rep.transition,
                "start_s": rep.start_s,
                "end_s": rep.end_s,
                "toe_off_s": rep.toe_off_s,
                "stance_s": rep.toe_off_s - rep.start_s,
                "peak_flexion_deg": np.rad2deg(piece.flexion.max()),
                "abduction_at_contact_deg": np.rad2deg(piece.abduction[0]),
                "peak_abduction_deg": np.rad2deg(piece.abduction[top]),
                "peak_abduction_s": piece.time_s[top],
                "peak_valgus_excess_deg": np.rad2deg(piece.excess.max()),
                "peak_medial_collapse_deg": np.rad2deg(piece.collapse.max()),
                "abduction_range_deg": np.rad2deg(np.ptp(piece.abduction)),
                "peak_rotation_deg": np.rad2deg(piece.rotation.max()),
                "rotation_range_deg": np.rad2deg(np.ptp(piece.rotation)),
                "climb_m": rep.climb_m,
                "collapsed": bool(fallen),
            }
        )
    return pd.DataFrame(rows)


def contacts_table(contacts: Sequence[Contact], sides: Sequence[Side]) -> pd.DataFrame:
    """One row per foot contact of `sides`, toe-off NaN where the foot stays."""
    return pd.DataFrame(
        [
            {"side": c.side.value, "activity": c.activity.label, "contact_s": c.start_s, "toe_off_s": c.toe_off_s}
            for c in contacts
            if c.side in sides
        ],
        columns=["side", "activity", "contact_s", "toe_off_s"],
    )


def episodes_table(episodes: Sequence[Episode], sides: Sequence[Side]) -> pd.DataFrame:
    """One row per collapse of `sides`: scripted kind, driver and size, and what it came to."""
    columns = ["side", "activity", "start_s", "end_s", "peak_s", "kind", "driver", "size_deg", "peak_excess_deg",
               "peak_collapse_deg", "flexion_at_peak_deg"]  # fmt: skip
    rows = []
    for episode in sorted(episodes, key=lambda e: e.injection.start_s):
        injection, collapse = episode.injection, episode.injection.collapse
        if collapse.side in sides:
            rows.append(
                (collapse.side.value, injection.activity.label, injection.start_s, injection.end_s, injection.peak_s,
                 collapse.kind, collapse.driver, collapse.size_deg, episode.abduction_rise_deg,
                 episode.collapse_rise_deg, episode.flexion_deg)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
