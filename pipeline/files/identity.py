"""What of a session's words may stand in a copy without identity.

Numbers and yes or no stay: they are the movement. Of texts only those stay whose key is known to hold a word of a
closed set (a side, an activity, a method), and only where they look like one; names, addresses, labels that somebody
typed, times and paths are left out whatever their key. So a field that a later version adds is left out until it is
known to be harmless, not the other way round.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from calibration.errors import CalibrationError
from calibration.inertial import Inertial
from pipeline.errors import BadInputError
from pipeline.person import KEY

NO_DATE = "2000-01-01T00:00:00+00:00"
"""The date of no meaning at which every copy begins."""
_WORDS_OF_SETS = frozenset(
    {
        "side", "activity", "activity_at_onset", "measure", "driver", "severity", "status", "part", "method",
        "corrected", "mode", "filter", "clock", "kind", "segment", "phase", "choice", "cue",
        "clean_reference_own",
    }
)  # fmt: skip
_WORD = re.compile(r"[a-z0-9][a-z0-9 _+-]{0,47}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,47}")
_VERSION = re.compile(r"\d+(\.\d+){0,3}([a-z]+\d*)?(\+[a-z0-9.]+)?|not installed")
_ABOUT_WHOM = frozenset(
    {KEY, "address", "name", "label", "files", "created_utc", "start_utc", "host_time", "recorded_with"}
)
_DEEPEST = 12


def without_identity(value: Any, key: str = "", depth: int = 0) -> Any:
    """A JSON value with what may stay; None in place of a text that may not. key: under which it stands."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {
            name: versions(item) if name == "versions" else without_identity(item, name, depth + 1)
            for name, item in value.items()
            if isinstance(name, str) and _KEY.fullmatch(name) and name not in _ABOUT_WHOM
        }
    if isinstance(value, list):
        return [without_identity(item, key, depth + 1) for item in value]
    if isinstance(value, str):
        return value if key in _WORDS_OF_SETS and _WORD.fullmatch(value) else None
    return value


def versions(value: Any) -> dict[str, str]:
    """Software by name, those whose version looks like one."""
    if not isinstance(value, Mapping):
        return {}
    return {
        name: text
        for name, text in value.items()
        if isinstance(name, str) and _KEY.fullmatch(name) and isinstance(text, str) and _VERSION.fullmatch(text)
    }


def profile_without_identity(value: Any) -> Any:
    """A calibration profile as JSON: numbers to the last digit, no sensors, date and person; None where it is none."""
    if not isinstance(value, Mapping):
        return None
    kept = {key: without_identity(item, key) for key, item in value.items() if key not in _ABOUT_WHOM | {"kind"}}
    return {**kept, "kind": value.get("kind"), "sensors": {}, "created_utc": "", KEY: ""}


def event_without_identity(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recorded event; what the analysis acts on is unchanged."""
    kept = dict(without_identity(fields))
    if "profile" in fields:
        kept["profile"] = profile_without_identity(fields["profile"])
    if kind == "marker":
        kept["label"] = "mark"
    return {key: item for key, item in kept.items() if item is not None or fields[key] is None}


def corrections_without_identity(text: str) -> str:
    """The recorded errors of the sensors themselves, to the last digit: no address, no date. Empty: none were used.

    Raises BadInputError where they cannot be read: without them a replay would give other angles.
    """
    if not text:
        return ""
    try:
        kept = {
            str(int(number)): replace(Inertial.from_json(value), address="", date="").to_json()
            for number, value in json.loads(text).items()
        }
    except (ValueError, AttributeError, RecursionError, CalibrationError) as error:
        raise BadInputError(f"the recorded sensor calibrations are damaged ({error})") from None
    return json.dumps(kept)


def thresholds_without_identity(text: str) -> str:
    """A thresholds profile: its numbers under their names, no comment and no word."""
    try:
        lines = _numbers(tomllib.loads(text), "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
    return "".join(f"{line}\n" for line in lines)


def _numbers(table: Mapping[str, Any], path: str) -> list[str]:
    """The lines of one TOML table that hold numbers or lists of numbers, then those of the tables in it."""
    plain = {key: item for key, item in table.items() if re.fullmatch(r"[a-z_]+", key)}
    found = [f"{key} = {json.dumps(item)}" for key, item in plain.items() if _numeric(item)]
    for key, item in plain.items():
        if isinstance(item, Mapping):
            found += [f"[{path}{key}]", *_numbers(item, f"{path}{key}.")]
    return found


def _numeric(item: object) -> bool:
    if isinstance(item, list):
        return all(_numeric(one) for one in item)
    return isinstance(item, int | float) and not isinstance(item, bool) and isfinite(item)


def firmware_without_identity(text: str) -> str:
    """A firmware's version; empty where the text is more than that."""
    return text if _VERSION.fullmatch(text) else ""
