"""Whether both legs' sensors are on each other's leg, from how thighs and shanks sway in the strides of walking.

A leg that carries the body stands under its middle, and the body sways over it and back: an inverted pendulum in the
frontal plane. The hip adducts, so that the thigh's lower end leans inwards, most in the middle of stance; the shank's
upper end goes outwards with the body, and inwards again in the swing, in which the whole leg is led outwards. On the
wrong leg each of these has the other sign. Both are taken as the part of the medial tilt that follows a cosine over the
stride, without what goes with the segment's sagittal inclination, which is an axis that is some degrees off.

In 14 walks of eight people, ordinary and with a stiff knee, the thigh's sway was 0.9 to 4.8 deg in the mean of both
legs, the shank's 2.1 to 5.2, and no leg's was negative. Each counts as the logarithm of a ratio of likelihoods,
worn right or exchanged, within limits: the thigh decides, the shank can keep from a decision. Strides
count where left and right alternate and the shank turns faster forwards than back, as in walking forwards; whoever
swings one leg aside tells nothing, since both thighs must agree. One sensor of each leg exchanged can look the same
(swaps.py knows), and so does a calibration from walking backwards.

Source: adduction of the hip in stance, Perry and Burnfield, Gait Analysis; the frontal pendulum, MacKinnon and Winter
1993.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pipeline.blocks import Floats, LegBlock
from pipeline.records import Side
from pipeline.swaps import Fit, Told

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Sway:
    """How a segment's medial tilt goes over a stride from one swing's fastest moment to the next, in the mean of both
    legs. peak: where it is largest, share of the stride. usual, sd: size of it in people, rad. most: logarithm of a
    ratio of likelihoods beyond which it tells no more."""

    peak: float
    usual: float
    sd: float
    most: float

    def evidence(self, size: float) -> float:
        """Positive where it fits the legs as named."""
        return float(np.clip(2.0 * self.usual * size / self.sd**2, -self.most, self.most))


@dataclass(frozen=True, slots=True)
class MirrorParameters:
    """Found in public walks; limits chosen on them and on simulated people (seeds below 100).

    window_s: rows that are looked at together. swing: peak rate of a shank that swings, rad/s; apart_s: the least
    between two peaks, half of it to each side. stride_s: shortest and longest stride. other: where in a leg's stride
    the other leg's begins. told: logarithm of a ratio of likelihoods that tells. least, kept: pairs of strides that are
    needed, and remembered. against: every thigh's sway must be beyond this, rad, on the side that is told.
    """

    window_s: float = 4.0
    swing: float = 1.8
    apart_s: float = 0.4
    stride_s: tuple[float, float] = (0.75, 1.7)
    other: tuple[float, float] = (0.3, 0.7)
    thigh: Sway = Sway(0.38, 2.3 * _DEG, 1.0 * _DEG, 12.0)
    shank: Sway = Sway(0.02, 3.3 * _DEG, 1.2 * _DEG, 2.0)
    told: float = 5.0
    least: int = 16
    kept: int = 60
    against: float = 0.3 * _DEG


@dataclass(frozen=True, slots=True)
class _Stride:
    """begin_s, end_s: session time. known_s: of the window in which it was found. sums (2, 4), thigh and shank: the
    cosine in tilt and in sagittal inclination, their product, the inclination's square."""

    begin_s: float
    end_s: float
    known_s: float
    sums: Floats


@dataclass(slots=True)
class _Leg:
    parts: list[Floats] = field(default_factory=list)
    """Rows of shank rate, then tilt and sine of the sagittal inclination of thigh and shank; from row `start` on."""
    start: int = 0
    peak: int | None = None
    strides: deque[_Stride] = field(default_factory=deque)


class MirrorWatch:
    """`update(side, block)` gives what is told with these rows of one leg: news, and SWAPPED as long as it stands."""

    def __init__(self, parameters: MirrorParameters | None = None) -> None:
        self._p = parameters or MirrorParameters()
        self._legs = {side: _Leg(strides=deque(maxlen=self._p.kept)) for side in Side}
        self._pairs: deque[Floats] = deque(maxlen=self._p.kept)
        self.fit = Fit.UNKNOWN

    def update(self, side: Side, block: LegBlock) -> list[Told]:
        """The rows follow the leg's last ones without a hole; times are those of the windows that decide."""
        leg = self._legs[side]
        size = round(self._p.window_s * block.rate_hz)
        rows = np.stack(
            [
                block.shank_rate,
                block.thigh_tilt,
                np.sin(block.thigh_incl),
                block.shank_tilt,
                np.sin(block.shank_incl),
            ]
        )
        if not leg.parts:
            leg.start = block.start
        told = []
        begin = 0
        while begin < len(block):
            end = min(len(block), begin + size - (block.start + begin) % size)
            leg.parts.append(rows[:, begin:end])
            if (block.start + end) % size == 0:
                leg.strides.extend(self._strides(leg, block.rate_hz))
                told += self._paired()
            begin = end
        return told

    def _strides(self, leg: _Leg, rate_hz: float) -> Iterator[_Stride]:
        """Strides that end in the rows so far; keeps those from the last peak on."""
        p = self._p
        rows = np.concatenate(leg.parts, axis=1)
        known_s = (leg.start + rows.shape[1]) / rate_hz
        half = round(0.5 * p.apart_s * rate_hz)
        peaks = [] if leg.peak is None else [leg.peak]
        peaks += [row + leg.start for row in _peaks(rows[0], half, p.swing) if not peaks or row + leg.start > peaks[0]]
        for begin, end in pairwise(peaks):
            if p.stride_s[0] <= (end - begin) / rate_hz <= p.stride_s[1]:
                stride = rows[:, begin - leg.start : end - leg.start]
                sums = self._sums(stride[1:])
                if np.isfinite(sums).all() and stride[0].max() > -stride[0].min():
                    yield _Stride(begin / rate_hz, end / rate_hz, known_s, sums)
        leg.peak = peaks[-1] if peaks else None
        keep = rows.shape[1] - round(p.stride_s[1] * rate_hz) - 2 * half
        if leg.peak is not None and leg.peak < leg.start + keep:
            leg.peak = None
        keep = max(keep, 0)
        leg.parts, leg.start = [rows[:, keep:]], leg.start + keep

    def _sums(self, rows: Floats) -> Floats:
        """(2, 4) of `_Stride`."""
        n = rows.shape[1]
        tilt, lean = (part - part.mean(axis=1, keepdims=True) for part in (rows[::2], rows[1::2]))
        phase = np.arange(n) / n
        wave = np.stack([np.cos(2.0 * np.pi * (phase - sway.peak)) for sway in (self._p.thigh, self._p.shank)])
        sums = [2.0 * wave * tilt, 2.0 * wave * lean, tilt * lean, lean * lean]
        return np.stack([each.mean(axis=1) for each in sums], axis=1)

    def _paired(self) -> list[Told]:
        """Strides of left and right that alternate."""
        left, right = self._legs[Side.LEFT].strides, self._legs[Side.RIGHT].strides
        told = []
        while left and right:
            one, two = left[0], right[0]
            phase = (two.begin_s - one.begin_s) / (one.end_s - one.begin_s)
            if phase <= self._p.other[1]:
                right.popleft()
            if phase >= self._p.other[0]:
                left.popleft()
            if self._p.other[0] <= phase <= self._p.other[1]:
                self._pairs.append(np.stack([one.sums, two.sums]))
                if self._decide():
                    told.append(Told(max(one.known_s, two.known_s), self.fit))
        return told

    def _decide(self) -> bool:
        """Whether there is something to tell."""
        p = self._p
        if len(self._pairs) < p.least:
            return False
        tilt, lean, both, square = np.moveaxis(np.mean(self._pairs, axis=0), -1, 0)
        sway = tilt - both / np.maximum(square, 1e-6) * lean
        thigh, shank = sway[:, 0], sway[:, 1]
        likely = p.thigh.evidence(float(thigh.mean())) + p.shank.evidence(float(shank.mean()))
        before = self.fit
        if likely < -p.told and float(thigh.max()) < -p.against:
            self.fit = Fit.SWAPPED
        elif likely > p.told and float(thigh.min()) > p.against:
            self.fit = Fit.FITS
        elif before is Fit.SWAPPED:
            self.fit = Fit.UNKNOWN
        return self.fit is not before or self.fit is Fit.SWAPPED


def _peaks(rate: Floats, half: int, least: float) -> list[int]:
    """Rows that are the largest of `half` rows to each side."""
    if len(rate) <= 2 * half:
        return []
    around = np.lib.stride_tricks.sliding_window_view(rate, 2 * half + 1).max(axis=1)
    inner = rate[half : len(rate) - half]
    return [int(row) + half for row in np.flatnonzero((inner == around) & (inner > least))]
