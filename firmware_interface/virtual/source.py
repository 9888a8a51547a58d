"""What a virtual sensor measures: the small interface that a simulated person implements."""

from typing import Protocol

from firmware_interface.samples import Floats


class MotionSource(Protocol):
    """The signals of one sensor on a body, as a function of true time.

    read(start_s, end_s) returns the samples with start_s <= t < end_s:
    t (n,) s, acc (n, 3) m/s2 specific force, gyr (n, 3) rad/s, in the sensor frame, errors of the sensor included.
    A source never ends: a script that is over repeats.
    """

    rate_hz: float

    def read(self, start_s: float, end_s: float) -> tuple[Floats, Floats, Floats]: ...
