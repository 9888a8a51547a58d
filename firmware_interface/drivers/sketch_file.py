"""The file that describes a sketch's packets: TOML, checked throughout, so that a sensor of one's own needs no Python.

    name = "XIAO Sense, ten a packet"
    service = "19b10000-e8f2-537e-4f6c-d104768a1214"
    data = "19b10001-e8f2-537e-4f6c-d104768a1214"      # the characteristic that notifies
    advertised_name = "XIAO"                           # optional: how its name begins
    battery = "00002a19-0000-1000-8000-00805f9b34fb"   # optional: one byte, per cent
    rate_hz = 100

    [start]                                            # optional, and [stop] alike
    characteristic = "19b10002-e8f2-537e-4f6c-d104768a1214"
    bytes = "01 64 00"

    [packet]
    format = "binary"                                  # or "csv": lines of text, columns instead of header and sample
    header = ["magic:aa55", "counter:u16", "time:u32", "count:u8"]
    sample = ["acc_x:i16", "acc_y:i16", "acc_z:i16", "gyr_x:i16", "gyr_y:i16", "gyr_z:i16"]
    time_unit_s = 1e-6                                 # with a time: of the packet's first sample
    counts = "samples"                                 # with a counter: "samples" taken, or "packets" sent

    [acc]
    unit = "g"                                         # g, mg or m/s2
    full_scale = 16                                    # value / 32768 * 16 for i16; or scale = 0.00048828125

    [gyr]
    unit = "deg/s"                                     # deg/s, mdeg/s or rad/s
    full_scale = 2000

Header fields: magic:HEX, skip:BYTES, counter, time, count and battery with a type; sample fields: acc_x ... gyr_z with
a type, skip:BYTES. Types: i8 u8 i16 u16 i32 u32 f32 f64, and u64 for times. Without `count` the samples fill the
packet. `range` (in the unit) says where values end when only a scale is given. byte_order is "little" or "big".
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from firmware_interface.errors import DriverFileError
from firmware_interface.samples import STANDARD_GRAVITY

TYPES = {
    "i8": "i1",
    "u8": "u1",
    "i16": "i2",
    "u16": "u2",
    "i32": "i4",
    "u32": "u4",
    "u64": "u8",
    "f32": "f4",
    "f64": "f8",
}
AXES = tuple(f"{what}_{axis}" for what in ("acc", "gyr") for axis in "xyz")
UNITS = {
    "acc": {"g": STANDARD_GRAVITY, "mg": STANDARD_GRAVITY / 1000, "m/s2": 1.0},
    "gyr": {"deg/s": float(np.pi / 180), "mdeg/s": float(np.pi / 180_000), "rad/s": 1.0},
}
LARGEST = 16_384
"""Bytes of a description."""
_MOST_FIELDS = 64
_LONGEST_SKIP = 256
_UNSIGNED = ("u8", "u16", "u32", "u64")
_HEADER_TYPES = {"counter": _UNSIGNED, "time": _UNSIGNED, "count": ("u8", "u16"), "battery": ("u8",)}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT = re.compile(r"[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Part:
    """One field: name (magic, skip, counter, time, count, battery, or an axis), numpy type, and for magic its bytes."""

    name: str
    type: str
    octets: int
    magic: bytes = b""


@dataclass(frozen=True, slots=True)
class Command:
    """A write: characteristic and bytes."""

    characteristic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Description:
    """A sensor as its file describes it.

    scale, range, end: of acc x 3 and gyr x 3: SI per count, full scale in SI, and the SI value from which a channel is
    at its end. columns: of a text format, else empty. little: byte order.
    """

    name: str
    service: str
    data: str
    advertised_name: str
    battery: str
    rate_hz: float
    start: Command | None
    stop: Command | None
    header: tuple[Part, ...]
    sample: tuple[Part, ...]
    columns: tuple[str, ...]
    little: bool
    time_unit_s: float
    per_packet: bool
    scale: tuple[float, ...]
    range: tuple[float, float]
    end: tuple[float, ...]
    text: bytes

    def has(self, field: str) -> bool:
        """Whether packets hold this field (counter, time, count, battery)."""
        return field in self.columns or any(part.name == field for part in self.header)


def parse(text: bytes, where: str) -> Description:
    """The description in these bytes.

    where: named in errors, e.g. the file.
    Raises DriverFileError: one line that names the place, what stands there and what may.
    """
    if len(text) > LARGEST:
        raise DriverFileError(f"{where}: {len(text)} bytes are no sensor description (at most {LARGEST})")
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DriverFileError(f"{where}: not TOML ({' '.join(str(error).split())[:120]})") from None
    return _Reader(where).description(table, text)


class _Reader:
    """Takes a description apart, and says where it is wrong."""

    def __init__(self, where: str) -> None:
        self._where = where

    def description(self, table: Mapping[str, Any], text: bytes) -> Description:
        known = ("name", "service", "data", "advertised_name", "battery", "rate_hz", "start", "stop", "packet")
        self._only(table, "the file", (*known, "acc", "gyr"))
        packet = self._table(table, "packet")
        self._only(packet, "[packet]", ("format", "header", "sample", "columns", "time_unit_s", "counts", "byte_order"))
        form = self._choice(packet, "packet.format", "format", ("binary", "csv"), "binary")
        header: tuple[Part, ...] = ()
        sample: tuple[Part, ...] = ()
        columns: tuple[str, ...] = ()
        little = self._choice(packet, "packet.byte_order", "byte_order", ("little", "big"), "little") == "little"
        order = "<" if little else ">"
        if form == "csv":
            columns = self._columns(packet)
        else:
            header = self._parts(packet, "header", order)
            sample = self._parts(packet, "sample", order)
            self._names(tuple(part.name for part in sample), "packet.sample")
        has_time = "time" in columns or any(part.name == "time" for part in header)
        types = {part.name: part.type for part in sample}
        scale, ends, ranges = self._scales(table, types)
        return Description(
            name=self._text(table, "name", 40),
            service=self._uuid(table, "service"),
            data=self._uuid(table, "data"),
            advertised_name=self._text(table, "advertised_name", 40) if "advertised_name" in table else "",
            battery=self._uuid(table, "battery") if "battery" in table else "",
            rate_hz=self._number(table, "rate_hz", "rate_hz", 5.0, 2000.0),
            start=self._command(table, "start"),
            stop=self._command(table, "stop"),
            header=header,
            sample=sample,
            columns=columns,
            little=little,
            time_unit_s=self._number(packet, "time_unit_s", "packet.time_unit_s", 1e-9, 1.0) if has_time else 0.0,
            per_packet=self._choice(packet, "packet.counts", "counts", ("samples", "packets"), "samples") == "packets",
            scale=scale,
            range=ranges,
            end=ends,
            text=text,
        )

    def _fail(self, place: str, found: object, wanted: str) -> DriverFileError:
        shown = " ".join(repr(found).split())[:40]
        return DriverFileError(f"{self._where}: {place} is {shown}; it must be {wanted}")

    def _only(self, table: Mapping[str, Any], place: str, known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                raise DriverFileError(f"{self._where}: {place} holds {key[:40]!r}, which is none of {', '.join(known)}")

    def _table(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = table.get(key)
        if not isinstance(found, dict):
            raise DriverFileError(f"{self._where}: the table [{key}] is missing")
        return found

    def _text(self, table: Mapping[str, Any], key: str, longest: int) -> str:
        found = table.get(key)
        if not isinstance(found, str) or not 0 < len(found) <= longest or not found.isprintable():
            raise self._fail(key, found, f"a text of 1 to {longest} characters")
        return found

    def _uuid(self, table: Mapping[str, Any], key: str, place: str = "") -> str:
        found = table.get(key)
        text = found.lower() if isinstance(found, str) else ""
        if _SHORT.fullmatch(text):
            return f"0000{text}-0000-1000-8000-00805f9b34fb"
        if not _UUID.fullmatch(text):
            raise self._fail(place or key, found, "a UUID such as 19b10000-e8f2-537e-4f6c-d104768a1214")
        return text

    def _number(self, table: Mapping[str, Any], key: str, place: str, least: float, most: float) -> float:
        found = table.get(key)
        if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
            raise self._fail(place, found, f"a number from {least:g} to {most:g}")
        return float(found)

    def _choice(self, table: Mapping[str, Any], place: str, key: str, known: tuple[str, ...], usual: str) -> str:
        found = table.get(key, usual)
        if found not in known:
            raise self._fail(place, found, " or ".join(f'"{each}"' for each in known))
        return str(found)

    def _command(self, table: Mapping[str, Any], key: str) -> Command | None:
        if key not in table:
            return None
        found = self._table(table, key)
        self._only(found, f"[{key}]", ("characteristic", "bytes"))
        characteristic = self._uuid(found, "characteristic", f"{key}.characteristic")
        return Command(characteristic, self._hex(found.get("bytes"), f"{key}.bytes"))

    def _hex(self, found: object, place: str) -> bytes:
        try:
            octets = bytes.fromhex(found) if isinstance(found, str) else b""
        except ValueError:
            octets = b""
        if not 0 < len(octets) <= 244:
            raise self._fail(place, found, 'bytes in hexadecimal, e.g. "aa 55"')
        return octets

    def _parts(self, packet: Mapping[str, Any], key: str, order: str) -> tuple[Part, ...]:
        found = packet.get(key, [])
        place = f"packet.{key}"
        if not isinstance(found, list) or len(found) > _MOST_FIELDS:
            raise self._fail(place, found, 'a list such as ["acc_x:i16", ...]')
        parts = [self._part(each, f"{place}[{i}]", key, order) for i, each in enumerate(found)]
        names = [part.name for part in parts if part.name not in ("magic", "skip")]
        for name in names:
            if names.count(name) > 1:
                raise DriverFileError(f"{self._where}: {place} holds {name} twice")
        return tuple(parts)

    def _part(self, found: object, place: str, key: str, order: str) -> Part:
        name, _, kind = found.partition(":") if isinstance(found, str) else ("", "", "")
        if name == "skip":
            if not (kind.isascii() and kind.isdecimal() and len(kind) <= 3 and 0 < int(kind) <= _LONGEST_SKIP):
                raise self._fail(place, found, f"skip:BYTES, 1 to {_LONGEST_SKIP}")
            return Part(name, f"V{int(kind)}", int(kind))
        if name == "magic" and key == "header":
            octets = self._hex(kind, f"{place}, after magic:,")
            return Part(name, f"V{len(octets)}", len(octets), octets)
        allowed = _HEADER_TYPES.get(name, ()) if key == "header" else tuple(TYPES) if name in AXES else ()
        if kind not in allowed:
            wanted = f"{name} with one of {', '.join(allowed)}" if allowed else self._fields(key)
            raise self._fail(place, found, wanted)
        return Part(name, order + TYPES[kind], np.dtype(TYPES[kind]).itemsize)

    def _fields(self, key: str) -> str:
        if key == "header":
            return "magic:HEX, skip:BYTES, counter:, time:, count: or battery: with a type"
        return f"skip:BYTES or one of {', '.join(AXES)} with a type, e.g. acc_x:i16"

    def _columns(self, packet: Mapping[str, Any]) -> tuple[str, ...]:
        found = packet.get("columns")
        known = (*AXES, "time", "counter", "skip")
        if (
            not isinstance(found, list)
            or not 0 < len(found) <= _MOST_FIELDS
            or any(each not in known for each in found)
        ):
            raise self._fail("packet.columns", found, f"a list of {', '.join(known)}")
        self._names(tuple(found), "packet.columns")
        for name in found:
            if name != "skip" and found.count(name) > 1:
                raise DriverFileError(f"{self._where}: packet.columns holds {name} twice")
        return tuple(found)

    def _names(self, found: tuple[str, ...], place: str) -> None:
        missing = [name for name in AXES if name not in found]
        if missing:
            raise DriverFileError(f"{self._where}: {place} lacks {', '.join(missing)}")

    def _scales(
        self, table: Mapping[str, Any], types: Mapping[str, str]
    ) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, float]]:
        scales: list[float] = []
        ends: list[float] = []
        ranges: list[float] = []
        for what, units in UNITS.items():
            found = self._table(table, what)
            self._only(found, f"[{what}]", ("unit", "scale", "full_scale", "range"))
            unit = units[self._choice(found, f"{what}.unit", "unit", tuple(units), "")]
            kinds = {types.get(f"{what}_{axis}", "f8")[-2:] for axis in "xyz"}
            integer = len(kinds) == 1 and kinds.isdisjoint({"f4", "f8"})
            largest = float(np.iinfo(np.dtype(kinds.pop())).max) if integer else 0.0
            scale, full = self._scale(found, what, largest)
            if not isfinite(scale * unit) or not isfinite(full * unit):
                raise self._fail(what, found, "scales that give finite values")
            scales += [scale * unit] * 3
            ranges.append(full * unit)
            # An integer that stands one count below its largest is at the end; a value given as physical, 0.1 % below.
            end = min(full * 0.999, scale * (largest - 1)) if integer else full * 0.999
            ends += [end * unit] * 3
        return tuple(scales), tuple(ends), (ranges[0], ranges[1])

    def _scale(self, found: Mapping[str, Any], what: str, largest: float) -> tuple[float, float]:
        """Unit per count and full scale in the unit."""
        if ("scale" in found) == ("full_scale" in found):
            raise DriverFileError(f"{self._where}: [{what}] needs either scale or full_scale")
        if "full_scale" in found:
            full = self._number(found, "full_scale", f"{what}.full_scale", 1e-3, 1e7)
            if not largest:
                raise DriverFileError(f"{self._where}: {what}.full_scale needs one integer type: give scale and range")
            return full / (largest + 1), full
        scale = self._number(found, "scale", f"{what}.scale", 1e-12, 1e6)
        if "range" not in found and not largest:
            raise DriverFileError(f"{self._where}: [{what}] needs range, where its values end, in its unit")
        usual = {"range": scale * (largest + 1), **found}
        return scale, self._number(usual, "range", f"{what}.range", 1e-3, 1e9)
