"""How errors of the accelerometers make level frames lean: against orientations that a filter found through them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.joint_signals import joint_signals
from pipeline.leans import Leans
from pipeline.leg_rows import LegRows
from pipeline.orientation import orient_offline
from pipeline.quaternions import about_z, conjugate, multiply

RATE = 100.0


def swinging(rng: np.random.Generator) -> tuple[Rotation, np.ndarray, np.ndarray]:
    """A sensor anyhow mounted that swings slowly about a level axis: orientations, specific force, rates."""
    time = np.arange(6000) / RATE
    axis = Rotation.from_euler("z", rng.uniform(0.0, 2.0 * np.pi)).apply([1.0, 0.0, 0.0])
    angle = rng.uniform(0.4, 0.8) * np.sin(2.0 * np.pi * rng.uniform(0.3, 0.5) * time)
    true = Rotation.from_rotvec(angle[:, None] * axis) * Rotation.random(random_state=rng)
    force = true.inv().apply([0.0, 0.0, STANDARD_GRAVITY])
    return true, force, true.inv().apply(np.gradient(angle, time)[:, None] * axis)


@pytest.mark.parametrize("seed", range(4))
def test_level_frames_lean_as_the_errors_say(seed):
    """Errors of the size of a bad sensor; what the found orientations lean against each other is what Leans tells from
    these errors, in the whole and in blocks."""
    rng = np.random.default_rng(seed)
    moves = [swinging(rng) for _ in range(2)]
    errors = [np.concatenate([rng.normal(0.0, 0.15, 3), np.deg2rad(rng.normal(0.0, 1.0, 3))]) for _ in moves]
    # a + b + c x a is right where a is what the accelerometer says.
    heard = [a - e[:3] - np.cross(e[3:], a) for (_, a, _), e in zip(moves, errors, strict=True)]
    ok = np.ones(6000, bool)
    one, two = (orient_offline(a, gyr, ok, RATE) for a, (_, _, gyr) in zip(heard, moves, strict=True))
    rows = LegRows(0, heard[0], one.gyr, one.quat, heard[1], two.gyr, two.quat, ok)
    signals = joint_signals(rows, RATE, None)
    assert signals is not None
    level = [
        multiply(np.roll(true.as_quat(), 1, axis=1), conjugate(found.quat))
        for (true, _, _), found in zip(moves, (one, two), strict=True)
    ]
    turn = multiply(conjugate(level[0]), level[1])
    delta = 2.0 * np.arctan2(turn[:, 3], turn[:, 0])
    tilt = multiply(turn, about_z(-delta))
    leant = (2.0 * tilt[:, 1:3] * np.sign(tilt[:, :1])).mean(axis=0)
    assert np.linalg.norm(leant) > np.deg2rad(0.3)
    heading = np.array(delta[3000])
    told = Leans.seen(signals).tilts(heading) @ np.concatenate(errors)
    assert np.allclose(told, leant, atol=np.deg2rad(0.15))
    block = signals.index // 1000
    in_blocks = Leans.in_blocks(signals, block, 6).tilts(np.full(6, heading)) @ np.concatenate(errors)
    assert np.allclose(in_blocks, leant, atol=np.deg2rad(0.3))
    # Where a block begins anew, what was before it and what comes after have nothing of each other.
    apart = Leans.in_blocks(signals, block, 6, [3])
    for part, rows in ((slice(0, 3), block < 3), (slice(3, 6), block >= 3)):
        alone = Leans.in_blocks(signals.picked(rows), block[rows] - block[rows][0], 3)
        assert np.allclose(apart.thigh[part], alone.thigh) and np.allclose(apart.shank[part], alone.shank)
