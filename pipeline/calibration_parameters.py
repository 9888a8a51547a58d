"""What the automatic calibration asks of a person's standing and flexions, and what it gives."""

from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment
from pipeline.leg_rows import LegRows

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class CalibratingParameters:
    """rest_gyr_rad_s, rest_acc_m_s2: scatter below which a block is at rest (quiet standing sways by 1 to 2 deg/s).

    rest_blocks: blocks of rest that make a standing. bent, straight: inclination of the shank against standing that
    begins and ends a flexion, rad. flexions: how many are wanted; few: how many will do where the person goes on.
    shortest_s, longest_s: a flexion's duration. impact_m_s2: what no slow flexion reaches. thigh_share: most the
    thigh moves, relative to the shank. motion_blocks: moving blocks after which the motion itself is used, after a
    standing or without one. buffer_blocks: what is kept. moving_rows, moving_enough: rows of movement after the
    flexions, from which the axis of the thigh is taken, at least and at most; telling: mean hyperextension that
    tells which way an axis points, rad. rising_s: how soon after seated flexions a person rises, where that is
    still looked for. *_prior_sd: what soft tissue alone makes of an axis, rad; upright_sd, upright_motion_sd: of
    the long axes with and without a standing; upright_lean: most that a segment may lean in a rest that counts as
    standing, rad; straightest: a walking knee's least flexion, rad.
    """

    rest_gyr_rad_s: float = 0.08
    rest_acc_m_s2: float = 0.35
    rest_blocks: int = 5
    bent: float = 30.0 * _DEG
    straight: float = 12.0 * _DEG
    flexions: int = 5
    few: int = 3
    shortest_s: float = 0.7
    longest_s: float = 6.0
    shake_m_s2: float = 3.5
    thigh_shake_m_s2: float = 1.2
    thigh_share: float = 0.75
    motion_blocks_standing: int = 10
    motion_blocks_alone: int = 40
    buffer_blocks: int = 160
    thigh_tissue: float = 5.0 * _DEG
    thigh_prior_sd: float = 10.0 * _DEG
    shank_prior_sd: float = 4.6 * _DEG
    thigh_gait_sd: float = 3.0 * _DEG
    thigh_motion_sd: float = 6.0 * _DEG
    shank_motion_sd: float = 4.0 * _DEG
    motion_doubt: float = 0.1
    moving_rows: int = 300
    moving_enough: int = 6000
    telling: float = 0.5 * _DEG
    rising_s: float = 30.0
    upright_sd: float = 0.5 * _DEG
    upright_motion_sd: float = 4.0 * _DEG
    upright_lean: float = 20.0 * _DEG
    straightest: float = 3.0 * _DEG


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An alignment and where it came from: the rows of the standing and of the flexions (None where there were none),
    as grid indices, and how many flexions."""

    alignment: Alignment
    standing: tuple[int, int] | None
    flexing: tuple[int, int] | None
    flexions: int
    rows: LegRows
