"""The `.knee` file: which tables a recording has, and how a file is recognised before SQLite is let near it.

A recording is one SQLite database, in WAL mode while it grows. Its header carries an application id ("KNEE") and the
schema version, so that a foreign or newer file is told apart before anything in it is used. Events and notifications
share one sequence counter, so that merging the two tables by `seq` gives the session in the order in which it happened.
Source: SQLite's "Database File Format", section 1.3.
"""

import os
import sqlite3
from pathlib import Path, PurePath
from urllib.parse import quote

from pipeline.errors import BadInputError, NewerSchemaError

APPLICATION_ID = 0x4B4E4545
"""The letters KNEE."""
SCHEMA_VERSION = 1
MAX_PAYLOAD = 1 << 17
"""Bytes: longer than any notification (512) and any packet of an imported table (80 kB)."""
MAX_TIME_NS = 4_000_000_000_000_000_000
"""Host times beyond this (127 years) are rejected: their differences would not fit 64 bits."""

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sensor(id INTEGER PRIMARY KEY, address TEXT NOT NULL, driver TEXT NOT NULL, side TEXT NOT NULL,
    segment TEXT NOT NULL, name TEXT NOT NULL, firmware TEXT NOT NULL);
CREATE TABLE notification(seq INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, host_time_ns INTEGER NOT NULL,
    characteristic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE event(seq INTEGER PRIMARY KEY, host_time_ns INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT NOT NULL);
CREATE TABLE calibration(side TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
"""
_REQUIRED = {
    "meta": ("key", "value"),
    "sensor": ("id", "address", "driver", "side", "segment", "name", "firmware"),
    "notification": ("seq", "sensor", "host_time_ns", "characteristic", "payload"),
    "event": ("seq", "host_time_ns", "kind", "json"),
}
_MAGIC = b"SQLite format 3\x00"


DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises over a damaged file: the latter where its message would quote what is no UTF-8 any more."""


def database_uri(path: PurePath, options: str) -> str:
    """The address of an absolute path for `sqlite3.connect(..., uri=True)`; options: "mode=ro&immutable=1".

    Unlike `as_uri` also for Windows' network folders: SQLite refuses "file://server/share" and takes
    "file:////server/share".
    """
    text = quote(os.fsencode(path.as_posix()), safe="/:")
    return f"file://{'' if text.startswith('/') else '/'}{text}?{options}"


def create(connection: sqlite3.Connection) -> None:
    """Lay out an empty database as a recording. `connection` is in autocommit mode."""
    connection.execute("PRAGMA page_size = 4096")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.executescript("BEGIN;" + _TABLES + "COMMIT;")


def is_database(path: Path) -> bool:
    """Whether the file begins as an SQLite database; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def check_file(path: Path) -> None:
    """Refuse what is not a recording of this or an older schema, from its header alone.

    Raises BadInputError (missing, a folder, empty, not SQLite, foreign) and NewerSchemaError. A damaged file passes: it
    is recognised when it is read.
    """
    try:
        if path.is_dir():
            raise BadInputError(f"{path} is a folder, not a recording: name the .knee file inside it")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise BadInputError(f"{path} does not exist: check the name") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    if size == 0:
        raise BadInputError(f"{path} is empty: the recording was never started, or the copy failed; copy it again")
    try:
        application, version = _header(path)
    except DAMAGED as error:
        if "not a database" in str(error):
            raise BadInputError(
                f"{path} is not a recording (not an SQLite file): name a .knee file, or import it first"
            ) from None
        return
    if application != APPLICATION_ID:
        raise BadInputError(f"{path} is an SQLite file of another program, not a recording: name a .knee file")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{path} was written by a newer kneetrack (schema {version}, this one reads up to {SCHEMA_VERSION}): "
            "upgrade kneetrack to open it"
        )


def _header(path: Path) -> tuple[int, int]:
    # Read through SQLite, not by opening the file: on POSIX, closing a file of one's own drops the locks that a writer
    # in the same process holds on it. `immutable` touches nothing, so a foreign database stays as it is.
    db = sqlite3.connect(database_uri(path.absolute(), "mode=ro&immutable=1"), uri=True)
    try:
        return db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        db.close()


def check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database without the tables and columns of a recording, or with views in their place.

    Raises BadInputError; one of DAMAGED where the file is damaged.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns in _REQUIRED.items():
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} if table in tables else set()
        missing = [column for column in columns if column not in found]
        if missing:
            what = f"the columns {', '.join(missing)} in the table '{table}'" if found else f"the table '{table}'"
            raise BadInputError(f"{path} is a damaged recording (it lacks {what}): copy it again or use a backup")
