"""Tables with a row per step, episode or activity, as CSV and Parquet at once.

The columns are the fields of the row's dataclass, in their order, and stand there even when there is no row. Numbers
are written in full (the CSV reads back to the same doubles); what is unknown is an empty cell in the CSV and NaN in
the Parquet file.
"""

import csv
import math
from pathlib import Path
from typing import Any, TextIO, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

_ROW_GROUP = 1000
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class RowTable:
    """A growing table of rows of one dataclass.

    Parameters
    ----------
    kind : the dataclass; its fields are the columns.
    csv_path, parquet_path : the files to write; None leaves that one out.
    """

    def __init__(self, kind: type, csv_path: Path, parquet_path: Path | None) -> None:
        self._names = list(get_type_hints(kind))
        self._types = [_TYPES[hint] for hint in get_type_hints(kind).values()]
        self._held: list[list[object]] = []
        self._text: TextIO = csv_path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._text, lineterminator="\n")
        self._csv.writerow(self._names)
        self._schema = pa.schema(list(zip(self._names, self._types, strict=True)))
        self._parquet = pq.ParquetWriter(parquet_path, self._schema, compression="snappy") if parquet_path else None

    def add(self, row: object) -> None:
        """Take one row."""
        values = [getattr(row, name) for name in self._names]
        self._csv.writerow([_cell(value) for value in values])
        if self._parquet is not None:
            self._held.append(values)
            if len(self._held) >= _ROW_GROUP:
                self._write_held()

    def close(self) -> None:
        """Finish both files."""
        self._text.close()
        if self._parquet is not None:
            if self._held:
                self._write_held()
            self._parquet.close()

    def abandon(self) -> None:
        """Let go of the files, whatever state they are in."""
        self._held = []
        self._text.close()
        if self._parquet is not None:
            self._parquet.close()

    def _write_held(self) -> None:
        columns = [
            pa.array(column, kind) for column, kind in zip(zip(*self._held, strict=True), self._types, strict=True)
        ]
        self._held = []
        assert self._parquet is not None
        self._parquet.write_table(pa.Table.from_arrays(columns, schema=self._schema))


def _cell(value: Any) -> object:
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    return value
