"""Samples lost without a trace: sensors whose packets carry neither clock nor counter, seen by arrivals alone.

Ticks that only count what arrived fall behind for good where samples were lost. What is behind after a silence was lost
in it; otherwise even the earliest arrivals of two bins must have risen suddenly. Where arrivals come before they could
have been ready, too many were taken for lost, and some are given back.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class InferredLossParameters:
    """silence_s: what is behind after a silence of this length was lost, not late. samples: two bins of bin_s in which
    even the earliest arrival is behind by more than this many samples mean that samples were lost."""

    silence_s: float = 0.3
    samples: float = 2.5
    bin_s: float = 0.25


_BINS = 6


class InferredLoss:
    """How many samples arrivals say were lost, of one connection. lost: so far."""

    def __init__(self, parameters: InferredLossParameters) -> None:
        self._p = parameters
        self._late: deque[float] = deque(maxlen=_BINS)
        self._edge = -1e300
        self.lost = 0

    def seen(self, arrival_s: float, silent_s: float, late_s: float, tick_s: float) -> int:
        """Ticks to be skipped before a packet, or given back. late_s: of the packet; silent_s: time before it."""
        skip = 0
        if silent_s > self._p.silence_s:
            skip = max(int(late_s / tick_s), 0)
        elif late_s < -tick_s and self.lost > 0:
            skip = max(int(late_s / tick_s), -self.lost)
        elif arrival_s >= self._edge:
            skip = self._lasting(tick_s)
            self._edge = arrival_s + self._p.bin_s
            self._late.append(late_s)
        elif late_s < self._late[-1]:
            self._late[-1] = late_s
        if skip:
            self.lost += skip
            self._late.clear()
            self._edge = -1e300
        return skip

    def _lasting(self, tick_s: float) -> int:
        """From the least lateness of two bins in a row: it rose suddenly, and stays."""
        bins = list(self._late)
        if len(bins) < _BINS:
            return 0
        lasting = min(bins[-2:])
        sudden = lasting - min(bins[:-2])
        return int(sudden / tick_s) if sudden > self._p.samples * tick_s else 0
