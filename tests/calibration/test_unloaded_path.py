import numpy as np
import pytest

from calibration.unloaded_path import UnloadedPath, fit_unloaded_path


def flexions(largest_deg: float, n: int = 1200):
    return np.deg2rad(largest_deg) * 0.5 * (1.0 - np.cos(np.linspace(0.0, 12 * np.pi, n)))


def test_a_curved_path_is_found_under_noise_and_outliers():
    rng = np.random.default_rng(0)
    f = flexions(90.0)
    true = 0.10 * f - 0.04 * f**2
    a = true + rng.normal(0.0, np.deg2rad(0.5), len(f))
    a[::40] += np.deg2rad(15.0)
    path = fit_unloaded_path(f, a)
    assert np.abs(np.rad2deg(path.at(f) - true)).max() < 0.5
    assert np.rad2deg(path.sd) == pytest.approx(0.5, abs=0.15)


def test_the_path_is_zero_at_zero_and_held_outside():
    path = UnloadedPath(0.1, 0.0, np.deg2rad(60.0), 0.01)
    assert path.at(np.array([0.0, -0.5])).tolist() == [0.0, 0.0]
    assert path.at(np.array([np.deg2rad(60.0)])) == pytest.approx(path.at(np.array([2.0])))


def test_small_flexions_tell_nothing():
    path = fit_unloaded_path(flexions(15.0), np.full(1200, 0.1))
    assert not path.known and path.at(np.array([1.0])).tolist() == [0.0]


def test_a_path_survives_its_file_and_a_damaged_one_is_refused():
    path = UnloadedPath(0.1, -0.02, 1.5, 0.01)
    again = UnloadedPath.from_json(path.to_json())
    assert again.at(np.array([0.7])) == pytest.approx(path.at(np.array([0.7])))
    with pytest.raises(ValueError, match="out of range"):
        UnloadedPath.from_json({**path.to_json(), "largest_flexion_deg": 900.0})
