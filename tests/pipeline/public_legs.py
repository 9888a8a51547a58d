"""Legs of the public recordings that have a reference or a known order of movements, as raw IMU data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from pipeline.blocks import Bools, Floats
from pipeline.records import Side
from tests.pipeline.leg_from_imu import RawLeg

CMU_PEOPLE = ("Sub01", "Sub02", "Sub03", "Sub04", "Sub06", "Sub07")
CMU_TUNED_ON = ("Sub01", "Sub02", "Sub03")
TUGS = ("tug1", "tug3", "tug4", "tug6", "tug7")
_LOADED_N = 40.0


@dataclass(frozen=True)
class PlateContacts:
    """Initial contacts and toe-offs (s) of one foot from the force plate, and the time span they cover."""

    contacts_s: Floats
    toe_offs_s: Floats
    begin_s: float
    end_s: float


@dataclass(frozen=True)
class Match:
    """How found times agree with true ones, after the median difference is taken off.

    found: true times with a found one within the tolerance; extra: found times left over; offset_s: the constant
    difference; iqr_s: inter-quartile range of the matched differences.
    """

    found: int
    true: int
    extra: int
    offset_s: float
    iqr_s: float


def matched(found_s: Floats, true_s: Floats, tolerance_s: float = 0.15, edge_s: float = 0.4) -> Match:
    """Found against true times, each true time at most once; what lies outside the true times' span is left aside.

    The constant offset is the median difference, or, where it brings more together, another near it.
    """
    found_s = found_s[(found_s >= true_s[0] - edge_s) & (found_s <= true_s[-1] + edge_s)]
    if len(found_s) == 0:
        return Match(0, len(true_s), 0, float("nan"), float("nan"))
    nearest = np.array([found_s[np.argmin(np.abs(found_s - t))] - t for t in true_s])
    near = nearest[np.abs(nearest) < 2 * tolerance_s]
    middle = float(np.median(near)) if len(near) else 0.0
    # The first of the best: the smallest change of the median.
    tries = sorted(np.arange(-15, 16) * 0.01, key=abs)
    matches = [_at_offset(found_s, true_s, tolerance_s, middle + change) for change in tries]
    return max(matches, key=lambda m: m.found)


def _at_offset(found_s: Floats, true_s: Floats, tolerance_s: float, offset_s: float) -> Match:
    used: set[int] = set()
    errors = []
    for t in true_s:
        k = int(np.argmin(np.abs(found_s - offset_s - t)))
        error = float(found_s[k] - offset_s - t)
        if abs(error) <= tolerance_s and k not in used:
            used.add(k)
            errors.append(error)
    low, high = np.percentile(errors, [25, 75]) if errors else (np.nan, np.nan)
    return Match(len(errors), len(true_s), len(found_s) - len(used), offset_s, float(high - low))


def cmu_leg(folder: Path, person: str, condition: str, side: Side) -> RawLeg:
    """One leg of a treadmill trial. condition: CSBaseline or CSStiffKnee."""
    table = pd.read_parquet(folder / f"{person}_{condition}_imu.parquet")
    letter = side.value[0]

    def three(segment: str, kind: str) -> Floats:
        return table[[f"{segment}_{letter}_{kind}_{a}" for a in "xyz"]].to_numpy(dtype=float)

    return RawLeg(three("femur", "acc"), three("femur", "gyr"), three("tibia", "acc"), three("tibia", "gyr"), 100.0)


def cmu_plates(folder: Path, person: str, condition: str, side: Side) -> PlateContacts:
    """Contacts from the vertical force: 40 N crossed, stances and flights of less than 0.1 s taken as noise."""
    table = pd.read_parquet(folder / f"{person}_{condition}_grf.parquet")
    time = table["time"].to_numpy(dtype=float)
    force = np.abs(table[f"{side.value[0]}Fy"].to_numpy(dtype=float))
    loaded = _without_short_runs(force > _LOADED_N, round(0.1 * 100))
    change = np.diff(loaded.astype(int))
    return PlateContacts(
        contacts_s=time[1:][change == 1],
        toe_offs_s=time[1:][change == -1],
        begin_s=float(time[0]),
        end_s=float(time[-1]),
    )


def _without_short_runs(flags: Bools, shortest: int) -> Bools:
    flags = flags.copy()
    for value in (False, True):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (flags == value).astype(int), [0]])))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if end - begin < shortest and begin > 0 and end < len(flags):
                flags[begin:end] = not value
    return flags


def tug_leg(folder: Path, trial: str, side: Side) -> RawLeg:
    """One leg of a timed-up-and-go on a common 200 Hz, as recorded: the left shank reads 5 % too little gravity."""
    sensors = {p: pd.read_parquet(folder / f"{trial}_{side.value}_{p}.parquet") for p in ("thigh", "shank")}
    begin = max(float(s["t"].iloc[0]) for s in sensors.values())
    end = min(float(s["t"].iloc[-2]) for s in sensors.values())
    time = np.arange(begin, end, 1 / 200.0)

    def three(place: str, kind: str) -> Floats:
        s = sensors[place]
        return np.stack([np.interp(time, s["t"], s[f"{kind}{a}"]) for a in "xyz"], axis=1)

    return RawLeg(three("thigh", "a"), three("thigh", "g"), three("shank", "a"), three("shank", "g"), 200.0)


def isen_table(folder: Path, side: Side) -> pd.DataFrame:
    """One leg as a generic table, 100 Hz: standing, lifts of one knee at a time, walking.

    What looks like two squats of each leg (right 16 to 20 s, left 19 to 22 s, to 74 and 90 deg) are lifts: the other
    knee is straight and its thigh upright all the while.


    The accelerations of these files do not belong to their angular rates (see the folder's description), so both are
    made from the vendor's orientations: the rates by differences, the accelerations as gravity alone.
    """
    table = pd.read_parquet(folder / "iSen_sensors.parquet")
    names = {
        Side.RIGHT: {"thigh": "GASPEITE", "shank": "KARENAI"},
        Side.LEFT: {"thigh": "LEO", "shank": "MIARGYRITE"},
    }
    rate_hz = 100.0
    columns: dict[str, Floats] = {}
    for segment, name in names[side].items():
        euler = np.stack([table[f"{name} {a}::Y"].to_numpy(dtype=float) for a in "YZX"], axis=1)
        euler = euler[np.isfinite(euler).all(axis=1)]
        world = Rotation.from_euler("YZX", euler, degrees=True)
        rate = (world[:-1].inv() * world[1:]).as_rotvec() * rate_hz
        acc = world[:-1].inv().apply([0.0, 9.81, 0.0])
        columns |= {f"{segment}_acc_{a}": acc[:, k] for k, a in enumerate("xyz")}
        columns |= {f"{segment}_gyr_{a}": rate[:, k] for k, a in enumerate("xyz")}
    n = min(len(c) for c in columns.values())
    return pd.DataFrame({"time_s": np.arange(n) / rate_hz} | {k: v[:n] for k, v in columns.items()})


def qmt_leg(folder: Path, side: Side) -> RawLeg:
    """One leg of the fast gait."""
    data = np.load(folder / "full_body_legs.npz")
    thigh, shank = f"upper_leg_{side.value}", f"lower_leg_{side.value}"
    columns = [data[f"{s}.{k}"].astype(float) for s in (thigh, shank) for k in ("acc", "gyr")]
    return RawLeg(*columns, rate_hz=100.0)
