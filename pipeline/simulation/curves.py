"""Normative curves of the locomotion cycle, foot contact to next contact, degrees.

Level walking: OpenSim tutorial models' normal gait (knee_biomechanics reference, section 3.3). Stairs: key points of
section 3.4 (after Riener 2002, Protopapadaki 2007), filled in so that the body rises and falls by a real stair's rise.
Toe-off of all curves lies at their own `toe_off`; `warp` moves it.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Activity, Floats
from pipeline.simulation.shapes import Cycle, ramp

_AT = tuple(k / 20.0 for k in range(20))
_WALK_KNEE = (
    *(3.9, 10.9, 16.4, 16.6, 13.9, 10.2, 6.6, 3.8, 2.4, 3.5),
    *(8.2, 17.7, 32.7, 48.9, 57.8, 56.2, 47.0, 31.8, 14.4, 3.3),
)
_WALK_THIGH = (
    *(22.7, 22.3, 20.4, 15.9, 10.2, 4.0, -1.9, -7.5, -12.6, -16.5),
    *(-18.8, -17.9, -12.2, -2.7, 6.8, 14.2, 19.6, 22.3, 22.9, 22.6),
)
_UP_AT = (0.0, 0.08, 0.17, 0.27, 0.37, 0.47, 0.55, 0.62, 0.70, 0.78, 0.84, 0.90)
_UP_KNEE = (60, 57, 50, 36, 20, 10, 12, 27, 68, 93, 90, 77)
_UP_THIGH = (52, 47, 38, 24, 11, 2, -3, -1, 25, 52, 61, 63)
_DOWN_AT = (0.0, 0.08, 0.17, 0.27, 0.37, 0.45, 0.52, 0.59, 0.66, 0.71, 0.78, 0.84, 0.90, 0.95)
_DOWN_KNEE = (10, 17, 25, 28, 35, 46, 60, 77, 88, 89, 72, 48, 25, 12)
_DOWN_THIGH = (18, 14, 12, 9, 8, 9, 13, 18, 23, 26, 30, 31, 27, 22)


@dataclass(frozen=True, slots=True)
class Locomotion:
    """One way of going. Curves give degrees over the phase. cycle_s: of a usual person (walking: from the cadence).

    strike_deg: pitch of the foot at contact (- heel first, + forefoot first); lift_deg: slow rise of the heel beginning
    at lift_from; push_deg: further rise around toe-off. hand_over: (from, to), fractions of the cycle about a contact
    within which the body goes over to the new foot. shock: strength of the contact.
    """

    activity: Activity
    knee: Cycle
    thigh: Cycle
    toe_off: float
    cycle_s: float
    strike_deg: float
    lift_deg: float
    lift_from: float
    push_deg: float
    hand_over: tuple[float, float]
    shock: float


WALK = Locomotion(
    Activity.WALKING,
    Cycle(_AT, _WALK_KNEE),
    Cycle(_AT, _WALK_THIGH),
    toe_off=0.615,
    cycle_s=1.09,
    strike_deg=-14.0,
    lift_deg=12.0,
    lift_from=0.30,
    push_deg=50.0,
    hand_over=(-0.04, 0.11),
    shock=1.0,
)

UP = Locomotion(
    Activity.STAIR_ASCENT,
    Cycle(_UP_AT, _UP_KNEE),
    Cycle(_UP_AT, _UP_THIGH),
    toe_off=0.62,
    cycle_s=1.4,
    strike_deg=6.0,
    lift_deg=10.0,
    lift_from=0.38,
    push_deg=30.0,
    hand_over=(-0.07, 0.07),
    shock=0.45,
)

DOWN = Locomotion(
    Activity.STAIR_DESCENT,
    Cycle(_DOWN_AT, _DOWN_KNEE),
    Cycle(_DOWN_AT, _DOWN_THIGH),
    toe_off=0.66,
    cycle_s=1.2,
    strike_deg=22.0,
    lift_deg=8.0,
    lift_from=0.40,
    push_deg=35.0,
    hand_over=(-0.05, 0.12),
    shock=0.8,
)

STYLES = {"walk": WALK, "up": UP, "down": DOWN, "turn": WALK}


def warp(phase: Floats, toe_off: float, wanted: float) -> Floats:
    """Phases stretched so that what the curves do at `toe_off` happens at `wanted`; whole cycles stay."""
    size = (wanted - toe_off) / (0.5 * (1.0 - np.cos(2.0 * np.pi * wanted)))
    warped: Floats = phase - size * 0.5 * (1.0 - np.cos(2.0 * np.pi * phase))
    return warped


def foot_pitch(style: Locomotion, phase: Floats, toe_off: float) -> Floats:
    """Degrees over the cycle: down from the strike, flat, heel rising slowly, then rolling off over the ball; the swing
    only leads back."""
    p = np.mod(phase + 0.06, 1.0) - 0.06
    down = style.strike_deg * (1.0 - ramp(p, -0.05, 0.13))
    lift = style.lift_deg * ramp(p, style.lift_from, toe_off - 0.04)
    off = style.push_deg * ramp(p, toe_off - 0.15, toe_off + 0.11)
    back = ramp(p, toe_off + 0.12, 0.90)
    strike = style.strike_deg * ramp(p, 0.80, 0.94)
    pitch: Floats = down + (lift + off) * (1.0 - back) + strike
    return pitch
