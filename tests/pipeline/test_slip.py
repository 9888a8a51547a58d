"""A strap that slips on a simulated leg: noticed, told, marked, and mended by a new calibration."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from pipeline.blocks import LegBlock, Status, join
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.records import Segment, Side
from pipeline.rows import RaisedEvent
from pipeline.sights import (
    STANDING,
    effects,
)
from pipeline.simulation.simulate import Slip as Slid
from pipeline.slip import SlipParameters, rereferenced
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import SimulatedLeg, errors, simulated_leg

SCRIPT = "stand:5.5,flex:6,walk:22,stand:4,walk:12,stand:4,walk:10,stand:6,flex:6,walk:14,stand:3"
SLIPPED_AT_S = 30.0
NEXT_STANDING_S, NEW_FLEXIONS_S = 39.5, 75.0


@cache
def leg(slid: bool) -> SimulatedLeg:
    slips = [Slid(Side.RIGHT, Segment.SHANK, SLIPPED_AT_S, (7.0, 4.0, 0.0))] if slid else []
    return simulated_leg(101, written(SCRIPT), slips=slips)


@cache
def analysed(kind: str, slid: bool) -> tuple[LegBlock, tuple[RaisedEvent, ...]]:
    if kind == "offline":
        found = analyse_leg(leg(slid).grid, leg(slid).side, LegSettings())
        return found.block, tuple(found.events)
    engine = LegEngine(leg(slid).side, 100.0, LegSettings())
    return join(engine.update(leg(slid).grid)), tuple(engine.take_events())


def told(events: tuple[RaisedEvent, ...]) -> list[RaisedEvent]:
    return [event for event in events if event.fields.get("status") == "slipped"]


@pytest.mark.parametrize("kind", ["causal", "offline"])
def test_a_slip_is_told_with_its_sensor_its_size_and_its_time(kind: str):
    (event,) = told(analysed(kind, True)[1])
    assert event.kind == "status" and event.fields["segment"] == "shank"
    assert event.fields["angle_deg"] == pytest.approx(np.hypot(7.0, 4.0), abs=2.5)
    assert float(str(event.fields["since_s"])) <= SLIPPED_AT_S < event.time_s < NEXT_STANDING_S + 6.0


@pytest.mark.parametrize("kind", ["causal", "offline"])
def test_without_a_slip_nothing_is_told(kind: str):
    block, events = analysed(kind, False)
    assert not told(events) and not (block.status == Status.SLIPPED).any()


@pytest.mark.parametrize("kind", ["causal", "offline"])
def test_what_follows_is_marked_and_a_new_calibration_ends_it(kind: str):
    block, events = analysed(kind, True)
    t, slipped = block.time_s, block.status == Status.SLIPPED
    (event,) = told(events)
    assert not slipped[t < 14.0].any()
    between = (t > event.time_s + 0.5) & (t < NEW_FLEXIONS_S)
    assert slipped[between].all() and not block.valid[between].any() and np.isfinite(block.flexion[between]).all()
    assert not slipped[t > 98.0].any() and block.valid[t > 98.0].mean() > 0.9
    again = [e for e in events if e.kind == "calibration" and e.time_s > event.time_s]
    assert again and again[0].fields["method"] == STANDING_AND_FLEXIONS


def test_offline_the_walking_before_the_slip_stays_as_it_was():
    slid, whole = analysed("offline", True)[0], analysed("offline", False)[0]
    early = slid.time_s < 14.0
    assert slid.valid[early].mean() > 0.9
    for name in ("flexion", "abduction"):
        change = np.rad2deg(getattr(slid, name) - getattr(whole, name))[early]
        assert np.nanmax(np.abs(change)) < 1.0, name


@pytest.mark.parametrize("kind", ["causal", "offline"])
def test_after_the_slip_the_angles_go_on_from_the_new_standing(kind: str):
    """As well as the standing repeats: not with the 7 deg that the sensor turned by."""
    block, events = analysed(kind, True)
    (event,) = told(events)
    after = (block.time_s > event.time_s + 1.0) & (block.time_s < NEW_FLEXIONS_S)
    off = errors(leg(True), block)
    assert np.sqrt(np.nanmean(off["abduction"][after] ** 2)) < 3.0
    assert np.sqrt(np.nanmean(off["flexion"][after] ** 2)) < 4.0


def test_the_causal_marks_do_not_depend_on_how_the_rows_are_cut():
    rng = np.random.default_rng(5)
    grid = leg(True).grid
    bounds = [0, *sorted(rng.integers(1, len(grid), 60).tolist()), len(grid)]
    engine = LegEngine(leg(True).side, 100.0, LegSettings())
    pieces = [b for x, y in pairwise(bounds) if y > x for b in engine.update(grid.cut(x, y))]
    whole, events = analysed("causal", True)
    cut = join(pieces)
    assert np.array_equal(cut.status, whole.status) and np.array_equal(cut.flexion, whole.flexion, equal_nan=True)
    assert repr(engine.take_events()) == repr(list(events))


@pytest.mark.parametrize("segment", list(Segment))
def test_frames_put_right_see_the_leg_as_before(segment: Segment):
    """Sensors anyhow mounted; one turns by a vector in its segment's frame; what its standing and walking then show
    gives the vector back, and the alignment put right by it reads the leg as before."""
    rng = np.random.default_rng(2)
    mounts = [Rotation.random(random_state=k).as_matrix() for k in range(2)]
    before = Alignment(mounts[0], mounts[1], 0.05, 0.05, 0.01, STANDING_AND_FLEXIONS)
    turn = np.radians(rng.normal(0, 4, 3))
    slid = Rotation.from_rotvec(turn).as_matrix()
    k = list(Segment).index(segment)
    # The segment's frame as the old alignment takes it from the sensor: off by the inverse of the turn.
    sensor_sees = (slid @ mounts[k]).T
    after = rereferenced(before, segment, turn)
    fixed = (after.thigh_from_sensor, after.shank_from_sensor)
    assert np.allclose(fixed[k] @ sensor_sees, np.eye(3), atol=1e-9)
    assert np.array_equal(fixed[1 - k], mounts[1 - k])
    up = mounts[k] @ sensor_sees @ [0.0, 1.0, 0.0]
    expected = effects(STANDING, np.zeros(5))[k] @ turn
    assert up[[0, 2]] == pytest.approx(expected[2 * k : 2 * k + 2], abs=0.01)


def test_few_sights_that_are_kept_still_tell_a_slip():
    """Of many sights the early further ones of the commonest kind go, so that standings remain."""
    slip = SlipParameters(remembered=12, latest=6)
    engine = LegEngine(leg(True).side, 100.0, LegSettings(slip=slip))
    engine.update(leg(True).grid)
    (event,) = told(tuple(engine.take_events()))
    assert event.fields["segment"] == "shank" and event.time_s < NEXT_STANDING_S + 6.0
