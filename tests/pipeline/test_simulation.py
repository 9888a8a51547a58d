"""The simulated person obeys physics: angles, rates and accelerations fit together, feet stay on the ground."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from vqf import VQF

from pipeline.records import Segment, Side
from pipeline.simulation.imu import ideal
from pipeline.simulation.person import Person, draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.shapes import GRID_HZ
from pipeline.simulation.simulate import Simulation, simulate

EVERYTHING = (
    "stand:4,flex:2,walk:8,up:6,walk:2,down:6,walk:2,lunge:2,squat:2,stand:2,single_leg_squat:1,deadlift:1,step_up:1,"
    "step_down:1,sit:1,reach:4,kneel:2,turn:3,lift:8,stand:2"
)


def exact(seed: int, **factors: float) -> Person:
    """A person with perfect sensors and without soft tissue or heel strikes."""
    return draw_person(np.random.default_rng(seed), sensor_errors=0.0, soft_tissue=0.0, shocks=0.0, **factors)


@pytest.fixture(scope="module")
def session() -> Simulation:
    return simulate(exact(3), parse_script(EVERYTHING), np.random.default_rng(1), sides=tuple(Side))


def rotations(simulation: Simulation, side: Side, name: str, rate_hz: float) -> Rotation:
    table = simulation.truth_orientations(side, rate_hz)
    return Rotation.from_quat(table[[f"{name}_{c}" for c in "wxyz"]].to_numpy(), scalar_first=True)


@pytest.mark.parametrize("side", list(Side))
def test_knee_angles_are_those_of_the_segments(session: Simulation, side: Side) -> None:
    """The truth follows from the segments' orientations by the formula of Grood and Suntay, zero in the standing."""
    thigh, shank = (rotations(session, side, name, 100.0) for name in ("thigh", "shank"))
    r = (thigh.inv() * shank).as_matrix()
    s = side.sign
    expected = {
        "flexion_deg": np.arctan2(r[:, 0, 1], r[:, 1, 1]),
        "abduction_deg": -s * np.arcsin(r[:, 2, 1]),
        "rotation_deg": s * np.arctan2(-r[:, 2, 0], r[:, 2, 2]),
    }
    truth = session.truth_angles(side)
    standing = truth["time_s"] < 4.0
    for name, angle in expected.items():
        degrees = np.rad2deg(angle)
        np.testing.assert_allclose(truth[name], degrees - degrees[standing].mean(), atol=0.02)


@pytest.mark.parametrize("key", [(side, segment) for side in Side for segment in Segment])
def test_rate_turns_the_sensor_and_force_moves_it(session: Simulation, key: tuple[Side, Segment]) -> None:
    """Rate against differences of attitude, specific force against double differences of position."""
    path = session._tracks[key]
    acc, gyr = ideal(path, np.arange(8, len(path.position) - 8) / GRID_HZ)
    attitude = Rotation.from_quat(path.attitude, scalar_first=True)
    step = (attitude[7:-9].inv() * attitude[9:-7]).as_rotvec() * GRID_HZ / 2.0
    assert np.abs(gyr - step).max() < 0.02
    moved = (path.position[9:-7] - 2.0 * path.position[8:-8] + path.position[7:-9]) * GRID_HZ**2
    world = attitude[8:-8].apply(acc) - [0.0, 0.0, 9.80665]
    assert np.sqrt(np.mean((world - moved) ** 2)) < 0.05
    assert np.abs(world - moved).max() < 2.0


def test_nothing_jumps(session: Simulation) -> None:
    """From row to row of the internal grid rate and acceleration change little, across bouts too."""
    for path in session._tracks.values():
        acc, gyr = ideal(path, np.arange(8, len(path.position) - 8) / GRID_HZ)
        assert np.abs(np.diff(gyr, axis=0)).max() < 0.6
        assert np.abs(np.diff(acc, axis=0)).max() < 4.0
        assert np.linalg.norm(acc, axis=1).max() < 50.0


@pytest.mark.parametrize("side", list(Side))
def test_a_flat_carrying_foot_stays_where_it_is(session: Simulation, side: Side) -> None:
    """While a foot is flat and carries alone, its ankle moves by less than 2 cm."""
    leg = session.legs[side]
    flat = (leg.weight > 0.98) & (np.abs(leg.pitch) < np.deg2rad(0.5))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.astype(int), [0]])))
    stances = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 20]
    assert len(stances) > 15
    for a, b in stances:
        assert np.ptp(leg.ankle[a:b], axis=0).max() < 0.02


def test_vqf_finds_the_inclination_from_perfect_sensors() -> None:
    """A strapdown filter agrees with the truth to a degree: gravity, signs and units fit together (no sway, which the
    filter would take for bias)."""
    session = simulate(
        exact(5, posture=0.0), parse_script("stand:5,flex:3,walk:15,squat:3,stand:3"), np.random.default_rng(2)
    )
    for segment in Segment:
        trace = session.sensors[Side.RIGHT, segment]
        filtered = VQF(0.01).updateBatch(np.ascontiguousarray(trace.gyr), np.ascontiguousarray(trace.acc))["quat6D"]
        up = Rotation.from_quat(filtered, scalar_first=True).inv().apply([0.0, 0.0, 1.0])
        truth = rotations(session, Side.RIGHT, f"{segment.value}_sensor", 100.0)[: len(up)].inv().apply([0.0, 0.0, 1.0])
        angle = np.rad2deg(np.arccos(np.clip(np.sum(up * truth, axis=1), -1.0, 1.0)))
        assert np.sqrt(np.mean(angle[200:] ** 2)) < 1.0
