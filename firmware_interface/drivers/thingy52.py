"""Nordic Thingy:52: raw motion, 18 bytes a sample, no counter and no clock.

Raw characteristic: i16 x 3 acceleration / 1024 g, i16 x 3 angular rate / 32 deg/s, i16 x 3 magnetic field / 16 uT.
The rate is one field of nine bytes of configuration; the others (pedometer, temperature, compass, wake on motion) are
written as the firmware's own defaults. It is read back, so that a recording tells its own rate. A frame that never came
cannot be seen: ticks count the frames received, and clock is NONE.

Three facts of the firmware to know. Its accelerometer runs at 2 g, the range of the motion processor's fusion, and no
command changes that: foot contacts at the shank are beyond it and are marked as clipped. The gyroscope runs at 2000
deg/s, but 16 bits of 1/32 deg/s end at 1024. And it turns the sign of the acceleration ("positive when an axis is
aligned with gravity", its orientation matrix of the accelerometer is minus one, that of the gyroscope one), so that
here the sign is turned back to specific force. Not tried on a device.

Sources: NordicSemiconductor/Nordic-Thingy52-FW (ble_tms.h, m_motion.c, drv_motion.c, eMPL inv_mpu.c), Nordic DevZone
threads 47415 and 52121; the field's unit is not stated there.
"""

import struct
from collections.abc import Sequence

import numpy as np

from firmware_interface.drivers import battery
from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Read, Write
from firmware_interface.drivers.rates import nearest
from firmware_interface.samples import STANDARD_GRAVITY, Clock, Floats, ImuSamples


def uuid(short: str) -> str:
    """The full UUID of a Thingy's service or characteristic."""
    return f"ef68{short}-9b35-4933-9b10-52ffa9740042"


ADVERTISED = uuid("0100")
"""The configuration service: the one that fits into the advertisement."""
SERVICE = uuid("0400")
CONFIG = uuid("0401")
RAW = uuid("0406")
NAME = "Thingy"

ACC_RANGE = 2 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(1024))
LENGTH = 18
RATES_HZ = (25.0, 50.0, 100.0, 200.0)
_LEAST_HZ, _MOST_HZ = 5, 200

_CONFIG = struct.Struct("<HHHHB")
_PEDOMETER_MS, _TEMPERATURE_MS, _COMPASS_MS, _WAKE = 1000, 500, 500, 1
_PER_G, _PER_DPS, _PER_UT = 1024, 32, 16
_SCALE = np.array([-STANDARD_GRAVITY / _PER_G] * 3 + [np.pi / 180 / _PER_DPS] * 3)
_END = np.array([2 * _PER_G - 2] * 3 + [1024 * _PER_DPS - 32] * 3)
"""Counts from which on a channel is at its end: the converter of 2 g, the 16 bits of the angular rate."""


def motion_config(rate_hz: int) -> bytes:
    """The nine bytes that set the motion rate and leave everything else at the firmware's defaults."""
    return _CONFIG.pack(_PEDOMETER_MS, _TEMPERATURE_MS, _COMPASS_MS, rate_hz, _WAKE)


class Thingy52(Driver):
    """The Thingy:52 as a driver."""

    name = "thingy52"
    label = "Nordic Thingy:52"
    service = SERVICE
    notify: tuple[str, ...] = (RAW, battery.LEVEL)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By one of its services, or by the name it leaves the factory with."""
        if {ADVERTISED, SERVICE} & set(advertisement.service_uuids):
            return Claim.SERVICE
        return Claim.NAME if advertisement.name == NAME else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Set the rate, and read it back; the sensor itself runs from the subscription on."""
        yield Write(CONFIG, motion_config(int(nearest(RATES_HZ, rate_hz))))
        yield Read(CONFIG)

    def stop(self) -> tuple[Write, ...]:
        """Nothing: the sensor stops with the subscription."""
        return ()

    def rates_hz(self) -> tuple[float, ...]:
        """Of the 5 to 200 Hz that can be set."""
        return RATES_HZ

    def decoder(self) -> "Thingy52Decoder":
        """A decoder for one connection."""
        return Thingy52Decoder()

    def encoder(self, rate_hz: float) -> "Thingy52Encoder":
        """An encoder of raw motion."""
        return Thingy52Encoder()


class Thingy52Decoder:
    """Notifications of one connection to samples; ticks count the frames received.

    tick_s is 0.01 s until the configuration tells the rate.
    """

    def __init__(self) -> None:
        self._frames = 0
        self._tick_s = 0.01

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """One notification: one sample, or none where it is a configuration, a battery level, or damaged."""
        if characteristic == battery.LEVEL:
            return battery.level_only(payload, self._tick_s, Clock.NONE)
        if characteristic == CONFIG and len(payload) == _CONFIG.size:
            rate = _CONFIG.unpack(payload)[3]
            self._tick_s = 1 / rate if _LEAST_HZ <= rate <= _MOST_HZ else self._tick_s
            return ImuSamples.empty(self._tick_s, Clock.NONE)
        if characteristic != RAW or len(payload) != LENGTH:
            return ImuSamples.empty(self._tick_s, Clock.NONE, rejected=1)
        words = np.frombuffer(payload, "<i2").astype(np.float64).reshape(1, 9)
        values = words[:, :6] * _SCALE
        self._frames += 1
        return ImuSamples(
            ticks=np.array([self._frames - 1], np.int64),
            tick_s=self._tick_s,
            clock=Clock.NONE,
            acc=values[:, :3],
            gyr=values[:, 3:],
            mag=words[:, 6:] / _PER_UT,
            clipped=np.logical_or.reduce(np.abs(words[:, :6]) >= _END, axis=1),
        )


class Thingy52Encoder:
    """Samples to notifications of 18 bytes, one each; the magnetic field is zero."""

    def __init__(self) -> None:
        self._level = battery.LevelNews()

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`; ticks have no place in the format. Raises ValueError below 18 bytes."""
        if max_payload < LENGTH:
            raise ValueError(f"a Thingy:52 sample needs {LENGTH} bytes, not {max_payload}")
        limits = np.array([2 * _PER_G] * 3 + [1024 * _PER_DPS] * 3)
        words = np.clip(np.rint(np.hstack([acc, gyr]) / _SCALE), -limits, limits)
        words = np.clip(words, -32768, 32767).astype("<i2")
        return self._level.tell(battery) + [(RAW, row.tobytes() + bytes(6)) for row in words]
