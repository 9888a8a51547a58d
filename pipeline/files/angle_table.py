"""`angles.parquet` and `orientations.parquet`: the grid's rows, written window by window in constant memory.

Rows are held back until their minute of session time is over for every leg, then written as one row group, left leg
first. So the rows stand in the same order however the session was cut into updates, and a session of hours needs the
memory of minutes. Degrees. Times are 64-bit; angles are 32-bit: their spacing at 180 deg is 0.000015 deg, a thousandth
of what any sensor resolves, and the file is half the size.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.blocks import Activity, LegBlock, Status
from pipeline.records import Side
from pipeline.update import LegResult

WINDOW_S = 60.0
_LAG_WINDOWS = 2
"""A leg this far behind the other is not waited for: it has stopped."""

ANGLES = {
    "flexion_deg": "flexion",
    "abduction_deg": "abduction",
    "rotation_deg": "rotation",
    "valgus_excess_deg": "excess",
    "medial_collapse_deg": "collapse",
    "shank_medial_tilt_deg": "shank_tilt",
    "thigh_medial_tilt_deg": "thigh_tilt",
    "flexion_sd_deg": "flexion_sd",
    "abduction_sd_deg": "abduction_sd",
    "rotation_sd_deg": "rotation_sd",
    "valgus_excess_sd_deg": "excess_sd",
    "medial_collapse_sd_deg": "collapse_sd",
}
"""Column of the file: field of `LegBlock`, rad."""
ANGLES_SCHEMA = pa.schema(
    [("time_s", pa.float64()), ("side", pa.string())]
    + [(name, pa.float32()) for name in ANGLES]
    + [("valid", pa.bool_()), ("status", pa.string()), ("activity", pa.string())]
)
ORIENTATIONS_SCHEMA = pa.schema(
    [("time_s", pa.float64()), ("side", pa.string())]
    + [(f"{segment}_{axis}", pa.float32()) for segment in ("thigh", "shank") for axis in "wxyz"]
)
_STATUS = pa.array([status.name.lower() for status in Status])
_ACTIVITY = pa.array([activity.label for activity in Activity])


def angle_rows(result: LegResult) -> Any:
    """The rows of `angles.parquet` for a leg's block, as an Arrow table."""
    block = result.block
    columns: list[Any] = [pa.array(block.time_s), _repeated(result.side, len(block))]
    columns += [pa.array(np.degrees(getattr(block, field)).astype(np.float32)) for field in ANGLES.values()]
    columns += [pa.array(block.valid), _named(block.status, _STATUS), _named(result.activity, _ACTIVITY)]
    return pa.Table.from_arrays(columns, schema=ANGLES_SCHEMA)


def orientation_rows(result: LegResult) -> Any:
    """The rows of `orientations.parquet`: segment to world, scalar first."""
    block = result.block
    columns: list[Any] = [pa.array(block.time_s), _repeated(result.side, len(block))]
    for quaternions in (block.thigh_quat, block.shank_quat):
        columns += [pa.array(np.ascontiguousarray(quaternions[:, k]).astype(np.float32)) for k in range(4)]
    return pa.Table.from_arrays(columns, schema=ORIENTATIONS_SCHEMA)


class GridTable:
    """One of the two files, growing.

    Parameters
    ----------
    path : the file to write.
    schema, rows : ANGLES_SCHEMA and `angle_rows`, or ORIENTATIONS_SCHEMA and `orientation_rows`.
    """

    def __init__(self, path: Path, schema: Any, rows: Callable[[LegResult], Any]) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="snappy")
        self._rows = rows
        self._waiting: dict[Side, dict[int, list[Any]]] = {}
        self._reached: dict[Side, int] = {}
        self._written = -(1 << 62)

    def add(self, results: Sequence[LegResult]) -> None:
        """Take an update's rows of all legs; minutes that are over are written."""
        for result in results:
            waiting = self._waiting.setdefault(result.side, {})
            for window, part in _windows(result):
                # Rows of a minute that was given up waiting for go into the next row group.
                waiting.setdefault(max(window, self._written + 1), []).append(self._rows(part))
                self._reached[result.side] = max(window, self._reached.get(result.side, window))
        if self._reached:
            ahead = max(self._reached.values())
            self._write_before(min(max(reached, ahead - _LAG_WINDOWS) for reached in self._reached.values()))

    def close(self) -> None:
        """Write what is held back and finish the file."""
        self._write_before(1 << 62)
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._waiting.clear()
        self._writer.close()

    def _write_before(self, over: int) -> None:
        ready = sorted({window for held in self._waiting.values() for window in held if window < over})
        for window in ready:
            parts = [part for side in Side if side in self._waiting for part in self._waiting[side].pop(window, [])]
            self._writer.write_table(pa.concat_tables(parts).combine_chunks())
            self._written = max(self._written, window)


def _windows(result: LegResult) -> list[tuple[int, LegResult]]:
    """The block cut at the minutes of session time."""
    block: LegBlock = result.block
    size = max(1, round(WINDOW_S * block.rate_hz))
    parts = []
    begin = 0
    while begin < len(block):
        window = (block.start + begin) // size
        end = min(len(block), (window + 1) * size - block.start)
        parts.append((window, LegResult(result.side, block.cut(begin, end), result.activity[begin:end])))
        begin = end
    return parts


def _repeated(side: Side, count: int) -> Any:
    return pa.array(np.full(count, side.value, dtype=object), pa.string())


def _named(codes: Any, names: Any) -> Any:
    indices = pa.array(np.minimum(codes, len(names) - 1).astype(np.int8))
    return pa.DictionaryArray.from_arrays(indices, names).cast(pa.string())
