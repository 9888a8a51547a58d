"""A sensor that is away between the standing and the flexions: the analysis goes on and gives finite angles."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.blocks import GridBlock, LegBlock, join
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.records import Side
from pipeline.two_sided import analyse_leg
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


def live(grid: GridBlock, side: Side) -> LegBlock:
    return join(LegEngine(side, 100.0, LegSettings()).update(grid))


def two_sided(grid: GridBlock, side: Side) -> LegBlock:
    return analyse_leg(grid, side, LegSettings()).block


@pytest.mark.parametrize("analyse", [live, two_sided])
@pytest.mark.parametrize("seed", [101, 105, 109])
def test_a_link_lost_between_standing_and_flexions_or_among_them_turns_nothing(
    seed: int, analyse: Callable[[GridBlock, Side], LegBlock]
) -> None:
    """The standing tells the heading of level frames that are no more after the loss: it must not be taken for that of
    the flexions, or frames and unloaded path are turned until it fits."""
    leg = simulated_leg(seed, written("stand:5.5,flex:6@{side},walk:25"))
    found = []
    for grid in (leg.grid, missing(leg.grid, 6.0, 1.6), missing(leg.grid, 9.0, 1.6)):
        block = analyse(grid, leg.side)
        walking = block.valid & (block.time_s > block.time_s[-1] - 10.0)
        assert walking.sum() > 300
        found.append(np.rad2deg([getattr(block, n)[walking].mean() for n in ("abduction", "rotation", "excess")]))
    assert np.abs(np.array(found[1:]) - found[0]).max() < 2.0


def missing(grid: GridBlock, from_s: float, seconds: float) -> GridBlock:
    """The same rows, of which the shank sensor's are missing for a while."""
    gone = (grid.time_s >= from_s) & (grid.time_s < from_s + seconds)
    held = np.maximum.accumulate(np.where(gone, 0, np.arange(len(grid))))
    return replace(grid, shank_acc=grid.shank_acc[held], shank_gyr=grid.shank_gyr[held], shank_ok=grid.shank_ok & ~gone)
