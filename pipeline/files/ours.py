"""Which files in a folder are a session's own, and whose they say they are.

Told from what is inside, never from a name alone: a recording by its header and its `meta` table, a summary by its
rows, a profile by its kind. Links are never followed: a link is not a file of ours.
"""

import json
import os
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibration import profile
from pipeline.errors import BadInputError
from pipeline.files.claimed import CLAIM
from pipeline.files.schema import DAMAGED, check_file, database_uri
from pipeline.person import KEY, known_person

TABLES = (
    "angles.parquet",
    "orientations.parquet",
    "steps.csv",
    "steps.parquet",
    "episodes.csv",
    "episodes.parquet",
    "summary.csv",
)
"""Tables of a result folder: figures, and words of closed sets."""
RESULTS = (*TABLES, "summary.json", "events.jsonl", "report.html", "report.pdf")
BESIDE_RECORDING = ("", "-wal", "-shm", "-journal")
"""What SQLite may keep beside a database, as endings of its name."""
_LARGEST_JSON = 50_000_000


def is_plain_file(path: Path) -> bool:
    """Whether there is a regular file of that name, and no link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def result_files(folder: Path) -> list[Path]:
    """The files of a session's results in a folder, finished or not."""
    names = [*RESULTS, *(f".{name}.partial" for name in RESULTS), CLAIM]
    return [path for name in names if is_plain_file(path := folder / name)]


def recording_files(recording: Path) -> list[Path]:
    """A recording and what SQLite keeps beside it."""
    return [path for end in BESIDE_RECORDING if is_plain_file(path := recording.with_name(recording.name + end))]


def recording_meta(path: Path) -> dict[str, str]:
    """The texts of a recording's `meta` table, also of one that holds no data yet or was killed.

    Raises BadInputError where it is no recording of ours, or cannot be read.
    """
    check_file(path)
    texts: dict[str, str] = {}
    for mode in ("ro", "ro&immutable=1"):
        try:
            db = sqlite3.connect(database_uri(path.absolute(), f"mode={mode}"), uri=True, timeout=2.0)
            try:
                db.text_factory = lambda raw: raw.decode(errors="replace")
                rows = db.execute("SELECT key, value FROM meta LIMIT 1000").fetchall()
            finally:
                db.close()
        except DAMAGED as error:
            problem = error
            continue
        texts = {key: value for key, value in rows if isinstance(key, str) and isinstance(value, str)}
        return texts
    raise BadInputError(f"{path} is damaged or cut off ({problem}): whose it is cannot be told")


def looks_like_recording(path: Path) -> bool:
    """Whether a file carries a recording's header, however damaged the rest."""
    try:
        check_file(path)
    except BadInputError:
        return False
    return True


def person_of_recording(path: Path) -> str | None:
    """Whose recording it is. Raises BadInputError as `recording_meta` does."""
    return known_person(recording_meta(path).get(KEY))


def json_object(path: Path) -> Mapping[str, Any] | None:
    """The object in a JSON file; None where it holds none, or is too large to be ours."""
    try:
        if not is_plain_file(path) or path.stat().st_size > _LARGEST_JSON:
            return None
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_summary(value: Mapping[str, Any] | None) -> bool:
    """Whether an object is a summary of ours."""
    return value is not None and isinstance(value.get("rows"), list) and isinstance(value.get("versions"), dict)


def is_profile(value: Mapping[str, Any] | None) -> bool:
    """Whether an object is a calibration profile of ours."""
    return value is not None and value.get("kind") == profile.KIND


def links_in(folder: Path) -> list[Path]:
    """Links among the entries of a folder."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_symlink())
