"""Legs exchanged altogether: told where both thighs lean the wrong way in stance, and never from one leg."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.blocks import LegBlock
from pipeline.mirror_watch import MirrorWatch
from pipeline.records import Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import simulate
from pipeline.swaps import Fit

STANCE_RAD_S = 1.2


@cache
def walking(seed: int) -> dict[Side, LegBlock]:
    """Both legs of a walk as a perfect estimator gives them."""
    rng = np.random.default_rng(seed)
    result = simulate(draw_person(rng), parse_script("stand:3,walk:32"), rng, sides=tuple(Side))
    return {side: result.leg_block(side) for side in Side}


def leaning(block: LegBlock, deg: float) -> LegBlock:
    """A thigh that leans so much further inwards while the leg carries the body."""
    stance = np.abs(block.shank_rate) < STANCE_RAD_S
    return replace(block, thigh_tilt=np.where(stance, np.deg2rad(deg), 0.0))


def told(blocks: dict[Side, LegBlock], rows: int = 130) -> list[tuple[float, Fit]]:
    watch = MirrorWatch()
    found = []
    for begin in range(0, max(len(block) for block in blocks.values()), rows):
        for side, block in blocks.items():
            piece = block.cut(begin, min(begin + rows, len(block)))
            found += [(each.time_s, each.fit) for each in watch.update(side, piece)]
    return found


def exchanged(blocks: dict[Side, LegBlock]) -> dict[Side, LegBlock]:
    """The left leg's sensors on the right leg: the same movement, inward taken for outward."""
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
    return {side: replace(blocks[other[side]], thigh_tilt=-blocks[other[side]].thigh_tilt) for side in blocks}


@pytest.mark.parametrize("seed", [104, 105, 106])
def test_people_are_never_told_the_contrary(seed: int) -> None:
    legs = walking(seed)
    assert Fit.SWAPPED not in [fit for _, fit in told(legs)]
    assert Fit.FITS not in [fit for _, fit in told(exchanged(legs))]


def test_two_legs_that_lean_are_told_however_the_rows_are_cut() -> None:
    legs = {side: leaning(block, 3.0) for side, block in walking(104).items()}
    assert [fit for _, fit in told(legs)] == [Fit.FITS]
    assert [fit for _, fit in told(exchanged(legs))] == [Fit.SWAPPED]
    assert told(exchanged(legs), 1000) == told(exchanged(legs), 17) == told(exchanged(legs))


def test_one_leg_tells_nothing() -> None:
    """A stiff knee that is swung around looks like a leg of the other side."""
    legs = walking(104)
    one = {Side.LEFT: leaning(legs[Side.LEFT], -4.0), Side.RIGHT: leaning(legs[Side.RIGHT], 3.0)}
    assert told(one) == [] and told({Side.RIGHT: leaning(legs[Side.RIGHT], -4.0)}) == []


def test_standing_tells_nothing() -> None:
    legs = {side: replace(block, shank_rate=0.0 * block.shank_rate) for side, block in walking(104).items()}
    assert told({side: leaning(block, 3.0) for side, block in legs.items()}) == []
