"""What tells steps and repetitions apart, in numbers.

Ranges: biomechanics notes, sections 3.4, 3.5 and 5. Chosen on simulated people and on three people of public treadmill
walking; pipeline/activity.py says how they are used.
"""

from dataclasses import dataclass
from math import radians


@dataclass(frozen=True, slots=True)
class ActivityParameters:
    """Angles in rad, lengths in m.

    up_*: knee at contact and climb at which going up and walking are equally likely, and the scale of each; down_*: the
    same with the knee at toe-off and the loss of height. Both knees are means of the angle and its change in stance.
    up_thigh_rad, up_straight_rad: a foot comes down onto a higher step under a thigh that is raised by more, and the
    knee straightens over it to less (walking backwards does neither); up_rearmost_*: up stairs the thigh
    does not go further back. lowered_m: height lost, down stairs, under a thigh that goes back by less than lowered_rad
    after its contact. stands_s: a foot that stands longer without its shank turning ended one walk and began another;
    beside_*: so does, sooner, one that was put down beside the other, from where its thigh hardly goes back.
    rearmost_thigh_rad: in no step does the thigh stay further in front throughout, as it does on a bicycle.
    gait_thigh_rad, most_thigh_rad: range of the thigh in a step that goes on (stairs take 65 deg), turning_thigh_rad in
    one that turns by more than turned_rad; gait_longest_s: longest stride.
    level_climb_m: a stride that climbs more, without a bent knee, is `other`; a climb beyond
    most_climb_m is not believed. ankle_m: sensor to ankle. flat_share: of a stride, from contact to when the foot
    stands flat.
    lunge_*, step_up_*, squat_*, deadlift_*, chair_*, hinge_share, rear_*, rearmost_lunge_rad, ahead_*, one_leg_*: what
    tells exercises apart.
    rests_share_s: thigh share that each second of rest beyond the first counts for.
    kneel_s: a lunge held longer is kneeling. lunge_lead_s, leg_back_rad: a rear leg's lunge begins when the thigh leans
    back by more, at most so long before its knee bends. stays_lean_share: who leans as much before a bend stood on one
    leg already. free_foot_*: a shank that is higher by more at the deepest point has its foot in the air; the second
    allows for the drift of a slow bend.
    foot_lift_m: a foot that rose by more before a rest is on a box, not under a chair; quiet_*: how still the shank
    must be before, for how long, until how long before the bend, for that to be told.
    bend_shortest_s: of a repetition; lift_*_s: of a foot put up. before_s: how far before a bend the leg's lean
    is looked at.
    gait_gap_s: provisionally in gait so long after a contact; again_s: what was done so recently is guessed again;
    standing_rad: knee and thigh of standing; bend_longest_s: bends that last longer are `other`.
    """

    up_knee_rad: float = radians(29.0)
    down_knee_rad: float = radians(56.0)
    knee_scale_rad: float = radians(10.0)
    up_climb_m: float = 0.13
    down_climb_m: float = 0.1
    up_thigh_rad: float = radians(16.0)
    up_straight_rad: float = radians(22.0)
    up_rearmost_rad: float = radians(-12.0)
    up_rearmost_scale_rad: float = radians(7.0)
    lowered_m: float = 0.14
    lowered_rad: float = radians(15.0)
    stands_s: float = 0.6
    beside_rad: float = radians(9.0)
    beside_stands_s: float = 0.3
    rearmost_thigh_rad: float = radians(16.0)
    climb_scale_m: float = 0.08
    level_climb_m: float = 0.29
    most_climb_m: float = 0.6
    gait_thigh_rad: float = radians(14.5)
    turning_thigh_rad: float = radians(22.0)
    turned_rad: float = radians(30.0)
    most_thigh_rad: float = radians(92.0)
    gait_longest_s: float = 2.6
    ankle_m: float = 0.26
    flat_share: float = 0.25
    lunge_knee_rad: float = radians(52.0)
    lunge_drop_rad: float = radians(18.0)
    lunge_shortest_s: float = 1.1
    step_up_knee_rad: float = radians(36.0)
    step_up_straight_rad: float = radians(26.0)
    kneel_s: float = 2.2
    bend_shortest_s: float = 0.8
    lift_shortest_s: float = 0.45
    lift_longest_s: float = 3.0
    squat_depth_rad: float = radians(34.0)
    deadlift_least_rad: float = radians(13.0)
    deadlift_most_rad: float = radians(52.0)
    deadlift_share: float = 0.97
    chair_share: float = 0.86
    rests_share_s: float = 0.085
    hinge_share: float = 0.9
    chair_depth_rad: float = radians(68.0)
    foot_flat_rad: float = radians(-46.0)
    squat_thigh_rad: float = radians(60.0)
    still_thigh_rad: float = radians(34.0)
    rear_depth_rad: float = radians(50.0)
    rear_least_rad: float = radians(36.0)
    rear_sinks_m: float = 0.03
    rear_thigh_rad: float = radians(-8.0)
    rear_shank_rad: float = radians(-22.0)
    rearmost_lunge_rad: float = radians(-18.0)
    ahead_thigh_rad: float = radians(22.0)
    ahead_shank_rad: float = radians(2.0)
    rear_lowest_rad: float = radians(-62.0)
    lunge_lead_s: float = 1.8
    upright_thigh_rad: float = radians(10.0)
    leg_back_rad: float = radians(-4.0)
    one_leg_lean_rad: float = radians(2.0)
    one_leg_lean_scale_rad: float = radians(1.0)
    one_leg_share: float = 0.665
    one_leg_share_scale: float = 0.05
    stays_lean_share: float = 0.42
    box_m: float = 0.04
    box_m_s2: float = 0.005
    free_foot_m: float = 0.03
    free_foot_m_s2: float = 0.005
    foot_lift_m: float = 0.08
    quiet_s: float = 0.1
    quiet_lead_s: float = 0.25
    quiet_rad_s: float = 0.7
    quiet_m_s2: float = 4.0
    before_s: float = 0.8
    gait_gap_s: float = 1.3
    again_s: float = 10.0
    standing_rad: float = radians(24.0)
    bend_longest_s: float = 5.0
