"""A person's thresholds on the command line, in the recording, and learnt from guided repetitions."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipeline.blocks import Activity
from pipeline.commands.main import run
from pipeline.population import population_reference
from pipeline.records import Side
from pipeline.thresholds import load_thresholds

NEVER = "excess_deg = [60, 70, 80]\ncollapse_deg = [60, 70, 80]\nsd_factor = 3\nrepetitions = [3, 5]\n"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration, in which the knee falls inward several times."""
    folder = tmp_path_factory.mktemp("recorded")
    assert run(["simulate", "--seed", "101", "--out", str(folder)]) == 0
    return folder / "recording.knee"


def episodes(folder: Path) -> int:
    return len(pd.read_csv(folder / "episodes.csv"))


def test_the_thresholds_of_the_call_go_before_those_of_the_recording(recording: Path, tmp_path: Path) -> None:
    """A live session's profile lies in its recording and serves every later analysis, until another one is given."""
    own, usual = tmp_path / "own.knee", tmp_path / "usual.toml"
    own.write_bytes(recording.read_bytes())
    with closing(sqlite3.connect(own)) as database, database:
        database.execute("INSERT OR REPLACE INTO meta VALUES ('thresholds', ?)", (NEVER,))
    usual.write_text("")
    assert run(["replay", str(own), "--out", str(tmp_path / "as_recorded")]) == 0
    assert run(["process", str(own), "--out", str(tmp_path / "asked"), "--thresholds", str(usual)]) == 0
    assert episodes(tmp_path / "as_recorded") == 0 and episodes(tmp_path / "asked") >= 4
    told = json.loads((tmp_path / "as_recorded" / "summary.json").read_text())
    assert told["parameters"]["valgus"]["right"]["excess_deg"] == {"all": [60.0, 70.0, 80.0]}
    assert told["sets"] and all(s["asked"] == [3, 5] for s in told["sets"])
    assert all(s["collapsed"] == 0 for s in told["sets"])


def test_a_bad_profile_is_one_line_and_writes_nothing(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("excess_deg = [8, 5, 10]\n")
    for command in ("process", "replay"):
        assert run([command, str(recording), "--out", str(tmp_path / "out"), "--thresholds", str(bad)]) == 1
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kneetrack")]
        assert "bad.toml" in line and "excess_deg must be three rising angles" in line
    assert not (tmp_path / "out").exists()


def test_clean_movement_is_learnt_from_a_recording_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guided, clean = tmp_path / "guided", tmp_path / "anna.toml"
    script = "stand:6,flex:6,squat:4*0.8,stand:3,single_leg_squat:3*0.8,stand:3"
    assert run(["simulate", "--seed", "102", "--script", script, "--out", str(guided)]) == 0
    words = ["calibrate", str(guided / "recording.knee"), "--out", str(tmp_path / "anna.json")]
    assert run([*words, "--clean", str(clean)]) == 0
    assert "clean movement of" in capsys.readouterr().out
    learnt = load_thresholds(clean).of(Side.RIGHT).clean
    usual = population_reference()
    assert learnt.of(Activity.SQUAT) != usual.of(Activity.SQUAT)
    assert learnt.of(Activity.LUNGE) == usual.of(Activity.LUNGE)
    truth = pd.read_parquet(guided / "truth_angles_right.parquet")
    deep = truth[(truth["activity"] == "squat") & ((truth["flexion_deg"] - 75.0).abs() < 10.0)]
    assert learnt.of(Activity.SQUAT).at(75.0)[1] == pytest.approx(deep["medial_collapse_deg"].median(), abs=3.0)
    out = tmp_path / "out"
    assert run(["process", str(guided / "recording.knee"), "--out", str(out), "--thresholds", str(clean)]) == 0
    told = json.loads((out / "summary.json").read_text())["parameters"]["valgus"]["right"]
    assert {"squat", "single_leg_squat"} <= set(told["clean_reference_own"])
    assert episodes(out) == 0
    assert run(["calibrate", "--out", str(tmp_path / "live.json"), "--virtual", "--clean", str(clean)]) == 1
