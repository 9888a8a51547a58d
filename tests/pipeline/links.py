"""Simulated radio links: when the samples of a sensor with a given clock arrive at the host."""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import Clock, Floats, Ints
from pipeline.timebase import TimeBase


@dataclass(frozen=True)
class Link:
    """skew: how much the device clock runs fast (fraction). miss: share of connection events that are missed.

    intervals_s: connection interval, or several that a phone mixes at random; central: how much slower than the host's
    clock the central counts them. per_packet: samples a notification; per_event: the most packets that one event takes.
    A packet goes with the first event that is heard after its last sample was taken and processed, and after those
    before it; all of an event come together.
    """

    rate_hz: float = 100.0
    skew: float = 0.0
    intervals_s: tuple[float, ...] = (0.03,)
    miss: float = 0.02
    central: float = 0.0
    per_packet: int = 1
    per_event: int = 8
    processing_s: float = 0.002
    jitter_s: float = 0.0005

    def run(self, seconds: float, rng: np.random.Generator) -> tuple[Floats, Ints, Floats]:
        """True times (n,) of all samples; then index of each packet's last sample (m,) and its arrival time (m,)."""
        count = int(seconds * self.rate_hz)
        true = np.arange(count) / self.rate_hz / (1 + self.skew) + rng.uniform(0, 1 / self.rate_hz)
        last = np.arange(self.per_packet - 1, count, self.per_packet)
        return true, last, self.arrivals(true[last], seconds, rng)

    def arrivals(self, taken: Floats, seconds: float, rng: np.random.Generator) -> Floats:
        """When packets whose newest sample was taken at these times arrive, (m,) s."""
        steps = rng.choice(self.intervals_s, int((seconds + 5) / min(self.intervals_s))) * (1.0 + self.central)
        events = rng.uniform(0, 0.03) + np.cumsum(steps)
        events = events[rng.random(len(events)) > self.miss]
        heard = np.maximum.accumulate(events + rng.exponential(self.jitter_s, len(events)))
        carried = np.searchsorted(events, taken + self.processing_s).tolist()
        for k in range(self.per_event, len(carried)):
            carried[k] = max(carried[k], carried[k - 1], carried[k - self.per_event] + 1)
        return np.asarray(heard[np.minimum(carried, len(heard) - 1)])


def timed(
    clock: Clock, link: Link, seconds: float, rng: np.random.Generator, nominal_hz: float | None = None
) -> tuple[Floats, Floats, TimeBase]:
    """The times that a time base gives to a link's samples, their true times, and the time base."""
    true, last, arrivals = link.run(seconds, rng)
    nominal = nominal_hz or link.rate_hz
    if clock is Clock.DEVICE_TIME:
        ticks = np.rint(np.arange(len(true)) / nominal * 1e6).astype(int).tolist()
        base = TimeBase(clock, 1e-6)
    else:
        ticks = list(range(len(true)))
        base = TimeBase(clock, 1 / nominal)
    times: list[float] = []
    for end, arrival in zip(last.tolist(), arrivals.tolist(), strict=True):
        times += base.update(ticks[end - link.per_packet + 1 : end + 1], arrival)
    times += base.finish()
    return np.array(times), true[: len(times)], base
