"""The recordings among files, patterns and folders, and what the folder of each one's results wants to be called.

A file that is named is a recording, whatever it turns out to be. In a folder, and in the folders below it, only what
looks like one is taken: `.knee` files, tables with the columns of a thigh or a shank, and what the makers' programs
write; results of ours, hidden files and links are passed over, and tables that are something else are told, so that
nobody misses one. Files that belong together (thigh and shank) are one recording.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pyarrow
import pyarrow.parquet

from pipeline.errors import BadInputError
from pipeline.files.movella_csv import is_movella
from pipeline.files.opening import expanded, grouped
from pipeline.files.ours import RESULTS, is_plain_file
from pipeline.files.segments import segment_of
from pipeline.files.table import column_names
from pipeline.files.text_table import head
from pipeline.files.witmotion_log import is_witmotion
from pipeline.files.ximu3_csv import is_ximu3
from pipeline.files.xsens_text import is_xsens
from pipeline.records import Segment

_LIVE = "recording"
"""What `live` calls each recording: its folder's name tells more."""
_TABLES = (".csv", ".txt", ".parquet", ".pq")
_COLUMNS = {name for segment in Segment for kind in ("acc", "gyr") for name in column_names(segment, kind)}


@dataclass(frozen=True, slots=True)
class Source:
    """A recording. files: one, or the two of a pair, or the folder of an x-IMU3. names: for its results, best first."""

    files: tuple[Path, ...]
    names: tuple[PurePath, ...]


@dataclass(slots=True)
class Gathered:
    """sources: in the order of the call, those of a folder by name. passed: tables in folders that are none."""

    sources: list[Source] = field(default_factory=list)
    passed: list[Path] = field(default_factory=list)


def gather(given: Sequence[Path], results: Path) -> Gathered:
    """The recordings that are meant; `results` is never looked into.

    Raises BadInputError where there is none, or a folder cannot be looked into.
    """
    found = Gathered()
    files: list[Path] = []
    for path in expanded(given):
        if path.is_dir() and path.suffix.lower() != ".knee" and not _is_ximu3_folder(path):
            _search(path, results.resolve(), found)
        else:
            files.append(path)
    found.sources[:0] = [_named(group) for group in grouped(files)]
    found.sources = list({tuple(f.resolve() for f in source.files): source for source in found.sources}.values())
    if not found.sources:
        raise BadInputError(f"{' '.join(map(str, given))} holds no recording: name recordings or folders of them")
    return found


def _named(group: tuple[Path, ...]) -> Source:
    first = group[0].absolute()
    stem, folder = first.name if first.is_dir() else first.stem, first.parent.name
    longer = f"{folder}-{stem}" if folder else stem
    return Source(group, (PurePath(folder if stem == _LIVE and folder else stem), PurePath(longer)))


def _search(root: Path, results: Path, found: Gathered) -> None:
    def refuse(error: OSError) -> None:
        raise BadInputError(f"{error.filename} cannot be looked into ({error.strerror}): check its permissions")

    for where, folders, names in os.walk(root, onerror=refuse):
        folder = Path(where)
        folders[:] = sorted(name for name in folders if _to_enter(folder / name, results))
        if _is_ximu3_folder(folder):
            found.sources.append(_below(root, (folder,)))
            folders[:] = [name for name in folders if not segment_of(name)]
            names = [name for name in names if not name.lower().endswith(".csv")]
        files = []
        for name in sorted(names):
            path = folder / name
            if name.startswith(".") or name in RESULTS or not is_plain_file(path):
                continue
            if path.suffix.lower() == ".knee" or (path.suffix.lower() in _TABLES and _looks_like_recording(path)):
                files.append(path)
            elif path.suffix.lower() in _TABLES:
                found.passed.append(path)
        found.sources += [_below(root, group) for group in grouped(files)]


def _to_enter(folder: Path, results: Path) -> bool:
    return not folder.name.startswith(".") and not folder.is_symlink() and folder.resolve() != results


def _below(root: Path, group: tuple[Path, ...]) -> Source:
    """Called as the file lies below the folder that was searched."""
    inside = group[0].relative_to(root)
    path = inside if group[0].is_dir() else inside.with_suffix("")
    if path.name == _LIVE:
        path = path.parent
    whole = root.absolute().name
    return Source(group, (path if path.name else PurePath(whole), PurePath("-".join([whole, *path.parts]))))


def _looks_like_recording(path: Path) -> bool:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return bool(_COLUMNS & set(pyarrow.parquet.read_schema(path).names))
        text = head(path)
        lines = text.splitlines()
        if any(name in lines[0] for name in _COLUMNS):
            return True
        return is_movella(path) or is_xsens(path) or is_witmotion(path)
    except (BadInputError, OSError, pyarrow.ArrowException):
        return False


def _is_ximu3_folder(folder: Path) -> bool:
    """Inertial files named for thigh and shank lie in it, or in folders named so."""
    try:
        inside = [path for path in folder.glob("*.csv") if segment_of(path.stem)]
        below = [path for path in folder.glob("*/*.csv") if segment_of(path.parent.name)]
        return any("inertial" in path.stem.lower() and is_ximu3(path) for path in sorted([*inside, *below]))
    except (BadInputError, OSError):
        return False
