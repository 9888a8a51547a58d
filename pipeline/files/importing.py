"""Writing an import as a `.knee` recording: whole or not at all."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.opening import open_recording
from pipeline.files.recorder import RecordingWriter
from pipeline.person import KEY, person_of
from pipeline.records import Side


def import_to_knee(
    source: Path | Sequence[Path],
    out: Path,
    side: Side | None = None,
    progress: Callable[[float], None] | None = None,
    person: str | None = None,
) -> Path:
    """Convert a file, or the files of one recording, to the `.knee` file `out`; returns `out`.

    person: whose it is. progress: called with the share done, 0 to 1. Raises BadInputError; then nothing is left
    behind.
    """
    out = Path(out)
    if out.exists():
        raise BadInputError(f"{out} exists already and is not overwritten: choose another name")
    recording = open_recording(source, side)
    try:
        whose = person_of(recording.meta, person, str(source if isinstance(source, Path) else source[0]))
    except BadInputError:
        recording.close()
        raise
    meta = {**recording.meta, **({KEY: whose} if whose else {})}
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        writer = RecordingWriter(partial, recording.sensors, meta)
        try:
            for leg, profile in recording.profiles.items():
                writer.set_calibration(leg, profile)
            first: int | None = None
            for records in recording.records():
                writer.append(records)
                writer.flush()
                first = records[0].host_time_ns if first is None else first
                if progress and recording.duration_s > 0:
                    progress(min(1.0, (records[-1].host_time_ns - first) * 1e-9 / recording.duration_s))
        finally:
            writer.close()
        if writer.failed:
            raise BadInputError(f"{out} could not be written ({writer.failed})")
        partial.rename(out)
    except OSError as error:
        raise BadInputError(f"{out} could not be written ({error.strerror}): choose another folder") from None
    finally:
        recording.close()
        for leftover in (partial, Path(f"{partial}-wal"), Path(f"{partial}-shm")):
            leftover.unlink(missing_ok=True)
    if progress:
        progress(1.0)
    return out
