"""The set in progress on the screens: counted as the movement stages count, shown until the next one begins."""

from dataclasses import replace

from pipeline.rows import StepRow
from pipeline.screens.set_count import SetCount, SetView
from pipeline.sets import Prescription
from tests.pipeline.result_folder import episode, step


def _squat(index: int, start_s: float, activity: str = "squat") -> StepRow:
    return replace(step("right", index, activity, start_s, 20.0, 3.0), start_s=start_s, end_s=start_s + 3.0)


def _view(count: SetCount, now_s: float) -> SetView:
    found = count.view(Prescription(), now_s)
    assert found is not None
    return found


def test_repetitions_clean_and_collapsed_against_what_is_asked() -> None:
    count = SetCount()
    assert count.view(Prescription(), 0.0) is None
    for index in range(5):
        count.step(_squat(index, 4.0 * index))
    count.episode(replace(episode("right", "squat", 9.0, 8.0, 2.0), step_index=2))
    seen = _view(count, 20.0)
    assert (seen.activity, seen.number, seen.repetitions, seen.collapsed, seen.over) == ("squat", 1, 5, 1, False)
    assert seen.asked == (8, 12) and seen.sets == (1, 3)


def test_a_pause_ends_a_set_and_the_next_one_has_the_next_number() -> None:
    count = SetCount()
    for index in range(3):
        count.step(_squat(index, 4.0 * index))
    assert not _view(count, 12.0).over
    assert _view(count, 60.0).over and _view(count, 60.0).repetitions == 3, "it stays until the next one begins"
    count.step(_squat(3, 70.0))
    seen = _view(count, 74.0)
    assert (seen.number, seen.repetitions, seen.over) == (2, 1, False)


def test_another_exercise_has_its_own_number() -> None:
    count = SetCount()
    for index in range(2):
        count.step(_squat(index, 4.0 * index))
    count.step(_squat(2, 8.0, "lunge"))
    seen = _view(count, 12.0)
    assert (seen.activity, seen.number, seen.repetitions) == ("lunge", 1, 1)
