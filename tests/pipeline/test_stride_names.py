"""What a stride is called: shapes of walking, slopes, stairs, turns and pauses from the biomechanics notes and from
simulated people, each with one thing changed; and repetitions that broke off or were counted as something else."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipeline.activity import classify_stride
from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Activity, Status
from pipeline.features import StrideShape
from pipeline.movement import Movement, analyse
from pipeline.records import Side
from pipeline.simulation.script import Bout
from tests.pipeline.made_legs import RATE_HZ, down_and_up, leg, simulated, smooth


def shape(**changed: float) -> StrideShape:
    """A stride of level walking, but for what is given; angles in degrees."""
    angles = {
        "knee_at_contact": 6.0,
        "knee_at_toe_off": 35.0,
        "knee_stance_peak": 35.0,
        "knee_stance_low": 3.0,
        "knee_given_back": 0.0,
        "thigh_range": 44.0,
        "thigh_at_contact": 24.0,
        "thigh_rearmost": -18.0,
        "turned": 2.0,
    }
    others = {"seconds": 1.1, "stance_s": 0.68, "climb_m": 0.0, "held_s": 0.1, "still_s": 0.05}
    given = {name: changed.pop(name, value) for name, value in others.items()}
    bent = {name: float(np.radians(changed.pop(name, value))) for name, value in angles.items()}
    assert not changed
    return StrideShape(**bent, **given, forward=True)


UP = {"knee_at_contact": 58.0, "knee_at_toe_off": 25.0, "knee_stance_peak": 58.0, "knee_stance_low": 8.0}
UP |= {"knee_given_back": 50.0, "thigh_range": 66.0, "thigh_at_contact": 50.0, "thigh_rearmost": -6.0, "climb_m": 0.32}
DOWN = {"knee_at_contact": 11.0, "knee_at_toe_off": 78.0, "knee_stance_peak": 78.0, "knee_stance_low": 10.0}
DOWN |= {"thigh_range": 24.0, "thigh_at_contact": 17.0, "thigh_rearmost": 6.0, "climb_m": -0.32}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, Activity.WALKING),
        (UP, Activity.STAIR_ASCENT),
        (DOWN, Activity.STAIR_DESCENT),
        # Steps of 12 and 20 cm, two of them to a stride, and a climb that is not known.
        (UP | {"climb_m": 0.24, "knee_at_contact": 46.0, "thigh_at_contact": 40.0}, Activity.STAIR_ASCENT),
        (UP | {"climb_m": 0.40, "knee_at_contact": 70.0, "thigh_at_contact": 60.0}, Activity.STAIR_ASCENT),
        (UP | {"climb_m": float("nan")}, Activity.STAIR_ASCENT),
        (DOWN | {"climb_m": -0.24, "knee_at_toe_off": 64.0}, Activity.STAIR_DESCENT),
        (DOWN | {"climb_m": -0.40, "knee_at_toe_off": 85.0}, Activity.STAIR_DESCENT),
        # A stiff leg let down a step's height, and the same knee on the level.
        (DOWN | {"climb_m": -0.21, "knee_at_toe_off": 35.0}, Activity.STAIR_DESCENT),
        ({"thigh_at_contact": 17.0, "thigh_rearmost": -4.0, "thigh_range": 24.0}, Activity.WALKING),
        # Up a slope the knee is bent at contact too, but the body passes over the foot.
        (
            {"knee_at_contact": 24.0, "knee_stance_low": 4.0, "thigh_at_contact": 38.0, "thigh_rearmost": -22.0}
            | {"thigh_range": 61.0, "climb_m": 0.22},
            Activity.WALKING,
        ),
        # A stiff leg's short step goes straight on; on the spot it turns.
        ({"thigh_range": 16.0, "thigh_at_contact": 9.0, "thigh_rearmost": -6.0}, Activity.WALKING),
        ({"thigh_range": 16.0, "thigh_at_contact": 9.0, "thigh_rearmost": -6.0, "turned": 80.0}, Activity.OTHER),
        # Slow walking, and two walks with a stop between.
        ({"seconds": 2.1, "stance_s": 1.35, "still_s": 0.4}, Activity.WALKING),
        ({"seconds": 2.1, "stance_s": 1.7, "still_s": 1.0}, None),
        ({"thigh_at_contact": 1.0, "thigh_rearmost": -2.0, "still_s": 0.5}, None),
    ],
)
def test_the_name_of_a_stride(changed: dict[str, float], name: Activity | None) -> None:
    assert classify_stride(shape(**changed), ActivityParameters()) is name


@pytest.mark.parametrize("offset", [-9.0, 9.0])
def test_a_thigh_whose_zero_is_misplaced_changes_no_name(offset: float) -> None:
    """Nobody stood still before a treadmill walk: what the thigh does within a step tells as well as where it is."""
    for changed, name in (({}, Activity.WALKING), (UP, Activity.STAIR_ASCENT), (DOWN, Activity.STAIR_DESCENT)):
        there = shape(**changed)
        turn = np.radians(offset)
        moved = replace(
            there, thigh_at_contact=there.thigh_at_contact + turn, thigh_rearmost=there.thigh_rearmost + turn
        )
        assert classify_stride(moved, ActivityParameters()) is name


@pytest.mark.parametrize("seed", [110, 111])
def test_lunges_on_alternate_legs_are_each_told_once_in_front_and_behind(seed: int) -> None:
    session = simulated(seed, (Bout("stand", 3.0), Bout("lunge", 6, alternate=True), Bout("stand", 3.0)))
    block = session.leg_block(Side.RIGHT)
    truth = session.truth_steps()
    assert Counter(truth["role"]) == {"front": 3, "rear": 3}
    for steps in (Movement(Side.RIGHT).update(block).steps, analyse(Side.RIGHT, block).steps):
        assert [s.activity for s in steps] == ["lunge"] * 6
        for step, start_s, end_s in zip(steps, truth["start_s"].tolist(), truth["end_s"].tolist(), strict=True):
            assert min(step.end_s, end_s) - max(step.start_s, start_s) > 0.5 * (end_s - start_s)
        for one, after in pairwise(steps):
            assert one.end_s <= after.start_s + 1e-9


@pytest.mark.parametrize(("rows", "squats"), [(1, 1), (3, 1), (12, 0)])
def test_a_row_or_two_that_are_missing_end_no_repetition(rows: int, squats: int) -> None:
    bend = np.radians(90.0) * np.concatenate([np.zeros(150), down_and_up(2.6, 1.0), np.zeros(150)])
    block = leg(len(bend), flexion=bend, thigh_incl=0.72 * bend, shank_incl=-0.28 * bend)
    block.status[250 : 250 + rows] = Status.GAP
    block.valid[250 : 250 + rows] = False
    whole = analyse(Side.RIGHT, block).steps
    leg_now = Movement(Side.RIGHT)
    live = [s for k in range(len(block)) for s in leg_now.update(block.cut(k, k + 1)).steps]
    assert [s.activity for s in whole] == [s.activity for s in live] == ["squat"] * squats


def test_who_touches_a_seat_and_rises_again_sat_down_and_stood_up() -> None:
    down = smooth(np.linspace(0.0, 1.0, 110))
    course = np.concatenate([np.zeros(150), down, np.ones(10), down[::-1], np.zeros(150)])
    thigh, shank = np.radians(86.0) * course, np.radians(-8.0) * course
    block = leg(len(course), flexion=thigh - shank, thigh_incl=thigh, shank_incl=shank)
    for steps in (Movement(Side.RIGHT).update(block).steps, analyse(Side.RIGHT, block).steps):
        assert [s.activity for s in steps] == ["sit_to_stand"] * 2
        assert steps[0].end_s <= steps[1].start_s
        assert 1.3 < steps[0].start_s < 2.0 and 3.2 < steps[1].end_s < 4.0
        assert steps[0].end_s * RATE_HZ > 220 and steps[1].start_s * RATE_HZ < 300
