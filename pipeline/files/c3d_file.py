"""Writing a C3D file with ezc3d (the extra `c3d`).

What programs of motion laboratories ask for beyond the format: angle points are listed in POINT:ANGLES with their unit;
no description is empty (some fail on that); a list longer than 255, the most that a parameter's dimension can say,
goes on in parameters called LABELS2, TIMES2 and so on; an event's time is minutes and seconds, and has an icon's number
(1 foot strike, 2 foot off, 0 others). All parameters together have 255 blocks of 512 bytes.
"""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.c3d_motion import FOOT_OFF, FOOT_STRIKE, Happening, Motion
from pipeline.files.private import claim_private, naming

_MISSING = "a C3D file needs ezc3d: pip install 'kneetrack[c3d]'"
_INT, _FLOAT, _CHAR = 2, 4, -1
"""C3D's numbers of the types of a parameter."""
_LIST = 255
_PARAMETER_BYTES = 255 * 512
_OTHERS_BYTES = 24_000
"""More than all parameters but the events take."""
_ICONS = {FOOT_STRIKE: 1, FOOT_OFF: 2}


def ezc3d_module() -> Any:
    """The package ezc3d. Raises KneetrackError where it is not installed, or its library does not start."""
    try:
        import ezc3d
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "ezc3d":
            raise KneetrackError(_MISSING) from None
        raise KneetrackError(f"ezc3d does not start ({' '.join(str(error).split())[:120]}): install it anew") from None
    return ezc3d


def write_c3d(path: Path, motion: Motion, start_utc: str = "") -> None:
    """Write the file whole or not at all, readable by its owner only.

    start_utc: when the session began, as a text; empty where it is not known.

    Raises BadInputError where there are more events than C3D can hold, KneetrackError where ezc3d is missing.
    """
    c3d = ezc3d_module().c3d()
    c3d["header"]["points"]["first_frame"] = 0
    _points(c3d, motion)
    _analog(c3d, motion)
    _events(c3d, motion.events)
    for name, text in (("COMPANY", "kneetrack"), ("SOFTWARE", "kneetrack"), ("VERSION_LABEL", _version())):
        _put(c3d, "MANUFACTURER", name, [text])
    about = "added to a time of this file: the time in kneetrack's other files, s"
    _put(c3d, "KNEETRACK", "TIME_OFFSET", [motion.offset_s], about)
    _put(c3d, "KNEETRACK", "START_UTC", [start_utc or "unknown"], "when kneetrack's time was zero")
    # ezc3d wants this ending.
    part = path.with_name(f".{path.stem}.partial.c3d")
    try:
        with naming(path):
            part.unlink(missing_ok=True)
            claim_private(part)
            c3d.write(str(part))
            if not part.stat().st_size:
                raise KneetrackError(f"{path} could not be written: free space, or choose another folder")
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _points(c3d: Any, motion: Motion) -> None:
    labels = [point.label for point in motion.points]
    values = np.stack([point.values for point in motion.points], axis=1)
    c3d["data"]["points"] = np.concatenate([values, np.ones((1, *values.shape[1:]))])
    c3d["data"]["meta_points"]["residuals"] = np.where(np.isnan(values).any(axis=0), -1.0, 0.0)[None]
    _put(c3d, "POINT", "RATE", [motion.rate_hz])
    _put(c3d, "POINT", "UNITS", ["mm"], "of markers, of which there are none")
    _put(c3d, "POINT", "LABELS", labels)
    _put(c3d, "POINT", "DESCRIPTIONS", [point.description for point in motion.points])
    _put(c3d, "POINT", "ANGLES", labels)
    _put(c3d, "POINT", "ANGLE_UNITS", ["deg"])


def _analog(c3d: Any, motion: Motion) -> None:
    channels = motion.channels
    c3d["data"]["analogs"] = np.stack([channel.values for channel in channels])[None]
    _put(c3d, "ANALOG", "RATE", [motion.rate_hz])
    _put(c3d, "ANALOG", "LABELS", [channel.label for channel in channels])
    _put(c3d, "ANALOG", "DESCRIPTIONS", [channel.description for channel in channels])
    _put(c3d, "ANALOG", "UNITS", [channel.unit for channel in channels])
    _put(c3d, "ANALOG", "GEN_SCALE", [1.0])
    _put(c3d, "ANALOG", "SCALE", [1.0] * len(channels))
    _put(c3d, "ANALOG", "OFFSET", [0] * len(channels))
    _put(c3d, "ANALOG", "FORMAT", ["SIGNED"])
    _put(c3d, "ANALOG", "BITS", [16])


def _events(c3d: Any, events: Sequence[Happening]) -> None:
    _put(c3d, "EVENT", "USED", [len(events)])
    size = 0
    for number, begin in enumerate(range(0, len(events), _LIST), start=1):
        part = events[begin : begin + _LIST]
        more = "" if number == 1 else str(number)
        texts = {
            "CONTEXTS": [event.context for event in part],
            "LABELS": [event.label for event in part],
            "DESCRIPTIONS": [_plain(event.description) or "-" for event in part],
        }
        for name, values in texts.items():
            _put(c3d, "EVENT", name + more, values)
            size += len(values) * max(map(len, values))
        minutes = [event.time_s // 60.0 for event in part]
        seconds = [event.time_s % 60.0 for event in part]
        _put(c3d, "EVENT", f"TIMES{more}", np.array([minutes, seconds]))
        _put(c3d, "EVENT", f"ICON_IDS{more}", [_ICONS.get(event.label, 0) for event in part])
        size += 10 * len(part) + 100
    if size > _PARAMETER_BYTES - _OTHERS_BYTES:
        raise BadInputError(
            f"{len(events)} events are more than a C3D file can hold: choose a part with --from and --to"
        )


def _plain(text: str) -> str:
    """In the letters that C3D knows, at most 60."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:60]


def _put(c3d: Any, group: str, name: str, values: Any, description: str = "") -> None:
    """Set a parameter, of the type of its values, and make its group where it is missing."""
    texts = isinstance(values, list) and bool(values) and isinstance(values[0], str)
    whole = isinstance(values, list) and all(isinstance(value, int) for value in values)
    c3d["parameters"].create_group_if_needed(group)
    c3d["parameters"][group][name] = {
        "type": _CHAR if texts else _INT if whole else _FLOAT,
        "description": description,
        "is_locked": False,
        "value": values if texts else np.array(values),
    }


def _version() -> str:
    try:
        return metadata.version("kneetrack")
    except metadata.PackageNotFoundError:
        return "unknown"
