"""How `live`, `replay` and `process` end alike: the summary, the files in place, the page, and what is said of them."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from calibration.profile import SCHEMA, Profile
from pipeline.files.results import ResultsWriter
from pipeline.person import KEY, known_person
from pipeline.records import SensorInfo, Side
from pipeline.rows import SummaryRow
from pipeline.screens.report import write_report
from pipeline.session import Settings
from pipeline.summary import Summary

_VERSIONS = ("kneetrack", "numpy", "scipy", "vqf", "bleak")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of the summary, what else it says (see `Summary.extras`), and the files of the session.

    complaints: one line each about slips, calibrations that disagree and refused sensors, still to be said. person:
    whose session it is, where that is known.
    """

    rows: list[SummaryRow]
    extras: dict[str, Any]
    files: list[Path]
    complaints: tuple[str, ...] = ()
    person: str | None = None

    def complain(self) -> None:
        """Say the complaints, on the error output."""
        for line in self.complaints:
            print(f"kneetrack: {line}", file=sys.stderr)


def complete(
    results: ResultsWriter,
    summary: Summary,
    *,
    mode: str,
    sensors: Sequence[SensorInfo],
    settings: Settings,
    quality: Mapping[str, Any],
    given: Mapping[Side, Profile],
    recording: Mapping[str, str],
    person: str | None = None,
) -> Outcome:
    """Finish the result folder and write its page.

    Parameters
    ----------
    mode : live, replay or process.
    quality : as the session tells it.
    given : saved calibrations that were used.
    recording : the texts of the recording's `meta` table.
    person : whose session it is; None: as the recording says.

    Raises KneetrackError where the disk refused the results.
    """
    rows, extras = summary.rows(), summary.extras()
    whose = person or known_person(recording.get(KEY))
    told = {
        "mode": mode,
        KEY: whose,
        "calibration": {side: leg.get("calibration", {}) for side, leg in quality.items()},
        "structural_valgus_deg": {
            side: given[Side(side)].static_valgus_deg if side in given else None for side in quality
        },
        **extras,
        "sensors": {
            f"{info.side} {info.segment}": {
                "driver": info.driver,
                "inertial_calibration": _calibrated(settings, info.id),
                **quality.get(info.side.value, {}).get("sensors", {}).get(info.segment.value, {}),
            }
            for info in sensors
        },
        "versions": versions(),
        "calibration_version": SCHEMA,
        "recorded_with": _recorded_with(recording),
        "parameters": {"filter": settings.filter, "valgus": settings.thresholds.told(sorted(quality))},
    }
    files = results.finish(rows, told)
    files.append(write_report(results.folder))
    complaints: list[str] = []
    for leg in quality.values():
        calibration = leg.get("calibration", {})
        warning = calibration.get("quick_check", {}).get("warning")
        complaints += [*([warning] if warning else []), *calibration.get("slips", [])]
    return Outcome(rows, extras, files, tuple(complaints), whose)


def _calibrated(settings: Settings, sensor: int) -> str | None:
    """The day of the sensor's own calibration that was used; None without one."""
    used = settings.corrections.get(sensor)
    return None if used is None else used.date or "date unknown"


def versions() -> dict[str, str]:
    """The software that made the results."""
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _recorded_with(recording: Mapping[str, str]) -> object:
    try:
        return json.loads(recording.get("software", "{}"))
    except ValueError:
        return {}
