"""The summary on rows of known numbers."""

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow, SummaryRow
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
    steps = [step(k, 6.0 if k % 2 else math.nan, quality=0.5) for k in range(10)]
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


def test_sides_thirds_worst_steps_and_sets() -> None:
    summary = Summary()
    right = [step(k, 3.0 + (k >= 6) * 2.0) for k in range(9)]
    left = [step(k, 2.0, side="left") for k in range(9)]
    exercise = RaisedEvent(50.0, "set", {"side": "right", "activity": "squat", "repetitions": 8})
    for a, b in zip(right, left, strict=True):
        summary.add(Update(steps=[a, b]))
    summary.add(Update(events=[exercise, RaisedEvent(51.0, "step", {})]))
    extras = summary.extras()
    (difference,) = extras["left_right"]
    assert difference["peak_valgus_excess_deg"] == pytest.approx(3.0 + 2.0 / 3.0 - 2.0, abs=1e-3)
    thirds = {entry["side"]: entry["peak_valgus_excess_deg"] for entry in extras["thirds"]}
    assert thirds == {"left": 0.0, "right": 2.0}
    assert [w["index"] for w in extras["worst_steps"]] == [6, 7, 8, 0, 1]
    assert extras["sets"] == [{"side": "right", "activity": "squat", "repetitions": 8}]
    assert extras["counts"] == {"steps": 18, "episodes": 0, "sets": 1}
    json.dumps(extras, allow_nan=False)


def test_an_activity_with_episodes_only_has_a_row() -> None:
    row = rows_of([], [episode("squat")])["right", "squat"]
    assert (row.steps, row.episodes) == (0, 1) and row.quality == 0.0
