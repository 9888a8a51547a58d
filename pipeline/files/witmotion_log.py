"""WitMotion's text log: the app writes the frames of all connected sensors into one file, line by line.

Columns, separated by tabs or commas: the computer's time of day, the device's name, accelerations in g, angular rates
in deg/s (the degree sign comes in several encodings). The frames of these sensors carry no time of their own, and the
log's times are those of arrival, in bursts. So each line becomes again the 20-byte notification that it was, of the
driver `witmotion`, and the session's time base treats it as it treats a live sensor. Thigh and shank are told by the
device's name, or by order of appearance, thigh first. Source of the layout: public readers of such logs (gyroflow's
telemetry-parser and others); frame: the driver's page.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from firmware_interface.samples import Floats, Ints
from pipeline.errors import BadInputError
from pipeline.files.imported import MIN_DURATION_S
from pipeline.files.row_order import order_rows, runs_backwards
from pipeline.files.segments import segment_of
from pipeline.files.text_table import Columns, head, read_text
from pipeline.records import Notification, Record, Segment, SensorInfo, Side

_DRIVER = "witmotion"
_NOTIFY = "0000ffe4-0000-1000-8000-00805f9a34fb"
_ACC = re.compile(r"^(?:acceleration\s*([xyz])|a([xyz]))\s*\(g\)$", re.IGNORECASE)
_GYR = re.compile(r"^(?:angular velocity\s*([xyz])|w([xyz]))\s*\(.*/s\)$", re.IGNORECASE)
_TIME = re.compile(r"(?:\d{4}-\d+-\d+[ T]+)?(\d{1,2}):(\d{1,2}):(\d{1,2})[.,:](\d{1,6})")
_ACC_COUNTS = 32768 / 16
_GYR_COUNTS = 32768 / 2000
_DAY_S = 86400.0


def is_witmotion(path: Path) -> bool:
    """Whether the file looks like such a log. Raises BadInputError where it cannot be read."""
    return _header_line(path) is not None


def read_witmotion(path: Path, side: Side) -> "WitMotionLog":
    """A log of two sensors as a session of one leg. Raises BadInputError."""
    line = _header_line(path)
    if line is None:
        raise BadInputError(f"{path} is no WitMotion log: name a file with accelerations and angular rates")
    columns = read_text(path, line)
    acc, gyr = (_axes(columns, pattern) for pattern in (_ACC, _GYR))
    device = _named(columns, ("device name", "devicename", "address"))
    clock = _named(columns, ("time", "time(s)"))
    if device is None or clock is None:
        raise BadInputError(
            f"{path} lacks the column {'Time' if clock is None else 'Device name'}: record both sensors into one file "
            "with the app's time, otherwise they cannot be aligned"
        )
    names = columns.frame[device].astype(str).str.strip()
    seconds = _time_of_day(columns.frame[clock])
    values = np.hstack([columns.numbers(acc) * _ACC_COUNTS, columns.numbers(gyr) * _GYR_COUNTS])
    found = [name for name in dict.fromkeys(names) if (names == name).sum() > 10]
    if len(found) != 2:
        raise BadInputError(f"{path} holds {len(found)} sensors, thigh and shank are needed: record both into one file")
    if segment_of(found[0]) is Segment.SHANK or segment_of(found[1]) is Segment.THIGH:
        found.reverse()
    zero = float(np.nanmin(seconds)) if np.isfinite(seconds).any() else 0.0
    parts = []
    for number, (name, segment) in enumerate(zip(found, Segment, strict=True), start=1):
        rows = np.flatnonzero(((names == name).to_numpy()) & np.isfinite(values).all(axis=1))
        info = SensorInfo(number, name, _DRIVER, side, segment, name)
        parts.append(_Frames.of(info, seconds[rows] - zero, values[rows], path))
    return WitMotionLog(parts, path.name)


class _Frames:
    """The frames of one sensor: when they arrived (ns, ascending) and their six words."""

    def __init__(self, info: SensorInfo, time_ns: Ints, words: Any, counts: dict[str, int]) -> None:
        self.info, self.time_ns, self.words, self.counts = info, time_ns, words, counts

    @classmethod
    def of(cls, info: SensorInfo, seconds: Floats, values: Floats, path: Path) -> "_Frames":
        if not np.isfinite(seconds).any():
            raise BadInputError(f"{path}: the times of {info.name} cannot be read: hours:minutes:seconds are needed")
        if runs_backwards(seconds):
            raise BadInputError(f"{path}: the time runs backwards: sort the rows by time or export it again")
        # Frames of one burst share a time; their order in the file is the order in which they came.
        order = np.argsort(seconds, kind="stable")[: np.isfinite(seconds).sum()]
        time = seconds[order]
        if time[-1] - time[0] < MIN_DURATION_S:
            raise BadInputError(
                f"{path} is too short to analyse ({time[-1] - time[0]:.2f} s of {info.name}, at least "
                f"{MIN_DURATION_S:.0f} s are needed): record a longer one"
            )
        words = np.clip(np.rint(values[order]), -32768, 32767).astype("<i2")
        counts = {key: n for key, n in order_rows(seconds).counts().items() if key != "duplicated"}
        return cls(info, np.rint(time * 1e9).astype(np.int64), words, {"rows": len(time), **counts})


class WitMotionLog:
    """A log in memory, as notifications; looks like a `Recording` (see `Recorded`)."""

    def __init__(self, parts: list[_Frames], name: str) -> None:
        self._parts = parts
        self.sensors = tuple(part.info for part in parts)
        self.start_utc: datetime | None = None
        self.profiles: dict[Side, dict[str, Any]] = {}
        ends = [(part.time_ns[0], part.time_ns[-1]) for part in parts]
        self.duration_s = float(max(end for _, end in ends) - min(begin for begin, _ in ends)) * 1e-9
        counts = {str(part.info.id): part.counts for part in parts}
        told = {"kind": "witmotion_log", "files": [name], "sensors": counts}
        self.meta = {"start_utc": "", "host_clock_anchor_ns": "", "import": json.dumps(told)}

    def records(self, batch: int = 2000) -> Iterator[list[Record]]:
        """Every line as its notification, in order of arrival, at most `batch` at a time."""
        times = np.concatenate([part.time_ns for part in self._parts])
        which = np.concatenate([np.full(len(part.time_ns), k) for k, part in enumerate(self._parts)])
        row = np.concatenate([np.arange(len(part.time_ns)) for part in self._parts])
        order = np.argsort(times, kind="stable")
        for begin in range(0, len(order), batch):
            chunk: list[Record] = []
            for seq, at in enumerate(order[begin : begin + batch], start=begin + 1):
                part = self._parts[which[at]]
                payload = b"\x55\x61" + part.words[row[at]].tobytes() + bytes(6)
                chunk.append(Notification(seq, int(times[at]), part.info.id, _NOTIFY, payload))
            yield chunk

    def close(self) -> None:
        """Nothing is open."""


def _header_line(path: Path) -> int | None:
    for number, line in enumerate(head(path).splitlines()[:10], start=1):
        cells = [cell.strip() for cell in re.split(r"[\t,;]", line)]
        if all(sum(bool(pattern.match(cell)) for cell in cells) == 3 for pattern in (_ACC, _GYR)):
            return number
    return None


def _axes(columns: Columns, pattern: re.Pattern[str]) -> list[str]:
    by_axis = {(found[1] or found[2]).lower(): name for name in columns.names if (found := pattern.match(name))}
    return [by_axis[axis] for axis in "xyz"]


def _named(columns: Columns, wanted: tuple[str, ...]) -> str | None:
    return next((name for name in columns.names if name.lower() in wanted), None)


def _time_of_day(column: "pd.Series[Any]") -> Floats:
    """(n,) seconds, going on over midnight; NaN where a cell is no time."""
    parts = column.astype(str).str.extract(_TIME)
    if parts.isna().all().all():
        return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    numbers = np.asarray(parts.apply(pd.to_numeric, errors="coerce"), dtype=np.float64)
    digits = parts[3].fillna("0").astype(str).str.len().to_numpy()
    seconds = numbers[:, 0] * 3600 + numbers[:, 1] * 60 + numbers[:, 2] + numbers[:, 3] / 10.0**digits
    good = np.flatnonzero(np.isfinite(seconds))
    days = np.cumsum(np.diff(seconds[good], prepend=seconds[good[:1]]) < -_DAY_S / 2)
    seconds[good] += days * _DAY_S
    return seconds
