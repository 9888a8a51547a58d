"""The samples of one inertial sensor, in SI units, as its decoder hands them on."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STANDARD_GRAVITY = 9.80665
"""m/s2 per g (CGPM 1901)."""


class Clock(Enum):
    """What the ticks of a sensor are worth."""

    DEVICE_TIME = "device_time"
    """A device clock: ticks advance with true time, to some tens of ppm."""
    COUNTER = "counter"
    """A sample counter: one tick a sample, at a rate known to a percent or so."""
    NONE = "none"
    """Nothing in the packet: ticks only count the samples received; loss cannot be seen."""
    SESSION = "session"
    """Ticks are session time already (imported tables): taken as they are."""


@dataclass(frozen=True, slots=True)
class ImuSamples:
    """A block of n samples of one sensor, oldest first.

    ticks: (n,) device ticks, unwrapped by the decoder, never reset within a connection.
    tick_s: nominal seconds per tick.
    clock: what the ticks mean.
    acc: (n, 3) specific force, m/s2, sensor frame (+g on the upward axis at rest).
    gyr: (n, 3) angular rate, rad/s, sensor frame.
    mag: (n, 3) uT or None.
    clipped: (n,) True where a channel stands at the end of its range.
    battery: 0 to 1, or None where this block did not say.
    lost: samples known to be missing before this block (from counter or device time); negative where late samples
    fill a hole that was counted before, so that the running sum is the true loss.
    rejected: packets or frames thrown away since the last block (short, corrupt, duplicate).
    temperature_c: of the sensor, or None where this block did not say.
    restarts: restarts of the device's clock at this block. All its samples stand on the new clock; ticks go on one
    sample interval after the last, though more time may have passed, so a time base is to be anchored anew.
    """

    ticks: Ints
    tick_s: float
    clock: Clock
    acc: Floats
    gyr: Floats
    mag: Floats | None
    clipped: Bools
    battery: float | None = None
    lost: int = 0
    rejected: int = 0
    restarts: int = 0
    temperature_c: float | None = None

    def __len__(self) -> int:
        return len(self.ticks)

    @staticmethod
    def empty(tick_s: float, clock: Clock, battery: float | None = None, rejected: int = 0) -> "ImuSamples":
        """No samples: a packet that was rejected or that only carried a battery level."""
        nothing = np.empty((0, 3))
        return ImuSamples(
            np.empty(0, np.int64), tick_s, clock, nothing, nothing, None, np.empty(0, bool), battery, 0, rejected
        )
