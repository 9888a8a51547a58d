"""The shank's sagittal rate, low-passed for finding swings and contacts: forwards row by row, or both ways at once.

Second-order Butterworth filters. Forwards only they delay by a known number of rows, which whoever stamps events back
takes off; forwards and backwards they do not. Holes are not filtered across.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, filtfilt

from pipeline.blocks import Bools, Floats


@dataclass(frozen=True, slots=True)
class RateParameters:
    """Cut-offs, Hz: for the swing and toe-off, and for the contact's minimum, which is sharp. Chosen on the public
    treadmill walking of three people, for the least spread of toe-off and contact against force plates."""

    swing_lowpass_hz: float = 12.0
    contact_lowpass_hz: float = 20.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The shank's rate (rad/s), low-passed for swings and for contacts, and where it is known. Plain lists, n long."""

    swing: list[float]
    contact: list[float]
    known: list[bool]


@dataclass(frozen=True, slots=True)
class Delays:
    """Delay of the filtered rates, rows."""

    swing: float
    contact: float


NO_DELAY = Delays(0.0, 0.0)


class CausalRates:
    """Low-passes the rate forwards, row by row; starts anew after a hole."""

    def __init__(self, rate_hz: float, parameters: RateParameters | None = None) -> None:
        p = parameters or RateParameters()
        self._swing = _Biquad(p.swing_lowpass_hz, rate_hz)
        self._contact = _Biquad(p.contact_lowpass_hz, rate_hz)
        self.delays = Delays(self._swing.delay_rows, self._contact.delay_rows)
        self._was_known = False

    def update(self, rate: Floats, known: Bools) -> Rates:
        """The rates of the next rows. rate: (n,) rad/s; known: (n,)."""
        swing, contact, flags = [], [], known.tolist()
        swing_filter, contact_filter, was_known = self._swing, self._contact, self._was_known
        for value, is_known in zip(rate.tolist(), flags, strict=True):
            if is_known:
                if not was_known:
                    swing_filter.rest_at(value)
                    contact_filter.rest_at(value)
                swing.append(swing_filter.row(value))
                contact.append(contact_filter.row(value))
            else:
                swing.append(0.0)
                contact.append(0.0)
            was_known = is_known
        self._was_known = was_known
        return Rates(swing, contact, flags)


def two_sided_rates(rate: Floats, known: Bools, rate_hz: float, parameters: RateParameters | None = None) -> Rates:
    """The rates of a whole recording without delay. rate: (n,) rad/s; known: (n,)."""
    p = parameters or RateParameters()
    columns = []
    for cutoff_hz in (p.swing_lowpass_hz, p.contact_lowpass_hz):
        # Forwards and backwards takes the filter's loss twice; a higher cut-off leaves the same loss in all.
        b, a = butter(2, min(cutoff_hz * 1.25 / (0.5 * rate_hz), 0.99))
        out = np.where(known, rate, 0.0)
        for begin, end in runs(known):
            if end - begin > 12:
                out[begin:end] = filtfilt(b, a, rate[begin:end])
        columns.append(out.tolist())
    return Rates(columns[0], columns[1], known.tolist())


def runs(flags: Bools) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


class _Biquad:
    """Second-order Butterworth low-pass, transposed direct form II, one row at a time."""

    def __init__(self, cutoff_hz: float, rate_hz: float) -> None:
        b, a = butter(2, min(cutoff_hz / (0.5 * rate_hz), 0.99))
        self._b0, self._b1, self._b2 = (float(x) for x in b)
        self._a1, self._a2 = float(a[1]), float(a[2])
        self._z1 = self._z2 = 0.0
        # Slope of the phase at 0 Hz: sum(k b_k) / sum(b) - sum(k a_k) / sum(a).
        k = np.arange(3)
        self.delay_rows = float(np.sum(k * b) / np.sum(b) - np.sum(k * a) / np.sum(a))

    def rest_at(self, value: float) -> None:
        self._z2 = (self._b2 - self._a2) * value
        self._z1 = (self._b1 - self._a1) * value + self._z2

    def row(self, x: float) -> float:
        y = self._b0 * x + self._z1
        self._z1 = self._b1 * x - self._a1 * y + self._z2
        self._z2 = self._b2 * x - self._a2 * y
        return y
