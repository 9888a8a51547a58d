"""x-IMU3 folders, MT Manager's text and WitMotion's log: every sample arrives, in SI units, at its time."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.errors import BadInputError
from pipeline.files.importing import import_to_knee
from pipeline.files.opening import grouped, open_recording
from pipeline.files.recording import Recording
from pipeline.records import Notification, Segment, Side
from tests.pipeline.leg_table import decoded
from tests.shared_data import dataset

XIMU3 = "Timestamp (us),Gyroscope X (deg/s),Gyroscope Y (deg/s),Gyroscope Z (deg/s)," + ",".join(
    f"Accelerometer {axis} (g)" for axis in "XYZ"
)
XSENS = """// General information:
//  MT Manager version: 2022.2.0
//  DeviceId: {device}
//  Firmware Version: 4.6.0
// Update Rate: 100.0Hz
// Coordinate system: ENU
PacketCounter\tSampleTimeFine\tYear\tAcc_X\tAcc_Y\tAcc_Z\tGyr_X\tGyr_Y\tGyr_Z\tMag_X\tMag_Y\tMag_Z\tRoll
"""
WITMOTION = "Time\tDevice name\tChip Time()\t" + "\t".join(
    [f"Acceleration {axis}(g)" for axis in "XYZ"]
    + [f"Angular velocity {axis}(°/s)" for axis in "XYZ"]
    + [f"Angle {axis}(°)" for axis in "XYZ"]
)


def ximu3(path: Path, first_us: int = 5_000_000, count: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{first_us + 20_000 * k},{k},0,-1,0.5,0,-1.0" for k in range(count)]
    path.write_text("\n".join([XIMU3, *rows]) + "\n")
    return path


def xsens(path: Path, first: int, count: int = 400, device: str = "00B4", lost: tuple[int, ...] = ()) -> Path:
    """Samples that turn about x at (number of the sample) mrad/s."""
    rows = [
        f"{(first + k) % 65536:05d}\tNaN\tNaN\t0.1\t0.2\t9.8\t{(first + k) / 1000:.6f}\t0\t0\t1\t1\t1\t5"
        for k in range(count)
        if k not in lost
    ]
    path.write_text(XSENS.format(device=device) + "\n".join(rows) + "\n")
    return path


def test_an_ximu3_folder_gives_both_legs_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    for side in ("left", "right"):
        for segment in ("upper_leg", "lower_leg", "foot"):
            ximu3(tmp_path / f"{side}_{segment}_inertial.csv", 5_000_000 + (side == "right") * 100_000)
            (tmp_path / f"{side}_{segment}_quaternion.csv").write_text("Timestamp (us),W,X,Y,Z\n")
    ximu3(tmp_path / "pelvis_inertial.csv")
    both = open_recording(tmp_path)
    assert [(s.id, s.side, s.segment) for s in both.sensors] == [
        (1, Side.LEFT, Segment.THIGH),
        (2, Side.LEFT, Segment.SHANK),
        (3, Side.RIGHT, Segment.THIGH),
        (4, Side.RIGHT, Segment.SHANK),
    ]
    time, acc, gyr, _ = decoded(both, 3)
    np.testing.assert_allclose(time, 0.1 + 0.02 * np.arange(200), atol=1e-9)
    np.testing.assert_allclose(acc[5], [0.5 * STANDARD_GRAVITY, 0, -STANDARD_GRAVITY])
    np.testing.assert_allclose(gyr[7], np.radians([7, 0, -1]))
    right = open_recording(tmp_path, Side.RIGHT)
    assert {sensor.side for sensor in right.sensors} == {Side.RIGHT}
    assert decoded(right, 1)[0][0] == 0.0


def test_ximu3_files_may_lie_in_folders_or_be_named(tmp_path: Path) -> None:
    thigh = ximu3(tmp_path / "My Thigh" / "Inertial.csv")
    shank = ximu3(tmp_path / "My Shank" / "Inertial.csv")
    for source in (tmp_path, (shank, thigh)):
        recording = open_recording(source, Side.LEFT)
        assert [(s.side, s.segment) for s in recording.sensors] == [
            (Side.LEFT, Segment.THIGH),
            (Side.LEFT, Segment.SHANK),
        ]


def test_a_bad_ximu3_folder_is_refused(tmp_path: Path) -> None:
    ximu3(tmp_path / "left_thigh_inertial.csv")
    with pytest.raises(BadInputError, match="no inertial CSV file named for the left shank"):
        open_recording(tmp_path)
    with pytest.raises(BadInputError, match="named for the thigh and shank"):
        open_recording(tmp_path, Side.RIGHT)
    ximu3(tmp_path / "left_shank_inertial.csv", first_us=900_000_000)
    with pytest.raises(BadInputError, match=r"overlap by 0\.0 s only"):
        open_recording(tmp_path)
    ximu3(tmp_path / "left_femur_inertial.csv")
    with pytest.raises(BadInputError, match="are both the left thigh"):
        open_recording(tmp_path)


def test_a_real_ximu3_recording(tmp_path: Path) -> None:
    """18 s of both legs at 50 Hz with lost packets: rows and times of the files, gravity about 9.8 m/s2."""
    folder = dataset("xio_lower_body")
    out = import_to_knee(folder, tmp_path / "xio.knee")
    names = ["left_upper_leg", "left_lower_leg", "right_upper_leg", "right_lower_leg"]
    with Recording(out) as recording:
        assert [sensor.name for sensor in recording.sensors] == [f"{name}_inertial" for name in names]
        offsets = []
        for number, name in enumerate(names, start=1):
            rows = np.loadtxt(folder / f"{name}_inertial.csv", delimiter=",", skiprows=1)
            time, acc, gyr, rejected = decoded(recording, number)
            assert (len(time), rejected) == (len(rows), 0)
            assert np.diff(time).max() > 0.03
            np.testing.assert_allclose(np.degrees(gyr), rows[:, 1:4], atol=1e-9)
            assert np.median(np.linalg.norm(acc, axis=1)) == pytest.approx(9.8, abs=0.4)
            offsets.append(rows[:, 0] * 1e-6 - time)
        assert np.ptp(np.concatenate(offsets)) < 1e-6


@pytest.mark.parametrize("first", [100, 65_400])
def test_xsens_files_are_aligned_by_their_counter_across_the_wrap(tmp_path: Path, first: int) -> None:
    thigh = xsens(tmp_path / "MT_0120_thigh.txt", first, lost=(50, 51, 52))
    shank = xsens(tmp_path / "MT_0120_shank.txt", first - 4, device="00B5")
    recording = open_recording(shank, Side.LEFT)
    assert [(s.address, s.name, s.firmware) for s in recording.sensors] == [
        ("MT_0120_thigh.txt", "00B4", "4.6.0"),
        ("MT_0120_shank.txt", "00B5", "4.6.0"),
    ]
    time, acc, gyr, _ = decoded(recording, 1)
    np.testing.assert_allclose(gyr[:, 0], time * 0.1 + first / 1000, atol=1e-5)
    assert np.diff(time).max() == pytest.approx(0.04)
    assert acc[3].tolist() == [0.1, 0.2, 9.8]
    time, _, gyr, _ = decoded(recording, 2)
    assert time[0] == pytest.approx(-0.04)
    np.testing.assert_allclose(gyr[:, 0], time * 0.1 + first / 1000, atol=1e-5)
    assert grouped([shank, thigh]) == [(thigh, shank)]


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("does not tell its update rate", lambda text: text.replace("Update Rate", "Rate")),
        ("lacks the columns? Gyr_X", lambda text: text.replace("Gyr_X", "Vel_X")),
        (
            "line 9, column Acc_Z: 'oops' is no number",
            lambda text: text.replace("9.8", "oops", 2).replace("oops", "9.8", 1),
        ),
        ("look like deg/s", lambda text: text.replace("\t0\t0\t1", "\t0\t900\t1")),
        ("no rows", lambda text: "\n".join(text.splitlines()[:7]) + "\n"),
    ],
)
def test_a_bad_xsens_file_is_refused(tmp_path: Path, message: str, change: Callable[[str], str]) -> None:
    thigh = xsens(tmp_path / "a_thigh.txt", 10)
    xsens(tmp_path / "a_shank.txt", 10)
    thigh.write_text(change(thigh.read_text()))
    with pytest.raises(BadInputError, match=message) as caught:
        open_recording(thigh)
    assert "\n" not in str(caught.value)


def witmotion_log(
    path: Path, *, count: int = 300, names: tuple[str, ...] = ("aa:01", "aa:02"), encoding: str = "utf-8", **kind: str
) -> Path:
    """Two sensors at 100 Hz whose frames arrive in bursts of three, around midnight."""
    lines = ["StartTime: 2024-03-19", kind.get("header", WITMOTION)]
    for k in range(count):
        at = 86_398.5 + (k // 3) * 0.03
        clock = f" {int(at // 3600) % 24:02d}:{int(at // 60) % 60:02d}:{at % 60:06.3f}"
        for number, name in enumerate(names):
            cells = [0.5, -1.0 + number / 4, 0.0, k / 2, -20.0, 0.25, 1.0, 2.0, 3.0]
            lines.append(f"{clock}\t{name}\t\t" + "\t".join(f"{cell:.3f}" for cell in cells))
    text = "\n".join(lines) + "\n"
    path.write_bytes((text.replace(".", ",") if kind.get("decimal") == "," else text).encode(encoding))
    return path


@pytest.mark.parametrize(("encoding", "decimal"), [("utf-8", "."), ("gbk", "."), ("utf-8-sig", ","), ("gbk", ",")])
def test_a_witmotion_log_becomes_the_notifications_that_it_was_made_of(
    tmp_path: Path, encoding: str, decimal: str
) -> None:
    path = witmotion_log(tmp_path / "log.txt", encoding=encoding, decimal=decimal)
    recording = open_recording(path, Side.LEFT)
    assert [(s.driver, s.address, s.segment) for s in recording.sensors] == [
        ("witmotion", "aa:01", Segment.THIGH),
        ("witmotion", "aa:02", Segment.SHANK),
    ]
    records = [record for part in recording.records(7) for record in part]
    assert [record.seq for record in records] == list(range(1, 601))
    times = [record.host_time_ns for record in records]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (0, 2_970_000_000)
    for sensor in (1, 2):
        own = [r for r in records if isinstance(r, Notification) and r.sensor == sensor]
        assert len(own) == 300
        for k, record in enumerate(own):
            assert len(record.payload) == 20
            # The maker's frame: 0x55 0x61, acceleration over 16 g, angular rate over 2000 deg/s, angles, all of 32768.
            first, second, *words = struct.unpack("<BB9h", record.payload)
            assert (first, second) == (0x55, 0x61)
            acc = np.array(words[:3]) / 32768 * 16
            gyr = np.array(words[3:6]) / 32768 * 2000
            np.testing.assert_allclose(acc, [0.5, -1.0 + (sensor - 1) / 4, 0.0], atol=16 / 32768)
            np.testing.assert_allclose(gyr, [k / 2, -20.0, 0.25], atol=2000 / 32768)
    assert json.loads(recording.meta["import"])["sensors"]["2"] == {"rows": 300}


def test_names_tell_the_witmotion_sensors_apart(tmp_path: Path) -> None:
    recording = open_recording(witmotion_log(tmp_path / "log.txt", names=("WT shank", "WT thigh")))
    assert [s.address for s in recording.sensors] == ["WT thigh", "WT shank"]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("holds 1 sensors", {"names": ("aa:01",)}),
        ("holds 3 sensors", {"names": ("aa:01", "aa:02", "aa:03")}),
        ("too short", {"count": 60}),
        ("lacks the column Device name", {"header": WITMOTION.replace("Device name", "Gadget")}),
        ("lacks the column Time", {"header": WITMOTION.replace("Time\t", "When\t", 1)}),
    ],
)
def test_a_bad_witmotion_log_is_refused(tmp_path: Path, message: str, arguments: dict[str, object]) -> None:
    path = witmotion_log(tmp_path / "log.txt", **arguments)
    with pytest.raises(BadInputError, match=message) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)
