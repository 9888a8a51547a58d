"""Even times from a coarse clock: errors bounded by the tick at once, a fraction of it later, losses seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.coarse import CoarseClock


def placed(times_us, tick_us):
    clock = CoarseClock(tick_us)
    found = [clock.place(np.floor(time / tick_us) * tick_us) for time in times_us]
    return np.array([tick for tick, _ in found]), np.array([lost for _, lost in found])


@given(st.sampled_from([8000.0, 1464.84375, 1000.0]), st.floats(20.0, 104.0), st.floats(0.0, 1e4))
@settings(max_examples=30, deadline=None)
def test_even_samples_stay_even(tick_us, rate_hz, phase_us):
    times = phase_us + np.arange(1500) * 1e6 / rate_hz
    ticks, lost = placed(times, tick_us)
    assert (np.diff(ticks) > 0).all()
    # Never outside the tick in which the sample was taken.
    assert np.abs(ticks - times).max() <= tick_us + 1
    assert not lost.any()


@pytest.mark.parametrize(("tick_us", "rate_hz", "worst_us"), [(8000.0, 100.3, 1200), (8000.0, 26.1, 1200)])
def test_errors_shrink_to_a_fraction_of_a_tick(tick_us, rate_hz, worst_us):
    """Rates that do not divide the clock, as no real one does."""
    times = np.arange(3000) * 1e6 / rate_hz
    ticks, _ = placed(times, tick_us)
    errors = (ticks - times)[1000:]
    assert np.abs(errors - errors.mean()).max() < worst_us
    assert np.abs(errors).max() < tick_us / 2


@given(st.sets(st.integers(150, 390), max_size=12))
@settings(max_examples=40, deadline=None)
def test_losses_are_counted_exactly(missing):
    times = np.arange(400) * 1e6 / 99.7
    kept = [k for k in range(400) if k not in missing]
    _, lost = placed(times[kept], 8000.0)
    assert lost.sum() == len(missing)


def test_a_drifting_rate_is_followed():
    times = np.cumsum(1e4 * (1 + 0.003 * np.sin(np.arange(20_000) / 3000)))
    ticks, lost = placed(times, 8000.0)
    assert lost.sum() == 0
    assert np.abs(ticks - times).max() <= 8001
