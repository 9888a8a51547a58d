"""The project's own packet format, for sensors that people build: see PACKET_FORMAT.md for every byte.

A packet holds several samples of an even spacing, the counter of the first (every sample the device took counts, sent
or not), its device time in microseconds, the spacing, the ranges, the battery level and a CRC-16. So loss, duplicates,
order and restarts are seen exactly, and times do not depend on when a packet arrives.
"""

import struct
from binascii import crc_hqx
from collections.abc import Sequence

import numpy as np

from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Write
from firmware_interface.drivers.rates import SECOND, nearest
from firmware_interface.drivers.timeline import Packet, Timeline, empty
from firmware_interface.samples import STANDARD_GRAVITY, Floats, ImuSamples, Ints

SERVICE = "e5a40001-68b7-44f1-9f2d-298b09b2118c"
DATA = "e5a40002-68b7-44f1-9f2d-298b09b2118c"
CONTROL = "e5a40003-68b7-44f1-9f2d-298b09b2118c"

MAGIC, VERSION = 0x4B, 1
HEADER = struct.Struct("<BBBBIIHBBH")
CRC = struct.Struct("<H")
MAGNETOMETER = 0x01
MAX_SAMPLES = 40
BATTERY_UNKNOWN = 255
STOP, START = 0x00, 0x01

RATES_HZ = (25.0, 50.0, 60.0, 100.0, 200.0)
ACC_RANGE_G = 16
GYR_RANGE_DPS = 2000

_LONGEST = 512
_COUNTS = 32768
_MAG_UT = 0.1


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF; of "123456789" it is 0x29B1."""
    return crc_hqx(data, 0xFFFF)


class OpenFormat(Driver):
    """The open format as a driver."""

    name = "open_format"
    label = "kneetrack open format"
    service = SERVICE
    notify: tuple[str, ...] = (DATA,)
    acc_range = ACC_RANGE_G * STANDARD_GRAVITY
    gyr_range = float(np.radians(GYR_RANGE_DPS))

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the service."""
        return Claim.SERVICE if SERVICE in advertisement.service_uuids else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """One write: start at this rate."""
        yield Write(CONTROL, struct.pack("<BH", START, int(nearest(RATES_HZ, rate_hz))))

    def stop(self) -> tuple[Write, ...]:
        """One write: stop."""
        return (Write(CONTROL, bytes((STOP,))),)

    def rates_hz(self) -> tuple[float, ...]:
        """The rates a sensor of this format is asked for."""
        return RATES_HZ

    def decoder(self) -> "OpenFormatDecoder":
        """A decoder for one connection."""
        return OpenFormatDecoder()

    def encoder(self, rate_hz: float) -> "OpenFormatEncoder":
        """An encoder with the ranges of the driver."""
        return OpenFormatEncoder(rate_hz)


class OpenFormatDecoder:
    """Packets of one connection to samples; ticks are microseconds of the device."""

    def __init__(self) -> None:
        self._timeline = Timeline()

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples of one packet, or none where it is damaged, foreign or was received before."""
        packet = _read(payload) if characteristic == DATA else None
        return empty(1) if packet is None else self._timeline.place(packet)


def _read(payload: bytes) -> Packet | None:
    if not HEADER.size + CRC.size < len(payload) <= _LONGEST:
        return None
    magic, version, flags, count, counter, time_us, step_us, level, acc_g, gyr_dps = HEADER.unpack_from(payload)
    width = 9 if flags & MAGNETOMETER else 6
    if magic != MAGIC or version != VERSION or flags & ~MAGNETOMETER:
        return None
    if len(payload) != HEADER.size + 2 * width * count + CRC.size or not (count and step_us and acc_g and gyr_dps):
        return None
    if crc16(payload[: -CRC.size]) != CRC.unpack_from(payload, len(payload) - CRC.size)[0]:
        return None
    words = np.frombuffer(payload, "<i2", width * count, HEADER.size).reshape(count, width)
    values = words.astype(np.float64)
    inertial = values[:, :6]
    return Packet(
        time_us=time_us,
        step_us=step_us,
        counter=counter,
        acc=inertial[:, :3] * (acc_g * STANDARD_GRAVITY / _COUNTS),
        gyr=inertial[:, 3:] * (np.pi / 180 * gyr_dps / _COUNTS),
        mag=values[:, 6:] * _MAG_UT if width == 9 else None,
        clipped=np.logical_or.reduce(np.abs(inertial) >= _COUNTS - 1, axis=1),
        battery=None if level == BATTERY_UNKNOWN else min(level, 100) / 100,
    )


class OpenFormatEncoder:
    """Samples to packets. Counts the samples it is given; a new packet begins where their spacing breaks.

    counter: the counter of the first sample.
    """

    def __init__(self, rate_hz: float, counter: int = 0) -> None:
        self._step_us = round(SECOND / rate_hz)
        self._counter = counter

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`. Raises ValueError where max_payload cannot hold a sample (32 bytes)."""
        fits = min((max_payload - HEADER.size - CRC.size) // 12, MAX_SAMPLES)
        if fits < 1:
            raise ValueError(f"an open format packet needs 32 bytes, not {max_payload}")
        scale = np.array([ACC_RANGE_G * STANDARD_GRAVITY] * 3 + [np.radians(GYR_RANGE_DPS)] * 3) / _COUNTS
        words = np.clip(np.rint(np.hstack([acc, gyr]) / scale), -_COUNTS, _COUNTS - 1).astype("<i2")
        ticks = np.asarray(ticks_us, np.int64)
        uneven = np.flatnonzero(np.abs(np.diff(ticks) - self._step_us) > self._step_us // 4) + 1
        packets = []
        for begin, end in zip([0, *uneven], [*uneven, len(ticks)], strict=True):
            for i in range(begin, end, fits):
                chunk = slice(i, min(i + fits, end))
                packets.append((DATA, self._packet(ticks[chunk], words[chunk].tobytes(), battery)))
        return packets

    def _packet(self, ticks: Ints, body: bytes, battery: float) -> bytes:
        count = len(ticks)
        step = round((ticks[-1] - ticks[0]) / (count - 1)) if count > 1 else self._step_us
        header = HEADER.pack(
            MAGIC,
            VERSION,
            0,
            count,
            self._counter % 2**32,
            int(ticks[0]) % 2**32,
            step,
            round(100 * battery),
            ACC_RANGE_G,
            GYR_RANGE_DPS,
        )
        self._counter += count
        return header + body + CRC.pack(crc16(header + body))
