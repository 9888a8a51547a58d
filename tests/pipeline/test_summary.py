"""The summary on rows of known numbers."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow, SummaryRow
from pipeline.sets import Prescription
from pipeline.summary import Summary
from pipeline.update import LegResult, Update
from tests.pipeline.made_legs import leg


def step(
    index: int, excess_deg: float, activity: str = "walking", side: str = "right", quality: float = 1.0
) -> StepRow:
    nan = math.nan
    return StepRow(
        side=side,
        index=index,
        activity=activity,
        start_s=1.1 * index,
        end_s=1.1 * (index + 1),
        toe_off_s=nan,
        stance_s=nan,
        cadence_spm=109.0,
        peak_flexion_deg=60.0,
        abduction_at_contact_deg=nan,
        peak_abduction_deg=excess_deg + 1.0,
        peak_abduction_s=nan,
        peak_valgus_excess_deg=excess_deg,
        peak_medial_collapse_deg=2.0,
        abduction_range_deg=nan,
        peak_rotation_deg=nan,
        rotation_range_deg=12.0,
        thigh_adduction_peak_deg=nan,
        climb_m=nan,
        quality=quality,
    )


def episode(activity: str = "walking", side: str = "right") -> EpisodeRow:
    return EpisodeRow(
        side, activity, activity, 0, 0.0, 0.2, 0.1, 0.2, "abduction", 0.0, 9.0, 9.0, 0.0, 20.0, 0.0, "hip", "marked", 1
    )


def rows_of(steps: Sequence[StepRow], episodes: Sequence[EpisodeRow] = ()) -> dict[tuple[str, str], SummaryRow]:
    summary = Summary()
    summary.add(Update(steps=list(steps), episodes=list(episodes)))
    return {(row.side, row.activity): row for row in summary.rows()}


def test_means_spread_and_rates_of_a_walk() -> None:
    values = [float(k) for k in range(20)]
    row = rows_of([step(k, v) for k, v in enumerate(values)], [episode(), episode()])["right", "walking"]
    assert (row.steps, row.episodes, row.episodes_per_100_steps) == (20, 2, 10.0)
    assert row.duration_s == pytest.approx(22.0)
    assert row.peak_valgus_excess_mean_deg == pytest.approx(9.5)
    assert row.peak_valgus_excess_p95_deg == pytest.approx(18.05)
    assert row.peak_abduction_mean_deg == pytest.approx(10.5)
    assert row.peak_abduction_sd_deg == pytest.approx(math.sqrt(35.0))
    assert row.rotation_range_mean_deg == 12.0 and row.cadence_mean_spm == 109.0
    assert row.quality == 1.0


def test_too_little_is_said_not_averaged() -> None:
    row = rows_of([step(0, 5.0), step(1, 7.0)], [episode()])["right", "walking"]
    assert (row.steps, row.episodes) == (2, 1)
    for name in ("peak_valgus_excess_mean_deg", "peak_abduction_sd_deg", "episodes_per_100_steps", "cadence_mean_spm"):
        assert math.isnan(getattr(row, name))
    assert row.quality <= 0.25


def test_unknown_values_are_left_out_and_unknown_throughout_is_nan() -> None:
    steps = [step(k, 6.0 if k % 2 else math.nan, quality=0.5) for k in range(12)]
    row = rows_of(steps)["right", "walking"]
    assert row.peak_valgus_excess_mean_deg == 6.0
    assert math.isnan(row.peak_valgus_excess_p95_deg)
    assert row.quality == 0.5
    unknown = rows_of([step(k, math.nan) for k in range(10)])["right", "walking"]
    assert math.isnan(unknown.peak_valgus_excess_mean_deg)


def test_standing_has_a_duration_and_nothing_else() -> None:
    codes = np.full(300, int(Activity.WALKING), np.uint8)
    codes[:120] = int(Activity.STANDING)
    summary = Summary()
    summary.add(Update(legs=[LegResult(Side.LEFT, leg(300), codes)]))
    (row,) = summary.rows()
    assert (row.side, row.activity, row.duration_s, row.steps) == ("left", "standing", 1.2, 0)
    assert math.isnan(row.peak_abduction_mean_deg) and math.isnan(row.episodes_per_100_steps)
    assert row.quality == 1.0


def test_sides_thirds_and_worst_steps() -> None:
    summary = Summary()
    wave = (0.0, 0.6, -0.6)
    right = [step(k, 3.0 + wave[k % 3] + (k >= 8) * 4.0) for k in range(12)]
    left = [step(k, 2.0 + wave[k % 3], side="left") for k in range(12)]
    for a, b in zip(right, left, strict=True):
        summary.add(Update(steps=[a, b]))
    extras = summary.extras()
    (difference,) = extras["left_right"]
    assert difference["peak_valgus_excess_deg"] == pytest.approx(1.0 + 4.0 / 3.0, abs=1e-3)
    spread = [stdev([s.peak_valgus_excess_deg for s in steps]) for steps in (left, right)]
    expected = math.sqrt((spread[0] ** 2 + spread[1] ** 2) / 12)
    assert difference["peak_valgus_excess_se_deg"] == pytest.approx(expected, abs=1e-3)
    assert difference["clear"] == ["peak_abduction_deg", "peak_valgus_excess_deg"]
    thirds = {entry["side"]: entry for entry in extras["thirds"]}
    assert thirds["left"]["peak_valgus_excess_deg"] == pytest.approx(0.0, abs=0.2) and thirds["left"]["clear"] == []
    assert thirds["right"]["peak_valgus_excess_deg"] == pytest.approx(4.0, abs=0.2)
    assert "peak_valgus_excess_deg" in thirds["right"]["clear"]
    assert [w["index"] for w in extras["worst_steps"]] == [10, 9, 8, 11, 1]
    assert [w["start_s"] for w in extras["worst_steps"]][:2] == [11.0, 9.9]
    assert (extras["counts"]["steps"], extras["counts"]["episodes"], extras["counts"]["sets"]) == (24, 0, 0)
    assert extras["too_little"] == []
    json.dumps(extras, allow_nan=False)


def test_a_step_that_collapses_without_abduction_is_among_the_worst() -> None:
    summary = Summary()
    steps = [step(k, 4.0 + 0.01 * k) for k in range(8)]
    steps[2] = replace(steps[2], peak_valgus_excess_deg=0.0, peak_medial_collapse_deg=11.0)
    summary.add(Update(steps=steps))
    assert [w["index"] for w in summary.extras()["worst_steps"]] == [2, 7, 6, 5, 4]


def test_a_difference_within_the_smallest_detectable_one_is_not_clear() -> None:
    summary = Summary()
    summary.add(Update(steps=[step(k, 2.0 + 0.01 * (k % 2)) for k in range(30)]))
    summary.add(Update(steps=[step(k, 3.5 + 0.01 * (k % 2), side="left") for k in range(30)]))
    (difference,) = summary.extras()["left_right"]
    assert difference["peak_valgus_excess_deg"] == pytest.approx(-1.5) and difference["clear"] == []


def test_too_little_is_told_in_words() -> None:
    summary = Summary()
    summary.add(Update(steps=[step(k, math.nan if k else 3.0, "squat") for k in range(6)]))
    summary.add(Update(steps=[step(k, 3.0) for k in range(7)]))
    summary.add(Update(steps=[step(0, 3.0, side="left")]))
    extras = summary.extras()
    assert extras["too_little"] == [
        "left walking: 1 step; means need 5",
        "right walking: 7 steps; a comparison of beginning and end needs 12",
        "right squat: 1 repetition with known angles, of 6; means need 5",
    ]
    assert extras["thirds"] == []
    (difference,) = extras["left_right"]
    assert difference["peak_valgus_excess_deg"] is None and difference["clear"] == []


def squats(number: int, repetitions: int) -> Update:
    first = 20 * number
    fields: dict[str, object] = {"side": "right", "activity": "squat", "repetitions": repetitions}
    steps = [step(first + k, 2.0, "squat") for k in range(repetitions)]
    return Update(steps=steps, events=[RaisedEvent(100.0 * number, "set", fields)])


def test_sets_are_numbered_and_held_against_what_was_asked_for() -> None:
    summary = Summary()
    for number, repetitions in enumerate((8, 12, 7)):
        summary.add(squats(number, repetitions))
    extras = summary.extras()
    assert [(s["number"], s["repetitions"], s["in_range"]) for s in extras["sets"]] == [
        (1, 8, True),
        (2, 12, True),
        (3, 7, False),
    ]
    (exercise,) = extras["exercises"]
    assert (exercise["sets"], exercise["repetitions"], exercise["in_range"]) == (3, 27, False)
    own = Summary(prescription=Prescription(sets=(3, 3), repetitions=(7, 12)))
    for number, repetitions in enumerate((8, 12, 7)):
        own.add(squats(number, repetitions))
    assert own.extras()["exercises"][0]["in_range"] is True


def test_an_activity_with_episodes_only_has_a_row() -> None:
    row = rows_of([], [episode("squat")])["right", "squat"]
    assert (row.steps, row.episodes) == (0, 1) and row.quality == 0.0


def test_cues_that_the_final_activity_changed_or_withdrew_are_counted() -> None:
    summary = Summary()
    ends = [RaisedEvent(1.0 + k, "episode_end", {"side": "right", "withdrawn": k == 1}) for k in range(3)]
    cued = replace(episode("squat"), activity_at_onset="lunge")
    summary.add(Update(episodes=[episode(), cued], events=ends))
    counts = summary.extras()["counts"]
    assert (counts["episodes"], counts["episodes_cued_as_another_activity"], counts["cues_withdrawn"]) == (2, 1, 1)
