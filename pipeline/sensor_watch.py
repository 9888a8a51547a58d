"""Each sensor of a leg, watched as it delivers: battery, signal, rate, range.

Once a second of recorded time the counts of the last ten seconds are looked at. The signal is weak where the
advertisement came in weakly when the sensor was connected, where samples are missing now, or where they come ever later
(a link that carries less than the sensor sends). A rate is wrong where the
sensor was asked for another one (`configured` in the recording), or where it is too low to see a heel strike; both
halves of the time must say so, since one stall is no rate. A range is wrong where samples stand at its end again and
again: the sensor was set to, or has, too small a one. Only those counts are used that do not depend on how far the grid
has come.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.quality import SensorCounts
from pipeline.records import Event, Record, SensorInfo
from pipeline.rows import RaisedEvent
from pipeline.warned import Subject, Warned, Warnings

Counts = Callable[[], Mapping[int, SensorCounts]]


@dataclass(frozen=True, slots=True)
class SensorWatchParameters:
    """Each pair: where a warning begins, and where it ends.

    every_s, over_s: how often, and over how long, the counts are looked at. battery: share left. signal_dbm: of the
    advertisement (receivers lose packets from about -90 dBm on). loss: share of samples lost. rate_off: share by which
    the rate differs from the one asked for; uncalibrated oscillators are off by up to 0.03. least_hz: below it, a heel
    strike or a fast swing is cut off (the swing's content reaches 15 to 20 Hz). clipped: samples at the range's end
    in over_s; one strike can make two.
    """

    every_s: float = 1.0
    over_s: float = 10.0
    battery: tuple[float, float] = (0.15, 0.20)
    signal_dbm: tuple[float, float] = (-85.0, -80.0)
    loss: tuple[float, float] = (0.05, 0.02)
    rate_off: tuple[float, float] = (0.08, 0.05)
    least_hz: tuple[float, float] = (40.0, 42.0)
    clipped: tuple[int, int] = (5, 1)
    behind_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Look:
    time_s: float
    counts: SensorCounts


class SensorWatch:
    """`note` every record after the intake had it; the events are what is new.

    counts: gives what happened so far to each sensor's data, by its id.
    """

    def __init__(
        self,
        sensors: Sequence[SensorInfo],
        counts: Counts,
        warnings: Warnings,
        parameters: SensorWatchParameters | None = None,
    ) -> None:
        self._p = parameters or SensorWatchParameters()
        self._sensors = {sensor.id: sensor for sensor in sensors}
        self._counts = counts
        self._warnings = warnings
        keep = round(self._p.over_s / self._p.every_s) + 1
        self._looks: dict[int, deque[_Look]] = {key: deque(maxlen=keep) for key in self._sensors}
        self._signal: dict[int, float] = {}
        self._asked: dict[int, float] = {}
        self._behind: dict[int, tuple[int, float]] = {}
        self._due_s: float | None = None

    def note(self, record: Record) -> list[RaisedEvent]:
        """What this record tells anew."""
        if isinstance(record, Event):
            self._listen(record)
        time_s = record.host_time_ns * 1e-9
        if self._due_s is None:
            self._due_s = time_s + self._p.every_s
        if time_s < self._due_s:
            return []
        self._due_s = time_s + self._p.every_s
        found: list[RaisedEvent] = []
        for key, counts in self._counts().items():
            looks = self._looks[key]
            looks.append(_Look(time_s, counts))
            found += self._judged(key, looks)
        return found

    def _listen(self, event: Event) -> None:
        key = event.fields.get("sensor")
        if not isinstance(key, int) or key not in self._sensors:
            return
        signal, rate = event.fields.get("rssi_dbm"), event.fields.get("rate_hz")
        # Some stacks report +127 for unknown.
        if event.kind == "connected" and isinstance(signal, int | float) and -130.0 < signal < 20.0:
            self._signal[key] = float(signal)
        if event.kind == "configured" and isinstance(rate, int | float) and rate > 0.0:
            self._asked[key] = float(rate)
            # What came before came at another rate.
            self._looks[key].clear()

    def _judged(self, key: int, looks: deque[_Look]) -> list[RaisedEvent]:
        first, last = looks[0], looks[-1]
        time_s = last.time_s
        found = self._battery(key, last.counts.battery, time_s)
        half = len(looks) // 2
        samples = last.counts.samples - first.counts.samples
        # What comes after its rows are final is lost to the person as well.
        lost = max(last.counts.lost - first.counts.lost, 0) + last.counts.late - first.counts.late
        samples -= last.counts.late - first.counts.late
        whole = len(looks) == looks.maxlen and first.counts.connections == last.counts.connections
        found += self._weak(key, lost / max(samples + lost, 1) if whole else None, time_s)
        if whole and last.counts.samples > first.counts.samples:
            found += self._clipping(key, last.counts.clipped - first.counts.clipped, time_s)
            found += self._rate(key, [_rate(first, looks[half]), _rate(looks[half], last)], time_s)
        return found

    def _battery(self, key: int, level: float | None, time_s: float) -> list[RaisedEvent]:
        subject = self._subject(key, Warned.LOW_BATTERY)
        low = level is not None and level <= self._limit(subject, self._p.battery)
        text = f"the {subject} sensor's battery is at {100.0 * (level or 0.0):.0f} %: charge it" if low else ""
        return self._warnings.tell(subject, text, time_s)

    def _weak(self, key: int, loss: float | None, time_s: float) -> list[RaisedEvent]:
        subject = self._subject(key, Warned.WEAK_SIGNAL)
        if loss is None:
            # A link that has just been made anew does not take the warning back.
            if subject in self._warnings.active():
                return []
            loss = 0.0
        signal = self._signal.get(key)
        text = ""
        if self._falls_behind(key, time_s):
            text = f"the {subject} sensor's samples come later and later, so that its angles may be wrong"
        elif loss > self._limit(subject, self._p.loss):
            text = f"the {subject} sensor's signal is weak, {100.0 * loss:.0f} % of its samples are lost or late"
        elif signal is not None and signal < self._limit(subject, self._p.signal_dbm):
            text = f"the {subject} sensor's signal is weak ({signal:.0f} dBm)"
        return self._warnings.tell(subject, text and f"{text}: bring the computer nearer", time_s)

    def _falls_behind(self, key: int, time_s: float) -> bool:
        times, last_s = self._behind.get(key, (0, -1e300))
        now = self._looks[key][-1].counts.fell_behind
        if now > times:
            last_s = time_s
        self._behind[key] = now, last_s
        return time_s - last_s < self._p.behind_s

    def _rate(self, key: int, rates_hz: list[float], time_s: float) -> list[RaisedEvent]:
        subject = self._subject(key, Warned.WRONG_RATE)
        asked = self._asked.get(key)
        rate_hz = sum(rates_hz) / len(rates_hz)
        text = ""
        # Too many after too few, or the contrary, is a stall that was made up for.
        off = [0.0] if asked is None else [rate / asked - 1.0 for rate in rates_hz]
        if max(min(off), -max(off)) > self._limit(subject, self._p.rate_off):
            text = f"the {subject} sensor sends {rate_hz:.0f} samples a second and was asked for {asked:g}"
        elif max(rates_hz) < self._limit(subject, self._p.least_hz):
            text = f"the {subject} sensor sends only {rate_hz:.0f} samples a second, too few for fast movement"
        return self._warnings.tell(subject, text and f"{text}: set its rate", time_s)

    def _clipping(self, key: int, clipped: int, time_s: float) -> list[RaisedEvent]:
        subject = self._subject(key, Warned.WRONG_RANGE)
        many = clipped >= self._limit(subject, self._p.clipped)
        text = f"the {subject} sensor stands at the end of its range: set a larger one" if many else ""
        return self._warnings.tell(subject, text, time_s)

    def _subject(self, key: int, kind: Warned) -> Subject:
        sensor = self._sensors[key]
        return Subject(kind, sensor.side, sensor.segment)

    def _limit(self, subject: Subject, limits: tuple[float, float]) -> float:
        """The one where it begins, or where it ends once it stands."""
        return limits[1] if subject in self._warnings.active() else limits[0]


def _rate(first: _Look, last: _Look) -> float:
    """Samples a second between two looks, the lost ones included."""
    one, two = first.counts, last.counts
    return (two.samples - one.samples + max(two.lost - one.lost, 0)) / (last.time_s - first.time_s)
