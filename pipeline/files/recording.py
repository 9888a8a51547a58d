"""Reading a `.knee` recording: who was worn where, and every notification and event in the order they happened.

The file may be growing while it is read, may have been left by a process that was killed, may lie on a read-only
medium, and may be hostile. So: its header is checked before anything else; each batch is its own short read
transaction (a writer is never held up, a batch is consistent); a killed writer's WAL is recovered in place where the
folder is writable, and in a temporary copy where it is not; every row's types and ranges are checked, and rows that
fail are left out and counted in `rejected`.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from pipeline.errors import BadInputError
from pipeline.files.recorder import RecordingWriter
from pipeline.files.schema import DAMAGED, MAX_PAYLOAD, MAX_TIME_NS, check_file, check_tables, database_uri
from pipeline.records import Event, Notification, Record, Segment, SensorInfo, Side

__all__ = ["Recorded", "Recording", "RecordingWriter"]

_BUSY_S = 5.0
_NOTIFICATIONS = f"""
SELECT seq, host_time_ns, sensor, characteristic, CASE WHEN length(payload) <= {MAX_PAYLOAD} THEN payload END
FROM notification WHERE seq > ? ORDER BY seq LIMIT ?
"""
_EVENTS = f"""
SELECT seq, host_time_ns, kind, CASE WHEN length(json) <= {MAX_PAYLOAD} THEN json END
FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_LAST_SEQ = (1 << 63) - 1


class Recorded(Protocol):
    """What every input looks like to the session: a `.knee` file, or another format converted in memory.

    sensors: who was worn where. meta: texts by key. start_utc: None where the input does not say.
    profiles: the calibrations saved with the session, as JSON objects. duration_s: first to last data.
    """

    sensors: tuple[SensorInfo, ...]
    meta: dict[str, str]
    start_utc: datetime | None
    profiles: dict[Side, dict[str, Any]]
    duration_s: float

    def records(self, batch: int = 2000) -> Iterator[list[Record]]:
        """All records in order of seq, at most `batch` at a time."""
        ...

    def close(self) -> None: ...


class Recording:
    """A `.knee` file, open for reading. Use as a context manager, or close it.

    Parameters
    ----------
    path : the file.

    Attributes
    ----------
    sensors, meta, start_utc, profiles, duration_s : see `Recorded`.
    rejected : rows left out so far because a type or a value was impossible.

    Raises BadInputError (missing, empty, foreign, cut, damaged, without sensors or notifications) and NewerSchemaError.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self.rejected = 0
        check_file(self._path)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._db = self._open()
            check_tables(self._db, self._path)
            self.meta = self._read_meta()
            self.sensors = self._read_sensors()
            self.profiles = self._read_profiles()
            self.duration_s = self._measure()
        except DAMAGED as error:
            self.close()
            raise self._damaged(error) from None
        except OSError as error:
            self.close()
            raise BadInputError(f"{self._path} cannot be read ({error.strerror}): check its permissions") from None
        except BadInputError:
            self.close()
            raise
        self._ids = {sensor.id for sensor in self.sensors}
        self.start_utc = parse_utc(self.meta.get("start_utc", ""))

    def records(self, batch: int = 2000) -> Iterator[list[Record]]:
        """All records in order of seq, at most `batch` at a time, as far as the file was written by then.

        Raises BadInputError where the file turns out damaged half-way; what came before stands.
        """
        done = -_LAST_SEQ - 1
        while True:
            try:
                found, last = self._read_batch(done, batch)
            except DAMAGED as error:
                raise self._damaged(error) from None
            if last is None:
                return
            done = last
            if found:
                yield found

    def close(self) -> None:
        """Close the file; a temporary copy is removed."""
        if hasattr(self, "_db"):
            self._db.close()
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        if os.access(self._path, os.W_OK) and os.access(self._path.parent, os.W_OK):
            try:
                return _connect(self._path, "mode=rw")
            except sqlite3.OperationalError:
                # Some media only turn out read-only when they are used.
                return self._open_read_only()
        return self._open_read_only()

    def _open_read_only(self) -> sqlite3.Connection:
        # Without write access SQLite can neither recover a WAL nor share memory with a writer.
        wal = Path(f"{self._path}-wal")
        if not wal.exists() or wal.stat().st_size == 0:
            return _connect(self._path, "mode=ro&immutable=1")
        self._copy = tempfile.TemporaryDirectory(prefix="kneetrack-")
        path = Path(self._copy.name) / "copy.knee"
        shutil.copyfile(self._path, path)
        shutil.copyfile(wal, f"{path}-wal")
        return _connect(path, "mode=rw")

    def _read_batch(self, done: int, batch: int) -> tuple[list[Record], int | None]:
        """The valid records with seq > done, and the last seq looked at (None: there are no more)."""
        self._db.execute("BEGIN")
        try:
            rows = self._db.execute(_NOTIFICATIONS, (done, batch)).fetchall()
            # A full batch of notifications bounds the events that belong to it.
            limit = rows[-1][0] if len(rows) == batch else _LAST_SEQ
            events = self._db.execute(_EVENTS, (done, limit, batch)).fetchall()
        finally:
            self._db.execute("ROLLBACK")
        if len(rows) + len(events) > batch:
            # Keep the first `batch` of both; the rest comes with the next call.
            limit = sorted([row[0] for row in rows] + [row[0] for row in events])[batch - 1]
            rows = [row for row in rows if row[0] <= limit]
            events = [row for row in events if row[0] <= limit]
        if not rows and not events:
            return [], None
        last = max(part[-1][0] for part in (rows, events) if part)
        found: list[Record] = [record for row in rows if (record := self._notification(*row)) is not None]
        if events:
            found += [event for row in events if (event := self._event(*row)) is not None]
            found.sort(key=lambda record: record.seq)
        self.rejected += len(rows) + len(events) - len(found)
        return found, last

    def _notification(self, seq: Any, time: Any, sensor: Any, name: Any, payload: Any) -> Notification | None:
        if (
            type(time) is int
            and -MAX_TIME_NS <= time <= MAX_TIME_NS
            and type(sensor) is int
            and sensor in self._ids
            and type(name) is str
            and type(payload) is bytes
        ):
            return Notification(seq, time, sensor, name, payload)
        return None

    @staticmethod
    def _event(seq: Any, time: Any, kind: Any, text: Any) -> Event | None:
        fields = _json_object(text)
        if type(time) is not int or abs(time) > MAX_TIME_NS or type(kind) is not str or fields is None:
            return None
        return Event(seq, time, kind, fields)

    def _read_meta(self) -> dict[str, str]:
        return {
            key: value
            for key, value in self._db.execute("SELECT key, value FROM meta")
            if isinstance(key, str) and isinstance(value, str)
        }

    def _read_sensors(self) -> tuple[SensorInfo, ...]:
        columns = "id, address, driver, side, segment, name, firmware"
        rows = self._db.execute(f"SELECT {columns} FROM sensor ORDER BY id").fetchall()
        if not rows:
            raise BadInputError(f"{self._path} names no sensor: the session ended before one was connected")
        found = []
        for number, *texts in rows:
            if all(isinstance(text, str) for text in texts) and texts[2] in list(Side) and texts[3] in list(Segment):
                address, driver, side, segment, name, firmware = texts
                found.append(SensorInfo(number, address, driver, Side(side), Segment(segment), name, firmware))
        self.rejected += len(rows) - len(found)
        if not found:
            raise BadInputError(f"{self._path} is a damaged recording (no sensor has a valid side and segment)")
        return tuple(found)

    def _read_profiles(self) -> dict[Side, dict[str, Any]]:
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE type='table' AND name='calibration'").fetchone():
            return {}
        profiles: dict[Side, dict[str, Any]] = {}
        for side, text in self._db.execute("SELECT side, json FROM calibration"):
            profile = _json_object(text)
            if side in list(Side) and profile is not None:
                profiles[Side(side)] = profile
            else:
                self.rejected += 1
        return profiles

    def _measure(self) -> float:
        ends = [
            self._db.execute(f"SELECT host_time_ns FROM notification ORDER BY seq {way} LIMIT 1").fetchone()
            for way in ("ASC", "DESC")
        ]
        if ends[0] is None:
            raise BadInputError(f"{self._path} holds no notification: the session ended before any data came")
        first, last = (row[0] for row in ends)
        if type(first) is not int or type(last) is not int:
            return 0.0
        return max(0, last - first) * 1e-9

    def _damaged(self, error: Exception) -> BadInputError:
        what = "its words are garbled" if isinstance(error, UnicodeDecodeError) else error
        return BadInputError(f"{self._path} is damaged or cut off ({what}): copy it again from where it was recorded")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = database_uri(path.absolute(), mode)
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        # Bytes that are no UTF-8 shall become a rejected row, not an exception.
        db.text_factory = lambda raw: raw.decode(errors="replace")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except DAMAGED:
        db.close()
        raise
    return db


def parse_utc(text: str) -> datetime | None:
    """An ISO 8601 time as UTC; None where the text is none. Without an offset it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _json_object(text: object) -> dict[str, Any] | None:
    if not isinstance(text, str):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return dict(value) if isinstance(value, Mapping) else None
