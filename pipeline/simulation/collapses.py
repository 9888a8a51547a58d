"""Medial collapses put into a leg without moving its hip or its foot.

Three changes of the knee and the leg make every kind: the knee abducts, the tibia turns against the femur, and the
plane of hip, knee and ankle turns inward about the line from hip to ankle. The leg is first turned as a whole so that
the ankle stays where it was under the hip: a planted foot does not slide, and the lean of thigh and shank follows from
the chain. Medial collapse, the sum of both medial tilts, is about abduction * cos(lean) - rotation * sin(lean) of the
shank: without abduction it needs a femur that turns in over a planted, forward leaning tibia.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.blocks import Floats
from pipeline.records import Side
from pipeline.simulation.plan import Injection
from pipeline.simulation.rotations import between, exponential, knee_rotation, medial_tilt, multiply, rotate

_MOST_ROTATION = np.deg2rad(30.0)


@dataclass(frozen=True, slots=True)
class Strength:
    """Peak changes, rad: knee abduction, internal rotation of the tibia, leg plane turning inward."""

    abduction: float
    rotation: float
    inward: float


@dataclass(frozen=True, slots=True)
class LegPose:
    """n poses of a leg: thigh and shank to world (n, 4), knee angles (n,) rad, bones in their segments (3,)."""

    thigh: Floats
    shank: Floats
    flexion: Floats
    abduction: Floats
    rotation: Floats
    thigh_bone: Floats
    shank_bone: Floats

    def only(self, row: int) -> "LegPose":
        """One of the poses."""
        one = slice(row, row + 1)
        return replace(
            self,
            thigh=self.thigh[one],
            shank=self.shank[one],
            flexion=self.flexion[one],
            abduction=self.abduction[one],
            rotation=self.rotation[one],
        )


def collapsed(pose: LegPose, side: Side, strength: Strength, share: Floats) -> tuple[Floats, Floats]:
    """Thigh and shank (n, 4) with `share` (n,) of the changes put in."""
    sign = side.sign
    before = rotate(pose.thigh, pose.thigh_bone) + rotate(pose.shank, pose.shank_bone)
    knee = knee_rotation(
        pose.flexion, pose.abduction + strength.abduction * share, pose.rotation + strength.rotation * share, sign
    )
    shank = multiply(pose.thigh, knee)
    after = rotate(pose.thigh, pose.thigh_bone) + rotate(shank, pose.shank_bone)
    up = -before / np.linalg.norm(before, axis=1, keepdims=True)
    turn = exponential(up * (sign * strength.inward * share)[:, None])
    whole = multiply(turn, between(after, before))
    return multiply(whole, pose.thigh), multiply(whole, shank)


def medial_collapse(thigh: Floats, shank: Floats, side: Side) -> Floats:
    """(n,) rad: sum of the medial tilts of shank and thigh."""
    return medial_tilt(shank, side.sign) - medial_tilt(thigh, side.sign)


def strength_of(injection: Injection, peak: LegPose) -> Strength:
    """What makes the scripted size at the peak, from the pose there (one row)."""
    collapse = injection.collapse
    size = np.deg2rad(collapse.size_deg)
    up_shank = rotate(peak.shank, np.array([1.0, 0.0, 0.0]))[0, 2]
    lean = float(np.arcsin(np.clip(-up_shank, -1.0, 1.0)))
    if collapse.kind == "abduction":
        if collapse.driver == "frontal":
            return Strength(size, 0.0, 0.0)
        if collapse.driver == "foot":
            return Strength(size, 0.9 * size, 0.05 * size)
        return Strength(size, -0.75 * size, 0.95 * size)
    abduction = size if collapse.kind == "both" else 0.0
    wanted = 1.35 * size if collapse.kind == "both" else size
    if collapse.kind == "both" and collapse.driver == "foot":
        return Strength(size, 0.9 * size, 0.05 * size)
    rotations = np.linspace(0.0, -_MOST_ROTATION, 31)
    reached = np.array([_rise(peak, injection.collapse.side, _hip(abduction, float(r), lean)) for r in rotations])
    most = int(np.argmax(reached))
    rotation = float(np.interp(wanted, reached[: most + 1], rotations[: most + 1]))
    return _hip(abduction, rotation, lean)


def _hip(abduction: float, rotation: float, lean: float) -> Strength:
    """The femur turns in over a tibia whose foot keeps its heading."""
    return Strength(abduction, rotation, -rotation * max(float(np.cos(lean)), 0.5) + 0.5 * abduction)


def _rise(peak: LegPose, side: Side, strength: Strength) -> float:
    thigh, shank = collapsed(peak, side, strength, np.ones(1))
    change = medial_collapse(thigh, shank, side) - medial_collapse(peak.thigh, peak.shank, side)
    return float(change[0])
