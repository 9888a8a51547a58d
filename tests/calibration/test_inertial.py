"""Inertial calibration: a sensor with known errors is laid down in several attitudes, and they must be found."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from calibration.errors import CalibrationError
from calibration.inertial import (
    MAX_NORM_ERROR,
    Inertial,
    Rest,
    calibrate,
    find_rests,
    fit_accelerometer,
    gyroscope_bias,
    resting_norm_error,
)
from tests.shared_data import dataset

G = 9.80665
ACC_BIAS = np.array([0.25, -0.18, 0.3])
ACC_ERROR = np.array([[1.015, 0.004, -0.003], [0.004, 0.99, 0.006], [-0.003, 0.006, 1.01]])
GYR_BIAS = np.radians([0.6, -0.4, 0.9])


def attitudes(count: int, rng: np.random.Generator) -> np.ndarray:
    """Directions of gravity that cover the sphere."""
    k = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    directions = np.column_stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)])
    return Rotation.random(random_state=int(rng.integers(2**31))).apply(directions)


def recording(directions: np.ndarray, rng: np.random.Generator, rate: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """Rests of 3 s joined by turns of 1 s, through a sensor with all its errors."""
    acc, gyr = [], []
    for d in directions:
        acc += [np.tile(G * d, (int(3 * rate), 1)), rng.normal(0, 6, (int(rate), 3))]
        gyr += [np.zeros((int(3 * rate), 3)), rng.normal(0, 2, (int(rate), 3))]
    true_acc, true_gyr = np.vstack(acc), np.vstack(gyr)
    measured = true_acc @ np.linalg.inv(ACC_ERROR).T + ACC_BIAS + rng.normal(0, 0.03, true_acc.shape)
    return measured, true_gyr + GYR_BIAS + rng.normal(0, 0.003, true_gyr.shape)


def test_all_errors_are_found_from_rests_at_twelve_inclinations() -> None:
    rng = np.random.default_rng(0)
    acc, gyr = recording(attitudes(12, rng), rng)
    rests = find_rests(acc, gyr, 100.0)
    assert len(rests) == 12
    result = calibrate(rests, address="AA", day="2026-01-31")
    assert result.gyr_bias == pytest.approx(GYR_BIAS, abs=np.radians(0.02))
    assert result.acc_bias == pytest.approx(ACC_BIAS, abs=0.02)
    assert np.abs(result.acc_matrix - ACC_ERROR).max() < 0.003
    fresh, _ = recording(attitudes(40, np.random.default_rng(9)), rng)
    corrected, _ = result.apply(fresh, np.zeros_like(fresh))
    still = np.arange(len(fresh)) % 400 < 300
    norms = np.linalg.norm(corrected[still].reshape(-1, 300, 3).mean(axis=1), axis=1)
    assert np.abs(norms / G - 1).max() < 0.002


def test_six_rests_suffice_and_outliers_do_not_spoil_them() -> None:
    rng = np.random.default_rng(1)
    axes = np.vstack([np.eye(3), -np.eye(3)])
    acc, gyr = recording(axes, rng)
    rests = find_rests(acc, gyr, 100.0)
    fit = fit_accelerometer(rests)
    assert fit is not None and fit.bias == pytest.approx(ACC_BIAS, abs=0.03)
    acc, gyr = recording(attitudes(14, rng), rng)
    rests = find_rests(acc, gyr, 100.0)
    pushed = Rest(0, 300, rests[3].acc * 1.05, rests[3].gyr, 3.0)
    fit = fit_accelerometer([*rests, pushed])
    assert fit is not None and fit.bias == pytest.approx(ACC_BIAS, abs=0.05)


def test_too_few_or_too_similar_rests_leave_the_accelerometer_alone() -> None:
    rng = np.random.default_rng(2)
    upright = np.array([0.0, 1.0, 0.0]) + rng.normal(0, 0.2, (12, 3))
    upright /= np.linalg.norm(upright, axis=1)[:, None]
    acc, gyr = recording(upright, rng)
    rests = find_rests(acc, gyr, 100.0)
    assert len(rests) == 12 and fit_accelerometer(rests) is None
    assert fit_accelerometer(rests[:4]) is None
    result = calibrate(rests)
    assert np.array_equal(result.acc_matrix, np.eye(3)) and not result.acc_bias.any()
    assert result.gyr_bias == pytest.approx(GYR_BIAS, abs=np.radians(0.02))


def test_a_good_sensor_is_hardly_changed() -> None:
    rng = np.random.default_rng(3)
    directions = attitudes(8, rng)
    rests = [Rest(0, 300, G * d + rng.normal(0, 0.01, 3), np.zeros(3), 3.0) for d in directions]
    fit = fit_accelerometer(rests)
    assert fit is not None
    assert np.abs(fit.bias).max() < 0.03 and np.abs(fit.matrix - np.eye(3)).max() < 0.004


def test_movement_slow_turning_and_gaps_are_no_rest() -> None:
    rate, t = 100.0, np.arange(2000) / 100
    acc = np.tile([0.0, G, 0.0], (2000, 1))
    gyr = np.zeros((2000, 3))
    assert len(find_rests(acc, gyr, rate)) == 1
    walking = gyr.copy()
    walking[:, 2] = 2 * np.sin(2 * np.pi * t)
    assert find_rests(acc, walking, rate) == []
    turning = G * np.column_stack([np.sin(0.5 * t), np.cos(0.5 * t), 0 * t])
    assert find_rests(turning, np.tile([0.0, 0.0, 0.5], (2000, 1)), rate) == []
    ok = np.ones(2000, bool)
    ok[1000] = False
    assert len(find_rests(acc, gyr, rate, ok)) == 2
    assert find_rests(acc[:10], gyr[:10], rate) == []
    assert gyroscope_bias([]) is None
    with pytest.raises(CalibrationError):
        calibrate([])


def test_one_wrong_rest_does_not_move_the_bias() -> None:
    good = [Rest(0, 300, np.array([0, G, 0]), GYR_BIAS, 3.0) for _ in range(4)]
    wrong = Rest(0, 3000, np.array([0, G, 0]), GYR_BIAS + 0.2, 30.0)
    assert gyroscope_bias([*good, wrong]) == pytest.approx(GYR_BIAS)


def test_the_two_percent_rule() -> None:
    rows = np.tile([0.0, 0.0, G], (100, 1))
    assert resting_norm_error(rows) == pytest.approx(0.0)
    assert resting_norm_error(rows * 1.03) == pytest.approx(0.03)
    assert abs(resting_norm_error(rows * 1.03)) > MAX_NORM_ERROR > abs(resting_norm_error(rows * 1.01))
    assert resting_norm_error(rows - np.array([0.0, 0.0, 5.0])) < -MAX_NORM_ERROR
    assert np.isnan(resting_norm_error(np.empty((0, 3))))


def test_two_real_sensors_at_rest_one_of_which_needs_calibration() -> None:
    folder = dataset("sensbiotk_inria")
    errors = {}
    for name in ("thigh", "shank"):
        table = pd.read_parquet(folder / f"goniometer_static_{name}.parquet")
        acc, gyr = table[["ax", "ay", "az"]].to_numpy(), table[["gx", "gy", "gz"]].to_numpy()
        (rest,) = find_rests(acc, gyr, 200.0)
        assert rest.duration_s > 12
        errors[name] = resting_norm_error(rest.acc)
        bias = gyroscope_bias([rest])
        assert bias is not None and np.abs(bias).max() < np.radians(3)
    assert abs(errors["thigh"]) < MAX_NORM_ERROR < abs(errors["shank"])


def test_a_calibration_survives_its_file() -> None:
    rng = np.random.default_rng(4)
    one = Inertial(ACC_BIAS, ACC_ERROR, GYR_BIAS, np.eye(3) * 1.01, 23.5, "2026-01-31", "D4:22:CD:00:00:01")
    two = Inertial.from_json(json.dumps(one.to_json()))
    values = rng.normal(size=(50, 3))
    for a, b in zip(one.apply(values, values), two.apply(values, values), strict=True):
        assert np.array_equal(a, b)
    assert (two.temperature_c, two.date, two.address) == (23.5, "2026-01-31", "D4:22:CD:00:00:01")
    assert two.age_days(date(2026, 3, 2)) == 30 and Inertial().age_days(date(2026, 3, 2)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"version": "one"},
        {"format": "other"},
        {"acc_bias": [1, 2]},
        {"acc_bias": [1, 2, "x"]},
        {"acc_bias": [1, 2, None]},
        {"acc_matrix": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]},
        {"gyr_bias": [3.0, 0, 0]},
        {"gyr_matrix": None},
        {"temperature_c": "warm"},
    ],
)
def test_what_cannot_be_a_calibration_is_refused_in_one_line(change: dict) -> None:
    data = Inertial().to_json() | change
    with pytest.raises(CalibrationError) as refused:
        Inertial.from_json(data)
    assert "\n" not in str(refused.value)
    for rubbish in ("", "[1", b"\xff\xfe", [], None):
        with pytest.raises(CalibrationError):
            Inertial.from_json(rubbish)


def test_a_sensor_with_a_large_offset_is_plausible_and_a_broken_one_is_not() -> None:
    assert Inertial(acc_bias=np.array([5.0, 0, 0])).complaint() is None
    assert "beyond" in (Inertial(acc_bias=np.array([9.0, 0, 0])).complaint() or "")
    assert "finite" in (Inertial(gyr_bias=np.array([0, np.nan, 0])).complaint() or "")


def test_a_rows_correction_does_not_depend_on_its_company() -> None:
    rng = np.random.default_rng(5)
    calibration = Inertial(ACC_BIAS, ACC_ERROR, GYR_BIAS, ACC_ERROR)
    acc, gyr = rng.normal(size=(2, 777, 3))
    whole = calibration.apply(acc, gyr)
    for begin, end in ((0, 1), (1, 9), (9, 400), (400, 777)):
        part = calibration.apply(acc[begin:end], gyr[begin:end])
        assert np.array_equal(part[0], whole[0][begin:end]) and np.array_equal(part[1], whole[1][begin:end])
