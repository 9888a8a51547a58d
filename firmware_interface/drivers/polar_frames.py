"""Frames of the Polar measurement data service (PMD): one kind of measurement, a time, samples raw or as differences.

A frame: u8 measurement (2 acceleration, 5 angular rate), u64 nanoseconds of its last sample, u8 type with bit 7 set
where it is compressed, content. Compressed content: the first sample whole, then blocks of u8 width in bits, u8 count,
and count times three signed differences to the sample before, packed least significant bit first.

Physical values: acceleration raw type 0, 1, 2 (i8, i16, i24) in mg; compressed type 0 is 16 bits times factor in g,
type 1 16 bits times factor in mg; angular rate compressed type 0 is 16 bits times factor in deg/s, type 1 the patterns
of 32-bit floats in deg/s. The factor is told when the measurement is started.

Source: polarofficial/polar-ble-sdk 8fb5311c, AccData, GyrData and their unit tests, whose frames are in ours.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_interface.samples import Floats, Ints

ACC, GYR = 2, 5
COMPRESSED = 0x80
HEADER = struct.Struct("<BQB")
_WIDEST = 32
_MOST = 512
"""Samples of one frame: more do not fit into an attribute, but for differences of no width."""
_CHANNELS = 3
_RESOLUTION = {(ACC, COMPRESSED): 16, (ACC, COMPRESSED | 1): 16, (GYR, COMPRESSED): 16, (GYR, COMPRESSED | 1): 32}
_RAW_OCTETS = {(ACC, 0): 1, (ACC, 1): 2, (ACC, 2): 3}


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it came: kind (ACC or GYR), time_ns of the last sample, type, raw (n, 3) integers."""

    kind: int
    time_ns: int
    type: int
    raw: Ints

    @property
    def scaled(self) -> bool:
        """Whether the values are only known with a factor."""
        return bool(self.type & COMPRESSED)

    @property
    def counts(self) -> bool:
        """Whether the raw values are a converter's 16-bit counts."""
        return _RESOLUTION.get((self.kind, self.type)) == 16

    def values(self, factor: float) -> Floats:
        """(n, 3) g or deg/s; may hold NaN where the sender's floats are none."""
        if self.kind == GYR and self.type & ~COMPRESSED == 1:
            patterns = self.raw.astype("<i4").view("<f4")
            return patterns.astype(np.float64) * np.float64(factor)
        raw = self.raw.astype(np.float64)
        if self.kind == GYR or self.type == COMPRESSED:
            return raw * factor
        return raw * (factor if self.scaled else 1.0) / 1000


def read(payload: bytes) -> Frame | None:
    """The frame in these bytes; None where they are not one of acceleration or angular rate, or are damaged."""
    if len(payload) <= HEADER.size:
        return None
    kind, time_ns, form = HEADER.unpack_from(payload)
    content = payload[HEADER.size :]
    octets, bits = _RAW_OCTETS.get((kind, form)), _RESOLUTION.get((kind, form))
    raw: Ints | None = None
    if octets is not None:
        raw = _whole(content, octets)
    elif bits is not None:
        raw = _differences(content, bits)
    if raw is None or time_ns >= 1 << 63:
        return None
    return Frame(kind, time_ns, form, raw)


def write(kind: int, time_ns: int, raw: Ints) -> bytes:
    """A compressed frame of type 0 of these 16-bit samples (n, 3), the last of which was taken at time_ns."""
    parts = [HEADER.pack(kind, time_ns % 2**64, COMPRESSED), raw[0].astype("<i2").tobytes()]
    steps = np.diff(raw, axis=0)
    for i in range(0, len(steps), 255):
        block = steps[i : i + 255]
        width = max(int(max(block.max(), -block.min() - 1)).bit_length() + 1, 1)
        parts.append(bytes((width, len(block))) + _packed(block.ravel(), width))
    return b"".join(parts)


def fits(max_payload: int) -> int:
    """Samples that surely fit into a frame of `write`, whatever they are; 0 where none does."""
    room = max_payload - HEADER.size - 2 * _CHANNELS
    return 0 if room < 0 else 1 + max(room - 2, 0) * 8 // (17 * _CHANNELS)


def _whole(content: bytes, octets: int) -> Ints | None:
    if len(content) % (octets * _CHANNELS):
        return None
    digits = np.frombuffer(content, np.uint8).reshape(-1, octets).astype(np.int64)
    values = (digits << (8 * np.arange(octets))).sum(axis=1)
    return _signed(values, 8 * octets).reshape(-1, _CHANNELS)


def _differences(content: bytes, bits: int) -> Ints | None:
    octets = bits // 8
    first = _whole(content[: octets * _CHANNELS], octets)
    if first is None or len(first) != 1:
        return None
    runs, at, count = [first], octets * _CHANNELS, 1
    while at < len(content):
        if at + 2 > len(content):
            return None
        width, steps = content[at], content[at + 1]
        end = at + 2 + (width * steps * _CHANNELS + 7) // 8
        count += steps
        if width > _WIDEST or end > len(content) or count > _MOST:
            return None
        runs.append(_unpacked(content[at + 2 : end], width, steps * _CHANNELS).reshape(-1, _CHANNELS))
        at = end
    summed = np.concatenate(runs).cumsum(axis=0)
    # Sums that leave the resolution wrap, as they do in the sender's integers.
    return _signed(summed % (1 << bits), bits)


def _signed(values: Ints, bits: int) -> Ints:
    """Two's complement of so many bits."""
    return values - ((values >> (bits - 1)) << bits)


def _unpacked(packed: bytes, width: int, count: int) -> Ints:
    if not width:
        return np.zeros(count, np.int64)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: width * count].astype(np.int64)
    return _signed((bits.reshape(count, width) << np.arange(width)).sum(axis=1), width)


def _packed(values: Ints, width: int) -> bytes:
    bits: NDArray[np.int64] = values[:, None] >> np.arange(width) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes()
