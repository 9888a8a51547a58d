"""What a session found as C3D, read back by the library that wrote it and by another one."""

import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.files.angle_table import ANGLES
from pipeline.files.c3d_file import write_c3d
from pipeline.files.c3d_motion import MAX_FRAMES, Motion, lay_out
from pipeline.records import Side
from pipeline.rows import EpisodeRow, StepRow
from tests.pipeline.result_folder import episode, step

RECORDINGS = Path(__file__).parents[2] / "recordings"
RATE = 100.0


def angles(side: str = "right", first_s: float = 0.03, seconds: float = 20.0, rate: float = RATE) -> pd.DataFrame:
    """Each column of angles has a value of its own: k + t / 1000. Not valid in the fourth second."""
    time = (round(first_s * rate) + np.arange(round(seconds * rate))) / rate
    table = pd.DataFrame({"time_s": time, "side": side})
    for k, name in enumerate(ANGLES):
        table[name] = k + 1.0 + time / 1000.0
    table["valid"] = (time < 3.0) | (time >= 4.0)
    return table.assign(status=np.where(table["valid"], "ok", "gap"), activity="walking")


def steps(*rows: StepRow) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=list(StepRow.__dataclass_fields__))


def episodes(*rows: EpisodeRow) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=list(EpisodeRow.__dataclass_fields__))


def told(motion: Motion) -> list[tuple[float, str, str]]:
    return [(round(e.time_s, 6), e.context, e.label) for e in motion.events]


def written(tmp_path: Path, motion: Motion) -> Path:
    pytest.importorskip("ezc3d")
    write_c3d(tmp_path / "out.c3d", motion, "2026-11-20T09:12:44+00:00")
    assert [path.name for path in tmp_path.iterdir()] == ["out.c3d"]
    return tmp_path / "out.c3d"


def read(path: Path) -> Any:
    ezc3d: Any = pytest.importorskip("ezc3d")
    return ezc3d.c3d(str(path))


def test_angles_are_those_of_plug_in_gait() -> None:
    """Abduction (valgus) is negative there; flexion and internal rotation are as here, on both legs."""
    both = pd.concat([angles("left"), angles("right")])
    motion = lay_out(both, steps(), episodes())
    assert [point.label for point in motion.points] == ["RKneeAngles", "LKneeAngles"]
    for point in motion.points:
        at = point.values[:, 1000]
        assert at == pytest.approx([1.0 + 0.01, -(2.0 + 0.01), 3.0 + 0.01])
    by_name = {channel.label: channel for channel in motion.channels}
    assert by_name["LKneeAbduction"].values[1000] == pytest.approx(2.01)
    assert by_name["RValgusExcess"].unit == "deg" and by_name["RValgusExcess"].values[1000] == pytest.approx(4.01)


def test_times_are_those_of_the_session() -> None:
    """Frames before the first row are there, and hold nothing."""
    motion = lay_out(angles(first_s=0.5), steps(), episodes(), [(7.25, "tap")])
    assert motion.offset_s == 0.0 and motion.frames == 2050
    assert np.isnan(motion.points[0].values[:, :50]).all() and np.isfinite(motion.points[0].values[:, 50]).all()
    assert told(motion) == [(7.25, "General", "Marker")]


def test_of_a_part_the_offset_is_told() -> None:
    motion = lay_out(angles(), steps(), episodes(), [(1.0, "before"), (7.25, "in")], from_s=5.0, to_s=8.0)
    assert (motion.offset_s, motion.frames) == (5.0, 301)
    assert motion.channels[0].values[0] == pytest.approx(1.005)
    assert told(motion) == [(2.25, "General", "Marker")]


def test_what_is_not_valid_is_no_angle_but_a_channel() -> None:
    motion = lay_out(angles(), steps(), episodes())
    assert np.isnan(motion.points[0].values[:, 350]).all()
    by_name = {channel.label: channel.values for channel in motion.channels}
    assert by_name["RKneeFlexion"][350] == pytest.approx(1.0035) and by_name["RValid"][350] == 0.0
    assert by_name["RStatus"][[350, 450]].tolist() == [5.0, 0.0]


def test_foot_contacts_repetitions_and_episodes() -> None:
    gait = [step("right", 0, "walking", 5.0, 1.0, 1.0), step("right", 1, "walking", 6.0, 1.0, 1.0)]
    squat = step("left", 0, "squat", 10.0, 1.0, 1.0)
    nan = math.nan
    squats = pd.DataFrame([asdict(squat) | {"cadence_spm": nan, "toe_off_s": nan, "stance_s": nan}])
    both = pd.concat([angles("right"), angles("left")])
    motion = lay_out(both, pd.concat([steps(*gait), squats]), episodes(episode("right", "walking", 5.2, 8.5, 12.0)))
    assert told(motion) == [
        (5.0, "Right", "Foot Strike"),
        (5.2, "Right", "Valgus Start"),
        (5.5, "Right", "Valgus End"),
        (5.6, "Right", "Foot Off"),
        (6.0, "Right", "Foot Strike"),
        (6.6, "Right", "Foot Off"),
        (7.0, "Right", "Foot Strike"),
        (10.0, "Left", "Repetition Start"),
        (11.0, "Left", "Repetition End"),
    ]
    assert motion.events[1].description == "marked, both, hip"


def test_one_leg_of_two() -> None:
    both = pd.concat([angles("right", rate=RATE), angles("left", rate=120.0)])
    with pytest.raises(BadInputError, match=r"different rates.*--side"):
        lay_out(both, steps(), episodes())
    motion = lay_out(both, steps(step("right", 0, "walking", 5.0, 1.0, 1.0)), episodes(), side=Side.LEFT)
    assert [point.label for point in motion.points] == ["LKneeAngles"]
    assert motion.rate_hz == 120.0 and motion.events == ()


def test_holes_are_frames_without_angles() -> None:
    whole = angles()
    motion = lay_out(whole.drop(index=range(600, 700)), steps(), episodes())
    assert motion.frames == lay_out(whole, steps(), episodes()).frames
    assert np.isnan(motion.points[0].values[0, 603:703]).all() and np.isfinite(motion.points[0].values[0, 703])


@pytest.mark.parametrize("part", [{"from_s": 50.0}, {"to_s": -1.0}, {"to_s": 0.02}, {"from_s": 3.0, "to_s": 2.0}])
def test_a_part_without_rows_is_refused(part: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match=r"there are no angles.*they go from 0.03 to 20.02 s"):
        lay_out(angles(), steps(), episodes(), **part)


def test_more_frames_than_c3d_counts_are_refused() -> None:
    long = angles(seconds=700.0)
    with pytest.raises(BadInputError, match="--from and --to"):
        lay_out(long, steps(), episodes())
    assert lay_out(long, steps(), episodes(), to_s=(MAX_FRAMES - 1) / RATE).frames == MAX_FRAMES


def test_ezc3d_reads_what_was_written(tmp_path: Path) -> None:
    rows = [step("right", k, "walking", 5.0 + k, 1.0, 1.0) for k in range(3)]
    motion = lay_out(angles(), steps(*rows), episodes(), [(12.5, "Nächste\nÜbung"), (0.75 + 5.0, "")])
    file = read(written(tmp_path, motion))
    group = file["parameters"]
    assert file["data"]["points"].shape == (4, 1, motion.frames)
    assert file["data"]["points"][:3, 0, 1000] == pytest.approx(motion.points[0].values[:, 1000], abs=1e-5)
    residuals = file["data"]["meta_points"]["residuals"][0, 0]
    assert (residuals == -1.0).sum() == 3 + 100 and residuals[350] == -1.0 and residuals[450] == 0.0
    assert group["POINT"]["ANGLES"]["value"] == ["RKneeAngles"] and group["POINT"]["ANGLE_UNITS"]["value"] == ["deg"]
    assert group["POINT"]["RATE"]["value"] == group["ANALOG"]["RATE"]["value"] == [RATE]
    assert group["ANALOG"]["LABELS"]["value"] == [channel.label for channel in motion.channels]
    for k, channel in enumerate(motion.channels):
        np.testing.assert_allclose(file["data"]["analogs"][0, k], channel.values, rtol=1e-6)
    event = group["EVENT"]
    assert event["USED"]["value"] == [9] and event["TIMES"]["value"].shape == (2, 9)
    assert event["LABELS"]["value"][:2] == ["Foot Strike", "Foot Off"]
    assert set(event["CONTEXTS"]["value"]) == {"Right", "General"}
    assert event["DESCRIPTIONS"]["value"][-1] == "N?chste ?bung" and all(event["DESCRIPTIONS"]["value"])
    assert group["KNEETRACK"]["START_UTC"]["value"] == ["2026-11-20T09:12:44+00:00"]


@pytest.mark.filterwarnings("ignore:incomplete reading of data blocks")  # The last block is filled up.
def test_another_library_reads_the_same(tmp_path: Path) -> None:
    c3d: Any = pytest.importorskip("c3d")
    both = pd.concat([angles("right"), angles("left", first_s=0.2)])
    motion = lay_out(both, steps(step("left", 0, "walking", 5.0, 1.0, 1.0)), episodes(), from_s=1.0)
    with written(tmp_path, motion).open("rb") as stream:
        file = c3d.Reader(stream)
        frames = list(file.read_frames())
        labels = [str(label).strip() for label in file.point_labels]
        times = file.get("EVENT:TIMES").float_array
        offset = file.get("KNEETRACK:TIME_OFFSET").float_value
    assert labels == ["RKneeAngles", "LKneeAngles"] and len(frames) == motion.frames and offset == 1.0
    number, points, analog = frames[250]
    assert number == 251
    assert points[:, 3].tolist() == [-1.0, -1.0]
    assert analog[0, 0] == pytest.approx(1.0 + 3.5 / 1000.0)
    points = frames[900][1]
    for k in range(2):
        assert points[k, :3] == pytest.approx(motion.points[k].values[:, 900], abs=1e-5) and points[k, 3] == 0.0
    assert times.reshape(-1, 2) == pytest.approx(np.array([[0.0, 4.0], [0.0, 4.6], [0.0, 5.0]]))


def test_events_beyond_a_minute_and_beyond_255(tmp_path: Path) -> None:
    rows = [step("right", k, "walking", 5.0 + k, 1.0, 1.0) for k in range(300)]
    motion = lay_out(angles(seconds=320.0), steps(*rows), episodes())
    event = read(written(tmp_path, motion))["parameters"]["EVENT"]
    assert event["USED"]["value"] == [601] == [len(motion.events)]
    assert [len(event[f"LABELS{n}"]["value"]) for n in ("", "2", "3")] == [255, 255, 91]
    times = np.concatenate([event[f"TIMES{n}"]["value"] for n in ("", "2", "3")], axis=1)
    assert (times[1] < 60.0).all() and times[0].max() == 5.0
    assert 60.0 * times[0] + times[1] == pytest.approx([e.time_s for e in motion.events], abs=1e-4)


def test_more_events_than_c3d_holds_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    marks = [(1.0 + k / 1000.0, f"a name of some length {k}") for k in range(5000)]
    with pytest.raises(BadInputError, match=r"5000 events .* --from and --to"):
        write_c3d(tmp_path / "out.c3d", lay_out(angles(), steps(), episodes(), marks))
    assert not list(tmp_path.iterdir())


def test_a_recording_and_its_result_folder_give_the_same_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ezc3d")
    recording, results = str(RECORDINGS / "lunges_and_squats_left.knee"), str(tmp_path / "results")
    assert run(["process", recording, "--out", results]) == 0
    assert run(["export", recording, "--out", str(tmp_path / "a.c3d")]) == 0
    assert run(["export", results, "--out", str(tmp_path / "b.C3D")]) == 0
    assert (tmp_path / "a.c3d").read_bytes() == (tmp_path / "b.C3D").read_bytes()
    file = read(tmp_path / "a.c3d")
    table = pd.read_parquet(tmp_path / "results" / "angles.parquet")
    at = np.rint(table["time_s"].to_numpy() * RATE).astype(int)
    assert file["data"]["points"][1, 0, at] == pytest.approx(-table["abduction_deg"].to_numpy(), abs=1e-4)
    assert file["parameters"]["EVENT"]["LABELS"]["value"].count("Repetition Start") == 8
    capsys.readouterr()
    assert run(["export", results, "--out", str(tmp_path / "c.csv")]) == 1
    assert "export it as .c3d" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["nan", "inf", "1e10"])
def test_a_part_that_is_no_time_is_a_wrong_call(wrong: str, tmp_path: Path) -> None:
    assert run(["export", str(RECORDINGS), "--out", str(tmp_path / "a.c3d"), "--from", wrong]) == 2
    assert run(["export", str(RECORDINGS), "--out", str(tmp_path / "a.csv"), "--from", "3", "--to", "2"]) == 2


def test_what_stands_in_the_way_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.files.opening.open_recording", lambda *_: pytest.fail("it was opened"))
    source = tmp_path / "a.csv"
    source.write_text("time_s\n", encoding="utf-8")
    assert run(["export", str(source), "--out", str(source)]) == 1
    assert "is not overwritten" in capsys.readouterr().err and source.read_text(encoding="utf-8") == "time_s\n"
    assert run(["export", str(source), "--out", str(tmp_path / "missing" / "b.csv")]) == 1
    assert "missing is no folder" in capsys.readouterr().err
    assert run(["process", str(source), "--out", str(source / "results")]) == 1
    assert "cannot be written to (Not a directory)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_missing_package_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    assert run(["export", str(RECORDINGS / "lunges_and_squats_left.knee"), "--out", str(tmp_path / "a.c3d")]) == 1
    assert capsys.readouterr().err == "kneetrack: a C3D file needs ezc3d: pip install 'kneetrack[c3d]'\n"
    assert not list(tmp_path.iterdir())
