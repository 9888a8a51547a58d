"""What makes a bend of the knee a repetition, in numbers: pipeline/repetitions.py says how they are used."""

from dataclasses import dataclass
from math import radians


@dataclass(frozen=True, slots=True)
class BendParameters:
    """Angles in rad. Chosen from the exercise table of the biomechanics notes (section 3.5) and simulated exercises.

    leave_rad: flexion above the low that begins a bend; near_rad: what counts as back at the low, or near_share of the
    depth if that is more. turned_rad, turned_share: a bend that gave back this share and rises again by this is over;
    pause_s: so is one that gave it back and rests.
    chair_*: thigh above, flexion above, changes within still_s below still_rad, and the way down no shorter than
    lowered_s.
    rests_s, rests_lean_rad: the longer it rests the further forward the shank may lean (a squat is held for a second or
    two, a low seat for longer); end_rest_s: how long it must have rested at the end of a recording.
    rise_rad: the thigh must come down from the seat by this much; stood_rad: flexion of standing.
    swing_margin_s: the deepest point may lie this long after toe-off and still be loaded. rear_shank_rad,
    rear_thigh_rad: a shank that lies further back under a thigh no further forward kneels, whatever the foot does;
    deep_shank_rad, deep_thigh_rad: so does this one (down stairs a swinging shank comes to lie 66 deg back).
    contact_window_s, contact_thigh_rad: a contact this long before the bend, with the thigh this far forward, belongs
    to it if the thigh stays reaching_on_rad forward until then; with the thigh beyond far_thigh_rad no chair follows.
    await_s: wait for the foot to leave again, or the knee to bend again on the way back, in a rear leg (whose bend
    lasts longer than kneels_s: a swing does not) for way_back_s at most.
    longest_s: bends that last longer are no repetitions.
    """

    leave_rad: float = radians(13.0)
    near_rad: float = radians(2.5)
    near_share: float = 0.05
    turned_rad: float = radians(10.0)
    turned_share: float = 0.5
    pause_s: float = 0.25
    chair_thigh_rad: float = radians(58.0)
    chair_flexion_rad: float = radians(55.0)
    still_s: float = 0.25
    still_rad: float = radians(2.5)
    lowered_s: float = 0.45
    end_rest_s: float = 0.5
    rests_s: tuple[float, ...] = (0.0, 0.29, 2.0, 4.0)
    rests_lean_rad: tuple[float, ...] = (radians(-6.0), radians(-11.0), radians(-18.0), radians(-36.0))
    rise_rad: float = radians(22.0)
    stood_rad: float = radians(22.0)
    swing_margin_s: float = 0.1
    rear_shank_rad: float = radians(-62.0)
    rear_thigh_rad: float = radians(12.0)
    deep_shank_rad: float = radians(-80.0)
    deep_thigh_rad: float = radians(22.0)
    contact_window_s: float = 0.8
    contact_thigh_rad: float = radians(17.0)
    far_thigh_rad: float = radians(24.0)
    reaching_on_rad: float = radians(15.0)
    await_s: float = 0.28
    way_back_s: float = 1.0
    kneels_s: float = 0.7
    longest_s: float = 12.0
