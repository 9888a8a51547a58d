"""Sets of repetitions of known number, time and depth."""

import math
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from pipeline.blocks import Activity
from pipeline.movement import analyse
from pipeline.records import Side
from pipeline.rows import StepRow
from pipeline.screens.session_notes import session_notes
from pipeline.sets import ExerciseSet, Prescription, SetFinder
from pipeline.simulation.script import Bout
from pipeline.steps import Unit, UnitKind, shank_lean
from pipeline.summary import Summary
from pipeline.update import Update
from tests.pipeline.made_legs import leg, simulated
from tests.pipeline.test_summary import step

SQUAT, LUNGE = Activity.SQUAT, Activity.LUNGE


def repetition(index: int, start_s: float, lean_deg: float = math.nan, seconds: float = 3.0) -> StepRow:
    row = step(index, 2.0, "squat")
    return replace(
        row, start_s=start_s, end_s=start_s + seconds, shank_lean_deg=lean_deg, peak_flexion_deg=90.0 + index
    )


def sets_of(rows: list[tuple[Activity, StepRow]], collapsed: tuple[int, ...] = ()) -> list[ExerciseSet]:
    finder = SetFinder()
    found = []
    for activity, row in rows:
        found.append(finder.row(activity, row))
        if row.index in collapsed:
            finder.collapse(row.index)
    found.append(finder.finish())
    return [one for one in found if one is not None]


def test_a_set_has_its_repetitions_tempo_depth_and_collapses() -> None:
    (one,) = sets_of([(SQUAT, repetition(k, 4.0 * k)) for k in range(9)], collapsed=(2, 5))
    assert (one.repetitions, one.clean, one.collapsed) == (9, 7, 2)
    assert one.tempo_s == 3.0 and one.tempo_sd_s == 0.0
    assert one.depth_deg == pytest.approx(94.0) and one.depth_sd_deg == pytest.approx(math.sqrt(7.5))
    assert (one.start_s, one.end_s) == (0.0, 35.0)


def test_a_long_pause_parts_two_sets_and_each_keeps_its_own_collapses() -> None:
    rows = [(SQUAT, repetition(k, 4.0 * k + (k >= 8) * 20.0)) for k in range(17)]
    first, second = sets_of(rows, collapsed=(1, 8, 16))
    assert (first.repetitions, first.collapsed) == (8, 1)
    assert (second.repetitions, second.collapsed) == (9, 2)


def test_a_single_repetition_of_another_name_does_not_part_a_set() -> None:
    rows = [(LUNGE if k == 4 else SQUAT, repetition(k, 4.0 * k)) for k in range(10)]
    (one,) = sets_of(rows, collapsed=(4,))
    assert (one.activity, one.repetitions, one.collapsed) == (SQUAT, 10, 1)


def test_another_exercise_begins_another_set() -> None:
    rows = [(LUNGE if k >= 5 else SQUAT, repetition(k, 4.0 * k)) for k in range(10)]
    assert [(s.activity, s.repetitions) for s in sets_of(rows)] == [(SQUAT, 5), (LUNGE, 5)]


def test_exercises_in_turn_are_no_sets() -> None:
    rows = [(LUNGE if k % 2 else SQUAT, repetition(k, 4.0 * k)) for k in range(8)]
    assert sets_of(rows) == []


def test_an_odd_repetition_before_a_long_pause_is_left_out() -> None:
    rows = [(SQUAT, repetition(k, 4.0 * k)) for k in range(5)]
    rows += [(LUNGE, repetition(5, 20.0)), *((SQUAT, repetition(k, 60.0 + 4.0 * k)) for k in range(6, 10))]
    assert [s.repetitions for s in sets_of(rows)] == [5, 4]


def test_lean_is_that_of_the_front_leg_and_the_knee_past_the_toes_is_counted() -> None:
    leans = (20.0, 85.0, 30.0, 84.0, 28.0)  # a rear shank lies back by 85 deg
    (one,) = sets_of([(LUNGE, repetition(k, 4.0 * k, lean)) for k, lean in enumerate(leans)])
    assert one.shank_lean_deg == pytest.approx(26.0) and one.past_toes == 2
    assert one.fields()["past_toes"] == 2
    (squats,) = sets_of([(SQUAT, repetition(k, 4.0 * k, 33.0)) for k in range(3)])
    assert "past_toes" not in squats.fields()


def test_the_lean_is_taken_where_the_loaded_knee_is_deepest() -> None:
    """A foot that swings forward with the shank back at 70 deg, then a bend whose shank leans 25 deg at most."""
    n = 300
    bend = 80.0 * np.sin(np.linspace(0.0, np.pi, 180)) ** 2
    flexion = np.radians(np.concatenate([np.full(60, 75.0), np.full(60, 5.0), bend]))
    shank = np.radians(np.concatenate([np.full(60, -70.0), np.zeros(60), -25.0 * bend / 80.0]))
    block = leg(n, flexion=flexion, shank_incl=shank)
    unit = Unit(UnitKind.STRIDE, 0.0, 299.0, 310, contact=90.0, toe_off=299.0)
    assert shank_lean(unit, block) == pytest.approx(25.0, abs=0.1)
    assert math.isnan(shank_lean(unit, replace(block, flexion=np.full(n, np.nan))))


def test_prescriptions_differ_by_exercise() -> None:
    own = Prescription(by_activity={LUNGE: ((2, 2), (5, 6))})
    assert own.of(LUNGE) == ((2, 2), (5, 6)) and own.of(SQUAT) == ((1, 3), (8, 12))


@pytest.mark.parametrize(("what", "seed"), [("squat", 131), ("step_up", 132), ("lunge", 133)])
def test_two_simulated_sets_are_found_with_all_their_repetitions(what: str, seed: int) -> None:
    script = (Bout("stand", 4.0), Bout(what, 8), Bout("stand", 20.0), Bout(what, 9), Bout("stand", 14.0))
    update = analyse(Side.RIGHT, simulated(seed, script).leg_block(Side.RIGHT))
    found = [event.fields for event in update.events if event.kind == "set"]
    assert [(f["activity"], f["repetitions"], f["clean"]) for f in found] == [(what, 8, 8), (what, 9, 9)]
    summary = Summary()
    summary.add(Update(steps=update.steps, events=update.events))
    told = printed(summary)
    assert "8-12" in told and ("past toes" in told)


def printed(summary: Summary) -> str:
    console = Console(width=80, record=True, file=StringIO())
    console.print(session_notes(summary.extras()))
    return console.export_text()


def test_the_notes_say_what_is_too_little_and_what_differs_within_80_columns() -> None:
    summary = Summary()
    wave = (0.0, 0.3, -0.3)
    summary.add(Update(steps=[step(k, 9.0 + wave[k % 3]) for k in range(24)]))
    summary.add(Update(steps=[step(k, 3.0 + wave[k % 3], side="left") for k in range(24)]))
    summary.add(Update(steps=[step(90, 3.0, "single_leg_squat")]))
    told = printed(summary)
    assert "walking: abduction +6.0, excess +6.0 deg" in told
    assert "right single-leg squat: 1 repetition; means need 5" in told
    assert "Worst steps" in told and "excess 9.3" in told
    assert max(map(len, told.splitlines())) <= 80


def test_nothing_is_kept_of_collapses_outside_sets() -> None:
    finder = SetFinder()
    for k in range(1000):
        finder.row(Activity.WALKING, step(k, 2.0))
        finder.collapse(k)
    assert len(vars(finder)["_collapsed"]) <= finder.parameters.walk
