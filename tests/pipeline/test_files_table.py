"""A generic table becomes a session with the same samples; a bad one is refused in a line that tells where."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.samples import Floats
from pipeline.errors import BadInputError
from pipeline.files.importing import import_to_knee
from pipeline.files.opening import open_recording
from pipeline.files.recording import Recording
from pipeline.files.row_order import order_rows
from pipeline.records import Notification, Segment, Side
from tests.pipeline.leg_table import decoded, leg_table

ACC = ["thigh_acc_x", "thigh_acc_y", "thigh_acc_z"]
GYR = ["shank_gyr_x", "shank_gyr_y", "shank_gyr_z"]


def save(path: Path, table: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


def same(found: Floats, wanted: pd.DataFrame) -> None:
    """Equal but for the last digit that reading a text may cost."""
    np.testing.assert_allclose(found, wanted.to_numpy(), rtol=1e-14, atol=0)


def counts(path: Path) -> dict[str, dict[str, int]]:
    sensors: dict[str, dict[str, int]] = json.loads(open_recording(path).meta["import"])["sensors"]
    return sensors


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_sample_comes_through_exactly(tmp_path: Path, suffix: str) -> None:
    table = leg_table(start_s=1234.5)
    recording = open_recording(save(tmp_path / f"leg{suffix}", table), Side.LEFT)
    assert [(s.id, s.side, s.segment, s.driver) for s in recording.sensors] == [
        (1, Side.LEFT, Segment.THIGH, "table"),
        (2, Side.LEFT, Segment.SHANK, "table"),
    ]
    assert recording.duration_s == pytest.approx(9.99)
    assert recording.start_utc is None
    for number, segment in ((1, "thigh"), (2, "shank")):
        time, acc, gyr, rejected = decoded(recording, number)
        assert rejected == 0
        np.testing.assert_allclose(time, table["time_s"], rtol=0, atol=1e-9)
        same(acc, table[[f"{segment}_acc_{axis}" for axis in "xyz"]])
        same(gyr, table[[f"{segment}_gyr_{axis}" for axis in "xyz"]])


def test_packets_are_short_and_in_the_order_of_their_last_samples(tmp_path: Path) -> None:
    recording = open_recording(save(tmp_path / "leg.csv", leg_table(start_s=-3.0)))
    records = [record for part in recording.records(7) for record in part]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    times = [record.host_time_ns for record in records]
    assert times == sorted(times)
    assert times[0] < 0
    for record in records:
        assert isinstance(record, Notification)
        rows = np.frombuffer(record.payload, "<f8", offset=4).reshape(-1, 7)
        assert rows[-1, 0] * 1e9 == pytest.approx(record.host_time_ns, abs=1)
        assert rows[-1, 0] - rows[0, 0] < 0.05


def test_a_magnetometer_comes_through(tmp_path: Path) -> None:
    table = leg_table()
    for axis, value in zip("xyz", (20.0, -3.0, 41.0), strict=True):
        table[f"thigh_mag_{axis}"] = value
    recording = open_recording(save(tmp_path / "mag.csv", table))
    first = next(recording.records())
    thigh, shank = (r.payload for r in first[:2] if isinstance(r, Notification))
    assert (thigh[1], shank[1]) == (1, 0)
    assert np.frombuffer(thigh, "<f8", offset=4).reshape(-1, 10)[0, 7:].tolist() == [20.0, -3.0, 41.0]


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("\t", ",")])
def test_tables_as_spreadsheets_write_them(tmp_path: Path, separator: str, decimal: str) -> None:
    table = leg_table()
    path = tmp_path / "excel.csv"
    path.write_bytes(b"\xef\xbb\xbf" + table.to_csv(index=False, sep=separator, decimal=decimal).encode())
    _, acc, _, _ = decoded(open_recording(path), 1)
    same(acc, table[ACC])


def edit(change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> pd.DataFrame:
    table = leg_table()
    changed = change(table)
    return table if changed is None else changed


def with_text(table: pd.DataFrame) -> pd.DataFrame:
    table = table.astype(object)
    table.loc[41, "shank_gyr_y"] = "n.a.?"
    return table


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame | None], str]] = {
    "a column is missing": (lambda t: t.drop(columns="thigh_gyr_y"), r"lacks the column thigh_gyr_y"),
    "columns are misnamed": (
        lambda t: t.rename(columns={"thigh_gyr_x": "thigh_gyro_x"}),
        r"lacks the column thigh_gyr_x \('thigh_gyro_x' may be 'thigh_gyr_x'\)",
    ),
    "no known column": (lambda t: t.set_axis([f"c{k}" for k in range(13)], axis=1), r"time_s, thigh_acc_x.*and 7 more"),
    "text in numbers": (with_text, r"(line 43|row 42), column shank_gyr_y: 'n\.a\.\?' is no number"),
    "all NaN": (lambda t: t.assign(shank_acc_x=np.nan), r"column shank_acc_x holds no number"),
    "no time": (lambda t: t.assign(time_s=np.nan), r"column time_s holds no number"),
    "backwards": (lambda t: t.iloc[::-1], r"time_s runs backwards"),
    "too short": (lambda t: t.iloc[:150], r"too short to analyse \(1\.49 s"),
    "one row": (lambda t: t.iloc[:1], r"too short"),
    "no rows": (lambda t: t.iloc[:0], r"no rows|no number"),
    "standing time": (lambda t: t.assign(time_s=5.0), r"too short to analyse \(0\.00 s"),
    "milliseconds": (lambda t: t.assign(time_s=t.time_s * 1e3), r"looks like milliseconds"),
    "endless time": (lambda t: t.assign(time_s=t.time_s + 1e12), r"no usable time"),
    "acceleration in g": (lambda t: t.assign(**{c: t[c] / 9.81 for c in ACC}), r"thigh's accelerations look like g"),
    "rates in deg/s": (lambda t: t.assign(**{c: t[c] * 57.3 for c in GYR}), r"shank's angular rates look like deg/s"),
    "acceleration in mm/s2": (lambda t: t.assign(**{c: t[c] * 1e3 for c in ACC}), r"typically 9\d{3}: m/s2 are needed"),
    "rates without bounds": (lambda t: t.assign(thigh_gyr_x=1e308), r"thigh's angular rates look like deg/s"),
    "booleans": (lambda t: t.assign(thigh_acc_x=True), r"column thigh_acc_x: 'True' is no number"),
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_refused_in_one_clear_line(tmp_path: Path, name: str, suffix: str) -> None:
    change, message = BAD[name]
    table = edit(change)
    if suffix == ".parquet" and name == "text in numbers":
        table = table.astype(str)
        message = message.replace("(line 43|row 42)", "row 42")
    path = save(tmp_path / f"bad{suffix}", table)
    with pytest.raises(BadInputError, match=message) as caught:
        open_recording(path)
    line = str(caught.value)
    assert "\n" not in line
    assert path.name in line
    out = tmp_path / "out.knee"
    with pytest.raises(BadInputError):
        import_to_knee(path, out)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "does not exist"),
        ("missing.parquet", None, "does not exist"),
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n \n\n", "is empty"),
        ("empty.parquet", b"", "is empty"),
        ("noise.csv", bytes(range(256)) * 40, "is no table"),
        ("noise.parquet", bytes(range(256)) * 40, "no readable Parquet"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, "is no table"),
        ("prose.csv", b"Dear sir,\nthis is, alas,\nno, table, at, all,\n", "is no table|lacks the column"),
        ("longer.csv", b"time_s,thigh_acc_x\n1,2\n1,2,3\n", "is no table.*line 3"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=message) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


def test_a_cut_off_parquet_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "cut.parquet", leg_table())
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadInputError, match="no readable Parquet file"):
        open_recording(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is a folder"):
        open_recording(tmp_path)


def test_duplicated_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    table = leg_table()
    twice = pd.concat([table, table.iloc[100:130]]).sort_values("time_s", kind="stable")
    path = save(tmp_path / "twice.csv", twice)
    _, acc, _, _ = decoded(open_recording(path), 1)
    same(acc, table[ACC])
    assert counts(path)["1"] == {"rows": 1000, "duplicated": 30}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), reach=st.integers(1, 40))
def test_late_rows_are_put_back(seed: int, reach: int) -> None:
    """Rows that arrive up to `reach` places late (less than a second) end where they belong."""
    time = np.arange(800) / 100
    places = np.arange(800) + np.random.default_rng(seed).integers(0, reach + 1, 800)
    order = np.argsort(places, kind="stable")
    found = order_rows(time[order])
    np.testing.assert_array_equal(found.time_s, time)
    np.testing.assert_array_equal(time[order][found.rows], time)
    assert found.reordered == sum(order[k] < order[:k].max(initial=-1) for k in range(800))
    assert (found.duplicated, found.wrong_time, found.clock_restarts) == (0, 0, 0)


def test_a_shuffled_table_is_sorted(tmp_path: Path) -> None:
    table = leg_table()
    path = save(tmp_path / "shuffled.csv", table.sample(frac=1.0, random_state=3))
    _, acc, _, _ = decoded(open_recording(path), 1)
    same(acc, table[ACC])


def test_a_clock_that_starts_again_goes_on_behind_a_hole(tmp_path: Path) -> None:
    table = leg_table(20.0)
    table["time_s"] = np.concatenate([table.time_s[:1200], table.time_s[1200:] - table.time_s[1200]])
    path = save(tmp_path / "restart.csv", table)
    time, acc, _, _ = decoded(open_recording(path), 1)
    same(acc, table[ACC])
    steps = np.diff(time)
    assert (steps > 0).all()
    assert steps[1199] == pytest.approx(1.0)
    np.testing.assert_allclose(np.delete(steps, 1199), 0.01, atol=1e-6)
    assert counts(path)["1"]["clock_restarts"] == 1


def test_a_wrong_time_and_rows_without_one_are_left_out(tmp_path: Path) -> None:
    table = leg_table()
    table.loc[300, "time_s"] = 1e6
    table.loc[500, "time_s"] = -1e6
    table.loc[700:702, "time_s"] = np.nan
    path = save(tmp_path / "wrong.csv", table)
    time, acc, _, _ = decoded(open_recording(path), 1)
    same(acc, table.drop(index=[300, 500, 700, 701, 702])[ACC])
    assert time.max() < 10
    assert counts(path)["1"] == {"rows": 995, "wrong_time": 2, "without_time": 3}


def test_gaps_stay_gaps(tmp_path: Path) -> None:
    table = leg_table().drop(index=range(400, 700))
    time, _, _, _ = decoded(open_recording(save(tmp_path / "gap.csv", table)), 2)
    assert np.diff(time).max() == pytest.approx(3.01)
    assert len(time) == 700


def test_empty_cells_cost_their_own_sensor_only(tmp_path: Path) -> None:
    table = leg_table()
    table.loc[200:209, "shank_gyr_x"] = np.nan
    table.loc[300, "thigh_acc_y"] = np.inf
    recording = open_recording(save(tmp_path / "holes.csv", table))
    thigh, shank = decoded(recording, 1), decoded(recording, 2)
    assert (len(thigh[0]), thigh[3]) == (999, 1)
    assert (len(shank[0]), shank[3]) == (990, 10)


def test_a_cut_off_last_line_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv"
    text = leg_table().to_csv(index=False)
    path.write_text(text[: text.rindex(",", 0, len(text) - 1) - 30])
    recording = open_recording(path)
    assert len(decoded(recording, 1)[0]) >= 999
    assert len(decoded(recording, 2)[0]) == 999


def test_import_writes_a_recording_with_the_same_packets(tmp_path: Path) -> None:
    path = save(tmp_path / "leg.csv", leg_table())
    shares: list[float] = []
    out = import_to_knee(path, tmp_path / "leg.knee", Side.LEFT, shares.append)
    source = open_recording(path, Side.LEFT)
    with Recording(out) as recording:
        assert recording.sensors == source.sensors
        assert recording.start_utc is None
        assert list(recording.records(500)) == list(source.records(500))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with pytest.raises(BadInputError, match="not overwritten"):
        import_to_knee(path, out)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["leg.csv", "leg.knee"]
