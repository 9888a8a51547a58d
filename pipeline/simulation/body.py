"""The geometry of one bout: segments from joint channels, the pelvis hung on the feet, the truth of what came out.

The pelvis moves as the carrying foot demands (ankle still, or rolling over heel and ball), shared from foot to foot
during double support. A second planted foot is kept from sliding by small changes of hip and knee; the ground's height
at every flat foot is met exactly. World: z up, x ahead at the beginning, y left. Rows of the internal grid
(shapes.GRID_HZ).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from pipeline.blocks import Bytes, Floats
from pipeline.records import Side
from pipeline.simulation.collapses import LegPose, collapsed, medial_collapse, strength_of
from pipeline.simulation.person import Person
from pipeline.simulation.plan import Injection, Joint, Plan, Trunk
from pipeline.simulation.rotations import LEVEL, about, conjugate, knee_rotation, multiply, rotate
from pipeline.simulation.shapes import GRID_HZ, bump, ramp, staircase

_DAMPING_M = 0.10
"""Of the corrections of locked feet: keeps a nearly straight knee from jerking."""
_NEARLY_STRAIGHT = 0.1
"""Flexion (rad) below which a knee hardly straightens further."""
_JOLT_S = 0.008
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Start:
    """Where a bout begins: pelvis (3,) m (None: standing at the origin), heading rad, height of the ground m."""

    pelvis: Floats | None = None
    heading: float = 0.0
    ground: float = 0.0


@dataclass(frozen=True, slots=True)
class Episode:
    """A collapse as it came out: changes at its peak against the same movement without it, deg."""

    injection: Injection
    abduction_rise_deg: float
    collapse_rise_deg: float
    flexion_deg: float


@dataclass(frozen=True, slots=True)
class LegMotion:
    """One leg, n rows. thigh, shank: (n, 4) segment to world; knee, ankle: (n, 3) m; flexion, abduction, rotation,
    excess (abduction above the unloaded path): (n,) rad; pitch: of the foot, rad; effort, weight: 0 to 1; activity
    codes."""

    thigh: Floats
    shank: Floats
    knee: Floats
    ankle: Floats
    flexion: Floats
    abduction: Floats
    rotation: Floats
    excess: Floats
    pitch: Floats
    effort: Floats
    weight: Floats
    activity: Bytes

    def but_last(self) -> "LegMotion":
        """Without the row that the next bout begins with."""
        return LegMotion(*(getattr(self, f.name)[:-1] for f in fields(self)))


def _bending(step: Floats, flexion: Floats) -> Floats:
    """(n,) rad: a step that straightens the knee, but never through: a foot out of reach leaves the leg straight."""
    most = 0.35 * (flexion + np.hypot(flexion, _NEARLY_STRAIGHT))
    return np.where(step > 0.0, most * np.tanh(step / most), step)


class Body:
    """The geometry of one plan: segments from channels, pelvis from feet."""

    def __init__(self, person: Person, plan: Plan, start: Start) -> None:
        self._person, self._plan, self._start = person, plan, start
        heading = start.heading + plan.trunk[Trunk.HEADING]
        self._level = multiply(about(2, heading), LEVEL)
        self._ahead = np.stack([np.cos(heading), np.sin(heading)], axis=1)
        pelvis = about(2, heading + plan.trunk[Trunk.PELVIS_TURN])
        half = person.body.pelvis_m / 2.0
        rise = np.sin(plan.trunk[Trunk.PELVIS_LIST]) * half
        self._hips = {}
        for side in Side:
            hip = rotate(pelvis, np.array([0.0, -side.sign * half, 0.0]))
            hip[:, 2] += side.sign * rise
            self._hips[side] = hip
        self._bones = {side: _bones(person, side) for side in Side}
        total = sum(plan.legs[side][Joint.WEIGHT] for side in Side)
        self._share = {side: plan.legs[side][Joint.WEIGHT] / total for side in Side}
        self._thigh: dict[Side, Floats] = {}
        self._shank: dict[Side, Floats] = {}
        self._angles: dict[Side, tuple[Floats, Floats, Floats]] = {}
        for side in Side:
            self._pose(side)

    def _pose(self, side: Side) -> None:
        channels, leg, s = self._plan.legs[side], self._person.legs[side], side.sign
        thigh = multiply(self._level, about(1, s * channels[Joint.TURN]))
        thigh = multiply(multiply(thigh, about(0, s * channels[Joint.LEAN])), about(2, channels[Joint.INCLINATION]))
        flexion = channels[Joint.FLEXION]
        abduction = leg.unloaded_path(flexion) + channels[Joint.ABDUCTION]
        rotation = leg.unloaded_rotation(flexion) + channels[Joint.ROTATION]
        self._thigh[side] = thigh
        self._shank[side] = multiply(thigh, knee_rotation(flexion, abduction, rotation, s))
        self._angles[side] = (flexion, abduction, rotation)

    def settle(self) -> None:
        """Keep locked feet from sliding: damped corrections of hip and knee inclination, a few rounds."""
        if not self._plan.locked:
            return
        t = self._plan.t
        sides = {side for side, _, _ in self._plan.locked}
        for _ in range(_ROUNDS):
            pelvis = self.pelvis(grounded=False)
            for side in sides:
                pivot = pelvis + self._reach(side) - self._roll(side)
                slip = np.zeros((len(t), 2))
                for locked, start, end in self._plan.locked:
                    if locked is not side:
                        continue
                    row = min(int(start * GRID_HZ), len(t) - 1)
                    off = pivot - pivot[row]
                    on = ramp(t, start, start + 0.4) * (1.0 - ramp(t, end - 0.3, end)) * (1.0 - self._share[side])
                    slip += np.stack([np.sum(off[:, :2] * self._ahead, axis=1), off[:, 2]], axis=1) * on[:, None]
                self._correct(side, slip)
                self._pose(side)

    def _correct(self, side: Side, slip: Floats) -> None:
        """One damped least-squares step that takes the ankle back by slip (n, 2) m forward and up."""
        channels, body = self._plan.legs[side], self._person.body
        thigh = channels[Joint.INCLINATION]
        shank = thigh - channels[Joint.FLEXION]
        by_flexion = -body.shank_m * np.stack([np.cos(shank), np.sin(shank)], axis=1)
        by_thigh = body.thigh_m * np.stack([np.cos(thigh), np.sin(thigh)], axis=1) - by_flexion
        jacobian = np.stack([by_thigh, by_flexion], axis=2)
        gram = jacobian @ jacobian.transpose(0, 2, 1) + _DAMPING_M**2 * np.eye(2)
        step = np.einsum("nji,nj->ni", jacobian, np.linalg.solve(gram, slip[:, :, None])[:, :, 0])
        channels[Joint.INCLINATION] -= step[:, 0]
        channels[Joint.FLEXION] -= _bending(step[:, 1], channels[Joint.FLEXION])

    def collapse(self) -> list[Episode]:
        """Put the scripted collapses in; measures what came out."""
        episodes = []
        for injection in self._plan.injections:
            side = injection.collapse.side
            rows = np.flatnonzero((self._plan.t > injection.start_s) & (self._plan.t < injection.end_s))
            flexion, abduction, rotation = self._angles[side]
            thigh_bone, shank_bone = self._bones[side]
            pose = LegPose(
                self._thigh[side][rows],
                self._shank[side][rows],
                flexion[rows],
                abduction[rows],
                rotation[rows],
                thigh_bone,
                shank_bone,
            )
            top = int(np.argmin(np.abs(self._plan.t[rows] - injection.peak_s)))
            strength = strength_of(injection, pose.only(top))
            share = bump(self._plan.t[rows], injection.start_s, injection.peak_s, injection.end_s)
            thigh, shank = collapsed(pose, side, strength, share)
            before = medial_collapse(pose.thigh, pose.shank, side)
            after = medial_collapse(thigh, shank, side)
            self._thigh[side][rows], self._shank[side][rows] = thigh, shank
            abduction[rows] += strength.abduction * share
            rotation[rows] += strength.rotation * share
            episodes.append(
                Episode(
                    injection,
                    float(np.rad2deg(strength.abduction)),
                    float(np.rad2deg(after[top] - before[top])),
                    float(np.rad2deg(flexion[rows[top]])),
                )
            )
        return episodes

    def _reach(self, side: Side) -> Floats:
        """(n, 3) from the pelvis to the ankle."""
        thigh, shank = self._bones[side]
        reach: Floats = self._hips[side] + rotate(self._thigh[side], thigh) + rotate(self._shank[side], shank)
        return reach

    def _roll(self, side: Side) -> Floats:
        """(n, 3) how far rolling over heel or ball has moved the ankle from where it is on a flat foot."""
        body, pitch = self._person.body, self._plan.legs[side][Joint.PITCH]
        pivot = np.where(pitch > 0.0, -body.forefoot_m, body.heel_m)
        ahead = pivot * np.cos(pitch) + body.ankle_m * np.sin(pitch) - pivot
        up = -pivot * np.sin(pitch) + body.ankle_m * np.cos(pitch) - body.ankle_m
        return np.column_stack([self._ahead * ahead[:, None], up])

    def pelvis(self, grounded: bool = True) -> Floats:
        """(n, 3) path of the pelvis that keeps the carrying foot where it is."""
        velocity = np.zeros((len(self._plan.t), 3))
        reaches = {side: self._reach(side) for side in Side}
        for side in Side:
            demanded = np.gradient(self._roll(side) - reaches[side], 1.0 / GRID_HZ, axis=0, edge_order=2)
            velocity += self._share[side][:, None] * demanded
        path = np.zeros_like(velocity)
        path[1:] = np.cumsum(0.5 * (velocity[1:] + velocity[:-1]), axis=0) / GRID_HZ
        standing = np.mean([reach[0, 2] for reach in reaches.values()])
        if self._start.pelvis is None:
            path[:, 2] += self._start.ground + self._person.body.ankle_m - standing
        else:
            path += self._start.pelvis
        if grounded:
            path[:, 2] += self._ground(path, reaches)
        path[:, 2] += self._plan.trunk[Trunk.PLATFORM]
        return path

    def _ground(self, path: Floats, reaches: Mapping[Side, Floats]) -> Floats:
        """(n,) what must be added for every flat foot to stand at its height."""
        t = self._plan.t
        standing = self._start.ground + self._person.body.ankle_m
        steps: list[tuple[float, float, float]] = []
        since = 0.0
        for stance in sorted(self._plan.stances, key=lambda s: s.start_s):
            middle = min(int(0.5 * (stance.start_s + stance.end_s) * GRID_HZ), len(t) - 1)
            sides = tuple(Side) if stance.side is None else (stance.side,)
            height = float(np.mean([path[middle, 2] + reaches[side][middle, 2] for side in sides]))
            if stance.start_s > 0.0:
                steps.append((since, max(stance.start_s, since + 0.05), standing + stance.height_m - height))
            since = stance.end_s
        return staircase(t, 0.0, steps) if steps else np.zeros(len(t))

    def result(self, side: Side, pelvis: Floats) -> LegMotion:
        """The leg in the world, with its true angles."""
        channels = self._plan.legs[side]
        self._jolt(side)
        flexion, abduction, rotation = self._angles[side]
        knee = pelvis + self._hips[side] + rotate(self._thigh[side], self._bones[side][0])
        return LegMotion(
            self._thigh[side],
            self._shank[side],
            knee,
            knee + rotate(self._shank[side], self._bones[side][1]),
            flexion,
            abduction,
            rotation,
            abduction - self._person.legs[side].unloaded_path(flexion),
            channels[Joint.PITCH],
            channels[Joint.EFFORT],
            self._share[side],
            self._plan.codes[side],
        )

    def _jolt(self, side: Side) -> None:
        """The foot's stop at contact jerks the shank back about the knee: a degree or so, over in 60 ms.

        It puts the minimum of the shank's rate at the contact, where real gyroscopes have it; curves without impact
        have it some 60 ms later.
        """
        t, size = self._plan.t, np.deg2rad(self._person.gait.jolt_deg)
        for contact in self._plan.contacts:
            if contact.side is not side:
                continue
            rows = slice(*np.searchsorted(t, [contact.start_s, contact.start_s + 15.0 * _JOLT_S]))
            x = (t[rows] - contact.start_s) / _JOLT_S
            bent = size * contact.strength * x**3 * np.exp(3.0 - x) / 27.0
            thigh = self._thigh[side][rows]
            hinge = multiply(multiply(thigh, about(2, -bent)), conjugate(thigh))
            self._shank[side][rows] = multiply(hinge, self._shank[side][rows])
            self._angles[side][0][rows] += bent


def _bones(person: Person, side: Side) -> tuple[Floats, Floats]:
    """Hip to knee and knee to ankle in thigh and shank axes: slanted as the standing leg is, structure included."""
    structural = np.deg2rad(person.legs[side].structural_deg)
    inward, outward = np.deg2rad(2.0) + 0.5 * structural, 0.5 * structural
    body, s = person.body, side.sign
    thigh = body.thigh_m * np.array([0.0, -np.cos(inward), -s * np.sin(inward)])
    shank = body.shank_m * np.array([0.0, -np.cos(outward), s * np.sin(outward)])
    return thigh, shank
