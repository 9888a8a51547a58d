"""Forgetting a person: everything that is theirs, nothing that is not, and no way out of the folder."""

import json
import os
from pathlib import Path

import pytest

from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.files.forgetting import delete, find
from pipeline.files.recording import RecordingWriter
from pipeline.person import known_person, person_id
from pipeline.records import Segment, SensorInfo, Side
from pipeline.screens.trends import write_trends
from tests.pipeline.result_folder import write_results

_SENSOR = SensorInfo(1, "AA", "open_format", Side.RIGHT, Segment.THIGH)
_VERSIONS = {"kneetrack": "0.1.0"}


def recording(path: Path, person: str | None) -> Path:
    with RecordingWriter(path, [_SENSOR], {"person": person} if person else {}):
        pass
    return path


def session(folder: Path, person: str | None) -> Path:
    write_results(folder, steps=8, versions=_VERSIONS, person=person)
    recording(folder / "recording.knee", person)
    return folder


def below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """Two persons, sessions of nobody, profiles, a page over weeks, a loose recording."""
    root = tmp_path / "sessions"
    session(root / "a" / "monday", "p07")
    session(root / "a" / "tuesday", "p07")
    session(root / "b", "p08")
    session(root / "nobody", None)
    recording(root / "loose" / "friday.KNEE", "p07")
    for person in ("p07", "p08"):
        profile = {"kind": "kneetrack calibration profile", "schema": 1, "side": "left", "person": person}
        (root / f"{person}-left.json").write_text(json.dumps(profile), encoding="utf-8")
    write_trends(root / "a")
    (root / "a" / "monday" / "notes.txt").write_text("not ours", encoding="utf-8")
    return root


def test_all_of_one_person_goes_and_nothing_else(clinic: Path) -> None:
    before = below(clinic)
    found = find(clinic, "p07")
    assert sorted(found.sessions) == [clinic / "a" / "monday", clinic / "a" / "tuesday"]
    count = delete(found, clinic)
    after = below(clinic)
    assert after == {n for n in before if n.split(os.sep)[0] in ("b", "nobody") or n == "p08-left.json"} | {
        "a", os.path.join("a", "monday"), os.path.join("a", "monday", "notes.txt"),
    }  # fmt: skip
    # Five of each session, two recordings, one loose, one profile, one page.
    assert count == 2 * 5 - 2 + 2 + 1 + 1 + 1 == len(found.files)
    assert find(clinic, "p07").files == []


def test_a_killed_session_is_found_by_its_recording(tmp_path: Path) -> None:
    """Its meta may stand in SQLite's log only, and its results are unfinished."""
    root = tmp_path / "s"
    path = root / "x" / "recording.knee"
    writer = RecordingWriter(path, [_SENSOR], {"person": "p07"})
    try:
        (path.parent / ".steps.csv.partial").touch()
        assert (path.parent / "recording.knee-wal").stat().st_size > 0
        files = find(root, "p07").sessions[path.parent]
        assert {file.name for file in files} >= {"recording.knee", "recording.knee-wal", ".steps.csv.partial"}
    finally:
        writer.close()


def test_results_made_elsewhere_and_damaged_recordings_go_too(tmp_path: Path) -> None:
    write_results(tmp_path / "exact", steps=8, versions=_VERSIONS, person="P07")
    folder = session(tmp_path / "live", "p07")
    data = bytearray((folder / "recording.knee").read_bytes())
    data[100:2000] = b"\xff" * 1900
    (folder / "recording.knee").write_bytes(data)
    delete(find(tmp_path, "p07"), tmp_path)
    assert below(tmp_path) == set()


def test_two_persons_in_one_folder_are_left_and_named(tmp_path: Path) -> None:
    folder = session(tmp_path / "mixed", "p07")
    (folder / "recording.knee").unlink()
    recording(folder / "recording.knee", "p08")
    for person in ("p07", "p08"):
        found = find(tmp_path, person)
        assert found.files == [] and len(found.kept) == 1 and "two persons" in found.kept[0]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_are_neither_followed_nor_deleted(tmp_path: Path) -> None:
    outside = session(tmp_path / "outside", "p07")
    root = tmp_path / "sessions"
    (root / "inner").mkdir(parents=True)
    (root / "door").symlink_to(outside, target_is_directory=True)
    for name in ("recording.knee", "summary.json", "steps.csv"):
        (root / "inner" / name).symlink_to(outside / name)
    before = below(tmp_path)
    found = find(root, "p07")
    assert found.files == [] and sum("is a link" in kept for kept in found.kept) == 4
    # A file of ours that becomes a link between looking and deleting is left as well.
    mine = session(root / "mine", "p07")
    found = find(root, "p07")
    (mine / "steps.csv").unlink()
    (mine / "steps.csv").symlink_to(outside / "steps.csv")
    delete(found, root)
    assert below(tmp_path) - before == {str(Path("sessions", "mine")), str(Path("sessions", "mine", "steps.csv"))}
    assert (outside / "steps.csv").is_file()
    (tmp_path / "linked").symlink_to(root, target_is_directory=True)
    with pytest.raises(BadInputError, match="is a link"):
        find(tmp_path / "linked", "p07")


@pytest.mark.parametrize("person", ["..", "../p07", "p07/..", "*", "", "a b", "p\n07", "Anna Müller", "x" * 33, "-p"])
def test_what_is_no_id_is_refused(person: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording(tmp_path / "sessions" / "a" / "recording.knee", "p07")
    before = below(tmp_path)
    assert run(["forget", "--yes", "--", person, str(tmp_path / "sessions")]) == 2
    assert below(tmp_path) == before
    assert "Traceback" not in capsys.readouterr().err


def test_ids_are_kept_in_one_form() -> None:
    assert person_id("P07") == person_id(" p07 ") == "p07"
    assert [known_person(value) for value in (None, 7, "", "p 07", "p_07-a")] == [None, None, None, None, "p_07-a"]
    with pytest.raises(BadInputError, match="pseudonym"):
        person_id("Anna Müller")


def test_the_command_asks_first(
    clinic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = below(clinic)
    assert run(["forget", "p07", str(clinic)]) == 1
    out, err = capsys.readouterr()
    assert "monday" in out and "nothing was deleted" in err and below(clinic) == before
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question: False)
    assert run(["forget", "p07", str(clinic)]) == 1
    assert below(clinic) == before
    assert run(["forget", "P07", str(clinic), "--yes"]) == 0
    assert "files of person p07 deleted" in capsys.readouterr().out
    assert run(["forget", "p07", str(clinic), "--yes"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_foreign_files_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"person": "p07", "shop": "list"}), encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps({"person": "p07"}), encoding="utf-8")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "foreign.knee").write_bytes(b"SQLite format 3\x00" + bytes(2000))
    (tmp_path / "page.html").write_text('<meta name="kneetrack-person" content="p07">', encoding="utf-8")
    found = find(tmp_path, "p07")
    assert found.files == [] and [kept for kept in found.kept if "foreign.knee" in kept]
