"""Reading a result folder for the pages: its tables and its summary, checked, one clear line where something is wrong.

What later versions may add is taken when it is there; what the page cannot do without is asked for by name.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import BadInputError

_ANGLES = [
    "time_s",
    "side",
    "flexion_deg",
    "abduction_deg",
    "rotation_deg",
    "valgus_excess_deg",
    "medial_collapse_deg",
    "flexion_sd_deg",
    "abduction_sd_deg",
    "rotation_sd_deg",
    "valgus_excess_sd_deg",
    "medial_collapse_sd_deg",
    "valid",
]
_STEPS = [
    "side",
    "activity",
    "start_s",
    "end_s",
    "peak_abduction_deg",
    "peak_valgus_excess_deg",
    "peak_medial_collapse_deg",
]
_EPISODES = [
    "side",
    "activity",
    "start_s",
    "end_s",
    "peak_s",
    "duration_s",
    "measure",
    "peak_excess_deg",
    "peak_collapse_deg",
    "flexion_at_peak_deg",
    "driver",
    "severity",
    "confidence",
]
_WORDS = ("side", "activity", "status", "measure", "driver", "severity")
_LARGEST_SUMMARY = 50_000_000
_LARGEST_DEG = 1000.0
_LATEST_S = 4e9


@dataclass(frozen=True, slots=True)
class SessionTables:
    """angles, steps, episodes: as in the files. summary: summary.json, `rows` a list of objects."""

    angles: pd.DataFrame
    steps: pd.DataFrame
    episodes: pd.DataFrame
    summary: dict[str, Any]


def read_session(folder: Path, angles_too: Sequence[str] = (), steps_too: Sequence[str] = ()) -> SessionTables:
    """The tables of a result folder. angles_too, steps_too: columns that are needed beside those of the page.

    Raises BadInputError where the folder does not hold the results of a session.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is no folder: name the result folder of live, replay or process")
    angles = _table(folder / "angles.parquet", [*_ANGLES, *angles_too])
    steps = _table(folder / "steps.csv", [*_STEPS, *steps_too])
    episodes = _table(folder / "episodes.csv", _EPISODES)
    return SessionTables(angles, steps, episodes, read_summary(folder / "summary.json"))


def read_summary(path: Path) -> dict[str, Any]:
    """summary.json. Raises BadInputError where it is missing, damaged or not ours."""
    if not path.is_file():
        raise BadInputError(f"{path.parent} holds no {path.name}: name the result folder of live, replay or process")
    try:
        if path.stat().st_size > _LARGEST_SUMMARY:
            raise ValueError("too large")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise BadInputError(f"{path} is damaged ({_first_line(error)}): process the recording again") from error
    if not isinstance(values, dict) or not isinstance(values.get("rows"), list):
        raise BadInputError(f"{path} is damaged (it holds no rows of a session): process the recording again")
    return values | {"rows": [row for row in values["rows"] if isinstance(row, dict)]}


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def real(value: object) -> float:
    """The number, or NaN where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def started(summary: Mapping[str, Any]) -> datetime | None:
    """When the session began; None where it does not say."""
    from pipeline.files.recording import parse_utc

    return parse_utc(str(summary.get("start_utc")))


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise BadInputError(f"{path.parent} holds no {path.name}: name the result folder of live, replay or process")
    try:
        table = pd.read_parquet(path, columns=list(columns)) if path.suffix == ".parquet" else pd.read_csv(path)
        table = table[list(columns)].copy()
        for name in columns:
            if name in _WORDS:
                table[name] = table[name].astype(str)
            elif name != "valid":
                table[name] = pd.to_numeric(table[name])
            else:
                table[name] = table[name].astype(bool)
        return _sound(table)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise BadInputError(f"{path} is damaged ({_first_line(error)}): process the recording again") from error


def _sound(table: pd.DataFrame) -> pd.DataFrame:
    """Without rows that are of no leg or of no time; angles that cannot be are unknown."""
    table = table[table["side"].isin(["left", "right"])].copy()
    for name in table.columns:
        if name.endswith("_deg"):
            table[name] = table[name].where(table[name].abs() <= _LARGEST_DEG)
    times = [name for name in ("time_s", "start_s", "end_s") if name in table.columns]
    good = (table[times].abs() < _LATEST_S).all(axis=1)
    if "end_s" in table.columns:
        good &= table["end_s"] > table["start_s"]
    return table[good].reset_index(drop=True)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().strip("'\"")
    return text.splitlines()[0] if text else type(error).__name__
