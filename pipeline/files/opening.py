"""Any input as a session: looks at what a file is, not only at what it is called, and opens it accordingly."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.movella_csv import find_pair, is_movella, read_movella
from pipeline.files.recording import Recorded, Recording
from pipeline.files.schema import is_database
from pipeline.files.table import read_table
from pipeline.records import Side

_PARQUET = b"PAR1"


def open_recording(source: Path | Sequence[Path], side: Side | None = None) -> Recorded:
    """A `.knee` file or an import, ready to be read.

    Parameters
    ----------
    source : a file, or the files of one recording (a Movella pair, thigh and shank).
    side : the leg, for inputs that do not say (default right); a `.knee` file knows its sides.

    Raises BadInputError with one clear line.
    """
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(each) for each in source]
    if not paths:
        raise BadInputError("no input was named: name a .knee, .csv or .parquet file")
    leg = side or Side.RIGHT
    first = paths[0]
    if first.suffix.lower() == ".knee" or is_database(first):
        _alone(paths)
        return Recording(first)
    if _is_parquet(first):
        _alone(paths)
        return read_table(first, leg)
    if is_movella(first):
        return read_movella(paths, leg)
    _alone(paths)
    return read_table(first, leg)


def grouped(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """The files of each recording among several: Movella files that are a pair go together, all others alone."""
    left = [Path(path) for path in paths]
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
    if len(paths) == 2 and len(groups) == 2 and all(_is_lone_movella(path) for path in paths):
        return [(Path(paths[0]), Path(paths[1]))]
    return groups


def _alone(paths: list[Path]) -> None:
    if len(paths) > 1:
        raise BadInputError(f"{paths[0]} and {paths[1].name} are two recordings, not one: name them one at a time")


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == _PARQUET
    except OSError:
        return False


def _pair(path: Path) -> tuple[Path, Path] | None:
    try:
        return find_pair(path) if not _is_parquet(path) and not is_database(path) and is_movella(path) else None
    except BadInputError:
        return None


def _is_lone_movella(path: Path) -> bool:
    try:
        return not _is_parquet(path) and not is_database(path) and is_movella(path)
    except BadInputError:
        return False
