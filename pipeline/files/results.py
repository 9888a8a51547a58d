"""The result folder of a session: angles, events, steps, episodes and the summary.

Written as the session goes, in constant memory, under hidden names beside the final ones; `finish` completes the files
and renames them into place. So a folder holds the results of one whole run or of another, never a mixture, a run that
fails leaves older results as they were, and files that are not ours are not touched. An interruption (Ctrl-C) is no
failure: what there is by then is completed. A folder that another run is writing into is refused. Files and the
folders made for them are their owner's alone.
"""

import asyncio
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import pyarrow

from pipeline import start_check
from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.angle_table import ANGLES_SCHEMA, ORIENTATIONS_SCHEMA, GridTable, angle_rows, orientation_rows
from pipeline.files.claimed import Claim
from pipeline.files.ours import RESULTS
from pipeline.files.private import claim_private, make_private_folder, reason
from pipeline.files.row_table import RowTable
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow, SummaryRow
from pipeline.update import Update

_RESERVED = ("seq", "time_s", "host_time", "kind")


class ResultsWriter:
    """The files of one session. Use as a context manager: leaving it without `finish` discards, after Ctrl-C finishes.

    Parameters
    ----------
    folder : made where it is missing.
    orientations : also write `orientations.parquet`.
    start_utc : the wall clock at session time 0; None leaves `host_time` null.

    Raises BadInputError where the folder cannot be written to, or another run is writing into it.
    """

    def __init__(self, folder: Path, *, orientations: bool = False, start_utc: datetime | None = None) -> None:
        self.folder = Path(folder)
        self._start_utc = start_utc
        self._final: dict[Path, Path] = {}
        self._seq = 0
        self._problem: str | None = None
        self._check: dict[str, object] = {}
        self._open = True
        self._tables: list[GridTable | RowTable] = []
        self._claim: Claim | None = None
        try:
            make_private_folder(self.folder)
            self._claim = Claim(self.folder)
            self._angles = GridTable(self._temporary("angles.parquet"), ANGLES_SCHEMA, angle_rows)
            self._tables.append(self._angles)
            self._orientations = None
            if orientations:
                path = self._temporary("orientations.parquet")
                self._orientations = GridTable(path, ORIENTATIONS_SCHEMA, orientation_rows)
                self._tables.append(self._orientations)
            self._steps = self._row_table(StepRow, "steps")
            self._episodes = self._row_table(EpisodeRow, "episodes")
            self._summary = RowTable(SummaryRow, self._temporary("summary.csv"), None)
            self._tables.append(self._summary)
            self._summary_json = self._temporary("summary.json")
            self._events: TextIO = self._events_path().open("w", encoding="utf-8", newline="\n", buffering=1)
        except (OSError, pyarrow.ArrowException) as error:
            self.abort()
            raise BadInputError(f"{folder} cannot be written to ({reason(error)}): choose another folder") from None
        except BadInputError:
            self._open = False
            raise

    @property
    def failed(self) -> str | None:
        """One line where writing failed (a full disk); later updates are dropped and `finish` will raise it."""
        return self._problem

    def write(self, update: Update) -> None:
        """Take an update. Never raises for the disk's sake: see `failed`."""
        if self._problem or not self._open:
            return
        try:
            self._angles.add(update.legs)
            if self._orientations is not None:
                self._orientations.add(update.legs)
            for step in update.steps:
                self._steps.add(step)
            for episode in update.episodes:
                self._episodes.add(episode)
            for event in update.events:
                self._write_event(event)
        except (OSError, pyarrow.ArrowException) as error:
            self._fail(error)

    def finish(
        self, summary_rows: Sequence[SummaryRow] = (), summary_json: Mapping[str, object] | None = None
    ) -> list[Path]:
        """Complete all files, put them in place, and return their paths.

        summary_json: what `summary.json` says besides `start_utc`, the `check` before the session and the `rows`.
        Raises KneetrackError where the disk refused; older results are then left as they were.
        """
        if not self._open:
            return []
        try:
            if self._problem:
                raise KneetrackError(self._problem)
            for row in summary_rows:
                self._summary.add(row)
            start = self._start_utc.astimezone(UTC).isoformat() if self._start_utc else None
            rows = [asdict(row) for row in summary_rows]
            told = plain({"start_utc": start, **self._check, **(summary_json or {}), "rows": rows})
            text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
            self._summary_json.write_text(text + "\n", encoding="utf-8")
            for table in self._tables:
                table.close()
            self._events.close()
            for temporary, final in self._final.items():
                os.replace(temporary, final)
            self._open = False
            # What an earlier run left and this one does not write (orientations, a PDF) tells of other results.
            for old in {self.folder / name for name in RESULTS} - set(self._final.values()):
                old.unlink(missing_ok=True)
        except (OSError, pyarrow.ArrowException) as error:
            self._fail(error)
            raise KneetrackError(str(self._problem)) from None
        finally:
            self.abort()
        return list(self._final.values())

    def abort(self) -> None:
        """Discard what was written. After `finish`, and a second time, it does nothing."""
        if not self._open:
            self._release()
            return
        self._open = False
        for table in self._tables:
            try:
                table.abandon()
            except (OSError, pyarrow.ArrowException) as error:
                self._fail(error)
        if hasattr(self, "_events"):
            try:
                self._events.close()
            except OSError as error:
                self._fail(error)
        for temporary in self._final:
            temporary.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt | asyncio.CancelledError):
            self.finish()
        else:
            self.abort()

    def _row_table(self, kind: type, name: str) -> RowTable:
        table = RowTable(kind, self._temporary(f"{name}.csv"), self._temporary(f"{name}.parquet"))
        self._tables.append(table)
        return table

    def _temporary(self, name: str) -> Path:
        path = self.folder / f".{name}.partial"
        claim_private(path)
        self._final[path] = self.folder / name
        return path

    def _events_path(self) -> Path:
        """Where there are no older events, the final name, line by line: others may follow a session as it goes."""
        final = self.folder / "events.jsonl"
        if final.exists():
            return self._temporary("events.jsonl")
        claim_private(final)
        self._final[final] = final
        return final

    def _write_event(self, event: RaisedEvent) -> None:
        self._seq += 1
        if event.kind == start_check.KIND and (check := start_check.Check.from_fields(event.fields)) is not None:
            self._check = {start_check.KIND: check.fields()}
        fields = {key: value for key, value in event.fields.items() if key not in _RESERVED}
        line = {
            "seq": self._seq,
            "time_s": event.time_s,
            "host_time": self._host_time(event.time_s),
            "kind": event.kind,
        }
        self._events.write(json.dumps(plain({**line, **fields}), ensure_ascii=False, allow_nan=False) + "\n")

    def _host_time(self, time_s: float) -> str | None:
        if self._start_utc is None or not math.isfinite(time_s):
            return None
        try:
            moment = self._start_utc.astimezone(UTC) + timedelta(seconds=time_s)
        except OverflowError:
            return None
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _fail(self, error: Exception) -> None:
        if self._problem is None:
            self._problem = (
                f"the results in {self.folder} cannot be written ({reason(error)}): "
                "free space, then run `kneetrack process` on the recording"
            )


def plain(value: Any) -> Any:
    """The value as JSON can say it: what is not finite becomes null, numpy and enums become numbers and texts."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)
