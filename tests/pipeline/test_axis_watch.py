"""The thigh's axis while the person moves: seen, and turned round where the knee would bend the wrong way."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from pipeline.axis_watch import AxisWatch, AxisWatchParameters
from pipeline.leg_rows import LegRows
from tests.benchmarks.angles.sessions import short
from tests.benchmarks.people import FIRST_UNSEEN, causal, simulated_leg
from tests.pipeline.two_links import scalar_first

RATE = 100.0
UPRIGHT = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


SQUAT = (1.2, -0.5)
LEG_BACK = (-0.6, -0.9)


def squats(seconds: float, wrong_by: float, most: tuple[float, float] = SQUAT) -> tuple[LegRows, Alignment]:
    """A leg that squats, or moves thigh and shank forwards by at most so much (rad) again and again, sensors in any
    mounting; the alignment's thigh frame is turned by wrong_by (rad)."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 0.5 * (1.0 - np.cos(2.0 * np.pi * t / 2.5))
    rate = 0.5 * np.sin(2.0 * np.pi * t / 2.5) * 2.0 * np.pi / 2.5
    mounts = Rotation.random(2, random_state=3)
    parts = []
    for k, far in enumerate(most):
        segment = UPRIGHT * Rotation.from_euler("z", (far * phase)[:, None])
        gyr = mounts[k].inv().apply(np.outer(far * rate, [0.0, 0.0, 1.0]))
        sensor = segment * mounts[k]
        parts += [sensor.inv().apply([0.0, 0.0, 9.81]), gyr, scalar_first(sensor)]
    yes = np.ones(len(t), bool)
    alignment = Alignment(mounts[0].as_matrix(), mounts[1].as_matrix(), 0.1, 0.1, 0.01, STANDING_AND_FLEXIONS)
    return LegRows(0, *parts, yes), alignment.turned(wrong_by, 0.0)


def words(rows: LegRows, alignment: Alignment) -> list[float]:
    watch = AxisWatch(alignment, AxisWatchParameters())
    seen = [watch.update(rows.cut(block * 50, block * 50 + 50), 0.0) for block in range(len(rows) // 50)]
    return [each[0] for each in seen if each is not None]


def first_word(rows: LegRows, alignment: Alignment) -> tuple[float, float, int]:
    watch = AxisWatch(alignment, AxisWatchParameters())
    for block in range(len(rows) // 50):
        seen = watch.update(rows.cut(block * 50, block * 50 + 50), 0.0)
        if seen is not None:
            return (*seen, block)
    raise AssertionError("nothing was told")


@pytest.mark.parametrize("wrong_deg", [-25.0, 0.0, 12.0])
def test_it_tells_how_far_the_frame_is_off(wrong_deg: float):
    turn, sd, _ = first_word(*squats(20.0, np.deg2rad(wrong_deg)))
    assert np.rad2deg(turn) == pytest.approx(-wrong_deg, abs=0.5)
    assert np.deg2rad(6.0) < sd < np.deg2rad(9.0), "squats tell it less well than steps"


def test_a_frame_that_points_to_the_other_side_is_found_out_at_once():
    turn, _, block = first_word(*squats(10.0, np.pi))
    assert abs(abs(turn) - np.pi) < 1e-6 and block <= 4


def test_an_inclination_that_settles_after_a_hole_is_no_knee_that_bends_the_wrong_way():
    """A link that comes back in the middle of a movement: its sensor is taken to lean by what it is accelerated."""
    rows, alignment = squats(20.0, 0.0, LEG_BACK)
    back = 600
    since = np.maximum(np.arange(len(rows)) - back, 0) / RATE
    lean = np.where(np.arange(len(rows)) < back, 0.0, np.deg2rad(70.0) * np.exp(-since))
    shank = Rotation.from_euler("y", -lean[:, None]) * Rotation.from_quat(np.roll(rows.shank_quat, -1, axis=1))
    ok = rows.ok.copy()
    ok[450:back] = False
    settling = replace(rows, shank_quat=scalar_first(shank), ok=ok)
    told = words(settling, alignment)
    assert told and np.abs(told).max() < np.deg2rad(1.0)


@pytest.mark.parametrize("seed", range(FIRST_UNSEEN, FIRST_UNSEEN + 8))
def test_no_valid_row_of_a_first_minute_bends_the_wrong_way(seed: int):
    """Whatever little the thigh moved in the flexions: what is called valid is a knee's flexion."""
    block = causal(simulated_leg(seed, short))
    valid = np.rad2deg(block.flexion[block.valid])
    assert len(valid) > 1000
    assert np.mean(valid < -12.0) < 0.002
