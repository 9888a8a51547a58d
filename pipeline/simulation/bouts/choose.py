"""From a flow of bouts to its plan."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipeline.simulation.bouts.locomotion import plan_locomotion
from pipeline.simulation.bouts.standing import plan_lift, plan_reach, plan_standing, plan_talking
from pipeline.simulation.bouts.standing_work import (
    plan_chair,
    plan_flexions,
    plan_seated_flexions,
    plan_single_leg_squats,
    plan_squats,
)
from pipeline.simulation.bouts.stepping import plan_lunges, plan_step_downs, plan_step_ups
from pipeline.simulation.person import Person
from pipeline.simulation.plan import Plan
from pipeline.simulation.script import Bout

Planner = Callable[[Person, Bout, np.random.Generator], Plan]

_PLANNERS: Mapping[str, Planner] = {
    "stand": plan_standing,
    "lift": plan_lift,
    "talk": plan_talking,
    "reach": plan_reach,
    "flex": plan_flexions,
    "squat": plan_squats,
    "deadlift": plan_squats,
    "single_leg_squat": plan_single_leg_squats,
    "sit": plan_chair,
    "sitting": plan_chair,
    "seated_flex": plan_seated_flexions,
    "lunge": plan_lunges,
    "kneel": plan_lunges,
    "step_up": plan_step_ups,
    "step_down": plan_step_downs,
}


def plan_flow(person: Person, flow: Sequence[Bout], rng: np.random.Generator) -> Plan:
    """The plan of one piece of `script.flows`: a single bout, or walking and stairs together."""
    planner = _PLANNERS.get(flow[0].what)
    return plan_locomotion(person, flow, rng) if planner is None else planner(person, flow[0], rng)
