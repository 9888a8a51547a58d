"""Legs exchanged altogether: told where both thighs sway the wrong way, and never from one leg."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.blocks import GridBlock, LegBlock, join
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.mirror_watch import MirrorWatch
from pipeline.placement_watch import LegsWatch, LegWatch
from pipeline.records import Segment, Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import simulate
from pipeline.swaps import Fit
from pipeline.warned import Warned
from tests.pipeline.leg_from_imu import RawLeg
from tests.pipeline.public_legs import cmu_leg
from tests.shared_data import dataset


@cache
def walking(seed: int) -> dict[Side, LegBlock]:
    """Both legs of a walk as a perfect estimator gives them."""
    rng = np.random.default_rng(seed)
    result = simulate(draw_person(rng), parse_script("stand:3,walk:32"), rng, sides=tuple(Side))
    return {side: result.leg_block(side) for side in Side}


def swaying(block: LegBlock, deg: float, stride_s: float = 1.1, late_s: float = 0.0) -> LegBlock:
    """A leg that steps evenly, with a thigh that leans inwards by so much in the middle of stance, and as far outwards
    in the middle of swing; upright shanks."""
    phase = 2.0 * np.pi * (block.time_s - late_s) / stride_s
    rate = 2.0 * np.cos(phase) + np.cos(2.0 * phase)
    return replace(
        block,
        shank_rate=rate,
        shank_incl=0.3 * np.sin(phase),
        thigh_incl=0.3 * np.sin(phase + 0.5),
        thigh_tilt=-np.deg2rad(deg) * np.cos(phase + 0.8),
        shank_tilt=0.0 * phase,
    )


def stepping(left_deg: float, right_deg: float, together: bool = False) -> dict[Side, LegBlock]:
    legs = walking(104)
    late_s = 0.0 if together else 0.55
    return {
        Side.LEFT: swaying(legs[Side.LEFT], left_deg),
        Side.RIGHT: swaying(legs[Side.RIGHT], right_deg, 1.1, late_s),
    }


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
    return {
        side: replace(leg, thigh_tilt=-leg.thigh_tilt, shank_tilt=-leg.shank_tilt)
        for side in blocks
        for leg in [blocks[other[side]]]
    }


@pytest.mark.parametrize("seed", [104, 105, 106])
def test_people_who_walk_are_told_rightly(seed: int) -> None:
    legs = walking(seed)
    assert {fit for _, fit in told(legs)} == {Fit.FITS}
    assert {fit for _, fit in told(exchanged(legs))} == {Fit.SWAPPED}


@pytest.mark.parametrize(("person", "condition"), [("Sub02", "CSBaseline"), ("Sub04", "CSStiffKnee")])
def test_real_legs_are_told_rightly(person: str, condition: str) -> None:
    """The least sway of the public walks, and one that swings a stiff leg around."""
    folder = dataset("cmu_capacitive")
    legs = {side: cmu_leg(folder, person, condition, side) for side in Side}
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
    assert {fit for _, fit in told({side: seen(legs[side], side) for side in Side})} == {Fit.FITS}
    assert {fit for _, fit in told({side: seen(legs[other[side]], side) for side in Side})} == {Fit.SWAPPED}


def seen(leg: RawLeg, side: Side) -> LegBlock:
    """The leg as the engine sees it."""
    n = len(leg.thigh_acc)
    yes = np.ones(n, bool)
    grid = GridBlock(0, 100.0, leg.thigh_acc, leg.thigh_gyr, leg.shank_acc, leg.shank_gyr, yes, yes, ~yes)
    engine = LegEngine(side, 100.0, LegSettings())
    return join([block for k in range(0, n, 500) for block in engine.update(grid.cut(k, min(k + 500, n)))])


def test_it_is_told_however_the_rows_are_cut() -> None:
    legs = exchanged(walking(104))
    assert told(legs, 1000) == told(legs, 17) == told(legs)


def test_legs_that_sway_as_legs_do() -> None:
    assert {fit for _, fit in told(stepping(3.0, 2.0))} == {Fit.FITS}
    assert {fit for _, fit in told(stepping(-3.0, -2.0))} == {Fit.SWAPPED}


def test_two_legs_that_disagree_tell_nothing() -> None:
    """A stiff knee that is swung around may look like a leg of the other side."""
    assert told(stepping(-4.0, 0.1)) == [] and told(stepping(-4.0, 3.0)) == []
    assert told({Side.RIGHT: stepping(-4.0, -4.0)[Side.RIGHT]}) == []


def test_legs_that_move_together_do_not_walk() -> None:
    """Both legs kicked at a time, sitting: whatever they lean, it is no step."""
    assert told(stepping(-4.0, -4.0, together=True)) == []


def test_standing_tells_nothing() -> None:
    legs = {side: replace(block, shank_rate=0.0 * block.shank_rate) for side, block in stepping(-4.0, -4.0).items()}
    assert told(legs) == []


@pytest.mark.parametrize("changed", [Segment.THIGH, Segment.SHANK])
def test_one_sensor_of_each_leg_is_no_exchange_of_legs(changed: Segment) -> None:
    """Legs that look exchanged are told so only where each is known to have its own two sensors."""
    watch = LegsWatch()
    legs = {side: LegWatch(side, [], dict) for side in Side}
    grids = crossed(104, changed)
    moved = exchanged(walking(104))
    kinds = []
    for begin in range(0, len(grids[Side.LEFT]), 200):
        for side in Side:
            legs[side].rows(grids[side].cut(begin, begin + 200))
            events = watch.rows(legs[side])
            events += watch.angles(side, moved[side].cut(begin, begin + 200))
            kinds += [event.fields["warning"] for event in events]
    assert kinds == [Warned.CROSSED_LEGS.value]


def crossed(seed: int, changed: Segment) -> dict[Side, GridBlock]:
    """The rows of a walk with one kind of sensor exchanged."""
    rng = np.random.default_rng(seed)
    result = simulate(draw_person(rng), parse_script("stand:3,walk:32"), rng, sides=tuple(Side))
    tables = {side: result.table(side) for side in Side}
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
    grids = {}
    for side in Side:
        worn = [tables[other[side] if segment is changed else side] for segment in Segment]
        columns = [
            table[[f"{segment}_{kind}_{a}" for a in "xyz"]].to_numpy()
            for table, segment in zip(worn, Segment, strict=True)
            for kind in ("acc", "gyr")
        ]
        yes = np.ones(len(worn[0]), bool)
        grids[side] = GridBlock(0, 100.0, *columns, yes, yes, ~yes)
    return grids
