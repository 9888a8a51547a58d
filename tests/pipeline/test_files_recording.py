"""A recording gives back what was recorded, byte for byte, and says clearly what is wrong with a file that is none."""

import math
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import BadInputError, NewerSchemaError
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.files.schema import database_uri
from pipeline.records import Event, Notification, Record, Segment, SensorInfo, Side

SENSORS = (
    SensorInfo(1, "D4:22:CD:00:00:01", "movella_dot", Side.LEFT, Segment.THIGH, "DOT 1", "3.0.0"),
    SensorInfo(2, "D4:22:CD:00:00:02", "movella_dot", Side.LEFT, Segment.SHANK),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TIME = st.integers(-(10**18), 4 * 10**18)
RECORD = st.one_of(
    st.builds(Notification, st.just(0), TIME, st.sampled_from([1, 2]), TEXT, st.binary(max_size=512)),
    st.builds(Event, st.just(0), TIME, TEXT, st.dictionaries(st.text(), JSON, max_size=4)),
)


def numbered(records: list[Record]) -> list[Record]:
    return [
        Notification(seq, r.host_time_ns, r.sensor, r.characteristic, r.payload)
        if isinstance(r, Notification)
        else Event(seq, r.host_time_ns, r.kind, r.fields)
        for seq, r in enumerate(records, start=1)
    ]


def stream(count: int) -> list[Record]:
    """Two sensors in turns at 100 Hz each, an event at every hundredth place."""
    return [
        Event(k, k * 5_000_000, "marker", {"label": str(k)})
        if k % 100 == 0
        else Notification(k, k * 5_000_000, 1 + k % 2, "2003", k.to_bytes(4, "little") * 9)
        for k in range(1, count + 1)
    ]


def write(path: Path, records: list[Record], sensors: tuple[SensorInfo, ...] = SENSORS, **meta: str) -> Path:
    with RecordingWriter(path, sensors, meta) as writer:
        writer.append(records)
    assert writer.failed is None
    return path


def read(path: Path, batch: int = 2000) -> list[Record]:
    with Recording(path) as recording:
        return [record for part in recording.records(batch) for record in part]


def damage(path: Path, statement: str, values: tuple[object, ...] = ()) -> Path:
    with sqlite3.connect(path) as db:
        db.execute(statement, values)
    db.close()
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORD, max_size=30), batch=st.integers(1, 12))
def test_round_trip_is_exact_for_any_records_and_batch(tmp_path: Path, records: list[Record], batch: int) -> None:
    path = tmp_path / "trip.knee"
    path.unlink(missing_ok=True)
    wanted = numbered([Notification(0, 0, 1, "first", b"\x00\xff"), *records])
    write(path, wanted)
    with Recording(path) as recording:
        parts = list(recording.records(batch))
        assert recording.rejected == 0
    assert [record for part in parts for record in part] == wanted
    assert all(1 <= len(part) <= batch for part in parts)


def test_sensors_meta_and_profiles_come_back(tmp_path: Path) -> None:
    path = tmp_path / "session.knee"
    profile = {"version": 1, "thigh": [0.1, 0.2], "path": {"deg": 3.5}}
    with RecordingWriter(path, SENSORS[:1], {"start_utc": "2026-03-01T09:00:00+01:00", "person": "p7"}) as writer:
        writer.set_sensor(SENSORS[1])
        writer.set_meta("note", "second strapping")
        writer.set_calibration(Side.LEFT, profile)
        writer.append(stream(400))
    with Recording(path) as recording:
        assert recording.sensors == SENSORS
        assert recording.meta["person"] == "p7"
        assert recording.meta["note"] == "second strapping"
        assert recording.profiles == {Side.LEFT: profile}
        assert recording.start_utc is not None
        assert recording.start_utc.isoformat() == "2026-03-01T08:00:00+00:00"
        assert recording.duration_s == pytest.approx((399 - 1) * 0.005)


def test_numbers_that_are_not_finite_survive_in_events(tmp_path: Path) -> None:
    event = Event(2, 5, "calibration", {"angle": math.nan, "limit": math.inf})
    (_, back) = read(write(tmp_path / "nan.knee", [Notification(1, 0, 1, "x", b""), event]))
    assert isinstance(back, Event)
    assert math.isnan(back.fields["angle"])
    assert back.fields["limit"] == math.inf


def test_closing_leaves_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "one.knee", stream(50))
    assert [each.name for each in tmp_path.iterdir()] == ["one.knee"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


def test_it_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "live.knee"
    records = stream(3000)
    with RecordingWriter(path, SENSORS, {}) as writer:
        writer.append(records[:1000])
        writer.flush()
        with Recording(path) as recording:
            parts = recording.records(batch=300)
            seen = next(parts)
            writer.append(records[1000:2000])
            writer.flush()
            seen += [record for part in parts for record in part]
            assert seen == records[:2000]
            # Another process sees the same, and leaves the writer's files alone.
            script = (
                "import sqlite3, sys\n"
                "db = sqlite3.connect(sys.argv[1])\n"
                "print(db.execute('SELECT count(*) FROM notification').fetchone()[0])\n"
            )
            count = subprocess.run(
                [sys.executable, "-c", script, str(path)], capture_output=True, check=True, text=True
            )
            assert int(count.stdout) == 1980
        writer.append(records[2000:])
    assert writer.failed is None
    assert read(path) == records
    assert [each.name for each in tmp_path.iterdir()] == ["live.knee"]


def test_records_are_committed_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "quiet.knee"
    with RecordingWriter(path, SENSORS, {}) as writer:
        writer.append(stream(10))
        for _ in range(600):
            try:
                if len(read(path)) == 10:
                    break
            except BadInputError:
                pass
            writer._stop.wait(0.05)
        else:
            pytest.fail("nothing was committed in half a minute")


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "kept.knee"
    path.write_text("mine")
    with pytest.raises(BadInputError, match=r"kept\.knee exists already and is not overwritten"):
        RecordingWriter(path, SENSORS, {})
    assert path.read_text() == "mine"


def test_the_same_seq_twice_is_kept_once_and_said(tmp_path: Path) -> None:
    path = tmp_path / "twice.knee"
    first, second = Notification(1, 0, 1, "x", b"first"), Notification(1, 1, 1, "x", b"second")
    with RecordingWriter(path, SENSORS, {}) as writer:
        writer.append([first, second])
        writer.flush()
        assert writer.lost == 1
        assert writer.failed is not None
        assert "1 records are lost" in writer.failed
    assert read(path) == [first]


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Name: a file that is no recording, and what must be said of it."""
    good = write(folder / "good.knee", stream(3000))
    raw = good.read_bytes()
    made = {}

    def copy(name: str, content: bytes) -> Path:
        path = folder / f"{name}.knee"
        path.write_bytes(content)
        return path

    made["missing"] = folder / "missing.knee", "does not exist"
    made["folder"] = folder / "folder.knee", "is a folder"
    (folder / "folder.knee").mkdir()
    made["empty"] = copy("empty", b""), "is empty"
    made["text"] = copy("text", b"time_s,thigh_acc_x\n" * 100), "is not a recording"
    made["short text"] = copy("short", b"hello"), "is not a recording"
    made["noise"] = copy("noise", bytes(range(256)) * 64), "is not a recording"
    made["half"] = copy("half", raw[: len(raw) // 2]), "damaged or cut off"
    made["one page"] = copy("page", raw[:4096]), "damaged or cut off"
    made["head only"] = copy("head", raw[:60]), "(damaged or cut off|not a recording)"
    foreign = folder / "foreign.knee"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE notification(seq)")
    db.close()
    made["foreign"] = foreign, "of another program"
    newer = damage(copy("newer", raw), "PRAGMA user_version = 99")
    made["newer"] = newer, "newer kneetrack .schema 99.*upgrade"
    made["no table"] = damage(copy("table", raw), "DROP TABLE event"), "lacks the table 'event'"
    made["no column"] = damage(copy("column", raw), "ALTER TABLE notification DROP COLUMN payload"), "payload"
    made["garbled"] = (
        copy("garbled", raw.replace(b"TABLE notification", b"TABL\xd7 notification")),
        "damaged or cut off",
    )
    made["no sensors"] = damage(copy("sensors", raw), "DELETE FROM sensor"), "names no sensor"
    made["no side"] = damage(copy("side", raw), "UPDATE sensor SET side = 'middle'"), "valid side"
    made["no data"] = damage(copy("data", raw), "DELETE FROM notification"), "holds no notification"
    return made


def test_what_is_no_recording_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    for name, (path, message) in bad_files(tmp_path).items():
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(BadInputError, match=message) as caught:
            Recording(path)
        line = str(caught.value)
        assert "\n" not in line, name
        assert path.name in line, name
        assert isinstance(caught.value, NewerSchemaError) == (name == "newer")
        assert (path.read_bytes() if path.is_file() else None) == before, name


def test_damage_in_the_middle_is_one_clear_line_after_what_came_before(tmp_path: Path) -> None:
    path = write(tmp_path / "middle.knee", stream(20_000))
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2 // 4096 * 4096
    raw[middle : middle + 40 * 4096] = b"\xaa" * (40 * 4096)
    path.write_bytes(raw)
    seen: list[Record] = []
    with Recording(path) as recording, pytest.raises(BadInputError, match="damaged or cut off"):
        for part in recording.records():
            seen += part
    assert seen == stream(20_000)[: len(seen)]
    assert len(seen) > 2000


HOSTILE = [
    ("UPDATE notification SET payload = 'text' WHERE seq = 7", ()),
    ("UPDATE notification SET payload = 3.5 WHERE seq = 7", ()),
    ("UPDATE notification SET payload = zeroblob(50000000) WHERE seq = 7", ()),
    ("UPDATE notification SET host_time_ns = 'noon' WHERE seq = 7", ()),
    ("UPDATE notification SET host_time_ns = 9223372036854775807 WHERE seq = 7", ()),
    ("UPDATE notification SET sensor = 77 WHERE seq = 7", ()),
    ("UPDATE notification SET sensor = x'00' WHERE seq = 7", ()),
    ("UPDATE notification SET characteristic = x'00ff' WHERE seq = 7", ()),
    ("UPDATE event SET json = '{' WHERE seq = 100", ()),
    ("UPDATE event SET json = '[1]' WHERE seq = 100", ()),
    ("UPDATE event SET json = ? WHERE seq = 100", ("[" * 100_000,)),
    ("UPDATE event SET json = ? WHERE seq = 100", ('{"a":' + "9" * 10_000 + "}",)),
    ("UPDATE event SET kind = x'61' WHERE seq = 100", ()),
    ("UPDATE event SET host_time_ns = 1e300 WHERE seq = 100", ()),
]


@pytest.mark.parametrize(("statement", "values"), HOSTILE)
def test_an_impossible_row_is_left_out_and_counted(tmp_path: Path, statement: str, values: tuple[object, ...]) -> None:
    path = damage(write(tmp_path / "hostile.knee", stream(300)), statement, values)
    seq = 7 if "seq = 7" in statement else 100
    with Recording(path) as recording:
        found = [record for part in recording.records(50) for record in part]
        assert recording.rejected == 1
    assert found == [record for record in stream(300) if record.seq != seq]


def test_text_that_is_no_unicode_does_not_raise(tmp_path: Path) -> None:
    path = write(tmp_path / "bytes.knee", stream(10))
    damage(path, "UPDATE notification SET characteristic = CAST(x'ff' AS TEXT) WHERE seq = 7")
    damage(path, "UPDATE meta SET value = CAST(x'fe' AS TEXT) WHERE key = 'start_utc'")
    with Recording(path) as recording:
        assert recording.start_utc is None
    assert len(read(path)) == 10


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PurePosixPath("/home/ä b/50 %?#.knee"), "file:///home/%C3%A4%20b/50%20%25%3F%23.knee?mode=ro"),
        (PureWindowsPath(r"C:\kne e\a.knee"), "file:///C:/kne%20e/a.knee?mode=ro"),
        (PureWindowsPath(r"\\server\share\a.knee"), "file:////server/share/a.knee?mode=ro"),
    ],
)
def test_a_path_becomes_an_address_as_sqlite_reads_them(path: PurePath, uri: str) -> None:
    # SQLite's "Uniform Resource Identifiers": no authority but localhost, so a network folder has four slashes.
    assert database_uri(path, "mode=ro") == uri


def test_a_name_with_signs_of_addresses_opens(tmp_path: Path) -> None:
    path = write(tmp_path / "50 %25?mode=memory#ä.knee", stream(10))
    assert len(read(path)) == 10


def test_views_in_the_place_of_tables_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "view.knee", stream(10))
    damage(path, "ALTER TABLE event RENAME TO hidden")
    damage(path, "CREATE VIEW event AS SELECT * FROM hidden")
    with pytest.raises(BadInputError, match="lacks the table 'event'"):
        Recording(path)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
@pytest.mark.parametrize("wal", [False, True])
def test_it_opens_on_a_read_only_medium(tmp_path: Path, wal: bool) -> None:
    """As somebody who may not write the folder: with the WAL of a writer that was killed, and without."""
    medium = tmp_path / "medium"
    medium.mkdir()
    with RecordingWriter(tmp_path / "a.knee", SENSORS, {}) as writer:
        writer.append(stream(500))
        writer.flush()
        if wal:
            for name in ("a.knee", "a.knee-wal"):
                shutil.copyfile(tmp_path / name, medium / name)
    if not wal:
        shutil.copyfile(tmp_path / "a.knee", medium / "a.knee")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from pipeline.files.recording import Recording\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "os.environ['TMPDIR'] = '/tmp'\n"
        "with Recording(Path(sys.argv[1])) as r: print(sum(len(part) for part in r.records()))\n"
    )
    for each in [tmp_path, *tmp_path.parents][:3]:
        each.chmod(each.stat().st_mode | 0o055)
    for each in medium.iterdir():
        each.chmod(0o444)
    before = sorted((each.name, each.read_bytes()) for each in medium.iterdir())
    medium.chmod(0o555)
    try:
        run = subprocess.run([sys.executable, "-c", script, str(medium / "a.knee")], capture_output=True, text=True)
        assert run.stdout.strip() == "500", run.stderr
        assert sorted((each.name, each.read_bytes()) for each in medium.iterdir()) == before
    finally:
        medium.chmod(0o755)


def test_a_recording_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecordingWriter(tmp_path / "a.knee", SENSORS, {}) as writer:
        writer.append(stream(5))

    def refused(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(BadInputError, match="check its permissions"):
        Recording(tmp_path / "a.knee")
