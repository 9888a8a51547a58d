"""A sensor with known errors is turned from side to side, and they must be found; what cannot be must be refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.errors import CalibrationError
from calibration.inertial import find_rests
from calibration.six_positions import calibrate_at_rest, sides_seen

G = 9.80665
RATE = 100.0


def laid_down(turns: list[Rotation], rng: np.random.Generator, still_s: float = 4.0, turn_s: float = 1.5):
    """True specific force and rate (n, 3) of a sensor that rests, turns by each of these (own frame), and rests."""
    acc, gyr, now = [], [], Rotation.identity()
    up = np.array([0.0, 0.0, G])

    def rest() -> None:
        n = round(still_s * RATE)
        acc.append(np.tile(now.inv().apply(up), (n, 1)))
        gyr.append(np.zeros((n, 3)))

    rest()
    for turn in turns:
        n = round(turn_s * RATE)
        t = (np.arange(n) + 0.5) / n
        vector = turn.as_rotvec()
        done = t - np.sin(2 * np.pi * t) / (2 * np.pi)
        acc.append((now * Rotation.from_rotvec(done[:, None] * vector)).inv().apply(np.tile(up, (n, 1))))
        gyr.append((1 - np.cos(2 * np.pi * t))[:, None] * vector / turn_s)
        now = now * turn
        rest()
    return np.vstack(acc), np.vstack(gyr)


def six_sides(rng: np.random.Generator) -> list[Rotation]:
    """By hand, so only about: over all six sides, then home by other ways."""
    quarter = [("x", 90), ("x", 90), ("x", 90), ("z", 90), ("z", 180), ("z", 90), ("x", 90), ("y", 90), ("y", 90)]
    return [
        Rotation.from_euler(axis, angle, degrees=True) * Rotation.from_rotvec(np.radians(rng.normal(0, 6, 3)))
        for axis, angle in quarter
    ]


def test_all_errors_of_ordinary_sensors_are_found():
    """Errors as the reference has them; over ten sensors, the rms left must be a small part."""
    left = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        acc, gyr = laid_down(six_sides(rng), rng)
        acc_bias, acc_scale = rng.normal(0, 0.08, 3), rng.normal(0, 0.006, 3)
        gyr_bias, gyr_scale = np.radians(rng.normal(0, 0.5, 3)), rng.normal(0, 0.006, 3)
        measured = acc * (1 + acc_scale) + acc_bias + rng.normal(0, 0.02, acc.shape)
        turned = gyr * (1 + gyr_scale) + gyr_bias + rng.normal(0, 0.002, gyr.shape)
        found = calibrate_at_rest(measured, turned, RATE, address="AA:01", day="2026-01-31")
        assert found.norm_after < 0.2 * found.norm_before
        i = found.inertial
        left.append(
            [
                *(i.acc_bias - acc_bias) / 0.08,
                *(np.diag(i.acc_matrix) * (1 + acc_scale) - 1) / 0.006,
                *(i.gyr_bias - gyr_bias) / np.radians(0.5),
                *(np.diag(i.gyr_matrix) * (1 + gyr_scale) - 1) / 0.006,
            ]
        )
    rms = np.sqrt(np.mean(np.square(left), axis=0)).reshape(4, 3).max(axis=1)
    assert (rms < [0.15, 0.15, 0.02, 0.35]).all(), rms


def test_a_bad_sensor_with_an_offset_of_5_is_mended():
    rng = np.random.default_rng(1)
    acc, gyr = laid_down(six_sides(rng), rng)
    offset = np.array([2.0, -4.0, 2.5])
    found = calibrate_at_rest(acc + offset + rng.normal(0, 0.02, acc.shape), gyr + 0.01, RATE)
    assert found.inertial.acc_bias == pytest.approx(offset, abs=0.03) and found.norm_after < 0.001


def test_a_gyroscope_of_the_wrong_range_shows_against_gravity():
    rng = np.random.default_rng(2)
    acc, gyr = laid_down(six_sides(rng), rng)
    found = calibrate_at_rest(acc, gyr * 1.1, RATE)
    assert found.gyroscope is not None and np.degrees(found.gyroscope.before) > 5
    assert np.diag(found.inertial.gyr_matrix) == pytest.approx([1 / 1.1] * 3, abs=0.005)
    assert np.degrees(found.gyroscope.after) < 0.5
    with pytest.raises(CalibrationError, match="range setting"):
        calibrate_at_rest(acc, gyr * 2.0, RATE)


def test_what_does_not_suffice_is_refused_and_says_what_to_do():
    rng = np.random.default_rng(3)
    acc, gyr = laid_down(six_sides(rng)[:2], rng)
    with pytest.raises(CalibrationError, match="six sides"):
        calibrate_at_rest(acc, gyr, RATE, address="AA:01")
    with pytest.raises(CalibrationError, match="no rest"):
        calibrate_at_rest(rng.normal(0, 9, (500, 3)), rng.normal(0, 2, (500, 3)), RATE)
    acc, gyr = laid_down(six_sides(rng), rng)
    # A clip that hits the stop in two positions: gravity cannot be made the same everywhere.
    with pytest.raises(CalibrationError):
        calibrate_at_rest(np.clip(acc, -7.0, 7.0), gyr, RATE)


def test_sides_are_counted_by_inclination_not_by_rest():
    rng = np.random.default_rng(4)
    acc, gyr = laid_down([Rotation.from_euler("x", 5, degrees=True)] * 3, rng)
    assert sides_seen(find_rests(acc, gyr, RATE)) == 1
    acc, gyr = laid_down(six_sides(rng), rng)
    assert sides_seen(find_rests(acc, gyr, RATE)) == 6
