"""What a recording brings to `replay`, `process` and `calibrate`: its sensors, and how it wants to be analysed."""

from collections.abc import Sequence
from pathlib import Path

from calibration.profile import Profile, ProfileError, load_profile
from pipeline.blocks import Activity
from pipeline.errors import BadInputError
from pipeline.files.recording import Recorded
from pipeline.records import SensorInfo, Side

ACTIVITY = "activity"
"""The meta key of what a person said was done in the session; empty where nothing was said."""
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


def activity_of(recording: Recorded, asked: str | None) -> Activity | None:
    """What was said by hand: by the call, else when the session was made."""
    return {a.label: a for a in Activity}.get(asked or recording.meta.get(ACTIVITY, ""))


def filter_of(recording: Recorded, asked: str | None) -> str:
    """As the call says, else as the session was made."""
    return asked or recording.meta.get("filter", "vqf")
