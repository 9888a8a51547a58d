"""The movement of a whole script: bout after bout, each beginning where the last one ended.

Standing lies under everything: a posture that differs a little from one standing to the next, and slow sway. Which way
a repetition varies follows from a seed and the number of the bout alone, so that a script can run lazily, for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.blocks import Floats
from pipeline.records import Side
from pipeline.simulation.body import Body, Episode, LegMotion, Start
from pipeline.simulation.bouts.choose import plan_flow
from pipeline.simulation.person import Person
from pipeline.simulation.plan import OTHER_SIDE, Contact, Joint, Plan, Repetition, Trunk
from pipeline.simulation.script import Bout, Script, flows
from pipeline.simulation.shapes import GRID_HZ, ramp, sway

_POSTURE = {
    Joint.INCLINATION: 0.8,
    Joint.LEAN: 0.4,
    Joint.TURN: 0.8,
    Joint.FLEXION: 1.0,
    Joint.ABDUCTION: 0.15,
    Joint.ROTATION: 0.5,
}
"""How much each joint differs between standings, as a share of the person's posture_deg."""


@dataclass(frozen=True, slots=True)
class Motion:
    """A piece of movement that begins at row `start` of the internal grid. Times within it are absolute seconds."""

    start: int
    legs: Mapping[Side, LegMotion]
    pelvis: Floats
    contacts: Sequence[Contact]
    repetitions: Sequence[Repetition]
    episodes: Sequence[Episode]
    quiet: Sequence[tuple[float, float]]
    """Standing bouts, from and to."""

    def __len__(self) -> int:
        return len(self.pelvis)


@dataclass(frozen=True, slots=True)
class _State:
    """Between two bouts: row of the grid, where the body is, posture per leg and joint (rad)."""

    row: int
    start: Start
    posture: Mapping[Side, Mapping[Joint, float]]


def motions(person: Person, script: Script, seed: Sequence[int], *, endless: bool = False) -> Iterator[Motion]:
    """The script's movement, one flow of bouts at a time; `endless` begins anew, with new variation, when it is over.

    seed: what variation between repetitions and standings follows from.
    """
    index = 0
    state = _State(0, Start(), _postures(person, np.random.default_rng([*seed, 0x57A2D]), script[0].lead))
    while True:
        for flow in flows(script):
            motion, state = _realise(person, flow, state, [*seed, index])
            index += 1
            yield motion
        if not endless:
            return


def _postures(person: Person, rng: np.random.Generator, lead: Side) -> dict[Side, dict[Joint, float]]:
    sd = np.deg2rad(person.gait.posture_deg)
    common = {joint: float(rng.standard_normal()) for joint in _POSTURE}
    return {
        side: {
            joint: sd * share * (0.6 * common[joint] + 0.8 * float(rng.standard_normal()))
            for joint, share in _POSTURE.items()
        }
        for side in (lead, OTHER_SIDE[lead])
    }


def _realise(person: Person, flow: Sequence[Bout], state: _State, seed: Sequence[int]) -> tuple[Motion, _State]:
    plan = plan_flow(person, flow, np.random.default_rng(seed))
    standing = np.random.default_rng([*seed, 1])
    posture = state.posture if plan.quiet else _postures(person, standing, flow[0].lead)
    _stand(person, plan, state, posture)
    body = Body(person, plan, state.start)
    body.settle()
    episodes = body.collapse()
    pelvis = body.pelvis()
    shift = state.row / GRID_HZ
    legs = {side: body.result(side, pelvis).but_last() for side in Side}
    motion = Motion(
        state.row,
        legs,
        pelvis[:-1],
        [replace(c, start_s=c.start_s + shift, toe_off_s=c.toe_off_s + shift) for c in plan.contacts],
        [
            replace(r, start_s=r.start_s + shift, end_s=r.end_s + shift, toe_off_s=r.toe_off_s + shift)
            for r in plan.repetitions
        ],
        [
            replace(
                e,
                injection=replace(
                    e.injection,
                    start_s=e.injection.start_s + shift,
                    peak_s=e.injection.peak_s + shift,
                    end_s=e.injection.end_s + shift,
                ),
            )
            for e in episodes
        ],
        [(shift, shift + plan.seconds)] if plan.quiet else [],
    )
    after = _State(
        state.row + len(plan.t) - 1,
        Start(
            pelvis[-1] - [0.0, 0.0, plan.trunk[Trunk.PLATFORM, -1]],
            state.start.heading + float(plan.trunk[Trunk.HEADING, -1]),
            state.start.ground + max(plan.stances, key=lambda s: s.end_s).height_m,
        ),
        posture,
    )
    return motion, after


def _stand(person: Person, plan: Plan, state: _State, posture: Mapping[Side, Mapping[Joint, float]]) -> None:
    """The standing that lies under everything: this standing's posture, the next one's, and sway."""
    change = ramp(plan.t, 0.1 * plan.seconds, 0.9 * plan.seconds)
    clock = state.row / GRID_HZ + plan.t
    seeds = person.gait.sway
    half = len(seeds) // 2
    for side, channels in plan.legs.items():
        own = seeds[:half] if side is Side.RIGHT else seeds[half:]
        for joint in _POSTURE:
            old, new = state.posture[side].get(joint, 0.0), posture[side].get(joint, 0.0)
            channels[joint] += old + (new - old) * change
        lots = np.deg2rad(person.gait.sway_deg)
        for k, (joint, size) in enumerate(((Joint.INCLINATION, 1.0), (Joint.FLEXION, 1.2), (Joint.LEAN, 0.6))):
            channels[joint] += sway(clock, size * lots, own[4 * k : 4 * k + 4])
