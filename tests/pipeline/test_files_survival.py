"""What a killed process and a full disk cost: at most a second, and never what was there already."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.files.recording import Recording, RecordingWriter
from pipeline.records import Notification, Record, Segment, SensorInfo, Side

SENSORS = (SensorInfo(1, "a", "movella_dot", Side.RIGHT, Segment.THIGH),)

# Appends four sensors' worth of packets, each stamped with the process's own clock, and tells after each what is in.
RECORD_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from pipeline.files.recording import RecordingWriter
from pipeline.records import Notification, Segment, SensorInfo, Side
sensors = [SensorInfo(1, "a", "movella_dot", Side.RIGHT, Segment.THIGH)]
writer = RecordingWriter(Path(sys.argv[1]), sensors, {})
begin, seq = time.monotonic_ns(), 0
while True:
    records = []
    for _ in range(4):
        seq += 1
        records.append(Notification(seq, time.monotonic_ns() - begin, 1, "2003", seq.to_bytes(4, "little") * 10))
    writer.append(records)
    print(records[-1].host_time_ns, flush=True)
    time.sleep(0.01)
"""

# A limit on the size of files stands for the full disk: writes beyond it fail with an error of the system.
RECORD_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.records import Notification, Segment, SensorInfo, Side
sensors = [SensorInfo(1, "a", "movella_dot", Side.RIGHT, Segment.THIGH)]
writer = RecordingWriter(Path(sys.argv[1]), sensors, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
written = 0
for part in range(40):
    writer.append([Notification(seq, seq, 1, "2003", b"x" * 60) for seq in range(part * 500, part * 500 + 500)])
    writer.flush()
    written += writer.failed is None
print(written, writer.failed)
if sys.argv[2] == "space":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.close()
print(writer.lost, writer.failed)
"""


def kill_after(path: Path, seconds: float) -> list[int]:
    """Record into `path`, kill -9 after some seconds of the process's own time; the host times it had appended."""
    child = subprocess.Popen([sys.executable, "-c", RECORD_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    times: list[int] = []
    for line in child.stdout:
        times.append(int(line))
        if times[-1] > seconds * 1e9:
            break
    child.kill()
    times += [int(line) for line in child.stdout.read().split("\n")[:-1]]
    child.wait()
    child.stdout.close()
    return times


@pytest.mark.parametrize("seconds", [2.3, 3.05])
def test_a_killed_session_loses_less_than_a_second(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "killed.knee"
    appended = kill_after(path, seconds)
    # A machine that stood still for a while stood still for the commits too.
    longest_pause = max(b - a for a, b in zip([0, *appended], appended, strict=False))
    with Recording(path) as recording:
        found = [record for part in recording.records() for record in part]
    assert [record.seq for record in found] == list(range(1, len(found) + 1))
    assert all(isinstance(r, Notification) and r.payload == r.seq.to_bytes(4, "little") * 10 for r in found)
    assert appended[-1] - found[-1].host_time_ns <= 1e9 + longest_pause
    assert [each.name for each in tmp_path.iterdir()] == ["killed.knee"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes, which Windows does not have")
@pytest.mark.parametrize("then", ["full", "space"])
def test_a_full_disk_is_told_and_what_was_written_stays_readable(tmp_path: Path, then: str) -> None:
    path = tmp_path / "full.knee"
    script = [sys.executable, "-c", RECORD_ON_A_FULL_DISK, str(path), then]
    run = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    during, after = run.stdout.splitlines()
    parts, told = during.split(" ", 1)
    assert 0 < int(parts) < 40
    assert "full.knee is incomplete" in told
    with Recording(path) as recording:
        found = [record.seq for part in recording.records() for record in part]
    if then == "space":
        # With space again nothing is lost: the queue was kept.
        assert after == "0 None"
        assert found == list(range(20_000))
    else:
        lost, told = after.split(" ", 1)
        assert found == list(range(int(parts) * 500))
        assert int(lost) == 20_000 - len(found)
        assert f"{lost} records are lost" in told


def test_sqlites_own_word_for_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "small.knee"
    records: list[Record] = [Notification(seq, seq, 1, "2003", os.urandom(100)) for seq in range(5000)]
    with RecordingWriter(path, SENSORS, {}) as writer:
        writer.append(records[:100])
        writer.flush()
        writer._db.execute("PRAGMA max_page_count = 20")
        writer.append(records[100:])
        writer.flush()
        assert writer.failed is not None
        assert "the disk is full" in writer.failed
    with Recording(path) as recording:
        assert [record for part in recording.records() for record in part] == records[:100]


def test_appending_does_not_wait_for_a_disk_that_stalls(tmp_path: Path) -> None:
    """Somebody else holds the write lock: the session goes on, and all is there afterwards."""
    path = tmp_path / "stalled.knee"
    with RecordingWriter(path, SENSORS, {}) as writer:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        for seq in range(1, 3001):
            writer.append([Notification(seq, seq, 1, "2003", b"x" * 40)])
        spent = time.monotonic() - begin
        other.execute("ROLLBACK")
        other.close()
    # Waiting once would take the time-out of two seconds, three thousand times over.
    assert spent < 30.0
    with Recording(path) as recording:
        assert [record.seq for part in recording.records() for record in part] == list(range(1, 3001))


def test_what_is_kept_for_a_full_disk_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.files.recorder.MAX_WAITING", 1000)
    with RecordingWriter(tmp_path / "bound.knee", SENSORS, {}) as writer:
        writer._db.execute("PRAGMA query_only = ON")
        for seq in range(5000):
            writer.append([Notification(seq, seq, 1, "2003", b"x")])
        writer.flush()
        assert writer.lost >= 3000
        assert len(writer._notifications) <= 1001
