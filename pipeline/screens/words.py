"""What a patient reads: the words of the screens for activities, states, drivers and severities. Units always."""

import re
from math import isfinite

ACTIVITIES = {
    "other": "other movement",
    "standing": "standing",
    "sitting": "sitting",
    "walking": "walking",
    "stair_ascent": "stairs up",
    "stair_descent": "stairs down",
    "lunge": "lunge",
    "squat": "squat",
    "single_leg_squat": "single-leg squat",
    "deadlift": "deadlift",
    "step_up": "step up",
    "step_down": "step down",
    "sit_to_stand": "sit to stand",
}
_ACTIVITY = re.compile("\\b(" + "|".join(sorted(ACTIVITIES, key=len, reverse=True)).replace("_", "[_ ]") + ")\\b")
STATUS = {
    "gap": "no data",
    "calibrating": "calibrating",
    "slipped": "a sensor slipped",
    "clipped": "too fast for the sensor",
    "single_sensor": "one sensor is missing",
    "ok": "ok",
}
DRIVERS = {"hip": "from the hip", "foot": "from the foot", "mixed": "hip and foot", "unclear": "cause unclear"}
SEVERITIES = {"notice": "slight", "marked": "marked", "strong": "strong"}
_LAST = {"": "in line", "notice": "slightly inward", "marked": "clearly inward", "strong": "far inward"}
MAKERS = {
    "movella_dot": "Movella DOT",
    "witmotion": "WitMotion",
    "open_format": "open format",
    "metamotion": "MetaMotion",
    "thingy52": "Thingy:52",
    "bluest": "BlueST",
    "openearable": "OpenEarable",
    "polar_verity_sense": "Polar Verity Sense",
    "ximu3": "x-IMU3",
    "sketch": "described by a file",
    "table": "table",
}


def activity(name: str) -> str:
    """An activity in a person's words."""
    return ACTIVITIES.get(name, name.replace("_", " "))


def with_activities(text: str) -> str:
    """A line with activities in it as the files name them, in a person's words."""
    return _ACTIVITY.sub(lambda found: ACTIVITIES[found.group().replace(" ", "_")], text)


def status(name: str, trusted: bool) -> str:
    """How a leg's angles are. trusted: their own spread is small enough."""
    return "not certain yet" if name == "ok" and not trusted else STATUS.get(name, name)


def signal(rssi_dbm: float | None) -> str:
    """How well a sensor was heard when it was connected: while it is, systems do not tell.

    The limits are those at which Bluetooth links at 100 Hz begin to lose packets.
    """
    if rssi_dbm is None:
        return "signal unknown"
    word = "good" if rssi_dbm >= -70.0 else ("fair" if rssi_dbm >= -82.0 else "weak")
    return f"signal {word} ({rssi_dbm:.0f} dBm at connecting)"


def maker(driver: str) -> str:
    """A packet format as its maker writes it."""
    return MAKERS.get(driver, driver.replace("_", " "))


def place(name: str) -> str:
    """A sensor's place, or a line that names one: patients know the shin, not the shank."""
    return name.replace("shank", "shin")


def last_step(peak_deg: float, severity: str) -> str:
    """The last step in words. severity: of the episode in it, empty without one."""
    return _LAST.get(severity, severity) if isfinite(peak_deg) else "no step yet"
