"""Standing still, talking with the hands, riding a lift: feet at rest, the body hardly moving."""

import numpy as np

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.simulation.person import Person
from pipeline.simulation.plan import OTHER_SIDE, Joint, Plan, Stance, Trunk
from pipeline.simulation.script import Bout
from pipeline.simulation.shapes import ramp


def plan_standing(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Quiet standing for `amount` seconds."""
    plan = Plan(bout.amount, Activity.STANDING)
    plan.quiet = True
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    return plan


def plan_talking(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Standing at ease and talking with the hands: the weight goes from leg to leg, a knee is let loose, feet stay."""
    plan = Plan(max(bout.amount, 3.0), Activity.STANDING)
    sides = (bout.lead, OTHER_SIDE[bout.lead])
    fidget(person, plan, sides, 0.3, plan.seconds - 0.3, rng, 1.0)
    time = 0.5
    while time < plan.seconds - 3.0:
        end = min(time + float(rng.uniform(2.0, 6.0)), plan.seconds - 0.5)
        loose = float(rng.uniform(3.0, 11.0)) * person.manner.fidget**0.5
        side = sides[int(rng.integers(2))]
        edge = min(0.8, 0.3 * (end - time))
        for joint, angle in ((Joint.FLEXION, loose), (Joint.INCLINATION, 0.6 * loose)):
            plan.move(side, joint, time, time + edge, angle)
            plan.move(side, joint, end - edge, end, -angle)
        shift = float(rng.normal(0.0, 1.5))
        for k, leg in enumerate(sides):
            plan.swell(leg, Joint.LEAN, time, 0.5 * (time + end), end, shift * (1 - 2 * k))
        time = end + float(rng.uniform(0.2, 2.0))
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    plan.locked += [(side, 0.1, plan.seconds - 0.1) for side in sides]
    return plan


def fidget(
    person: Person,
    plan: Plan,
    sides: tuple[Side, ...],
    start_s: float,
    end_s: float,
    rng: np.random.Generator,
    size: float,
) -> None:
    """What gesturing does to the legs of a body at rest: small swings of a second or so, in fits and starts."""
    time = start_s
    while time < end_s - 1.5:
        length = float(rng.uniform(0.6, 1.5))
        for side in sides:
            for joint, deg in ((Joint.INCLINATION, 0.6), (Joint.FLEXION, 0.9), (Joint.LEAN, 0.4)):
                swing = size * person.manner.fidget * deg * float(rng.standard_normal())
                plan.swell(side, joint, time, time + 0.5 * length, time + length, swing)
        time += length + float(rng.exponential(0.7))


def plan_lift(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Riding a lift up and down again: 1 m/s, 1 m/s2 or so, standing still."""
    plan = Plan(max(bout.amount, 8.0), Activity.STANDING)
    half = plan.seconds / 2.0
    rise = 0.5 * (half - 1.5)
    plan.trunk[Trunk.PLATFORM] = rise * (ramp(plan.t, 0.5, half - 0.5) - ramp(plan.t, half + 0.5, plan.seconds - 0.5))
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    return plan


def plan_reach(person: Person, bout: Bout, rng: np.random.Generator) -> Plan:
    """Reaching up, down and aside: small bends of both knees, shifts of weight, feet where they are."""
    plan = Plan(max(bout.amount, 3.0), Activity.OTHER)
    time = 0.4
    while time < plan.seconds - 2.0:
        length = float(rng.uniform(1.2, 2.4))
        end = min(time + length, plan.seconds - 0.5)
        bend = float(rng.uniform(0.0, 32.0)) if rng.uniform() < 0.6 else 3.0
        shift = float(rng.normal(0.0, 2.5))
        for side, inward in ((bout.lead, shift), (OTHER_SIDE[bout.lead], -shift)):
            middle = time + float(rng.uniform(0.4, 0.6)) * (end - time)
            plan.swell(side, Joint.FLEXION, time, middle, end, bend)
            plan.swell(side, Joint.INCLINATION, time, middle, end, bend * 0.75)
            plan.swell(side, Joint.LEAN, time, middle, end, inward)
        time = end + float(rng.uniform(0.0, 1.0))
    plan.stances.append(Stance(None, 0.0, plan.seconds, 0.0))
    plan.locked += [(side, 0.1, plan.seconds - 0.1) for side in Side]
    return plan
