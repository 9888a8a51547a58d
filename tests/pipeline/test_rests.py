"""When both sensors keep still."""

import numpy as np
import pytest

from pipeline.calibration_parameters import CalibratingParameters
from pipeline.leg_rows import LegRows
from pipeline.rests import at_rest


def standing(sway_rad_s: float, weight: float = 9.81) -> LegRows:
    """Half a second at 100 Hz."""
    n = 50
    sway = sway_rad_s * np.sin(np.linspace(0.0, 2.0 * np.pi, n))[:, None] * np.ones(3)
    acc = np.tile([0.0, weight, 0.0], (n, 1))
    level = np.tile([1.0, 0.0, 0.0, 0.0], (n, 1))
    return LegRows(0, acc, sway, level, acc, sway, level, np.ones(n, bool))


@pytest.mark.parametrize(("rows", "still"), [(standing(0.03), True), (standing(0.5), False)])
def test_a_standing_that_sways_a_little_is_a_rest(rows: LegRows, still: bool) -> None:
    assert at_rest(rows, CalibratingParameters()) is still


def test_a_sensor_that_feels_no_weight_is_not_at_rest_but_dead() -> None:
    assert not at_rest(standing(0.0, weight=0.0), CalibratingParameters())
