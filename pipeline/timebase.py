"""Session seconds of a sensor's samples, from its ticks and the host's arrival times, with an uncertainty.

Arrival time is not sample time: notifications of one connection event arrive together, late by up to a connection
interval and more after a missed event. The device's ticks are even but of unknown offset and rate. The bounds that
(arrival - device time) sets from above and below join the two (see `envelope`). The mapping is causal: it is corrected
as they close in, but the correction is spread over many samples, so that time always runs forward and never jumps by
more than a fraction of a sample. Session time is late by what a sensor needs to have a sample ready, which two like
sensors share.

Ticks are untrusted. A tick already seen is a duplicate, a smaller one belongs to a reordered packet. A tick that cannot
be (far ahead of its arrival, far behind its predecessor) is held until the next packet: if that agrees with it the
clock was restarted and a new mapping begins, otherwise it is refused. Sensors whose packets carry nothing (Clock.NONE)
get ticks by counting: received samples times the rate that arrivals show, with losses inferred when arrivals fall
behind for good. Imported tables (Clock.SESSION): see `tabletime`.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, isnan, nan, sqrt

from firmware_interface.samples import Clock
from pipeline.envelope import Envelope, EnvelopeParameters
from pipeline.inferred_loss import InferredLoss, InferredLossParameters
from pipeline.two_clocks import Agreed, Lines
from pipeline.usual_rates import tick_shown


@dataclass(frozen=True)
class TimeBaseParameters:
    """Limits of what is believed. Seconds unless named otherwise.

    opening_s: samples are held this long after a connection, so that the first offset rests on several packets;
        opening_none_s where the rate must be measured first.
    slew, opening_slew: largest correction per second of device time, later and in the first opening_slew_s.
    ahead_s, behind_s: a device time this far ahead of its arrival, or behind the tick before it, is not believed.
        Arrivals late by more than ahead_s for longer than behind_s: the clock was set back or stood still.
    max_jump_s: a jump forward of the host's time beyond this is never believed (empty rows without end).
    loss: what is taken for lost, for Clock.NONE.
    minimum_latency_sd_s: what no envelope can tell: the shortest latency's own uncertainty.
    """

    opening_s: float = 0.3
    opening_none_s: float = 1.0
    slew: float = 0.02
    opening_slew: float = 0.2
    opening_slew_s: float = 3.0
    ahead_s: float = 0.25
    behind_s: float = 2.0
    max_jump_s: float = 6 * 3600.0
    loss: InferredLossParameters = field(default_factory=InferredLossParameters)
    minimum_latency_sd_s: float = 5e-4


_BOUNDS = {
    Clock.DEVICE_TIME: (200e-6, 0.015, 0.1),
    Clock.COUNTER: (0.015, 0.1, 0.3),
    Clock.NONE: (0.03, 0.1),
}
_RECENT_TICKS = 2048
_LONGEST_PACKET_S = 2.0


class TimeBase:
    """The time base of one connection of one sensor.

    `update` takes a packet's ticks and gives times for all samples that are timed by now, those held before first, in
    the order they were given: nan marks a sample that must not be used (duplicate or not believed).
    floor_s: times are strictly above it (the last time of the sensor's connection before this one).
    rate_known: tick_s was measured in a connection before, so that the opening is short.
    """

    def __init__(
        self,
        clock: Clock,
        tick_s: float,
        parameters: TimeBaseParameters | None = None,
        floor_s: float = -1e300,
        rate_known: bool = False,
    ) -> None:
        self.clock = clock
        self._p = parameters or TimeBaseParameters()
        self._tick_s = tick_s if isfinite(tick_s) and tick_s > 0 else 0.01
        self._none = clock is Clock.NONE
        self._last_s = self._floor_s = floor_s
        self._held: list[tuple[list[int], float]] = []
        self._open = False
        self._rate_known = rate_known
        self._doubted: list[int] = []
        self._doubt_level = 0.0
        self._recent: deque[int] = deque(maxlen=_RECENT_TICKS)
        self._envelope = self._new_envelope(self._tick_s)
        self._tick0 = 0
        self._newest = -(1 << 62)
        self._newest_x = 0.0
        self._skipped = 0
        self._shift = 0.0
        self._last_arrival = -1e300
        self._behind_since = nan
        self._loss = InferredLoss(self._p.loss)
        self._agreed: Agreed | None = None
        self.duplicates = 0
        self.reordered = 0
        self.refused = 0
        self.restarts = 0
        self.fell_behind = 0

    # -- what is known -------------------------------------------------------------------------------------------------

    @property
    def inferred_lost(self) -> int:
        """Samples that arrivals say were lost, where packets carry nothing."""
        return self._loss.lost

    @property
    def tick_s(self) -> float:
        """Seconds per tick: nominal, or measured where that was far off."""
        return self._tick_s

    @property
    def skew_ppm(self) -> float:
        """How much faster than session time the device's clock runs, parts per million."""
        return -1e6 * self._envelope.slope / (1.0 + self._envelope.slope)

    @property
    def is_open(self) -> bool:
        """Whether a mapping exists, so that what follows means something."""
        return self._open

    @property
    def shift_s(self) -> float:
        """What is added to the device's time at present."""
        return self._shift

    @property
    def newest_x_s(self) -> float:
        """The device's time of the newest sample."""
        return self._newest_x

    @property
    def envelope_s(self) -> float:
        """What arrivals alone would add to it."""
        return self._envelope.offset + self._envelope.slope * self._newest_x

    @property
    def line(self) -> Agreed:
        """What is followed at present: the agreed line, or the envelope."""
        if self._agreed is not None:
            return self._agreed
        return Agreed(self._newest_x, self.envelope_s, self._envelope.slope, self.arrival_sd_s)

    @property
    def drift(self) -> tuple[float, float]:
        """Change of that per second, and its standard deviation."""
        return self._envelope.slope, self._envelope.slope_sd

    @property
    def time_sd_s(self) -> float:
        """Standard deviation of the newest sample's time, beyond what all sensors of the link share."""
        guessed = self._p.loss.samples * self._tick_s if self.inferred_lost else 0.0
        known = self.arrival_sd_s
        if self._agreed is not None:
            known = min(known, self._agreed.sd_s)
        return sqrt(known**2 + guessed**2 + self._p.minimum_latency_sd_s**2)

    @property
    def arrival_sd_s(self) -> float:
        """Of the newest sample's time, as arrivals alone leave it."""
        return self._envelope.sd_s(self._newest_x)

    def lines(self) -> Lines | None:
        """What arrivals alone allow it to be."""
        return self._envelope.lines(self._newest_x)

    def agree(self, agreed: Agreed | None) -> None:
        """From now on the line that both sensors' arrivals and motion leave is followed, or again the envelope."""
        self._agreed = agreed

    # -- packets -------------------------------------------------------------------------------------------------------

    def update(self, ticks: list[int], arrival_s: float) -> list[float]:
        """Session times of the samples that can be timed now. ticks: oldest first, at least one."""
        if not self._open:
            self._held.append((ticks, arrival_s))
            return self._begin() if self._heard_enough() else []
        p = self._p
        if arrival_s - self._last_arrival > p.max_jump_s:
            self.refused += len(ticks)
            return [nan] * len(ticks)
        tick = ticks[-1]
        x = (tick - self._tick0 + self._skipped) * self._tick_s
        envelope = self._envelope
        if self._none:
            late = arrival_s - x - envelope.offset - envelope.slope * x
            skip = self._loss.seen(arrival_s, arrival_s - self._last_arrival, late, self._tick_s)
            self._skipped += skip
            x += skip * self._tick_s
        self._last_arrival = arrival_s
        y = arrival_s - x
        excess = y - envelope.offset - envelope.slope * x
        if (excess < -p.ahead_s and self._impossible(x, excess)) or x < self._newest_x - p.behind_s:
            return self._doubt(ticks, arrival_s, y)
        settled: list[float] = []
        if self._doubted:
            settled = [nan] * len(self._doubted)
            self.refused += len(self._doubted)
            self._doubted = []
        if x > self._newest_x:
            envelope.add(x, y)
        if excess <= p.ahead_s:
            self._behind_since = nan
        elif isnan(self._behind_since):
            self._behind_since = arrival_s
        elif arrival_s - self._behind_since > p.behind_s:
            self.fell_behind += 1
            return settled + self._restart([(ticks, arrival_s)])
        if len(ticks) == 1 and tick > self._newest:
            settled.append(self._map(tick))
            return settled
        settled.extend(self._time(tick) for tick in ticks)
        return settled

    def finish(self) -> list[float]:
        """Times of the samples still held, at the end of a connection or recording."""
        if not self._open and self._held:
            return self._begin()
        refused = [nan] * len(self._doubted)
        self.refused += len(refused)
        self._doubted = []
        return refused

    def _heard_enough(self) -> bool:
        held = self._held[-1][1] - self._held[0][1]
        if held < self._p.opening_s or (self._none and not self._rate_known and held < self._p.opening_none_s):
            return False
        if self.clock is Clock.DEVICE_TIME or held >= self._p.opening_none_s or self._rate_known:
            return True
        steps = self._held[-1][0][-1] - self._held[0][0][-1]
        return 0.8 < steps * self._tick_s / held < 1.25

    # -- mapping -------------------------------------------------------------------------------------------------------

    def _begin(self) -> list[float]:
        held, self._held = self._held, []
        first, last = held[0], held[-1]
        self._floor_s = self._last_s
        if self.clock is not Clock.DEVICE_TIME and not self._rate_known:
            # A sensor that was set to another rate.
            steps, span = last[0][-1] - first[0][-1], last[1] - first[1]
            if span >= self._p.opening_s and steps >= 8:
                self._tick_s = tick_shown(self._tick_s, steps, span)
        self._open = True
        self._rate_known = True
        spacings = sorted(b[0][-1] - a[0][-1] for a, b in pairwise(held))
        packet_s = max(spacings[len(spacings) // 2], 1) * self._tick_s if spacings else self._tick_s
        self._envelope = self._new_envelope(packet_s)
        self._tick0 = first[0][0]
        self._skipped = 0
        self._newest = self._tick0 - 1
        self._recent.clear()
        self._newest_x = -1e300
        for ticks, arrival in held:
            x = (ticks[-1] - self._tick0) * self._tick_s
            if abs(x) < 2 * (last[1] - first[1]) + self._p.behind_s:
                self._envelope.add(x, arrival - x)
        if not isfinite(self._envelope.offset):
            self._envelope.add(0.0, first[1])
        self._newest_x = 0.0
        self._shift = self._envelope.offset
        self._last_arrival = last[1]
        times: list[float] = []
        for ticks, arrival in held:
            believed = abs(arrival - self._shift - (ticks[-1] - self._tick0) * self._tick_s) < self._p.behind_s
            if not believed:
                self.refused += len(ticks)
            times.extend(self._time(tick) if believed else nan for tick in ticks)
        return times

    def _new_envelope(self, packet_s: float) -> Envelope:
        """Small losses that were not inferred look like a changing rate: without ticks the memory is kept short."""
        packet_s = min(packet_s, _LONGEST_PACKET_S)
        if self._none:
            return Envelope(packet_s, EnvelopeParameters(slope_bounds=_BOUNDS[Clock.NONE], max_bin_s=1.0, max_bins=60))
        return Envelope(packet_s, EnvelopeParameters(slope_bounds=_BOUNDS[self.clock]))

    def _time(self, tick: int) -> float:
        if tick > self._newest:
            return self._map(tick)
        if tick in self._recent or self._none:
            # Ticks that only count what arrived never come late, and what was skipped since then is not theirs.
            self.duplicates += 1
            return nan
        self._recent.append(tick)
        time_s = (tick - self._tick0 + self._skipped) * self._tick_s + self._shift
        if time_s <= self._floor_s:
            # It belongs to a time that the mapping before this one has given away.
            self.refused += 1
            return nan
        self.reordered += 1
        return time_s

    def _map(self, tick: int) -> float:
        self._newest = tick
        self._recent.append(tick)
        x = (tick - self._tick0 + self._skipped) * self._tick_s
        p = self._p
        envelope = self._envelope
        passed = max(x - self._newest_x, 0.0)
        agreed = self._agreed
        slope = envelope.slope if agreed is None else agreed.slope
        line = envelope.offset + slope * x if agreed is None else agreed.value_s + slope * (x - agreed.x_s)
        self._shift += slope * passed
        most = passed * (p.slew if x > p.opening_slew_s else p.opening_slew)
        step = line - self._shift
        self._shift += most if step > most else -most if step < -most else step
        self._newest_x = x
        time_s = x + self._shift
        if time_s <= self._last_s:
            self.refused += 1
            return nan
        self._last_s = time_s
        return time_s

    # -- doubt ---------------------------------------------------------------------------------------------------------

    def _impossible(self, x: float, excess: float) -> bool:
        return x > self._p.opening_slew_s or excess < -self._p.behind_s

    def _doubt(self, ticks: list[int], arrival_s: float, level: float) -> list[float]:
        if self._doubted and abs(level - self._doubt_level) < self._p.ahead_s:
            doubted, self._doubted = self._doubted, []
            return self._restart([(doubted, arrival_s), (ticks, arrival_s)])
        refused = [nan] * len(self._doubted)
        self.refused += len(refused)
        self._doubted = ticks
        self._doubt_level = level
        return refused

    def _restart(self, packets: list[tuple[list[int], float]]) -> list[float]:
        """The device's clock began anew: open again, with these packets as the first."""
        self.restarts += 1
        self._open = False
        self._held = packets
        self._behind_since = nan
        self._agreed = None
        return []
