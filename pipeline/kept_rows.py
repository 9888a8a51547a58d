"""A low-pass without delay and its derivatives, calculated only at the rows that are kept.

A Butterworth low-pass H of second order, run forwards and backwards, is a sum over all rows before and all rows after:
by partial fractions of H(z) H(1/z), with p the pole and x[k] the rows, y[k] = e x[k] + 2 Re q (C[k] + D[k] - x[k]),
where C[k] = sum of p^j x[k - j] and D[k] = sum of p^j x[k + j]. From one kept row to the next, C and D change by p^step
and by one weighted sum over the rows between, so that no row in between is ever filtered: a matrix product and a
recursion over few rows take the place of two recursions over all. The neighbours k - 1 and k + 1, hence the
derivatives, follow from C and D as well. Beyond its ends the signal goes on as its odd image, then constant.
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from pipeline.blocks import Floats

Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class LowPass:
    """Forward-backward Butterworth of second order. pole, share: p and q above; now: e."""

    pole: complex
    share: complex
    now: float

    @staticmethod
    @cache
    def butterworth(cutoff_hz: float, rate_hz: float) -> "LowPass":
        """cutoff_hz: of the single pass (half power), as in scipy."""
        b, a = butter(2, cutoff_hz, fs=rate_hz)
        p = complex(np.roots(a)[0])
        residue = (b[0] + b[1] / p + b[2] / p**2) / (1.0 - p.conjugate() / p)
        backward = (b[0] + b[1] * p + b[2] * p**2) / (1.0 + a[1] * p + a[2] * p**2)
        return LowPass(p, residue * backward, float(b[0] * b[2] / a[2]))

    @property
    def reach(self) -> int:
        """Rows after which a row is forgotten, to nine digits."""
        return ceil(log(1e-9) / log(abs(self.pole)))


class KeptRows:
    """Low-passed columns of a signal (n, k), n > 2, at rows first, first + step, ... up to n - 2; first at least 1."""

    def __init__(self, signal: Floats, first: int, step: int, low_pass: LowPass, rate_hz: float) -> None:
        self._filter = low_pass
        self._rate = rate_hz
        n, p = len(signal), low_pass.pole
        count = (n - 2 - first) // step + 1
        rows = slice(first, first + step * (count - 1) + 1, step)
        self._x = signal[rows]
        self._before = signal[rows.start - 1 : rows.stop - 1 : step]
        self._after = signal[rows.start + 1 : rows.stop + 1 : step]
        sums = self._between(signal, rows, step)
        decay = p**step
        begin = _weighted(signal[first::-1], signal[1:], p, low_pass.reach)
        end = _weighted(signal[rows.stop :], signal[-2::-1], p, low_pass.reach)
        self._past = _run(sums[0], begin, decay)
        self._future = self._x + p * _run(sums[1][::-1], end, decay)[::-1]

    def _between(self, signal: Floats, rows: slice, step: int) -> tuple[Complexes, Complexes]:
        """(count - 1, k) each: the rows after each kept one up to the next, weighted as C and as D weigh them."""
        columns = signal.shape[1]
        weights = np.empty((2, step), complex)
        weights[1] = self._filter.pole ** np.arange(step)
        weights[0] = weights[1][::-1]
        kernel = np.einsum("wj,kl->jkwl", weights, np.eye(columns)).reshape(step * columns, 2 * columns)
        parts = np.ascontiguousarray(kernel).view(np.float64)
        blocks = np.ascontiguousarray(signal[rows.start + 1 : rows.stop]).reshape(-1, step * columns)
        sums = (blocks @ parts).view(np.complex128)
        return sums[:, :columns], sums[:, columns:]

    def value(self) -> Floats:
        """(m, k) the low-passed signal."""
        q = self._filter.share
        return _real(2.0 * q, self._past + self._future) + (self._filter.now - 2.0 * q.real) * self._x

    def slope(self) -> Floats:
        """(m, k) its first derivative, per second: central difference."""
        p, q, half = self._filter.pole, self._filter.share, 0.5 * self._rate
        change = _real((2.0 * half) * q * (p - 1.0 / p), self._past - self._future)
        return change + (half * self._filter.now) * (self._after - self._before)

    def bend(self) -> Floats:
        """(m, k) its second derivative, per second squared."""
        p, q, square = self._filter.pole, self._filter.share, self._rate**2
        change = _real((2.0 * square) * q * (p + 1.0 / p - 2.0), self._past + self._future)
        change += (square * self._filter.now) * (self._after + self._before)
        return change + (square * (4.0 * (q * (1.0 - 1.0 / p)).real - 2.0 * self._filter.now)) * self._x


def _real(factor: complex, values: Complexes) -> Floats:
    """Real part of a complex number times complex values."""
    part: Floats = factor.real * values.real - factor.imag * values.imag
    return part


def _weighted(inner: Floats, mirrored: Floats, p: complex, reach: int) -> Complexes:
    """(k,) the sum of p^j x[j] of a signal that begins with `inner` and goes on, at that end, as its odd image:
    `mirrored` are the rows next to the end, from it inwards. Constant beyond that."""
    inner = inner[:reach]
    image = 2.0 * inner[-1] - mirrored[: max(reach - len(inner), 0)]
    rows = np.concatenate([inner, image])
    total = p ** np.arange(len(rows)) @ rows
    return np.asarray(total + (p ** len(rows) / (1.0 - p)) * rows[-1])


def _run(sums: Complexes, begin: Complexes, decay: complex) -> Complexes:
    """(m + 1, k) the recursion s[i + 1] = decay s[i] + sums[i] from `begin`: sums of one row, of two, of four and so
    on, until the decay leaves nothing."""
    total = np.concatenate([begin[None], sums])
    reach = 1
    while reach < len(total) and abs(decay) > _NOTHING:
        total[reach:] += decay * total[:-reach]
        decay, reach = decay * decay, 2 * reach
    return total


_NOTHING = 1e-18
