"""A person's manner: what differs from one to the next in how steps and exercises are done, beyond size and cadence.

Means and spreads follow the exercise table and the stairs of the knee_biomechanics reference (sections 3.4 and 3.5):
how thigh and shank share a bend, how steep a chair or a lunge is, how hard a foot comes down, in what rhythm a
repetition runs. Everything is drawn once per person; repetitions vary around it (bouts/).
"""

from dataclasses import dataclass

import numpy as np

Waves = tuple[tuple[float, float], ...]
"""(deg, phase 0..1) of the first harmonics that are added to a curve over the cycle."""


@dataclass(frozen=True, slots=True)
class Manner:
    """Factors (1 is usual), shares, and angles in deg.

    impact: of the feet. tempo: duration of a repetition. skew: how much later than usual its middle comes, a share of
    it. hold: pauses at the bottom.
    squat_share, single_share, down_share: thigh per knee in squats, single-leg squats and step-downs.
    hinge_knee_deg, hinge_share: the same of a deadlift. seat_knee_deg, seat_lean_deg: knee on the chair, and how far
    the shank leans forward there. lunge_*: knee in the swing forward and back, thigh and knee at contact.
    box_lean_deg: shank on the box. one_leg_lean_deg: the whole leg, inward, under a body that stands on it alone.
    fidget: how much is moved at rest, sitting or talking.
    stairs_*: pace, and waves on the curves. walk_knee, walk_thigh: further waves on the curves of walking.
    uneven: the left knee's range against the right's in walking.
    """

    impact: float = 1.0
    tempo: float = 1.0
    skew: float = 0.0
    hold: float = 1.0
    squat_share: float = 0.72
    single_share: float = 0.6
    down_share: float = 0.585
    hinge_knee_deg: float = 26.0
    hinge_share: float = 1.12
    seat_knee_deg: float = 94.0
    seat_lean_deg: float = 4.0
    lunge_swing_deg: float = 62.0
    lunge_back_deg: float = 62.0
    lunge_reach_deg: float = 48.0
    lunge_contact_deg: float = 15.0
    box_lean_deg: float = 17.0
    one_leg_lean_deg: float = 3.0
    fidget: float = 1.0
    stairs_pace: float = 1.0
    stairs_knee: Waves = ()
    stairs_thigh: Waves = ()
    walk_knee: Waves = ()
    walk_thigh: Waves = ()
    uneven: float = 1.0


def draw_manner(rng: np.random.Generator, variation: float = 1.0) -> Manner:
    """One person's manner. variation: factor on how far it is from the usual."""

    def normal(mean: float, sd: float, most: float = 2.2) -> float:
        return mean + variation * sd * float(np.clip(rng.standard_normal(), -most, most))

    def factor(sd: float) -> float:
        return float(np.exp(variation * sd * np.clip(rng.standard_normal(), -2.2, 2.2)))

    def waves(sizes: tuple[float, ...]) -> Waves:
        return tuple((normal(0.0, s), float(rng.uniform())) for s in sizes)

    return Manner(
        impact=factor(0.12),
        tempo=factor(0.12),
        skew=normal(0.0, 0.03),
        hold=factor(0.6),
        squat_share=normal(0.725, 0.035),
        single_share=normal(0.6, 0.04),
        down_share=normal(0.585, 0.045),
        hinge_knee_deg=normal(26.0, 5.0),
        hinge_share=normal(1.12, 0.05, 1.8),
        seat_knee_deg=normal(94.0, 6.0),
        seat_lean_deg=normal(4.0, 4.0),
        lunge_swing_deg=normal(60.0, 7.0),
        lunge_back_deg=normal(60.0, 7.0),
        lunge_reach_deg=normal(48.0, 4.0),
        lunge_contact_deg=normal(17.0, 4.0),
        box_lean_deg=normal(17.0, 3.0),
        one_leg_lean_deg=normal(4.0, 0.6),
        fidget=factor(0.4),
        stairs_pace=factor(0.1),
        stairs_knee=waves((2.5, 2.0, 1.0)),
        stairs_thigh=waves((1.5, 1.2, 0.6)),
        walk_knee=waves((1.4, 1.2, 0.8)),
        walk_thigh=waves((1.0, 0.8, 0.5)),
        uneven=factor(0.035),
    )
