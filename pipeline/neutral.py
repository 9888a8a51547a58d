"""Quiet standing after the calibration: the same neutral pose again, so the heading can be set by it.

A block is neutral where both sensors are at rest and both segments stand as upright as in the calibration. Then the
knee's rotation is zero by definition, up to how well a person repeats a stance (1 to 2 deg).
"""

from dataclasses import dataclass, field
from math import atan2

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Bools, Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.heading_model import wrapped
from pipeline.leg_rows import LegRows
from pipeline.rests import at_rest

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class NeutralParameters:
    """upright: how far each segment may lean, rad. sd: how well the stance repeats, rad. first_block, every_blocks: the
    blocks of a rest that count, so that one long standing is not many."""

    upright: float = 8.0 * _DEG
    sd: float = 2.0 * _DEG
    first_block: int = 2
    every_blocks: int = 20
    rest: CalibratingParameters = field(default_factory=CalibratingParameters)


def is_neutral(rows: LegRows, alignment: Alignment, p: NeutralParameters) -> bool:
    """Whether these rows are a quiet upright standing."""
    return at_rest(rows, p.rest) and is_upright(rows, alignment, p)


def is_upright(rows: LegRows, alignment: Alignment, p: NeutralParameters) -> bool:
    """Whether both segments stand as upright as in the calibration, in rows that are at rest."""
    return bool(upright_blocks(rows, len(rows), alignment, p)[0])


def upright_blocks(rows: LegRows, length: int, alignment: Alignment, p: NeutralParameters) -> Bools:
    """(b,) the same of each whole block of `length` rows."""
    count = len(rows) // length
    upright = np.ones(count, bool)
    total_of = np.tile(np.eye(3), (length, 1))
    for matrix, acc in ((alignment.thigh_from_sensor, rows.thigh_acc), (alignment.shank_from_sensor, rows.shank_acc)):
        total = acc[: count * length].reshape(count, 3 * length) @ total_of
        upright &= total @ matrix[1] >= np.cos(p.upright) * np.linalg.norm(total, axis=1)
    return upright


def neutral_turn(rows: LegRows, alignment: Alignment) -> float:
    """delta + shank - thigh (pipeline/heading.py) in a neutral pose: how far the thigh's Z is turned against the
    shank's, each in its own level frame, rad."""
    thigh = _heading_of(alignment.thigh_from_sensor[2], rows.thigh_quat)
    shank = _heading_of(alignment.shank_from_sensor[2], rows.shank_quat)
    return wrapped(thigh - shank)


def _heading_of(direction: Floats, quat: Floats) -> float:
    """Direction, about the vertical, of a sensor-frame vector (3,), averaged over the rows: rotation matrices are sums
    of products of the quaternions' components, and so is their mean."""
    x, y, z = direction.tolist()
    (ww, wx, wy, wz), (_, xx, xy, xz), (_, _, yy, yz), (_, _, _, zz) = (quat.T @ quat).tolist()
    east = (ww + xx - yy - zz) * x + 2.0 * (xy - wz) * y + 2.0 * (xz + wy) * z
    north = 2.0 * (xy + wz) * x + (ww - xx + yy - zz) * y + 2.0 * (yz - wx) * z
    return atan2(north, east)
