"""Strides from contacts, the rows of steps, and sets."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.blocks import Activity
from pipeline.phases import FootEvent, FootEventKind
from pipeline.rows import StepRow
from pipeline.sets import SetFinder
from pipeline.steps import StepUpFinder, StrideFinder, Unit, UnitKind, measure
from tests.pipeline.made_legs import RATE_HZ, leg

CONTACT, TOE_OFF = FootEventKind.CONTACT, FootEventKind.TOE_OFF


def strides(*events: tuple[FootEventKind, float] | tuple[FootEventKind, float, bool]) -> list[Unit]:
    finder = StrideFinder(RATE_HZ)
    units = [finder.event(FootEvent(e[0], e[1], int(e[1]) + 4, *e[2:])) for e in events]
    return [u for u in units if u is not None]


def test_a_stride_runs_from_contact_to_contact_with_a_toe_off_between() -> None:
    units = strides((CONTACT, 100), (TOE_OFF, 160), (CONTACT, 205.5), (TOE_OFF, 270), (CONTACT, 310))
    assert [(u.begin, u.toe_off, u.end, u.confirmed) for u in units] == [(100, 160, 205.5, 209), (205.5, 270, 310, 314)]
    assert units[1].lead_in == 160


@pytest.mark.parametrize(
    "events",
    [
        [(CONTACT, 100), (CONTACT, 210)],
        [(CONTACT, 100), (TOE_OFF, 160), (FootEventKind.REFUSED, 170), (CONTACT, 210)],
        [(CONTACT, 100), (TOE_OFF, 160), (FootEventKind.LOST, 170), (TOE_OFF, 190), (CONTACT, 210)],
        [(CONTACT, 100), (TOE_OFF, 900), (CONTACT, 950)],
        [(CONTACT, 100), (TOE_OFF, 110), (CONTACT, 120)],
        [(CONTACT, 100, False), (TOE_OFF, 160), (CONTACT, 210)],
    ],
    ids=["no toe-off", "swing refused", "data lost", "a pause", "too short", "begins with a foot that came back"],
)
def test_no_stride(events: list[tuple[FootEventKind, float]]) -> None:
    assert strides(*events) == []


def test_a_stride_may_end_with_the_foot_coming_back() -> None:
    assert [u.forward for u in strides((CONTACT, 100), (TOE_OFF, 160), (CONTACT, 210, False))] == [False]


def walking_unit() -> Unit:
    return Unit(UnitKind.STRIDE, 1000.0, 1110.0, 1114, contact=1000.0, toe_off=1066.0)


def test_a_row_measures_its_step() -> None:
    n = 111
    abduction = np.radians(np.linspace(1.0, 1.0, n))
    abduction[40] = np.radians(6.0)
    abduction[90] = np.radians(-2.0)
    rotation = np.radians(np.linspace(-3.0, 8.0, n))
    flexion = np.radians(60.0) * np.sin(np.pi * np.arange(n) / (n - 1))
    row = measure(
        "left",
        7,
        Activity.WALKING,
        walking_unit(),
        leg(n, 1000, abduction=abduction, rotation=rotation, flexion=flexion),
        0.02,
    )
    assert (row.side, row.index, row.activity) == ("left", 7, "walking")
    assert (row.start_s, row.end_s, row.toe_off_s) == (10.0, 11.1, 10.66)
    assert row.stance_s == pytest.approx(0.66)
    assert row.cadence_spm == pytest.approx(120 / 1.1)
    assert row.abduction_at_contact_deg == pytest.approx(1.0)
    assert row.peak_abduction_deg == pytest.approx(6.0)
    assert row.peak_abduction_s == pytest.approx(10.4)
    assert row.abduction_range_deg == pytest.approx(8.0)
    assert row.peak_rotation_deg == pytest.approx(8.0)
    assert row.rotation_range_deg == pytest.approx(11.0)
    assert row.peak_flexion_deg == pytest.approx(60.0)
    assert row.quality == 1.0


def test_angles_count_only_where_they_are_valid_but_flexion_where_it_is_known() -> None:
    block = leg(111, 1000, abduction=np.full(111, 0.2), flexion=np.full(111, 0.5))
    invalid = replace(block, valid=np.zeros(111, dtype=bool))
    row = measure("right", 0, Activity.WALKING, walking_unit(), invalid, 0.0)
    assert math.isnan(row.peak_abduction_deg) and math.isnan(row.rotation_range_deg)
    assert row.peak_flexion_deg == pytest.approx(math.degrees(0.5))
    assert 0.0 < row.quality < 1.0
    unknown = replace(invalid, flexion=np.full(111, np.nan))
    assert math.isnan(measure("right", 0, Activity.WALKING, walking_unit(), unknown, 0.0).peak_flexion_deg)


def test_a_way_up_and_a_way_down_make_a_step_up() -> None:
    finder = StepUpFinder(RATE_HZ)
    up = Unit(UnitKind.BEND, 0.0, 150.0, 160, deepest=60.0)
    down = Unit(UnitKind.BEND, 200.0, 330.0, 340, deepest=280.0)
    assert finder.half(up, 0.18) is None
    whole = finder.half(down, -0.18)
    assert whole is not None and (whole.begin, whole.end, whole.confirmed) == (0.0, 330.0, 340)
    assert finder.half(down, -0.18) is None


def repetition(index: int, start_s: float, activity: Activity = Activity.SQUAT) -> StepRow:
    unit = Unit(UnitKind.BEND, start_s * RATE_HZ, (start_s + 3) * RATE_HZ, 0)
    return measure("right", index, activity, unit, leg(300, flexion=np.full(300, 1.5)), math.nan)


def test_a_set_ends_with_a_pause_another_exercise_or_a_walk() -> None:
    finder = SetFinder()
    for k in range(8):
        assert finder.row(Activity.SQUAT, repetition(k, 4.0 * k)) is None
    finder.collapse(2)
    finder.collapse(5)
    after_pause = finder.row(Activity.SQUAT, repetition(8, 60.0))
    assert after_pause is not None
    assert (after_pause.repetitions, after_pause.collapsed, after_pause.activity) == (8, 2, Activity.SQUAT)
    assert after_pause.tempo_s == pytest.approx(3.0)
    assert after_pause.depth_deg == pytest.approx(math.degrees(1.5))
    finder.row(Activity.SQUAT, repetition(9, 64.0))
    other = finder.row(Activity.LUNGE, repetition(10, 68.0, Activity.LUNGE))
    assert other is not None and other.repetitions == 2 and other.collapsed == 0
    finder.row(Activity.LUNGE, repetition(11, 72.0, Activity.LUNGE))
    walk = [finder.row(Activity.WALKING, repetition(k, 70.0 + k)) for k in range(12, 15)]
    assert walk[:2] == [None, None] and walk[2] is not None and walk[2].activity is Activity.LUNGE


def test_a_single_repetition_is_no_set() -> None:
    finder = SetFinder()
    finder.row(Activity.LUNGE, repetition(0, 0.0, Activity.LUNGE))
    assert finder.over_s == pytest.approx(3.0 + finder.parameters.pause_s)
    assert finder.finish() is None
