"""The figure for across the room: the largest inward angle of the last step while the leg carried something."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.screens.step_peak import StepPeak, step_words
from tests.pipeline.made_legs import leg
from tests.pipeline.result_folder import step


def _excess_deg(n: int) -> "np.ndarray":  # type: ignore[type-arg]
    """1 deg, with 6 deg in the stance at 10.3 s and 20 deg in the swing at 10.8 s."""
    t = np.arange(n) / 100.0
    return 1.0 + 5.0 * (np.abs(t - 10.3) < 0.05) + 19.0 * (np.abs(t - 10.8) < 0.05)


@pytest.mark.parametrize("size", [1, 7, 2000])
def test_the_swing_does_not_count(size: int) -> None:
    excess = np.radians(_excess_deg(1200))
    peak = StepPeak()
    for begin in range(0, 1200, size):
        peak.add(leg(len(excess[begin : begin + size]), begin, excess=excess[begin : begin + size]))
    assert np.isnan(peak.peak_deg)
    peak.step(step("right", 0, "walking", 10.0, 20.0, 3.0))
    assert peak.peak_deg == pytest.approx(6.0)
    peak.step(replace(step("right", 1, "squat", 10.0, 20.0, 3.0), toe_off_s=float("nan")))
    assert peak.peak_deg == pytest.approx(20.0), "a repetition has no swing"


def test_rows_that_are_not_valid_do_not_count() -> None:
    block = leg(1200, 0, excess=np.radians(_excess_deg(1200)))
    peak = StepPeak()
    peak.add(replace(block, valid=np.abs(block.time_s - 10.3) > 0.1))
    peak.step(step("right", 0, "walking", 10.0, 20.0, 3.0))
    assert peak.peak_deg == pytest.approx(1.0)


def test_memory_is_constant() -> None:
    peak = StepPeak()
    for begin in range(0, 100_000, 50):
        peak.add(leg(50, begin))
    assert len(peak._parts) < 50


def test_words() -> None:
    assert [step_words(x) for x in (float("nan"), -2.0, 4.9, 5.1, 8.1)] == [
        "no step yet", "in line", "in line", "slightly inward", "clearly inward",
    ]  # fmt: skip
