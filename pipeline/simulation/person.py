"""A person: body, gait, the healthy knee's own coupling of angles, and the sensors worn.

`draw_person` draws one of a population whose spread follows the knee_biomechanics reference (sections 3 and 8): people
differ in size, cadence, amplitude and timing of the curves, coupling, soft tissue, strapping and sensors.
Angles in degrees here because a person is read and written by people; lengths in metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.blocks import Floats
from pipeline.records import Segment, Side
from pipeline.simulation.manner import Manner, draw_manner
from pipeline.simulation.wearing import DEG, Wearing, draw_wearing


@dataclass(frozen=True, slots=True)
class Body:
    """Segment lengths in metres. pelvis_m: between the hip centres; forefoot_m, heel_m: ankle to ball and to heel."""

    height_m: float
    thigh_m: float
    shank_m: float
    pelvis_m: float
    ankle_m: float
    forefoot_m: float
    heel_m: float


@dataclass(frozen=True, slots=True)
class Gait:
    """How this person walks and exercises. Gains are factors on the normative curves.

    toe_off: fraction of the cycle at preferred speed. asymmetry: late left contacts, fraction of a cycle.
    thigh_wave, knee_wave: (deg, phase 0..1) of the first harmonics added to the curves.
    stride_sd: relative variation from stride to stride. vigour: speed and smoothness of exercises, 1 is usual.
    rep_sd: relative variation of depth and tempo between repetitions.
    jolt_deg: how far the foot's stop at a heel strike jerks the shank about the knee.
    sway: seeds of the standing sway. posture_deg: variation between standings.
    """

    cadence_spm: float
    thigh_gain: float
    knee_gain: float
    knee_shift: float
    thigh_wave: tuple[tuple[float, float], ...]
    knee_wave: tuple[tuple[float, float], ...]
    toe_off: float
    asymmetry: float
    stride_sd: float
    stairs_gain: float
    depth: float
    vigour: float
    rep_sd: float
    pelvis_turn_deg: float
    pelvis_list_deg: float
    jolt_deg: float
    sway: tuple[float, ...]
    sway_deg: float
    posture_deg: float


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's own knee: what abduction and rotation do by themselves in a healthy movement.

    varus_gain, screw_gain: factors on the passive coupling with flexion (3 deg varus, 11 deg internal rotation at 100).
    loaded_abduction_deg: more abduction at 90 deg flexion under load than unloaded, +- from person to person.
    gait_abduction_deg, gait_rotation_deg: excursions in stance. lean_deg, turn_deg: thigh in the frontal and transverse
    plane while walking. knees_out_deg: thighs leaning outward in deep double-leg flexion.
    structural_deg: standing valgus + or varus -, invisible to calibrated angles.
    """

    varus_gain: float
    screw_gain: float
    loaded_abduction_deg: float
    loaded_rotation_deg: float
    gait_abduction_deg: float
    gait_rotation_deg: float
    lean_deg: float
    turn_deg: float
    knees_out_deg: float
    structural_deg: float

    def unloaded_path(self, flexion: Floats) -> Floats:
        """(n,) rad: abduction of the unloaded knee at flexion (n,) rad; zero at zero."""
        path: Floats = -3.5 * DEG * self.varus_gain * _rising(flexion, 55.0)
        return path

    def unloaded_rotation(self, flexion: Floats) -> Floats:
        """(n,) rad: internal rotation of the unloaded knee (screw-home) at flexion (n,) rad."""
        path: Floats = 11.2 * DEG * self.screw_gain * _rising(flexion, 28.0)
        return path


def _rising(flexion: Floats, constant_deg: float) -> Floats:
    """1 - exp(-f / constant), kept gentle below zero flexion."""
    f = np.maximum(flexion / DEG, -15.0) / constant_deg
    rise: Floats = 1.0 - np.exp(-f)
    return rise


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known about one simulated person. Left and right legs and sensors are drawn apart."""

    body: Body
    gait: Gait
    legs: Mapping[Side, Leg]
    wearing: Mapping[tuple[Side, Segment], Wearing]
    manner: Manner = field(default_factory=Manner)

    def mirrored(self) -> "Person":
        """The same person in a mirror: the right leg's numbers on the left, and the reverse."""
        other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
        half = len(self.gait.sway) // 2
        return replace(
            self,
            gait=replace(
                self.gait,
                asymmetry=-self.gait.asymmetry,
                sway=self.gait.sway[half:] + self.gait.sway[:half],
            ),
            manner=replace(self.manner, uneven=1.0 / self.manner.uneven),
            legs={other[side]: leg for side, leg in self.legs.items()},
            wearing={(other[side], segment): worn for (side, segment), worn in self.wearing.items()},
        )


def draw_person(
    rng: np.random.Generator,
    *,
    height_m: float | None = None,
    cadence_spm: float | None = None,
    variation: float = 1.0,
    posture: float = 1.0,
    soft_tissue: float = 1.0,
    sensor_errors: float = 1.0,
    shocks: float = 1.0,
    aligned: bool = False,
) -> Person:
    """One person of the population.

    variation: factor on how far body, gait and coupling are from the average and on variation between repetitions.
    posture: factor on sway and on differences between standings. soft_tissue, sensor_errors, shocks: factors on these
    causes, 0 switches them off. aligned: sensors along the segment axes. The same draws are made whatever the factors,
    so that two people of one seed differ in nothing else.
    """
    height = height_m if height_m is not None else float(rng.normal(1.72, 0.09))
    # Drawn apart, so that the numbers below are the same with and without it.
    manner = draw_manner(rng.spawn(1)[0], variation)
    size = height / 1.72
    body = Body(
        height_m=height,
        thigh_m=0.42 * size * (1.0 + 0.03 * float(rng.standard_normal())),
        shank_m=0.40 * size * (1.0 + 0.03 * float(rng.standard_normal())),
        pelvis_m=float(rng.normal(0.17, 0.012)),
        ankle_m=0.08 * size,
        forefoot_m=0.125 * size,
        heel_m=0.05 * size,
    )
    gait = _draw_gait(rng, cadence_spm, variation, posture)
    gait = replace(gait, jolt_deg=shocks * manner.impact * gait.jolt_deg)
    legs = _draw_legs(rng, variation)
    wearing = {}
    for side in Side:
        for segment in Segment:
            length = body.thigh_m if segment is Segment.THIGH else body.shank_m
            worn = draw_wearing(rng, segment, length, soft_tissue, sensor_errors, aligned)
            wearing[side, segment] = replace(worn, shock=shocks * manner.impact * worn.shock)
    return Person(body, gait, legs, wearing, manner)


def _draw_gait(rng: np.random.Generator, cadence_spm: float | None, variation: float, posture: float) -> Gait:
    def normal(mean: float, sd: float) -> float:
        return mean + variation * sd * float(rng.standard_normal())

    def wave(sizes: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
        return tuple((normal(0.0, s), float(rng.uniform())) for s in sizes)

    drawn_cadence = normal(110.0, 6.0)
    return Gait(
        cadence_spm=cadence_spm if cadence_spm is not None else min(max(drawn_cadence, 96.0), 124.0),
        thigh_gain=normal(1.0, 0.06),
        knee_gain=normal(1.03, 0.05),
        knee_shift=normal(0.0, 0.008),
        thigh_wave=wave((0.8, 0.7, 0.4)),
        knee_wave=wave((1.2, 1.0, 0.5)),
        toe_off=min(max(normal(0.615, 0.01), 0.59), 0.64),
        asymmetry=normal(0.0, 0.006),
        stride_sd=0.02 * variation,
        stairs_gain=normal(1.0, 0.03),
        depth=normal(1.0, 0.07),
        vigour=min(max(normal(1.0, 0.12), 0.75), 1.3),
        rep_sd=0.06 * variation,
        pelvis_turn_deg=normal(5.0, 1.5),
        pelvis_list_deg=normal(3.0, 1.0),
        jolt_deg=1.0 + variation * 0.3 * float(rng.uniform(-1.0, 1.0)),
        sway=tuple(float(v) for v in rng.uniform(size=24)),
        sway_deg=float(rng.uniform(0.2, 0.5)) * posture,
        posture_deg=1.2 * posture,
    )


def _draw_legs(rng: np.random.Generator, variation: float) -> dict[Side, Leg]:
    """Two legs alike: most of each number is the person's, a little the leg's own."""

    def pair(mean: float, sd: float) -> tuple[float, float]:
        common = float(rng.standard_normal())
        own = rng.standard_normal(2)
        left, right = (mean + variation * sd * (0.9 * common + 0.44 * float(o)) for o in own)
        return left, right

    drawn = [
        pair(0.8, 0.8),
        pair(0.8, 0.45),
        pair(0.8, 1.2),
        pair(0.0, 1.5),
        pair(1.6, 0.6),
        pair(3.6, 1.1),
        pair(2.2, 0.7),
        pair(3.0, 1.2),
        pair(6.0, 3.0),
        pair(1.0, 2.0),
    ]
    return {side: Leg(*(values[k] for values in drawn)) for k, side in enumerate((Side.LEFT, Side.RIGHT))}


def restrap(person: Person, rng: np.random.Generator, *, soft_tissue: float = 1.0, keep_sensors: bool = True) -> Person:
    """The same person after taking the sensors off and putting them on again: new places, mounting and soft tissue.

    keep_sensors: the same devices with the same errors.
    """
    wearing = {}
    for (side, segment), worn in person.wearing.items():
        length = person.body.thigh_m if segment is Segment.THIGH else person.body.shank_m
        new = draw_wearing(rng, segment, length, soft_tissue)
        wearing[side, segment] = replace(new, imu=worn.imu, shock=worn.shock) if keep_sensors else new
    return replace(person, wearing=wearing)
