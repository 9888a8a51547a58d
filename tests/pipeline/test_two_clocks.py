"""Bounds of two clocks and a measured difference, joined: against plain sampling, and what must not happen."""

import numpy as np
import pytest

from pipeline.two_clocks import Difference, Lines, together

SLOPES = np.linspace(-150e-6, 150e-6, 61)


def lines(tilt_s: float, room_s: float, slope: float = 0.0, sd: float = 40e-6, top_s: float = 0.0) -> Lines:
    """Slopes of some standard deviation; the bounds move by tilt_s for each unit of slope (a phase that wrapped so long
    ago)."""
    log_weight = -0.5 * ((SLOPES - slope) / sd) ** 2
    return Lines(SLOPES, log_weight, top_s + tilt_s * SLOPES, np.full(len(SLOPES), room_s))


def difference(value_s: float, sd_s: float, drift: float, drift_sd: float, correlation: float = 0.0) -> Difference:
    return Difference(value_s, drift, sd_s**2, drift_sd**2, correlation * sd_s * drift_sd)


@pytest.mark.parametrize(
    ("first", "second", "motion"),
    [
        (lines(0.0, 0.01), lines(0.0, 0.01), difference(4e-3, 3e-3, 20e-6, 80e-6)),
        (lines(100.0, 0.002), lines(0.0, 0.01), difference(-3e-3, 2.7e-3, 60e-6, 20e-6, 0.5)),
        (lines(100.0, 0.002), lines(-40.0, 0.006, sd=25e-6), difference(1e-3, 3e-3, 50e-6, 4e-6, -0.3)),
        (lines(0.0, 0.01), lines(0.0, 0.01), difference(14e-3, 3e-3, 0.0, 30e-6)),
    ],
    ids=["open", "one wrapped", "drift known", "beyond the bounds"],
)
def test_plain_sampling_says_the_same(first: Lines, second: Lines, motion: Difference) -> None:
    rng = np.random.default_rng(1)
    n = 1_500_000
    drawn = []
    for clock in (first, second):
        weight = np.exp(clock.log_weight - clock.log_weight.max())
        slope = rng.choice(clock.slopes, n, p=weight / weight.sum())
        slope += rng.uniform(-0.5, 0.5, n) * clock.step
        top = np.interp(slope, clock.slopes, clock.highest)
        drawn.append((slope, top - np.interp(slope, clock.slopes, clock.room) * rng.random(n)))
    (slope1, value1), (slope2, value2) = drawn
    apart = np.stack([value1 - value2 - motion.value_s, slope1 - slope2 - motion.drift])
    inverse = np.linalg.inv([[motion.var, motion.covariance], [motion.covariance, motion.drift_var]])
    weight = np.exp(-0.5 * np.einsum("in,ij,jn->n", apart, inverse, apart))
    weight /= weight.sum()
    found = together(first, second, motion)
    assert found is not None
    for mine, value in zip(found.values_s, (value1, value2), strict=True):
        assert mine == pytest.approx(float(weight @ value), abs=1e-4)
    for mine, slope in zip(found.slopes, (slope1, slope2), strict=True):
        assert mine == pytest.approx(float(weight @ slope), abs=1.5e-6)
    spread = value1 - value2
    var = float(weight @ (spread - weight @ spread) ** 2)
    assert np.sqrt(found.difference_var) == pytest.approx(np.sqrt(var), rel=0.04)
    for mine, value in zip(found.vars, (value1, value2), strict=True):
        assert np.sqrt(mine) == pytest.approx(np.sqrt(float(weight @ (value - weight @ value) ** 2)), rel=0.04)


def test_clocks_that_are_known_do_not_move() -> None:
    """Both phases known to 0.4 ms: soft tissue's 6 ms find no room."""
    known = lines(0.0, 0.0004, sd=2e-6)
    found = together(known, known, difference(6e-3, 2.7e-3, 0.0, 5e-6))
    assert found is not None
    assert abs(found.values_s[0] - found.values_s[1]) < 0.4e-3
    assert np.sqrt(found.difference_var) < 0.25e-3


def test_one_wrap_and_the_drift_tell_both_slopes() -> None:
    """The first's slope is known, the second's is not: the drift tells it."""
    found = together(lines(0.0, 0.01, 30e-6, 3e-6), lines(0.0, 0.01), difference(0.0, 0.02, 70e-6, 2e-6))
    assert found is not None
    assert found.slopes == pytest.approx((30e-6, -40e-6), abs=2e-6)


def test_a_contradiction_is_none() -> None:
    assert together(lines(0.0, 0.001), lines(0.0, 0.001), difference(0.2, 1e-3, 0.0, 1e-5)) is None
