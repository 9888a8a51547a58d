"""The scores of the events benchmark on tables small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.rows import RaisedEvent, StepRow
from tests.benchmarks.event_scores import EXTRA, MISSED, Confusion
from tests.pipeline.public_legs import matched

NAN = float("nan")
STEP = StepRow("right", 0, "walking", 1.0, 2.0, 1.6, 0.6, 120.0, 60.0, *[NAN] * 10, 1.0)


def truth(*rows: tuple[str, float, float, bool]) -> pd.DataFrame:
    names = ["activity", "start_s", "end_s", "transition"]
    return pd.DataFrame(rows, columns=names).assign(peak_flexion_deg=58.0)


def test_found_missed_extra_and_confused_are_counted() -> None:
    table = truth(("walking", 1.0, 2.0, False), ("walking", 2.0, 3.0, False), ("squat", 9.0, 12.0, False))
    steps = [
        replace(STEP, start_s=1.05, end_s=2.02),
        replace(STEP, index=1, start_s=5.0, end_s=6.0),
        replace(STEP, index=2, start_s=9.2, end_s=11.8, activity="lunge"),
    ]
    score = Confusion()
    score.add(table, steps)
    assert score.counts == {
        ("walking", "walking"): 1,
        ("walking", MISSED): 1,
        ("squat", "lunge"): 1,
        (EXTRA, "walking"): 1,
    }
    assert score.found_share() == pytest.approx(2 / 3)
    rows = score.scores()
    assert rows.loc["walking", "recall %"] == 50.0
    assert rows.loc["walking", "precision %"] == 50.0
    assert rows.loc["squat", "F1 %"] == 0.0
    assert score.starts["walking"] == pytest.approx([0.05])
    assert score.depths["walking"] == pytest.approx([2.0])


def test_half_a_repetition_is_none() -> None:
    score = Confusion()
    score.add(truth(("squat", 0.0, 4.0, False)), [replace(STEP, start_s=0.0, end_s=2.0, activity="squat")])
    assert score.counts["squat", MISSED] == 1 and score.counts[EXTRA, "squat"] == 1


def test_a_last_step_that_the_truth_leaves_out_is_not_extra() -> None:
    score = Confusion()
    score.add(truth(("walking", 1.0, 2.0, False)), [STEP, replace(STEP, index=1, start_s=2.0, end_s=3.0)],
              lambda time_s: "walking" if time_s < 3.0 else "standing")  # fmt: skip
    assert EXTRA not in {kind for kind, _ in score.counts}


def test_waiting_times_are_those_of_the_events() -> None:
    score = Confusion()
    events = [RaisedEvent(2.04, "step", {"index": 0}), RaisedEvent(2.5, "activity", {})]
    score.add(truth(("walking", 1.0, 1.98, False)), [STEP], events=events)
    assert score.waits["step"] == pytest.approx([0.04])
    assert score.behind["step"] == pytest.approx([0.06])


def test_changes_are_left_out_of_the_mean() -> None:
    score = Confusion()
    score.add(truth(("walking", 1.0, 2.0, False), ("walking", 2.0, 3.0, True)),
              [STEP, replace(STEP, index=1, start_s=2.0, end_s=3.0, activity="other")])  # fmt: skip
    assert score.macro_f1() == 1.0


def test_a_constant_offset_is_taken_off_and_jitter_is_not() -> None:
    true = np.arange(10.0, 40.0)
    jitter = np.where(np.arange(30) % 2 == 0, 0.01, -0.01)
    match = matched(true + 0.06 + jitter, true)
    assert (match.found, match.extra) == (30, 0)
    assert match.offset_s == pytest.approx(0.06, abs=0.011)
    assert match.iqr_s == pytest.approx(0.02)


def test_times_that_run_apart_are_not_all_matched_by_one_offset() -> None:
    true = np.arange(10.0, 40.0)
    match = matched(true + np.where(true < 25.0, 0.0, 0.4), true)
    assert match.found == 15
