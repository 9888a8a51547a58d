"""Xsens MT Manager's text export (MTw Awinda, MTi): a file for each sensor.

Comment lines begin with `//` and tell the update rate and the device; then names and rows, separated by tabs, commas
or semicolons: PacketCounter, Acc (m/s2, gravity included), Gyr (rad/s). The counter has 16 bits, goes on by one with
every sample, and is the same for all sensors of one wireless master; so samples are aligned and lost ones seen by it.
SampleTimeFine is usually empty and not used; the magnetometer has arbitrary units and is not taken. Source of the
layout: public recordings (OpenSense, IMoVE) and their readers.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import BadInputError
from pipeline.files.imported import ImportedRecording, SensorTable, check_overlap, check_units, sensor_table
from pipeline.files.pairing import find_pair, thigh_then_shank
from pipeline.files.text_table import head, read_text
from pipeline.records import Segment, SensorInfo, Side

_ACC = ["Acc_X", "Acc_Y", "Acc_Z"]
_GYR = ["Gyr_X", "Gyr_Y", "Gyr_Z"]
_COUNTER = "PacketCounter"
_WRAP = 1 << 16
_EXAMPLE = "export calibrated inertial data with the packet counter"


def is_xsens(path: Path) -> bool:
    """Whether the file looks like MT Manager's export. Raises BadInputError where it cannot be read."""
    lines = head(path).splitlines()[:60]
    return lines[0].startswith("//") and any(_COUNTER in line and "Acc_X" in line for line in lines)


def device_id(path: Path) -> str:
    """The device's number, as the file tells it."""
    found = re.search(r"^//\s*DeviceId:\s*(\S+)", head(path), re.MULTILINE)
    return found[1] if found else ""


def read_xsens(paths: Sequence[Path], side: Side) -> ImportedRecording:
    """Two files, thigh and shank, as a session of one leg. One path: its sibling is looked for.

    Session time 0 is the thigh's first sample. Raises BadInputError.
    """
    pair = find_pair(paths[0], is_xsens, device_id) if len(paths) == 1 else thigh_then_shank(paths, device_id)
    tables: list[SensorTable] = []
    first = 0.0
    for number, (path, segment) in enumerate(zip(pair, Segment, strict=True), start=1):
        text = head(path)
        lines = text.splitlines()
        if not is_xsens(path):
            raise BadInputError(f"{path} is no text file of MT Manager: name both files of the pair")
        told = re.search(r"^//\s*Update Rate:\s*([\d.]+)\s*Hz", text, re.MULTILINE)
        if told is None or float(told[1]) <= 0:
            raise BadInputError(f"{path} does not tell its update rate: add the line '// Update Rate: 100.0Hz' on top")
        header = next(k for k, line in enumerate(lines, start=1) if _COUNTER in line and not line.startswith("//"))
        columns = read_text(path, header)
        columns.require([_COUNTER, *_ACC, *_GYR], _EXAMPLE)
        if len(columns.frame) == 0:
            raise BadInputError(f"{path} has column names but no rows: {_EXAMPLE}")
        counter = columns.numbers([_COUNTER])[:, 0]
        counter[(counter < 0) | (counter >= _WRAP)] = np.nan
        good = np.flatnonzero(np.isfinite(counter))
        if len(good) == 0:
            raise BadInputError(f"{path}: {_COUNTER} holds no 16-bit numbers: {_EXAMPLE}")
        first = counter[good[0]] if number == 1 else first
        steps = np.diff(counter[good], prepend=first)
        samples = np.full(len(counter), np.nan)
        samples[good] = np.cumsum((steps + _WRAP / 2) % _WRAP - _WRAP / 2)
        firmware = re.search(r"^//\s*Firmware Version:\s*(\S+)", text, re.MULTILINE)
        info = SensorInfo(number, path.name, "table", side, segment, device_id(path), firmware[1] if firmware else "")
        acc, gyr = columns.numbers(_ACC), columns.numbers(_GYR)
        tables.append(sensor_table(info, samples / float(told[1]), acc, gyr, None, path, _COUNTER))
        check_units(tables[-1], path)
    check_overlap(tables, f"{pair[0]} and {pair[1].name}")
    return ImportedRecording(tables, None, "xsens_text", [path.name for path in pair])
