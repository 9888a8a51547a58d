"""What the movement stages look at: the leg's columns as plain lists, its last half minute, and which rows are loaded.

A knee is loaded, and judged for valgus, while its foot is on the ground: not in a swing, not on a chair, and not with
the shank leaning back further than a flat foot allows under a thigh that stays (a knee flexed in the air, a rear leg).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf, nan

import numpy as np

from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Bools, Floats, LegBlock, Status, join
from pipeline.phases import FootEvent, Phase
from pipeline.repetitions import Posture

_KEPT_S = 30.0
"""Longer than any unit, its lead-in and an episode's wait together."""
_BRIDGED_S = 0.03


@dataclass(frozen=True, slots=True)
class LegRows:
    """The columns of a block that the stages loop over, as plain lists. lean: of the whole leg, inward."""

    bent: list[float]
    thigh: list[float]
    shank: list[float]
    lean: list[float]
    knee_known: list[bool]


class Columns:
    """Turns blocks into plain lists for the loops, and tells where the foot can be followed.

    One row that a sensor missed, or that was refused as a spike, ends no step and no repetition: for a hole's first
    rows the angles go on from the rates, well enough for that.
    """

    def __init__(self, rate_hz: float) -> None:
        bridged = round(_BRIDGED_S * rate_hz)
        self._foot = _Bridge(bridged)
        self._knee = _Bridge(bridged)

    def update(self, block: LegBlock) -> tuple[LegRows, Bools]:
        """The next rows. Where the foot can be followed, the shank's rate and inclination are known."""
        flexion = flexion_of(block)
        foot_there = np.isfinite(block.shank_rate) & np.isfinite(block.shank_incl)
        knee_there = foot_there & np.isfinite(flexion)
        foot_known = self._foot.update(foot_there & (block.status != Status.GAP), foot_there)
        one_gone = (block.status == Status.GAP) | (block.status == Status.SINGLE_SENSOR)
        knee_known = self._knee.update(knee_there & ~one_gone, knee_there)
        lean = 0.5 * (block.thigh_tilt - block.shank_tilt)
        rows = LegRows(
            flexion.tolist(),
            block.thigh_incl.tolist(),
            block.shank_incl.tolist(),
            lean.tolist(),
            knee_known.tolist(),
        )
        return rows, foot_known


class _Bridge:
    """Counts the first rows of a hole as known where they have values. longest: how many."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._missed = longest

    def update(self, known: Bools, there: Bools) -> Bools:
        """known: (n,) of the next rows; there: (n,) whether they have values at all."""
        if known.all():
            self._missed = 0
            return known
        bridged = known.copy()
        missed = self._missed
        for k in np.flatnonzero(~known).tolist():
            if k == 0 or known[k - 1]:
                missed = missed if k == 0 else 0
            missed += 1
            bridged[k] = there[k] and missed <= self._longest
        self._missed = 0 if known[-1] else missed
        return bridged


def flexion_of(block: LegBlock) -> Floats:
    """Knee flexion as the inclinations show it: gravity tells them at once, the joint angle needs the relative heading,
    which may be off for a while after the start."""
    flexion: Floats = block.thigh_incl - block.shank_incl
    return flexion


class Past:
    """The last rows of the leg. Blocks of a few rows are joined into pieces of a second, quicker to look up."""

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._rows = round(_KEPT_S * rate_hz)
        self._piece = round(rate_hz)
        self._pieces: deque[LegBlock] = deque()
        self._loose: list[LegBlock] = []
        self._first = 0
        self._end = 0

    def append(self, block: LegBlock) -> None:
        """The next rows. Stages look back from each row of the newest block, so all of it is kept."""
        if not self._pieces and not self._loose:
            self._first = block.start
        self._end = block.start + len(block)
        self._loose.append(block)
        if self._end - self._loose[0].start >= self._piece:
            self._pieces.append(join(self._loose) if len(self._loose) > 1 else self._loose[0])
            self._loose = []
        while len(self._pieces) > 1 and self._pieces[1].start < block.start - self._rows:
            self._pieces.popleft()
            self._first = self._pieces[0].start

    def rows_kept(self) -> int:
        """How many rows are in memory."""
        return self._end - self._first

    def span(self, begin: int, end: int) -> LegBlock:
        """Rows begin to end (exclusive), as far as they are kept. At least one row."""
        begin = min(max(begin, self._first), self._end - 1)
        end = min(max(end, begin + 1), self._end)
        found = []
        for piece in chain(self._pieces, self._loose):
            if piece.start >= end:
                break
            # The length of a block is dear to ask for; most pieces lie before the span.
            if begin - piece.start >= self._piece and begin >= piece.start + len(piece):
                continue
            first, last = max(begin - piece.start, 0), min(end - piece.start, len(piece))
            if last > first:
                found.append(piece.cut(first, last))
        return found[0] if len(found) == 1 else join(found)


@dataclass(slots=True)
class Loaded:
    """Per row: whether the knee is loaded and to be judged, since and until which row (see `WatchRows`)."""

    judged: list[bool] = field(default_factory=list)
    since: list[float] = field(default_factory=list)
    until: list[float] = field(default_factory=list)


class LoadFinder:
    """Which rows are loaded: on the ground, not on a chair, and not a foot in the air behind the body."""

    def __init__(self, parameters: ActivityParameters) -> None:
        self._free_shank = parameters.foot_flat_rad
        self._free_thigh = parameters.still_thigh_rad
        self._since = -inf
        self._until = -inf

    def update(
        self, start: int, rows: LegRows, phases: Sequence[int], postures: Sequence[int], feet: Sequence[FootEvent]
    ) -> Loaded:
        """feet: the events by which `phases` are stamped back; none where the phases are exact."""
        loaded = Loaded()
        upcoming = iter(feet)
        event = next(upcoming, None)
        row = start - 1
        since, until = self._since, self._until
        free_shank, free_thigh, seated, ground = self._free_shank, self._free_thigh, Posture.SEATED, Phase.LOADED
        for phase, posture, thigh, shank, known in zip(
            phases, postures, rows.thigh, rows.shank, rows.knee_known, strict=True
        ):
            row += 1
            stamped = nan
            while event is not None and event.confirmed <= row:
                stamped = event.position
                event = next(upcoming, None)
            on = known and phase == ground and posture != seated and not (shank < free_shank and thigh < free_thigh)
            if on and until < inf:
                since, until = (stamped if stamped == stamped else float(row)), inf
            elif not on and until == inf:
                until = stamped if stamped == stamped else float(row)
            loaded.judged.append(on)
            loaded.since.append(since)
            loaded.until.append(until)
        self._since, self._until = since, until
        return loaded
