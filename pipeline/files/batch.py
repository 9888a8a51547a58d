"""A folder of many recordings' results: which recording lies where in it, and which are done.

`batch.jsonl` holds a line for each recording that was finished, or failed, as it happened: its files with their sizes
and times, what was asked, where its results lie, and what was wrong. So a run that was interrupted, or killed, goes on
where it was, a second one does only what is new or has changed, and a recording keeps its folder whatever is added. A
line that a kill cut off counts for nothing: its recording is done again.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Self

from pipeline.errors import KneetrackError
from pipeline.files import batch_table
from pipeline.files.batch_table import TABLE
from pipeline.files.gathering import Source
from pipeline.files.ours import is_plain_file
from pipeline.files.private import claim_private, write_private
from pipeline.person import KEY, known_person

LEDGER = "batch.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording. files: its absolute paths. state: what they and the call were like. folder: of its results,
    relative. person: whose it is, where it says. error: one line where it failed."""

    files: tuple[str, ...]
    state: str
    folder: str
    person: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A recording of this run. entry: as it will stand in the ledger where it succeeds. done: it is there already."""

    source: Source
    entry: Entry
    done: bool


class Ledger:
    """The recordings of a result folder. Raises KneetrackError where it cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._folder = folder
        self._entries: dict[tuple[str, ...], Entry] = {}
        try:
            claim_private(self._path)
            text = self._path.read_text(encoding="utf-8", errors="replace")
            self._file = self._path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise KneetrackError(self._refused(error)) from None
        for line in text.splitlines():
            if (entry := _entry(line)) is not None:
                self._entries[entry.files] = entry
        if text and not text.endswith("\n"):
            self._write("\n")

    def add(self, entry: Entry) -> None:
        """Note a recording, at once on the disk."""
        self._entries[entry.files] = entry
        self._write(_line(entry))

    def plan(self, sources: Sequence[Source], asked: Mapping[str, Any], again: bool = False) -> list[Planned]:
        """Where each recording's results go, and which need not be made.

        asked: what the call asks of the analysis, as JSON values; other options make other results. again: all anew.
        """
        taken = {entry.folder.casefold() for entry in self._entries.values()} | {TABLE, LEDGER}
        return [self._planned(source, asked, again, taken) for source in sources]

    def write_table(self) -> int:
        """Write the table over all that is done; gives its number of rows. Raises KneetrackError."""
        done = [entry for entry in self._entries.values() if entry.error is None]
        names = [" + ".join(os.path.basename(file) for file in entry.files) for entry in done]
        return batch_table.write_table(
            self._folder, [(entry.folder, name) for entry, name in zip(done, names, strict=True)]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # What could not be written was told then.
            self._file.close()

    def _planned(self, source: Source, asked: Mapping[str, Any], again: bool, taken: set[str]) -> Planned:
        files = tuple(str(file.absolute()) for file in source.files)
        state = state_of(source.files, asked)
        known = self._entries.get(files) or self._moved(files, state)
        folder = known.folder if known else _new_name(source.names, taken)
        taken.add(folder.casefold())
        entry = Entry(files, state, folder)
        done = known is not None and known.error is None and known.state == state and not again
        done = done and is_plain_file(self._folder / folder / "summary.json")
        if done and known:
            entry = replace(entry, person=known.person)
            if known.files != files:
                self._entries.pop(known.files, None)
                self.add(entry)
        return Planned(source, entry, done)

    def _moved(self, files: tuple[str, ...], state: str) -> Entry | None:
        """The entry of the same files under the path that they had before they were moved."""
        names = [os.path.basename(file) for file in files]
        for entry in self._entries.values():
            same = entry.state == state and [os.path.basename(file) for file in entry.files] == names
            if same and not any(os.path.lexists(file) for file in entry.files):
                return entry
        return None

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise KneetrackError(self._refused(error)) from None

    def _refused(self, error: OSError) -> str:
        return (
            f"{self._path} cannot be written ({error.strerror}): free space, or name another folder; then run it again"
        )


def names_person(folder: Path, person: str) -> bool:
    """Whether the table or the ledger of a folder tells of a person."""
    told = any(entry.person == person for entry in map(_entry, _lines(folder / LEDGER)) if entry)
    return told or batch_table.names_person(folder / TABLE, person)


def forget_person(folder: Path, person: str) -> None:
    """Take a person's recordings out of the table and the ledger of a folder. Raises OSError."""
    batch_table.forget_person(folder / TABLE, person)
    entries = [entry for line in _lines(folder / LEDGER) if (entry := _entry(line)) is not None]
    gone = {entry.files for entry in entries if entry.person == person}
    if gone:
        kept = [entry for entry in entries if entry.files not in gone]
        write_private(folder / LEDGER, "".join(map(_line, kept)))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines() if is_plain_file(path) else []
    except OSError:
        return []


def state_of(files: Sequence[Path], asked: Mapping[str, Any]) -> str:
    """A short text that is another one where a file (of a folder: one in it) or what is asked is another."""
    seen = [json.dumps(asked, sort_keys=True, default=str)]
    for file in files:
        inside = sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else [file]
        for path in inside:
            for each in (path, path.with_name(path.name + "-wal")):
                try:
                    stat = each.stat()
                except OSError:
                    continue
                seen.append(f"{each.name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(seen).encode(errors="backslashreplace")).hexdigest()[:24]


def _new_name(names: Sequence[PurePath], taken: set[str]) -> str:
    """The first that is free, as text that every library can write; the last with a number where none is."""
    wished = [name.as_posix().encode(errors="replace").decode() for name in names]
    for name in wished:
        if name.casefold() not in taken:
            return name
    number = 2
    while f"{wished[-1]}-{number}".casefold() in taken:
        number += 1
    return f"{wished[-1]}-{number}"


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"  # In ASCII: a file's name may be no text (bytes of another encoding).


def _entry(line: str) -> Entry | None:
    """A line of the ledger; None where it is none, or leads out of the folder."""
    try:
        value = json.loads(line)
        files, state, folder, person, error = (value[name] for name in ("files", "state", "folder", KEY, "error"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = isinstance(files, list) and all(isinstance(file, str) for file in files) and isinstance(state, str)
    if not texts or not isinstance(folder, str) or not (error is None or isinstance(error, str)):
        return None
    path = PurePath(folder)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return None
    return Entry(tuple(files), state, folder, known_person(person), error)
