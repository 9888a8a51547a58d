"""Movella (Xsens) DOT v1 and v2: rate quantities, a 32-bit microsecond clock, up to 60 Hz.

One sample a notification: u32 microseconds, acceleration f32 x 3 in m/s2 with gravity, angular rate f32 x 3 in deg/s,
zeros to the characteristic's full length. The driver starts payload mode 21 (without magnetometer) on the medium
characteristic: the shortest of the three modes with raw acceleration and rate, so the one that a slow connection
carries best at 60 Hz. Modes 20 (a magnetometer in arbitrary units follows) and 26 (a quaternion stands before) are
read too. Source: Movella DOT BLE Service Specification XD0506P rev C (2023); ranges: DOT user manual XD0502P.

The clock wraps every 71.6 min and restarts with the device: see timeline.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from firmware_interface.drivers.interface import Advertisement, Claim, Conversation, Driver, Write
from firmware_interface.drivers.rates import Spacing, nearest
from firmware_interface.drivers.timeline import Packet, Timeline, empty
from firmware_interface.samples import STANDARD_GRAVITY, Floats, ImuSamples

COMPANY = 0x0886
NAMES = ("Movella DOT", "Xsens DOT")
RATES_HZ = (1.0, 4.0, 10.0, 12.0, 15.0, 20.0, 30.0, 60.0)
MODE = 21

ACC_RANGE = 16 * STANDARD_GRAVITY
GYR_RANGE = float(np.radians(2000))

_MEDIUM_LENGTH, _LONGEST = 40, 63
_FULL_SCALE = np.array([ACC_RANGE] * 3 + [2000.0] * 3)
"""m/s2 and deg/s, as in the packet."""
_CLIP = 0.99
"""Values are calibrated on the device, so the end of the range is not one number."""
_ABSURD = 2.0
"""Beyond this many full scales a value is damage, not motion."""
_CONTROL_TAG = b"Movella DOT"


def uuid(short: str) -> str:
    """The full UUID of a DOT service or characteristic."""
    return f"1517{short}-4947-11e9-8646-d663bd873d93"


SERVICE = uuid("2000")
DEVICE_CONTROL = uuid("1002")
MEASUREMENT_CONTROL = uuid("2001")
LONG_PAYLOAD = uuid("2002")
MEDIUM_PAYLOAD = uuid("2003")
BATTERY = uuid("3001")

_VALUES_AT = {MEDIUM_PAYLOAD: 4, LONG_PAYLOAD: 20}
"""Offset of acceleration and rate: after the time (modes 20, 21), after time and quaternion (mode 26)."""


class MovellaDot(Driver):
    """The DOT as a driver."""

    name = "movella_dot"
    label = "Movella DOT"
    service = SERVICE
    notify: tuple[str, ...] = (MEDIUM_PAYLOAD, BATTERY)
    acc_range = ACC_RANGE
    gyr_range = GYR_RANGE

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the maker's company id, or by name, new or old."""
        if COMPANY in advertisement.manufacturer:
            return Claim.MAKER
        return Claim.NAME if advertisement.name.startswith(NAMES) else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Stop (rate and filter cannot change while measuring), output rate and filter, start of mode 21."""
        yield from self.stop()
        yield Write(DEVICE_CONTROL, rate_control(int(nearest(RATES_HZ, rate_hz))))
        yield Write(MEASUREMENT_CONTROL, measure(True))

    def stop(self) -> tuple[Write, ...]:
        """End of the measurement."""
        return (Write(MEASUREMENT_CONTROL, measure(False), pause_s=0.1),)

    def rates_hz(self) -> tuple[float, ...]:
        """The output rates of the specification; 120 Hz is for recording on the device only."""
        return RATES_HZ

    def decoder(self) -> "MovellaDotDecoder":
        """A decoder for one connection."""
        return MovellaDotDecoder()

    def encoder(self, rate_hz: float) -> "MovellaDotEncoder":
        """An encoder of mode 21."""
        return MovellaDotEncoder()


def rate_control(rate_hz: int) -> bytes:
    """The 32 bytes of a device control write that sets the output rate and nothing else.

    Byte 0 says what is to be visited (bit 4: output rate), bytes 7 to 23 hold a tag, 24 the rate as u16. The tag is
    filled as the maker's own server does, though it is not visited.
    """
    control = bytearray(32)
    control[0] = 0x10
    control[7] = len(_CONTROL_TAG)
    control[8 : 8 + len(_CONTROL_TAG)] = _CONTROL_TAG
    struct.pack_into("<H", control, 24, rate_hz)
    return bytes(control)


def measure(on: bool, mode: int = MODE) -> bytes:
    """A measurement control write: type 1, action 1 start or 0 stop, payload mode."""
    return bytes((1, int(on), mode))


class MovellaDotDecoder:
    """Notifications of one connection to samples; ticks are microseconds of the device."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._spacing = Spacing(RATES_HZ)

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """One notification: one sample, or none where it is a battery level, or damaged, or a duplicate."""
        if characteristic == BATTERY and len(payload) == 2 and payload[0] <= 100:
            return replace(empty(0), battery=payload[0] / 100)
        at = _VALUES_AT.get(characteristic)
        if at is None or not at + 24 <= len(payload) <= _LONGEST:
            return empty(1)
        # Damage may be a NaN that numpy warns of.
        with np.errstate(invalid="ignore"):
            values = np.frombuffer(payload, "<f4", count=6, offset=at).astype(np.float64).reshape(1, 6)
        # The comparison is False for NaN too.
        if not (np.abs(values) <= _ABSURD * _FULL_SCALE).all():
            return empty(1)
        samples = self._timeline.place(
            Packet(
                time_us=int.from_bytes(payload[:4], "little"),
                step_us=self._spacing.us,
                counter=None,
                acc=values[:, :3],
                gyr=np.radians(values[:, 3:]),
                mag=None,
                clipped=np.logical_or.reduce(np.abs(values) >= _CLIP * _FULL_SCALE, axis=1),
            )
        )
        for tick in samples.ticks.tolist():
            self._spacing.learn(tick)
        return samples


class MovellaDotEncoder:
    """Samples to mode 21 notifications of 40 bytes; a battery notification where the level has changed."""

    def __init__(self) -> None:
        self._level: int | None = None

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`. Raises ValueError where max_payload cannot hold a sample."""
        if max_payload < 28:
            raise ValueError(f"a Movella DOT sample needs 28 bytes, not {max_payload}")
        values = np.hstack([acc, np.degrees(gyr)])
        values = np.clip(values, -_FULL_SCALE, _FULL_SCALE).astype("<f4")
        length = min(max_payload, _MEDIUM_LENGTH)
        packets = [
            (MEDIUM_PAYLOAD, (struct.pack("<I", int(tick) % 2**32) + row.tobytes()).ljust(length, b"\0"))
            for tick, row in zip(ticks_us, values, strict=True)
        ]
        level = round(100 * battery)
        if level != self._level:
            self._level = level
            packets.insert(0, (BATTERY, bytes((level, 0))))
        return packets
