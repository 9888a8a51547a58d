"""What cannot be analysed is refused: one line that says what, where and what to do; exit 1; nothing written over."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.commands.main import run
from tests.pipeline.leg_table import leg_table

SAMPLE = Path(__file__).resolve().parents[2] / "recordings" / "walking_and_stairs_right.knee"


def kneetrack(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a person runs it."""
    call = [sys.executable, "-m", "pipeline.commands.main", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120)


def make(kind: str, folder: Path) -> Path:
    """A bad file of that kind."""
    table, sample = leg_table(10.0), SAMPLE.read_bytes()
    csv = folder / "session.csv"
    knee = folder / "session.knee"
    if kind == "missing":
        return csv
    if kind == "empty table":
        csv.touch()
    elif kind == "foreign table":
        csv.write_bytes(b"\x89PNG\r\n" + bytes(4000))
    elif kind == "column missing":
        table.drop(columns="shank_gyr_z").to_csv(csv, index=False)
    elif kind == "column misnamed":
        table.rename(columns={"thigh_acc_x": "thigh_ax"}).to_csv(csv, index=False)
    elif kind == "text in numbers":
        words = table.astype(object)
        words.loc[100, "thigh_acc_y"] = "hello"
        words.to_csv(csv, index=False)
    elif kind == "all nan":
        table.iloc[:, 1:] = np.nan
        table.to_csv(csv, index=False)
    elif kind == "backwards":
        table["time_s"] = table["time_s"].to_numpy()[::-1].copy()
        table.to_csv(csv, index=False)
    elif kind == "too short":
        table.head(50).to_csv(csv, index=False)
    elif kind == "empty recording":
        knee.touch()
        return knee
    elif kind == "foreign recording":
        with sqlite3.connect(knee) as other:
            other.execute("CREATE TABLE a (b)")
        return knee
    elif kind == "truncated recording":
        knee.write_bytes(sample[: len(sample) // 2])
        return knee
    elif kind == "newer recording":
        shutil.copy(SAMPLE, knee)
        with sqlite3.connect(knee) as newer:
            newer.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
            newer.execute("PRAGMA user_version = 99")
        return knee
    return csv


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "does not exist"),
        ("empty table", "is empty"),
        ("foreign table", "is no table"),
        ("column missing", "lacks the column shank_gyr_z"),
        ("column misnamed", "'thigh_ax' may be 'thigh_acc_x'"),
        ("text in numbers", "line 102, column thigh_acc_y: 'hello'"),
        ("all nan", "holds no number"),
        ("backwards", "runs backwards"),
        ("too short", "too short to analyse"),
        ("empty recording", "is empty"),
        ("foreign recording", "another program"),
        ("truncated recording", "damaged or cut off"),
        ("newer recording", "newer kneetrack"),
    ],
)
def test_one_line_and_nothing_written_over(tmp_path: Path, kind: str, words: str, capfd: pytest.CaptureFixture[str]):
    file = make(kind, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    (out / "steps.csv").write_text("yesterday's")
    assert run(["process", str(file), "--out", str(out)]) == 1
    error = capfd.readouterr().err
    lines = error.splitlines()
    assert len(lines) == 1 and words in lines[0] and file.name in lines[0], error
    assert [p.name for p in out.iterdir()] == ["steps.csv"] and (out / "steps.csv").read_text() == "yesterday's"


def test_a_wrong_call_is_told_from_failed_work(tmp_path: Path):
    """Each in a process of its own, as a person runs it."""
    assert kneetrack("process").returncode == 2
    assert kneetrack("fly").returncode == 2
    assert kneetrack("replay", SAMPLE, "--speed", "fast").returncode == 2
    failed = kneetrack("--verbose", "process", tmp_path / "missing.csv", "--out", tmp_path / "out")
    assert failed.returncode == 1 and "Traceback" in failed.stderr
    plain = kneetrack("process", make("truncated recording", tmp_path), "--out", tmp_path / "out")
    assert plain.returncode == 1 and len(plain.stderr.splitlines()) == 1 and "cut off" in plain.stderr


@pytest.mark.parametrize("command", ["process", "replay"])
def test_damaged_notifications_are_survived_counted_and_said(tmp_path: Path, command: str):
    """Cut, changed, doubled and swapped notifications of a good recording."""
    knee = tmp_path / "session.knee"
    shutil.copy(SAMPLE, knee)
    rng = np.random.default_rng(1)
    with sqlite3.connect(knee) as recording:
        rows = recording.execute("SELECT seq, payload FROM notification").fetchall()
        for seq, payload in [rows[i] for i in rng.choice(len(rows), 60, replace=False)]:
            damaged = bytearray(payload)
            damaged[int(rng.integers(len(damaged)))] ^= 0xFF
            cut = damaged[: int(rng.integers(len(damaged)))] if rng.uniform() < 0.5 else damaged
            recording.execute("UPDATE notification SET payload = ? WHERE seq = ?", (bytes(cut), seq))
    assert run([command, str(knee), "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sum(_values(summary, "rejected")) >= 55, (
        "nearly all 60 damaged packets are caught by their check sum, and counted"
    )


def _values(tree: object, key: str) -> list[float]:
    """All numbers under a key, anywhere in nested dictionaries and lists."""
    if isinstance(tree, dict):
        here = [float(v) for k, v in tree.items() if k == key and isinstance(v, (int, float))]
        return here + [x for v in tree.values() for x in _values(v, key)]
    return [x for v in tree for x in _values(v, key)] if isinstance(tree, list) else []
