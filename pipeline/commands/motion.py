"""The motion that `kneetrack export` writes as C3D: of a result folder as it is, of a recording after processing it."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline import offline
from pipeline.commands.inputs import Asked, recorded_profiles, sensors_of
from pipeline.commands.progress import bar
from pipeline.errors import BadInputError
from pipeline.files.angle_table import ANGLES, ANGLES_SCHEMA, angle_rows
from pipeline.files.c3d_motion import CODES, Motion, lay_out
from pipeline.files.opening import open_recording
from pipeline.records import Side
from pipeline.rows import EpisodeRow, StepRow
from pipeline.screens.session_tables import read_session, real, started

_STEP_COLUMNS = ("toe_off_s", "stance_s", "cadence_spm")
_NAMES = ("label", "activity")
"""What a marker may carry that says what it marks."""


def is_result_folder(path: Path) -> bool:
    """Whether live, replay or process wrote it: a folder of x-IMU3 files is a recording."""
    return path.is_dir() and any((path / name).is_file() for name in ("summary.json", "angles.parquet"))


def motion_of(source: Path, side: Side | None, from_s: float | None, to_s: float | None) -> tuple[Motion, str]:
    """The motion, and when the session began (UTC, as a text; empty where it does not say).

    Parameters
    ----------
    source : a result folder, or a recording as `process` takes it.
    side : one leg; of a table also: which leg it is. from_s, to_s : session times of a part.

    Raises BadInputError with one clear line.
    """
    if not is_result_folder(source):
        return _processed(source, side, from_s, to_s)
    more = [name for name in ANGLES if name.endswith("_tilt_deg")]
    tables = read_session(source, [*more, *CODES], _STEP_COLUMNS)
    motion = lay_out(
        tables.angles,
        tables.steps,
        tables.episodes,
        _markers(source / "events.jsonl"),
        side=side,
        from_s=from_s,
        to_s=to_s,
    )
    begun = started(tables.summary)
    return motion, "" if begun is None else begun.isoformat()


def _processed(source: Path, side: Side | None, from_s: float | None, to_s: float | None) -> tuple[Motion, str]:
    name = str(source)
    asked = Asked(side)
    recording = open_recording(source, side)
    try:
        sensors = sensors_of(recording, side, name)
        settings = asked.settings(recording, name, recorded_profiles(recording, name))
        with bar(source.name) as progress:
            found = offline.process(chain.from_iterable(recording.records()), sensors, settings, progress)
    except BadInputError as error:
        raise BadInputError(str(error) if name in str(error) else f"{name}: {error}") from error
    finally:
        recording.close()
    for line in found.complaints:
        print(f"kneetrack: {name}: {line}", file=sys.stderr)
    update = found.update
    motion = lay_out(
        pa.concat_tables([ANGLES_SCHEMA.empty_table(), *map(angle_rows, update.legs)]).to_pandas(),
        _frame(StepRow, update.steps),
        _frame(EpisodeRow, update.episodes),
        [(event.time_s, _name(event.fields)) for event in update.events if event.kind == "marker"],
        from_s=from_s,
        to_s=to_s,
    )
    return motion, "" if recording.start_utc is None else recording.start_utc.isoformat()


def _frame(kind: type, rows: Sequence[StepRow] | Sequence[EpisodeRow]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(kind)])


def _markers(path: Path) -> list[tuple[float, str]]:
    """The markers of events.jsonl; lines that are none, or no JSON, are passed over."""
    found: list[tuple[float, str]] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if '"marker"' not in line:
                    continue
                event = json.loads(line)
                if (
                    isinstance(event, dict)
                    and event.get("kind") == "marker"
                    and math.isfinite(real(event.get("time_s")))
                ):
                    found.append((float(event["time_s"]), _name(event)))
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is damaged ({error}): process the recording again") from error
    return found


def _name(fields: Mapping[str, object]) -> str:
    return next((str(fields[name]) for name in _NAMES if fields.get(name)), "mark")
