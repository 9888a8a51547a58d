"""Where a channel stands at the end of its range, for sensors that send physical values of a range they do not tell.

A converter that is at its end gives its largest or smallest number, so its value stands within two counts of 16 bits of
one of the chip's ranges. That a moving value is found exactly there by chance is rare, and only marks one sample.
"""

from collections.abc import Sequence

import numpy as np

from firmware_interface.samples import Bools, Floats

ACC_G = (2.0, 4.0, 8.0, 16.0)
GYR_DPS = (125.0, 250.0, 500.0, 1000.0, 2000.0)
"""The ranges of the inertial chips in use (Bosch BMI160, BMI270; ST LSM6DS family: 250 to 2000)."""

_COUNTS = 32768


def at_an_end(values: Floats, ranges: Sequence[float], counts: float = 2.0) -> Bools:
    """(n,) True where any of the (n, k) values is at the end of one of the ranges, or beyond the largest.

    counts: how far below the end still is the end, in 1/32768 of the range.
    """
    size = np.abs(values)
    ends = np.array(ranges)[:, None, None]
    near = (size >= ends * (1 - counts / _COUNTS)) & (size <= ends * (1 + 1e-6))
    reached: Bools = np.logical_or.reduce(near.any(axis=0) | (size >= max(ranges)), axis=1)
    return reached
