"""What is being done: of each step and repetition when it is over, and of each row at once, provisionally.

Physical features decide, no learned model. A stride is told by the knee at contact (level 0 to 12 deg, stairs up 45 to
75), by the knee at toe-off (stairs down more than 65), and by how high the ankle climbed: the vertical acceleration
integrated twice from one foot-flat to the next, where the foot stands still and the velocity is known. A bend is told
by how far thigh and shank lean at its deepest point: squats lean the shank, a chair and a deadlift do not, a knee that
bends under a still thigh is in the air or, where the leg sinks, the rear one of a lunge. Whatever fits nothing is
`other`, never the nearest. Ranges: biomechanics notes, sections 3.4, 3.5 and 5; the other leg is not known, so that a
step-down and a single-leg squat may be one and the same to the sensors of the leg that stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, radians

from pipeline.blocks import Activity
from pipeline.features import BendShape, StrideShape
from pipeline.phases import FootEvent, FootEventKind, Phase
from pipeline.repetitions import Posture
from pipeline.rows import RaisedEvent
from pipeline.sets import EXERCISES
from pipeline.steps import GAIT, Unit, UnitKind


@dataclass(frozen=True, slots=True)
class ActivityParameters:
    """Angles in rad, lengths in m.

    up_*: knee at contact and climb at which going up and walking are equally likely, and the scale of each; down_*: the
    same with the knee at toe-off and the loss of height. Both knees are means of the angle and its change in stance.
    up_thigh_rad, up_straight_rad: a foot comes down onto a higher step under a thigh that is raised by more, and the
    knee straightens over it to less (walking backwards does neither). rearmost_thigh_rad: in no step does the thigh
    stay further in front throughout, as it does on a bicycle.
    gait_thigh_rad, most_thigh_rad: range of the thigh in a step that goes on (stairs take 65 deg); gait_longest_s:
    longest stride. level_climb_m: a stride that climbs more, without a bent knee, is `other`; a climb beyond
    most_climb_m is not believed. ankle_m: sensor to ankle. flat_share: of a stride, from contact to when the foot
    stands flat.
    lunge_*, step_up_*, squat_*, deadlift_*, chair_*, hinge_share, rear_*, one_leg_*: what tells exercises apart.
    kneel_s: a lunge held longer is kneeling. lunge_lead_s, leg_back_rad: a rear leg's lunge begins when the thigh leans
    back by more, at most so long before its knee bends. stays_lean_share: who leans as much before a bend stood on one
    leg already. free_foot_m: a shank that is higher by more at the deepest point has its foot in the air.
    foot_lift_m: a foot that rose by more before a rest is on a box, not under a chair; quiet_*: how still the shank
    must be before, for how long, until how long before the bend, for that to be told.
    bend_shortest_s: of a repetition; lift_shortest_s: of a foot put up. before_s: how far before a bend the leg's lean
    is looked at.
    gait_gap_s: provisionally in gait so long after a contact; again_s: what was done so recently is guessed again;
    standing_rad: knee and thigh of standing; bend_longest_s: bends that last longer are `other`.
    """

    up_knee_rad: float = radians(29.0)
    down_knee_rad: float = radians(56.0)
    knee_scale_rad: float = radians(10.0)
    up_climb_m: float = 0.13
    up_thigh_rad: float = radians(16.0)
    up_straight_rad: float = radians(22.0)
    rearmost_thigh_rad: float = radians(16.0)
    climb_scale_m: float = 0.08
    level_climb_m: float = 0.22
    most_climb_m: float = 0.6
    gait_thigh_rad: float = radians(17.0)
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
    squat_depth_rad: float = radians(36.0)
    deadlift_least_rad: float = radians(14.0)
    deadlift_most_rad: float = radians(52.0)
    deadlift_share: float = 0.97
    chair_share: float = 0.86
    hinge_share: float = 0.9
    chair_depth_rad: float = radians(68.0)
    foot_flat_rad: float = radians(-46.0)
    still_thigh_rad: float = radians(34.0)
    rear_depth_rad: float = radians(50.0)
    rear_sinks_m: float = 0.03
    rear_thigh_rad: float = radians(-8.0)
    rear_shank_rad: float = radians(-22.0)
    rear_lowest_rad: float = radians(-62.0)
    lunge_lead_s: float = 1.8
    leg_back_rad: float = radians(-4.0)
    one_leg_lean_rad: float = radians(2.0)
    one_leg_lean_scale_rad: float = radians(1.5)
    one_leg_share: float = 0.655
    one_leg_share_scale: float = 0.045
    stays_lean_share: float = 0.3
    box_m: float = 0.05
    free_foot_m: float = 0.07
    foot_lift_m: float = 0.08
    quiet_s: float = 0.1
    quiet_lead_s: float = 0.25
    quiet_rad_s: float = 0.7
    quiet_m_s2: float = 4.0
    before_s: float = 1.0
    gait_gap_s: float = 1.3
    again_s: float = 10.0
    standing_rad: float = radians(24.0)
    bend_longest_s: float = 5.0


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
    down = (0.5 * (shape.knee_at_toe_off + bends) - p.down_knee_rad) / p.knee_scale_rad
    down += weight * _limited((-climb - p.up_climb_m) / p.climb_scale_m)
    onto = shape.thigh_at_contact > p.up_thigh_rad and shape.knee_stance_low < p.up_straight_rad
    if up > max(down, 0.0) and onto:
        return Activity.STAIR_ASCENT
    # A stiff leg that is let down a step's height: on a slope the thigh would go behind the body.
    lowered = climb < -p.level_climb_m and shape.thigh_rearmost > 0.0
    if down > 0.0 or lowered:
        return Activity.STAIR_DESCENT
    walks = shape.thigh_range > p.gait_thigh_rad and abs(climb) < p.level_climb_m
    return Activity.WALKING if walks else Activity.OTHER


def classify_bend(shape: BendShape, p: ActivityParameters) -> Activity | None:
    """What a bend was; None if it is no repetition of a kind that is known."""
    lifted = abs(shape.rises_m) > p.box_m and shape.depth > p.squat_depth_rad and shape.shank > p.foot_flat_rad
    if shape.seconds < (p.lift_shortest_s if lifted else p.bend_shortest_s):
        return None
    share = shape.thigh_change / shape.depth if shape.depth > 0.0 else nan
    if shape.stepped:
        deep = shape.depth > p.squat_depth_rad and shape.thigh > p.still_thigh_rad
        return Activity.LUNGE if deep and shape.shank > p.foot_flat_rad and shape.held_s < p.kneel_s else None
    if shape.shank < p.foot_flat_rad:
        rear = shape.thigh < p.still_thigh_rad and shape.depth > p.rear_depth_rad and shape.held_s < p.kneel_s
        behind = shape.thigh_before < p.rear_thigh_rad and shape.shank_before < p.rear_shank_rad
        kneels = behind and shape.shank < p.rear_lowest_rad
        return Activity.LUNGE if rear and (kneels or shape.sinks_m > p.rear_sinks_m) else None
    if share > p.deadlift_share and p.deadlift_least_rad < shape.depth < p.deadlift_most_rad:
        return Activity.DEADLIFT
    if shape.depth < p.squat_depth_rad:
        return None
    if share > p.chair_share:
        if shape.depth > p.chair_depth_rad:
            return Activity.SIT_TO_STAND
        return Activity.DEADLIFT if share > p.hinge_share else Activity.SQUAT
    if share < 0.35:
        return None
    if lifted:
        return Activity.STEP_UP
    if shape.sinks_m < -p.free_foot_m:
        # The knee was lifted: a shank over a planted foot can only sink.
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


@dataclass(frozen=True, slots=True)
class Final:
    """A unit's final activity, known from a row on."""

    activity: Activity
    confirmed: int


class Provisional:
    """The activity of each row as far as it can be told at that row.

    In gait it is the kind of the last stride, corrected by the knee at each contact and toe-off; in a bend it is told
    by how thigh and knee share it; what was done a moment ago decides between kinds that look alike so far.
    """

    def __init__(self, rate_hz: float, parameters: ActivityParameters | None = None) -> None:
        self.parameters = parameters or ActivityParameters()
        self._rate_hz = rate_hz
        self._gait = Activity.WALKING
        self._contact = -inf
        self._contact_knee = 0.0
        self._stepping = False
        self._last = Activity.OTHER
        self._last_row = -inf
        self._code = Activity.OTHER
        self._bent_since = 0

    def update(
        self,
        start: int,
        flexion: Sequence[float],
        thigh: Sequence[float],
        lean: Sequence[float],
        known: Sequence[bool],
        phases: Sequence[int],
        postures: Sequence[int],
        events: Sequence[FootEvent],
        finals: Sequence[Final],
    ) -> list[int]:
        """Codes of `Activity`, n rows from grid row `start`.

        flexion, thigh (inclination), lean (whole leg inward): rad; events and finals: those confirmed in these rows.
        """
        p = self.parameters
        codes: list[int] = []
        feet, ends = iter(events), iter(finals)
        foot, final = next(feet, None), next(ends, None)
        row = start - 1
        gait_rows = p.gait_gap_s * self._rate_hz
        for bent, raised, leant, is_known, phase, posture in zip(
            flexion, thigh, lean, known, phases, postures, strict=True
        ):
            row += 1
            while foot is not None and foot.confirmed <= row:
                self._foot(foot, bent, raised, row)
                foot = next(feet, None)
            while final is not None and final.confirmed <= row:
                self._close(final, row)
                final = next(ends, None)
            if not is_known:
                code = Activity.OTHER
            elif posture == Posture.SEATED:
                code = Activity.SITTING
            elif posture == Posture.RISING:
                code = Activity.SIT_TO_STAND
            elif (phase == Phase.SWING and self._stepping) or row - self._contact < gait_rows:
                code = self._in_gait(row, bent, raised, phase)
            elif posture == Posture.BENDING:
                code = self._in_bend(row, bent, raised, leant)
            elif bent < p.standing_rad and -p.standing_rad < raised < p.standing_rad:
                code = Activity.STANDING
                self._bent_since = row
            else:
                code = Activity.OTHER
            self._code = code
            codes.append(int(code))
        return codes

    def _foot(self, event: FootEvent, bent: float, raised: float, row: int) -> None:
        p = self.parameters
        if event.kind is FootEventKind.CONTACT:
            self._stepping = False
            self._contact = event.position if event.forward else -inf
            self._contact_knee = bent
            if bent > p.up_knee_rad + 0.5 * p.knee_scale_rad and raised > p.up_thigh_rad:
                self._gait = Activity.STEP_UP if self._gait is Activity.STEP_UP else Activity.STAIR_ASCENT
            elif self._gait is Activity.STAIR_ASCENT and bent < p.up_knee_rad - 0.5 * p.knee_scale_rad:
                self._gait = Activity.WALKING
        elif event.kind is FootEventKind.TOE_OFF:
            self._stepping = event.forward
            if row - self._contact > 2.0 * self._rate_hz and event.forward:
                again = self._recently(row) and self._last in {Activity.LUNGE, Activity.STEP_UP}
                self._gait = self._last if again else Activity.WALKING
            elif bent > p.down_knee_rad + p.knee_scale_rad and self._contact_knee < p.up_knee_rad:
                self._gait = Activity.STAIR_DESCENT
            elif self._gait is Activity.STAIR_DESCENT and bent < p.down_knee_rad - p.knee_scale_rad:
                self._gait = Activity.WALKING
        else:
            self._stepping = False
            if event.kind is FootEventKind.LOST:
                self._contact = -inf

    def _close(self, final: Final, row: int) -> None:
        self._last, self._last_row = final.activity, row
        if final.activity in GAIT or final.activity is Activity.OTHER:
            self._gait = final.activity

    def _recently(self, row: int) -> bool:
        return row - self._last_row < self.parameters.again_s * self._rate_hz

    def _in_gait(self, row: int, bent: float, raised: float, phase: int) -> Activity:
        p = self.parameters
        self._bent_since = row
        if phase == Phase.LOADED and bent > p.lunge_knee_rad - 0.15 and bent > self._contact_knee + 0.2:
            if raised > p.still_thigh_rad + 0.1:
                return Activity.LUNGE
            # A walking knee is bent by some 50 deg before its swing is noticed, a knee going up by more.
            straight = self._contact_knee < p.up_knee_rad
            if straight and raised < p.still_thigh_rad and bent > p.down_knee_rad + 0.8 * p.knee_scale_rad:
                self._gait = Activity.STAIR_DESCENT
        return self._gait

    def _in_bend(self, row: int, bent: float, raised: float, leant: float) -> Activity:
        p = self.parameters
        if row - self._bent_since > p.bend_longest_s * self._rate_hz or raised - bent < p.foot_flat_rad:
            return Activity.OTHER
        if self._code is Activity.LUNGE:
            return Activity.LUNGE
        share = raised / bent if bent > 0.0 else 0.0
        if share > p.deadlift_share and bent < p.deadlift_most_rad:
            return Activity.DEADLIFT
        if share < 0.35:
            return Activity.OTHER
        if share > p.chair_share and bent > p.squat_depth_rad:
            return Activity.SIT_TO_STAND
        alike = {Activity.SQUAT, Activity.SINGLE_LEG_SQUAT, Activity.STEP_DOWN, Activity.STEP_UP}
        if self._recently(row) and self._last in alike:
            return self._last
        return Activity.SINGLE_LEG_SQUAT if one_legged(leant, share, p) else Activity.SQUAT


class ActivityChanges:
    """Events of the rows' activity: a new one that lasted settle_s."""

    def __init__(self, side: str, rate_hz: float, settle_s: float) -> None:
        self._side = side
        self._rate_hz = rate_hz
        self._settle = max(1, round(settle_s * rate_hz))
        self._said = -1
        self._now = -1
        self._since = 0

    def update(self, start: int, codes: Sequence[int]) -> list[tuple[int, RaisedEvent]]:
        """The events of these rows, each with the row at which it is raised."""
        events = []
        now, since, said, settle = self._now, self._since, self._said, self._settle
        for row, code in enumerate(codes, start):
            if code != now:
                now, since = code, row
            elif code != said and row - since >= settle:
                said = code
                values: dict[str, object] = {"side": self._side, "activity": Activity(code).label}
                values["start_s"] = round(since / self._rate_hz, 4)
                events.append((row, RaisedEvent(row / self._rate_hz, "activity", values)))
        self._now, self._since, self._said = now, since, said
        return events


def _limited(value: float) -> float:
    return min(2.0, max(-2.0, value))
