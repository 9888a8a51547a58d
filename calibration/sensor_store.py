"""Where the inertial calibrations of sensors are kept: one small JSON file per device address.

A sensor's errors belong to the device, not to a session, and last for months: so they are saved in the user's data
folder (readable by the user alone) and used again whenever that sensor is worn. The folder follows the system's custom
(XDG on Linux, Application Support on macOS, Local AppData on Windows); KNEETRACK_DATA in the environment overrides it.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import date as Day
from pathlib import Path

from calibration.errors import CalibrationError
from calibration.inertial import Inertial

OLD_DAYS = 180
"""Consumer accelerometers drift by some mg in half a year (soldering relaxes, packages take up moisture)."""

ENVIRONMENT = "KNEETRACK_DATA"
_MAX_BYTES = 20_000


def data_folder(environment: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """The user's data folder of this program; it need not exist."""
    env = os.environ if environment is None else environment
    system = platform or sys.platform
    if env.get(ENVIRONMENT):
        return Path(env[ENVIRONMENT]).expanduser()
    home = Path(env.get("USERPROFILE" if system == "win32" else "HOME") or Path.home())
    if system == "win32":
        return Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "kneetrack"
    if system == "darwin":
        return home / "Library" / "Application Support" / "kneetrack"
    custom = env.get("XDG_DATA_HOME", "")
    # The XDG rules say that a path that is not absolute is to be ignored.
    return (Path(custom) if custom.startswith("/") else home / ".local" / "share") / "kneetrack"


class SensorStore:
    """The saved calibrations. folder: None for the user's data folder. Nothing is made before something is saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or data_folder()) / "sensors"

    def path(self, address: str) -> Path:
        """The file of a device; its address may be a MAC, or a system's own identifier."""
        name = re.sub(r"[^0-9a-z]+", "-", address.casefold()).strip("-")
        if not name or len(name) > 100:
            raise CalibrationError(f"a sensor without a usable address ({address[:40]!r}) cannot be remembered")
        return self.folder / f"{name}.json"

    def load(self, address: str) -> Inertial | None:
        """The calibration of a device; None where there is none. Raises CalibrationError where it is damaged or
        implausible: it must not be used."""
        if not address:
            return None
        path = self.path(address)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise CalibrationError(f"{path}: too large for a sensor calibration; delete it and calibrate again")
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CalibrationError(f"{path}: cannot be read ({error}); delete it and calibrate again") from None
        try:
            found = Inertial.from_json(text)
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from None
        if found.address.casefold() != address.casefold():
            raise CalibrationError(f"{path}: belongs to {found.address or 'no sensor'}, not to {address}; delete it")
        return found

    def save(self, inertial: Inertial) -> Path:
        """Keep a calibration under its address, in place of an older one; whole or not at all."""
        path = self.path(inertial.address)
        try:
            # mkdir's mode holds for the last folder only; one that was there before keeps its own, but for ours.
            path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            path.parent.chmod(0o700)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(inertial.to_json(), file, indent=2)
                file.write("\n")
            part.replace(path)
        except OSError as error:
            raise CalibrationError(f"{path}: cannot be written ({error.strerror}); set {ENVIRONMENT}") from None
        return path


def age_warning(inertial: Inertial, today: Day) -> str | None:
    """One line where a calibration is old, of unknown age, or from the future; None where it is fresh."""
    age = inertial.age_days(today)
    who = f"the calibration of sensor {inertial.address}"
    again = "calibrate it again with `kneetrack calibrate --inertial`"
    if age is None:
        return f"{who} has no date: {again}"
    if age < -1:
        return f"{who} is dated {inertial.date}, in the future: check the clock, or {again}"
    if age > OLD_DAYS:
        return f"{who} is {age} days old: {again}"
    return None
