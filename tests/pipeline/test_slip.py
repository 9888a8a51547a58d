"""A strap that slips on a simulated leg: noticed, told, marked, and mended by a new calibration."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from pipeline.blocks import LegBlock, Status, join
from pipeline.engine import LegEngine, LegSettings
from pipeline.records import Segment, Side
from pipeline.rows import RaisedEvent
from pipeline.simulation.simulate import Slip as Slid
from pipeline.slip import Slip, SlipWatch, Stance, rereferenced
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import SimulatedLeg, errors, simulated_leg

SCRIPT = "stand:5.5,flex:6,walk:22,stand:4,walk:12,stand:4,walk:10,stand:6,flex:6,walk:14,stand:3"
SLIPPED_AT_S = 30.0
NEXT_STANDING_S, NEW_FLEXIONS_S = 39.5, 75.0
NEVER = (0.0, np.radians(1.0))


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


def stance(number: int, angles_deg: list[float]) -> Stance:
    return Stance(1000 * number, 1000 * number + 100, np.radians(angles_deg), NEVER[1])


def judged(*stances: list[float]) -> list[Slip | None]:
    watch = SlipWatch(True)
    found = []
    for number, angles in enumerate(stances, 1):
        found.append(watch._judge(stance(number, angles)))
        watch.forget()
    return found


USUAL = [[0.5, 0.4, 0.3, 0.5, 0.6], [-0.8, -0.6, -1.2, -0.4, -0.4], [1.0, 0.2, 1.4, 0.1, 0.2]]


def test_leaning_to_one_side_or_forward_with_the_whole_leg_is_no_slip():
    assert judged(*USUAL, [0.0, 3.0, 0.0, 3.2, 0.0], [3.0, 0.0, 3.5, 0.0, 0.0]) == [None] * 5


def test_one_standing_with_a_bent_knee_is_no_slip():
    assert judged(*USUAL, [4.0, 0.0, -4.0, 0.0, 0.0], *USUAL) == [None] * 7


def test_one_sensor_alone_that_tilts_aside_is_a_slip_at_once():
    *before, last = judged(*USUAL, [0.0, 5.0, 0.0, 0.2, 0.3])
    assert before == [None] * 3 and last is not None and last.segment is Segment.THIGH and last.sure_segment
    assert np.degrees(last.angle) == pytest.approx(5.0, abs=1.0)
    assert (last.since, last.noticed) == (3100, 4100)


def test_after_a_slip_the_standing_reads_as_before():
    """Sensors anyhow mounted; the shank's strap turns by a vector; the frame put right by the slip found from it."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        sits = Rotation.random(random_state=seed).as_matrix()
        alignment = Alignment(np.eye(3), sits, 0.05, 0.05, 0.01, STANDING_AND_FLEXIONS)
        turn = Rotation.from_rotvec(np.radians(rng.normal(0, 5, 3)))
        # The segment stands as before; the sensor sees its up and its forward turned.
        now = turn.as_matrix() @ sits
        up, right = now.T @ [0.0, 1.0, 0.0], now.T @ [0.0, 0.0, 1.0]
        tilt = sits @ up
        level = sits @ right
        # Heading of the true mediolateral axis in the old frame, about the old long axis.
        azimuth = float(np.arctan2(level[0], level[2]))
        slip = Slip(Segment.SHANK, True, np.array([tilt[0], tilt[2], azimuth]), 0, 1)
        again = rereferenced(alignment, slip)
        assert np.degrees(np.arccos(again.shank_from_sensor @ up @ [0, 1, 0])) < 0.6
        left = again.shank_from_sensor @ right
        assert abs(np.degrees(np.arctan2(left[0], left[2]))) < 1.0
        assert np.array_equal(again.thigh_from_sensor, alignment.thigh_from_sensor)
