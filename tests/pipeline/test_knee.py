"""Angles against poses built from them (knee formulas: Grood and Suntay 1983, ISB axes)."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from calibration.unloaded_path import UnloadedPath
from pipeline.blocks import Status
from pipeline.heading_model import DELTA, STATES, RelativeRows
from pipeline.knee import Knee
from pipeline.orientation import Oriented
from pipeline.records import Side
from pipeline.tied_path import TiedPath
from tests.pipeline.two_links import scalar_first

UPRIGHT = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Segment frame to world (z up) of a person who looks along x: X forward, Y up, Z to the right."""


def poses(side: Side, flexion, abduction, rotation, thigh_lean=None, heading=0.7, seed=1):
    """Sensors of a leg in known poses, any mounting, the shank's level frame turned away by `heading`."""
    n, s = len(flexion), side.sign
    lean = np.zeros(n) if thigh_lean is None else thigh_lean
    thigh = UPRIGHT * Rotation.from_euler("z", lean[:, None])
    shank = thigh * Rotation.from_euler("ZXY", np.stack([-flexion, -s * abduction, s * rotation], axis=-1))
    mounts = [Rotation.random(random_state=seed + k) for k in range(2)]  # sensor to segment
    none = np.zeros(n, bool)
    one = Oriented(scalar_first(thigh * mounts[0]), np.zeros((n, 3)), none)
    away = Rotation.from_euler("z", [[-heading]])
    two = Oriented(scalar_first(away * shank * mounts[1]), np.zeros((n, 3)), none)
    alignment = Alignment(mounts[0].as_matrix(), mounts[1].as_matrix(), 0.05, 0.05, 0.01, STANDING_AND_FLEXIONS)
    states = np.zeros((STATES, n))
    states[DELTA] = heading
    knee = Knee(side, 100.0)
    knee.align(alignment)
    return knee, one, two, RelativeRows(states, np.full((7, n), 1e-4))


def update(knee, one, two, relative, status=None):
    n = len(one.quat)
    return knee.update(0, one, two, np.zeros((n, 3)), relative, np.zeros(n, np.uint8) if status is None else status)


@pytest.mark.parametrize("side", Side)
def test_angles_come_back_for_either_leg_and_any_mounting(side):
    rng = np.random.default_rng(0)
    f, a, r = rng.uniform(-0.1, 2.0, 300), rng.uniform(-0.4, 0.4, 300), rng.uniform(-0.5, 0.5, 300)
    lean = rng.uniform(-0.4, 1.3, 300)
    leg = update(*poses(side, f, a, r, lean))
    for found, true in ((leg.flexion, f), (leg.abduction, a), (leg.rotation, r), (leg.thigh_incl, lean)):
        assert np.allclose(found, true, atol=1e-9)


@pytest.mark.parametrize("side", Side)
def test_a_knee_that_moves_inward_has_positive_tilts(side):
    """Ankle fixed below, hip above; the knee 5 cm towards the other leg."""
    inward = np.array([0.0, side.sign * 0.05, 0.0])  # world y is to the left
    ankle, hip, knee = np.zeros(3), np.array([0.0, 0.0, 0.8]), np.array([0.0, 0.0, 0.4]) + inward
    frames = []
    for low, high in ((knee, hip), (ankle, knee)):
        y = (high - low) / np.linalg.norm(high - low)
        x = np.array([1.0, 0.0, 0.0])
        frames.append(Rotation.from_matrix(np.stack([x, y, np.cross(x, y)], axis=-1)))
    none = np.zeros(1, bool)
    one, two = (Oriented(scalar_first(Rotation.concatenate([f])), np.zeros((1, 3)), none) for f in frames)
    stage = Knee(side, 100.0)
    stage.align(Alignment(np.eye(3), np.eye(3), 0.0, 0.0, 0.0, STANDING_AND_FLEXIONS))
    leg = update(stage, one, two, RelativeRows(np.zeros((STATES, 1)), np.zeros((7, 1))))
    expected = np.arcsin(0.05 / np.hypot(0.05, 0.4))
    assert leg.thigh_tilt[0] == pytest.approx(expected) and leg.shank_tilt[0] == pytest.approx(expected)
    assert leg.collapse[0] == pytest.approx(2 * expected)
    assert leg.abduction[0] == pytest.approx(2 * expected), "a knee inward of the hip-ankle line is in valgus"


def test_excess_is_abduction_above_the_path():
    f = np.deg2rad(np.array([0.0, 30.0, 60.0, 100.0]))
    knee, one, two, relative = poses(Side.LEFT, f, 0.1 * f, 0.0 * f)
    path = UnloadedPath(0.1, 0.0, np.deg2rad(60.0), 0.01)
    knee.align(knee._alignment, TiedPath(path))
    leg = update(knee, one, two, relative)
    assert np.allclose(leg.excess[:3], 0.0, atol=1e-9) and leg.excess[3] == pytest.approx(0.1 * np.deg2rad(40.0))


def test_what_is_not_known_is_nan_and_not_valid():
    f = np.full(4, 0.5)
    status = np.array([Status.OK, Status.CLIPPED, Status.SINGLE_SENSOR, Status.GAP], np.uint8)
    leg = update(*poses(Side.RIGHT, f, 0 * f, 0 * f), status)
    assert leg.valid.tolist() == [True, False, False, False]
    assert np.isnan(leg.abduction).tolist() == [False, False, True, True]
    assert np.isnan(leg.abduction_sd).tolist() == [False, False, True, True]


def test_a_doubtful_heading_widens_rotation_and_takes_validity():
    f = np.full(3, 0.2)
    knee, one, two, relative = poses(Side.RIGHT, f, 0 * f, 0 * f)
    sure = update(knee, one, two, relative)
    cov = relative.cov.copy()
    cov[1] = np.deg2rad(30.0) ** 2
    doubtful = update(knee, one, two, RelativeRows(relative.states, cov))
    assert np.all(doubtful.rotation_sd > np.deg2rad(25.0)) and np.all(sure.rotation_sd < np.deg2rad(5.0))
    assert sure.valid.all() and not doubtful.valid.any()


def test_turning_round_and_round_keeps_counting():
    turns = np.linspace(0.0, 4 * np.pi, 200)
    thigh = Rotation.from_euler("z", turns[:, None]) * UPRIGHT
    o = Oriented(scalar_first(thigh), np.zeros((200, 3)), np.zeros(200, bool))
    stage = Knee(Side.RIGHT, 100.0)
    stage.align(Alignment(np.eye(3), np.eye(3), 0.0, 0.0, 0.0, STANDING_AND_FLEXIONS))
    leg = update(stage, o, o, RelativeRows(np.zeros((STATES, 200)), np.zeros((7, 200))))
    assert leg.thigh_yaw[-1] - leg.thigh_yaw[0] == pytest.approx(4 * np.pi)
