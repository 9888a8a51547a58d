"""Exercises with the feet staying where they are: squats, deadlifts, single-leg squats, flexions of the knee, chairs.

Peaks and tempi: knee_biomechanics reference, section 3.5, spread over people and repetitions.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.simulation.bouts.standing import fidget
from pipeline.simulation.person import Person
from pipeline.simulation.plan import OTHER_SIDE, Injection, Joint, Plan, Repetition, Stance
from pipeline.simulation.script import Bout


@dataclass(frozen=True, slots=True)
class Tempo:
    """One repetition: down, pause, up, then a rest, in seconds; depth: factor on the angles."""

    start_s: float
    down_s: float
    hold_s: float
    up_s: float
    rest_s: float
    depth: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.down_s + self.hold_s + self.up_s

    def at(self, fraction: float) -> float:
        """Time at a fraction of the repetition."""
        return self.start_s + fraction * (self.end_s - self.start_s)


def tempi(
    person: Person, bout: Bout, rng: np.random.Generator, first_s: float, seconds: float, hold_s: float, rest_s: float
) -> list[Tempo]:
    """The repetitions of a bout: `seconds` each at usual vigour, varied; a sloppy set varies three times as much."""
    gait, manner = person.gait, person.manner
    sd = gait.rep_sd * (3.0 if bout.style == "sloppy" else 1.0)
    found = []
    time = first_s
    for _ in range(int(bout.amount)):
        length = seconds * manner.tempo / (bout.speed * gait.vigour)
        length *= float(np.clip(1.0 + sd * rng.standard_normal(), 0.6, 1.6))
        share = float(rng.uniform(0.48, 0.56)) + manner.skew
        hold = hold_s * manner.hold * float(rng.uniform(0.2, 1.8))
        depth = float(np.clip(1.0 + sd * rng.standard_normal(), 0.65, 1.25)) * (0.55 if bout.style == "shallow" else 1)
        rest = rest_s * float(rng.uniform(0.3, 1.7)) + (float(rng.uniform(0, 1.5)) if rng.uniform() < 0.08 else 0.0)
        found.append(Tempo(time, share * length, hold, (1.0 - share) * length, rest, depth))
        time = found[-1].end_s + rest
    return found


def plan_squats(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Double-leg squats and deadlifts: both feet flat throughout."""
    deadlift = bout.what == "deadlift"
    activity = Activity.DEADLIFT if deadlift else Activity.SQUAT
    manner, sloppy = person.manner, bout.style == "sloppy"
    usual = 98.0 * person.gait.depth, manner.squat_share
    knee, ratio = (manner.hinge_knee_deg, manner.hinge_share) if deadlift else usual
    low = float(rng.uniform(0.0, 12.0)) if sloppy else 0.0
    reps = tempi(person, bout, rng, 0.6, 3.4 if deadlift else 2.8, 0.3, 0.5)
    plan = Plan(reps[-1].end_s + 1.0, Activity.STANDING)
    order = (bout.lead, OTHER_SIDE[bout.lead])
    for k, rep in enumerate(reps):
        for side in order:
            uneven = float(rng.standard_normal()) * 0.008
            deep = min(max(knee * rep.depth, 20.0) * (1.0 + uneven), 118.0)
            thigh = deep * (ratio + 0.02 * float(rng.standard_normal()) * (side is bout.lead))
            if side is bout.lead:
                lead_thigh = thigh
            thigh = lead_thigh * (1.0 + uneven)
            _down_and_up(plan, side, rep, [(Joint.FLEXION, deep - low), (Joint.INCLINATION, thigh - 0.55 * low)])
            if sloppy and side is bout.lead:
                hitch = float(rng.uniform(2.0, 9.0)) * float(rng.uniform() < 0.5)
            if sloppy:
                top = rep.at(0.72), rep.at(0.79), rep.at(0.86)
                plan.swell(side, Joint.FLEXION, *top, hitch)
                plan.swell(side, Joint.INCLINATION, *top, ratio * hitch)
            _loaded(person, plan, side, rep, deep, rng, both=True)
            plan.label(side, rep.start_s, rep.end_s, activity)
            plan.repetitions.append(Repetition(side, activity, rep.start_s, rep.end_s))
            _inject(plan, bout, side, k, rep, activity, rng)
    for side in order:
        # Careless sets never straighten the knees.
        for joint, angle in ((Joint.FLEXION, low), (Joint.INCLINATION, 0.55 * low)):
            plan.move(side, joint, 0.05, 0.55, angle)
            plan.move(side, joint, plan.seconds - 0.8, plan.seconds - 0.1, -angle)
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    plan.locked += [(side, 0.1, plan.seconds - 0.1) for side in order]
    return plan


def plan_single_leg_squats(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """On the lead leg; the other hangs behind."""
    reps = tempi(person, bout, rng, 1.6, 2.8, 0.2, 0.5)
    plan = Plan(reps[-1].end_s + 2.0, Activity.STANDING)
    stance, free = bout.lead, OTHER_SIDE[bout.lead]
    end = reps[-1].end_s
    hang = float(rng.uniform(45.0, 75.0))
    for joint, angle in ((Joint.FLEXION, hang), (Joint.INCLINATION, 0.15 * hang)):
        plan.move(free, joint, 0.6, 1.4, angle)
        plan.move(free, joint, end + 0.2, end + 1.1, -angle)
    aside = person.manner.one_leg_lean_deg
    plan.move(stance, Joint.LEAN, 0.3, 1.1, aside)
    plan.move(stance, Joint.LEAN, end + 0.4, end + 1.3, -aside)
    plan.carry(stance, 0.4, 0.9, end + 0.7, end + 1.2)
    for k, rep in enumerate(reps):
        deep = 70.0 * person.gait.depth * rep.depth
        thigh = deep * float(rng.normal(person.manner.single_share, 0.02))
        _down_and_up(plan, stance, rep, [(Joint.FLEXION, deep), (Joint.INCLINATION, thigh)])
        _loaded(person, plan, stance, rep, deep, rng, both=False)
        plan.swell(stance, Joint.LEAN, rep.start_s, rep.at(0.5), rep.end_s, float(rng.normal(1.5, 1.0)))
        plan.label(stance, rep.start_s, rep.end_s, Activity.SINGLE_LEG_SQUAT)
        plan.repetitions.append(Repetition(stance, Activity.SINGLE_LEG_SQUAT, rep.start_s, rep.end_s, role="stance"))
        _inject(plan, bout, stance, k, rep, Activity.SINGLE_LEG_SQUAT, rng)
    plan.label(free, 0.6, end + 1.1, Activity.OTHER)
    plan.stances.append(Stance(None, 0.0, 0.3, 0.0))
    plan.stances.append(Stance(stance, 1.0, end + 0.6, 0.0))
    plan.stances.append(Stance(None, end + 1.4, plan.seconds, 0.0))
    return plan


def plan_flexions(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Slow flexions of the free (lead) knee, 2 s each, standing on the other leg: heel to buttock, or with the thigh
    lifted more or less, as the person likes."""
    count = int(bout.amount)
    total = 2.0 * count / bout.speed
    each = (total - 1.6) / count
    plan = Plan(total, Activity.STANDING)
    free, stance = bout.lead, OTHER_SIDE[bout.lead]
    lift = float(rng.uniform(-0.02, 0.4))
    for k in range(count):
        start = 0.8 + k * each
        length = each * float(rng.uniform(0.9, 0.98))
        deep = float(rng.uniform(80.0, 98.0))
        rep = Tempo(start, 0.5 * length, 0.06 * length, 0.44 * length, 0.0, 1.0)
        _down_and_up(plan, free, rep, [(Joint.FLEXION, deep), (Joint.INCLINATION, lift * deep)])
        plan.swell(free, Joint.TURN, start, rep.at(0.5), rep.end_s, float(rng.normal(0.0, 2.0)))
        plan.swell(free, Joint.LEAN, start, rep.at(0.5), rep.end_s, float(rng.normal(0.0, 2.0)))
        plan.repetitions.append(Repetition(free, Activity.STANDING, start, rep.end_s, role="free"))
    plan.move(stance, Joint.LEAN, 0.1, 0.8, 3.0)
    plan.move(stance, Joint.LEAN, total - 0.8, total - 0.1, -3.0)
    plan.carry(stance, 0.2, 0.75, total - 0.75, total - 0.2)
    plan.stances.append(Stance(None, 0.0, 0.1, 0.0))
    plan.stances.append(Stance(stance, 0.9, total - 0.9, 0.0))
    plan.stances.append(Stance(None, total - 0.1, total, 0.0))
    return plan


def plan_chair(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Sit down, sit, rise, `amount` times; a `sitting` bout sits once for `amount` seconds."""
    if bout.what == "sitting":
        seats = [float(bout.amount)]
    else:
        seats = [float(rng.uniform(0.5, 2.0)) for _ in range(int(bout.amount))]
    order = (bout.lead, OTHER_SIDE[bout.lead])
    starts, time = [], 0.6
    for seat in seats:
        pace = person.manner.tempo / (bout.speed * person.gait.vigour)
        down, up = (float(v) * pace for v in rng.uniform(1.2, 1.9, 2))
        starts.append((time, time + down, time + down + seat, time + down + seat + up))
        time = starts[-1][3] + float(rng.uniform(0.5, 1.5))
    plan = Plan(time + 0.5, Activity.STANDING)
    seat_knee = person.manner.seat_knee_deg + float(rng.normal(0.0, 3.0))
    seat_thigh = seat_knee - person.manner.seat_lean_deg - float(rng.uniform(-3.0, 3.0))
    for a, b, c, d in starts:
        middle = a + 0.55 * (b - a), c + 0.4 * (d - c)
        lean = float(rng.uniform(8.0, 14.0))
        for side in order:
            uneven = float(rng.normal(0.0, 0.6))
            rep = Tempo(a, b - a, c - b, d - c, 0.0, 1.0)
            _down_and_up(
                plan, side, rep, [(Joint.FLEXION, seat_knee + uneven), (Joint.INCLINATION, seat_thigh + uneven)]
            )
            for start, top, end in ((a, middle[0], b), (c, middle[1], d)):
                plan.swell(side, Joint.FLEXION, start, top, end, lean)
            if c - b > 6.0:
                _on_the_chair(person, plan, side, b + 1.0, c - 1.0, rng)
            plan.label(side, a, d, Activity.SIT_TO_STAND)
            plan.label(side, b, c, Activity.SITTING)
            plan.repetitions.append(Repetition(side, Activity.SIT_TO_STAND, a, b, role="down"))
            plan.repetitions.append(Repetition(side, Activity.SIT_TO_STAND, c, d, role="up"))
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    plan.locked += [(side, 0.1, plan.seconds - 0.1) for side in order]
    return plan


def _on_the_chair(
    person: Person, plan: Plan, side: Side, start_s: float, end_s: float, rng: np.random.Generator
) -> None:
    """Sitting is not sitting still: small swings, and now and then a foot is pushed forward and drawn back."""
    fidget(person, plan, (side,), start_s, end_s, rng, 0.6)
    time = start_s + float(rng.uniform(0.0, 6.0))
    while time < end_s - 4.0:
        rest = float(rng.uniform(1.0, 3.0))
        ahead = float(rng.uniform(6.0, 22.0)) * person.manner.fidget**0.5
        plan.move(side, Joint.FLEXION, time, time + 0.8, -ahead)
        plan.move(side, Joint.FLEXION, time + 0.8 + rest - 0.5, time + 1.1 + rest, ahead)
        time += rest + 2.0 + float(rng.exponential(8.0))


def plan_seated_flexions(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Sit down, sit still, stretch and bend the lead knee slowly `amount` times with the thigh on the seat, sit still,
    rise."""
    count = int(bout.amount)
    down, up = (float(v) / (bout.speed * person.gait.vigour) for v in rng.uniform(1.4, 1.9, 2))
    seated = 0.6 + down
    still = float(rng.uniform(3.0, 4.0))
    each = 2.4 / bout.speed
    rise = seated + still + count * each + 2.0
    plan = Plan(rise + up + 0.6, Activity.STANDING)
    free, stance = bout.lead, OTHER_SIDE[bout.lead]
    seat_knee = float(rng.normal(90.0, 5.0))
    seat_thigh = seat_knee - float(rng.uniform(-4.0, 6.0))
    apart = float(rng.normal(-4.0, 4.0))
    for side in (free, stance):
        rep = Tempo(0.6, down, rise - seated, up, 0.0, 1.0)
        _down_and_up(plan, side, rep, [(Joint.FLEXION, seat_knee), (Joint.INCLINATION, seat_thigh)])
        _down_and_up(plan, side, rep, [(Joint.TURN, apart)])
        for start, end in ((0.6, seated), (rise, rise + up)):
            plan.swell(side, Joint.FLEXION, start, 0.5 * (start + end), end, 10.0)
        plan.label(side, 0.6, rise + up, Activity.SIT_TO_STAND)
        plan.label(side, seated, rise, Activity.SITTING)
    for k in range(count):
        start = seated + still + k * each
        length = each * float(rng.uniform(0.88, 0.97))
        rep = Tempo(start, 0.48 * length, 0.06 * length, 0.46 * length, 0.0, 1.0)
        _down_and_up(plan, free, rep, [(Joint.FLEXION, -seat_knee + float(rng.uniform(12.0, 25.0)))])
        plan.swell(free, Joint.INCLINATION, start, rep.at(0.5), rep.end_s, float(rng.uniform(0.0, 4.0)))
    plan.carry(stance, seated + 0.3, seated + 0.8, rise - 0.8, rise - 0.3)
    plan.stances.append(Stance(None, 0.0, seated, 0.0))
    plan.stances.append(Stance(stance, seated + 0.8, rise - 0.8, 0.0))
    plan.stances.append(Stance(None, rise, plan.seconds, 0.0))
    plan.locked.append((stance, 0.1, plan.seconds - 0.1))
    return plan


def _down_and_up(plan: Plan, side: Side, rep: Tempo, goals: list[tuple[Joint, float]]) -> None:
    bottom = rep.start_s + rep.down_s
    for joint, angle in goals:
        plan.move(side, joint, rep.start_s, bottom, angle)
        plan.move(side, joint, bottom + rep.hold_s, rep.end_s, -angle)


def _loaded(
    person: Person, plan: Plan, side: Side, rep: Tempo, deep: float, rng: np.random.Generator, both: bool
) -> None:
    """What a healthy knee does under load beyond its unloaded coupling, with the variation of a repetition."""
    leg = person.legs[side]
    part = deep / 90.0
    slack = 0.7 if person.gait.rep_sd > 0 else 0.0
    for joint, angle in (
        (Joint.ABDUCTION, leg.loaded_abduction_deg * part + slack * float(rng.standard_normal())),
        (Joint.ROTATION, leg.loaded_rotation_deg * part + slack * float(rng.standard_normal())),
        (Joint.LEAN, -leg.knees_out_deg * part * both),
        (Joint.TURN, -0.8 * leg.knees_out_deg * part * both),
    ):
        _down_and_up(plan, side, rep, [(joint, angle)])


def _inject(
    plan: Plan, bout: Bout, side: Side, index: int, rep: Tempo, activity: Activity, rng: np.random.Generator
) -> None:
    peak = rep.at(float(rng.uniform(0.55, 0.72)))
    for collapse in bout.collapses:
        if collapse.side is side and collapse.index == index:
            plan.injections.append(Injection(collapse, activity, rep.at(0.25), peak, rep.at(0.95)))
