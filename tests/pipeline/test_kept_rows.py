"""The low-pass at kept rows is scipy's forward-backward filter, seen at these rows only."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from pipeline.kept_rows import KeptRows, LowPass


def wandering(n: int, columns: int = 3) -> np.ndarray:
    """A random walk: slow and fast parts, and ends that are not zero."""
    return np.cumsum(np.random.default_rng(n).standard_normal((n, columns)), axis=0)


@pytest.mark.parametrize(
    ("n", "first", "step", "rate_hz"), [(3000, 3, 8, 100.0), (151, 8, 8, 100.0), (700, 7, 16, 200.0), (200, 1, 1, 15.0)]
)
def test_it_gives_what_filtering_every_row_gives(n: int, first: int, step: int, rate_hz: float):
    signal = wandering(n)
    cutoff = min(8.0, 0.4 * rate_hz)
    sos = butter(2, cutoff, fs=rate_hz, output="sos")
    every = sosfiltfilt(sos, signal, axis=0, padlen=n - 1)
    rows = np.arange(first, n - 1, step)
    kept = KeptRows(signal, first, step, LowPass.butterworth(cutoff, rate_hz), rate_hz)
    size = np.abs(signal).max()
    assert np.abs(kept.value() - every[rows]).max() < 1e-7 * size
    slope = 0.5 * rate_hz * (every[rows + 1] - every[rows - 1])
    assert np.abs(kept.slope() - slope).max() < 1e-7 * size * rate_hz
    bend = rate_hz**2 * (every[rows + 1] - 2.0 * every[rows] + every[rows - 1])
    assert np.abs(kept.bend() - bend).max() < 1e-7 * size * rate_hz**2


@pytest.mark.parametrize("n", [20, 23, 30])
def test_few_rows_are_enough(n: int):
    """A straight line has no curvature to be smoothed: it comes through, ends included."""
    line = np.outer(np.arange(n), [1.0, -2.0]) + 5.0
    kept = KeptRows(line, 1, 4, LowPass.butterworth(8.0, 100.0), 100.0)
    rows = np.arange(1, n - 1, 4)
    assert np.allclose(kept.value(), line[rows], atol=0.05)
    assert np.allclose(kept.slope(), [100.0, -200.0], rtol=0.02)


def test_time_has_no_direction():
    signal = wandering(401, 2)
    low_pass = LowPass.butterworth(8.0, 100.0)
    forwards = KeptRows(signal, 8, 8, low_pass, 100.0)
    backwards = KeptRows(np.ascontiguousarray(signal[::-1]), 8, 8, low_pass, 100.0)
    assert np.allclose(forwards.value(), backwards.value()[::-1], atol=1e-10)
    assert np.allclose(forwards.slope(), -backwards.slope()[::-1], atol=1e-8)


def test_the_half_power_frequency_is_passed_at_half_of_the_amplitude():
    t = np.arange(4000) / 100.0
    wave = np.sin(2.0 * np.pi * 8.0 * t)[:, None]
    kept = KeptRows(wave, 2000, 1, LowPass.butterworth(8.0, 100.0), 100.0)
    inner = slice(0, 1500)
    assert np.allclose(kept.value()[inner], 0.5 * wave[2000:-1][inner], atol=1e-9)
