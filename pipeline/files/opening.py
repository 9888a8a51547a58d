"""Any input as a session: looks at what a file is, not only at what it is called, and opens it accordingly."""

from collections.abc import Sequence
from glob import glob
from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.movella_csv import device_tag, is_movella, read_movella
from pipeline.files.pairing import find_pair
from pipeline.files.recording import Recorded, Recording
from pipeline.files.schema import is_database
from pipeline.files.table import read_table
from pipeline.files.witmotion_log import is_witmotion, read_witmotion
from pipeline.files.ximu3_csv import is_ximu3, read_ximu3
from pipeline.files.xsens_text import device_id, is_xsens, read_xsens
from pipeline.records import Side

_PARQUET = b"PAR1"
_WILD = "*?["


def open_recording(source: Path | Sequence[Path], side: Side | None = None) -> Recorded:
    """A `.knee` file or an import, ready to be read.

    Parameters
    ----------
    source : a file; a folder of x-IMU3 files; or the two files of one recording (Movella, Xsens, x-IMU3: thigh and
        shank). Of a Movella or Xsens pair one is enough where the other can be told by its name.
    side : the leg, for inputs that do not say (default right); a `.knee` file knows its sides.

    Raises BadInputError with one clear line.
    """
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(each) for each in source]
    if not paths:
        raise BadInputError("no input was named: name a .knee, .csv or .parquet file")
    leg, first = side or Side.RIGHT, paths[0]
    if first.is_dir() and first.suffix.lower() != ".knee":
        return read_ximu3(paths, side)
    if not _is_text(first):
        _alone(paths)
        return read_table(first, leg) if _is_parquet(first) else Recording(first)
    if is_movella(first):
        return read_movella(paths, leg)
    if is_xsens(first):
        return read_xsens(paths, leg)
    if is_ximu3(first) and len(paths) > 1:
        return read_ximu3(paths, side)
    _alone(paths)
    return read_witmotion(first, leg) if is_witmotion(first) else read_table(first, leg)


def expanded(given: Sequence[Path]) -> list[Path]:
    """The files and folders that are named, patterns resolved, since not every shell does that; `**` stands for folders
    at any depth. Raises BadInputError where a pattern matches nothing."""
    found: list[Path] = []
    for path in given:
        if path.exists() or not any(c in str(path) for c in _WILD):
            found.append(path)
            continue
        matches = sorted(glob(str(path), recursive=True))
        if not matches:
            raise BadInputError(f"no file matches {path}: check the pattern")
        found += map(Path, matches)
    return found


def grouped(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """The files of each recording among several: files that are a pair go together, all others alone."""
    left = [Path(path) for path in paths]
    if len(left) == 2 and all(_has_sibling(path) for path in left):
        return [(left[0], left[1])] if _pair(left[0]) is None else _pairs(left)
    return _pairs(left)


def _pairs(left: list[Path]) -> list[tuple[Path, ...]]:
    groups: list[tuple[Path, ...]] = []
    while left:
        path = left.pop(0)
        pair = _pair(path)
        other = next((each for each in left if pair and each.resolve() in [one.resolve() for one in pair]), None)
        if pair and other:
            left.remove(other)
            groups.append(pair)
        else:
            groups.append((path,))
    return groups


def _alone(paths: list[Path]) -> None:
    if len(paths) > 1:
        raise BadInputError(f"{paths[0]} and {paths[1].name} are two recordings, not one: name them one at a time")


def _is_text(path: Path) -> bool:
    return not (path.suffix.lower() == ".knee" or is_database(path) or _is_parquet(path))


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == _PARQUET
    except OSError:
        return False


def _has_sibling(path: Path) -> bool:
    """Whether the file is of a kind that comes in pairs."""
    try:
        return path.is_file() and _is_text(path) and (is_movella(path) or is_xsens(path))
    except BadInputError:
        return False


def _pair(path: Path) -> tuple[Path, Path] | None:
    if not _has_sibling(path):
        return None
    try:
        return find_pair(path, is_movella, device_tag) if is_movella(path) else find_pair(path, is_xsens, device_id)
    except BadInputError:
        return None
