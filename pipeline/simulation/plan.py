"""The plan of one bout: what every joint does over time, which foot carries the body, what counts as a step.

A plan begins and ends in standing with all channels zero, so that plans can follow each other in any order. Moves are
sums of quintic steps and bumps, hence twice differentiable. Times are seconds from the beginning of the bout.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

import numpy as np

from pipeline.blocks import Activity, Bytes, Floats
from pipeline.records import Side
from pipeline.simulation.script import Collapse
from pipeline.simulation.shapes import GRID_HZ, bump, ramp

Clock = Callable[[float], float]
"""Fraction of a repetition to seconds of the bout."""

OTHER_SIDE = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}


class Joint(IntEnum):
    """Channels of a leg. Angles in rad, as on a right leg (inward, adducted, internal +)."""

    INCLINATION = 0
    """Thigh in the sagittal plane, + knee forward."""
    LEAN = 1
    """Plane of the thigh's swing tilted inward (knee inward +)."""
    TURN = 2
    """Thigh turned inward about the vertical."""
    FLEXION = 3
    ABDUCTION = 4
    """Beyond the unloaded knee's own coupling."""
    ROTATION = 5
    """Beyond the unloaded knee's own coupling."""
    PITCH = 6
    """Foot: + heel up (on the ball), - toes up (on the heel)."""
    WEIGHT = 7
    """How much this foot is the one that the body moves on; shares are of the sum of both feet."""
    EFFORT = 8
    """0 unloaded to 1 carrying the body: muscles that bulge under the sensor."""


class Trunk(IntEnum):
    """Channels of the body."""

    HEADING = 0
    """Rad, + turns left."""
    PELVIS_TURN = 1
    """Pelvis about the vertical against the heading, rad, + left."""
    PELVIS_LIST = 2
    """Right hip up +, rad."""
    PLATFORM = 3
    """Height of whatever the feet stand on, m (a lift)."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A foot that meets the ground at start_s and leaves it at toe_off_s. strength: of the impact, walking is 1."""

    side: Side
    start_s: float
    toe_off_s: float
    strength: float
    activity: Activity


@dataclass(frozen=True, slots=True)
class Stance:
    """start_s to end_s: this foot is flat on the ground, height_m above where the bout began; None: both feet."""

    side: Side | None
    start_s: float
    end_s: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Repetition:
    """One true step (contact to next contact of the same leg) or repetition.

    role: step; front, rear, both, stance, free, up, down for exercises. transition: what is done changes within it.
    climb_m: of the foot, over the step.
    """

    side: Side
    activity: Activity
    start_s: float
    end_s: float
    toe_off_s: float = float("nan")
    role: str = "both"
    transition: bool = False
    climb_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Injection:
    """When a scripted collapse rises, peaks and is gone."""

    collapse: Collapse
    activity: Activity
    start_s: float
    peak_s: float
    end_s: float


@dataclass
class Plan:
    """Channels of one bout on the internal grid, n + 1 rows: the last is also the first of the next bout."""

    seconds: float
    activity: Activity = Activity.OTHER
    t: Floats = field(init=False)
    legs: dict[Side, Floats] = field(init=False)
    trunk: Floats = field(init=False)
    codes: dict[Side, Bytes] = field(init=False)
    contacts: list[Contact] = field(default_factory=list)
    stances: list[Stance] = field(default_factory=list)
    repetitions: list[Repetition] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    locked: list[tuple[Side, float, float]] = field(default_factory=list)
    """Feet whose pivot may not slide while the body moves on the other one: side, from, to."""
    quiet: bool = False
    """Standing still all through: the posture does not change."""

    def __post_init__(self) -> None:
        n = max(2, round(self.seconds * GRID_HZ)) + 1
        self.t = np.arange(n) / GRID_HZ
        self.legs = {side: np.zeros((len(Joint), n)) for side in Side}
        for channels in self.legs.values():
            channels[Joint.WEIGHT] = 0.5
            channels[Joint.EFFORT] = 0.5
        self.trunk = np.zeros((len(Trunk), n))
        self.codes = {side: np.full(n, self.activity, np.uint8) for side in Side}

    def move(self, side: Side, joint: Joint, start_s: float, end_s: float, by_deg: float) -> None:
        """Add a quintic step of by_deg between two times."""
        self.legs[side][joint] += np.deg2rad(by_deg) * ramp(self.t, start_s, end_s)

    def swell(self, side: Side, joint: Joint, start_s: float, peak_s: float, end_s: float, by_deg: float) -> None:
        """Add a bump of by_deg that is gone again at end_s."""
        self.legs[side][joint] += np.deg2rad(by_deg) * bump(self.t, start_s, peak_s, end_s)

    def visit(self, side: Side, joint: Joint, clock: Clock, at: Sequence[float], angles: Sequence[float]) -> None:
        """Move through angles (deg), resting at each, at fractions of a repetition whose `clock` gives the times.

        The first must be zero: a visit begins from what is already there.
        """
        for (u0, old), (u1, new) in pairwise(zip(at, angles, strict=True)):
            if new != old:
                self.move(side, joint, clock(u0), clock(u1), new - old)

    def carry(self, side: Side, start_s: float, full_s: float, release_s: float, end_s: float) -> None:
        """The body stands on this foot alone from full_s to release_s."""
        alone = ramp(self.t, start_s, full_s) * (1.0 - ramp(self.t, release_s, end_s))
        for joint in (Joint.WEIGHT, Joint.EFFORT):
            mine, theirs = self.legs[side][joint], self.legs[OTHER_SIDE[side]][joint]
            mine += (1.0 - mine) * alone
            theirs *= 1.0 - alone

    def label(self, side: Side, start_s: float, end_s: float, activity: Activity) -> None:
        """What this leg does between two times."""
        self.codes[side][slice(*np.searchsorted(self.t, [start_s, end_s]))] = activity
