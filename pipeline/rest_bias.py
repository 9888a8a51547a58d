"""A worn gyroscope's bias, from every rest so far.

A person who stands still sways: over half a second the strap turns by a good part of a degree, and a filter that takes
each rest for stillness learns that sway as bias. What a whole standing turns is small, though, and what ten standings
turn is no more: so the bias is the mean rate over all rests, all blocks of them counting alike, old ones slowly
forgotten (temperature). Its uncertainty follows from what a standing turns in all. How much a person sways is seen in
how the blocks' means scatter: to leave out what is far from a bias that one sway of such a person suggested would keep
that bias for good.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Bools, Floats

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class RestBiasParameters:
    """block_s: length of a block. gyr_sd, acc_sd: scatter of a resting block, per axis, rad/s and m/s2. gyr_mean: most
    that a first mean rate may be, rad/s; far: most that a later one may differ from the bias, rad/s, of a person who
    sways little; furthest: of anybody. first_blocks: rest that must be seen before anything is said. turned: what a
    standing turns in all, rad (1 sd).
    keep_s: memory. floor: standard deviation that remains, rad/s."""

    block_s: float = 0.5
    gyr_sd: float = 0.08
    acc_sd: float = 0.35
    gyr_mean: float = 0.5
    far: float = 3.0 * _DEG
    furthest: float = 7.0 * _DEG
    first_blocks: int = 6
    turned: float = 0.4 * _DEG
    keep_s: float = 600.0
    floor: float = 0.01 * _DEG


class RestBias:
    """`update` with each complete block; it returns (bias (3,) rad/s, standard deviation rad/s) where there is news."""

    def __init__(self, parameters: RestBiasParameters | None = None) -> None:
        self._p = parameters or RestBiasParameters()
        self._waiting: list[Floats] = []
        self._sum = np.zeros(3)
        self._squares = np.zeros(3)
        self._blocks = 0.0
        self._rests = 0.0
        self._resting = False

    def update(self, acc: Floats, gyr: Floats) -> tuple[Floats, float] | None:
        """acc (n, 3) m/s2, gyr (n, 3) rad/s as measured, of one block in which the sensor delivered."""
        still = resting_blocks(acc, gyr, len(acc), self._p)
        return self.add(gyr.mean(axis=0), bool(still[0]))

    def add(self, mean: Floats, still: bool) -> tuple[Floats, float] | None:
        """The mean rate (3,) of the next block and whether it was one of rest. A rest's first and last block, in which
        movement ends and begins, are left out."""
        p = self._p
        keep = float(np.exp(-p.block_s / p.keep_s))
        self._sum, self._squares = keep * self._sum, keep * self._squares
        self._blocks, self._rests = keep * self._blocks, keep * self._rests
        if not still or (self._blocks > 0 and np.abs(mean - self._sum / self._blocks).max() > self._far):
            self._waiting = []
            self._resting = False
            return None
        self._waiting.append(mean)
        if not self._resting and len(self._waiting) < (p.first_blocks if self._blocks == 0 else 3):
            return None
        if not self._resting:
            self._resting = True
            self._rests += 1.0
            del self._waiting[0]
        done, self._waiting = self._waiting[:-1], self._waiting[-1:]
        if not done:
            return None
        self._sum = self._sum + np.sum(done, axis=0)
        self._squares = self._squares + np.sum(np.square(done), axis=0)
        self._blocks += len(done)
        turned = max(p.turned, self._sway * p.block_s)
        sd = turned * np.sqrt(self._rests) / (self._blocks * p.block_s)
        return self._sum / self._blocks, float(np.hypot(sd, p.floor))

    @property
    def _sway(self) -> float:
        """Scatter of the blocks' mean rates so far, rad/s, of the axis that sways most."""
        variance = self._squares / self._blocks - (self._sum / self._blocks) ** 2
        return float(np.sqrt(max(variance.max(), 0.0)))

    @property
    def _far(self) -> float:
        return min(float(np.hypot(self._p.far, 3.0 * self._sway)), self._p.furthest)

    def lost(self) -> None:
        """The sensor was away."""
        self._waiting = []
        self._resting = False


def resting_blocks(acc: Floats, gyr: Floats, length: int, p: RestBiasParameters) -> Bools:
    """(b,) whether the sensor kept still over each whole block of `length` rows."""
    count = len(acc) // length
    still = np.ones(count, bool)
    for values, scatter, most in ((gyr, p.gyr_sd, p.gyr_mean), (acc, p.acc_sd, np.inf)):
        blocks = values[: count * length].reshape(count, length, 3)
        mean = np.einsum("bkc->bc", blocks) / length
        square = np.einsum("bkc,bkc->bc", blocks, blocks) / length - mean * mean
        still &= (square.max(axis=1) <= scatter**2) & (np.abs(mean).max(axis=1) <= most)
    return still


def bias_of_recording(
    acc: Floats, gyr: Floats, ok: Bools, rate_hz: float, parameters: RestBiasParameters | None = None
) -> tuple[Floats, float] | None:
    """((n, 3) rad/s, standard deviation rad/s) over a whole recording, the rests around each row weighted by their
    distance in time; None where the sensor never rested."""
    p = parameters or RestBiasParameters()
    length = max(2, round(p.block_s * rate_hz))
    count = len(gyr) // length
    still = resting_blocks(acc, gyr, length, p) & np.all(ok[: count * length].reshape(count, length), axis=1)
    inner = still.copy()
    inner[1:] &= still[:-1]
    inner[:-1] &= still[1:]
    means = gyr[: count * length].reshape(count, length, 3).mean(axis=1)
    usual = np.median(means[inner], axis=0) if inner.any() else np.zeros(3)
    inner &= np.abs(means - usual).max(axis=1) <= p.far
    at = np.flatnonzero(inner)
    if len(at) < 2:
        return None
    rests = 1 + int((np.diff(at) > 1).sum())
    sd = float(np.hypot(p.turned * np.sqrt(rests) / (len(at) * p.block_s), p.floor))
    knots = np.linspace(0, count, 2 + int(count * p.block_s / (0.25 * p.keep_s)))
    weight = np.exp(-np.abs(knots[:, None] - at) * (p.block_s / p.keep_s))
    values = weight @ means[at] / weight.sum(axis=1, keepdims=True)
    rows = np.arange(len(gyr)) / length
    return np.stack([np.interp(rows, knots, values[:, k]) for k in range(3)], axis=-1), sd
