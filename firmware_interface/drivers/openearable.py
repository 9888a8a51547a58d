"""OpenEarable 2: batches of inertial samples with a 64-bit microsecond clock and their spacing.

A record: u8 sensor, u8 size, u64 time of the first sample in microseconds, samples, and where there are several a u16
spacing in microseconds, counted in the size. There is no sample count: a size of one sample's width is one sample,
otherwise size less 2 is a multiple of it. The inertial unit is sensor 0, 36 bytes: f32 x 3 acceleration in g, f32 x 3
angular rate in deg/s, f32 x 3 magnetic field in uT. A configuration write (sensor, rate index, mask) starts and stops
it; the rates are those of the firmware's table for the BMX160.

Units and rates are asked for at the start where the firmware tells them (openearable_scheme.py), for they have changed
between its versions; without an answer they are those above. The ranges are the firmware's choice and cannot be set;
the values arrive as physical ones, and the end of each of the chip's ranges is marked as clipped. Not tried on a
device.

Sources: OpenEarable/open-earable-2, doc/protocols/wire-contract-baseline.md, src/ParseInfo/DefaultSensors.h,
src/SensorManager/IMU.cpp (rates; stop as index 0, mask 0); its golden vectors are in the tests.
"""

import struct
from collections.abc import Sequence

import numpy as np

from firmware_interface.drivers import battery, openearable_scheme
from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Read, Write
from firmware_interface.drivers.ranges import ACC_G, GYR_DPS, at_an_end
from firmware_interface.drivers.rates import Spacing, nearest
from firmware_interface.drivers.timeline import TICK_S, Packet, Timeline, empty
from firmware_interface.samples import STANDARD_GRAVITY, Clock, Floats, ImuSamples

SERVICE = "34c2e3bb-34aa-11eb-adc1-0242ac120002"
DATA = "34c2e3bc-34aa-11eb-adc1-0242ac120002"
CONFIG = "34c2e3be-34aa-11eb-adc1-0242ac120002"
INFO = "caa25cb7-7e1b-44f2-adc9-e8c06c9ced43"
INFO_REQUEST = "caa25cba-7e1b-44f2-adc9-e8c06c9ced43"
INFO_SCHEME = "caa25cbb-7e1b-44f2-adc9-e8c06c9ced43"
NAME = "OpenEarable"

IMU = 0
OVER_BLE = 1
RATES_HZ = (25.0, 50.0, 100.0, 200.0)
"""Indices 0 to 3 of the table; 400 and 800 Hz are more than a connection carries."""

ACC_RANGE = 16 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(2000))

HEADER = struct.Struct("<BBQ")
_PERIOD = struct.Struct("<H")
_WIDTH = 36
_LONGEST = 244
_FULL_SCALE = np.array([16.0] * 3 + [2000.0] * 3)
_UNITS = {"g": 1.0, "m/s^2": 1 / STANDARD_GRAVITY, "m/s²": 1 / STANDARD_GRAVITY, "dps": 1.0, "rad/s": 180 / np.pi}
"""To g and deg/s."""
_ABSURD = 2.0
"""Beyond this many full scales a value is damage, not motion."""


def config(rate_index: int, mask: int = OVER_BLE, sensor: int = IMU) -> bytes:
    """A configuration write. mask: 1 over BLE, 2 to the card, 0 stops."""
    return bytes((sensor, rate_index, mask))


def record(payload: bytes, width: int) -> tuple[int, int, int, bytes] | None:
    """Sensor, time in us, spacing in us (0 for one sample) and the samples' bytes; None where it is not a record.

    width: bytes of one sample.
    """
    if len(payload) < HEADER.size:
        return None
    sensor, size, time_us = HEADER.unpack_from(payload)
    body = payload[HEADER.size :]
    if len(body) != size:
        return None
    if size == width:
        return sensor, time_us, 0, body
    values, spacing = body[: -_PERIOD.size], body[-_PERIOD.size :]
    if not values or len(values) % width:
        return None
    return sensor, time_us, _PERIOD.unpack(spacing)[0], values


class OpenEarable(Driver):
    """The OpenEarable 2 as a driver."""

    name = "openearable"
    label = "OpenEarable 2"
    service = SERVICE
    notify: tuple[str, ...] = (DATA, battery.LEVEL)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the sensor service, or the name."""
        if SERVICE in advertisement.service_uuids:
            return Claim.SERVICE
        return Claim.NAME if advertisement.name.startswith(NAME) else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Ask for the inertial unit's scheme, then start it: rate index, over BLE."""
        yield Write(INFO_REQUEST, bytes((IMU,)), optional=True)
        scheme = openearable_scheme.parsed((yield Read(INFO_SCHEME, optional=True)))
        rates = scheme.rates_hz if scheme is not None and scheme.sensor == IMU and scheme.rates_hz else RATES_HZ
        # Not beyond what a connection carries, whatever else the sensor has.
        usable = [rate for rate in rates if rate <= RATES_HZ[-1]] or list(rates)
        yield Write(CONFIG, config(rates.index(nearest(usable, rate_hz))))

    def stop(self) -> tuple[Write, ...]:
        """One write: inertial unit off."""
        return (Write(CONFIG, config(0, 0)),)

    def rates_hz(self) -> tuple[float, ...]:
        """The rates of the firmware's table that a connection can carry."""
        return RATES_HZ

    def decoder(self) -> "OpenEarableDecoder":
        """A decoder for one connection."""
        return OpenEarableDecoder()

    def encoder(self, rate_hz: float) -> "OpenEarableEncoder":
        """An encoder of inertial records."""
        return OpenEarableEncoder(rate_hz)


class OpenEarableDecoder:
    """Notifications of one connection to samples; ticks are microseconds of the device."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._spacing = Spacing(RATES_HZ)
        self._scale = np.ones(6)

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples of one record; none where it is of another sensor, damaged, or was received before."""
        if characteristic == battery.LEVEL:
            return battery.level_only(payload, TICK_S, Clock.DEVICE_TIME)
        if characteristic == INFO_SCHEME:
            return empty(int(not self._learn(payload)))
        if characteristic != DATA:
            return empty(1)
        if len(payload) == HEADER.size + (payload[1] if len(payload) > 1 else 0) and payload[0] != IMU:
            # Another sensor that somebody switched on.
            return empty(0)
        found = record(payload, _WIDTH)
        if found is None:
            return empty(1)
        _, time_us, spacing_us, body = found
        # Damage may be a NaN that numpy warns of.
        with np.errstate(invalid="ignore", over="ignore"):
            values = np.frombuffer(body, "<f4").astype(np.float64).reshape(-1, 9)
            values[:, :6] *= self._scale
        if len(values) > 1 and not spacing_us:
            return empty(1)
        # The comparison is False for NaN too.
        if not (np.abs(values[:, :6]) <= _ABSURD * _FULL_SCALE).all():
            return empty(1)
        field = values[:, 6:]
        samples = self._timeline.place(
            Packet(
                time_us=time_us % 2**32,
                step_us=spacing_us or self._spacing.us,
                counter=None,
                acc=values[:, :3] * STANDARD_GRAVITY,
                gyr=np.radians(values[:, 3:6]),
                mag=field if np.isfinite(field).all() else None,
                clipped=at_an_end(values[:, :3], ACC_G) | at_an_end(values[:, 3:6], GYR_DPS),
            )
        )
        for tick in samples.ticks.tolist():
            self._spacing.learn(tick)
        return samples

    def _learn(self, octets: bytes) -> bool:
        """Units and rates, from the scheme; True where the bytes are one."""
        scheme = openearable_scheme.parsed(octets)
        if scheme is None:
            return False
        acc, gyr = scheme.unit("ACC"), scheme.unit("GYRO")
        if scheme.sensor == IMU and acc in _UNITS and gyr in _UNITS:
            self._scale = np.array([_UNITS[acc]] * 3 + [_UNITS[gyr]] * 3)
        if scheme.sensor == IMU and scheme.rates_hz:
            self._spacing = Spacing(scheme.rates_hz)
        return True


class OpenEarableEncoder:
    """Samples to inertial records, as many in one as it holds; a new one begins where the spacing breaks."""

    def __init__(self, rate_hz: float) -> None:
        self._step_us = round(1e6 / rate_hz)
        self._level = battery.LevelNews()

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`. Raises ValueError where max_payload cannot hold a sample (46 bytes)."""
        fits = (min(max_payload, _LONGEST) - HEADER.size - _PERIOD.size) // _WIDTH
        if max_payload < HEADER.size + _WIDTH:
            raise ValueError(f"an OpenEarable record needs {HEADER.size + _WIDTH} bytes, not {max_payload}")
        values = np.hstack([acc / STANDARD_GRAVITY, np.degrees(gyr)])
        values = np.hstack([np.clip(values, -_FULL_SCALE, _FULL_SCALE), np.zeros((len(acc), 3))]).astype("<f4")
        ticks = np.asarray(ticks_us, np.int64)
        uneven = np.flatnonzero(np.abs(np.diff(ticks) - self._step_us) > 2) + 1
        packets = self._level.tell(battery)
        for begin, end in zip([0, *uneven], [*uneven, len(ticks)], strict=True):
            for i in range(begin, end, max(fits, 1)):
                chunk = slice(i, min(i + max(fits, 1), end))
                packets.append((DATA, self._record(ticks[chunk].tolist(), values[chunk].tobytes())))
        return packets

    def _record(self, ticks: list[int], body: bytes) -> bytes:
        if len(ticks) > 1:
            body += _PERIOD.pack(round((ticks[-1] - ticks[0]) / (len(ticks) - 1)))
        return HEADER.pack(IMU, len(body), ticks[0] % 2**64) + body
