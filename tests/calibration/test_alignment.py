import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import (
    STANDING_AND_FLEXIONS,
    Alignment,
    frame,
    leaned,
    signed_by_flexion,
    signed_by_swing,
    turning_axis,
    upright,
)


def hinge_movement(rate_of_time, mounting: Rotation, seconds: float = 10.0):
    """A segment that stands upright at first and turns about its Z: gyr, acc (gravity alone), in the sensor's frame."""
    t = np.arange(0.0, seconds, 0.01)
    rate = rate_of_time(t)
    angle = np.concatenate([[0.0], np.cumsum(rate[:-1]) * 0.01])
    up = np.stack([np.sin(angle), np.cos(angle), np.zeros_like(angle)], axis=-1) * 9.81
    gyr = np.stack([np.zeros_like(rate), np.zeros_like(rate), rate], axis=-1)
    return mounting.apply(gyr), mounting.apply(up)


@pytest.mark.parametrize("seed", range(5))
def test_any_mounting_gives_the_segment_frame(seed):
    mounting = Rotation.random(random_state=seed)  # segment to sensor
    # Flexion turns the shank's lower end backwards: a negative rate about Z first, and back.
    gyr, acc = hinge_movement(lambda t: -1.2 * np.sin(2 * np.pi * t / 2.0), mounting)
    up = upright(acc[:5])
    axis = signed_by_flexion(turning_axis(gyr, up), up, acc)
    assert np.allclose(frame(up, axis.direction), mounting.inv().as_matrix(), atol=0.02)


def test_the_swing_gives_the_sign():
    mounting = Rotation.random(random_state=3)
    # Fast forwards (positive about Z) for 0.35 s, slowly backwards for 0.65 s.
    gyr, _ = hinge_movement(lambda t: np.where((t % 1.0) < 0.35, 4.0, -4.0 * 0.35 / 0.65), mounting)
    up = mounting.apply([0.0, 1.0, 0.0])
    axis = signed_by_swing(turning_axis(gyr, up), gyr)
    assert axis.direction @ mounting.apply([0.0, 0.0, 1.0]) > 0.99


def test_scatter_across_the_axis_widens_its_deviation():
    rng = np.random.default_rng(0)
    t = np.arange(0.0, 10.0, 0.01)
    clean = np.stack([np.zeros_like(t), np.zeros_like(t), np.sin(3 * t)], axis=-1)
    rough = clean + rng.normal(0.0, 0.4, clean.shape)
    up = np.array([0.0, 1.0, 0.0])
    assert turning_axis(rough, up).sd > turning_axis(clean, up).sd


def test_too_little_movement_gives_no_axis():
    assert turning_axis(np.full((500, 3), 0.01), np.array([0.0, 1.0, 0.0])) is None


def test_a_mean_lean_is_taken_out():
    lean = np.deg2rad(-15.0)  # lower end behind
    up_in_segment = np.array([np.sin(lean), np.cos(lean), 0.0])
    z = np.array([0.0, 0.0, 1.0])
    assert np.allclose(leaned(up_in_segment, z, lean), [0.0, 1.0, 0.0], atol=1e-9)


def test_an_alignment_survives_its_file_and_a_damaged_one_is_refused():
    a = Alignment(
        Rotation.random(random_state=1).as_matrix(),
        Rotation.random(random_state=2).as_matrix(),
        0.1,
        0.05,
        0.01,
        STANDING_AND_FLEXIONS,
    )
    b = Alignment.from_json(a.to_json())
    assert np.allclose(a.thigh_from_sensor, b.thigh_from_sensor) and b.shank_axis_sd == pytest.approx(0.05)
    values = a.to_json()
    values["shank_from_sensor"][0][0] += 0.5
    with pytest.raises(ValueError, match="rotation matrices"):
        Alignment.from_json(values)


@pytest.mark.parametrize("azimuths", [(0.0, 0.0), (0.8, -0.4)])
def test_both_frames_stand_alike_once_the_accelerometers_are_known(azimuths: tuple[float, float]):
    """Also where the frames face elsewhere by the azimuths, as they do until movement has told."""
    rng = np.random.default_rng(5)
    true = [Rotation.random(random_state=k).as_matrix() for k in (11, 12)]
    offsets, turns = rng.normal(0.0, 0.1, (2, 3)), rng.normal(0.0, 0.012, (2, 3))
    heard = [g - b - np.cross(c, g) for g, b, c in zip([9.80665 * m[1] for m in true], offsets, turns, strict=True)]
    frames = [frame(a / np.linalg.norm(a), m[2]) for a, m in zip(heard, true, strict=True)]
    errors = np.concatenate([offsets[0], turns[0], offsets[1], turns[1]])
    facing = Alignment(frames[0], frames[1], 0.0, 0.0, 0.0, STANDING_AND_FLEXIONS)
    seen = facing.turned(-azimuths[0], -azimuths[1])
    known = seen.uprighted(errors, azimuths)
    for found, low, high in ((seen, 0.3, 5.0), (known, 0.0, 0.03)):
        # The true vertical as both frames see it in the standing: what differs would be an angle of the knee.
        alignment = found.turned(*azimuths)
        thigh, shank = alignment.thigh_from_sensor @ true[0][1], alignment.shank_from_sensor @ true[1][1]
        assert low <= np.degrees(np.arccos(min(1.0, thigh @ shank))) < high
        assert np.allclose(alignment.shank_from_sensor @ alignment.shank_from_sensor.T, np.eye(3))


def test_what_both_accelerometers_miss_alike_turns_no_frame():
    frames = [Rotation.random(random_state=k).as_matrix() for k in (21, 22)]
    alike = np.array([0.1, 0.0, -0.05])
    errors = np.concatenate([frames[0].T @ alike, np.zeros(3), frames[1].T @ alike, np.zeros(3)])
    seen = Alignment(frames[0], frames[1], 0.0, 0.0, 0.0, STANDING_AND_FLEXIONS)
    known = seen.uprighted(errors)
    assert np.allclose(known.thigh_from_sensor, frames[0])
    assert np.allclose(known.shank_from_sensor, frames[1])
