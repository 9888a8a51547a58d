"""What is wrong with the sensors of a session, as far as the data tell: a leg's watch, and that of both legs together.

The intake's counts tell of each sensor by itself (sensor_watch.py), the rows of the grid of sensors in each other's
place (swaps.py), the angles of both legs exchanged (mirror_watch.py), which is told only where each leg is known to
have its own two sensors. All see the recorded data alone, so a replay warns as the live session did.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

from pipeline.blocks import GridBlock, LegBlock
from pipeline.mirror_watch import MirrorWatch
from pipeline.records import Record, SensorInfo, Side
from pipeline.rows import RaisedEvent
from pipeline.sensor_watch import Counts, SensorWatch
from pipeline.swaps import Fit, SegmentWatch, SideWatch
from pipeline.warned import Subject, Warned, Warnings

_PIECE_S = 4.0


class LegWatch:
    """One leg: `note` each record after the intake had it, `rows` the grid that came of it.

    counts: gives what happened so far to each sensor's data, by its id.
    """

    def __init__(self, side: Side, sensors: Sequence[SensorInfo], counts: Counts) -> None:
        self.side = side
        self._warnings = Warnings()
        self._sensors = SensorWatch(sensors, counts, self._warnings)
        self._segments = SegmentWatch()

    @property
    def messages(self) -> list[str]:
        """What is warned of now."""
        return self._warnings.messages

    @property
    def segments(self) -> SegmentWatch:
        """Whether thigh and shank are where they are believed to be."""
        return self._segments

    def note(self, record: Record) -> list[RaisedEvent]:
        """What a record tells anew of a sensor."""
        return self._sensors.note(record)

    def rows(self, grid: GridBlock) -> list[RaisedEvent]:
        """What rows of the grid tell anew of thigh and shank."""
        found = []
        subject = Subject(Warned.SWAPPED_SEGMENTS, self.side)
        text = f"the {self.side} thigh and shank sensors seem to be in each other's place: exchange them, or name them"
        for told in self._segments.update(grid):
            found += self._warnings.tell(subject, text if told.fit is Fit.SWAPPED else "", told.time_s)
        return found


class LegsWatch:
    """Both legs: `update` after every leg had its rows."""

    def __init__(self) -> None:
        self._warnings = Warnings()
        self._sides = SideWatch()
        self._mirror = MirrorWatch()
        self._own: deque[tuple[float, bool]] = deque(maxlen=50)
        """Whether each leg has its own two sensors, each time since that was known anew (s)."""

    @property
    def messages(self) -> list[str]:
        """What is warned of now."""
        return self._warnings.messages

    @property
    def fit(self) -> Fit:
        """Whether each leg has its own two sensors."""
        return self._sides.fit

    @property
    def mirrored(self) -> Fit:
        """Whether left is left, by how the legs sway."""
        return self._mirror.fit

    def rows(self, leg: LegWatch) -> list[RaisedEvent]:
        """What a leg's newest rows tell anew."""
        found = []
        text = "one sensor of each leg seems to be on the other leg: exchange the thigh sensors or the shank sensors"
        for told in self._sides.add(leg.side, leg.segments.windows):
            swapped = told.fit is Fit.SWAPPED
            found += self._warnings.tell(Subject(Warned.CROSSED_LEGS), text if swapped else "", told.time_s)
            self._own.append((told.time_s, told.fit is Fit.FITS))
        return found

    def angles(self, side: Side, block: LegBlock) -> list[RaisedEvent]:
        """What a leg's newest angles tell anew."""
        found = []
        text = "left and right seem exchanged: each leg's sensors move like the other leg's"
        for told in self._mirror.update(side, block):
            # Rows may have come further than angles: what was known then counts.
            own = [fits for since_s, fits in self._own if since_s <= told.time_s][-1:] == [True]
            swapped = told.fit is Fit.SWAPPED and own
            found += self._warnings.tell(Subject(Warned.SWAPPED_SIDES), text if swapped else "", told.time_s)
        return found


def looked_through(
    grids: Mapping[Side, GridBlock], blocks: Mapping[Side, LegBlock]
) -> tuple[list[RaisedEvent], list[str]]:
    """The places of the sensors in a whole recording: the events, as they would have come, and what stands at its end.

    grids, blocks: each leg's rows, and the angles of the same rows.
    """
    both = LegsWatch()
    watches = {side: LegWatch(side, (), dict) for side in grids}
    found: list[RaisedEvent] = []
    last_s = max((grid.start + len(grid)) / grid.rate_hz for grid in grids.values())
    # In turns, since both legs' strides are compared as they come.
    for begin_s, end_s in pairwise(_PIECE_S * k for k in range(int(last_s / _PIECE_S) + 3)):
        for side, grid in grids.items():
            begin, end = (min(max(round(s * grid.rate_hz) - grid.start, 0), len(grid)) for s in (begin_s, end_s))
            if begin < end:
                found += [*watches[side].rows(grid.cut(begin, end)), *both.rows(watches[side])]
                found += both.angles(side, blocks[side].cut(begin, end))
    return found, [*both.messages, *(line for watch in watches.values() for line in watch.messages)]
