"""The result folder keeps its contract: names, columns, types; whole or not at all; the same for any cutting."""

import dataclasses
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.blocks import Activity, LegBlock, Status
from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.results import ResultsWriter
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow, SummaryRow
from pipeline.update import LegResult, Update

ANGLES = [
    "time_s",
    "side",
    "flexion_deg",
    "abduction_deg",
    "rotation_deg",
    "valgus_excess_deg",
    "medial_collapse_deg",
    "shank_medial_tilt_deg",
    "thigh_medial_tilt_deg",
    "flexion_sd_deg",
    "abduction_sd_deg",
    "rotation_sd_deg",
    "valgus_excess_sd_deg",
    "medial_collapse_sd_deg",
    "valid",
    "status",
    "activity",
]
STEPS = [
    "side",
    "index",
    "activity",
    "start_s",
    "end_s",
    "toe_off_s",
    "stance_s",
    "cadence_spm",
    "peak_flexion_deg",
    "abduction_at_contact_deg",
    "peak_abduction_deg",
    "peak_abduction_s",
    "peak_valgus_excess_deg",
    "peak_medial_collapse_deg",
    "abduction_range_deg",
    "peak_rotation_deg",
    "rotation_range_deg",
    "thigh_adduction_peak_deg",
    "climb_m",
    "quality",
    "shank_lean_deg",
]
EPISODES = [
    "side",
    "activity",
    "activity_at_onset",
    "step_index",
    "start_s",
    "end_s",
    "peak_s",
    "duration_s",
    "measure",
    "baseline_deg",
    "peak_abduction_deg",
    "peak_excess_deg",
    "peak_collapse_deg",
    "flexion_at_peak_deg",
    "rotation_at_peak_deg",
    "driver",
    "severity",
    "confidence",
]
SUMMARY = [
    "side",
    "activity",
    "steps",
    "duration_s",
    "episodes",
    "episodes_per_100_steps",
    "peak_abduction_mean_deg",
    "peak_abduction_sd_deg",
    "peak_abduction_p95_deg",
    "peak_valgus_excess_mean_deg",
    "peak_valgus_excess_p95_deg",
    "peak_medial_collapse_mean_deg",
    "peak_medial_collapse_p95_deg",
    "rotation_range_mean_deg",
    "peak_flexion_mean_deg",
    "cadence_mean_spm",
    "quality",
    "peak_valgus_excess_sd_deg",
    "peak_medial_collapse_sd_deg",
]
FILES = [
    "angles.parquet",
    "events.jsonl",
    "steps.csv",
    "steps.parquet",
    "episodes.csv",
    "episodes.parquet",
    "summary.csv",
    "summary.json",
]


def leg(side: Side, count: int, start: int = 0, rate_hz: float = 100.0) -> LegResult:
    """Angles that grow by a hundredth of a degree a row; each row's value is that of its place on the grid."""
    place = np.arange(start, start + count)
    arrays: dict[str, np.ndarray] = {}
    for number, field in enumerate(dataclasses.fields(LegBlock)):
        if field.name in ("start", "rate_hz"):
            continue
        arrays[field.name] = np.radians(place * 0.01 % 90 + number)
    arrays["shank_acc"] = np.zeros((count, 3))
    arrays["thigh_quat"] = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    arrays["shank_quat"] = np.tile([0.0, 1.0, 0.0, 0.0], (count, 1))
    arrays["valid"] = place % 2 == 0
    arrays["status"] = (place % len(Status)).astype(np.uint8)
    block = LegBlock(start=start, rate_hz=rate_hz, **arrays)
    return LegResult(side, block, (place % len(Activity)).astype(np.uint8))


def row(kind: type, **values: object) -> object:
    defaults = {str: "walking", int: 3, float: 1.25}
    return kind(**{field.name: values.get(field.name, defaults[field.type]) for field in dataclasses.fields(kind)})


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_session_without_anything_has_all_files_and_columns(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path / "new" / "out", orientations=True) as results:
        paths = results.finish()
    folder = tmp_path / "new" / "out"
    assert names(folder) == sorted([*FILES, "orientations.parquet"])
    assert sorted(path.name for path in paths) == names(folder)
    assert pq.read_schema(folder / "angles.parquet").names == ANGLES
    for name, columns in (("steps", STEPS), ("episodes", EPISODES)):
        assert pq.read_schema(folder / f"{name}.parquet").names == columns
        assert list(pd.read_csv(folder / f"{name}.csv").columns) == columns
    assert list(pd.read_csv(folder / "summary.csv").columns) == SUMMARY
    assert json.loads((folder / "summary.json").read_text()) == {"start_utc": None, "rows": []}
    assert (folder / "events.jsonl").read_text() == ""


def test_what_an_earlier_run_left_does_not_stay_beside_other_results(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, orientations=True) as results:
        results.finish()
    for name in ("report.html", "report.pdf", "recording.knee", "notes.txt"):
        (tmp_path / name).write_text("of the first run")
    with ResultsWriter(tmp_path) as results:
        results.finish()
    assert names(tmp_path) == sorted([*FILES, "notes.txt", "recording.knee"])


def test_angles_are_in_degrees_with_labels_and_marks(tmp_path: Path) -> None:
    results = ResultsWriter(tmp_path, orientations=True)
    result = leg(Side.LEFT, 500, start=-20)
    broken = np.array(result.block.rotation)
    broken[7] = np.nan
    result = dataclasses.replace(result, block=dataclasses.replace(result.block, rotation=broken))
    results.write(Update(legs=[result]))
    results.finish()
    angles = pd.read_parquet(tmp_path / "angles.parquet")
    assert list(angles.columns) == ANGLES
    np.testing.assert_allclose(angles.time_s, (np.arange(500) - 20) / 100)
    fields = [
        ("flexion", "flexion_deg"),
        ("excess", "valgus_excess_deg"),
        ("collapse", "medial_collapse_deg"),
        ("shank_tilt", "shank_medial_tilt_deg"),
        ("thigh_tilt", "thigh_medial_tilt_deg"),
        ("excess_sd", "valgus_excess_sd_deg"),
        ("collapse_sd", "medial_collapse_sd_deg"),
        ("rotation_sd", "rotation_sd_deg"),
        ("abduction", "abduction_deg"),
    ]
    for field, column in fields:
        wanted = np.degrees(getattr(result.block, field))
        np.testing.assert_allclose(angles[column], wanted, rtol=0, atol=1e-5)
    assert np.flatnonzero(angles.rotation_deg.isna()).tolist() == [7]
    assert set(angles.side) == {"left"}
    assert angles.valid.dtype == bool
    assert set(angles.status) == {"ok", "gap", "calibrating", "slipped", "clipped", "single_sensor"}
    assert angles.status.iloc[20] == "ok"
    assert angles.activity.iloc[20 + 4] == "stair_ascent"
    turned = pd.read_parquet(tmp_path / "orientations.parquet")
    assert list(turned.columns) == ["time_s", "side", *(f"{s}_{a}" for s in ("thigh", "shank") for a in "wxyz")]
    assert turned.iloc[3, 2:].tolist() == [1, 0, 0, 0, 0, 1, 0, 0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 14_999), max_size=12), lag=st.integers(0, 300))
def test_the_file_is_the_same_however_the_session_is_cut(tmp_path: Path, cuts: list[int], lag: int) -> None:
    """Two legs, 150 s at 100 Hz; the right leg's rows come up to 3 s later than the left's."""
    left, right = leg(Side.LEFT, 15_000, start=-100), leg(Side.RIGHT, 15_000, start=40)
    edges = [0, *sorted(set(cuts)), 15_000]

    def part(result: LegResult, begin: int, end: int) -> LegResult:
        return LegResult(result.side, result.block.cut(begin, end), result.activity[begin:end])

    updates = []
    behind = 0
    for begin, end in itertools.pairwise(edges):
        reach = max(behind, end - lag)
        updates.append(Update(legs=[part(left, begin, end), part(right, behind, reach)]))
        behind = reach
    updates.append(Update(legs=[part(right, behind, 15_000)]))
    for name, given_updates in (("cut", updates), ("whole", [Update(legs=[left, right])])):
        with ResultsWriter(tmp_path / name) as results:
            for update in given_updates:
                results.write(update)
            results.finish()
    one, other = (pd.read_parquet(tmp_path / name / "angles.parquet") for name in ("cut", "whole"))
    pd.testing.assert_frame_equal(one, other)
    assert len(one) == 30_000


def test_a_leg_that_stops_does_not_hold_the_other_back(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 1000), leg(Side.RIGHT, 1000)]))
        for minute in range(30):
            results.write(Update(legs=[leg(Side.LEFT, 6000, start=1000 + minute * 6000)]))
            held = sum(len(parts) for parts in results._angles._waiting[Side.LEFT].values())
            assert held <= 6
        results.write(Update(legs=[leg(Side.RIGHT, 100, start=200_000)]))
        results.finish()
    angles = pd.read_parquet(tmp_path / "angles.parquet")
    assert (angles[angles.side == "left"].time_s.diff().dropna() > 0).all()
    assert angles.side.value_counts().to_dict() == {"left": 181_000, "right": 1100}


def test_rows_are_the_same_in_both_formats_and_unknown_is_empty(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as results:
        for index in range(2500):
            values = {"index": index, "start_s": index / 7, "climb_m": float("nan"), "side": "left"}
            results.write(Update(steps=[row(StepRow, **values)]))
        results.write(Update(episodes=[row(EpisodeRow, driver="hip", peak_s=float("inf"))]))
        results.finish([row(SummaryRow, side="right", steps=12)])
    for name in ("steps", "episodes"):
        text, binary = pd.read_csv(tmp_path / f"{name}.csv"), pd.read_parquet(tmp_path / f"{name}.parquet")
        if name == "steps":
            pd.testing.assert_frame_equal(text, binary, check_dtype=False, rtol=1e-15, atol=0)
        assert text.dtypes["start_s"] == binary.dtypes["start_s"] == np.dtype(float)
    steps = pd.read_parquet(tmp_path / "steps.parquet")
    assert steps["index"].tolist() == list(range(2500))
    assert steps.climb_m.isna().all()
    assert ",nan," not in (tmp_path / "steps.csv").read_text()
    assert pd.isna(pd.read_csv(tmp_path / "episodes.csv").peak_s[0])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rows"] == pd.read_csv(tmp_path / "summary.csv").to_dict("records")


def test_events_carry_sequence_and_wall_clock(tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 23, 59, 59, 500_000, UTC)
    with ResultsWriter(tmp_path, start_utc=start) as results:
        events = [
            RaisedEvent(0.25, "step", {"side": "left", "index": np.int64(3), "climb_m": float("nan")}),
            RaisedEvent(61.0, "marker", {"label": "Tür", "kind": "forged", "seq": 99, "angles": np.arange(2.0)}),
        ]
        results.write(Update(events=events))
        # Others can follow a running session.
        assert len((tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()) == 2
        results.finish()
    first, second = (json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines())
    assert list(first) == ["seq", "time_s", "host_time", "kind", "side", "index", "climb_m"]
    assert first == {
        "seq": 1,
        "time_s": 0.25,
        "host_time": "2026-03-01T23:59:59.750Z",
        "kind": "step",
        "side": "left",
        "index": 3,
        "climb_m": None,
    }
    assert second["host_time"] == "2026-03-02T00:01:00.500Z"
    assert (second["seq"], second["kind"], second["label"], second["angles"]) == (2, "marker", "Tür", [0.0, 1.0])


def test_summary_json_is_strict_json(tmp_path: Path) -> None:
    extras = {
        "quality": {Side.LEFT: {"axis_sd_deg": float("nan"), "slip": np.float32(0.5)}},
        "sets": [(1, 2)],
        "structural_deg": np.inf,
        "activity": Activity.SQUAT,
    }
    with ResultsWriter(tmp_path, start_utc=datetime(2026, 3, 1, tzinfo=UTC)) as results:
        results.finish([row(SummaryRow, cadence_mean_spm=float("nan"))], extras)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads((tmp_path / "summary.json").read_text(), parse_constant=refuse)
    assert told["start_utc"] == "2026-03-01T00:00:00+00:00"
    assert told["quality"] == {"left": {"axis_sd_deg": None, "slip": 0.5}}
    assert told["sets"] == [[1, 2]]
    assert told["structural_deg"] is None
    assert told["rows"][0]["cadence_mean_spm"] is None
    assert list(told["rows"][0]) == SUMMARY


def test_a_second_run_replaces_ours_and_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for count in (3000, 1000):
        with ResultsWriter(tmp_path) as results:
            results.write(Update(legs=[leg(Side.LEFT, count)], events=[RaisedEvent(1.0, "step", {"n": count})]))
            results.finish()
        assert len(pd.read_parquet(tmp_path / "angles.parquet")) == count
        (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
        assert json.loads(line)["n"] == count
    assert names(tmp_path) == sorted([*FILES, "notes.txt"])
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_that_fails_leaves_older_results_as_they_were(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 300)], events=[RaisedEvent(1.0, "step", {})]))
        results.finish()
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    with pytest.raises(RuntimeError), ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 900)], events=[RaisedEvent(2.0, "step", {})]))
        raise RuntimeError("the analysis failed")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_first_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 900)], events=[RaisedEvent(2.0, "step", {})]))
        raise RuntimeError("the analysis failed")
    assert names(tmp_path) == []


def test_an_interruption_completes_the_files(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 900)], steps=[row(StepRow)]))
        raise KeyboardInterrupt
    assert names(tmp_path) == sorted(FILES)
    assert len(pd.read_parquet(tmp_path / "angles.parquet")) == 900
    assert len(pd.read_csv(tmp_path / "steps.csv")) == 1


def test_a_folder_that_another_run_writes_into_is_refused(tmp_path: Path) -> None:
    """Neither disturbs the other; afterwards the folder is free."""
    with ResultsWriter(tmp_path) as first:
        first.write(Update(events=[RaisedEvent(1.0, "marker", {})]))
        during = sorted(path.name for path in tmp_path.iterdir())
        with pytest.raises(BadInputError, match="another kneetrack"):
            ResultsWriter(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == during
        first.finish()
    assert len((tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    with ResultsWriter(tmp_path) as second:
        second.finish()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_leftovers_of_a_killed_run_do_not_disturb_the_next(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"seq": 1, "time_s"')
    for name in FILES:
        (tmp_path / f".{name}.partial").write_bytes(b"PAR1 half a file")
    with ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 100)]))
        results.finish()
    assert names(tmp_path) == sorted(FILES)
    assert len(pd.read_parquet(tmp_path / "angles.parquet")) == 100
    assert (tmp_path / "events.jsonl").read_text() == ""


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BadInputError, match=r"out cannot be written to .*: choose another folder"):
        ResultsWriter(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_disk_that_refuses_is_told_and_the_session_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ResultsWriter(tmp_path) as results:
        results.write(Update(legs=[leg(Side.LEFT, 300)]))
        results.finish()
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    results = ResultsWriter(tmp_path)

    def full(table: object, row: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.files.row_table.RowTable.add", full)
    for _ in range(3):
        results.write(Update(legs=[leg(Side.LEFT, 100)], steps=[row(StepRow)]))
    assert results.failed is not None
    assert "No space left on device" in results.failed
    assert "\n" not in results.failed
    with pytest.raises(KneetrackError, match=r"No space left on device.*free space"):
        results.finish()
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
