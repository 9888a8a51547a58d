"""What the arrivals of two sensors and the motion that they share leave together: where both clocks stand.

Arrivals allow each clock a set of lines: for every slope an interval of offsets, with a weight (see `envelope`). Motion
tells the difference of the two and its drift, as a normal distribution. The product of all three is summed over the
slopes and one clock's offsets, and integrated in closed form over the other's. So bounds stay bounds: a phase that was
seen to wrap is not moved by what soft tissue does, and where neither has wrapped the motion decides. Above all the
drift tells. From arrivals alone a slope is known once the phase has wrapped twice; here one wrap of either sensor is
enough for both, since the difference of the slopes is known.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from scipy.special import ndtr

from firmware_interface.samples import Floats


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that arrivals allow one clock: slopes (k,) even and increasing, log of their weights (k,), and for each
    the largest value that it can have now and how far below it may be, s, (k,)."""

    slopes: Floats
    log_weight: Floats
    highest: Floats
    room: Floats

    @property
    def step(self) -> float:
        """Between two slopes."""
        return float(self.slopes[1] - self.slopes[0])

    def at(self, slopes: Floats) -> "Lines":
        """Between the given ones; what lies outside weighs nothing."""
        outside = (slopes < self.slopes[0]) | (slopes > self.slopes[-1])
        weight, highest, room = (np.interp(slopes, self.slopes, v) for v in (self.log_weight, self.highest, self.room))
        return Lines(slopes, np.where(outside, -np.inf, weight), highest, room)

    def picked(self, index: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> "Lines":
        """Those of these numbers, in any order."""
        return Lines(self.slopes[index], self.log_weight[index], self.highest[index], self.room[index])


@dataclass(frozen=True, slots=True)
class Agreed:
    """A line that is not the arrivals' own: value_s is to be added to the device's time x_s, slope more with each
    second of it; sd_s: standard deviation of the value."""

    x_s: float
    value_s: float
    slope: float
    sd_s: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The first clock's value minus the second's, s, and its drift, s/s, with variances and covariance."""

    value_s: float
    drift: float
    var: float
    drift_var: float
    covariance: float


@dataclass(frozen=True, slots=True)
class Together:
    """values_s, vars: of both clocks now. slopes: of both. difference_var: of the first minus the second."""

    values_s: tuple[float, float]
    vars: tuple[float, float]
    slopes: tuple[float, float]
    difference_var: float


_OFFSETS = (np.arange(12) + 0.5) / 12
_NODES = np.linspace(-3.0, 3.0, 15)
_NARROW = 3.0
"""A drift known to fewer steps of the slopes than this is taken at nodes of its own."""
_NEGLIGIBLE = 14.0


def together(first: Lines, second: Lines, motion: Difference) -> Together | None:
    """The two joined; None where motion contradicts all that arrivals allow."""
    one, two, log_weight = _pairs(first, second, motion)
    keep = np.flatnonzero(log_weight > log_weight.max() - _NEGLIGIBLE)
    if not len(keep):
        return None
    one, two, log_weight = one.picked(keep), two.picked(keep), log_weight[keep]
    gain = motion.covariance / motion.drift_var
    expected = motion.value_s + gain * (one.slopes - two.slopes - motion.drift)
    sd = sqrt(max(motion.var - gain * motion.covariance, 1e-12))
    # (p, 12) the first's value; the second's is then normal about `centre`, cut off at its bounds.
    value = one.highest[:, None] - one.room[:, None] * _OFFSETS
    centre = value - expected[:, None]
    low = (two.highest - two.room)[:, None] - centre
    low, high = low / sd, (two.highest[:, None] - centre) / sd
    flip = low > 0.0
    share = np.where(flip, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    weight = np.exp(log_weight - log_weight.max())[:, None] * share * (sd / two.room)[:, None]
    total = float(weight.sum())
    if not total > 1e-200:
        return None
    weight /= total
    share = np.maximum(share, 1e-300)
    at_low, at_high = (np.exp(-0.5 * z * z) / sqrt(2.0 * pi) for z in (low, high))
    mean = (at_low - at_high) / share
    square = 1.0 + (low * at_low - high * at_high) / share
    other, other_var = centre + sd * mean, np.maximum(sd * sd * (square - mean * mean), 0.0)

    def moments(values: Floats) -> tuple[float, float]:
        middle = float((weight * values).sum())
        return middle, float((weight * (values - middle) ** 2).sum())

    rest = float((weight * other_var).sum())
    # Parts of the first's interval are taken at their middles.
    within = float((weight * (one.room[:, None] / len(_OFFSETS)) ** 2).sum()) / 12.0
    (value1, var1), (value2, var2), (_, var) = moments(value), moments(other), moments(value - other)
    each = weight.sum(axis=1)
    slopes = float((each * one.slopes).sum()), float((each * two.slopes).sum())
    return Together((value1, value2), (var1 + within, var2 + rest), slopes, var + rest)


def _pairs(first: Lines, second: Lines, motion: Difference) -> tuple[Lines, Lines, Floats]:
    """Pairs of slopes (p,) and the log of each pair's weight."""
    drift_sd = sqrt(motion.drift_var)
    if drift_sd > _NARROW * max(first.step, second.step):
        i, j = (n.ravel() for n in np.indices((len(first.slopes), len(second.slopes))))
        one, two = first.picked(i), second.picked(j)
        off = (one.slopes - two.slopes - motion.drift) / drift_sd
    elif first.step <= second.step:
        off = np.tile(_NODES, len(first.slopes))
        one = first.picked(np.repeat(np.arange(len(first.slopes)), len(_NODES)))
        two = second.at(one.slopes - motion.drift - drift_sd * off)
    else:
        off = np.tile(_NODES, len(second.slopes))
        two = second.picked(np.repeat(np.arange(len(second.slopes)), len(_NODES)))
        one = first.at(two.slopes + motion.drift + drift_sd * off)
    return one, two, one.log_weight + two.log_weight - 0.5 * off**2
