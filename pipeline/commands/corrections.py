"""The saved errors of the sensors that are worn: looked up when a session begins, recorded with it, used in a replay.

A session is corrected with what was known when it began. The calibrations go into the recording (meta key `inertial`,
a JSON object by sensor id), so that a replay corrects as the session did, to the last bit, whatever has been calibrated
since.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from calibration.errors import CalibrationError
from calibration.inertial import Inertial
from calibration.sensor_store import SensorStore, age_warning
from pipeline.errors import BadInputError
from pipeline.files.recording import Recorded
from pipeline.records import SensorInfo

META = "inertial"


def stored_corrections(
    sensors: Sequence[SensorInfo], store: SensorStore | None = None, today: date | None = None
) -> tuple[dict[int, Inertial], list[str]]:
    """The calibrations of these sensors by id, and a line for each that is old, or cannot be used and is not."""
    store = store or SensorStore()
    found: dict[int, Inertial] = {}
    lines = []
    for sensor in sensors:
        try:
            inertial = store.load(sensor.address)
        except CalibrationError as error:
            lines.append(f"{error} (not used)")
            continue
        if inertial is None:
            continue
        found[sensor.id] = inertial
        old = age_warning(inertial, today or date.today())
        if old:
            lines.append(old)
    return found, lines


def corrections_text(corrections: Mapping[int, Inertial]) -> str:
    """For the recording's meta table."""
    return json.dumps({str(number): inertial.to_json() for number, inertial in corrections.items()})


def recorded_corrections(recording: Recorded, name: str) -> dict[int, Inertial]:
    """What the session was corrected with. Raises BadInputError where that cannot be read."""
    text = recording.meta.get(META, "")
    if not text:
        return {}
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not an object")
        return {int(number): Inertial.from_json(value) for number, value in values.items()}
    except (ValueError, RecursionError, CalibrationError) as error:
        raise BadInputError(f"{name}: the recorded sensor calibrations are damaged ({error})") from None
