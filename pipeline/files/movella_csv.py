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
from pipeline.files.segments import segment_of, sibling_names
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


def find_pair(path: Path) -> tuple[Path, Path]:
    """The file and its sibling, thigh first: the same name with the other segment's word, or the folder's only other.

    Raises BadInputError where there is none or more than one.
    """
    folder = [other for other in sorted(path.parent.iterdir()) if other.suffix.lower() == path.suffix.lower()]
    others = [other for other in folder if other.name != path.name]
    wanted = sibling_names(path.stem)
    found = [other for other in others if other.stem.lower() in wanted and is_movella(other)]
    if not found:
        found = [other for other in others if _readable_movella(other)]
    if len(found) != 1:
        many = "several files could be" if found else "no file beside it is"
        raise BadInputError(f"{path} is one sensor of a pair and {many} the other: name both, thigh first")
    return _ordered([path, found[0]])


def read_movella(paths: Sequence[Path], side: Side) -> ImportedRecording:
    """A pair as a session of one leg. One path: its sibling is looked for.

    Session time 0 is the first sample of the earlier file. Raises BadInputError.
    """
    pair = find_pair(paths[0]) if len(paths) == 1 else _ordered(list(paths))
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


def _ordered(paths: list[Path]) -> tuple[Path, Path]:
    if len(paths) != 2 or paths[0] == paths[1]:
        raise BadInputError(f"{paths[0]}: a Movella recording is two different files, thigh and shank: name both")
    segments = [segment_of(path.stem) or segment_of(_look(path).header.get("devicetag", "")) for path in paths]
    if segments[0] is not None and segments[0] == segments[1]:
        raise BadInputError(
            f"{paths[0]} and {paths[1].name} are both {segments[0].value} sensors by their names: name one of each"
        )
    swapped = segments[0] is Segment.SHANK or segments[1] is Segment.THIGH
    return (paths[1], paths[0]) if swapped else (paths[0], paths[1])


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


def _readable_movella(path: Path) -> bool:
    try:
        return is_movella(path)
    except BadInputError:
        return False


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
