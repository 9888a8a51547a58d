"""Writing a `.knee` recording: every notification byte for byte, at most a second behind, whatever the disk does.

`append` only queues. A thread of the writer's own writes the queue and commits, a little more often than once a second,
so that a slow card never holds the session up and a process that is killed loses less than a second. Every commit waits
for the disk (synchronous=FULL), so a power cut costs no more than a kill. Measured with four sensors at 100 Hz on a
solid-state disk: a commit takes 0.7 ms with FULL and 0.5 ms with NORMAL, which after a power cut would go back to the
last checkpoint, half a minute. While a card stalls, the queue grows and the session does not notice.

When the disk is full, nothing is raised: the queue waits (up to a bound) for space, `failed` says so in one line, and
all that was committed stays readable.
"""

import importlib.metadata
import json
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import BadInputError
from pipeline.files.private import FILE_MODE, make_private_folder
from pipeline.files.schema import MAX_PAYLOAD, MAX_TIME_NS, SCHEMA_VERSION, create
from pipeline.records import Event, Notification, Record, SensorInfo, Side

COMMIT_S = 0.8
"""Seconds between commits: under a second, so that a kill -9 loses less than one even with the commit's own time."""
MAX_WAITING = 100_000
"""Records kept while the disk refuses them (four minutes of four sensors at 100 Hz); later ones are lost."""
_CHECKPOINT_PAGES = 256
_BUSY_S = 2.0

_Row = tuple[object, ...]


class RecordingWriter:
    """A new `.knee` file that grows while the session runs. Thread-safe. Use as a context manager, or close it.

    Parameters
    ----------
    path : the file to create (readable by its owner only); folders on the way are made, for the owner alone.
    sensors : who is worn where; later changes by `set_sensor`.
    meta : texts by key. `start_utc` (ISO 8601; empty: unknown), `host_clock_anchor_ns` (the monotonic clock at the
        session's zero) and `software` (JSON, versions) are filled in where they are missing.

    Raises BadInputError where the file exists already or cannot be created.
    """

    def __init__(self, path: Path, sensors: Sequence[SensorInfo], meta: Mapping[str, str]) -> None:
        self.path = Path(path)
        self.lost = 0
        """Records that could not be written and were given up."""
        self._problem: str | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._notifications: list[_Row] = []
        self._events: list[_Row] = []
        self._settings: list[tuple[str, _Row]] = []
        self._closed = False
        _claim(self.path)
        try:
            self._db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            create(self._db)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        except sqlite3.Error as error:
            raise BadInputError(f"{self.path} cannot be recorded to ({error}): choose another folder") from None
        for sensor in sensors:
            self.set_sensor(sensor)
        for key, value in (_defaults() | dict(meta) | {"schema_version": str(SCHEMA_VERSION)}).items():
            self.set_meta(key, value)
        self.flush()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._commit_regularly, name="kneetrack-recorder", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> str | None:
        """One line on what is wrong with the recording; None while everything appended is or will be written."""
        if self._problem is None and not self.lost:
            return None
        lost = f"; {self.lost} records are lost" if self.lost else ""
        problem = self._problem or "the disk had refused writes and takes them again"
        return f"recording to {self.path} is incomplete ({problem}){lost}: free space or record elsewhere"

    def append(self, records: Iterable[Record]) -> None:
        """Queue records, each with its own seq. Never raises, never waits for the disk."""
        notifications: list[_Row] = []
        events: list[_Row] = []
        refused = 0
        for record in records:
            if abs(record.host_time_ns) > MAX_TIME_NS or abs(record.seq) > MAX_TIME_NS:
                refused += 1
            elif isinstance(record, Notification):
                if len(record.payload) > MAX_PAYLOAD:
                    refused += 1
                    continue
                notifications.append(
                    (record.seq, record.sensor, record.host_time_ns, record.characteristic, bytes(record.payload))
                )
            elif (text := _fields_text(record)) is None:
                refused += 1
            else:
                events.append((record.seq, record.host_time_ns, record.kind, text))
        with self._lock:
            self.lost += refused
            if self._closed or len(self._notifications) + len(self._events) > MAX_WAITING:
                self.lost += len(notifications) + len(events)
                return
            self._notifications += notifications
            self._events += events

    def set_meta(self, key: str, value: str) -> None:
        """Set a text of the `meta` table."""
        self._set("INSERT OR REPLACE INTO meta VALUES (?, ?)", (str(key), str(value)))

    def set_sensor(self, sensor: SensorInfo) -> None:
        """Add a sensor, or change what is known of it (its name and firmware after connecting)."""
        texts = (sensor.address, sensor.driver, sensor.side.value, sensor.segment.value, sensor.name, sensor.firmware)
        # A name from the air may hold what is no Unicode.
        row = (sensor.id, *(text.encode(errors="replace").decode() for text in texts))
        self._set("INSERT OR REPLACE INTO sensor VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def set_calibration(self, side: Side, profile: Mapping[str, Any]) -> None:
        """Keep a side's calibration profile (a JSON object)."""
        self._set("INSERT OR REPLACE INTO calibration VALUES (?, ?)", (side.value, json.dumps(profile)))

    def flush(self) -> None:
        """Write and commit what is queued, now. Never raises: what the disk refuses stays queued, see `failed`."""
        with self._writing:
            if self._closed:
                return
            with self._lock:
                notifications, self._notifications = self._notifications, []
                events, self._events = self._events, []
                settings, self._settings = self._settings, []
            if not (notifications or events or settings):
                return
            try:
                taken = self._write(notifications, events, settings)
            except sqlite3.Error as error:
                self._give_back(notifications, events, settings, _say(error))
            else:
                self._problem = None
                with self._lock:
                    self.lost += len(notifications) + len(events) - taken

    def close(self) -> None:
        """Write the rest and leave one single file, without WAL. Never raises; a second call does nothing."""
        if self._closed:
            return
        self._stop.set()
        self._thread.join()
        self.flush()
        with self._writing:
            self._closed = True
            with self._lock:
                self.lost += len(self._notifications) + len(self._events)
                self._notifications, self._events = [], []
            try:
                # A finished recording needs no WAL: it then opens on a read-only medium and copies as one file.
                self._db.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.Error as error:
                # Somebody is reading: the last reader to close folds the WAL in.
                if "locked" not in str(error):
                    self._problem = self._problem or _say(error)
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def _commit_regularly(self) -> None:
        due = time.monotonic() + COMMIT_S
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + COMMIT_S
            self.flush()

    def _set(self, statement: str, row: _Row) -> None:
        with self._lock:
            self._settings.append((statement, row))

    def _write(self, notifications: list[_Row], events: list[_Row], settings: list[tuple[str, _Row]]) -> int:
        """One transaction; the number of records taken (a seq that is there already is not written twice)."""
        db = self._db
        before = db.total_changes
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR IGNORE INTO notification VALUES (?, ?, ?, ?, ?)", notifications)
            db.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)", events)
            taken = db.total_changes - before
            for statement, row in settings:
                db.execute(statement, row)
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return taken

    def _give_back(
        self, notifications: list[_Row], events: list[_Row], settings: list[tuple[str, _Row]], problem: str
    ) -> None:
        with self._lock:
            self._notifications = notifications + self._notifications
            self._events = events + self._events
            self._settings = settings + self._settings
            self._problem = problem


def _claim(path: Path) -> None:
    try:
        make_private_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
    except FileExistsError:
        raise BadInputError(f"{path} exists already and is not overwritten: choose another name") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be created ({error.strerror}): choose another folder") from None


def _defaults() -> dict[str, str]:
    try:
        own = importlib.metadata.version("kneetrack")
    except importlib.metadata.PackageNotFoundError:
        own = "not installed"
    software = {"kneetrack": own, "python": platform.python_version(), "system": platform.platform()}
    return {
        "start_utc": datetime.now(UTC).isoformat(),
        "host_clock_anchor_ns": str(time.monotonic_ns()),
        "software": json.dumps(software),
    }


def _fields_text(event: Event) -> str | None:
    # Numbers that are not finite are kept as Python writes them, so that a replay sees what the session saw.
    try:
        return json.dumps(dict(event.fields), default=str, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None


def _say(error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "the disk is full"
    return str(error)
