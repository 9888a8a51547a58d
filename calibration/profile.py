"""A saved calibration: one leg, one strapping-on of the sensors. JSON, versioned."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import LeverArms
from calibration.unloaded_path import UnloadedPath

SCHEMA = 1
KIND = "kneetrack calibration profile"


class ProfileError(ValueError):
    """A profile that is missing, damaged, foreign or of a newer version: one line that says which and what to do."""


@dataclass(frozen=True, slots=True)
class Profile:
    """side: left or right. arms: sensor to knee centre, m, sensor frames, None where the motion never told.

    static_valgus_deg: the clinician's measured fixed alignment (valgus +), reported apart, never added to an angle.
    quality: figures in degrees and 0 to 1. sensors: addresses by segment. created_utc: ISO 8601. person: a pseudonym,
    empty where nobody said.
    """

    side: str
    alignment: Alignment
    path: UnloadedPath
    arms: LeverArms | None = None
    static_valgus_deg: float | None = None
    created_utc: str = ""
    sensors: dict[str, str] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    person: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        arms = None if self.arms is None else [self.arms.first.tolist(), self.arms.second.tolist()]
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "side": self.side,
            "alignment": self.alignment.to_json(),
            "unloaded_path": self.path.to_json(),
            "lever_arms_m": arms,
            "static_valgus_deg": self.static_valgus_deg,
            "created_utc": self.created_utc,
            "sensors": self.sensors,
            "quality": self.quality,
            "person": self.person,
        }

    @staticmethod
    def from_json(values: Any, where: str = "profile") -> "Profile":
        """Raises ProfileError; `where` names the source in its line."""
        if not isinstance(values, dict) or values.get("kind") != KIND:
            raise ProfileError(f"{where}: not a calibration profile (make one with `kneetrack calibrate`)")
        schema = values.get("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise ProfileError(f"{where}: profile schema {schema!r} is newer than this version knows: update kneetrack")
        try:
            if values["side"] not in ("left", "right"):
                raise ValueError("side must be left or right")
            arms = values.get("lever_arms_m")
            static = values.get("static_valgus_deg")
            return Profile(
                side=values["side"],
                alignment=Alignment.from_json(values["alignment"]),
                path=UnloadedPath.from_json(values["unloaded_path"]),
                arms=None if arms is None else LeverArms(_vector(arms[0]), _vector(arms[1])),
                static_valgus_deg=None if static is None else float(static),
                created_utc=str(values.get("created_utc", "")),
                sensors={str(k): str(v) for k, v in dict(values.get("sensors", {})).items()},
                quality={str(k): float(v) for k, v in dict(values.get("quality", {})).items()},
                person=str(values.get("person") or ""),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ProfileError(f"{where}: damaged calibration profile ({error}): calibrate again") from error


def load_profile(path: Path) -> Profile:
    """Raises ProfileError where the file is missing or no profile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read ({error}): name a profile made by `kneetrack calibrate`") from error
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ProfileError(f"{path}: not a calibration profile ({error})") from error
    return Profile.from_json(values, str(path))


def save_profile(profile: Profile, path: Path) -> None:
    """Written whole or not at all, for its owner alone where the system knows such rights."""
    part = path.with_name(path.name + ".part")
    try:
        part.touch(mode=0o600)
        part.write_text(json.dumps(profile.to_json(), indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _vector(values: Any) -> "np.ndarray[Any, np.dtype[np.float64]]":
    v = np.asarray(values, float)
    if v.shape != (3,) or not np.all(np.isfinite(v)) or np.linalg.norm(v) > 1.0:
        raise ValueError("a lever arm must be three finite numbers within 1 m")
    return v
