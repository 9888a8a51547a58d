"""WitMotion BLE 5.0 family (WT901BLE, WT901BLECL, BWT901BLE5.0, WT9011DCL, WT901BLE68): 20-byte frames, no clock.

Data frame: 0x55 0x61, then nine i16: acceleration (16 g full scale, gravity included), angular rate (2000 deg/s),
roll, pitch and yaw (180 deg, not used here). Register answer: 0x55 0x71, u16 first register, eight i16. There is no
checksum, no counter and no time: several frames come in one notification, frames may be cut at its border, and a frame
that never came cannot be seen. So ticks count the frames received, and clock is NONE.

A frame is believed where another header, or the end of what has arrived, follows its 20 bytes: after lost bytes this
finds the frames again, and it refuses the 28-byte frames of the WTVB vibration sensor, which begin alike.

Register answers tell the rate, the temperature and the battery's voltage; the maker's table makes a level of it.
Quaternion and field answers are understood as frames and not used. The ranges are fixed at 16 g and 2000 deg/s.

Sources: the maker's BLE 5.0 SDK (WITMOTION/WitBluetooth_BWT901BLE5_0), WT901BLECL datasheet v20-0707 section 6, the WIT
standard communication protocol; battery register and table: Bwt901bleProcessor.cs of the maker's C# SDK, as quoted in
public notes on the WT901BLE67. Frames recorded from real modules are in the tests.
"""

import struct
from collections.abc import Sequence

import numpy as np

from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Write
from firmware_interface.drivers.rates import nearest
from firmware_interface.samples import STANDARD_GRAVITY, Clock, Floats, ImuSamples

# The tail is 00805f9a34fb, not the 00805f9b34fb of the Bluetooth base: these have no 16-bit form.
SERVICE = "0000ffe5-0000-1000-8000-00805f9a34fb"
NOTIFY = "0000ffe4-0000-1000-8000-00805f9a34fb"
WRITE = "0000ffe9-0000-1000-8000-00805f9a34fb"

ACC_RANGE = 16 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(2000))
FRAME_LENGTH = 20
DATA, ANSWER = 0x61, 0x71

UNLOCK = bytes.fromhex("ffaa6988b5")
SAVE = bytes.fromhex("ffaa000000")
RATE_REGISTER = 0x03
BANDWIDTH_REGISTER = 0x1F
READ_REGISTER = 0x27
TEMPERATURE_REGISTER = 0x40
BATTERY_REGISTER = 0x64
RATE_CODES = {10.0: 0x06, 20.0: 0x07, 50.0: 0x08, 100.0: 0x09, 200.0: 0x0B}
_BANDWIDTH_CODES = {10.0: 0x06, 20.0: 0x05, 50.0: 0x04, 100.0: 0x03, 200.0: 0x02}
"""5, 10, 20, 42 and 98 Hz: the widest below half the rate. The factory's 20 Hz blurs gait at 100 Hz."""

BATTERY_LEVELS = (
    *((396, 1.0), (393, 0.9), (387, 0.75), (382, 0.6), (379, 0.5), (377, 0.4)),
    *((373, 0.3), (370, 0.2), (368, 0.15), (350, 0.1), (340, 0.05), (1, 0.0)),
)
"""Hundredths of a volt, and the level from there on."""

_COLDEST_C, _HOTTEST_C = -40.0, 85.0
"""What the chip works at (datasheet)."""

_DEFAULT_RATE_HZ = 100.0
_MAX_PAYLOAD = 512
_COUNTS = 32768
_SCALE = np.array([ACC_RANGE] * 3 + [GYR_RANGE] * 3) / _COUNTS


def register_write(register: int, value: int) -> bytes:
    """The five bytes FF AA register low high."""
    return struct.pack("<BBBH", 0xFF, 0xAA, register, value)


class WitMotion(Driver):
    """The WitMotion BLE 5.0 family as a driver."""

    name = "witmotion"
    label = "WitMotion BLE 5.0"
    service = SERVICE
    notify: tuple[str, ...] = (NOTIFY,)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the service, or a name that begins with WT; never the WTVB vibration sensors."""
        name = advertisement.name.upper()
        if name.startswith("WTVB"):
            return Claim.NO
        if SERVICE in advertisement.service_uuids:
            return Claim.SERVICE
        return Claim.NAME if name.startswith("WT") else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Unlock, rate, bandwidth, save, in the maker's order; then rate, temperature and battery are read.

        The answers come as notifications, so a recording tells its own rate. The stream runs from power-on.
        """
        rate = nearest(self.rates_hz(), rate_hz)
        for command in (
            UNLOCK,
            register_write(RATE_REGISTER, RATE_CODES[rate]),
            UNLOCK,
            register_write(BANDWIDTH_REGISTER, _BANDWIDTH_CODES[rate]),
            SAVE,
            register_write(READ_REGISTER, RATE_REGISTER),
            register_write(READ_REGISTER, TEMPERATURE_REGISTER),
            register_write(READ_REGISTER, BATTERY_REGISTER),
        ):
            yield Write(WRITE, command, response=False, pause_s=0.1)

    def stop(self) -> tuple[Write, ...]:
        """Nothing: the stream ends with the connection."""
        return ()

    def rates_hz(self) -> tuple[float, ...]:
        """The rates of register 0x03 that are of use for motion."""
        return tuple(RATE_CODES)

    def decoder(self) -> "WitMotionDecoder":
        """A decoder for one connection."""
        return WitMotionDecoder()

    def encoder(self, rate_hz: float) -> "WitMotionEncoder":
        """An encoder of data frames."""
        return WitMotionEncoder()


class WitMotionDecoder:
    """Notifications of one connection to samples; ticks count the frames received.

    tick_s is 0.01 s until a register answer tells the rate.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._frames = 0
        self._tick_s = 1 / _DEFAULT_RATE_HZ
        self._battery: float | None = None
        self._temperature_c: float | None = None

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The frames that one notification completes. rejected counts the stretches of bytes that were no frame."""
        if characteristic != NOTIFY or not 0 < len(payload) <= _MAX_PAYLOAD:
            return ImuSamples.empty(self._tick_s, Clock.NONE, rejected=1)
        frames, self._rest, skipped = _split(self._rest + payload)
        self._battery = self._temperature_c = None
        for frame in frames:
            if frame[1] == ANSWER:
                self._learn(frame)
        data = b"".join(frame[2:14] for frame in frames if frame[1] == DATA)
        counts = np.frombuffer(data, "<i2").reshape(-1, 6)
        values = counts * _SCALE
        first = self._frames
        self._frames += len(counts)
        return ImuSamples(
            ticks=np.arange(first, self._frames, dtype=np.int64),
            tick_s=self._tick_s,
            clock=Clock.NONE,
            acc=values[:, :3],
            gyr=values[:, 3:],
            mag=None,
            clipped=np.logical_or.reduce(np.abs(values) >= (_COUNTS - 1) * _SCALE, axis=1),
            battery=self._battery,
            rejected=skipped,
            temperature_c=self._temperature_c,
        )

    def _learn(self, answer: bytes) -> None:
        """Takes rate, temperature and battery level from answers that begin at their registers."""
        register, value = struct.unpack_from("<HH", answer, 2)
        if register == RATE_REGISTER:
            rate = next((rate for rate, code in RATE_CODES.items() if value == code), None)
            self._tick_s = self._tick_s if rate is None else 1 / rate
        elif register == TEMPERATURE_REGISTER:
            hundredths = struct.unpack_from("<h", answer, 4)[0]
            self._temperature_c = hundredths / 100 if _COLDEST_C <= hundredths / 100 <= _HOTTEST_C else None
        elif register == BATTERY_REGISTER:
            # 0 is what modules without the register give.
            self._battery = next((level for least, level in BATTERY_LEVELS if value >= least), None)


def _split(data: bytes) -> tuple[list[bytes], bytes, int]:
    """Frames, the beginning of a frame that is yet to be completed, and the number of stretches skipped."""
    frames: list[bytes] = []
    at = skipped = 0
    in_frame = True
    while at < len(data):
        end = at + FRAME_LENGTH
        if _may_begin(data, at) and _may_begin(data, end):
            if end > len(data):
                break
            frames.append(data[at:end])
            at, in_frame = end, True
        else:
            skipped += in_frame
            at, in_frame = at + 1, False
    return frames, data[at:], skipped


def _may_begin(data: bytes, at: int) -> bool:
    """Whether the bytes at `at`, as far as they have arrived, are a frame's header."""
    header = data[at : at + 2]
    return header in (b"", b"\x55", b"\x55\x61", b"\x55\x71")


class WitMotionEncoder:
    """Samples to notifications of whole data frames, as many in one as it holds."""

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`; ticks and battery have no place in the format. Raises ValueError below 20 bytes."""
        per_packet = max_payload // FRAME_LENGTH
        if per_packet < 1:
            raise ValueError(f"a WitMotion frame needs {FRAME_LENGTH} bytes, not {max_payload}")
        roll = np.arctan2(acc[:, 1], acc[:, 2])
        pitch = np.arctan2(-acc[:, 0], np.hypot(acc[:, 1], acc[:, 2]))
        angles = np.stack([roll, pitch, np.zeros_like(roll)], axis=1) * (_COUNTS / np.pi)
        counts = np.hstack([np.hstack([acc, gyr]) / _SCALE, angles])
        words = np.clip(np.rint(counts), -_COUNTS, _COUNTS - 1).astype("<i2")
        frames = [bytes((0x55, DATA)) + row.tobytes() for row in words]
        return [(NOTIFY, b"".join(frames[i : i + per_packet])) for i in range(0, len(frames), per_packet)]


def register_answer(register: int, values: Sequence[int]) -> bytes:
    """A register answer frame: what a module sends when asked for eight registers from `register` on."""
    return struct.pack("<BBH8H", 0x55, ANSWER, register, *values)
