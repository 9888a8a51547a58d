"""What a recording brings to `replay`, `process` and `calibrate`: its sensors, and how it wants to be analysed."""

from collections.abc import Sequence
from pathlib import Path

from calibration.profile import Profile, ProfileError, load_profile
from pipeline.errors import BadInputError
from pipeline.files.recording import Recorded
from pipeline.records import SensorInfo, Side
from pipeline.thresholds import Thresholds, load_thresholds, read_thresholds

THRESHOLDS = "thresholds"
"""The meta key that holds the thresholds profile of a session, as TOML."""
GIVEN = "given"
"""The value of the meta key `calibration` of a session that was made with a saved profile."""


def load_profiles(files: Sequence[Path]) -> dict[Side, Profile]:
    """Saved calibrations by leg. Raises BadInputError where one is missing, damaged, or the second of its leg."""
    profiles: dict[Side, Profile] = {}
    for file in files:
        try:
            profile = load_profile(file)
        except ProfileError as error:
            raise BadInputError(str(error)) from error
        side = Side(profile.side)
        if side in profiles:
            raise BadInputError(f"{file} is a second profile for the {side} leg: give one for each leg")
        profiles[side] = profile
    return profiles


def sensors_of(recording: Recorded, side: Side | None, name: str) -> tuple[SensorInfo, ...]:
    """The sensors of the recording, or those of one leg. Raises BadInputError where that leg wore none."""
    chosen = tuple(sensor for sensor in recording.sensors if side in (None, sensor.side))
    if not chosen:
        raise BadInputError(f"{name} holds no sensor of the {side} leg: leave --side out or name the other leg")
    return chosen


def recorded_profiles(recording: Recorded, name: str) -> dict[Side, Profile]:
    """The saved calibrations that the session was made with; none where it calibrated itself."""
    if recording.meta.get("calibration") != GIVEN:
        return {}
    try:
        return {side: Profile.from_json(values, name) for side, values in recording.profiles.items()}
    except ProfileError as error:
        raise BadInputError(str(error)) from error


def thresholds_of(recording: Recorded, asked: Path | None, name: str) -> Thresholds:
    """As the call says, else as the session was made, else the defaults."""
    if asked is not None:
        return load_thresholds(asked)
    return read_thresholds(recording.meta.get(THRESHOLDS, ""), f"{name}, its recorded thresholds")


def filter_of(recording: Recorded, asked: str | None) -> str:
    """As the call says, else as the session was made."""
    return asked or recording.meta.get("filter", "vqf")
