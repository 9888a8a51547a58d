"""The session's page: one self-contained HTML file from a result folder, for a clinician with a minute.

Reads the tables that `process`, `replay` and `live` write, and asks nothing of the network: styles and figures are in
the page. What the numbers can and cannot say stands on every page.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from pipeline.errors import BadInputError
from pipeline.screens.figures import curves_over_cycle, peaks_over_session
from pipeline.screens.terminal import NAMES

NAME = "report.html"
_EPISODES_SHOWN = 8
_POOR = 0.5
_ANGLES = ["time_s", "side", "flexion_deg", "abduction_deg", "rotation_deg", "valid"]
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


def write_report(folder: Path) -> Path:
    """Write `report.html` into a result folder and return its path.

    Raises BadInputError where the folder does not hold the results of a session.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is no folder: name the result folder of live, replay or process")
    angles = _table(folder / "angles.parquet", _ANGLES)
    steps = _table(folder / "steps.csv", _STEPS)
    episodes = _table(folder / "episodes.csv", _EPISODES)
    summary = _summary(folder / "summary.json")
    page = _page(angles, steps, episodes, summary)
    path = folder / NAME
    part = folder / f".{NAME}.partial"
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def _page(angles: pd.DataFrame, steps: pd.DataFrame, episodes: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    text = resources.files("pipeline.screens").joinpath("report.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False).from_string(text)
    rows = [row for row in summary.get("rows", []) if isinstance(row, dict)]
    rows.sort(key=lambda row: (str(row.get("side")) != "right", -_number(row.get("steps"))))
    size = episodes[["peak_excess_deg", "peak_collapse_deg"]].astype(float).max(axis=1)
    strongest = episodes.loc[size.nlargest(_EPISODES_SHOWN).index].sort_values("start_s")
    return template.render(
        session=_session(angles, steps, episodes, summary),
        warnings=_warnings(angles, steps, rows),
        summary=[_summary_row(row) for row in rows],
        peaks=peaks_over_session(steps, episodes),
        cycles=curves_over_cycle(angles, steps),
        episodes=[_episode_row(row) for row in strongest.to_dict("records")],
        episodes_note=f"{len(strongest)} of {len(episodes)} episodes, in order of time; all are in episodes.csv.",
        sensors=_sensor_rows(summary),
        calibration=_calibration(summary),
        software=_software(summary),
    )


def _session(
    angles: pd.DataFrame, steps: pd.DataFrame, episodes: pd.DataFrame, summary: Mapping[str, Any]
) -> dict[str, str]:
    sides = sorted(map(str, angles["side"].unique()))
    span = float(angles["time_s"].max() - angles["time_s"].min()) if len(angles) else 0.0
    valid = float(angles["valid"].mean()) if len(angles) else 0.0
    sentence = f"{len(steps)} steps and repetitions and {len(episodes)} valgus episodes were recognised"
    if len(steps):
        sentence += f" ({100.0 * len(episodes) / len(steps):.0f} episodes per 100)"
    marked = int(episodes["severity"].isin(["marked", "strong"]).sum())
    sentence += f"; {marked} of the episodes were marked or strong." if len(episodes) else "."
    return {
        "date": _date(summary.get("start_utc")),
        "legs": "both legs" if len(sides) > 1 else "".join(f"{side} leg" for side in sides) or "no leg",
        "duration": clock(span),
        "valid": f"{100.0 * valid:.0f} %",
        "sentence": sentence,
    }


def _warnings(angles: pd.DataFrame, steps: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    if len(angles) and float(angles["valid"].mean()) < _POOR:
        found.append("The angles are valid in less than half of the session: see the quality of the data below.")
    poor = sorted({NAMES.get(str(row.get("activity")), "?") for row in rows if _number(row.get("quality")) < _POOR})
    if poor:
        found.append(f"Read with care, the quality is low: {', '.join(poor)}.")
    if not len(steps):
        found.append("No step was recognised: were both sensors worn, and was there any movement after standing still?")
    return found


def _summary_row(row: Mapping[str, Any]) -> dict[str, str | int]:
    def figure(name: str, decimals: int = 1, sign: bool = False) -> str:
        return number(_number(row.get(name)), decimals, sign)

    def with_spread(mean: str, spread: str, both: str) -> str:
        known = math.isfinite(_number(row.get(spread)))
        return both.format(figure(mean, 1, True), figure(spread)) if known else figure(mean, 1, True)

    return {
        "side": str(row.get("side", "")),
        "activity": NAMES.get(str(row.get("activity")), str(row.get("activity"))),
        "steps": int(row.get("steps", 0)),
        "time": clock(_number(row.get("duration_s"))),
        "episodes": int(row.get("episodes", 0)),
        "per_100": figure("episodes_per_100_steps", 0),
        "abduction": with_spread("peak_abduction_mean_deg", "peak_abduction_sd_deg", "{} ± {}"),
        "excess": with_spread("peak_valgus_excess_mean_deg", "peak_valgus_excess_p95_deg", "{} ({})"),
        "collapse": with_spread("peak_medial_collapse_mean_deg", "peak_medial_collapse_p95_deg", "{} ({})"),
        "flexion": figure("peak_flexion_mean_deg", 0),
        "cadence": figure("cadence_mean_spm", 0),
        "quality": figure("quality", 2),
    }


def _episode_row(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "at": clock(row["start_s"]),
        "side": str(row["side"]),
        "activity": NAMES.get(str(row["activity"]), str(row["activity"])),
        "lasted": number(row["duration_s"], 2),
        "excess": number(row["peak_excess_deg"], 1, True),
        "collapse": number(row["peak_collapse_deg"], 1, True),
        "flexion": number(row["flexion_at_peak_deg"], 0),
        "driver": str(row["driver"]),
        "severity": str(row["severity"]),
        "confidence": number(row["confidence"], 2),
    }


def _sensor_rows(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    rows = []
    for name, told in _mapping(summary.get("sensors")).items():
        counts = _mapping(told)
        samples, lost = _number(counts.get("samples")), _number(counts.get("lost"))
        battery = _number(counts.get("battery"))
        rows.append(
            {
                "name": str(name),
                "driver": str(counts.get("driver", "")),
                "rate": number(_number(counts.get("rate_hz")), 1),
                "lost": number(100.0 * lost / max(1.0, samples + lost), 2),
                "rejected": number(_number(counts.get("rejected")), 0),
                "gaps": number(_number(counts.get("gap_s")), 1),
                "clipped": number(_number(counts.get("clipped")), 0),
                "battery": number(100.0 * battery, 0),
            }
        )
    return rows


def _calibration(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How each leg was calibrated, and with what, in words."""
    lines = []
    structural = _mapping(summary.get("structural_valgus_deg"))
    for side, told in _mapping(summary.get("calibration")).items():
        values = _mapping(told)
        if not values.get("method"):
            lines.append((f"{side} leg", "not calibrated: angles are unknown"))
            continue
        words = [f"from {values['method']}"]
        axes = [number(_number(values.get(f"{segment}_axis_sd_deg")), 1) for segment in ("thigh", "shank")]
        words.append(f"flexion axis known to {axes[0]} deg (thigh) and {axes[1]} deg (shank)")
        if not values.get("unloaded_path"):
            words.append("no unloaded flexions, so valgus excess equals abduction")
        fixed = _number(structural.get(side))
        words.append(f"measured fixed alignment {number(fixed, 1, True)} deg" if math.isfinite(fixed) else "")
        lines.append((f"{side} leg", "; ".join(word for word in words if word)))
    return lines


def _software(summary: Mapping[str, Any]) -> str:
    versions = _mapping(summary.get("versions"))
    parts = [f"{name} {version}" for name, version in versions.items()]
    chosen = _mapping(summary.get("parameters")).get("filter")
    return ", ".join([*parts, *([f"orientation filter {chosen}"] if chosen else [])])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def number(value: float, decimals: int, sign: bool = False) -> str:
    """A figure, or a dash where it is unknown."""
    return f"{value:{'+' if sign else ''}.{decimals}f}" if math.isfinite(value) else "–"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    if not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _date(start_utc: object) -> str:
    try:
        return datetime.fromisoformat(str(start_utc)).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return "date unknown"


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise BadInputError(f"{path.parent} holds no {path.name}: name the result folder of live, replay or process")
    try:
        table = pd.read_parquet(path, columns=list(columns)) if path.suffix == ".parquet" else pd.read_csv(path)
        return table[list(columns)]
    except (ValueError, KeyError, OSError) as error:
        raise BadInputError(f"{path} is damaged ({str(error).splitlines()[0]}): process the recording again") from error


def _summary(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BadInputError(f"{path.parent} holds no {path.name}: name the result folder of live, replay or process")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BadInputError(f"{path} is damaged ({error}): process the recording again") from error
    if not isinstance(values, dict):
        raise BadInputError(f"{path} is damaged: process the recording again")
    return values
