"""A copy of a session without identity: nothing in it says who, when, with which devices or on which computer.

Kept byte for byte are the sensors' packets, their order and distances in time, and the tables, so that a replay of the
copy gives the same angles and episodes. Changed are the person (gone), device addresses and names (numbers instead),
the date (one without a meaning), the computer's clock and paths, typed labels, dates of profiles, and comments in a
thresholds profile. The page is made anew by whoever calls this; other files of the folder are not copied, and are
named. How a person walks stays in the data, as it must: such a copy is less than anonymous to somebody who holds other
recordings of the same person.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import BadInputError
from pipeline.files.identity import (
    NO_DATE,
    corrections_without_identity,
    event_without_identity,
    firmware_without_identity,
    profile_without_identity,
    thresholds_without_identity,
    versions,
    without_identity,
)
from pipeline.files.ours import RESULTS, TABLES, is_plain_file, is_summary, json_object
from pipeline.files.private import claim_private, make_private_folder, write_private
from pipeline.files.recorder import RecordingWriter
from pipeline.files.recording import Recording
from pipeline.records import Event, Record

RECORDING = "recording.knee"
_LATEST_S = 7 * 86400.0
"""Session times beyond a week are a calendar's, kept by an imported table: they cannot be taken out of its packets."""


def anonymise_session(folder: Path, out: Path) -> tuple[list[Path], list[str]]:
    """Copy a session's folder without identity into a new one; the files written, and the names left out.

    Raises BadInputError where the folder is no session, or `out` is there already.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise BadInputError(f"{folder} is no folder: name the folder of a session, or a recording")
    recording = folder / RECORDING
    summary = json_object(folder / "summary.json")
    if not is_summary(summary) and not is_plain_file(recording):
        raise BadInputError(f"{folder} holds no session: name the folder of live, replay or process, or a recording")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInputError(f"{out} is there already: choose a new folder")
    made = not out.exists()
    written: list[Path] = []
    try:
        make_private_folder(out)
        if is_plain_file(recording):
            written.append(anonymise_recording(recording, out / RECORDING))
        for name in TABLES:
            if is_plain_file(folder / name):
                claim_private(out / name)
                shutil.copyfile(folder / name, out / name)
                written.append(out / name)
        if is_plain_file(folder / "events.jsonl"):
            written.append(_events(folder / "events.jsonl", out / "events.jsonl"))
        if summary is not None and is_summary(summary):
            write_private(out / "summary.json", _summary(summary))
            written.append(out / "summary.json")
    except BaseException:
        # Half a copy could be taken for a whole one.
        for path in [*written, out / RECORDING, out / "events.jsonl"]:
            path.unlink(missing_ok=True)
        if made and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise
    copied = {path.name for path in written} | set(RESULTS)
    return written, sorted(name for name in os.listdir(folder) if name not in copied and name != RECORDING)


def anonymise_recording(source: Path, out: Path) -> Path:
    """Copy a `.knee` recording without identity; the packets and their times byte for byte.

    Raises BadInputError where the source is no recording, its data carries a calendar's time, or `out` is there.
    """
    with Recording(source) as recording:
        sensors = [
            replace(sensor, address=f"sensor-{k}", name="", firmware=firmware_without_identity(sensor.firmware))
            for k, sensor in enumerate(recording.sensors, start=1)
        ]
        writer = RecordingWriter(out, sensors, _meta(recording.meta))
        try:
            with writer:
                for side, profile in recording.profiles.items():
                    writer.set_calibration(side, profile_without_identity(profile))
                for records in recording.records():
                    if abs(records[0].host_time_ns) > _LATEST_S * 1e9:
                        raise BadInputError(
                            f"{source} carries a calendar's time in its data: import the table again with time from 0"
                        )
                    writer.append([_record(record) for record in records])
                    writer.flush()
            if writer.failed:
                raise BadInputError(writer.failed)
        except BaseException:
            out.unlink(missing_ok=True)
            raise
    return out


def _record(record: Record) -> Record:
    if isinstance(record, Event):
        return replace(record, fields=event_without_identity(record.kind, record.fields))
    return record


def _meta(meta: Mapping[str, str]) -> dict[str, str]:
    kept = {
        "start_utc": NO_DATE if meta.get("start_utc") else "",
        "host_clock_anchor_ns": "0" if meta.get("host_clock_anchor_ns") else "",
        "software": json.dumps(versions(_object(meta.get("software", "")))),
    }
    if "import" in meta:
        kept["import"] = json.dumps(without_identity(_object(meta["import"])))
    words = without_identity({key: meta[key] for key in ("filter", "activity") if key in meta})
    if "inertial" in meta:
        kept["inertial"] = corrections_without_identity(meta["inertial"])
    if "thresholds" in meta:
        kept["thresholds"] = thresholds_without_identity(meta["thresholds"])
    if meta.get("calibration") == "given":
        kept["calibration"] = "given"
    return kept | {key: value for key, value in words.items() if value is not None}


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _summary(summary: Mapping[str, Any]) -> str:
    kept = {"start_utc": NO_DATE if summary.get("start_utc") else None, **without_identity(summary)}
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def _events(source: Path, out: Path) -> Path:
    """The events, line by line: their own times, the wall clock counted from the date of no meaning."""
    start = datetime.fromisoformat(NO_DATE).astimezone(UTC)
    claim_private(out)
    with source.open(encoding="utf-8") as lines, out.open("w", encoding="utf-8", newline="\n") as copy:
        for number, line in enumerate(lines, start=1):
            event = _object(line)
            if not event:
                raise BadInputError(f"{source}: line {number} is no event: process the recording again")
            kept = {
                "seq": event.get("seq"),
                "time_s": event.get("time_s"),
                "host_time": _moment(start, event),
                "kind": without_identity({"kind": event.get("kind")}).get("kind"),
            }
            others = {key: item for key, item in event.items() if key not in kept}
            fields = event_without_identity(str(kept["kind"]), others)
            copy.write(json.dumps({**kept, **fields}, ensure_ascii=False) + "\n")
    return out


def _moment(start: datetime, event: Mapping[str, Any]) -> str | None:
    seconds = event.get("time_s")
    if not isinstance(event.get("host_time"), str) or not isinstance(seconds, int | float):
        return None
    try:
        moment = start + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
