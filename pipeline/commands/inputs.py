"""What a recording brings to `replay`, `process` and `calibrate`: its sensors, and how it wants to be analysed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration.profile import Profile, ProfileError, load_profile
from pipeline.blocks import Activity
from pipeline.commands.corrections import recorded_corrections
from pipeline.commands.options import Doing, Filter
from pipeline.errors import BadInputError
from pipeline.files.recording import Recorded
from pipeline.records import SensorInfo, Side
from pipeline.session import Settings
from pipeline.thresholds import Thresholds, load_thresholds, read_thresholds

ACTIVITY = "activity"
"""The meta key of what a person said was done in the session; empty where nothing was said."""
THRESHOLDS = "thresholds"
"""The meta key that holds the thresholds profile of a session, as TOML."""
GIVEN = "given"
"""The value of the meta key `calibration` of a session that was made with a saved profile."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks of the analysis of a recording. What it leaves open is as the session was made.

    side: the leg of a table, or one of two. calibration: saved profiles. orientations: written too. filter: see
    pipeline/orientation.py. thresholds: the profile of valgus thresholds. person: whose recording it is.
    activity: what is done, said by hand.
    """

    side: Side | None = None
    calibration: Sequence[Path] = ()
    orientations: bool = False
    filter: Filter | None = None
    thresholds: Path | None = None
    person: str | None = None
    activity: Doing | None = None

    def settings(
        self, recording: Recorded, name: str, profiles: Mapping[Side, Profile] | None = None, min_rows: int = 1
    ) -> Settings:
        """How the recording, called `name` in errors, is analysed with these saved calibrations.

        Raises BadInputError where a file that was named, or something in the recording, cannot be read.
        """
        return Settings(
            filter=self.filter or recording.meta.get("filter", "vqf"),
            profiles=profiles or {},
            activity={a.label: a for a in Activity}.get(self.activity or recording.meta.get(ACTIVITY, "")),
            thresholds=self._thresholds(recording, name),
            corrections=recorded_corrections(recording, name),
            min_rows=min_rows,
        )

    def _thresholds(self, recording: Recorded, name: str) -> Thresholds:
        if self.thresholds is not None:
            return load_thresholds(self.thresholds)
        return read_thresholds(recording.meta.get(THRESHOLDS, ""), f"{name}, its recorded thresholds")


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


def left_over(profiles: Mapping[Side, Profile], sensors: Sequence[SensorInfo], name: str) -> list[str]:
    """One line for each saved calibration whose leg wears no sensor; name: of the recording."""
    worn = {sensor.side for sensor in sensors}
    return [
        f"{name} holds no sensor of the {side} leg: its calibration is not used"
        for side in profiles
        if side not in worn
    ]


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
