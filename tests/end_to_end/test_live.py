"""A live session over the virtual radio, from outside: complete files, and a replay that is the same bit for bit."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import pandas as pd
import pytest

from firmware_interface.errors import RadioError
from pipeline.commands.connecting import Wanted, connected
from pipeline.commands.live import _folder
from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.files.recording import Recording
from tests.end_to_end.kneetrack import command, environment, kneetrack

TABLES = ["steps.csv", "episodes.csv", "summary.csv", "events.jsonl"]
FILES = {
    *TABLES,
    "angles.parquet",
    "steps.parquet",
    "episodes.parquet",
    "summary.json",
    "report.html",
}


def _complete(folder: Path, live: bool = True) -> None:
    names = {file.name for file in folder.iterdir()}
    assert names == FILES | ({"recording.knee"} if live else set())
    pd.read_parquet(folder / "angles.parquet")
    json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines():
        json.loads(line)


def _same(one: Path, other: Path) -> None:
    pd.testing.assert_frame_equal(
        pd.read_parquet(one / "angles.parquet"), pd.read_parquet(other / "angles.parquet"), check_exact=True
    )
    for name in TABLES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 s: standing, flexions, the first steps."""
    folder = tmp_path_factory.mktemp("live") / "session"
    said = kneetrack("live", "--virtual", "--for", 25, "--no-dashboard", "--out", folder)
    assert said.code == 0, said.err
    assert "Summary" in said.out and str(folder) in said.out
    assert "bend the knee slowly" in said.out
    return folder


def test_live_leaves_complete_files(session: Path) -> None:
    _complete(session)
    told = json.loads((session / "summary.json").read_text(encoding="utf-8"))
    assert told["start_utc"] and told["sensors"]["right thigh"]["samples"] > 500
    angles = pd.read_parquet(session / "angles.parquet")
    assert angles["valid"].any() and set(angles["side"]) == {"right"}


def test_replay_is_the_same_bit_for_bit(session: Path, tmp_path: Path) -> None:
    said = kneetrack("replay", session / "recording.knee", "--out", tmp_path / "again")
    assert said.code == 0, said.err
    _complete(tmp_path / "again", live=False)
    _same(session, tmp_path / "again")


def test_paced_replay_is_the_same_bit_for_bit(session: Path, tmp_path: Path) -> None:
    assert run(["replay", str(session / "recording.knee"), "--speed", "25", "--out", str(tmp_path / "again")]) == 0
    _same(session, tmp_path / "again")


@pytest.fixture(scope="module")
def processed(session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processed") / "out"
    assert run(["process", str(session / "recording.knee"), "--orientations", "--out", str(folder)]) == 0
    return folder


def test_process_takes_the_recording(processed: Path) -> None:
    names = {file.name for file in processed.iterdir()}
    assert names == FILES | {"orientations.parquet"}
    quaternions = pd.read_parquet(processed / "orientations.parquet")
    norm = (quaternions[[f"shank_{axis}" for axis in "wxyz"]] ** 2).sum(axis=1).dropna()
    assert len(norm) > 1000 and norm.between(0.999, 1.001).all()


def test_process_of_several_goes_on_after_a_bad_one(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.knee"
    bad.write_text("nothing", encoding="utf-8")
    good = tmp_path / "good.knee"
    good.write_bytes((session / "recording.knee").read_bytes())
    assert run(["process", str(bad), str(good), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 1
    _complete(tmp_path / "out" / "good", live=False)
    assert not (tmp_path / "out" / "bad").exists()
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kneetrack: ")]
    assert len(err) == 2 and "bad.knee" in err[0] and "1 of 2" in err[1]


def test_calibrate_and_use_the_profile(session: Path, tmp_path: Path) -> None:
    profile, recording = tmp_path / "profile.json", str(session / "recording.knee")
    assert run(["calibrate", recording, "--static-valgus", "3.5", "--out", str(profile)]) == 0
    told = json.loads(profile.read_text(encoding="utf-8"))
    assert told["side"] == "right" and told["static_valgus_deg"] == 3.5 and set(told["sensors"]) == {"thigh", "shank"}
    assert run(["process", recording, "--calibration", str(profile), "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["structural_valgus_deg"] == {"right": 3.5}


def test_export_can_be_processed_again(session: Path, processed: Path, tmp_path: Path) -> None:
    """The samples of the recording on one grid, as a table, give nearly the angles of the recording."""
    table = tmp_path / "table.parquet"
    assert run(["export", str(session / "recording.knee"), "--out", str(table)]) == 0
    assert run(["process", str(table), "--out", str(tmp_path / "out")]) == 0
    a, b = (_by_hundredth(folder) for folder in (processed, tmp_path / "out"))
    both = a.merge(b, on="row", suffixes=("_a", "_b")).query("valid_a and valid_b")
    assert len(both) > 500
    assert (both["flexion_deg_a"] - both["flexion_deg_b"]).abs().median() < 1.0


def _by_hundredth(folder: Path) -> pd.DataFrame:
    angles = pd.read_parquet(folder / "angles.parquet")
    return angles.assign(row=(100.0 * angles["time_s"]).round().astype(int))


def test_an_existing_recording_is_not_overwritten(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (session / "recording.knee").read_bytes()
    assert run(["live", "--virtual", "--for", "1", "--out", str(session)]) == 1
    assert "not overwritten" in capsys.readouterr().err
    assert (session / "recording.knee").read_bytes() == before


def test_recording_holds_one_sequence(session: Path) -> None:
    with sqlite3.connect(session / "recording.knee") as db:
        numbers = [
            row[0] for row in db.execute("SELECT seq FROM notification UNION ALL SELECT seq FROM event ORDER BY 1")
        ]
        kinds = {row[0] for row in db.execute("SELECT kind FROM event")}
        rates = [row[0] for row in db.execute("SELECT count(*) FROM event WHERE kind = 'tick'")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {"connected", "tick", "stop"} <= kinds
    assert 60 <= rates[0] <= 130


def test_a_session_of_the_same_second_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions begun at once, or a clock that was set back."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 10, 25, 2, 30, 0)

    monkeypatch.setattr("pipeline.commands.live.datetime", Stopped)
    monkeypatch.chdir(tmp_path)
    for end in ("", "_2", "_3"):
        folder = _folder(None, 1)
        assert folder == Path("sessions") / f"2026-10-25_023000{end}"
        folder.mkdir(parents=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single child process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_session_is_complete(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "session"
    child = subprocess.Popen(
        command("live", "--virtual", "--out", folder), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _wait_for_notifications(folder / "recording.knee", 150, child)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err.decode()
    assert b"Traceback" not in err and b"Written to" in out
    _complete(folder)
    assert run(["replay", str(folder / "recording.knee"), "--out", str(tmp_path / "again")]) == 0
    _same(folder, tmp_path / "again")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single child process")
def test_interrupted_before_the_first_sample(tmp_path: Path) -> None:
    child = subprocess.Popen(
        command("live", "--virtual", "--out", tmp_path / "session"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    child.stderr.readline()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err.decode()
    assert b"Traceback" not in err


def test_killed_session_can_be_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    child = subprocess.Popen(
        command("live", "--virtual", "--out", folder),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for_notifications(folder / "recording.knee", 300, child)
    child.kill()
    child.wait()
    assert run(["replay", str(folder / "recording.knee"), "--out", str(tmp_path / "again")]) == 0
    assert len(pd.read_parquet(tmp_path / "again" / "angles.parquet")) > 100


def _wait_for_notifications(path: Path, count: int, child: "subprocess.Popen[bytes]") -> None:
    """Until so many notifications are recorded: the file can be read while it grows."""
    for _ in range(600):
        assert child.poll() is None, "the session ended by itself"
        if path.exists():
            try:
                with Recording(path) as recording:
                    if sum(map(len, recording.records())) > count:
                        return
            except BadInputError:  # It has only just been made.
                pass
        time.sleep(0.1)
    raise AssertionError("nothing was recorded within a minute")


def test_both_legs_with_mixed_drivers(tmp_path: Path) -> None:
    said = kneetrack("live", "--virtual", "--side", "both", "--for", 4, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    with Recording(tmp_path / "out" / "recording.knee") as recording:
        places = {(str(sensor.side), str(sensor.segment)) for sensor in recording.sensors}
        drivers = {sensor.driver for sensor in recording.sensors}
    assert len(places) == 4 and drivers == {"movella_dot", "witmotion", "open_format"}
    assert set(pd.read_parquet(tmp_path / "out" / "angles.parquet")["side"]) == {"left", "right"}


def test_no_adapter_is_a_radio_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the operating system's stack raises comes out as one clear line."""

    class NoAdapter:
        def __init__(self, *args: object, **options: object) -> None:
            raise OSError("No such adapter\nat all")

    monkeypatch.setattr("firmware_interface.scanning.BleakScanner", NoAdapter)

    async def connect() -> None:
        from pipeline.records import Side

        async with connected(Wanted((Side.RIGHT,), 100.0), None):
            raise AssertionError("connected without an adapter")

    with pytest.raises(RadioError, match="Bluetooth does not work on this computer") as error:
        asyncio.run(connect())
    assert "\n" not in str(error.value)
