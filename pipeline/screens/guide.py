"""The guided calibration in a person's words: what to do now, how far it is, what to repeat and why, how good it is.

Three things are asked for: stand still, bend the free knee slowly six times, walk ten steps. The first two give the
frames and the unloaded path (pipeline/calibrating.py), the third one the thigh's flexion axis, which turns too little
in the bends to be known well. `Guide` follows one leg; terminal and dashboard draw its `GuideView`.
"""

from dataclasses import dataclass
from math import degrees

from calibration.profile import Profile
from pipeline.calibration_progress import CalibrationProgress

BENDS = 6
STEPS = 10
STEP_NAMES = ("Stand still", f"Bend the knee slowly {BENDS} times", f"Walk {STEPS} steps")
_GOOD_AXIS_DEG = 5.0
_FAIR_AXIS_DEG = 9.5
"""A flexion axis that is so far off adds about a tenth of it to abduction in the middle of a stance."""


@dataclass(frozen=True, slots=True)
class GuideView:
    """What the guide shows. step: 0 waiting for sensors, 1 to 3 the three things, 4 done. done: 0 to 1 of this step.

    title: what to do; how: one line more; count: how far; repeat: what was not good, and what to do; quality: good,
    fair, poor or empty; detail: what the quality means.
    """

    step: int
    title: str
    how: str = ""
    done: float = 0.0
    count: str = ""
    repeat: str = ""
    quality: str = ""
    detail: str = ""


class Guide:
    """The guide of one leg.

    per_row : steps that a row of the step table stands for: 2 where one leg alone wears sensors.
    """

    def __init__(self, per_row: int = 2) -> None:
        self._per_row = per_row
        self._asked = False
        self._still_s = 0.0
        self._finished = False

    def view(self, progress: CalibrationProgress | None, profile: Profile | None, rows: int) -> GuideView:
        """Now. progress, profile: of the session; rows: of the step table, in gait."""
        if progress is None and profile is None:
            return GuideView(0, "Waiting for the sensors", "Switch them on and keep them near.")
        steps = self._per_row * rows
        if progress is not None and profile is not None and steps >= STEPS:
            # The person went on without the bends: the motion itself has given a calibration, and is not nagged about.
            return _finished(profile)
        if progress is not None:
            self._asked = True
            if not progress.stood:
                return self._stand(progress)
            if progress.bends < BENDS and not progress.axes_unclear:
                return _bend(progress)
        if self._asked and not self._finished and steps < STEPS:
            return _walk(steps, profile)
        self._finished = True
        return _finished(profile)

    def _stand(self, progress: CalibrationProgress) -> GuideView:
        moved = progress.still_s < self._still_s
        self._still_s = progress.still_s
        return GuideView(
            1,
            STEP_NAMES[0],
            "Upright, both feet on the floor, knees straight, looking ahead.",
            min(1.0, progress.still_s / progress.still_wanted_s),
            f"{progress.still_s:.1f} of {progress.still_wanted_s:.1f} s",
            "You moved: let both legs rest, the time begins again." if moved else "",
        )


def _bend(progress: CalibrationProgress) -> GuideView:
    return GuideView(
        2,
        STEP_NAMES[1],
        "Stand on the other leg and hold on to something. Lift the heel slowly behind you and put it down, two seconds "
        "each. The thigh stays where it is.",
        progress.bends / BENDS,
        f"{progress.bends} of {BENDS}",
        f"Once more: {progress.refused}." if progress.refused else "",
    )


def _walk(steps: int, profile: Profile | None) -> GuideView:
    quality, detail = ("", "") if profile is None else grade(profile)
    return GuideView(
        3,
        STEP_NAMES[2],
        "At your usual pace, straight ahead.",
        min(1.0, steps / STEPS),
        f"{steps} of {STEPS}",
        "",
        quality,
        detail,
    )


def _finished(profile: Profile | None) -> GuideView:
    quality, detail = ("", "") if profile is None else grade(profile)
    return GuideView(4, "Calibrated", "", 1.0, "", _repeat(profile), quality, detail)


def grade(profile: Profile) -> tuple[str, str]:
    """How good a calibration is, and what that rests on."""
    alignment = profile.alignment
    thigh, shank = degrees(alignment.thigh_axis_sd), degrees(alignment.shank_axis_sd)
    detail = f"bending axis known to ±{thigh:.0f}° (thigh) and ±{shank:.0f}° (shin)"
    worst = max(thigh, shank)
    if worst > _FAIR_AXIS_DEG or not alignment.standing:
        return "poor", detail
    return ("good" if worst <= _GOOD_AXIS_DEG and profile.path.known else "fair"), detail


def _repeat(profile: Profile | None) -> str:
    """What would make it better, and why."""
    if profile is None:
        return ""
    if not profile.alignment.standing:
        return "Stand still for 5 s, then bend the knee six times: no quiet standing was seen, so zero is only a guess."
    if not profile.path.known:
        return "Bend the free knee six times: without it, inward bending cannot be told from this knee's own path."
    thigh, shank = degrees(profile.alignment.thigh_axis_sd), degrees(profile.alignment.shank_axis_sd)
    if max(thigh, shank) > _GOOD_AXIS_DEG:
        which = "thigh" if thigh > shank else "shin"
        return f"Walk on a little: the {which}'s bending axis is known to ±{max(thigh, shank):.0f}° only."
    return ""
