"""From records to the grid of one leg: decode, time base, grid, correction, in the order in which they are recorded.

One record goes in at a time, and nothing else decides what comes out: no clock is read, so that a replay gives what the
live session gave, to the last bit. `connected` starts a sensor's decoder and time base anew, `tick` lets time pass
while nothing arrives. The inertial correction is affine and interpolation is too, so that it is applied to the rows
that leave, once a block, rather than to each notification.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import hypot, isnan
from typing import cast

from calibration.inertial import Inertial
from firmware_interface.drivers.interface import Decoder
from firmware_interface.samples import Clock
from pipeline.agreement import Agreement, AgreementParameters, Offset
from pipeline.blocks import GridBlock
from pipeline.errors import BadInputError
from pipeline.grid import Grid, GridParameters
from pipeline.known_later import KnownLater, looked_back
from pipeline.quality import SensorCounts
from pipeline.records import Event, Notification, Record, Segment, SensorInfo
from pipeline.tabletime import TableTime, TableTimeParameters
from pipeline.timebase import TimeBase, TimeBaseParameters
from pipeline.track import Row, Track, Vector

_LONGEST_PACKET_S = 2.0
"""What is believed of a packet: rows are held back so long, and a sensor that claims more is not waited for."""


@dataclass(frozen=True)
class IntakeParameters:
    """min_rows: rows are handed on in blocks of at least this many; 1 is the least delay, more is faster offline.
    keep_lines: keep what is needed to look back when the recording is over (see `known_later`)."""

    min_rows: int = 1
    keep_lines: bool = False
    time_base: TimeBaseParameters = field(default_factory=TimeBaseParameters)
    table_time: TableTimeParameters = field(default_factory=TableTimeParameters)
    grid: GridParameters = field(default_factory=GridParameters)
    agreement: AgreementParameters = field(default_factory=AgreementParameters)


def registered_decoder(driver: str) -> Decoder:
    """The decoder of a driver's packet format, from the registry."""
    registry = import_module("firmware_interface.drivers.registry")
    return cast(Decoder, registry.decoder(driver))


class Intake:
    """One leg's sensors, from records to grid blocks that follow each other without a hole.

    sensors: the thigh and shank sensor of one leg; either may be missing, its rows are then never ok.
    corrections: inertial calibrations by sensor id.
    decoder: gives a fresh decoder for a driver's name.
    """

    def __init__(
        self,
        sensors: Sequence[SensorInfo],
        corrections: Mapping[int, Inertial] | None = None,
        parameters: IntakeParameters | None = None,
        decoder: Callable[[str], Decoder] = registered_decoder,
    ) -> None:
        self._p = parameters or IntakeParameters()
        infos = {info.segment: info for info in sensors}
        if not infos or len(infos) != len(sensors):
            raise BadInputError("one leg needs one sensor on the thigh, one on the shank, or both")
        both = len(infos) == 2
        self._grid = Grid(Segment.THIGH in infos, Segment.SHANK in infos, self._p.grid, self._row if both else None)
        thigh, shank = self._grid.tracks
        self._streams: dict[int, _Stream] = {}
        for segment, track in ((Segment.THIGH, thigh), (Segment.SHANK, shank)):
            if track is not None:
                info = infos[segment]
                self._streams[info.id] = _Stream(info, track, self._p, decoder)
        self._alike = both and infos[Segment.THIGH].driver == infos[Segment.SHANK].driver
        self._agreement: Agreement | None = None
        known = corrections or {}
        self._corrections = {segment: known[info.id] for segment, info in infos.items() if info.id in known}
        self._now_s = -1e300

    @property
    def rate_hz(self) -> float | None:
        """The grid's rate; None until it is known."""
        return self._grid.rate_hz

    def update(self, record: Record) -> list[GridBlock]:
        """What one record makes final, possibly nothing."""
        if type(record) is Notification:
            stream = self._streams.get(record.sensor)
            if stream is None:
                return []
            newest = stream.notification(record, self._mappings)
        else:
            assert isinstance(record, Event)
            newest = self._event(record)
        if newest > self._now_s:
            self._now_s = newest
        return self._corrected(self._grid.advance(self._now_s, self._p.min_rows))

    def finish(self) -> list[GridBlock]:
        """All rows that are left when the records are over."""
        for stream in self._streams.values():
            self._now_s = max(self._now_s, stream.close(self._mappings))
        return self._corrected(self._grid.finish(self._now_s))

    def looked_back(self, grid: GridBlock) -> GridBlock:
        """All rows of a recording that is over, where both sensors' clocks are known to have stood; `keep_lines`."""
        later = {stream.segment: stream.later for stream in self._streams.values()}
        return looked_back(grid, later.get(Segment.THIGH), later.get(Segment.SHANK))

    def counts(self) -> dict[int, SensorCounts]:
        """What happened to each sensor's data so far, by sensor id."""
        seen = None if self._agreement is None else self._agreement.last
        return {key: stream.counts(self.rate_hz, seen) for key, stream in self._streams.items()}

    @property
    def _mappings(self) -> int:
        return 0 if self._agreement is None else self._agreement.mappings

    def pair_sd_s(self) -> float:
        """Standard deviation of the offset between the two sensors' times at present."""
        if self._agreement is not None and self._agreement.difference_sd_s is not None:
            return self._agreement.difference_sd_s
        return hypot(*(stream.time_sd_s for stream in self._streams.values()))

    def _row(self, time_s: float, thigh: Row, shank: Row) -> None:
        """A row became final: both sensors' times are compared by their motion."""
        if self._agreement is None:
            assert self.rate_hz is not None
            first, second = self._streams.values()
            self._agreement = Agreement(first, second, self.rate_hz, self._alike, self._p.agreement)
        self._agreement.row(time_s, thigh, shank)

    def _event(self, event: Event) -> float:
        if event.kind == "tick":
            now = event.host_time_ns * 1e-9
            return now if now - self._now_s < self._p.time_base.max_jump_s or self.rate_hz is None else -1e300
        if event.kind in ("connected", "disconnected"):
            sensor = event.fields.get("sensor")
            stream = self._streams.get(sensor) if isinstance(sensor, int) else None
            if stream is not None:
                newest = stream.close(self._mappings)
                if event.kind == "connected":
                    stream.connections += 1
                return newest
        return -1e300

    def _corrected(self, blocks: list[GridBlock]) -> list[GridBlock]:
        if not self._corrections:
            return blocks
        return [self._correct(block) for block in blocks]

    def _correct(self, block: GridBlock) -> GridBlock:
        thigh = self._corrections.get(Segment.THIGH)
        shank = self._corrections.get(Segment.SHANK)
        if thigh is not None:
            acc, gyr = thigh.apply(block.thigh_acc, block.thigh_gyr)
            block = replace(block, thigh_acc=acc, thigh_gyr=gyr)
        if shank is not None:
            acc, gyr = shank.apply(block.shank_acc, block.shank_gyr)
            block = replace(block, shank_acc=acc, shank_gyr=gyr)
        return block


class _Stream:
    """One sensor: its decoder and time base of the present connection, and its counts over all of them."""

    def __init__(
        self, info: SensorInfo, track: Track, parameters: IntakeParameters, decoder: Callable[[str], Decoder]
    ) -> None:
        self._info = info
        self.segment = info.segment
        self.later = KnownLater() if parameters.keep_lines else None
        self._track = track
        self._parameters = parameters
        self._new_decoder = decoder
        self._decoder: Decoder | None = None
        self.base: TimeBase | TableTime | None = None
        """Of the present connection, once it has begun."""
        self._held: list[tuple[Vector, Vector, bool]] = []
        self._clock = ""
        self._nominal = (Clock.NONE, 0.0)
        self._measured: dict[tuple[Clock, float], float] = {}
        self.connections = 0
        self._notifications = self._samples = self._lost = self._rejected = self._clipped = 0
        self._duplicates = self._reordered = self._restarts = self._fell_behind = 0
        self._skew_ppm = 0.0
        self._time_sd_s = 0.0
        self._battery: float | None = None
        self._temperature_c: float | None = None

    @property
    def newest_s(self) -> float:
        """Session time of the newest sample."""
        return self._track.last_s

    @property
    def time_sd_s(self) -> float:
        """Standard deviation of the newest sample's time."""
        return self.base.time_sd_s if self.base else self._time_sd_s

    def notification(self, record: Notification, pair: int = 0) -> float:
        """Decode, time and hand on; gives the newest sample's session time. pair: number of both sensors' mapping."""
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = self._new_decoder(self._info.driver)
        samples = decoder.feed(record.characteristic, record.payload)
        self._notifications += 1
        self._lost += samples.lost
        self._rejected += samples.rejected
        if samples.battery is not None:
            self._battery = samples.battery
        if samples.temperature_c is not None:
            self._temperature_c = samples.temperature_c
        ticks = samples.ticks.tolist()
        if not ticks:
            return self._track.last_s
        base = self.base
        if base is None or base.clock is not samples.clock:
            base = self._begin(samples.clock, samples.tick_s, pair)
        self._samples += len(ticks)
        if len(ticks) > 1 and samples.clock is not Clock.SESSION:
            span_s = (ticks[-1] - ticks[0]) * samples.tick_s
            if span_s > self._track.packet_s:
                self._track.packet_s = min(span_s, _LONGEST_PACKET_S)
        times = base.update(ticks, record.host_time_ns * 1e-9)
        acc, gyr, clipped = samples.acc.tolist(), samples.gyr.tolist(), samples.clipped.tolist()
        if len(times) == 1 and len(ticks) == 1 and not self._held:
            if times[0] == times[0]:
                self._track.add(times[0], acc[0], gyr[0], clipped[0])
            self._clipped += clipped[0]
        else:
            self._clipped += sum(clipped)
            self._held.extend(zip(acc, gyr, clipped, strict=True))
            self._release(times)
        if self.later is not None and isinstance(base, TimeBase):
            self.later.note(base, pair, self._track.last_s)
        return self._track.last_s

    def close(self, pair: int = 0) -> float:
        """End the present connection: what is held is timed as well as it can be, then all starts anew."""
        base = self.base
        if base is not None:
            self._release(base.finish())
            if self.later is not None and isinstance(base, TimeBase):
                self.later.note(base, pair, self._track.last_s, last=True)
            self._duplicates += base.duplicates
            self._reordered += base.reordered
            self._rejected += base.refused
            self._restarts += base.restarts
            self._fell_behind += base.fell_behind if isinstance(base, TimeBase) else 0
            self._lost += base.inferred_lost
            self._skew_ppm, self._time_sd_s = base.skew_ppm, base.time_sd_s
            if isinstance(base, TimeBase) and self._track.first_s is not None:
                self._measured[self._nominal] = base.tick_s
        self._held.clear()
        self.base = None
        self._decoder = None
        return self._track.last_s

    def counts(self, grid_rate_hz: float | None, seen: Offset | None) -> SensorCounts:
        track, base = self._track, self.base
        span = track.last_s - track.first_s if track.first_s is not None else 0.0
        return SensorCounts(
            notifications=self._notifications,
            samples=self._samples,
            lost=self._lost + (base.inferred_lost if base else 0),
            rejected=self._rejected + (base.refused if base else 0),
            duplicates=self._duplicates + (base.duplicates if base else 0),
            reordered=self._reordered + (base.reordered if base else 0),
            late=track.late,
            spikes=track.spikes,
            clipped=self._clipped,
            connections=self.connections,
            gaps=track.gaps,
            gap_s=track.empty_rows / grid_rate_hz if grid_rate_hz else 0.0,
            clock_restarts=self._restarts + (base.restarts if base else 0),
            fell_behind=self._fell_behind + (base.fell_behind if isinstance(base, TimeBase) else 0),
            rate_hz=(self._samples - 1) / span if span > 0 else 0.0,
            battery=self._battery,
            temperature_c=self._temperature_c,
            clock=self._clock,
            skew_ppm=base.skew_ppm if base else self._skew_ppm,
            time_sd_s=self.time_sd_s,
            pair_offset_s=None if seen is None else seen.offset_s,
            pair_offset_sd_s=None if seen is None else seen.sd_s,
        )

    def _begin(self, clock: Clock, tick_s: float, pair: int) -> TimeBase | TableTime:
        if self.base is not None:
            decoder = self._decoder
            self.close(pair)
            self._decoder = decoder
        self._clock = clock.value
        if clock is Clock.SESSION:
            self.base = TableTime(tick_s, self._parameters.table_time)
            self._track.reorder_s = self._parameters.grid.hold_s
        else:
            known = self._measured.get((clock, tick_s))
            p = self._parameters.time_base
            self.base = TimeBase(clock, known or tick_s, p, self._track.last_s, rate_known=known is not None)
            self._nominal = (clock, tick_s)
        return self.base

    def _release(self, times: list[float]) -> None:
        held = self._held
        add = self._track.add
        for time_s, (acc, gyr, clipped) in zip(times, held, strict=False):
            if not isnan(time_s):
                add(time_s, acc, gyr, clipped)
        del held[: len(times)]
