"""Delimited text and Parquet as named columns of numbers, and one clear line where that is impossible.

Every refusal names the file, the place (line and column as a person counts them) and what to do. Blank lines and empty
cells become NaN, so that line numbers stay true.
"""

import csv
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from firmware_interface.samples import Floats
from pipeline.errors import BadInputError

_HEAD_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns as they stand in a file. first_line: the line number of row 0 (0: the rows of a Parquet file)."""

    path: Path
    frame: pd.DataFrame
    first_line: int

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def require(self, names: Sequence[str], example: str = "") -> None:
        """Refuse the file where a column is missing; a name that looks like it is suggested."""
        missing = [name for name in names if name not in self.names]
        if not missing:
            return
        spare = [name for name in self.names if name not in names]
        likely = [
            f"'{found[0]}' may be '{name}'"
            for name in missing
            if (found := difflib.get_close_matches(name, spare, n=1, cutoff=0.75))
        ]
        shown = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
        hint = f" ({'; '.join(likely[:3])})" if likely else ""
        raise BadInputError(
            f"{self.path} lacks the column{'s' * (len(missing) > 1)} {shown}{hint}: {example or 'rename'}"
        )

    def numbers(self, names: Sequence[str]) -> Floats:
        """(n, len(names)) values, NaN where a cell is empty. Refuses text, and columns without any number."""
        values = np.empty((len(self.frame), len(names)))
        for index, name in enumerate(names):
            values[:, index] = self._column(name)
            if not np.isfinite(values[:, index]).any():
                raise BadInputError(f"{self.path}: the column {name} holds no number at all: export it again")
        return values

    def _column(self, name: str) -> Floats:
        column = self.frame[name]
        if isinstance(column, pd.DataFrame):
            raise BadInputError(f"{self.path} has two columns named {name}: remove one")
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        values = pd.to_numeric(column, errors="coerce")
        text = np.flatnonzero(values.isna().to_numpy() & column.notna().to_numpy())
        if pd.api.types.is_bool_dtype(column) or (len(text) == 0 and not pd.api.types.is_numeric_dtype(values)):
            text = np.arange(len(column))
        if len(text):
            cell = str(column.iloc[int(text[0])])
            cell = cell if len(cell) <= 20 else cell[:17] + "..."
            place = f"line {self.first_line + int(text[0])}" if self.first_line else f"row {int(text[0]) + 1}"
            raise BadInputError(
                f"{self.path}, {place}, column {name}: '{cell}' is no number: correct or remove the row"
            )
        return values.to_numpy(dtype=np.float64, na_value=np.nan)


def head(path: Path) -> str:
    """The beginning of a file as text (bytes that are no UTF-8 replaced).

    Raises BadInputError where it is missing, a folder, unreadable or empty.
    """
    try:
        if path.is_dir():
            raise BadInputError(f"{path} is a folder, not a file: name a file inside it")
        with path.open("rb") as file:
            raw = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise BadInputError(f"{path} does not exist: check the name") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    if not raw.strip():
        raise BadInputError(f"{path} is empty: export or copy it again")
    return raw.decode("utf-8-sig", errors="replace")


def read_text(path: Path, header_line: int = 1, separator: str | None = None) -> Columns:
    """The columns of a delimited text file whose names stand in `header_line` (from 1).

    separator: found from the header where it is not given (comma, semicolon or tab); a decimal comma is understood
    where the separator is not the comma.
    """
    lines = head(path).splitlines()
    if "\x00" in "".join(lines) or len(lines) < header_line:
        raise BadInputError(f"{path} is no table: name a .csv, .parquet or .knee file")
    header = lines[header_line - 1]
    separator = separator or max(",;\t", key=header.count)
    sample = lines[header_line : header_line + 50]
    decimal = "," if separator != "," and any("," in line for line in sample) else "."
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            decimal=decimal,
            skiprows=header_line - 1,
            skip_blank_lines=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
            encoding_errors="replace",
            low_memory=False,
            index_col=False,
            quoting=csv.QUOTE_MINIMAL,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        what = str(error).splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise BadInputError(f"{path} is no table ({what}): export it again") from None
    frame.columns = [str(name).strip() for name in frame.columns]
    return Columns(path, frame, header_line + 1)


def read_parquet(path: Path, wanted: Sequence[str]) -> Columns:
    """Those of the `wanted` columns that a Parquet file has (and the names of the others)."""
    head(path)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            frame = file.read([name for name in wanted if name in names]).to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        what = str(error).splitlines()[0][:120]
        raise BadInputError(f"{path} is no readable Parquet file ({what}): export or copy it again") from None
    for name in names:
        if name not in frame.columns:
            frame[name] = np.nan
    return Columns(path, frame, 0)
