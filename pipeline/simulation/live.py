"""A simulated person in real time: endless, lazy sources for virtual sensors, and the truth beside them.

One `LivePerson` moves; each worn sensor is a source that reads from the same movement, so thigh and shank, left and
right belong together. Movement is made bout by bout, samples in blocks of fixed length, both from the seed alone:
what is read does not depend on how or in which order it is read. Only the recent past is kept.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from pipeline.blocks import Floats
from pipeline.records import Segment, Side
from pipeline.simulation import truth
from pipeline.simulation.body import Episode, LegMotion
from pipeline.simulation.imu import Track, ideal, measured, track
from pipeline.simulation.motion import Motion, motions
from pipeline.simulation.person import Person
from pipeline.simulation.plan import Contact, Repetition
from pipeline.simulation.script import Script
from pipeline.simulation.shapes import GRID_HZ

_BLOCK = 128
"""Samples made at a time."""
_AROUND = 120
"""Rows of the internal grid that a block sees before and after its own."""
_KEPT_S = 60.0
_REMEMBERED = 10_000


class LivePerson:
    """A person who goes through a script for ever; `source` gives what one sensor measures.

    Parameters
    ----------
    person, script : who does what; the script repeats, with new variation each time.
    seed : all variation and noise follow from it.
    rate_hz : of the sensors, by their own clocks.
    """

    def __init__(self, person: Person, script: Script, seed: int, rate_hz: float = 100.0) -> None:
        self.person, self.rate_hz = person, rate_hz
        self.contacts: deque[Contact] = deque(maxlen=_REMEMBERED)
        self.repetitions: deque[Repetition] = deque(maxlen=_REMEMBERED)
        self.episodes: deque[Episode] = deque(maxlen=_REMEMBERED)
        """What truly happened up to now and to the end of the present bout, true times from the start, s."""
        self._seed = seed
        self._motions = motions(person, script, [seed], endless=True)
        self._pieces: deque[Motion] = deque()
        self._sources: dict[tuple[Side, Segment], LiveSensor] = {}

    def source(self, side: Side, segment: Segment) -> "LiveSensor":
        """The source of one sensor; the same object each time."""
        key = (side, segment)
        if key not in self._sources:
            index = list(Side).index(side) * 2 + list(Segment).index(segment)
            self._sources[key] = LiveSensor(self, side, segment, self._seed, index)
        return self._sources[key]

    def angles(self, side: Side, times: Floats) -> pd.DataFrame:
        """True flexion, abduction, rotation, valgus excess (deg) at `times` (n,) s, not zeroed in standing; NaN where
        they are no longer kept."""
        if len(times) == 0:
            return pd.DataFrame(columns=["time_s", *truth.BARE_ANGLES])
        pieces = self.pieces(float(times[0]), float(times[-1]))
        leg = joined([piece.legs[side] for piece in pieces])
        start = pieces[0].start / GRID_HZ
        return pd.DataFrame(
            {"time_s": times}
            | {
                name: np.where(times < start, np.nan, np.rad2deg(truth.at_times(getattr(leg, channel), times - start)))
                for name, channel in truth.BARE_ANGLES.items()
            }
        )

    def pieces(self, start_s: float, end_s: float) -> Sequence[Motion]:
        """The pieces of movement that cover a time, made as needed, as far as they are still kept."""
        while not self._pieces or self._end_s() <= end_s + _AROUND / GRID_HZ:
            piece = next(self._motions)
            self._pieces.append(piece)
            self.contacts += piece.contacts
            self.repetitions += piece.repetitions
            self.episodes += piece.episodes
        while len(self._pieces) > 1 and self._pieces[1].start / GRID_HZ < self._end_s() - _KEPT_S:
            self._pieces.popleft()
        first, last = (start_s - 0.5) * GRID_HZ, (end_s + 0.5) * GRID_HZ
        return [piece for piece in self._pieces if piece.start <= last and piece.start + len(piece) > first]

    def since_s(self) -> float:
        """Where the movement that is still kept begins."""
        return self._pieces[0].start / GRID_HZ if self._pieces else 0.0

    def _end_s(self) -> float:
        last = self._pieces[-1]
        return (last.start + len(last)) / GRID_HZ


@dataclass(frozen=True, slots=True)
class _Samples:
    t: Floats
    acc: Floats
    gyr: Floats


class LiveSensor:
    """One worn sensor as a `MotionSource`: reads go forward in time, and a sensor that was away simply goes on.

    The last minute can be read again.
    """

    def __init__(self, live: LivePerson, side: Side, segment: Segment, seed: int, index: int) -> None:
        self.rate_hz = live.rate_hz
        self._live, self._side, self._segment = live, side, segment
        self._worn = live.person.wearing[side, segment]
        self._seed = (seed, 1000 + index)
        self._made = 0
        self._made_s = 0.0
        self._walk = np.zeros(3)
        self._blocks: deque[_Samples] = deque()

    def read(self, start_s: float, end_s: float) -> tuple[Floats, Floats, Floats]:
        """The samples with start_s <= t < end_s: t (n,) s, acc (n, 3) m/s2, gyr (n, 3) rad/s."""
        while self._made_s < end_s:
            self._make(start_s)
        while len(self._blocks) > 2 and self._blocks[0].t[-1] < end_s - _KEPT_S:
            self._blocks.popleft()
        parts = [block for block in self._blocks if block.t[-1] >= start_s and block.t[0] < end_s]
        if not parts:
            return np.empty(0), np.empty((0, 3)), np.empty((0, 3))
        t, acc, gyr = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "acc", "gyr"))
        rows = slice(*np.searchsorted(t, [start_s, end_s]))
        return t[rows], acc[rows], gyr[rows]

    def _make(self, start_s: float) -> None:
        """The next block of samples; one that nobody wants any more only moves the clock and the bias on."""
        rng = np.random.default_rng([*self._seed, self._made])
        errors = self._worn.imu
        first = self._made * _BLOCK
        jitter = np.clip(errors.jitter_s * rng.standard_normal(_BLOCK), -0.4 / self.rate_hz, 0.4 / self.rate_hz)
        times = (first + 0.5 + np.arange(_BLOCK)) / self.rate_hz / (1.0 + errors.skew_ppm * 1e-6) + jitter
        steps = errors.gyr_walk / np.sqrt(self.rate_hz) * rng.standard_normal((_BLOCK, 3))
        walk = self._walk + np.cumsum(steps, axis=0)
        self._walk = walk[-1]
        self._made += 1
        self._made_s = float(times[-1])
        if times[-1] < start_s - 1.0 or times[0] < self._live.since_s():
            return
        acc, gyr = ideal(self._window(float(times[0]), float(times[-1])), times)
        noise = rng.standard_normal((_BLOCK, 6))
        acc, gyr = measured(acc, gyr, errors, errors.gyr_bias + walk, self.rate_hz, noise)
        self._blocks.append(_Samples(times, acc, gyr))

    def _window(self, start_s: float, end_s: float) -> Track:
        """The path of the sensor around a block."""
        pieces = self._live.pieces(start_s, end_s)
        offset = pieces[0].start
        first = max(int(start_s * GRID_HZ) - _AROUND - offset, 0)
        last = int(end_s * GRID_HZ) + _AROUND - offset
        leg = joined([piece.legs[self._side] for piece in pieces], first, last)
        contacts = [contact for piece in pieces for contact in piece.contacts]
        thigh = self._segment is Segment.THIGH
        return track(offset + first, leg, thigh, self._side, self._worn, contacts, None)


def joined(pieces: Sequence[LegMotion], first: int = 0, last: int | None = None) -> LegMotion:
    """Pieces that follow each other as one, rows first to last."""
    return LegMotion(
        *(np.concatenate([getattr(piece, f.name) for piece in pieces])[first:last] for f in fields(LegMotion))
    )
