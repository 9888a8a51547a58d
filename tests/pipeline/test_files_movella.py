"""The Movella DOT app's pair: found, aligned by its clock across the wrap, in SI units; and a real one."""

import csv
from pathlib import Path

import numpy as np
import pytest

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.errors import BadInputError
from pipeline.files.importing import import_to_knee
from pipeline.files.opening import grouped, open_recording
from pipeline.files.recording import Recording
from pipeline.records import Segment, Side
from tests.pipeline.leg_table import decoded
from tests.shared_data import dataset

STEP_US = 16667
HEADER = """sep=,
DeviceTag:,{tag}
FirmwareVersion:,3.0.0
AppVersion:,2023.6.0
SyncStatus:,{status}
OutputRate:,60Hz
FilterProfile:,General
Measurement Mode:,Rate Quantities(with mag)
StartTime: ,{start}
(c)

{names}
"""
NAMES = "PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z,Mag_X,Mag_Y,Mag_Z"


def write_file(
    path: Path,
    first: int,
    count: int = 300,
    start_us: int = 1_000_000,
    tag: str = "",
    status: str = "Synced",
    start: str = "2024-12-09_17:31:07_886 CET",
    names: str = NAMES,
) -> Path:
    """A sensor that turns about x at a rate (deg/s) equal to the number of its sample on the common clock."""
    lines = [HEADER.format(tag=tag, status=status, start=start, names=names)]
    for row, number in enumerate(range(first, first + count), start=1):
        clock = (start_us + number * STEP_US) % 2**32
        lines.append(f"{row},{clock},0.0,{STANDARD_GRAVITY},0.0,{float(number)},0.0,0.0,0.1,0.2,0.3\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("start_us", [1_000_000, 2**32 - 100 * STEP_US])
def test_rows_of_the_same_instant_meet_also_across_the_wrap(tmp_path: Path, start_us: int) -> None:
    thigh = write_file(tmp_path / "walk_thigh.csv", first=7, start_us=start_us)
    write_file(tmp_path / "walk_shank.csv", first=0, start_us=start_us)
    recording = open_recording(thigh, Side.LEFT)
    for sensor, first in ((1, 7), (2, 0)):
        time, acc, gyr, rejected = decoded(recording, sensor)
        numbers = np.arange(first, first + 300)
        np.testing.assert_allclose(time, numbers * STEP_US * 1e-6, atol=1e-6)
        np.testing.assert_allclose(gyr[:, 0], np.radians(numbers))
        np.testing.assert_allclose(acc[:, 1], STANDARD_GRAVITY)
        assert rejected == 0


@pytest.mark.parametrize(
    ("one", "other", "tags"),
    [
        ("walk_thigh.csv", "walk_shank.csv", ("", "")),
        ("P1 Femur 3.csv", "P1 Tibia 3.csv", ("", "")),
        ("left_upper_leg.csv", "left_lower_leg.csv", ("", "")),
        ("D422CD01_2024.csv", "D422CD02_2024.csv", ("Right thigh", "Right shank")),
    ],
)
def test_either_file_finds_the_other_and_the_names_say_which_is_which(
    tmp_path: Path, one: str, other: str, tags: tuple[str, str]
) -> None:
    thigh = write_file(tmp_path / one, first=0, tag=tags[0])
    shank = write_file(tmp_path / other, first=1, tag=tags[1])
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    for named in (thigh, shank, (thigh, shank), (shank, thigh)):
        recording = open_recording(named)
        assert [(s.segment, s.address) for s in recording.sensors] == [(Segment.THIGH, one), (Segment.SHANK, other)]
        assert recording.sensors[0].side is Side.RIGHT


def test_without_words_the_order_counts(tmp_path: Path) -> None:
    paths = (write_file(tmp_path / "b.csv", first=0), write_file(tmp_path / "a.csv", first=0))
    assert [s.address for s in open_recording(paths).sensors] == ["b.csv", "a.csv"]


def test_the_start_is_that_of_the_first_sample(tmp_path: Path) -> None:
    write_file(tmp_path / "w_thigh.csv", first=2, start="2024-12-09_17:31:07_886 CET")
    path = write_file(tmp_path / "w_shank.csv", first=0, start="2024-12-09_17:31:07_853 CET")
    start = open_recording(path).start_utc
    assert start is not None
    assert start.isoformat() == "2024-12-09T16:31:07.853000+00:00"


@pytest.mark.parametrize("start", ["", "yesterday", "2024-13-45_99:00:00_000 UTC", "2024-12-09_17:31:07_886 IST"])
def test_a_start_that_is_not_clear_is_unknown(tmp_path: Path, start: str) -> None:
    write_file(tmp_path / "w_thigh.csv", first=0, start=start)
    assert open_recording(write_file(tmp_path / "w_shank.csv", first=0, start=start)).start_utc is None


def test_several_recordings_are_told_apart(tmp_path: Path) -> None:
    pairs = [
        (write_file(tmp_path / f"{n}_thigh.csv", first=0), write_file(tmp_path / f"{n}_shank.csv", first=0))
        for n in ("one", "two")
    ]
    table = tmp_path / "table.csv"
    table.write_text("time_s\n0\n")
    given = [pairs[0][1], table, pairs[1][0], pairs[0][0], pairs[1][1]]
    assert sorted(grouped(given)) == sorted([pairs[0], pairs[1], (table,)])
    assert grouped([pairs[0][0]]) == [(pairs[0][0],)]


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("overlap by 0.0 s only", {"first": 9000}),
        ("says 'Unsynced': synchronise", {"status": "Unsynced"}),
        ("lacks the columns Acc_X, Acc_Y, Acc_Z", {"names": NAMES.replace("Acc", "FreeAcc")}),
        ("too short", {"count": 60}),
        ("no rows", {"count": 0}),
    ],
)
def test_a_bad_pair_is_refused_in_one_clear_line(tmp_path: Path, message: str, changes: dict[str, object]) -> None:
    thigh = write_file(tmp_path / "walk_thigh.csv", first=0)
    write_file(tmp_path / "walk_shank.csv", **{"first": 0, **changes})
    with pytest.raises(BadInputError, match=message) as caught:
        open_recording(thigh)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_pair_are_refused_in_one_clear_line(tmp_path: Path) -> None:
    thigh = write_file(tmp_path / "walk_thigh.csv", first=0)
    table = tmp_path / "other.csv"
    table.write_text("time_s,x\n1,2\n")
    with pytest.raises(BadInputError, match="no file beside it is the other: name both"):
        open_recording(thigh)
    with pytest.raises(BadInputError, match="two different files"):
        open_recording((thigh, thigh))
    with pytest.raises(BadInputError, match="no CSV file of the Movella DOT app"):
        open_recording((thigh, table))
    with pytest.raises(BadInputError, match="two recordings, not one"):
        open_recording((table, thigh))
    with pytest.raises(BadInputError, match=r"none_shank\.csv does not exist"):
        open_recording((thigh, tmp_path / "none_shank.csv"))
    again = write_file(tmp_path / "again_thigh.csv", first=0)
    with pytest.raises(BadInputError, match="are both thigh sensors"):
        open_recording((thigh, again))
    write_file(tmp_path / "a.csv", first=0)
    with pytest.raises(BadInputError, match="several files could be the other"):
        open_recording(thigh)


def test_text_in_a_row_is_named_with_its_line(tmp_path: Path) -> None:
    thigh, shank = (write_file(tmp_path / f"w_{name}.csv", first=0) for name in ("thigh", "shank"))
    shank.write_text(shank.read_text().replace(",100.0,", ",lost,"))
    line = 1 + shank.read_text().splitlines().index(next(x for x in shank.read_text().splitlines() if "lost" in x))
    with pytest.raises(BadInputError, match=rf"line {line}, column Gyr_X: 'lost' is no number"):
        open_recording((thigh, shank))


def test_a_real_pair(tmp_path: Path) -> None:
    """54 s of a Movella DOT pair at 60 Hz: every value of both files arrives, aligned by their clocks."""
    folder = dataset("imt_movella_dot_knee")
    out = import_to_knee(folder / "knee_tracking1_tibia.csv", tmp_path / "real.knee", Side.RIGHT)
    with Recording(out) as recording:
        assert recording.start_utc is not None
        assert recording.start_utc.isoformat() == "2024-12-09T16:31:07.886000+00:00"
        clocks = []
        for sensor, name in ((1, "femur"), (2, "tibia")):
            with (folder / f"knee_tracking1_{name}.csv").open(encoding="utf-8") as file:
                rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
            values = np.array(rows, dtype=float)
            time, acc, gyr, rejected = decoded(recording, sensor)
            assert rejected == 0
            np.testing.assert_allclose(acc, values[:, 2:5], rtol=1e-12)
            np.testing.assert_allclose(np.degrees(gyr), values[:, 5:8], rtol=1e-12)
            clocks.append(values[:, 1] * 1e-6 - time)
        assert np.ptp(np.concatenate(clocks)) < 1e-6
        assert recording.duration_s == pytest.approx(54.37, abs=0.05)
