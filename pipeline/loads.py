"""What the movement stages look at: the leg's columns as plain lists, its last half minute, and which rows are loaded.

A knee is loaded, and judged for valgus, while its foot is on the ground: not in a swing, not on a chair, and not with
the shank leaning back further than a flat foot allows under a thigh that stays (a knee flexed in the air, a rear leg).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan

import numpy as np

from pipeline.activity import ActivityParameters
from pipeline.blocks import Bools, Floats, LegBlock, Status, join
from pipeline.phases import FootEvent, Phase
from pipeline.repetitions import Posture

_KEPT_S = 30.0
"""Longer than any unit, its lead-in and an episode's wait together."""


@dataclass(frozen=True, slots=True)
class LegRows:
    """The columns of a block that the stages loop over, as plain lists. lean: of the whole leg, inward."""

    bent: list[float]
    thigh: list[float]
    shank: list[float]
    lean: list[float]
    knee_known: list[bool]


def columns(block: LegBlock) -> tuple[LegRows, Bools]:
    """Plain lists for the loops, and where the foot can be followed: the shank's rate and inclination are known."""
    flexion = flexion_of(block)
    there = block.status != Status.GAP
    foot_known = np.isfinite(block.shank_rate) & np.isfinite(block.shank_incl) & there
    knee_known = foot_known & np.isfinite(flexion) & np.isfinite(block.thigh_incl)
    lean = 0.5 * (block.thigh_tilt - block.shank_tilt)
    rows = LegRows(
        flexion.tolist(),
        block.thigh_incl.tolist(),
        block.shank_incl.tolist(),
        lean.tolist(),
        knee_known.tolist(),
    )
    return rows, foot_known


def flexion_of(block: LegBlock) -> Floats:
    """Knee flexion, or where it is unknown what the inclinations say."""
    return np.where(np.isfinite(block.flexion), block.flexion, block.thigh_incl - block.shank_incl)


class Past:
    """The last rows of the leg."""

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._rows = round(_KEPT_S * rate_hz)
        self._blocks: deque[LegBlock] = deque()

    def append(self, block: LegBlock) -> None:
        # The loop looks back from each row of the newest block, so that one is kept besides the stretch before it.
        self._blocks.append(block)
        while len(self._blocks) > 1 and self._blocks[1].start < block.start - self._rows:
            self._blocks.popleft()

    def rows_kept(self) -> int:
        """How many rows are in memory."""
        return sum(len(block) for block in self._blocks)

    def span(self, begin: int, end: int) -> LegBlock:
        """Rows begin to end (exclusive), as far as they are kept. At least one row."""
        first = self._blocks[0].start
        last = self._blocks[-1].start + len(self._blocks[-1])
        begin = min(max(begin, first), last - 1)
        end = min(max(end, begin + 1), last)
        pieces = [
            b.cut(max(begin - b.start, 0), min(end - b.start, len(b)))
            for b in self._blocks
            if b.start < end and b.start + len(b) > begin
        ]
        return join(pieces)


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
