"""Acceleration and angular rate that come as two streams become samples that hold both.

Some sensors send each in packets of its own, with times of its own on one clock. The gyroscope's samples are kept as
they are, for they are integrated; the acceleration is interpolated linearly onto their times, between two neighbours
that are close: across a hole nothing is invented, and the rates that fall into it stay unpaired. A rate waits until the
acceleration has passed its time. What waits is bounded, so a stream that dies costs no memory.

Times are integers of any unit, of one clock; they must grow within each stream. A stream whose times fall back, or
leap, begins anew and takes the other with it.
"""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import Bools, Floats, Ints

_MOST = 4096
"""Samples that may wait in either stream."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """A run of n vectors of one stream: times (n,), values (n, 3), clipped (n,)."""

    times: Ints
    values: Floats
    clipped: Bools

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Pairs:
    """n samples that hold both: times (n,), acc (n, 3), gyr (n, 3), clipped (n,).

    unpaired: rates that were given up since the last call, for want of an acceleration.
    """

    times: Ints
    acc: Floats
    gyr: Floats
    clipped: Bools
    unpaired: int

    def __len__(self) -> int:
        return len(self.times)


class Pairing:
    """Two streams of one connection.

    Parameters
    ----------
    leap : a stream that goes forward by more than this begins anew.
    """

    def __init__(self, leap: int) -> None:
        self._leap = leap
        self._acc = _nothing()
        self._gyr = _nothing()
        self._last_acc: int | None = None
        self._last_gyr: int | None = None
        self._unpaired = 0

    def add_acc(self, run: Vectors) -> None:
        """Accelerations, oldest first, after all given before."""
        if not len(run):
            return
        if self._broken(self._last_acc, run):
            self.restart()
        self._last_acc = int(run.times[-1])
        self._acc = _newest(_joined(self._acc, run))

    def add_gyr(self, run: Vectors) -> None:
        """Angular rates, oldest first, after all given before."""
        if not len(run):
            return
        if self._broken(self._last_gyr, run):
            self.restart()
        self._last_gyr = int(run.times[-1])
        joined = _joined(self._gyr, run)
        self._unpaired += max(len(joined) - _MOST, 0)
        self._gyr = _newest(joined)

    def restart(self) -> None:
        """Forget what waits: the clock began anew."""
        self._unpaired += len(self._gyr)
        self._acc = _nothing()
        self._gyr = _nothing()
        self._last_acc = self._last_gyr = None

    def take(self, hole: int) -> Pairs:
        """The samples that are complete by now.

        hole: the longest time between two accelerations across which is interpolated.
        """
        acc, gyr = self._acc, self._gyr
        ready = int(np.searchsorted(gyr.times, acc.times[-1], side="right")) if len(acc) else 0
        unpaired, self._unpaired = self._unpaired, 0
        if not ready:
            return Pairs(gyr.times[:0], gyr.values[:0], gyr.values[:0], gyr.clipped[:0], unpaired)
        times = gyr.times[:ready]
        after = np.searchsorted(acc.times, times, side="left")
        exact = acc.times[after] == times
        before = np.maximum(after - 1, 0)
        span = acc.times[after] - acc.times[before]
        good = exact | ((after > 0) & (span <= hole))
        part = np.where(exact, 1.0, (times - acc.times[before]) / np.maximum(span, 1))
        values = acc.values[before] + part[:, None] * (acc.values[after] - acc.values[before])
        values = np.where(exact[:, None], acc.values[after], values)
        clipped = gyr.clipped[:ready] | acc.clipped[after] | (~exact & acc.clipped[before])
        kept = max(int(before[-1]), 0)
        self._acc = _from(acc, kept)
        self._gyr = _from(gyr, ready)
        unpaired += int(np.count_nonzero(~good))
        return Pairs(times[good], values[good], gyr.values[:ready][good], clipped[good], unpaired)

    def _broken(self, last: int | None, run: Vectors) -> bool:
        return last is not None and not 0 < int(run.times[0]) - last <= self._leap


def _nothing() -> Vectors:
    return Vectors(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0, bool))


def _joined(before: Vectors, after: Vectors) -> Vectors:
    return Vectors(
        np.concatenate([before.times, after.times]),
        np.concatenate([before.values, after.values]),
        np.concatenate([before.clipped, after.clipped]),
    )


def _from(run: Vectors, first: int) -> Vectors:
    return Vectors(run.times[first:], run.values[first:], run.clipped[first:])


def _newest(run: Vectors) -> Vectors:
    return _from(run, max(len(run) - _MOST, 0))
