"""Sensors that a file describes: sketches on an Arduino Nano 33 BLE, a XIAO Sense and the like (see sketch_file.py).

What a packet carries decides what its ticks are worth: a time makes a device clock of it, a counter alone a counter,
neither only the samples received. A time in whole milliseconds is too coarse for single samples, and is made even
(coarse.py). The description itself is recorded at every connection, before anything else, and the decoder takes it from
there: a recording is read without the file.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import isfinite
from pathlib import Path

import numpy as np

from firmware_interface.drivers.coarse import CoarseClock
from firmware_interface.drivers.counting import Widened
from firmware_interface.drivers.interface import (
    DESCRIPTION,
    Advertisement,
    Claim,
    Conversation,
    Decoder,
    Driver,
    Encoder,
    Write,
)
from firmware_interface.drivers.rates import SECOND
from firmware_interface.drivers.sketch_file import AXES, LARGEST, Command, Description, Part, parse
from firmware_interface.drivers.timeline import Packet, Timeline, joined
from firmware_interface.errors import DriverFileError
from firmware_interface.samples import Clock, Floats, ImuSamples

NAME = "sketch"
_LONGEST = 512
_LONGEST_LINE = 400
_MOST_SAMPLES = 128
_ABSURD = 2.0
"""Beyond this many full scales a value is damage, not motion."""
_NEAR = 0.1
_COARSE_S = 5e-4
"""A clock of this unit or a longer one is coarse."""


def driver_from_file(path: Path) -> "Sketch":
    """The driver that a file describes. Raises DriverFileError, one line."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise DriverFileError(f"{path}: cannot be read ({error.strerror}): name a sensor description in TOML") from None
    return Sketch(parse(text, str(path)))


class Sketch(Driver):
    """A described sensor as a driver."""

    name = NAME

    def __init__(self, described: Description) -> None:
        self.described = described
        self.label = described.name
        self.service = described.service
        self.notify: tuple[str, ...] = (described.data, *([described.battery] if described.battery else []))
        self.acc_range, self.gyr_range = described.range
        self.description = described.text

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the service, or by how the name begins."""
        if self.service in advertisement.service_uuids:
            return Claim.SERVICE
        begins = self.described.advertised_name
        return Claim.NAME if begins and advertisement.name.startswith(begins) else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """The write that the file names, if any; the rate is the sketch's own."""
        yield from _writes(self.described.start)

    def stop(self) -> tuple[Write, ...]:
        """The write that the file names, if any."""
        return _writes(self.described.stop)

    def rates_hz(self) -> tuple[float, ...]:
        """The one rate of the file."""
        return (self.described.rate_hz,)

    def decoder(self) -> Decoder:
        """A decoder for one connection."""
        return SketchDecoder(self.described)

    def encoder(self, rate_hz: float) -> Encoder:
        """An encoder of the described packets."""
        return SketchEncoder(self.described)


def _writes(command: Command | None) -> tuple[Write, ...]:
    return () if command is None else (Write(command.characteristic, command.payload),)


class SketchDecoder:
    """Notifications of one connection to samples. Without a description it waits for the recorded one."""

    def __init__(self, described: Description | None = None) -> None:
        self._reader = None if described is None else _Reader(described)

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples that one notification completes."""
        if characteristic == DESCRIPTION:
            try:
                self._reader = _Reader(parse(payload, "the recorded description"))
            except DriverFileError:
                return self._none(1)
            return self._none(0)
        return self._none(1) if self._reader is None else self._reader.feed(characteristic, payload)

    def _none(self, rejected: int) -> ImuSamples:
        if self._reader is None:
            return ImuSamples.empty(0.01, Clock.NONE, rejected=rejected)
        return self._reader.none(rejected)


class _Reader:
    """The packets of one description."""

    def __init__(self, described: Description) -> None:
        self._d = described
        self._step_us = round(SECOND / described.rate_hz)
        self._header = sum(part.octets for part in described.header)
        self._row = np.dtype([(f"{i}", part.type) for i, part in enumerate(described.sample)])
        names = [part.name for part in described.sample]
        self._fields = [f"{names.index(axis)}" for axis in AXES] if names else []
        self._text = b""
        self._timeline = Timeline()
        bits = {part.name: 8 * part.octets for part in described.header}
        self._time = _widened(bits.get("time", 64))
        self._counter = _widened(bits.get("counter", 32))
        coarse = described.has("time") and described.time_unit_s >= _COARSE_S
        # Exact, so that times of 64 bits lose nothing.
        self._unit_us = Fraction(described.time_unit_s).limit_denominator(10**9) * SECOND
        self._coarse = CoarseClock(described.time_unit_s * SECOND) if coarse else None
        self._latest = -(1 << 62)
        self._received = 0
        self._before: tuple[int, int] | None = None

    def none(self, rejected: int, battery: float | None = None) -> ImuSamples:
        """No samples."""
        return ImuSamples.empty(self._tick_s(), self._clock(), battery, rejected)

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples that one notification completes."""
        if self._d.battery and characteristic == self._d.battery:
            good = len(payload) == 1 and payload[0] <= 100
            return self.none(int(not good), payload[0] / 100 if good else None)
        if characteristic != self._d.data or not 0 < len(payload) <= _LONGEST:
            return self.none(1)
        return self._lines(payload) if self._d.columns else self._binary(payload)

    def _clock(self) -> Clock:
        if self._d.has("time"):
            return Clock.DEVICE_TIME
        return Clock.COUNTER if self._d.has("counter") else Clock.NONE

    def _tick_s(self) -> float:
        return 1e-6 if self._d.has("time") else 1 / self._d.rate_hz

    def _binary(self, payload: bytes) -> ImuSamples:
        head: dict[str, int] = {}
        at = 0
        for part in self._d.header:
            piece = payload[at : at + part.octets]
            at += part.octets
            if len(piece) < part.octets or (part.name == "magic" and piece != part.magic):
                return self.none(1)
            head[part.name] = int.from_bytes(piece, "little" if self._d.little else "big")
        count, rest = divmod(len(payload) - self._header, self._row.itemsize)
        if rest or not 0 < count <= _MOST_SAMPLES or head.get("count", count) != count:
            return self.none(1)
        rows = np.frombuffer(payload, self._row, offset=self._header)
        # Damage may be a NaN that numpy warns of.
        with np.errstate(invalid="ignore"):
            values = np.stack([rows[field].astype(np.float64) for field in self._fields], axis=1)
        level = head.get("battery")
        battery = level / 100 if level is not None and level <= 100 else None
        return replace(self._place(values, head.get("time"), head.get("counter")), battery=battery)

    def _lines(self, payload: bytes) -> ImuSamples:
        *lines, rest = (self._text + payload).split(b"\n")
        bad = int(len(rest) > _LONGEST_LINE)
        self._text = b"" if bad else rest
        blocks = []
        for line in lines:
            if not line.strip():
                continue
            found = _numbers(line, len(self._d.columns))
            if found is None:
                bad += 1
                continue
            row = dict(zip(self._d.columns, found, strict=True))
            values = np.array([[row[axis] for axis in AXES]])
            blocks.append(self._place(values, _whole(row.get("time")), _whole(row.get("counter"))))
        block = joined(blocks) if blocks else self.none(0)
        return replace(block, rejected=block.rejected + bad)

    def _place(self, counts: Floats, time: int | None, counter: int | None) -> ImuSamples:
        with np.errstate(invalid="ignore", over="ignore"):
            values = counts * np.array(self._d.scale)
        limits = np.array([self._d.range[0]] * 3 + [self._d.range[1]] * 3)
        # The comparison is False for NaN too.
        if not (np.abs(values) <= _ABSURD * limits).all():
            return self.none(1)
        clipped = np.logical_or.reduce(np.abs(values) >= np.array(self._d.end), axis=1)
        acc, gyr = values[:, :3], values[:, 3:]
        if time is None and counter is None:
            first = self._received
            self._received += len(values)
            ticks = np.arange(first, self._received, dtype=np.int64)
            return ImuSamples(ticks, self._tick_s(), Clock.NONE, acc, gyr, None, clipped)
        count = None if counter is None else self._sample_count(counter, len(values))
        if time is None:
            time_us, step = (count or 0) * self._step_us % 2**32, self._step_us
        else:
            wide_us = int(_value(self._time, time) * self._unit_us)
            time_us = wide_us % 2**32
            step = 0 if self._coarse is not None and len(values) == 1 else self._spacing(wide_us, len(values))
        follows = step != self._step_us and time is not None and step > 0
        samples = self._timeline.place(Packet(time_us, step, count, acc, gyr, None, clipped))
        if follows and count is None and samples.lost > 0:
            # The packet before it was placed with the nominal spacing, which is what seems to be missing.
            samples = replace(samples, lost=0)
        if samples.restarts:
            for narrow in (self._time, self._counter):
                if narrow is not None:
                    narrow.restarted()
        if time is None:
            return replace(samples, ticks=samples.ticks // self._step_us, tick_s=self._tick_s(), clock=Clock.COUNTER)
        return samples if step else self._refined(samples, counter is not None)

    def _spacing(self, wide_us: int, count: int) -> int:
        """Microseconds between samples: as the packet before this one had them, where that is near the rate's.

        A chip's own rate is off by some per cent: over a packet of many samples that is a sample.
        """
        before, self._before = self._before, (wide_us, count)
        if before is None:
            return self._step_us
        found = (wide_us - before[0]) / before[1]
        return round(found) if abs(found / self._step_us - 1) < _NEAR else self._step_us

    def _sample_count(self, counter: int, count: int) -> int:
        """The 32-bit counter of the first sample."""
        wide = _value(self._counter, counter)
        return (wide * count if self._d.per_packet else wide) % 2**32

    def _refined(self, samples: ImuSamples, counted: bool) -> ImuSamples:
        """Coarse times of single samples made even; what is lost follows from them where nothing counts."""
        assert self._coarse is not None
        if samples.restarts:
            self._coarse.restart()
        ticks: list[int] = []
        lost = 0
        for tick in samples.ticks.tolist():
            if tick > self._latest:
                self._latest = tick
                tick, missing = self._coarse.place(tick)
                lost += missing
            ticks.append(tick)
        return replace(samples, ticks=np.array(ticks, np.int64), lost=samples.lost if counted else lost)


def _widened(bits: int) -> Widened | None:
    """Only counters that are narrower than the timeline's need it."""
    return Widened(bits) if bits < 32 else None


def _value(narrow: Widened | None, raw: int) -> int:
    return raw if narrow is None else narrow.value(raw)


def _numbers(line: bytes, count: int) -> list[float] | None:
    parts = line.split(b",")
    if len(parts) != count:
        return None
    try:
        found = [float(part) for part in parts]
    except ValueError:
        return None
    return found if all(isfinite(each) for each in found) else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(min(max(number, 0.0), 2.0**63))


class SketchEncoder:
    """Samples to described packets: what a sketch on a board does."""

    def __init__(self, described: Description) -> None:
        self._d = described
        self._count = 0
        self._packets = 0

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`. Raises ValueError where max_payload cannot hold a sample."""
        values = np.hstack([acc, gyr]) / np.array(self._d.scale)
        if self._d.columns:
            return [(self._d.data, piece) for piece in self._text(ticks_us, values, max_payload)]
        header = sum(part.octets for part in self._d.header)
        row = sum(part.octets for part in self._d.sample)
        fits = min((max_payload - header) // row, _MOST_SAMPLES, 255)
        if fits < 1:
            raise ValueError(f"a packet of {self._d.name} needs {header + row} bytes, not {max_payload}")
        packets = []
        for i in range(0, len(values), fits):
            chunk = values[i : i + fits]
            packets.append((self._d.data, self._head(int(ticks_us[i]), len(chunk), battery) + self._body(chunk)))
            self._count += len(chunk)
            self._packets += 1
        return packets

    def _head(self, tick_us: int, count: int, battery: float) -> bytes:
        holds = {
            "time": round(tick_us / (self._d.time_unit_s * SECOND)) if self._d.time_unit_s else 0,
            "counter": self._packets if self._d.per_packet else self._count,
            "count": count,
            "battery": round(100 * battery),
        }
        parts = []
        for part in self._d.header:
            number = holds.get(part.name, 0) % (1 << 8 * part.octets)
            parts.append(part.magic or number.to_bytes(part.octets, "little" if self._d.little else "big"))
        return b"".join(parts)

    def _body(self, values: Floats) -> bytes:
        rows = np.zeros(len(values), np.dtype([(f"{i}", part.type) for i, part in enumerate(self._d.sample)]))
        for i, part in enumerate(self._d.sample):
            if part.name in AXES:
                rows[f"{i}"] = _converted(values[:, AXES.index(part.name)], part)
        return rows.tobytes()

    def _text(self, ticks_us: Sequence[int], values: Floats, max_payload: int) -> list[bytes]:
        text = b""
        for tick, row in zip(ticks_us, values.tolist(), strict=True):
            holds = dict(zip(AXES, row, strict=True))
            holds["time"] = round(tick / (self._d.time_unit_s * SECOND)) if self._d.time_unit_s else 0
            holds["counter"] = self._count
            self._count += 1
            text += ",".join(f"{holds.get(column, 0):.9g}" for column in self._d.columns).encode() + b"\n"
        return [text[i : i + max_payload] for i in range(0, len(text), max_payload)]


def _converted(values: Floats, part: Part) -> np.ndarray:
    kind = np.dtype(part.type)
    if kind.kind == "f":
        return values.astype(kind)
    ends = np.iinfo(kind)
    return np.clip(np.rint(values), ends.min, ends.max).astype(kind)
