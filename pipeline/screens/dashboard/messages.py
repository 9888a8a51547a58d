"""What the session tells the dashboard: objects of plain values, one line of JSON each.

`rows` the angles since the last one and how both segments stand now; `state` everything else that is shown, four times
a second; `episode_start`, `episode_end` for the band in the traces; `episode` a finished one for the list; `cue` now;
`begin` a new session; `saved` its end; `report` the page that the server may hand out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil, isfinite
from typing import Any

import numpy as np

from pipeline.blocks import Floats
from pipeline.rows import EpisodeRow, RaisedEvent
from pipeline.screens import words
from pipeline.screens.set_count import SetView
from pipeline.screens.view import Angle, LegView, SensorView, View
from pipeline.update import LegResult

MOST_HZ = 100.0
"""Angles are sent at this rate at most."""
_ANGLES = {"flexion": "f", "abduction": "a", "rotation": "r", "excess": "x", "collapse": "c"}


def line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One message, with its line end. What is not a number is null."""
    return (json.dumps({"kind": kind, **fields}, separators=(",", ":"), allow_nan=False) + "\n").encode()


def rows(legs: Sequence[LegResult]) -> dict[str, Any]:
    """The angles of some updates, deg; start and step in s; q: thigh and shank to world, scalar first, now."""
    found: dict[str, dict[str, Any]] = {}
    for leg in legs:
        block = leg.block
        every = max(1, ceil(block.rate_hz / MOST_HZ))
        # Which rows are sent depends on their number alone, not on how the stream was cut.
        first = -block.start % every
        if first >= len(block):
            continue
        told = found.setdefault(leg.side.value, {"side": leg.side.value, "step": every / block.rate_hz})
        told.setdefault("start", (block.start + first) / block.rate_hz)
        for name, key in _ANGLES.items():
            told.setdefault(key, []).extend(_numbers(np.degrees(getattr(block, name)[first::every]), 2))
        told["q"] = _numbers(np.concatenate([block.thigh_quat[-1], block.shank_quat[-1]]), 4)
    return {"legs": list(found.values())}


def state(view: View, cue: Mapping[str, Any]) -> dict[str, Any]:
    """A session now. cue: mode and share."""
    return {
        "elapsed": round(view.elapsed_s, 1),
        "limit": view.limit_s,
        "where": view.where,
        "problems": [words.place(line) for line in (view.problem, *view.warnings) if line],
        "legs": [_leg(leg) for leg in view.legs],
        "sensors": [_sensor(sensor) for sensor in view.sensors],
        "episodes": view.episodes_seen,
        "cue": dict(cue),
    }


def episode(row: EpisodeRow) -> dict[str, Any]:
    """A finished episode for the list."""
    return {
        "side": row.side,
        "activity": words.activity(row.activity),
        "start": round(row.start_s, 2),
        "duration": round(row.duration_s, 2),
        "excess": _number(row.peak_excess_deg, 1),
        "collapse": _number(row.peak_collapse_deg, 1),
        "flexion": _number(row.flexion_at_peak_deg, 0),
        "driver": words.DRIVERS.get(row.driver, row.driver),
        "severity": words.SEVERITIES.get(row.severity, row.severity),
        "level": row.severity,
        "measure": row.measure,
    }


def band(event: RaisedEvent) -> dict[str, Any]:
    """Where an episode begins or ends in the traces, s."""
    fields = event.fields
    return {
        "side": fields.get("side"),
        "start": fields.get("start_s"),
        "end": fields.get("end_s"),
        "measure": fields.get("measure"),
        "withdrawn": bool(fields.get("withdrawn", False)),
    }


def _leg(leg: LegView) -> dict[str, Any]:
    return {
        "side": leg.side.value,
        "calibrated": leg.calibrated,
        "guide": None if leg.guide is None else asdict(leg.guide),
        **{name: _angle(getattr(leg, name)) for name in _ANGLES},
        "peak": _number(leg.last_step.peak_deg, 1),
        "measure": leg.last_step.measure,
        "level": leg.last_step.severity,
        "lastStep": words.last_step(leg.last_step.peak_deg, leg.last_step.severity),
        "limits": list(leg.limits_deg),
        "set": None if leg.exercise is None else _set(leg.exercise),
        "static": None if leg.static_valgus_deg is None else _number(leg.static_valgus_deg, 1),
        "status": words.status(leg.status, leg.trusted),
        "ok": leg.status == "ok" and leg.trusted,
        "activity": words.activity(leg.activity),
        "steps": {words.activity(name): count for name, count in leg.steps.items()},
        "inEpisode": leg.in_episode,
    }


def _set(exercise: SetView) -> dict[str, Any]:
    return {**asdict(exercise), "activity": words.activity(exercise.activity)}


def _sensor(sensor: SensorView) -> dict[str, Any]:
    return {
        "name": sensor.name,
        "driver": words.maker(sensor.driver),
        "state": sensor.state,
        "rate": None if sensor.rate_hz is None else _number(sensor.rate_hz, 0),
        "battery": None if sensor.battery is None else _number(100.0 * sensor.battery, 0),
        "loss": _number(100.0 * sensor.loss, 1),
        "signal": words.signal(sensor.rssi_dbm),
        "calibration": sensor.calibration,
    }


def _angle(angle: Angle) -> list[float | None]:
    return [_number(angle.deg, 1), _number(angle.sd_deg, 1)]


def _number(value: float, decimals: int) -> float | None:
    # Adding zero turns a rounded -0.0 into 0.0.
    return round(value, decimals) + 0.0 if isfinite(value) else None


def _numbers(values: Floats, decimals: int) -> list[float | None]:
    return [None if v != v else v for v in np.round(values, decimals).tolist()]
