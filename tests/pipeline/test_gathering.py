"""Which files are recordings, and what their results are called."""

from pathlib import Path

import pytest

from pipeline.errors import BadInputError
from pipeline.files.gathering import gather
from pipeline.files.recorder import RecordingWriter
from tests.pipeline.leg_table import leg_table
from tests.pipeline.result_folder import write_results

_XIMU3 = "Timestamp (us),Gyroscope X (deg/s),Gyroscope Y (deg/s),Gyroscope Z (deg/s),Accelerometer X (g)\n0,0,0,0,1\n"


def _touch(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _names(given: list[Path], out: Path) -> dict[str, list[str]]:
    """The wished name of each recording, and the names of its files."""
    return {s.names[0].as_posix(): [file.name for file in s.files] for s in gather(given, out).sources}


def test_a_folder_is_searched_for_what_looks_like_a_recording(tmp_path: Path) -> None:
    root = tmp_path / "study"
    _touch(root / "a" / "recording.knee")
    write_results(root / "a")
    _touch(root / "b.KNEE")
    (root / "deep").mkdir()
    leg_table(1.0).to_csv(root / "deep" / "walk.v2.csv", index=False)
    leg_table(1.0).to_parquet(root / "deep" / "squat.parquet")
    _touch(root / "notes.txt", "nothing")
    _touch(root / "diary.csv", "day,mood\n1,good\n")
    _touch(root / ".hidden.knee")
    _touch(root / ".hidden" / "c.knee")
    _touch(root / "recording.knee")
    for segment in ("thigh", "shank"):
        _touch(root / "xio" / f"left_{segment}" / "Inertial.csv", _XIMU3)
    (root / "link.knee").symlink_to(root / "b.KNEE")
    _touch(root / "results" / "old.knee")
    assert _names([root], root / "results") == {
        "a": ["recording.knee"],
        "b": ["b.KNEE"],
        "deep/walk.v2": ["walk.v2.csv"],
        "deep/squat": ["squat.parquet"],
        "xio": ["xio"],
        "study": ["recording.knee"],
    }
    assert sorted(path.name for path in gather([root], root / "results").passed) == ["diary.csv", "notes.txt"]


def test_what_is_named_is_taken_as_it_is(tmp_path: Path) -> None:
    """Patterns too; each recording once; a live session is called after its folder."""
    _touch(tmp_path / "monday" / "recording.knee")
    _touch(tmp_path / "tuesday" / "recording.knee")
    odd = _touch(tmp_path / "odd.csv", "day,mood\n1,good\n")
    given = [tmp_path / "*day" / "recording.knee", odd, tmp_path / "**" / "recording.knee", tmp_path / "gone.csv"]
    assert _names(given, tmp_path / "out") == {
        "monday": ["recording.knee"],
        "tuesday": ["recording.knee"],
        "odd": ["odd.csv"],
        "gone": ["gone.csv"],
    }


def test_thigh_and_shank_are_one_recording(tmp_path: Path) -> None:
    movella = "DeviceTag:,x\n\nPacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z\n0,0,0,0,9.8,0,0,0\n"
    for name in ("p1_thigh.csv", "p1_shank.csv", "p2_thigh.csv", "p2_shank.csv"):
        _touch(tmp_path / "dot" / name, movella)
    found = _names([tmp_path / "dot"], tmp_path / "out")
    assert sorted(map(sorted, found.values())) == [["p1_shank.csv", "p1_thigh.csv"], ["p2_shank.csv", "p2_thigh.csv"]]


@pytest.mark.parametrize("given", ["empty", "*.knee"])
def test_nothing_there_is_one_line(given: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match=r"no recording|no file matches"):
        gather([tmp_path / given], tmp_path / "out")


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "walk [1].knee", [], {}):
        pass
    assert _names([tmp_path / "walk [1].knee"], tmp_path / "out") == {"walk [1]": ["walk [1].knee"]}
