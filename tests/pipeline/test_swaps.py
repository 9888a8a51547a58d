"""Sensors in each other's place: told from walking, of simulated and of real people, and not where it cannot be."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.blocks import Floats, GridBlock
from pipeline.offline import process
from pipeline.placement_watch import looked_through
from pipeline.records import Segment, Side
from pipeline.session import Session, Settings
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import simulate
from pipeline.swaps import Fit, SegmentWatch, SideWatch
from tests.end_to_end.simulated_legs import records, sensors
from tests.pipeline.made_legs import leg
from tests.pipeline.public_legs import cmu_leg
from tests.shared_data import dataset

RATE = 100.0
PLACES = [(side, segment) for side in Side for segment in Segment]
Signals = dict[tuple[Side, Segment], tuple[Floats, Floats]]


@cache
def person(seed: int, script: str = "stand:5.5,flex:5,walk:22,stand:2") -> Signals:
    """Acceleration and rate of four sensors."""
    rng = np.random.default_rng(seed)
    result = simulate(draw_person(rng), parse_script(script), rng, sides=tuple(Side))
    found: Signals = {}
    for side in Side:
        table = result.table(side)
        for segment in Segment:
            acc, gyr = (table[[f"{segment}_{kind}_{a}" for a in "xyz"]].to_numpy() for kind in ("acc", "gyr"))
            found[side, segment] = acc, gyr
    return found


def grid(thigh: tuple[Floats, Floats], shank: tuple[Floats, Floats]) -> GridBlock:
    yes = np.ones(len(thigh[0]), bool)
    return GridBlock(0, RATE, *thigh, *shank, yes, yes, ~yes)


def segments(block: GridBlock, rows: int = 10_000) -> list[tuple[float, Fit]]:
    """What is told of one leg, fed so many rows at a time."""
    watch = SegmentWatch()
    pieces = [block.cut(a, min(a + rows, len(block))) for a in range(0, len(block), rows)]
    return [(told.time_s, told.fit) for piece in pieces for told in watch.update(piece)]


def sides(left: GridBlock, right: GridBlock, rows: int = 700) -> list[Fit]:
    """What is told of both legs."""
    legs = {Side.LEFT: (SegmentWatch(), left), Side.RIGHT: (SegmentWatch(), right)}
    watch, told = SideWatch(), []
    for begin in range(0, len(left), rows):
        for side, (segment, block) in legs.items():
            segment.update(block.cut(begin, min(begin + rows, len(block))))
            told += watch.add(side, segment.windows)
    return [each.fit for each in told]


@pytest.mark.parametrize("seed", [100, 101])
def test_thigh_and_shank_are_told_apart(seed: int) -> None:
    worn = person(seed)
    for side in Side:
        thigh, shank = worn[side, Segment.THIGH], worn[side, Segment.SHANK]
        assert [fit for _, fit in segments(grid(thigh, shank))] == [Fit.FITS]
        swapped = segments(grid(shank, thigh))
        assert [fit for _, fit in swapped] == [Fit.SWAPPED]
        assert swapped[0][0] <= 40.0, "within half a minute of walking"


@pytest.mark.parametrize("seed", [100, 101])
def test_sensors_of_two_legs_are_told_apart(seed: int) -> None:
    worn = person(seed)
    (left_thigh, left_shank), (right_thigh, right_shank) = (
        (worn[side, Segment.THIGH], worn[side, Segment.SHANK]) for side in Side
    )
    assert sides(grid(left_thigh, left_shank), grid(right_thigh, right_shank)) == [Fit.FITS]
    assert sides(grid(right_thigh, left_shank), grid(left_thigh, right_shank)) == [Fit.SWAPPED]
    assert sides(grid(left_thigh, right_shank), grid(right_thigh, left_shank)) == [Fit.SWAPPED]
    # Whole legs exchanged go together as before: that cannot be seen, and is not said.
    assert Fit.SWAPPED not in sides(grid(right_thigh, right_shank), grid(left_thigh, left_shank))


def test_the_mounting_and_the_cutting_do_not_matter() -> None:
    worn = person(100)
    thigh, shank = worn[Side.RIGHT, Segment.THIGH], worn[Side.RIGHT, Segment.SHANK]
    told = segments(grid(shank, thigh))
    assert told and segments(grid(shank, thigh), 1) == told == segments(grid(shank, thigh), 333)
    turned = [
        tuple(Rotation.random(random_state=k).apply(part.copy()) for part in each)
        for k, each in enumerate((shank, thigh))
    ]
    assert segments(grid(*turned)) == told


@pytest.mark.parametrize("script", ["stand:5.5,sit:5,stand:2,squat:5", "stand:5.5,flex:6,step_up:8,stand:3"])
def test_what_turns_the_thigh_more_is_no_swap(script: str) -> None:
    """Sitting down, squats and step-ups turn the thigh more than the shank on every leg."""
    worn = person(102, script)
    for side in Side:
        told = segments(grid(worn[side, Segment.THIGH], worn[side, Segment.SHANK]))
        assert Fit.SWAPPED not in [fit for _, fit in told]


def test_a_session_says_so_and_a_replay_says_the_same() -> None:
    """As a status event, whether every record is fed alone or many at a time."""
    rng = np.random.default_rng(103)
    simulation = simulate(draw_person(rng), parse_script("stand:2,walk:17"), rng)
    table = simulation.table(Side.RIGHT)
    swapped = {f"{segment}_{rest}": f"{other}_{rest}" for segment, other in (("thigh", "shank"), ("shank", "thigh"))
               for rest in (f"{kind}_{a}" for kind in ("acc", "gyr") for a in "xyz")}  # fmt: skip
    stream = records(table.rename(columns=swapped))
    alone, together = Session(sensors(Side.RIGHT)), Session(sensors(Side.RIGHT), Settings(min_rows=150))
    one = [event for record in stream for event in alone.feed([record]).events] + alone.finish().events
    many = [event for k in range(0, len(stream), 97) for event in together.feed(stream[k : k + 97]).events]
    many += together.finish().events
    warned = [event for event in one if "warning" in event.fields]
    assert [repr(event) for event in one] == [repr(event) for event in many]
    assert [(e.kind, e.fields["warning"], e.fields["side"], e.fields["active"]) for e in warned] == [
        ("status", "swapped_segments", "right", True)
    ]
    assert alone.warnings() == [warned[0].fields["message"]]
    offline = process(stream, sensors(Side.RIGHT))
    assert [event for event in offline.update.events if "warning" in event.fields] == warned
    assert offline.complaints == alone.warnings()


@pytest.mark.parametrize("crossed", [False, True])
def test_a_whole_recording_of_crossed_legs_says_so(crossed: bool) -> None:
    """The legs' rows begin at different times, and the left one's end earlier."""
    worn = person(101)
    grids = {}
    for side, other in ((Side.LEFT, Side.RIGHT), (Side.RIGHT, Side.LEFT)):
        block = grid(worn[side, Segment.THIGH], worn[other if crossed else side, Segment.SHANK])
        grids[side] = block.cut(30, len(block) - 100) if side is Side.LEFT else block
    blocks = {side: leg(len(block), block.start) for side, block in grids.items()}
    events, standing = looked_through(grids, blocks)
    assert [event.fields["warning"] for event in events] == ["crossed_legs"] * crossed
    assert ["one sensor of each leg" in line for line in standing] == [True] * crossed


def test_missing_rows_tell_nothing() -> None:
    worn = person(100)
    block = grid(worn[Side.RIGHT, Segment.SHANK], worn[Side.RIGHT, Segment.THIGH])
    assert segments(replace(block, shank_ok=np.zeros(len(block), bool))) == []


@pytest.mark.parametrize("who", ["Sub04", "Sub06", "Sub07"])
def test_real_walks(who: str) -> None:
    """People on a treadmill; the parameters were chosen with the other three at hand as well as with these."""
    legs = {side: cmu_leg(dataset("cmu_capacitive"), who, "CSBaseline", side) for side in Side}
    sensors = {side: ((leg.thigh_acc, leg.thigh_gyr), (leg.shank_acc, leg.shank_gyr)) for side, leg in legs.items()}
    left, right = sensors[Side.LEFT], sensors[Side.RIGHT]
    for thigh, shank in (left, right):
        assert [fit for _, fit in segments(grid(thigh, shank))] == [Fit.FITS]
        assert [fit for _, fit in segments(grid(shank, thigh))] == [Fit.SWAPPED]
    assert sides(grid(*left), grid(*right)) == [Fit.FITS]
    assert sides(grid(right[0], left[1]), grid(left[0], right[1])) == [Fit.SWAPPED]
