"""The angles of real recordings with references: a robot's joint, and one walk in front of cameras.

Both need the shared data sets (KNEETRACK_SHARED) and say so where they are absent. MAP-acc and MEKF-acc (dfjimu) run
beside on the robot's files, given the true lever arms; the reference's jumps are masked for everybody.
"""

from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from pipeline.blocks import Floats, GridBlock, LegBlock, join
from pipeline.engine import LegEngine, LegSettings
from pipeline.quaternions import conjugate, multiply
from pipeline.records import Side
from pipeline.two_sided import analyse_leg
from tests.benchmarks import robot
from tests.shared_data import shared_folder


def report() -> None:
    """Measure and print."""
    _robot()
    _walk()


def _robot() -> None:
    folder = shared_folder("dfjimu_robot")
    if folder is None:
        print("robot: the data set dfjimu_robot is not here (set KNEETRACK_SHARED)")
        return
    peers = find_spec("dfjimu") is not None
    print("robot, relative orientation, RMSE in deg: offline over the whole file, causal from 20 s on")
    print(f"  {'file':<14}{'offline':>9}{'MAP-acc':>9}{'causal':>9}{'MEKF-acc':>9}")
    rows = []
    for file in robot.robot_files(folder):
        two_sided, live = (f(*file.signals, file.rate_hz) for f in (robot.offline, robot.causal))
        ours = file.errors(two_sided, live)
        theirs = file.errors(_dfjimu(file, "map_acc"), _dfjimu(file, "mekf_acc")) if peers else (np.nan, np.nan)
        rows.append((ours[0], theirs[0], ours[1], theirs[1]))
        print(f"  {file.name:<14}" + "".join(f"{value:>9.2f}" for value in rows[-1]))
    print(f"  {'mean':<14}" + "".join(f"{value:>9.2f}" for value in np.mean(rows, axis=0)))


def _dfjimu(file: robot.RobotFile, name: str) -> Floats:
    import dfjimu

    acc1, gyr1, acc2, gyr2 = file.signals
    first, second = getattr(dfjimu, name)(gyr1, gyr2, acc1, acc2, *file.arms, Fs=file.rate_hz)[:2]
    return multiply(conjugate(first), second)


def _walk() -> None:
    folder = shared_folder("neura_gaittoolbox")
    if folder is None:
        print("walk: the data set neura_gaittoolbox is not here (set KNEETRACK_SHARED)")
        return
    tables = [pd.read_parquet(folder / f"S02_walk1_imu_raw_R_{s}.parquet") for s in ("UpLeg", "LowLeg2")]
    signals = [t[[f"{k}_{a}" for a in "XYZ"]].to_numpy(float) for t in tables for k in ("Acc", "Gyr")]
    yes = np.ones(len(signals[0]), bool)
    grid = GridBlock(0, 100.0, *(np.ascontiguousarray(s) for s in signals), yes, yes, ~yes)
    vicon = pd.read_parquet(folder / "S02_walk1_vicon_aligned.parquet")
    thigh, shank = (Rotation.from_quat(vicon[[f"q{s}_{k}" for k in (2, 3, 4, 1)]].to_numpy()) for s in ("RTH", "RSK"))
    reference = (thigh.inv() * shank).as_euler("YXZ", degrees=True)[:, 0]
    print("one real walk against cameras, flexion, RMSE with the offset removed, deg")
    for name, block in (
        ("offline", analyse_leg(grid, Side.RIGHT, LegSettings()).block),
        ("causal", join(LegEngine(Side.RIGHT, 100.0, LegSettings()).update(grid))),
    ):
        difference = _aligned(block)[: len(reference)] - reference
        known = np.isfinite(difference)
        print(f"  {name:<10}{difference[known].std():6.2f}   ({100 * known.mean():.0f} % of the reference's rows)")


def _aligned(block: LegBlock) -> Floats:
    """Flexion (deg) at the reference's rows: the raw rows from 1119 on."""
    return np.rad2deg(block.flexion[1119:])
