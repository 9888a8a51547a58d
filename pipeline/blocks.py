"""The blocks that one leg's stages hand on: the grid of both sensors, and the knee as it moves.

SI units (s, m/s2, rad, rad/s). All arrays have n rows, one a grid sample; `start` is the grid index of the first, so
that time_s = (start + i) / rate_hz, in session time. Blocks are cut anywhere; stages keep what they need.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


class Status(IntEnum):
    """Why a sample is, or is not, to be trusted. The order is the order of precedence: the highest one wins."""

    OK = 0
    CLIPPED = 1
    SLIPPED = 2
    CALIBRATING = 3
    SINGLE_SENSOR = 4
    GAP = 5


class Activity(IntEnum):
    """What is being done. `label` is the name in files."""

    OTHER = 0
    STANDING = 1
    SITTING = 2
    WALKING = 3
    STAIR_ASCENT = 4
    STAIR_DESCENT = 5
    LUNGE = 6
    SQUAT = 7
    SINGLE_LEG_SQUAT = 8
    DEADLIFT = 9
    STEP_UP = 10
    STEP_DOWN = 11
    SIT_TO_STAND = 12

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    rate_hz: float

    def __len__(self) -> int:
        return len(getattr(self, _columns(type(self))[0]))

    @property
    def time_s(self) -> Floats:
        """(n,) session time."""
        return (self.start + np.arange(len(self))) / self.rate_hz

    def cut(self, begin: int, end: int) -> Self:
        """Rows begin to end (exclusive, relative to this block)."""
        names = _columns(type(self))
        return type(self)(self.start + begin, self.rate_hz, *[getattr(self, name)[begin:end] for name in names])


def _columns(kind: type[_Block]) -> tuple[str, ...]:
    """The names of a block's arrays: the fields beside those that all blocks have."""
    names: tuple[str, ...] = vars(kind)["__slots__"]
    return names


B = TypeVar("B", bound=_Block)


def join(blocks: list[B]) -> B:
    """One block of several that follow each other without a hole."""
    first = blocks[0]
    arrays = [np.concatenate([getattr(b, name) for b in blocks]) for name in _columns(type(first))]
    return type(first)(first.start, first.rate_hz, *arrays)


def collect(blocks: Iterable[B], rows: int) -> B:
    """The same of blocks as they come, none of which is kept; rows: of all of them, one at least."""
    whole: B | None = None
    at = 0
    for block in blocks:
        names = _columns(type(block))
        if whole is None:
            whole = type(block)(block.start, block.rate_hz, *_room([getattr(block, name) for name in names], rows))
        for name in names:
            getattr(whole, name)[at : at + len(block)] = getattr(block, name)
        at += len(block)
    assert whole is not None and at == rows
    return whole


def _room(arrays: "list[NDArray[Any]]", rows: int) -> "list[NDArray[Any]]":
    """Columns like these, with so many rows, beside each other in one piece of memory, which a system gives faster
    than many."""
    sizes = [rows * math.prod(value.shape[1:]) * value.itemsize for value in arrays]
    ends = np.cumsum([-(-size // 64) * 64 for size in sizes]).tolist()
    memory = np.empty(ends[-1], np.uint8)
    return [
        memory[begin : begin + size].view(value.dtype).reshape(rows, *value.shape[1:])
        for value, size, begin in zip(arrays, sizes, [0, *ends[:-1]], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class GridBlock(_Block):
    """Both sensors of one leg on the common grid, sensor frames.

    acc (n, 3) m/s2, gyr (n, 3) rad/s. Where a sensor has no data its rows hold the last value (never NaN) and its
    `ok` is False; holes shorter than the grid's bridge length are interpolated and stay ok. clipped: either sensor is
    at the end of its range.
    """

    thigh_acc: Floats
    thigh_gyr: Floats
    shank_acc: Floats
    shank_gyr: Floats
    thigh_ok: Bools
    shank_ok: Bools
    clipped: Bools


@dataclass(frozen=True, slots=True)
class LegBlock(_Block):
    """The knee and its two segments, anatomical frames (X anterior, Y proximal, Z to the person's right).

    flexion, abduction (valgus +), rotation (internal +): (n,) rad, zero in the calibration's standing, NaN where
    unknown. excess: abduction above the unloaded path. thigh_tilt, shank_tilt: medial tilts (knee inward +);
    collapse: their sum.
    *_sd: standard deviations, rad.
    thigh_incl, shank_incl: sagittal inclination from the vertical, rad, + where the distal end is forward (flexion =
    thigh_incl - shank_incl for a leg in the sagittal plane); range -pi to pi.
    thigh_rate, shank_rate: angular rate about the mediolateral axis, rad/s, + where the distal end swings forward.
    shank_acc: (n, 3) acceleration of the shank sensor in a level frame, gravity removed, m/s2: x forward (the shank's
    own anterior axis projected on the horizontal), y up, z to the right.
    thigh_yaw, shank_yaw: rotation about the vertical since start, rad, inward (internal) + on both legs; drift slowly,
    only their changes within a step mean anything.
    thigh_quat, shank_quat: (n, 4) segment to world, scalar first; world z up, heading arbitrary but common to both.
    acc_norm: acceleration norm of the shank sensor, m/s2, raw (for impacts).
    valid: all four angles are to be trusted. status: a Status code.
    """

    flexion: Floats
    abduction: Floats
    rotation: Floats
    excess: Floats
    collapse: Floats
    thigh_tilt: Floats
    shank_tilt: Floats
    flexion_sd: Floats
    abduction_sd: Floats
    rotation_sd: Floats
    excess_sd: Floats
    collapse_sd: Floats
    thigh_incl: Floats
    shank_incl: Floats
    thigh_rate: Floats
    shank_rate: Floats
    shank_acc: Floats
    thigh_yaw: Floats
    shank_yaw: Floats
    thigh_quat: Floats
    shank_quat: Floats
    acc_norm: Floats
    valid: Bools
    status: Bytes
