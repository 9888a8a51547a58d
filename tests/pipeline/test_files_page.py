"""What recordings/README.md says about the format is true: its code runs, its tables and keys are those of a file."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.files.importing import import_to_knee
from pipeline.files.recording import RecordingWriter
from tests.pipeline.leg_table import leg_table
from tests.pipeline.test_files_recording import SENSORS, stream

PAGE = Path(__file__).resolve().parents[2] / "recordings" / "README.md"


def code() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "session.knee"
    with RecordingWriter(path, SENSORS, {}) as writer:
        writer.append(stream(1000))
    return path


def test_five_lines_of_pandas_open_a_recording(session: Path) -> None:
    lines = code()[0].strip().splitlines()
    assert len([line for line in lines if line]) == 5
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert names["sensors"].loc[1, "address"] == SENSORS[0].address
    assert names["sensors"].segment.tolist() == ["thigh", "shank"]
    assert len(names["notifications"]) == 990
    assert names["notifications"].payload[0] == (1).to_bytes(4, "little") * 9
    names["db"].close()


def test_the_projects_own_way_runs(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(code()[1], {})
    assert "thigh 1000 records up to 5.0 s" in capsys.readouterr().out


def test_tables_columns_and_keys_are_those_of_a_file(session: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = {
        name: columns.split(", ") for name, columns in re.findall(r"^\| `(\w+)` \| `([\w, ]+)` \|", page, re.MULTILINE)
    }
    leg_table().to_csv("leg.csv", index=False)
    imported = sqlite3.connect(import_to_knee(Path("leg.csv"), Path("leg.knee")))
    db = sqlite3.connect(session)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in tables} == told
    keys = {key for each in (db, imported) for (key,) in each.execute("SELECT key FROM meta")}
    for key in keys:
        assert f"| `{key}` |" in page
    assert f"0x{db.execute('PRAGMA application_id').fetchone()[0]:08X}" in page
    db.close()
    imported.close()
