"""Rests: blocks in which both sensors keep still, and what is up in them.

Quiet standing sways by a degree or two a second, so a block is at rest where its rates and accelerations scatter
little, not where they vanish; a mean rate too large for a bias is a slow turn and no rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from calibration.alignment import upright
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bools, Floats
from pipeline.leg_rows import LegRows


class RestLimits(Protocol):
    """Scatter below which a block is at rest, per axis."""

    @property
    def rest_gyr_rad_s(self) -> float: ...

    @property
    def rest_acc_m_s2(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Rest:
    """Grid rows begin to end; the upward direction in each sensor's frame, (3,)."""

    begin: int
    end: int
    up_thigh: Floats
    up_shank: Floats

    @staticmethod
    def of(blocks: list[LegRows]) -> "Rest":
        """Blocks that follow each other."""
        thigh, shank = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("thigh_acc", "shank_acc"))
        begin = blocks[0].start
        return Rest(begin, begin + len(thigh), upright(thigh), upright(shank))


def at_rest(rows: LegRows, p: RestLimits) -> bool:
    """Whether both sensors kept still over these rows."""
    return len(rows) >= 5 and bool(resting(rows, len(rows), p)[0])


def resting(rows: LegRows, length: int, p: RestLimits) -> Bools:
    """(b,) whether both sensors kept still over each whole block of `length` rows; one that feels no weight is dead."""
    count = len(rows) // length
    mean_of = _mean_of(length)
    still: Bools = np.all(rows.ok[: count * length].reshape(count, length), axis=1)
    for values, scatter, least, most in (
        (rows.shank_gyr, p.rest_gyr_rad_s, 0.0, _TURNING),
        (rows.thigh_gyr, p.rest_gyr_rad_s, 0.0, _TURNING),
        (rows.shank_acc, p.rest_acc_m_s2, _WEIGHT, np.inf),
        (rows.thigh_acc, p.rest_acc_m_s2, _WEIGHT, np.inf),
    ):
        # What moves is not looked at any further.
        left = np.flatnonzero(still)
        blocks = values[: count * length].reshape(count, 3 * length)
        blocks = blocks if len(left) == count else blocks[left]
        mean = blocks @ mean_of
        variance = (blocks * blocks) @ mean_of - mean * mean
        quiet = ((variance <= scatter**2) & (np.abs(mean) <= most)).all(axis=1)
        still[left] = quiet & ((mean * mean).sum(axis=1) >= least**2)
    return still


def resting_in_turn(rows: LegRows, length: int, p: RestLimits) -> Iterator[bool]:
    """The same of one block after the other, for who may not need them all."""
    for begin in range(0, len(rows), _AT_ONCE * length):
        yield from resting(rows.cut(begin, begin + _AT_ONCE * length), length, p).tolist()


_AT_ONCE = 64
"""Blocks."""


@cache
def _mean_of(length: int) -> Floats:
    """(3 length, 3) what makes the mean of a block, its rows one after the other; of every second row where there are
    many: sway is slow."""
    used = np.zeros(length)
    used[:: 2 if length >= 40 else 1] = 1.0
    return np.kron(used[:, None] / used.sum(), np.eye(3))


_WEIGHT = 0.5 * STANDARD_GRAVITY
_TURNING = 0.35
"""A mean rate (rad/s) that is no bias but a turn."""
