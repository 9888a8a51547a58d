"""x-IMU3 recordings: a folder with an inertial CSV file for each sensor.

Columns "Timestamp (us)", "Gyroscope X (deg/s)" to Z and "Accelerometer X (g)" to Z; the sensors of a recording share
one clock. The sensor's place comes from the name of the file, or of the folder that it lies in ("right_upper_leg" or
"Left Shank"); files of other places (pelvis, foot) are passed over. With both legs in the folder the session has both,
or the one that is asked for. Source of the layout: files published by x-io Technologies (IMU-Mocap).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.errors import BadInputError
from pipeline.files.imported import ImportedRecording, SensorTable, check_overlap, sensor_table
from pipeline.files.segments import segment_of, side_of
from pipeline.files.text_table import head, read_text
from pipeline.records import Segment, SensorInfo, Side

_CLOCK = "Timestamp (us)"
_GYR = [f"Gyroscope {axis} (deg/s)" for axis in "XYZ"]
_ACC = [f"Accelerometer {axis} (g)" for axis in "XYZ"]
_EXAMPLE = "export the sensor's inertial messages again"

_Place = tuple[Side, Segment]


def is_ximu3(path: Path) -> bool:
    """Whether a file is an inertial CSV of an x-IMU3. Raises BadInputError where it cannot be read."""
    first = head(path).splitlines()[0]
    return _CLOCK in first and "Gyroscope X" in first


def read_ximu3(paths: Sequence[Path], side: Side | None) -> ImportedRecording:
    """A folder, or the files of thigh and shank, as a session of one leg or two.

    side: the leg that is wanted, or that files whose names tell none belong to (then default right). Session time 0 is
    the first sample of all. Raises BadInputError.
    """
    files = _files(paths, side)
    raw = {}
    for place, path in files.items():
        columns = read_text(path)
        columns.require([_CLOCK, *_GYR, *_ACC], _EXAMPLE)
        if len(columns.frame) == 0:
            raise BadInputError(f"{path} has column names but no rows: {_EXAMPLE}")
        clock = columns.numbers([_CLOCK])[:, 0]
        raw[place] = clock, columns.numbers(_ACC) * STANDARD_GRAVITY, np.radians(columns.numbers(_GYR))
    zero = min(float(np.nanmin(clock)) for clock, _, _ in raw.values())
    tables: list[SensorTable] = []
    for number, ((leg, segment), (clock, acc, gyr)) in enumerate(raw.items(), start=1):
        path = files[leg, segment]
        info = SensorInfo(number, path.name, "table", leg, segment, path.stem)
        tables.append(sensor_table(info, (clock - zero) * 1e-6, acc, gyr, None, path, _CLOCK))
    check_overlap(tables, f"the sensors of {paths[0]}")
    return ImportedRecording(tables, None, "ximu3_csv", [path.name for path in files.values()])


def _files(paths: Sequence[Path], side: Side | None) -> dict[_Place, Path]:
    """The file of each place, left leg first, thigh first."""
    where = paths[0]
    found: dict[_Place, Path] = {}
    candidates = _candidates(where) if len(paths) == 1 and where.is_dir() else list(paths)
    for path in candidates:
        # The file speaks for itself; a file that is only called "Inertial" is spoken for by its folder.
        name = path.stem if segment_of(path.stem) else f"{path.parent.name} {path.stem}"
        segment, named = segment_of(name), side_of(name)
        leg = named or side or Side.RIGHT
        if segment is None or (side is not None and named not in (None, side)):
            continue
        if (leg, segment) in found:
            both = f"{found[leg, segment].name} and {path.name}"
            raise BadInputError(f"{where}: {both} are both the {leg.value} {segment.value}: name one of each")
        found[leg, segment] = path
    legs = [leg for leg in Side if any(place[0] is leg for place in found)]
    missing = [f"{leg.value} {part.value}" for leg in legs for part in Segment if (leg, part) not in found]
    if not found or missing:
        what = " and ".join(missing) if missing else "thigh and shank"
        raise BadInputError(
            f"{where} holds no inertial CSV file named for the {what}: rename the files (left_thigh...)"
        )
    return {(leg, part): found[leg, part] for leg in legs for part in Segment}


def _candidates(folder: Path) -> list[Path]:
    try:
        names = sorted([*folder.glob("*.csv"), *folder.glob("*/*.csv")])
    except OSError as error:
        raise BadInputError(f"{folder} cannot be read ({error.strerror}): check its permissions") from None
    found = [path for path in names if "inertial" in path.stem.lower() and is_ximu3(path)]
    if not found:
        raise BadInputError(f"{folder} is a folder without x-IMU3 inertial CSV files: name a file inside it")
    return found
