"""What a step or a repetition was, told when it is over.

Physical features decide, no learned model. A stride is told by the knee at contact (level 0 to 12 deg, stairs up 45 to
75), by the knee at toe-off (stairs down more than 65), and by how high the ankle climbed: the vertical acceleration
integrated twice from one foot-flat to the next, where the foot stands still and the velocity is known. A bend is told
by how far thigh and shank lean at its deepest point: squats lean the shank, a chair and a deadlift do not, a knee that
bends under a still thigh is in the air or, where the leg sinks, the rear one of a lunge. Whatever fits nothing is
`other`, never the nearest. Ranges: biomechanics notes, sections 3.4, 3.5 and 5; the other leg is not known, so that a
step-down and a single-leg squat may be one and the same to the sensors of the leg that stands.
"""

from math import isfinite, nan

from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Activity
from pipeline.features import BendShape, StrideShape
from pipeline.sets import EXERCISES
from pipeline.steps import GAIT, Unit, UnitKind


def classify_stride(shape: StrideShape, p: ActivityParameters) -> Activity | None:
    """What a stride was; None if it is no step at all."""
    gone_back = shape.knee_given_back > p.lunge_drop_rad
    came = shape.knee_stance_peak - shape.knee_at_contact > p.lunge_drop_rad
    if shape.knee_stance_peak > p.lunge_knee_rad and gone_back and came and shape.seconds > p.lunge_shortest_s:
        return Activity.LUNGE if shape.held_s < p.kneel_s else None
    if not shape.forward:
        bent = shape.knee_at_contact > p.step_up_knee_rad and shape.knee_at_toe_off > p.step_up_knee_rad
        return Activity.STEP_UP if bent and shape.knee_stance_low < p.step_up_straight_rad else None
    if shape.seconds > p.gait_longest_s:
        return None
    if shape.thigh_range > p.most_thigh_rad or shape.thigh_rearmost > p.rearmost_thigh_rad:
        return Activity.OTHER
    # No stride climbs more than two rises; what seems to was integrated over a foot that did not stand still.
    known = isfinite(shape.climb_m) and abs(shape.climb_m) < p.most_climb_m
    climb, weight = (shape.climb_m, 1.0) if known else (0.0, 0.0)
    # Half from the angle itself, half from its change within the stance, which a misplaced zero leaves as it is.
    extends = shape.knee_at_contact - shape.knee_stance_low
    bends = shape.knee_at_toe_off - shape.knee_at_contact
    up = (0.5 * (shape.knee_at_contact + extends) - p.up_knee_rad) / p.knee_scale_rad
    up += weight * _limited((climb - p.up_climb_m) / p.climb_scale_m)
    # Up a slope the body passes over the foot and leaves the thigh far behind; up stairs the next step is in the way.
    up -= max(0.0, _limited((p.up_rearmost_rad - shape.thigh_rearmost) / p.up_rearmost_scale_rad))
    down = (0.5 * (shape.knee_at_toe_off + bends) - p.down_knee_rad) / p.knee_scale_rad
    down += weight * _limited((-climb - p.down_climb_m) / p.climb_scale_m)
    onto = shape.thigh_at_contact > p.up_thigh_rad and shape.knee_stance_low < p.up_straight_rad
    if up > max(down, 0.0) and onto:
        return Activity.STAIR_ASCENT
    passes = shape.thigh_at_contact - shape.thigh_rearmost
    if shape.still_s > (p.stands_s if passes > p.beside_rad else p.beside_stands_s):
        # Not a step but two of them with a rest between.
        return None
    # A stiff leg that is let down a step's height: on a slope the body would pass over the foot.
    lowered = climb < -p.lowered_m and passes < p.lowered_rad
    if down > 0.0 or lowered:
        return Activity.STAIR_DESCENT
    # Turning on the spot swings the thigh as little as a stiff leg's step, but does not go straight on.
    least = p.turning_thigh_rad if shape.turned > p.turned_rad else p.gait_thigh_rad
    walks = shape.thigh_range > least and abs(climb) < p.level_climb_m
    return Activity.WALKING if walks else Activity.OTHER


def classify_bend(shape: BendShape, p: ActivityParameters) -> Activity | None:
    """What a bend was; None if it is no repetition of a kind that is known."""
    lifted = abs(shape.rises_m) > p.box_m + p.box_m_s2 * shape.seconds**2 and shape.seconds < p.lift_longest_s
    lifted = lifted and shape.depth > p.squat_depth_rad and shape.shank > p.foot_flat_rad
    if shape.seconds < (p.lift_shortest_s if lifted else p.bend_shortest_s):
        return None
    share = shape.thigh_change / shape.depth if shape.depth > 0.0 else nan
    # A foot that came down ahead of the body, whether its step was seen or not.
    ahead = shape.thigh_before > p.ahead_thigh_rad and shape.shank_before > p.ahead_shank_rad
    if shape.stepped or ahead:
        deep = shape.depth > p.squat_depth_rad and shape.thigh > p.still_thigh_rad
        return Activity.LUNGE if deep and shape.shank > p.foot_flat_rad and shape.held_s < p.kneel_s else None
    # In the deepest squats an ankle yields that much too, under a thigh that lies far down.
    if shape.shank < p.foot_flat_rad and not (shape.thigh > p.squat_thigh_rad and shape.sinks_m > 0.0):
        rear = shape.thigh < p.still_thigh_rad and shape.held_s < p.kneel_s
        behind = shape.thigh_before < p.rear_thigh_rad and shape.shank_before < p.rear_shank_rad
        behind = behind or shape.thigh_rearmost < p.rearmost_lunge_rad
        kneels = behind and shape.shank < p.rear_lowest_rad
        sinks = shape.sinks_m > p.rear_sinks_m and shape.depth > p.rear_depth_rad
        return Activity.LUNGE if rear and (sinks or (kneels and shape.depth > p.rear_least_rad)) else None
    if lifted:
        return Activity.STEP_UP if 0.35 < share < p.chair_share else None
    if shape.sinks_m < -p.free_foot_m - p.free_foot_m_s2 * shape.seconds**2:
        # The knee was lifted: a shank over a planted foot can only sink.
        return None
    # No squat is as shallow as a hinge may be, so that there a lesser share tells.
    hinges = p.hinge_share if shape.depth < p.squat_depth_rad else p.deadlift_share
    if share > hinges and p.deadlift_least_rad < shape.depth < p.deadlift_most_rad:
        return Activity.DEADLIFT
    if shape.depth < p.squat_depth_rad:
        return None
    if share + p.rests_share_s * max(0.0, shape.held_s - 1.0) > p.chair_share:
        if shape.depth > p.chair_depth_rad:
            return Activity.SIT_TO_STAND
        return Activity.DEADLIFT if share > p.hinge_share else Activity.SQUAT
    if share < 0.35:
        return None
    if not one_legged(shape.lean, share, p):
        return Activity.SQUAT
    # A step-down is a single-leg squat on a box: what tells it from one leg's sensors is that the body comes over the
    # leg for each repetition. A leg that does not lean at all leaves it open; then it is called by the wider name.
    comes_over = shape.lean > p.one_leg_lean_rad and shape.lean_before < p.stays_lean_share * shape.lean
    return Activity.STEP_DOWN if comes_over else Activity.SINGLE_LEG_SQUAT


def one_legged(lean: float, share: float, p: ActivityParameters) -> bool:
    """Whether a leg that bends carries the body alone: it leans inward under it, and its shank leans forward more, for
    the same knee, than those of a squat on both legs."""
    leans = (lean - p.one_leg_lean_rad) / p.one_leg_lean_scale_rad
    return _limited(leans) + _limited((p.one_leg_share - share) / p.one_leg_share_scale) > 0.0


def compatible(activity: Activity, unit: Unit) -> bool:
    """Whether a unit can be a step or repetition of an activity that a person set by hand."""
    if unit.kind is UnitKind.STRIDE:
        return activity in GAIT or activity in {Activity.LUNGE, Activity.STEP_UP, Activity.OTHER}
    if unit.kind is UnitKind.BEND:
        return activity in EXERCISES or activity is Activity.SIT_TO_STAND
    return activity is Activity.SIT_TO_STAND


def _limited(value: float) -> float:
    return min(2.0, max(-2.0, value))
