"""The clean movement of people in general: what a knee shows when nothing collapses, and how much people differ.

Medial collapse. A tibia turns inward as the knee bends (passive coupling: 6.7, 9.8, 10.4, 10.8 deg at 30, 60, 75, 90
deg of flexion) and leans forward over a planted foot; the turn then shows as a medial tilt of -rotation * sin(lean):
the knee goes a little outward, the more the further the shank leans in an exercise. The curves below are that product
with the usual lean of each exercise (biomechanics notes, sections 3.1, 3.3 to 3.5). Simulated people (seeds 20 to 33)
go somewhat further out, -6.5 deg at 75 deg of a squat on one leg against -5.2 here; the smaller figure is kept, because
a reference too far out calls clean repetitions of people who differ from the simulated ones a collapse.

Excess. The unloaded path has already taken the knee's own coupling away: zero, give or take what load adds.

Spread. Standard deviation between people plus that between clean repetitions of one person, on the same simulated
people: it grows with flexion. It enters the confidence of an episode.
"""

from math import asin, degrees, radians, sin
from types import MappingProxyType

from pipeline.blocks import Activity
from pipeline.clean import CleanCurve, CleanReference

_FLEXION = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 105.0)
_ROTATION = (0.0, 4.0, 6.7, 8.6, 9.8, 10.4, 10.8, 11.0)
"""Internal rotation (deg) of the passive knee at these flexions."""
_EXCESS_SD = (0.5, 0.6, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7)
_COLLAPSE_SD = (0.5, 0.9, 1.4, 1.9, 2.5, 3.0, 3.5, 4.0)

_LEAN = {
    Activity.SQUAT: (0.0, 5.0, 9.0, 13.0, 18.0, 22.0, 27.0, 31.0),
    Activity.SINGLE_LEG_SQUAT: (0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 33.0, 35.0),
    Activity.STEP_DOWN: (0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 33.0, 35.0),
    Activity.STEP_UP: (0.0, 4.0, 8.0, 12.0, 16.0, 19.0, 20.0, 20.0),
    Activity.LUNGE: (0.0, 0.0, 0.0, 4.0, 8.0, 12.0, 15.0, 17.0),
    Activity.SIT_TO_STAND: (0.0, 5.0, 9.0, 11.0, 11.0, 10.0, 7.0, 5.0),
    Activity.STAIR_ASCENT: (0.0, 6.0, 9.0, 11.0, 10.0, 10.0, 10.0, 10.0),
    Activity.STAIR_DESCENT: (0.0, 10.0, 18.0, 27.0, 36.0, 36.0, 36.0, 36.0),
}
"""Forward lean of the loaded shank (deg) at these flexions."""


def population_reference() -> CleanReference:
    """The clean curves of every activity. Where the loaded shank does not lean to speak of, they are zero."""
    curves = {activity: _curve(lean) for activity, lean in _LEAN.items()}
    curves[Activity.OTHER] = _curve((0.0,) * len(_FLEXION))
    return CleanReference(MappingProxyType(curves))


def _curve(lean: tuple[float, ...]) -> CleanCurve:
    turned_out = tuple(-_tilt(turn, forward) for turn, forward in zip(_ROTATION, lean, strict=True))
    return CleanCurve(_FLEXION, (0.0,) * len(_FLEXION), turned_out, _EXCESS_SD, _COLLAPSE_SD)


def _tilt(rotation_deg: float, lean_deg: float) -> float:
    """Medial tilt (deg) of the mediolateral axis of a shank that leans forward and turned by rotation_deg about it."""
    return degrees(asin(sin(radians(rotation_deg)) * sin(radians(lean_deg))))
