"""What a patient reads: the words of the screens for activities, states, drivers and severities. Units always."""

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


def activity(name: str) -> str:
    """An activity in a person's words."""
    return ACTIVITIES.get(name, name.replace("_", " "))


def status(name: str, trusted: bool) -> str:
    """How a leg's angles are. trusted: their own spread is small enough."""
    return "not sure of it" if name == "ok" and not trusted else STATUS.get(name, name)


def signal(rssi_dbm: float | None) -> str:
    """How well a sensor is heard. The limits are those at which Bluetooth links at 100 Hz begin to lose packets."""
    if rssi_dbm is None:
        return "signal unknown"
    word = "good" if rssi_dbm >= -70.0 else ("fair" if rssi_dbm >= -82.0 else "weak")
    return f"signal {word} ({rssi_dbm:.0f} dBm)"
