"""Exercises in which a foot goes somewhere and comes back: lunges, step-ups, step-downs, kneeling.

Angles and tempi: knee_biomechanics reference, section 3.5. The body moves on one planted foot at a time; a second
planted foot is kept from sliding by the knee and hip (`locked`). Within a repetition, times are fractions of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.simulation.person import Person
from pipeline.simulation.plan import OTHER_SIDE, Contact, Injection, Joint, Plan, Repetition, Stance
from pipeline.simulation.script import Bout

_FLEX, _INCL, _LEAN, _PITCH = Joint.FLEXION, Joint.INCLINATION, Joint.LEAN, Joint.PITCH


@dataclass(frozen=True, slots=True)
class _Rep:
    """One repetition: when, how long, how deep (1 is usual), a pause after the fraction `pause_at`, whose turn; skew:
    how much later than usual its middle comes, a share of it."""

    start_s: float
    length_s: float
    depth: float
    pause_s: float
    pause_at: float
    side: Side
    index: int
    skew: float = 0.0

    def at(self, fraction: float) -> float:
        """Seconds of the bout; the pause comes just after `pause_at`."""
        u = fraction + (4.0 * self.skew * fraction * (1.0 - fraction) if 0.0 < fraction < 1.0 else 0.0)
        return self.start_s + u * self.length_s + (self.pause_s if fraction > self.pause_at else 0.0)


def _repetitions(
    person: Person, bout: Bout, rng: np.random.Generator, seconds: float, pause_s: float, pause_at: float
) -> list[_Rep]:
    """The repetitions of a bout: tempo and depth vary, sloppy sets three times as much; now and then a rest."""
    sd = person.gait.rep_sd * (3.0 if bout.style == "sloppy" else 1.0)
    found = []
    time = 0.7
    for k in range(int(bout.amount)):
        tempo = float(np.clip(1.0 + sd * rng.standard_normal(), 0.7, 1.6))
        length = seconds * person.manner.tempo / (bout.speed * person.gait.vigour) * tempo
        depth = float(np.clip(1.0 + sd * rng.standard_normal(), 0.75, 1.15))
        pause = pause_s * person.manner.hold * float(rng.uniform(0.0, 2.0))
        side, index = (bout.lead, k) if not bout.alternate else ((bout.lead, OTHER_SIDE[bout.lead])[k % 2], k // 2)
        found.append(_Rep(time, length, depth, pause, pause_at, side, index, person.manner.skew))
        time += length + pause + float(rng.uniform(0.3, 0.9)) + (1.0 if rng.uniform() < 0.08 else 0.0)
    return found


def _knee_under_load(
    person: Person, plan: Plan, rep: _Rep, at: Sequence[float], shares: Sequence[float], rng: np.random.Generator
) -> None:
    """What the loaded knee does beyond its unloaded coupling: `shares` of the leg's own size, varied."""
    leg = person.legs[rep.side]
    slack = 0.7 if person.gait.rep_sd > 0 else 0.0
    for joint, usual in ((Joint.ABDUCTION, leg.loaded_abduction_deg), (Joint.ROTATION, leg.loaded_rotation_deg)):
        size = usual + slack * float(rng.standard_normal())
        plan.visit(rep.side, joint, rep.at, at, [share * size for share in shares])


def _inject(
    plan: Plan,
    bout: Bout,
    rep: _Rep,
    activity: Activity,
    rng: np.random.Generator,
    window: tuple[float, float, float, float],
) -> None:
    """The script's collapse of this repetition: rises from, peaks between, is gone at (fractions)."""
    start, early, late, end = window
    peak = rep.at(float(rng.uniform(early, late)))
    for collapse in bout.collapses:
        if collapse.side is rep.side and collapse.index == rep.index:
            plan.injections.append(Injection(collapse, activity, rep.at(start), peak, rep.at(end)))


def plan_lunges(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Forward lunges: step, down, up and back. A `kneel` bout stays down on the rear knee for `amount` seconds."""
    kneel = bout.what == "kneel"
    activity = Activity.OTHER if kneel else Activity.LUNGE
    reps = (
        [_Rep(0.7, 3.4, 1.1, bout.amount, 0.57, bout.lead, 0)]
        if kneel
        else _repetitions(person, bout, rng, 3.0, 0.2, 0.57)
    )
    plan = Plan(reps[-1].at(1.0) + 1.0, Activity.STANDING)
    previous = 0.0
    manner = person.manner
    swing, back, reach = manner.lunge_swing_deg, manner.lunge_back_deg, manner.lunge_reach_deg
    touch = manner.lunge_contact_deg
    for rep in reps:
        front, rear, at, visit = rep.side, OTHER_SIDE[rep.side], rep.at, plan.visit
        deep = min(92.0 * person.gait.depth**0.5 * rep.depth, 112.0)
        thigh = deep - float(rng.uniform(6.0, 20.0))
        visit(
            front, _FLEX, at, (0.0, 0.15, 0.30, 0.57, 0.58, 0.76, 0.87, 1.0), (0, swing, touch, deep, deep, 18, back, 0)
        )
        visit(front, _INCL, at, (0.0, 0.20, 0.32, 0.57, 0.58, 0.76, 1.0), (0, reach, reach - 14, thigh, thigh, 35, 0))
        visit(front, _PITCH, at, (0.15, 0.27, 0.38, 0.68, 0.76, 0.90), (0, -12, 0, 0, -10, 0))
        visit(rear, _FLEX, at, (0.05, 0.32, 0.57, 0.58, 0.76, 0.95), (0, 18, deep + 3, deep + 3, 18, 0))
        visit(rear, _INCL, at, (0.05, 0.31, 0.57, 0.58, 0.76, 0.97), (0, -24, 5, 5, -24, 0))
        visit(rear, _PITCH, at, (0.12, 0.31, 0.57, 0.58, 0.76, 0.92), (0, 30, 62, 62, 30, 0))
        plan.carry(rear, at(-0.10), at(0.02), at(0.28), at(0.36))
        plan.carry(front, at(0.28), at(0.36), at(0.70), at(0.78))
        plan.carry(rear, at(0.70), at(0.78), at(0.98), at(1.10))
        plan.locked.append((rear, at(0.28), at(0.78)))
        _knee_under_load(person, plan, rep, (0.30, 0.57, 0.58, 0.78), (0, 1, 1, 0), rng)
        _inject(plan, bout, rep, activity, rng, (0.36, 0.52, 0.62, 0.74))
        plan.contacts.append(Contact(front, at(0.295), at(0.76), 0.9 * float(rng.uniform(0.7, 1.3)), activity))
        for side, role in ((front, "front"), (rear, "rear")):
            plan.label(side, at(0.0), at(1.0), activity)
            if not kneel:
                plan.repetitions.append(Repetition(side, activity, at(0.0), at(1.0), at(0.76), role))
        plan.stances += [
            Stance(None, previous, at(-0.10), 0.0),
            Stance(rear, at(0.0), at(0.20), 0.0),
            Stance(front, at(0.40), at(0.67), 0.0),
            Stance(rear, at(0.94), at(0.99), 0.0),
        ]
        previous = at(1.09)
    plan.stances.append(Stance(None, previous, plan.seconds, 0.0))
    return plan


def plan_step_ups(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Onto a box of 15 to 20 cm and back: the lead leg lifts the body, lowers it again and follows down."""
    reps = _repetitions(person, bout, rng, 3.2, 0.2, 0.5)
    plan = Plan(reps[-1].at(1.0) + 1.0, Activity.STANDING)
    knee = float(rng.uniform(62.0, 76.0))
    thigh = knee - person.manner.box_lean_deg
    body = person.body
    box = body.thigh_m * (1 - np.cos(np.deg2rad(thigh))) + body.shank_m * (1 - np.cos(np.deg2rad(knee - thigh)))
    previous = 0.0
    for rep in reps:
        lead, other, at, visit = rep.side, OTHER_SIDE[rep.side], rep.at, plan.visit
        clear = 12.0 * rep.depth
        lead_at = (0.0, 0.14, 0.22, 0.26, 0.48, 0.58, 0.80, 0.86, 0.92, 1.0)
        visit(lead, _FLEX, at, lead_at, (0, knee + clear, knee, knee, 3, 3, knee, knee, knee + 0.7 * clear, 0))
        visit(lead, _INCL, at, lead_at, (0, thigh + 7, thigh, thigh, 1.5, 1.5, thigh, thigh, thigh, 0))
        visit(other, _FLEX, at, (0.28, 0.38, 0.48, 0.58, 0.69, 0.80), (0, 48, 2, 2, 46, 0))
        visit(other, _INCL, at, (0.24, 0.30, 0.40, 0.48, 0.58, 0.68, 0.80), (0, -8, 24, 1, 1, 16, 0))
        plan.carry(other, at(-0.08), at(0.03), at(0.24), at(0.31))
        plan.carry(lead, at(0.24), at(0.31), at(0.79), at(0.86))
        plan.carry(other, at(0.79), at(0.86), at(0.99), at(1.08))
        _knee_under_load(person, plan, rep, (0.20, 0.27, 0.48, 0.58, 0.78, 0.90), (0, 0.7, 0, 0, 0.7, 0), rng)
        _inject(plan, bout, rep, Activity.STEP_UP, rng, (0.60, 0.70, 0.76, 0.84))
        plan.contacts.append(Contact(lead, at(0.235), at(0.86), 0.4, Activity.STEP_UP))
        plan.contacts.append(Contact(other, at(0.80), float("nan"), 0.5, Activity.OTHER))
        plan.label(lead, at(0.0), at(1.0), Activity.STEP_UP)
        plan.label(other, at(0.0), at(1.0), Activity.OTHER)
        plan.repetitions.append(Repetition(lead, Activity.STEP_UP, at(0.0), at(1.0), at(0.86), "front"))
        plan.stances += [
            Stance(None, previous, at(-0.08), 0.0),
            Stance(other, at(0.04), at(0.22), 0.0),
            Stance(lead, at(0.33), at(0.77), box),
            Stance(other, at(0.88), at(0.98), 0.0),
        ]
        previous = at(1.08)
    plan.stances.append(Stance(None, previous, plan.seconds, 0.0))
    return plan


def plan_step_downs(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Heel taps from a box of 16 to 24 cm: the lead leg lowers the body until the other heel touches the floor."""
    reps = _repetitions(person, bout, rng, 2.8, 0.15, 0.5)
    aside = person.manner.one_leg_lean_deg
    plan = Plan(reps[-1].at(1.0) + 1.0, Activity.STANDING)
    previous = 0.0
    for rep in reps:
        lead, other, at, visit = rep.side, OTHER_SIDE[rep.side], rep.at, plan.visit
        knee = float(np.clip(70.0 * rep.depth * person.gait.depth**0.5, 55.0, 84.0))
        thigh = person.manner.down_share * knee
        visit(lead, _FLEX, at, (0.06, 0.5, 0.54, 0.94), (0, knee, knee, 0))
        visit(lead, _INCL, at, (0.06, 0.5, 0.54, 0.94), (0, thigh, thigh, 0))
        visit(lead, _LEAN, at, (-0.05, 0.10, 0.90, 1.05), (0, aside, aside, 0))
        visit(other, _FLEX, at, (0.0, 0.14, 0.46, 0.56, 0.86, 1.0), (0, 22, 8, 8, 24, 0))
        visit(other, _INCL, at, (0.0, 0.16, 0.48, 0.56, 0.84, 1.0), (0, 26, 24, 24, 25, 0))
        plan.carry(lead, at(-0.12), at(0.02), at(0.98), at(1.10))
        _knee_under_load(person, plan, rep, (0.06, 0.5, 0.54, 0.94), (0, 0.8, 0.8, 0), rng)
        _inject(plan, bout, rep, Activity.STEP_DOWN, rng, (0.22, 0.55, 0.66, 0.90))
        plan.label(lead, at(0.0), at(1.0), Activity.STEP_DOWN)
        plan.label(other, at(0.0), at(1.0), Activity.OTHER)
        plan.repetitions.append(Repetition(lead, Activity.STEP_DOWN, at(0.0), at(1.0), role="stance"))
        plan.stances += [Stance(None, previous, at(-0.12), 0.0), Stance(lead, at(0.03), at(0.97), 0.0)]
        previous = at(1.10)
    plan.stances.append(Stance(None, previous, plan.seconds, 0.0))
    return plan
