"""x-io x-IMU3: a stream of messages over the network, not Bluetooth GATT (its Bluetooth is a serial port).

A message ends with 0x0A. A binary one begins with 0x80 plus a letter, then u64 microseconds and f32 arguments; within
it 0x0A is stuffed as DB DC and 0xDB as DB DD. 0xC9 ('I') is inertial: angular rate x 3 in deg/s, acceleration x 3 in g.
0xC2 ('B') begins with the battery's per cent, 0xD4 ('T') with the temperature in degrees Celsius. All other messages,
and the JSON answers to commands, are passed over. In ASCII mode the same numbers stand in text after the letter. The
rate is 400 Hz divided by a whole number; a message is the mean of the samples since the one before, and its time that
of the newest.

Ranges are fixed at 2000 deg/s and 16 g (the second from memory). See network.py for the way to the sensor. Not tried on
a device.

Source: xioTechnologies/x-IMU3-User-Manual, communicationProtocol.tex, sampleRatesMessageRatesAndTimestamps.tex; names
of settings as in the maker's examples.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Write
from firmware_interface.drivers.ranges import at_an_end
from firmware_interface.drivers.rates import Spacing, nearest
from firmware_interface.drivers.timeline import Packet, Timeline, empty, joined
from firmware_interface.samples import STANDARD_GRAVITY, Floats, ImuSamples

# No Bluetooth services: names for the two directions of a byte stream, as the client wants them.
SERVICE = "e5a40100-68b7-44f1-9f2d-298b09b2118c"
STREAM = "e5a40101-68b7-44f1-9f2d-298b09b2118c"
COMMANDS = "e5a40102-68b7-44f1-9f2d-298b09b2118c"

INERTIAL, BATTERY, TEMPERATURE = "I", "B", "T"
END, ESCAPE = b"\n", b"\xdb"
_STUFFED_END, _STUFFED_ESCAPE = b"\xdb\xdc", b"\xdb\xdd"
_BINARY = 0x80
_TIME = struct.Struct("<Q")

SAMPLE_HZ = 400
RATES_HZ = (50.0, 100.0, 200.0, 400.0)
ACC_RANGE = 16 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(2000))
_FULL_SCALE = np.array([2000.0] * 3 + [16.0] * 3)
_ABSURD = 2.0
_LONGEST_MESSAGE = 512


def command(key: str, value: object) -> bytes:
    """One command: a JSON object of one key, ended."""
    return json.dumps({key: value}, separators=(",", ":")).encode() + END


def stuffed(octets: bytes) -> bytes:
    """A message's bytes without ending, made free of endings, and ended."""
    return octets.replace(ESCAPE, _STUFFED_ESCAPE).replace(END, _STUFFED_END) + END


def unstuffed(octets: bytes) -> bytes:
    """The bytes of a stuffed message without its ending."""
    return octets.replace(_STUFFED_END, END).replace(_STUFFED_ESCAPE, ESCAPE)


def parsed(message: bytes) -> tuple[str, int, tuple[float, ...]] | None:
    """Letter, microseconds and arguments of a message without its ending; None where it is no data, or damaged."""
    if not message:
        return None
    if message[0] >= _BINARY:
        octets = unstuffed(message)
        letter, body = chr(octets[0] - _BINARY), octets[1 + _TIME.size :]
        if len(octets) < 1 + _TIME.size or len(body) % 4:
            return None
        time_us = _TIME.unpack_from(octets, 1)[0]
        return letter, time_us, struct.unpack(f"<{len(body) // 4}f", body)
    letter, *fields = message.decode("ascii", "replace").strip("\r").split(",")
    try:
        return letter, int(fields[0]), tuple(float(field) for field in fields[1:])
    except (ValueError, IndexError):
        return None


class Ximu3(Driver):
    """The x-IMU3 as a driver."""

    name = "ximu3"
    label = "x-io x-IMU3"
    service = SERVICE
    notify: tuple[str, ...] = (STREAM,)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By its announcement on the network, which network.py gives this service."""
        return Claim.SERVICE if SERVICE in advertisement.service_uuids else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Inertial messages at the rate, nothing else that fills the air; binary; applied, not saved."""
        for key, value in (
            ("binary_mode_enabled", True),
            ("inertial_message_rate_divisor", round(SAMPLE_HZ / nearest(RATES_HZ, rate_hz))),
            ("ahrs_message_rate_divisor", 0),
            ("magnetometer_message_rate_divisor", 0),
            ("high_g_accelerometer_message_rate_divisor", 0),
            ("apply", None),
        ):
            yield Write(COMMANDS, command(key, value))

    def stop(self) -> tuple[Write, ...]:
        """Nothing: the stream ends with the connection."""
        return ()

    def rates_hz(self) -> tuple[float, ...]:
        """400 Hz and whole parts of it."""
        return RATES_HZ

    def decoder(self) -> "Ximu3Decoder":
        """A decoder for one connection."""
        return Ximu3Decoder()

    def encoder(self, rate_hz: float) -> "Ximu3Encoder":
        """An encoder of binary messages."""
        return Ximu3Encoder()


class Ximu3Decoder:
    """Pieces of one connection's stream to samples; ticks are microseconds of the device."""

    def __init__(self) -> None:
        self._rest = b""
        self._timeline = Timeline()
        self._spacing = Spacing(RATES_HZ)

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples that a piece of the stream completes."""
        if characteristic != STREAM or not payload:
            return empty(1)
        *messages, self._rest = (self._rest + payload).split(END)
        rejected = int(len(self._rest) > _LONGEST_MESSAGE)
        if rejected:
            self._rest = b""
        level: float | None = None
        temperature_c: float | None = None
        blocks: list[ImuSamples] = []
        for message in messages:
            found = parsed(message) if len(message) <= _LONGEST_MESSAGE else None
            if found is None:
                # Answers to commands are JSON objects.
                rejected += not message.startswith(b"{") and bool(message)
            elif found[0] == INERTIAL:
                blocks.append(self._sample(found[1], found[2]))
            elif found[0] == BATTERY and found[2] and isfinite(found[2][0]) and 0 <= found[2][0] <= 100:
                level = found[2][0] / 100
            elif found[0] == TEMPERATURE and found[2] and -40 <= found[2][0] <= 85:
                temperature_c = found[2][0]
        block = joined(blocks) if blocks else empty(0)
        return replace(block, rejected=block.rejected + rejected, battery=level, temperature_c=temperature_c)

    def _sample(self, time_us: int, arguments: tuple[float, ...]) -> ImuSamples:
        values = np.array([arguments], np.float64)
        # The comparison is False for NaN too.
        if values.shape != (1, 6) or time_us < 0 or not (np.abs(values) <= _ABSURD * _FULL_SCALE).all():
            return empty(1)
        clipped = at_an_end(values[:, :3], (2000.0,), 20) | at_an_end(values[:, 3:], (16.0,), 20)
        samples = self._timeline.place(
            Packet(
                time_us=time_us % 2**32,
                step_us=self._spacing.us,
                counter=None,
                acc=values[:, 3:] * STANDARD_GRAVITY,
                gyr=np.radians(values[:, :3]),
                mag=None,
                clipped=clipped,
            )
        )
        for tick in samples.ticks.tolist():
            self._spacing.learn(tick)
        return samples


class Ximu3Encoder:
    """Samples to pieces of a stream of binary messages, cut where they are full; the battery when it has changed."""

    def __init__(self) -> None:
        self._level: int | None = None

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`."""
        values = np.hstack([np.degrees(gyr), acc / STANDARD_GRAVITY])
        values = np.clip(values, -_FULL_SCALE, _FULL_SCALE).astype("<f4")
        stream = b""
        level = round(100 * battery)
        if level != self._level and len(ticks_us):
            self._level = level
            stream += stuffed(self._head(BATTERY, int(ticks_us[0])) + struct.pack("<3f", level, 3.9, 0))
        for tick, row in zip(ticks_us, values, strict=True):
            stream += stuffed(self._head(INERTIAL, int(tick)) + row.tobytes())
        return [(STREAM, stream[i : i + max_payload]) for i in range(0, len(stream), max_payload)]

    def _head(self, letter: str, tick_us: int) -> bytes:
        return bytes((_BINARY + ord(letter),)) + _TIME.pack(tick_us % 2**64)
