"""`batch.csv`: the summaries of many recordings as one table, a row for each recording, leg and activity.

The columns of `summary.csv`, cell for cell, after whose session it was, when, and where its results lie. Written whole
or not at all.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from pipeline.errors import KneetrackError
from pipeline.files.ours import is_plain_file, is_summary, json_object
from pipeline.files.private import write_private
from pipeline.person import KEY, known_person
from pipeline.rows import SummaryRow

TABLE = "batch.csv"
_WHOSE = ("folder", "recording", KEY, "start_utc")
_COLUMNS = tuple(field.name for field in fields(SummaryRow))


def write_table(out: Path, recordings: Iterable[tuple[str, str]]) -> int:
    """Write the table of the results under `out`; gives the number of rows.

    recordings: of each, the folder below `out` and its name. Those whose results are gone or cannot be read have no
    row. Raises KneetrackError where the disk refuses.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_WHOSE, *_COLUMNS])
    count = 0
    for folder, name in sorted(recordings):
        summary = json_object(out / folder / "summary.json")
        if summary is None or not is_summary(summary):
            continue
        whose = [folder, name, known_person(summary.get(KEY)) or "", summary.get("start_utc") or ""]
        for row in _rows(out / folder / "summary.csv"):
            table.writerow([*whose, *(row.get(column, "") for column in _COLUMNS)])
            count += 1
    try:
        # A file's name may be no text (bytes of another encoding).
        write_private(out / TABLE, text.getvalue().encode(errors="backslashreplace").decode())
    except OSError as error:
        raise KneetrackError(
            f"{out / TABLE} cannot be written ({error.strerror}): free space, then run it again"
        ) from None
    return count


def names_person(table: Path, person: str) -> bool:
    """Whether rows of a person stand in a file, and it is a table of this kind."""
    return any(known_person(row[2]) == person for row in _table(table)[1:])


def forget_person(table: Path, person: str) -> None:
    """Take a person's rows out of a table. Raises OSError."""
    rows = _table(table)
    kept = [row for row in rows if known_person(row[2]) != person]
    if len(kept) < len(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(kept)
        write_private(table, text.getvalue())


def _table(path: Path) -> list[list[str]]:
    """All rows, the names first; none where the file is no table of this kind."""
    if not is_plain_file(path):
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error):
        return []
    if not rows or tuple(rows[0][: len(_WHOSE)]) != _WHOSE:
        return []
    return [row for row in rows if len(row) > len(_WHOSE)]


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []
