"""The generic table of one leg, `.csv` or `.parquet`: the way in for any sensor this project does not know.

Columns: `time_s`, `thigh_acc_x` to `_z` (m/s2, gravity included), `thigh_gyr_x` to `_z` (rad/s), the same for `shank`,
and optionally `thigh_mag_x` to `_z` and `shank_mag_x` to `_z` (uT). Any mounting, any steady or unsteady rate. `time_s`
becomes session time as it is.
"""

from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.imported import ImportedRecording, check_units, sensor_table
from pipeline.files.text_table import Columns, read_parquet, read_text
from pipeline.records import Segment, SensorInfo, Side

_AXES = ("x", "y", "z")
_EXAMPLE = "a table needs time_s and x, y, z of thigh_acc, thigh_gyr, shank_acc and shank_gyr"
_DRIVER = "table"


def column_names(segment: Segment, quantity: str) -> list[str]:
    """The three columns of a segment's `acc`, `gyr` or `mag`."""
    return [f"{segment.value}_{quantity}_{axis}" for axis in _AXES]


def read_table(path: Path, side: Side) -> ImportedRecording:
    """A generic table as a session of one leg, thigh sensor 1, shank sensor 2.

    Raises BadInputError with one clear line for whatever cannot be analysed.
    """
    required = ["time_s"] + [name for segment in Segment for q in ("acc", "gyr") for name in column_names(segment, q)]
    optional = [name for segment in Segment for name in column_names(segment, "mag")]
    if path.suffix.lower() in (".parquet", ".pq"):
        columns = read_parquet(path, required + optional)
    else:
        columns = read_text(path)
    columns.require(required, _EXAMPLE)
    if len(columns.frame) == 0:
        raise BadInputError(f"{path} has column names but no rows: export it again")
    time_s = columns.numbers(["time_s"])[:, 0]
    tables = []
    for number, segment in enumerate(Segment, start=1):
        acc, gyr = (columns.numbers(column_names(segment, quantity)) for quantity in ("acc", "gyr"))
        names = column_names(segment, "mag")
        mag = columns.numbers(names) if _has_all(columns, names) else None
        info = SensorInfo(number, f"{_DRIVER}:{segment.value}", _DRIVER, side, segment, path.name)
        tables.append(sensor_table(info, time_s, acc, gyr, mag, path, "time_s"))
        check_units(tables[-1], path)
    return ImportedRecording(tables, None, "table", [path.name])


def _has_all(columns: Columns, names: list[str]) -> bool:
    return all(name in columns.names and columns.frame[name].notna().any() for name in names)
