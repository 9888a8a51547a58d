"""A copy without identity: not one secret in any file, and the same angles to the last bit."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.blocks import Activity
from pipeline.commands.corrections import recorded_corrections
from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.files.anonymising import anonymise_recording, anonymise_session
from pipeline.files.identity import NO_DATE, event_without_identity, without_identity
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.records import Notification, Segment, SensorInfo, Side
from pipeline.thresholds import read_thresholds
from tests.pipeline.identified import INERTIAL, SECRETS, identified_recording
from tests.pipeline.result_folder import write_results
from tests.pipeline.test_private_files import PROFILE


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic's session: recorded, replayed into the same folder, with a note beside it."""
    folder = tmp_path_factory.mktemp("clinic") / "session"
    identified_recording(folder / "recording.knee", profile=PROFILE)
    assert run(["replay", str(folder / "recording.knee"), "--out", str(folder)]) == 0
    (folder / "notes.txt").write_text("Anna hinkt", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def copy(session: Path) -> Path:
    out = session.parent / "copy"
    assert run(["anonymise", str(session), "--out", str(out)]) == 0
    return out


def test_no_secret_is_in_any_file(session: Path, copy: Path) -> None:
    source, made = all_bytes(session), all_bytes(copy)
    for secret in SECRETS:
        assert secret.encode() in source, secret
        assert secret.encode() not in made, secret
    assert {path.name for path in copy.iterdir()} == {path.name for path in session.iterdir()} - {"notes.txt"}


def test_tables_are_unchanged_and_a_replay_gives_the_same_angles(session: Path, copy: Path, tmp_path: Path) -> None:
    for name in ("angles.parquet", "steps.csv", "episodes.csv", "summary.csv"):
        assert (copy / name).read_bytes() == (session / name).read_bytes()
    assert run(["replay", str(copy / "recording.knee"), "--out", str(tmp_path)]) == 0
    again = pd.read_parquet(tmp_path / "angles.parquet")
    pd.testing.assert_frame_equal(again, pd.read_parquet(session / "angles.parquet"), check_exact=True)
    assert again["valid"].any()
    assert (tmp_path / "episodes.csv").read_bytes() == (session / "episodes.csv").read_bytes()


def test_how_the_session_is_corrected_and_judged_stays(session: Path, copy: Path) -> None:
    with Recording(session / "recording.knee") as old, Recording(copy / "recording.knee") as new:
        one, two = read_thresholds(old.meta["thresholds"]), read_thresholds(new.meta["thresholds"])
        assert (one.legs, one.prescription) == (two.legs, two.prescription)
        assert two.of(Side.LEFT).of(Activity.SQUAT).collapse_deg == (4.0, 6.0, 8.0)
        np.testing.assert_array_equal(recorded_corrections(new, "copy")[1].gyr_bias, INERTIAL.gyr_bias)


def test_summary_and_events_keep_the_figures(session: Path, copy: Path) -> None:
    before, after = (json.loads((folder / "summary.json").read_text()) for folder in (session, copy))
    assert (before["person"], after.get("person"), after["start_utc"]) == ("p07", None, NO_DATE)
    for key in ("rows", "sets", "thirds", "worst_steps", "calibration", "versions", "parameters", "mode"):
        assert after[key] == before[key], key
    lines = [[json.loads(line) for line in (f / "events.jsonl").open(encoding="utf-8")] for f in (session, copy)]
    assert len(lines[0]) == len(lines[1]) > 20
    for old, new in zip(*lines, strict=True):
        assert (old["seq"], old["time_s"], old["kind"]) == (new["seq"], new["time_s"], new["kind"])
        assert new["host_time"].startswith("2000-01-01T00:0")
        if old["kind"] != "marker":
            assert {**old, "host_time": ""} == {**new, "host_time": ""}


def test_recording_keeps_packets_and_times(session: Path, copy: Path) -> None:
    with Recording(session / "recording.knee") as old, Recording(copy / "recording.knee") as new:
        one, two = (
            [r for batch in recording.records() for r in batch if isinstance(r, Notification)]
            for recording in (old, new)
        )
        assert one == two
        assert [(s.address, s.name, s.firmware) for s in new.sensors] == [
            ("sensor-1", "", "2.1.0"), ("sensor-2", "", "2.1.0"),
        ]  # fmt: skip
        assert new.profiles[Side.RIGHT]["alignment"] == old.profiles[Side.RIGHT]["alignment"]
        assert new.meta["start_utc"] == NO_DATE


def test_a_recording_alone_is_copied_as_a_recording(session: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.knee"
    assert run(["anonymise", str(session / "recording.knee"), "--out", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["copy.knee"]
    # No page of the database remembers what was left out.
    db = sqlite3.connect(out)
    dump = "\n".join(db.iterdump())
    db.close()
    assert not [secret for secret in SECRETS if secret in dump]


def test_what_is_there_is_not_overwritten_and_what_is_no_session_is_refused(session: Path, tmp_path: Path) -> None:
    for source, out, words in (
        (session, session.parent, "there already"),
        (tmp_path, tmp_path / "new", "holds no session"),
        (tmp_path / "missing", tmp_path / "new", "is no folder"),
    ):
        with pytest.raises(BadInputError, match=words):
            anonymise_session(source, out)
    assert list(tmp_path.iterdir()) == []


def test_a_half_made_copy_is_taken_away(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "s", steps=8, versions={})
    (folder / "events.jsonl").write_text('{"seq": 1}\nAnna hinkt\n', encoding="utf-8")
    with pytest.raises(BadInputError, match="line 2 is no event"):
        anonymise_session(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_calendars_time_inside_the_packets_is_refused(tmp_path: Path) -> None:
    sensor = SensorInfo(1, "", "table", Side.RIGHT, Segment.THIGH)
    with RecordingWriter(tmp_path / "a.knee", [sensor], {}) as writer:
        writer.append([Notification(1, 1_763_628_764_000_000_000, 1, "x", b"1")])
    with pytest.raises(BadInputError, match="calendar"):
        anonymise_recording(tmp_path / "a.knee", tmp_path / "b.knee")
    assert not (tmp_path / "b.knee").exists()


def test_a_field_that_nobody_knows_yet_is_left_out_where_it_is_a_text() -> None:
    told = {"side": "left", "clinic": "Praxis Anna", "deep": [{"phone": "0123", "count": 3}], "activity": "Anna Müller"}
    assert without_identity(told) == {
        "side": "left", "clinic": None, "deep": [{"phone": None, "count": 3}], "activity": None,
    }  # fmt: skip
    kept = event_without_identity("connected", {"sensor": 2, "address": "AA:BB", "name": "Anna", "rssi_dbm": -60})
    assert kept == {"sensor": 2, "rssi_dbm": -60}
