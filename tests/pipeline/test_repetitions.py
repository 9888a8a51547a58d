"""Bends and chairs from flexion and thigh curves of known timing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.blocks import Floats
from pipeline.phases import FootEvent, FootEventKind
from pipeline.repetitions import Bend, BendFinder, BendKind, Posture
from tests.pipeline.made_legs import RATE_HZ, down_and_up, smooth


def still(seconds: float, deg: float = 0.0) -> Floats:
    return np.full(round(seconds * RATE_HZ), deg)


def found(
    flexion_deg: Floats, thigh_deg: Floats, events: list[FootEvent] | None = None
) -> tuple[list[int], list[Bend]]:
    known = [True] * len(flexion_deg)
    return BendFinder(RATE_HZ).update(
        0, np.radians(flexion_deg).tolist(), np.radians(thigh_deg).tolist(), known, events or []
    )


def squats(count: int, low_deg: float = 0.0) -> Floats:
    """Squats of 2.4 s to 90 deg, half a second apart, that come back to low_deg between them."""
    one = np.concatenate([low_deg + down_and_up(2.4, 90.0 - low_deg), still(0.5, low_deg)])
    rise = low_deg * smooth(np.linspace(0, 1, 60))
    return np.concatenate([still(1.0), rise, *[one] * count, rise[::-1], still(1.0)])


@pytest.mark.parametrize("low_deg", [0.0, 20.0], ids=["straightened between", "bent between"])
def test_every_squat_is_one_bend_with_its_depth_at_the_bottom(low_deg: float) -> None:
    flexion = squats(6, low_deg)
    _, bends = found(flexion, 0.72 * flexion)
    assert len(bends) == 6
    for k, bend in enumerate(bends):
        start = 160 + k * 290
        assert abs(bend.deepest - (start + 120)) <= 2
        assert start - 65 <= bend.begin <= start + 45
        assert start + 190 <= bend.end <= start + 245


def test_a_bend_is_known_soon_after_its_end() -> None:
    flexion = squats(4)
    _, bends = found(flexion, 0.72 * flexion)
    assert all(b.confirmed - b.end <= 30 for b in bends)


def test_small_bends_are_none() -> None:
    flexion = np.concatenate([still(1), down_and_up(2.0, 11.0), still(1)])
    assert found(flexion, flexion)[1] == []


def chair(seat_s: float) -> tuple[Floats, Floats]:
    """Stands, sits down (1.5 s) to 95 deg, sits, stands up: flexion and thigh, the shank nearly upright."""
    down = smooth(np.linspace(0, 1, 150))
    course = np.concatenate([still(1), down, still(seat_s, 1.0), down[::-1], still(1)])
    return 95.0 * course, 90.0 * course


@pytest.mark.parametrize("seat_s", [0.7, 5.0, 40.0])
def test_a_chair_parts_sitting_down_from_standing_up(seat_s: float) -> None:
    postures, bends = found(*chair(seat_s))
    assert [b.kind for b in bends] == [BendKind.SIT_DOWN, BendKind.STAND_UP]
    down, up = bends
    assert down.end == pytest.approx(250, abs=35)
    assert down.confirmed - down.end <= 30
    leaves = 250 + seat_s * RATE_HZ
    assert up.begin == pytest.approx(leaves, abs=45)
    assert up.end == pytest.approx(leaves + 150, abs=45)
    seated = np.array(postures) == Posture.SEATED
    assert seated[round(leaves) - 10] and not seated[100] and not seated[-1]


def test_a_recording_that_begins_on_a_chair_stands_up_once() -> None:
    flexion, thigh = chair(3.0)
    _, bends = found(flexion[270:], thigh[270:])
    assert [b.kind for b in bends] == [BendKind.STAND_UP]


def test_shuffling_on_the_chair_is_no_standing_up() -> None:
    flexion, thigh = chair(6.0)
    flexion[400:500] -= down_and_up(1.0, 40.0)
    assert [b.kind for b in found(flexion, thigh)[1]] == [BendKind.SIT_DOWN, BendKind.STAND_UP]


def test_the_knee_bent_in_a_swing_is_no_repetition() -> None:
    flexion = np.concatenate([still(1), down_and_up(0.7, 60.0), still(1)])
    swing = [
        FootEvent(FootEventKind.TOE_OFF, 108.0, 115),
        FootEvent(FootEventKind.CONTACT, 168.0, 172),
    ]
    assert found(flexion, 0.3 * flexion, swing)[1] == []
    assert len(found(flexion, 0.3 * flexion)[1]) == 1


def test_a_bend_that_follows_a_step_forward_waits_for_the_foot() -> None:
    """Thigh at 40 deg at the contact and further after it: a lunge. If the foot leaves again, the stride tells."""
    flexion = np.concatenate([still(1, 15.0), 15.0 + down_and_up(2.0, 80.0), still(2, 15.0)])
    thigh = np.concatenate([still(1, 40.0), 40.0 + down_and_up(2.0, 45.0), still(2, 40.0)])
    step = [FootEvent(FootEventKind.TOE_OFF, 20.0, 26), FootEvent(FootEventKind.CONTACT, 70.0, 75)]
    _, bends = found(flexion, thigh, step)
    assert len(bends) == 1
    assert bends[0].contact == 70.0 and bends[0].lead_in == 20.0
    leaves = FootEvent(FootEventKind.TOE_OFF, 302.0, 308, forward=False)
    assert found(flexion, thigh, [*step, leaves])[1] == []


def test_a_gap_ends_the_bend() -> None:
    flexion = np.radians(squats(2))
    known = np.ones(len(flexion), dtype=bool)
    known[230:240] = False
    postures, bends = BendFinder(RATE_HZ).update(0, flexion.tolist(), (0.7 * flexion).tolist(), known.tolist(), [])
    assert postures[232] == Posture.UPRIGHT
    assert all(b.begin >= 240 for b in bends)


@pytest.mark.parametrize(("hold_s", "sits"), [(0.3, False), (1.5, False), (6.0, True)])
def test_a_squat_that_is_held_is_no_chair_unless_nobody_could(hold_s: float, sits: bool) -> None:
    """Thighs level, the shank leaning 24 deg: a second or two is a pause, six are a low seat."""
    down = smooth(np.linspace(0, 1, 140))
    course = np.concatenate([still(1), down, still(hold_s, 1.0), down[::-1], still(1)])
    _, bends = found(96.0 * course, 72.0 * course)
    assert [b.kind for b in bends] == ([BendKind.SIT_DOWN, BendKind.STAND_UP] if sits else [BendKind.BEND])


def test_who_drops_onto_a_chair_sits_after_a_while() -> None:
    down = smooth(np.linspace(0, 1, 35))
    course = np.concatenate([still(1), down, still(5.0, 1.0), smooth(np.linspace(0, 1, 120))[::-1], still(1)])
    _, bends = found(95.0 * course, 90.0 * course)
    assert [b.kind for b in bends] == [BendKind.SIT_DOWN, BendKind.STAND_UP]


@pytest.mark.parametrize(("rest_s", "sits"), [(0.2, False), (1.0, True)])
def test_who_rests_deep_down_at_the_end_of_the_recording_sits(rest_s: float, sits: bool) -> None:
    course = np.concatenate([still(1), smooth(np.linspace(0, 1, 140)), still(rest_s, 1.0)])
    flexion, thigh = np.radians(94.0 * course), np.radians(74.0 * course)
    finder = BendFinder(RATE_HZ)
    _, bends = finder.update(0, flexion.tolist(), thigh.tolist(), [True] * len(course), [])
    assert bends == []
    last = finder.finish(len(course))
    assert [b.kind for b in last] == ([BendKind.SIT_DOWN] if sits else [])
    for bend in last:
        assert bend.begin < bend.deepest <= bend.end <= bend.confirmed < len(course)


def test_a_knee_that_kneels_behind_the_body_is_bent_whatever_the_foot_does() -> None:
    """A rear leg's toes push off while its knee is deepest: what looks like a swing is none."""
    flexion = np.concatenate([still(1, 15.0), 15.0 + down_and_up(2.0, 75.0), still(1, 15.0)])
    thigh = np.concatenate([still(1, -22.0), -22.0 + down_and_up(2.0, 20.0), still(1, -22.0)])
    events = [FootEvent(FootEventKind.TOE_OFF, 170.0, 215)]
    assert len(found(flexion, thigh, events)[1]) == 1
    assert found(flexion, thigh + 40.0, events)[1] == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(0, 2**31))
def test_any_cutting_gives_the_same(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    seat = chair(2.0)
    flexion = np.radians(np.concatenate([squats(2), seat[0]]) + rng.normal(0, 0.5, 0 + len(squats(2)) + len(seat[0])))
    thigh = np.radians(np.concatenate([0.7 * squats(2), seat[1]]))
    known = (rng.uniform(size=len(flexion)) > 0.002).tolist()
    whole = BendFinder(RATE_HZ).update(0, flexion.tolist(), thigh.tolist(), known, [])
    stage = BendFinder(RATE_HZ)
    postures: list[int] = []
    bends: list[Bend] = []
    begin = 0
    for cut in [*cuts, len(flexion)]:
        end = min(begin + cut, len(flexion))
        more, new = stage.update(begin, flexion[begin:end].tolist(), thigh[begin:end].tolist(), known[begin:end], [])
        postures += more
        bends += new
        begin = end
    assert (postures, str(bends)) == (whole[0], str(whole[1]))
