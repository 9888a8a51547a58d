"""The rows of the report's tables and lists, as texts ready for the page; what is unknown is a dash."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.screens import words
from pipeline.screens.drawing import clock
from pipeline.screens.session_tables import mapping, objects, real
from pipeline.screens.terminal import NAMES

WITHIN_SESSION_DEG = (2.0, 3.0)
"""Smallest detectable change of a sideways angle within one session, assumed: none is published (README, limits)."""
_SIDEWAYS = (("excess", "peak_valgus_excess_deg"), ("collapse", "peak_medial_collapse_deg"))
_STILL = ("standing", "sitting")
_SETS_SHOWN = 6
_PAIRS_SHOWN = 6
_LINES_SHOWN = 3
_UNCERTAINTIES = [
    ("flexion_sd_deg", "flexion"),
    ("abduction_sd_deg", "abduction"),
    ("valgus_excess_sd_deg", "valgus excess"),
    ("medial_collapse_sd_deg", "medial collapse"),
    ("rotation_sd_deg", "rotation"),
]


def number(value: float, decimals: int, sign: bool = False) -> str:
    """A figure, or a dash where it is unknown."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return text.replace("-", "+" if sign else "", 1) if float(text) == 0.0 and text.startswith("-") else text


def activity_name(value: object) -> str:
    """An activity in a person's words."""
    return NAMES.get(str(value), str(value))


def summary_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per activity and leg: the most frequent activity first, legs beside each other, rest at the end."""
    rows = objects(summary.get("rows"))
    steps: dict[str, float] = {}
    for row in rows:
        steps[str(row.get("activity"))] = steps.get(str(row.get("activity")), 0.0) + max(0.0, _count(row.get("steps")))
    order = sorted(steps, key=lambda name: (name in _STILL, -steps[name], name))
    rows.sort(key=lambda row: (order.index(str(row.get("activity"))), str(row.get("side")) != "right"))
    return [_summary_row(row) for row in rows]


def _summary_row(row: Mapping[str, Any]) -> dict[str, Any]:
    def figure(name: str, decimals: int = 1, sign: bool = False) -> str:
        return number(real(row.get(name)), decimals, sign)

    def with_spread(mean: str, spread: str, both: str) -> str:
        known = math.isfinite(real(row.get(spread)))
        return both.format(figure(mean, 1, True), figure(spread)) if known else figure(mean, 1, True)

    still = str(row.get("activity")) in _STILL
    return {
        "side": str(row.get("side", "")),
        "activity": activity_name(row.get("activity")),
        "steps": "" if still else str(_count(row.get("steps"))),
        "time": clock(real(row.get("duration_s"))),
        "episodes": "" if still else str(_count(row.get("episodes"))),
        "per_100": "" if still else figure("episodes_per_100_steps", 0),
        "abduction": "" if still else with_spread("peak_abduction_mean_deg", "peak_abduction_sd_deg", "{} ± {}"),
        "excess": "" if still else with_spread("peak_valgus_excess_mean_deg", "peak_valgus_excess_p95_deg", "{} ({})"),
        "collapse": ""
        if still
        else with_spread("peak_medial_collapse_mean_deg", "peak_medial_collapse_p95_deg", "{} ({})"),
        "flexion": "" if still else figure("peak_flexion_mean_deg", 0),
        "rotation": "" if still else figure("rotation_range_mean_deg", 0),
        "cadence": "" if still else figure("cadence_mean_spm", 0),
        "quality": figure("quality", 2),
        "seen": _count(row.get("episodes")) > 0,
    }


def episode_rows(episodes: pd.DataFrame) -> list[dict[str, str]]:
    """Episodes as texts."""
    return [
        {
            "at": clock(row["start_s"]),
            "side": str(row["side"]),
            "activity": activity_name(row["activity"]),
            "lasted": number(row["duration_s"], 2),
            "excess": number(row["peak_excess_deg"], 1, True),
            "collapse": number(row["peak_collapse_deg"], 1, True),
            "flexion": number(row["flexion_at_peak_deg"], 0),
            "driver": str(row["driver"]),
            "severity": str(row["severity"]),
            "confidence": number(row["confidence"], 2),
        }
        for row in episodes.to_dict("records")
    ]


def left_right_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Right less left by activity, where both legs have enough steps."""
    rows = []
    for entry in objects(summary.get("left_right")):
        few = min(_count(entry.get("steps_left")), _count(entry.get("steps_right")))
        rows.append((few, {"name": activity_name(entry.get("activity")), **_differences(entry)}))
    return _shown(rows)


def thirds_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Last third less first third by leg and activity."""
    rows = []
    for entry in objects(summary.get("thirds")):
        name = f"{entry.get('side', '')} {activity_name(entry.get('activity'))}"
        rows.append((_count(entry.get("steps")), {"name": name, **_differences(entry)}))
    return _shown(rows)


def set_rows(summary: Mapping[str, Any]) -> tuple[list[dict[str, str]], int]:
    """The first sets of repetitions, and how many more there are."""
    sets = objects(summary.get("sets"))
    rows = [
        {
            "at": clock(real(entry.get("start_s"))),
            "name": f"{entry.get('side', '')} {activity_name(entry.get('activity'))}",
            "repetitions": str(_count(entry.get("repetitions"))) + _asked(entry.get("asked")),
            "collapsed": str(_count(entry.get("collapsed"))),
            "tempo": number(real(entry.get("tempo_s")), 1),
            "depth": number(real(entry.get("depth_deg")), 0),
        }
        for entry in sets[:_SETS_SHOWN]
    ]
    return rows, max(0, len(sets) - _SETS_SHOWN)


def _asked(span: object) -> str:
    if not isinstance(span, list) or len(span) != 2 or not all(isinstance(each, int) for each in span):
        return ""
    return f" of {span[0]}–{span[1]}"


def too_little(summary: Mapping[str, Any]) -> str:
    """What is not averaged or compared, as the summary says it; empty where it says nothing."""
    said = summary.get("too_little")
    lines = [words.with_activities(line) for line in said if isinstance(line, str)] if isinstance(said, list) else []
    more = f"; and {len(lines) - _LINES_SHOWN} more" if len(lines) > _LINES_SHOWN else ""
    return f"Too little to say: {'; '.join(lines[:_LINES_SHOWN])}{more}." if lines else ""


def sensor_rows(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """What each sensor delivered."""
    rows = []
    for name, told in mapping(summary.get("sensors")).items():
        counts = mapping(told)
        samples, lost = real(counts.get("samples")), real(counts.get("lost"))
        rows.append(
            {
                "name": str(name),
                "driver": words.maker(str(counts.get("driver", ""))),
                "rate": number(real(counts.get("rate_hz")), 1),
                "lost": number(100.0 * lost / max(1.0, samples + lost), 2),
                "rejected": number(real(counts.get("rejected")), 0),
                "gaps": number(real(counts.get("gap_s")), 1),
                "clipped": number(real(counts.get("clipped")), 0),
                "battery": number(100.0 * real(counts.get("battery")), 0),
            }
        )
    return rows


def quality_lines(angles: pd.DataFrame, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Calibration of each leg, uncertainty of the angles and versions: what each is about, and the words."""
    found = _calibration_lines(summary)
    found.append(("uncertainty", _uncertainty(angles)))
    found.append(("made with", _software(summary)))
    return [(name, said) for name, said in found if said]


def _calibration_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How each leg was calibrated, and with what, in words."""
    lines = []
    structural = mapping(summary.get("structural_valgus_deg"))
    for side, told in mapping(summary.get("calibration")).items():
        values = mapping(told)
        if not values.get("method"):
            lines.append((f"{side} leg", "not calibrated: its angles are unknown"))
            continue
        told_by = [f"calibrated from {values['method']}"]
        if "standing" not in str(values["method"]):
            told_by.append("no quiet standing was seen, so where zero lies is a guess and no angle is called valid")
        axes = [number(real(values.get(f"{segment}_axis_sd_deg")), 1) for segment in ("thigh", "shank")]
        told_by.append(f"flexion axis known to {axes[0]} deg (thigh) and {axes[1]} deg (shank)")
        if not values.get("unloaded_path"):
            told_by.append("no unloaded flexions were seen, so valgus excess equals abduction")
        fixed = real(structural.get(side))
        if math.isfinite(fixed):
            told_by.append(
                f"fixed alignment as measured by the clinician {number(fixed, 1, True)} deg, not part of any angle"
            )
        else:
            told_by.append("fixed alignment not measured")
        lines.append((f"{side} leg", "; ".join(told_by)))
    return lines


def _uncertainty(angles: pd.DataFrame) -> str:
    """The median standard deviation of each angle where it is valid."""
    valid = angles[angles["valid"]]
    if valid.empty:
        return ""
    said = [f"{name} {number(float(valid[column].median()), 1)}" for column, name in _UNCERTAINTIES]
    return f"typically (one standard deviation, as estimated): {', '.join(said)} deg"


def _software(summary: Mapping[str, Any]) -> str:
    """The versions that made the results, and how."""
    parts = [f"{name} {version}" for name, version in mapping(summary.get("versions")).items()]
    chosen = mapping(summary.get("parameters")).get("filter")
    if chosen:
        parts.append(f"orientation filter {chosen}")
    mode = {"live": "as seen live", "replay": "as seen live (replay)", "process": "offline, both ways in time"}
    if summary.get("mode") in mode:
        parts.append(f"analysed {mode[str(summary['mode'])]}")
    calibrated = real(summary.get("calibration_version"))
    if math.isfinite(calibrated):
        parts.append(f"calibration version {number(calibrated, 0)}")
    return ", ".join(parts)


def _differences(entry: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, name in (
        ("flexion", "peak_flexion_deg"),
        ("excess", "peak_valgus_excess_deg"),
        ("collapse", "peak_medial_collapse_deg"),
    ):
        found[key] = number(real(entry.get(name)), 1, True)
    clear = entry.get("clear")
    found["bold"] = [key for key, name in _SIDEWAYS if _is_clear(entry.get(name), name, clear)]
    return found


def _is_clear(value: object, name: str, clear: object) -> bool:
    """As the summary judges it; where it does not, beyond the smallest detectable change."""
    return name in clear if isinstance(clear, list) else abs(real(value)) > WITHIN_SESSION_DEG[1]


def _shown(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Those with most steps first, and those without any figure left out."""
    known = [(count, row) for count, row in rows if row["excess"] != "–" or row["collapse"] != "–"]
    return [row for _, row in sorted(known, key=lambda each: -each[0])[:_PAIRS_SHOWN]]


def _count(value: object) -> int:
    return int(real(value)) if math.isfinite(real(value)) else 0
