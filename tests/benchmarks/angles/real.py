"""The angles of real recordings with references: a robot's joint, and one walk in front of cameras.

Both need the shared data sets (KNEETRACK_SHARED) and say so where they are absent. MAP-acc and MEKF-acc (dfjimu) run
beside on the robot's files, given the true lever arms and the first orientation; the reference's jumps are masked for
everybody. What dfjimu's own evaluation, with its own settings and the whole files, comes to is quoted beside.
"""

from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from pipeline.blocks import Floats, GridBlock, LegBlock, join
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.records import Side
from pipeline.two_sided import analyse_leg
from tests.benchmarks import robot
from tests.benchmarks.angles.dfjimu_peer import joint_orientation
from tests.shared_data import shared_folder

QUOTED = {
    "data_1D_01": (4.12, 4.15),
    "data_2D_01": (3.05, 3.00),
    "data_2D_07": (2.39, 4.42),
    "data_3D_01": (3.55, 4.11),
    "data_3D_04": (5.42, 5.39),
}
"""MAP-acc and MEKF-acc of dfjimu 0.4.1 by its own evaluation, deg."""


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
    print(f"  {'file':<14}{'offline':>9}{'MAP-acc':>9}{'quoted':>9}{'causal':>9}{'MEKF-acc':>9}{'quoted':>9}")
    rows, led = [], []
    for file in robot.robot_files(folder):
        two_sided, live = (f(*file.signals, file.rate_hz) for f in (robot.offline, robot.causal))
        ours = file.errors(two_sided, live)
        _, gyr1, _, gyr2 = file.signals
        led.append(file.errors(*(robot.ahead(q, gyr1, gyr2, file.rate_hz) for q in (two_sided, live))))
        theirs = file.errors(_dfjimu(file, True), _dfjimu(file, False)) if peers else (np.nan, np.nan)
        quoted = QUOTED.get(file.name, (np.nan, np.nan))
        rows.append((ours[0], theirs[0], quoted[0], ours[1], theirs[1], quoted[1]))
        print(f"  {file.name:<14}" + "".join(f"{value:>9.2f}" for value in rows[-1]))
    print(f"  {'mean':<14}" + "".join(f"{value:>9.2f}" for value in np.mean(rows, axis=0)))
    two_sided, live = np.mean(led, axis=0)
    print(f"  mean of ours half a row ahead, as the peers are: {two_sided:.2f} offline, {live:.2f} causal")


def _dfjimu(file: robot.RobotFile, offline: bool) -> Floats:
    return joint_orientation(file.signals, file.rate_hz, offline, file.first, file.arms)


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
