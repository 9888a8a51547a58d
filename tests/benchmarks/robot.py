"""Relative orientation on a robot-moved joint, against optics: `python -m tests.benchmarks.robot DIR [--out OUT]`.

DIR holds the .mat files of Weygers and Kok's robot recordings. Lever arms are estimated, not given. Frames in which the
optical reference jumps (it implies a rate far above the gyroscope's) are left out. With --out, a table per file:
`offline_w..z, causal_w..z` = inverse(q1) * q2, a row per sample.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from pipeline.blocks import Bools, Floats
from pipeline.heading import Heading
from pipeline.heading_model import HeadingParameters
from pipeline.joint_signals import JointSignalParameters, JointSignalWindow, joint_signals
from pipeline.leg_rows import LegRows
from pipeline.orientation import Orientation, Oriented, orient_offline
from pipeline.quaternions import about_z, conjugate, multiply, small
from pipeline.simulation.rotations import exponential
from pipeline.smoothing import HeadingSmoother

SIGNALS = JointSignalParameters(reach_s=0.04)
HEADING = HeadingParameters(tissue_sd=0.0, independent=6.0, tilt_sd=np.deg2rad(1.5))
"""The robot has no soft tissue: its signals are averaged over less, more of its rows count as independent, and its
heading is not turned."""

LEAD_SAMPLES = 0.5
"""The optical reference runs 0.7 to 1.0 samples ahead of the gyroscopes (their rates against those it implies, five
files). The peers' integration takes a rate for the step after it and leads by half a sample; what the same lead makes
of these estimates is told beside."""


def offline(acc1: Floats, gyr1: Floats, acc2: Floats, gyr2: Floats, rate_hz: float) -> Floats:
    """(n, 4) inverse(q1) * q2, from the whole recording."""
    ok = np.ones(len(acc1), bool)
    one, two = orient_offline(acc1, gyr1, ok, rate_hz), orient_offline(acc2, gyr2, ok, rate_hz)
    rows = LegRows(0, acc1, one.gyr, one.quat, acc2, two.gyr, two.quat, ok)
    signals = joint_signals(rows, rate_hz, None, SIGNALS)
    states = HeadingSmoother(rate_hz, HEADING, rounds=4).smooth(signals).rows(0, len(acc1)).states.T
    return relative(one, two, states)


def causal(acc1: Floats, gyr1: Floats, acc2: Floats, gyr2: Floats, rate_hz: float) -> Floats:
    """(n, 4) inverse(q1) * q2, each row from the past alone."""
    ok = np.ones(len(acc1), bool)
    one, two = Orientation(rate_hz).update(acc1, gyr1, ok), Orientation(rate_hz).update(acc2, gyr2, ok)
    rows = LegRows(0, acc1, one.gyr, one.quat, acc2, two.gyr, two.quat, ok)
    window = JointSignalWindow(rate_hz, SIGNALS)
    heading = Heading(rate_hz, HEADING)
    states = []
    for number in range(-(-len(acc1) // heading.block)):
        begin, end = number * heading.block, min((number + 1) * heading.block, len(acc1))
        signals = window.update(rows.cut(begin - heading.block, begin), None) if number else None
        heading.advance(number, signals)
        states.append(heading.rows(begin, end - begin).states.T)
    return relative(one, two, np.concatenate(states))


def relative(one: Oriented, two: Oriented, states: Floats) -> Floats:
    """inverse(q1) * Q * q2."""
    turn = multiply(small(states[:, 0], states[:, 1]), about_z(states[:, 2]))
    return multiply(conjugate(one.quat), multiply(turn, two.quat))


def ahead(estimate: Floats, gyr1: Floats, gyr2: Floats, rate_hz: float) -> Floats:
    """The estimate LEAD_SAMPLES later, as the gyroscopes go on from it."""
    one, two = (exponential(gyr * (LEAD_SAMPLES / rate_hz)) for gyr in (gyr1, gyr2))
    return multiply(conjugate(one), multiply(estimate, two))


def reference(data: Any) -> tuple[Floats, Bools]:
    """(n, 4) the optical inverse(q1) * q2 and (n,) where it can be trusted."""
    ref = np.asarray(data.ref, float)
    sensors = np.asarray(data.sensorData, float)
    rate = float(data.rate)
    fine = np.ones(len(ref), bool)
    for q, g in ((ref[:, 0:4], sensors[:, 3:6]), (ref[:, 4:8], sensors[:, 9:12])):
        r = Rotation.from_quat(q[:, [1, 2, 3, 0]])
        implied = (r[:-1].inv() * r[1:]).magnitude() * rate
        jump = implied > 1.5 * np.linalg.norm(g[1:], axis=1) + 3.0
        fine[1:] &= ~jump
        fine[:-1] &= ~jump
    return multiply(conjugate(ref[:, 0:4]), ref[:, 4:8]), fine


def rmse_deg(estimate: Floats, truth: Floats, use: Bools) -> float:
    """Root mean square of the angle between two rotations, degrees."""
    difference = multiply(conjugate(truth), estimate)
    angle = 2.0 * np.arctan2(np.linalg.norm(difference[:, 1:], axis=1), np.abs(difference[:, 0]))
    return float(np.rad2deg(np.sqrt(np.mean(angle[use] ** 2))))


@dataclass(frozen=True)
class RobotFile:
    """One recording: signals (acc1, gyr1, acc2, gyr2), each (n, 3); arms: vectors (3,) m from each sensor to the joint,
    true; first (4,): sensor 1 at the beginning; truth (n, 4) and fine (n,): the reference, and where it is trusted."""

    name: str
    rate_hz: float
    signals: tuple[Floats, Floats, Floats, Floats]
    arms: tuple[Floats, Floats]
    first: Floats
    truth: Floats
    fine: Bools

    def errors(self, two_sided: Floats, live: Floats) -> tuple[float, float]:
        """RMSE in deg of an offline estimate over the whole file, and of a causal one from 20 s on."""
        late = np.arange(len(self.truth)) >= 20.0 * self.rate_hz
        return rmse_deg(two_sided, self.truth, self.fine), rmse_deg(live, self.truth, self.fine & late)


def robot_files(folder: Path) -> list[RobotFile]:
    """The recordings in a folder, by name."""
    found = []
    for file in sorted(folder.glob("*.mat")):
        data = loadmat(file, squeeze_me=True, struct_as_record=False)["data"]
        s = np.asarray(data.sensorData, float)
        one, two, three, four = (np.ascontiguousarray(s[:, 3 * k : 3 * k + 3]) for k in range(4))
        arms = -np.asarray(data.r_12, float), -np.asarray(data.r_21, float)
        first = np.asarray(data.ref, float)[0, :4]
        found.append(RobotFile(file.stem, float(data.rate), (one, two, three, four), arms, first, *reference(data)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    files = robot_files(arguments.folder)
    if not files:
        raise SystemExit(f"{arguments.folder} holds no .mat file")
    rows = []
    print(f"{'file':<16}{'offline deg':>12}{'causal deg':>12}{'masked rows':>12}")
    for file in files:
        two_sided, live = offline(*file.signals, file.rate_hz), causal(*file.signals, file.rate_hz)
        row = file.errors(two_sided, live)
        _, gyr1, _, gyr2 = file.signals
        led = file.errors(*(ahead(q, gyr1, gyr2, file.rate_hz) for q in (two_sided, live)))
        rows.append((*row, *led))
        print(f"{file.name:<16}{row[0]:>12.2f}{row[1]:>12.2f}{int((~file.fine).sum()):>12}")
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            names = [f"{kind}_{axis}" for kind in ("offline", "causal") for axis in "wxyz"]
            pd.DataFrame(np.hstack([two_sided, live]), columns=names).to_parquet(
                arguments.out / f"{file.name}.parquet", index=False
            )
    mean = np.mean(rows, axis=0)
    print(f"{'mean':<16}{mean[0]:>12.2f}{mean[1]:>12.2f}")
    print(f"{'half a row ahead':<16}{mean[2]:>12.2f}{mean[3]:>12.2f}")


if __name__ == "__main__":
    main()
