"""Deleting everything of one person under a folder: sessions, recordings, profiles and pages over weeks.

Only what says itself that it is of this person is deleted, and only files that are ours; folders that are empty then
are removed. Links are neither followed nor deleted, what cannot be read is named and left, and nothing outside the
folder is touched. Deleted means deleted for the file system: copies, exports and backups elsewhere are not reached, and
on a disk that is not encrypted traces may be recovered.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import BadInputError, KneetrackError
from pipeline.files import batch
from pipeline.files.ours import (
    is_plain_file,
    is_profile,
    is_summary,
    json_object,
    links_in,
    looks_like_recording,
    person_of_recording,
    recording_files,
    result_files,
)
from pipeline.person import KEY, known_person

_PAGE_HEAD = 3000


@dataclass(slots=True)
class Found:
    """What belongs to `person`. sessions, recordings, profiles, pages: files by what they belong to.

    batches: folders of a batch that tell of the person; the person's lines are taken out of the table and the ledger.
    kept: one sentence for each thing that was looked at and will be left.
    """

    person: str
    sessions: dict[Path, list[Path]] = field(default_factory=dict)
    recordings: dict[Path, list[Path]] = field(default_factory=dict)
    profiles: list[Path] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)
    batches: list[Path] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """All files, each once."""
        groups = [*self.sessions.values(), *self.recordings.values(), self.profiles, self.pages]
        return list(dict.fromkeys(file for group in groups for file in group))


def find(root: Path, person: str) -> Found:
    """What is there of a person under a folder. Raises BadInputError where the folder is none, or is a link."""
    if root.is_symlink():
        raise BadInputError(f"{root} is a link: name the folder itself")
    if not root.is_dir():
        raise BadInputError(f"{root} is no folder: name the folder that holds the sessions")
    found = Found(person)

    def unreadable(error: OSError) -> None:
        found.kept.append(f"{error.filename} cannot be looked into ({error.strerror})")

    for where, folders, names in os.walk(root, followlinks=False, onerror=unreadable):
        folders.sort()
        folder = Path(where)
        found.kept += [f"{link} is a link and is not followed" for link in links_in(folder)]
        _look_into(folder, sorted(names), person, found)
    return found


def delete(found: Found, root: Path, progress: Callable[[Path], None] = lambda file: None) -> int:
    """Delete what was found and the folders that are empty then, never `root`; gives the number of files.

    Raises KneetrackError where something could not be deleted, after all the rest was.
    """
    gone, failed = 0, []
    for file in found.files:
        # It may have been replaced since it was looked at.
        if not is_plain_file(file):
            continue
        try:
            file.unlink()
        except OSError as error:
            failed.append(f"{file} ({error.strerror})")
            continue
        gone += 1
        progress(file)
    for folder in found.batches:
        try:
            batch.forget_person(folder, found.person)
        except OSError as error:
            failed.append(f"{error.filename} ({error.strerror})")
    for folder in sorted({file.parent for file in found.files}, key=lambda path: -len(path.parts)):
        _remove_empty(folder, root)
    if failed:
        raise KneetrackError(
            f"{len(failed)} of {gone + len(failed)} files could not be deleted: {', '.join(failed[:3])}"
        )
    return gone


def _look_into(folder: Path, names: list[str], person: str, found: Found) -> None:
    owners: dict[Path, str | None] = {}
    unclear: dict[Path, str] = {}
    for name in names:
        path = folder / name
        if path.suffix.lower() == ".knee" and is_plain_file(path):
            try:
                owners[path] = person_of_recording(path)
            except BadInputError as error:
                unclear[path] = str(error)
    summary = json_object(folder / "summary.json") if "summary.json" in names else None
    told = known_person(summary.get(KEY)) if summary is not None and is_summary(summary) else None
    recording = folder / "recording.knee"
    live = owners.get(recording)
    # Results stand beside their recording, and may have been made before the recording was given its id.
    if person in (told, live) and {told, live} <= {person, None}:
        files = result_files(folder)
        if recording in owners or (recording in unclear and looks_like_recording(recording)):
            files += recording_files(recording)
            unclear.pop(recording, None)
        found.sessions[folder] = files
    elif person in (told, live):
        found.kept.append(f"{folder} names two persons ({told}, {live}): delete by hand what is meant")
    found.kept += unclear.values()
    for path, owner in owners.items():
        if owner == person and path.name != "recording.knee":
            found.recordings[path] = recording_files(path)
    if batch.names_person(folder, person):
        found.batches.append(folder)
    for name in names:
        _look_at(folder / name, person, found)


def _look_at(path: Path, person: str, found: Found) -> None:
    if path.suffix == ".json" and path.name != "summary.json":
        value = json_object(path)
        if value is not None and is_profile(value) and known_person(value.get(KEY)) == person:
            found.profiles.append(path)
    elif path.suffix == ".html" and path.name != "report.html" and _is_page_of(path, person):
        beside = path.with_suffix(".pdf")
        found.pages += [path, *([beside] if is_plain_file(beside) else [])]


def _is_page_of(path: Path, person: str) -> bool:
    if not is_plain_file(path):
        return False
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_PAGE_HEAD)
    except OSError:
        return False
    return 'content="kneetrack trends"' in head and f'name="kneetrack-{KEY}" content="{person}"' in head


def _remove_empty(folder: Path, root: Path) -> None:
    """The folder and those above it, as long as they are empty and below the root."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
