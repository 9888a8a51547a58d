"""ST BlueST boards (SensorTile, SensorTile.box, BlueCoin, Nucleo with X-NUCLEO sensors): 20 bytes a sample.

Combined characteristic 00E00000: u16 time, i16 x 3 acceleration in mg, i16 x 3 angular rate in 0.1 deg/s, i16 x 3
magnetic field in mGauss. The time is the millisecond tick divided by 8: too coarse for the times of samples, good
enough to see what was lost; the even spacing of the samples makes times of it (see coarse.py). It wraps every 524 s.
Two samples in one step of 8 ms cannot be told apart, so rates above 125 Hz are not for this format.

The rate belongs to the board's firmware (20 Hz in ST's examples of this generation; less than the 60 Hz that a knee in
motion wants), and so do the ranges: neither can be set over the air in a way that all boards share. Values of a tenth
of a degree per second end at 3276.7, so 2000 deg/s fits; which range is set is not told, and the end of each is marked.
Not tried on a device.

Sources: UM2496 rev 2 (advertisement), BlueSTSDK_iOS and BlueSTSDK_Python (features, scales), `AccGyroMag_Update` of
ST's example firmwares (order, clock); the unit of the field is from memory.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from firmware_interface.drivers.coarse import CoarseClock
from firmware_interface.drivers.counting import Widened
from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Write
from firmware_interface.drivers.ranges import ACC_G, GYR_DPS, at_an_end
from firmware_interface.drivers.timeline import Packet, Timeline, empty
from firmware_interface.samples import STANDARD_GRAVITY, Floats, ImuSamples

SERVICE = "00000000-0001-11e1-9ab4-0002a5d5c51b"
ACC_GYR_MAG = "00e00000-0001-11e1-ac36-0002a5d5c51b"
LENGTH = 20
TICK_US = 8000

PROTOCOL = 0x01
"""First byte of the advertised data; the second is the board. Together they stand where a company id would."""
_MOTION = 0x00C00000
"""Accelerometer and gyroscope in the feature mask."""
_ADVERTISED = (4, 10)
"""Bytes after those two: the feature mask, big endian, and perhaps the address."""

ACC_RANGE = 16 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(2000))
RATES_HZ = (20.0, 25.0, 26.0, 50.0, 52.0, 100.0, 104.0)
_MG = STANDARD_GRAVITY / 1000
_TENTH = np.pi / 1800
_MAG_UT = 0.1
"""1 mGauss."""


def advertised(board: int, features: int = 0x00E00000) -> tuple[int, bytes]:
    """Company id and data, as a receiver sees them, of a board of this id and feature mask."""
    return board << 8 | PROTOCOL, features.to_bytes(4, "big")


class BlueSt(Driver):
    """The BlueST boards as a driver."""

    name = "bluest"
    label = "ST BlueST board"
    service = SERVICE
    notify: tuple[str, ...] = (ACC_GYR_MAG,)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the service, or by the form of the advertised data, which has no company id: a likeness, not a proof."""
        if SERVICE in advertisement.service_uuids:
            return Claim.SERVICE
        for company, data in advertisement.manufacturer.items():
            if company & 0xFF == PROTOCOL and len(data) in _ADVERTISED:
                features = int.from_bytes(data[:4], "big")
                if features & _MOTION == _MOTION:
                    return Claim.NAME
        return Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Nothing can be set: the stream runs from the subscription on."""
        yield from ()

    def stop(self) -> tuple[Write, ...]:
        """Nothing: the stream ends with the subscription."""
        return ()

    def rates_hz(self) -> tuple[float, ...]:
        """Rates that the firmwares use; which one it is the samples tell."""
        return RATES_HZ

    def decoder(self) -> "BlueStDecoder":
        """A decoder for one connection."""
        return BlueStDecoder()

    def encoder(self, rate_hz: float) -> "BlueStEncoder":
        """An encoder of the combined characteristic."""
        return BlueStEncoder()


class BlueStDecoder:
    """Notifications of one connection to samples; ticks are microseconds, from the board's coarse clock."""

    def __init__(self) -> None:
        self._ticks = Widened(16)
        self._timeline = Timeline()
        self._coarse = CoarseClock(TICK_US)
        self._latest = -1
        self._missing = 0

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """One notification: one sample, or none where it is damaged or was received before."""
        if characteristic != ACC_GYR_MAG or len(payload) != LENGTH:
            return empty(1)
        words = np.frombuffer(payload, "<i2").astype(np.float64).reshape(1, 10)
        inertial = words[:, 1:7]
        found = self._timeline.place(
            Packet(
                time_us=self._ticks.value(int.from_bytes(payload[:2], "little")) * TICK_US % 2**32,
                step_us=0,
                counter=None,
                acc=inertial[:, :3] * _MG,
                gyr=inertial[:, 3:] * _TENTH,
                mag=words[:, 7:] * _MAG_UT,
                clipped=at_an_end(inertial[:, :3] / 1000, ACC_G, 20) | at_an_end(inertial[:, 3:] / 10, GYR_DPS, 20),
            )
        )
        return self._refined(found)

    def _refined(self, found: ImuSamples) -> ImuSamples:
        if found.restarts:
            self._ticks.restarted()
            self._coarse.restart()
            self._missing = 0
        ticks, lost = [], 0
        for tick in found.ticks.tolist():
            if tick <= self._latest:
                # Late: its own coarse time is all that there is, and it fills a hole that was counted.
                ticks.append(tick)
                lost -= min(self._missing, 1)
                continue
            self._latest = tick
            placed, missing = self._coarse.place(tick)
            ticks.append(placed)
            lost += missing
        self._missing += lost
        return replace(found, ticks=np.array(ticks, np.int64), lost=lost)


class BlueStEncoder:
    """Samples to notifications of 20 bytes, one each; the magnetic field is zero."""

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`; the battery has a characteristic of its own. Raises ValueError below 20 bytes."""
        if max_payload < LENGTH:
            raise ValueError(f"a BlueST sample needs {LENGTH} bytes, not {max_payload}")
        limits = np.array([16_000] * 3 + [20_000] * 3)
        words = np.clip(np.rint(np.hstack([acc / _MG, gyr / _TENTH])), -limits, limits).astype("<i2")
        return [
            (ACC_GYR_MAG, struct.pack("<H", int(tick) // TICK_US % 2**16) + row.tobytes() + bytes(6))
            for tick, row in zip(ticks_us, words, strict=True)
        ]
