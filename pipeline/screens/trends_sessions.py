"""The sessions under a folder, for the page over weeks: whose they are, when they were, and which of them count.

A session is a folder with a `summary.json` of ours. Links are not followed. Results of the same recording, made twice
(live and by `process`), count once, as the most exact. Sessions of different persons are never mixed: with more than
one id the call must choose, and sessions without an id stand only where no session has one, which the page then says.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import BadInputError
from pipeline.person import KEY, known_person
from pipeline.screens.session_tables import mapping, objects, read_summary, started
from pipeline.start_check import Check

_EXACTNESS = {"process": 2, "replay": 1, "live": 1}
_SAME_S = 1.0


@dataclass(frozen=True, slots=True)
class Sitting:
    """One session. rows: the summary's row of a side and activity. person: None where nobody said.

    mode: live, replay or process. software: version and filter that made the results.
    """

    folder: Path
    start: datetime
    person: str | None
    mode: str
    software: str
    rows: Mapping[tuple[str, str], Mapping[str, Any]]
    check: Check | None


@dataclass(frozen=True, slots=True)
class Sittings:
    """sessions: of one person, in order of time. notes: one sentence for each thing that was left out or is unclear."""

    sessions: list[Sitting]
    person: str | None
    notes: list[str]


def sittings(folder: Path, person: str | None = None) -> Sittings:
    """The sessions of one person under a folder.

    Raises BadInputError where there is none, or where they are of several persons and none was chosen.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is no folder: name the folder that holds the sessions")
    found, notes = _read(folder)
    if not found:
        why = f" ({notes[0]})" if notes else ""
        raise BadInputError(f"{folder} holds no session with a date{why}: name the folder that holds the sessions")
    chosen, about = _of_one_person(found, person, folder)
    once = _once(chosen)
    if len(once) < len(chosen):
        about.append(f"{len(chosen) - len(once)} results of a recording that is here twice count once.")
    about += _mixed(once)
    return Sittings(once, once[0].person, about + notes)


def _read(folder: Path) -> tuple[list[Sitting], list[str]]:
    found: list[Sitting] = []
    notes: list[str] = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        path = Path(where) / "summary.json"
        if "summary.json" not in files or path.is_symlink():
            continue
        try:
            sitting = _sitting(Path(where), read_summary(path))
        except BadInputError as error:
            notes.append(f"Left out: {str(error).replace(str(folder) + os.sep, '')}.")
            continue
        if sitting is None:
            notes.append(f"Left out: {path.relative_to(folder)} does not say when the session was.")
        else:
            found.append(sitting)
    return found, notes


def _sitting(folder: Path, summary: Mapping[str, Any]) -> Sitting | None:
    start = started(summary)
    if start is None:
        return None
    version = mapping(summary.get("versions")).get("kneetrack", "?")
    chosen = mapping(summary.get("parameters")).get("filter", "?")
    return Sitting(
        folder=folder,
        start=start,
        person=known_person(summary.get(KEY)),
        mode=str(summary.get("mode", "?")),
        software=f"kneetrack {version}, filter {chosen}",
        rows={(str(row.get("side")), str(row.get("activity"))): row for row in objects(summary.get("rows"))},
        check=Check.from_fields(summary.get("check")),
    )


def _of_one_person(found: Sequence[Sitting], person: str | None, folder: Path) -> tuple[list[Sitting], list[str]]:
    ids = sorted({sitting.person for sitting in found if sitting.person})
    bare = [sitting for sitting in found if sitting.person is None]
    if person is not None:
        chosen = [sitting for sitting in found if sitting.person == person]
        if not chosen:
            there = f"there are {', '.join(ids)}" if ids else "its sessions carry no person id"
            raise BadInputError(f"{folder} holds no session of person {person}: {there}")
    elif len(ids) > 1:
        counts = [f"{each} ({sum(s.person == each for s in found)})" for each in ids]
        raise BadInputError(
            f"{folder} holds sessions of several persons: choose one with --person: {', '.join(counts)}"
        )
    elif not ids:
        return list(found), [
            "These sessions carry no person id: that they are of one person is taken on trust. "
            "Give live, process or replay a --person to be sure."
        ]
    else:
        chosen = [sitting for sitting in found if sitting.person == ids[0]]
    about = [f"{len(bare)} sessions without a person id are left out."] if bare else []
    return chosen, about


def _once(found: Sequence[Sitting]) -> list[Sitting]:
    """Of results of the same recording the most exact, and of those the last by name; in order of time."""
    kept: list[Sitting] = []
    for sitting in sorted(found, key=lambda s: (s.start, _EXACTNESS.get(s.mode, 0), str(s.folder))):
        if kept and sitting.start - kept[-1].start <= timedelta(seconds=_SAME_S):
            better = _EXACTNESS.get(sitting.mode, 0) >= _EXACTNESS.get(kept[-1].mode, 0)
            kept[-1] = sitting if better else kept[-1]
        else:
            kept.append(sitting)
    return kept


def _mixed(found: Sequence[Sitting]) -> list[str]:
    notes = []
    if len({_EXACTNESS.get(sitting.mode, 0) for sitting in found}) > 1:
        notes.append(
            "Some sessions were analysed live and some offline: process all recordings alike before comparing."
        )
    if len({sitting.software for sitting in found}) > 1:
        notes.append("Not all sessions were analysed by the same software: process all recordings again to compare.")
    return notes
