"""Angles and events as streams of the Lab Streaming Layer (LSL), to be recorded beside EEG, EMG, video, force plates.

Two streams a session. `kneetrack angles` (type MoCap) has the columns of angles.parquet as channels, each leg's with
its name before them, degrees; words are numbers, whose meaning its description tells. `kneetrack events` (type
Markers) has the lines of events.jsonl as JSON texts. A sample's time stamp is when it was so, not when it was sent: the
session's time, laid onto LSL's clock by reading both clocks together once. Both legs' rows of one grid time are one
sample; a leg that delivers nothing is waited for a second, then its channels are NaN.

Sending must not cost the session anything: LSL only puts samples into queues, and where it fails, that is told once and
the session goes on without the streams.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

import numpy as np

from pipeline.blocks import Activity, Floats, Status
from pipeline.errors import KneetrackError
from pipeline.files.angle_table import ANGLES
from pipeline.files.results import plain
from pipeline.records import SensorInfo, Side
from pipeline.rows import RaisedEvent
from pipeline.update import LegResult, Update

ANGLES_NAME, EVENTS_NAME = "kneetrack angles", "kneetrack events"
_WAIT_S = 1.0
_NO_PACKAGE = "--lsl needs pylsl: pip install 'kneetrack[lsl]'"
NO_LIBRARY = (
    "install liblsl, which this pylsl does not bring for this system "
    "(`pip install pylsl==1.13.6` brings it for an older Linux on x86_64), or name its file in PYLSL_LIB"
)
_SIGNS = "flexion +, abduction (valgus) +, internal tibial rotation +, inward lean +, both legs; zero in standing"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a stream. kind: LSL's `type` of it. meaning: of numbers that stand for words."""

    label: str
    unit: str
    kind: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream says of itself. rate_hz: 0 where samples come as they happen. text: its samples are texts."""

    name: str
    kind: str
    rate_hz: float
    channels: tuple[Channel, ...]
    source: str
    text: bool = False


class Outlet(Protocol):
    """Where samples go."""

    def push_sample(self, x: Sequence[Any], timestamp: float) -> object: ...


class Lab(Protocol):
    """The Lab Streaming Layer, as far as it is needed."""

    def now_s(self) -> float:
        """LSL's clock."""
        ...

    def open(self, stream: Stream) -> Outlet:
        """Offer a stream, for as long as the outlet is kept."""
        ...


class LabStreams:
    """The two streams of one session.

    Parameters
    ----------
    lab : see `lab`.
    sensors : who is worn where.
    mode : live or replay; a part of the streams' identity.
    zero_s : `time.perf_counter()` at the session's time zero. Of a replay it is set when it begins.

    Attributes
    ----------
    source : what names these sensors' streams among others, with `-angles` and `-events` behind it.
    trouble : one line once sending has failed; empty before.
    """

    def __init__(self, lab: Lab, sensors: Sequence[SensorInfo], mode: str, zero_s: float = 0.0) -> None:
        self.zero_s = zero_s
        self.trouble = ""
        self._lab = lab
        self._sides = [side for side in (Side.RIGHT, Side.LEFT) if any(sensor.side is side for sensor in sensors)]
        worn = " ".join(sorted(f"{sensor.address} {sensor.side} {sensor.segment}" for sensor in sensors))
        self.source = f"kneetrack-{mode}-{hashlib.sha256(worn.encode()).hexdigest()[:12]}"
        self._ahead_s = 0.0
        self._angles: Outlet | None = None
        self._rate_hz = 0.0
        self._waiting: dict[int, Floats] = {}
        self._reached: dict[Side, int] = {}
        self._sent = -(1 << 62)
        self._seq = 0
        self._events: Outlet | None = None
        self._guarded(self._begin)

    @property
    def told(self) -> str:
        """One line for the person."""
        return f"LSL: '{ANGLES_NAME}' and '{EVENTS_NAME}' are offered to every computer of this network"

    def lab_time_s(self, time_s: float) -> float:
        """A session time on LSL's clock."""
        return self.zero_s + self._ahead_s + time_s

    def send(self, update: Update) -> None:
        """Send what became known. Never raises: see `trouble`."""
        self._guarded(lambda: self._take(update))

    def close(self) -> None:
        """Send what waits, and offer the streams no longer. A second time it does nothing."""
        self._guarded(lambda: self._send_before(max(self._reached.values(), default=0)))
        self._waiting.clear()
        self._angles = self._events = None

    def _guarded(self, do: Callable[[], None]) -> None:
        if self.trouble:
            return
        try:
            do()
        except Exception as error:  # Whatever it is, streams are not worth the session.
            text = " ".join(str(error).split())
            self.trouble = f"the LSL streams failed ({type(error).__name__}: {text}), the session goes on without them"
            self.close()

    def _begin(self) -> None:
        self._ahead_s = _clocks_apart_s(self._lab)
        self._events = self._lab.open(events_stream(self.source))

    def _take(self, update: Update) -> None:
        self._take_legs(update.legs)
        for event in update.events:
            self._send_event(event)

    def _take_legs(self, legs: Sequence[LegResult]) -> None:
        for leg in legs:
            if not len(leg.block):
                continue
            if self._angles is None:
                # The rate of the grid is known with its first rows.
                self._rate_hz = leg.block.rate_hz
                self._angles = self._lab.open(angles_stream(self._sides, self._rate_hz, self.source))
            values = _values(leg)
            width, at = values.shape[1], self._sides.index(leg.side)
            rows = np.rint(leg.block.time_s * self._rate_hz).astype(np.int64).tolist()
            for row, value in zip(rows, values, strict=True):
                if row > self._sent:
                    sample = self._waiting.get(row)
                    if sample is None:
                        sample = self._waiting[row] = np.full(width * len(self._sides), np.nan)
                    sample[at * width : (at + 1) * width] = value
            self._reached[leg.side] = rows[-1] + 1
        if self._reached:
            furthest = max(self._reached.values())
            behind = min(self._reached.get(side, -(1 << 62)) for side in self._sides)
            self._send_before(max(behind, furthest - round(_WAIT_S * self._rate_hz)))

    def _send_before(self, end: int) -> None:
        for row in sorted(row for row in self._waiting if row < end):
            assert self._angles is not None
            self._angles.push_sample(self._waiting.pop(row).tolist(), self.lab_time_s(row / self._rate_hz))
            self._sent = row

    def _send_event(self, event: RaisedEvent) -> None:
        assert self._events is not None
        self._seq += 1
        told = {**event.fields, "seq": self._seq, "time_s": event.time_s, "kind": event.kind}
        text = json.dumps(plain(told), ensure_ascii=False, allow_nan=False)
        self._events.push_sample([text], self.lab_time_s(event.time_s))


def angles_stream(sides: Sequence[Side], rate_hz: float, source: str) -> Stream:
    """How the angles' stream describes itself."""
    channels: list[Channel] = []
    for side in sides:
        channels += [Channel(f"{side}_{name.removesuffix('_deg')}", "degrees", "Angle") for name in ANGLES]
        channels.append(Channel(f"{side}_valid", "", "Quality", "1: all angles are to be trusted"))
        for name, codes in (("status", Status), ("activity", Activity)):
            meaning = ", ".join(f"{code.value} {code.name.lower()}" for code in codes)
            channels.append(Channel(f"{side}_{name}", "", "Code", meaning))
    return Stream(ANGLES_NAME, "MoCap", rate_hz, tuple(channels), f"{source}-angles")


def events_stream(source: str) -> Stream:
    """How the events' stream describes itself."""
    return Stream(EVENTS_NAME, "Markers", 0.0, (Channel("event", "", "JSON"),), f"{source}-events", text=True)


def _values(leg: LegResult) -> Floats:
    """(n, channels of a leg)."""
    block = leg.block
    columns = [np.degrees(getattr(block, field)) for field in ANGLES.values()]
    return np.stack([*columns, block.valid, block.status, leg.activity], axis=1).astype(np.float64)


def _clocks_apart_s(lab: Lab) -> float:
    """How far LSL's clock is ahead of ours: of some readings the one in which least time passed."""
    readings = []
    for _ in range(10):
        before = time.perf_counter()
        there = lab.now_s()
        after = time.perf_counter()
        readings.append((after - before, there - 0.5 * (before + after)))
    return min(readings)[1]


def lab() -> Lab:
    """The Lab Streaming Layer of this machine. Raises KneetrackError where pylsl or its library is missing."""
    try:
        import pylsl
    except ModuleNotFoundError as error:
        if error.name != "pylsl":
            raise
        raise KneetrackError(_NO_PACKAGE) from None
    except (ImportError, OSError, RuntimeError):
        raise KneetrackError(f"--lsl does not work without a library: {NO_LIBRARY}") from None
    return _Pylsl(pylsl)


class _Pylsl:
    """pylsl as a `Lab`."""

    def __init__(self, pylsl: Any) -> None:
        self._pylsl = pylsl

    def now_s(self) -> float:
        return float(self._pylsl.local_clock())

    def open(self, stream: Stream) -> Outlet:
        lsl = self._pylsl
        value = lsl.cf_string if stream.text else lsl.cf_float32
        info = lsl.StreamInfo(stream.name, stream.kind, len(stream.channels), stream.rate_hz, value, stream.source)
        about = info.desc()
        channels = about.append_child("channels")
        for channel in stream.channels:
            said = {"label": channel.label, "unit": channel.unit, "type": channel.kind, "meaning": channel.meaning}
            one = channels.append_child("channel")
            for name, text in said.items():
                if text:
                    one.append_child_value(name, text)
        if not stream.text:
            about.append_child_value("signs", _SIGNS)
        made = about.append_child("acquisition")
        made.append_child_value("manufacturer", "kneetrack")
        made.append_child_value("version", _version())
        outlet: Outlet = lsl.StreamOutlet(info)
        return outlet


def _version() -> str:
    try:
        return metadata.version("kneetrack")
    except metadata.PackageNotFoundError:
        return "unknown"
