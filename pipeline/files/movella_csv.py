"""The Movella DOT app's CSV files, one a sensor, two a leg.

Some lines of `key:,value`, then the names, then rows: PacketCounter, SampleTimeFine (microseconds, 32 bits, so it wraps
after 71.6 minutes), Acc (m/s2, gravity included), Gyr (deg/s), Mag (arbitrary units: not taken). Synchronised sensors
share one clock, so the pair is aligned by SampleTimeFine, never by row: the files start and end at different samples.
Which sensor is which comes from the file names (thigh or femur, shank or tibia), then from the device tags, then from
the order (thigh first). Source of the layout: files of app versions 2023 and the DOT user manual.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from firmware_interface.samples import Floats
from pipeline.errors import BadInputError
from pipeline.files.imported import ImportedRecording, SensorTable, check_overlap, sensor_table
from pipeline.files.pairing import find_pair, thigh_then_shank
from pipeline.files.text_table import head, read_text
from pipeline.records import Segment, SensorInfo, Side

_ACC = ["Acc_X", "Acc_Y", "Acc_Z"]
_GYR = ["Gyr_X", "Gyr_Y", "Gyr_Z"]
_CLOCK = "SampleTimeFine"
_WRAP = 1 << 32
_EXAMPLE = "record in the app's mode 'Rate quantities' (accelerations with gravity and angular rates)"
_ZONES_H = {"UTC": 0, "GMT": 0, "WET": 0, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
"""Hours ahead of UTC; zone names that stand for several zones are left out, then the start is unknown."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    header: dict[str, str]
    header_line: int
    separator: str


def is_movella(path: Path) -> bool:
    """Whether the file looks like the app's. Raises BadInputError where it cannot be read at all."""
    return _header_line(head(path).splitlines()[:60]) is not None


def device_tag(path: Path) -> str:
    """What the app's user called the sensor."""
    return _look(path).header.get("devicetag", "")


def read_movella(paths: Sequence[Path], side: Side) -> ImportedRecording:
    """A pair as a session of one leg. One path: its sibling is looked for.

    Session time 0 is the first sample of the earlier file. Raises BadInputError.
    """
    pair = find_pair(paths[0], is_movella, device_tag) if len(paths) == 1 else thigh_then_shank(paths, device_tag)
    files = [_look(path) for path in pair]
    names = f"{pair[0]} and {pair[1].name}"
    for file in files:
        status = file.header.get("syncstatus", "Synced")
        if status.lower() != "synced":
            raise BadInputError(f"{file.path} says '{status}': synchronise the sensors in the app and record again")
    clocks, rest = zip(*(_read(file) for file in files), strict=True)
    starts = [clock[np.isfinite(clock)][:1] for clock in clocks]
    ahead = _signed(float(starts[1][0] - starts[0][0])) * 1e-6
    zero = min(0.0, ahead)
    tables: list[SensorTable] = []
    for number, (file, segment, clock, (acc, gyr), offset) in enumerate(
        zip(files, (Segment.THIGH, Segment.SHANK), clocks, rest, (-zero, ahead - zero), strict=True), start=1
    ):
        tag, firmware = file.header.get("devicetag", ""), file.header.get("firmwareversion", "")
        info = SensorInfo(number, file.path.name, "table", side, segment, tag, firmware)
        tables.append(sensor_table(info, _unwrapped(clock) + offset, acc, gyr, None, file.path, _CLOCK))
    check_overlap(tables, names)
    first = files[0] if ahead >= 0 else files[1]
    start = _parse_start(first.header.get("starttime", ""))
    return ImportedRecording(tables, start, "movella_csv", [path.name for path in pair])


def _look(path: Path) -> _File:
    lines = head(path).splitlines()[:60]
    number = _header_line(lines)
    if number is None:
        raise BadInputError(f"{path} is no CSV file of the Movella DOT app: name both files of the pair")
    separator = max(",;\t", key=lines[number - 1].count)
    header = {}
    for line in lines[: number - 1]:
        key, _, value = line.partition(separator)
        header[re.sub(r"[^a-z]", "", key.lower())] = value.strip()
    return _File(path, header, number, separator)


def _header_line(lines: list[str]) -> int | None:
    for number, line in enumerate(lines, start=1):
        if _CLOCK in line and "PacketCounter" in line:
            # MT Manager's text files have these columns too, below lines of comment.
            return None if lines[0].startswith("//") else number
    return None


def _read(file: _File) -> tuple[Floats, tuple[Floats, Floats]]:
    columns = read_text(file.path, file.header_line, file.separator)
    columns.require([_CLOCK, *_ACC, *_GYR], _EXAMPLE)
    if len(columns.frame) == 0:
        raise BadInputError(f"{file.path} has column names but no rows: export it again")
    clock = columns.numbers([_CLOCK])[:, 0]
    clock[(clock < 0) | (clock >= _WRAP)] = np.nan
    if not np.isfinite(clock).any():
        raise BadInputError(f"{file.path}: {_CLOCK} holds no 32-bit microseconds: export it again")
    return clock, (columns.numbers(_ACC), np.radians(columns.numbers(_GYR)))


def _unwrapped(clock: Floats) -> Floats:
    """(n,) seconds since the first sample of the file, NaN kept."""
    seconds = np.full(len(clock), np.nan)
    good = np.flatnonzero(np.isfinite(clock))
    steps = np.diff(clock[good], prepend=clock[good[0]])
    seconds[good] = np.cumsum((steps + _WRAP / 2) % _WRAP - _WRAP / 2) * 1e-6
    return seconds


def _signed(microseconds: float) -> float:
    return (microseconds + _WRAP / 2) % _WRAP - _WRAP / 2


def _parse_start(text: str) -> datetime | None:
    """The app's "2024-12-09_17:31:07_886 CET" as UTC."""
    found = re.match(r"(\d{4}-\d\d-\d\d)_(\d\d:\d\d:\d\d)_(\d{3})\s*(\w*)", text)
    if found is None or found[4] not in _ZONES_H:
        return None
    zone = timezone(timedelta(hours=_ZONES_H[found[4]]))
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}.{found[3]}").replace(tzinfo=zone)
    except ValueError:
        return None
    return moment.astimezone(UTC)
