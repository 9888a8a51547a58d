"""A sensor that is away between the standing and the flexions: the analysis goes on and gives finite angles."""

import warnings

import numpy as np
import pytest

from pipeline.blocks import GridBlock, join
from pipeline.engine import LegEngine, LegSettings
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import simulated_leg


def away(grid: GridBlock, from_s: float, seconds: float) -> GridBlock:
    """The same rows with a hole in the middle, in which the thigh sensor's rows hold its last value, not ok."""
    at, count = int(np.searchsorted(grid.time_s, from_s)), round(seconds * grid.rate_hz)
    rows = np.r_[np.arange(at), np.full(count, at - 1), np.arange(at, len(grid))]
    ok = grid.thigh_ok[rows]
    ok[at : at + count] = False
    return GridBlock(
        grid.start,
        grid.rate_hz,
        *(column[rows] for column in (grid.thigh_acc, grid.thigh_gyr, grid.shank_acc, grid.shank_gyr)),
        ok,
        grid.shank_ok[rows],
        grid.clipped[rows],
    )


@pytest.mark.parametrize("seconds", [20.0, 60.0])
def test_a_long_absence_between_standing_and_flexions_breaks_nothing(seconds: float) -> None:
    leg = simulated_leg(104, written("stand:5.5,flex:6,walk:10"))
    engine = LegEngine(leg.side, 100.0, LegSettings())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        blocks = engine.update(away(leg.grid, 5.0, seconds))
    assert engine.alignment is not None
    found = join(blocks)
    walking = found.time_s > found.time_s[-1] - 5.0
    assert found.valid[walking].mean() > 0.7
    assert np.isfinite(found.abduction[walking & found.valid]).all()
