"""Known motions for the tests of the sensor side."""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY, Floats


def motion(time_s: Floats) -> tuple[Floats, Floats]:
    """A sensor that is shaken and turned: acc (n, 3) m/s2, gyr (n, 3) rad/s, a function of time alone."""
    t = time_s[:, None]
    acc = np.array([0.0, 0.0, STANDARD_GRAVITY]) + 3.0 * np.sin(t * np.array([3.0, 5.0, 7.0]))
    gyr = 2.0 * np.cos(t * np.array([2.0, 4.0, 6.0]))
    return acc, gyr


@dataclass(frozen=True)
class Shaken:
    """A MotionSource of `motion`, sampled at k / rate_hz."""

    rate_hz: float = 100.0

    def read(self, start_s: float, end_s: float) -> tuple[Floats, Floats, Floats]:
        """Samples with start_s <= t < end_s."""
        first, last = (int(np.ceil(edge * self.rate_hz - 1e-9)) for edge in (start_s, end_s))
        time_s = np.arange(first, last) / self.rate_hz
        return time_s, *motion(time_s)
