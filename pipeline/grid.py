"""Two irregular streams become one regular grid: 100 Hz unless both sensors are faster, gaps marked, never invented.

Row k is at k / rate in session time. It is final when both sensors have samples beyond it; where one stays silent, when
the other sensor or a `tick` is a hold time ahead: that row holds the silent sensor's last value, not ok, and samples
that come later still are dropped and counted. Rows follow each other without a hole from the first grid point at which
both sensors deliver; where only one does within two seconds, from that one's first. What is emitted depends on the
order of the records alone, never on how many are given at once, and rows are computed one by one, so that live and
replay agree to the last bit. Interpolation, averaging and spikes: see `track`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np

from pipeline.blocks import GridBlock
from pipeline.track import STANDARD_GRAVITY_VECTOR, Row, Track, TrackParameters, Vector
from pipeline.usual_rates import usual_rate_hz

_LEAST_RATE_HZ = 100.0
_EDGE_S = 1e-6


@dataclass(frozen=True)
class GridParameters:
    """When rows begin, when they are final, and how many are handed on at once. Seconds.

    hold_s: how long a row waits for a silent sensor; beyond_packet_s: and so much longer than its longest packet, for
        there are sensors that send half a second at once.
    start_s: span of samples from which a sensor's rate is measured; patience_s: how long the first sensor waits for
        the other's first sample, patience_late_s for its span.
    block_rows: longest block. rows_per_call: most rows of one call: after a gap of hours the rest follows with the
        next records, so that memory stays bounded.
    """

    hold_s: float = 0.5
    beyond_packet_s: float = 0.3
    start_s: float = 1.0
    patience_s: float = 2.0
    patience_late_s: float = 4.0
    block_rows: int = 6000
    rows_per_call: int = 60000
    track: TrackParameters = field(default_factory=TrackParameters)


class Grid:
    """The grid of one leg. tracks: thigh and shank, None where that sensor does not exist.

    watch: is told every row as it becomes final, its time, thigh and shank, however many are handed on at once.
    """

    def __init__(
        self,
        thigh: bool,
        shank: bool,
        parameters: GridParameters | None = None,
        watch: Callable[[float, Row, Row], None] | None = None,
    ) -> None:
        self._p = parameters or GridParameters()
        self._watch = watch
        self.tracks = (
            Track(self._p.track) if thigh else None,
            Track(self._p.track) if shank else None,
        )
        self._live = [track for track in self.tracks if track is not None]
        if not self._live:
            raise ValueError("a leg's grid needs at least one sensor")
        self._first, self._second = self._live[0], self._live[-1]
        self.rate_hz: float | None = None
        self._next = self._start = 0
        self._next_s = 0.0
        self._clear()

    def _clear(self) -> None:
        self._acc: tuple[list[Vector], list[Vector]] = ([], [])
        self._gyr: tuple[list[Vector], list[Vector]] = ([], [])
        self._ok: tuple[list[bool], list[bool]] = ([], [])
        self._clipped: list[bool] = []

    def advance(self, now_s: float, min_rows: int = 1) -> list[GridBlock]:
        """The rows that became final. now_s: session time that is known to have come (samples, ticks).

        Fewer than min_rows are kept back; which rows there are, and what they hold, does not depend on it.
        """
        if self.rate_hz is None and not self._begin(now_s, last_call=False):
            return []
        limit = now_s - self._hold_s()
        ready = self._first.ready_s
        if self._second.ready_s < ready:
            ready = self._second.ready_s
        if ready > limit:
            limit = ready
        if limit >= self._next_s:
            self._fill(limit)
        return self._take() if len(self._clipped) >= min_rows else []

    def finish(self, now_s: float) -> list[GridBlock]:
        """All rows that are left: up to the last sample of both, or of the one that outlived the other."""
        if self.rate_hz is None and not self._begin(now_s, last_call=True):
            return []
        ends = [track.last_s for track in self._live if track.first_s is not None]
        newest, oldest = max(ends), min(ends)
        limit = oldest if newest - oldest <= self._hold_s() else newest
        blocks: list[GridBlock] = []
        while True:
            before = self._next
            self._fill(limit)
            blocks.extend(self._take())
            if self._next == before:
                return blocks

    def _hold_s(self) -> float:
        packet_s = max(self._first.packet_s, self._second.packet_s)
        return max(self._p.hold_s, packet_s + self._p.beyond_packet_s)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _begin(self, now_s: float, last_call: bool) -> bool:
        """Choose the rate and the first row from the first seconds."""
        p = self._p
        firsts = [track.first_s for track in self._live if track.first_s is not None]
        if not firsts:
            return False
        waited = now_s - min(firsts)
        if len(firsts) == len(self._live):
            spans = min(track.last_s - first for track, first in zip(self._live, firsts, strict=True))
            ready = spans >= p.start_s or waited >= p.patience_late_s
        else:
            ready = waited >= p.patience_s
        if not (ready or last_call):
            return False
        periods = [track.measured_period_s() for track in self._live]
        rates = [1.0 / period for period in periods if period]
        slower = usual_rate_hz(min(rates)) if rates and len(rates) == len(self._live) else _LEAST_RATE_HZ
        self.rate_hz = max(slower, _LEAST_RATE_HZ)
        starts = []
        for track in self._live:
            track.use_grid(self.rate_hz)
            if track.first_s is not None:
                starts.append(track.first_s + track.half_s)
        self._next = self._start = ceil((max(starts) - _EDGE_S) * self.rate_hz)
        self._next_s = self._next / self.rate_hz - _EDGE_S
        return True

    def _fill(self, limit_s: float) -> None:
        rate = self.rate_hz
        assert rate is not None
        last = min(floor((limit_s + _EDGE_S) * rate), self._next + self._p.rows_per_call - 1)
        watch = self._watch
        thigh, shank = self.tracks
        thigh_acc, shank_acc = self._acc
        thigh_gyr, shank_gyr = self._gyr
        thigh_ok, shank_ok = self._ok
        for k in range(self._next, last + 1):
            time_s = k / rate
            one = thigh.row(time_s) if thigh else _NOTHING
            a, w, ok, clip = one
            thigh_acc.append(a)
            thigh_gyr.append(w)
            thigh_ok.append(ok)
            two = shank.row(time_s) if shank else _NOTHING
            a, w, ok, clip_shank = two
            shank_acc.append(a)
            shank_gyr.append(w)
            shank_ok.append(ok)
            self._clipped.append(clip or clip_shank)
            if watch is not None:
                watch(time_s, one, two)
        self._next = max(self._next, last + 1)
        self._next_s = self._next / rate - _EDGE_S

    def _take(self) -> list[GridBlock]:
        count = len(self._clipped)
        if not count or self.rate_hz is None:
            return []
        size = self._p.block_rows
        blocks = []
        for begin in range(0, count, size):
            cut = slice(begin, begin + size)
            blocks.append(
                GridBlock(
                    self._start + begin,
                    self.rate_hz,
                    np.array(self._acc[0][cut]),
                    np.array(self._gyr[0][cut]),
                    np.array(self._acc[1][cut]),
                    np.array(self._gyr[1][cut]),
                    np.array(self._ok[0][cut], bool),
                    np.array(self._ok[1][cut], bool),
                    np.array(self._clipped[cut], bool),
                )
            )
        self._start += count
        self._clear()
        return blocks


_NOTHING: Row = (STANDARD_GRAVITY_VECTOR, (0.0, 0.0, 0.0), False, False)
