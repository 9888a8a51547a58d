"""Polar Verity Sense: acceleration and angular rate in frames of their own, on one clock of nanoseconds.

The start conversation, each command answered on the control characteristic: SDK mode on (wider ranges and rates, from
firmware 1.1.5; without it 52 Hz, 8 g and 2000 deg/s), the settings that there are, then both measurements at the rate
nearest to the one wanted, 16 bits, the widest ranges. The answer to a start holds the factor of the values.

A frame tells the time of its last sample only: the others are spread evenly after the frame before (so the first frame
of each kind waits for the second). Where the time since then is too long for the samples, some were lost, and they are
set at their usual spacing. Both kinds are then paired (pairing.py). The H10 and OH1 speak this too, but have no
gyroscope. Not tried on a device.

Sources: polarofficial/polar-ble-sdk 8fb5311c (commands, settings, frames), its documentation of the Verity Sense and of
SDK mode (rates, ranges).
"""

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from firmware_interface.drivers import battery, polar_frames
from firmware_interface.drivers.interface import Advertisement, Answer, Claim, Conversation, Driver, Write
from firmware_interface.drivers.pairing import Pairing, Pairs, Vectors
from firmware_interface.drivers.polar_frames import ACC, GYR, Frame
from firmware_interface.drivers.ranges import ACC_G, GYR_DPS, at_an_end
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.timeline import TICK_S, Packet, Timeline, empty, joined
from firmware_interface.errors import RefusedError
from firmware_interface.samples import STANDARD_GRAVITY, Bools, Clock, Floats, ImuSamples


def uuid(short: str) -> str:
    """The full UUID of a PMD service or characteristic."""
    return f"fb005c{short}-02e7-f387-1cad-8acd2d8df0c8"


SERVICE = uuid("80")
CONTROL = uuid("81")
DATA = uuid("82")
NAMES = ("Polar Sense", "Polar Verity Sense")

SETTINGS, START, STOP = 1, 2, 3
ANSWERED = 0xF0
FEATURES = 0x0F
SDK_MODE = 9
DONE, ALREADY = 0, 6
"""Statuses: success; already in that state."""
RATE, RESOLUTION, RANGE, MILLI_RANGE, CHANNELS, FACTOR, SECURITY = range(7)
_OCTETS = {RATE: 2, RESOLUTION: 2, RANGE: 2, MILLI_RANGE: 4, CHANNELS: 1, FACTOR: 4, SECURITY: 16}

RATES_HZ = (26.0, 52.0, 104.0, 208.0)
"""Of SDK mode; 416 Hz is more than a connection carries with both kinds."""
ACC_RANGE_G, GYR_RANGE_DPS = 16, 2000
_WIDEST = {ACC: ACC_RANGE_G, GYR: GYR_RANGE_DPS}
_BITS = 16
_ABSURD = {ACC: 2.0 * ACC_RANGE_G, GYR: 2.0 * GYR_RANGE_DPS}
_END = 32767
_SLOWEST_US = 100_000
"""Samples further apart than this are of no use for motion, and no frame of these rates is."""
_WHOLE_MG = 20.0
"""Values in whole mg: 20 counts of 16 bits are 1.2 mg at 2 g."""
_CLOSE = 0.25
"""A frame's own spacing is taken where it is this near to the usual one, as a part of it."""


def parsed_settings(data: bytes) -> dict[int, list[int]]:
    """Setting -> values, from u8 setting, u8 count, values; ends at the first that is not known."""
    found: dict[int, list[int]] = {}
    at = 0
    while at + 2 <= len(data) and data[at] in _OCTETS:
        octets, count = _OCTETS[data[at]], data[at + 1]
        values = data[at + 2 : at + 2 + octets * count]
        if len(values) < octets * count:
            break
        found[data[at]] = [int.from_bytes(values[i : i + octets], "little") for i in range(0, len(values), octets)]
        at += 2 + octets * count
    return found


def setting(kind: int, value: int) -> bytes:
    """One setting with one value."""
    return bytes((kind, 1)) + value.to_bytes(_OCTETS[kind], "little")


class PolarVeritySense(Driver):
    """The Verity Sense as a driver."""

    name = "polar_verity_sense"
    label = "Polar Verity Sense"
    service = SERVICE
    notify: tuple[str, ...] = (DATA, CONTROL, battery.LEVEL)
    acc_range = ACC_RANGE_G * STANDARD_GRAVITY
    gyr_range = float(np.radians(GYR_RANGE_DPS))

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the name: other Polar devices advertise the same service and company, and have no gyroscope."""
        return Claim.NAME if advertisement.name.startswith(NAMES) else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """SDK mode, settings, and both measurements."""
        # A measurement that still runs from before would keep its old settings.
        for kind in (ACC, GYR):
            yield _command(STOP, kind)
        # Refused by firmware that has no SDK mode: then the settings are what there is without.
        yield _command(START, SDK_MODE)
        for kind in (ACC, GYR):
            answer = yield _command(SETTINGS, kind)
            chosen = _choice(kind, _parameters(answer, kind), rate_hz)
            answer = yield _command(START, kind, chosen)
            _parameters(answer, kind)

    def stop(self) -> tuple[Write, ...]:
        """Both measurements off."""
        return tuple(replace(_command(STOP, kind), answer=None, pause_s=0.1) for kind in (ACC, GYR))

    def rates_hz(self) -> tuple[float, ...]:
        """The rates of SDK mode that a connection carries."""
        return RATES_HZ

    def decoder(self) -> "PolarDecoder":
        """A decoder for one connection."""
        return PolarDecoder()

    def encoder(self, rate_hz: float) -> "PolarEncoder":
        """An encoder of compressed frames."""
        return PolarEncoder()


def _command(code: int, kind: int, data: bytes = b"") -> Write:
    return Write(CONTROL, bytes((code, kind)) + data, answer=Answer(CONTROL, bytes((ANSWERED, code, kind))))


def _parameters(answer: bytes, kind: int) -> bytes:
    """What follows the status in an answer; raises RefusedError where it is not success."""
    status = answer[3] if len(answer) > 3 else -1
    if status not in (DONE, ALREADY):
        what = "acceleration" if kind == ACC else "angular rate"
        raise RefusedError(
            f"the Polar sensor refused its {what} (status {status}): disconnect it from its app, or restart it"
        )
    return answer[5:]


def _choice(kind: int, offered: bytes, rate_hz: float) -> bytes:
    """The settings to start with, of those that are offered."""
    known = parsed_settings(offered)
    rates = [rate for rate in known.get(RATE, []) if rate]
    ranges = [each for each in known.get(RANGE, []) if each <= _WIDEST[kind]]
    if not rates or not ranges or _BITS not in known.get(RESOLUTION, []):
        raise RefusedError("the Polar sensor offers no 16-bit acceleration and angular rate: is it a Verity Sense?")
    chosen = setting(RATE, int(nearest(rates, rate_hz))) + setting(RESOLUTION, _BITS) + setting(RANGE, max(ranges))
    return chosen + (setting(CHANNELS, 3) if CHANNELS in known else b"")


class PolarDecoder:
    """Notifications of one connection to samples; ticks are microseconds of the device."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._pairing = Pairing(leap=60 * 10**9)
        self._spread = {ACC: _Spread(), GYR: _Spread()}
        self._factor: dict[int, float] = {}

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples that one notification completes."""
        if characteristic == battery.LEVEL:
            return battery.level_only(payload, TICK_S, Clock.DEVICE_TIME)
        if characteristic == CONTROL:
            return empty(int(not self._learn(payload)))
        frame = polar_frames.read(payload) if characteristic == DATA else None
        run = None if frame is None else self._vectors(frame)
        if frame is None or run is None:
            return empty(1)
        placed = self._spread[frame.kind].place(frame.time_ns, run[0], run[1])
        for vectors in placed:
            if frame.kind == ACC:
                self._pairing.add_acc(vectors)
            else:
                self._pairing.add_gyr(vectors)
        return self._placed(self._pairing.take(hole=2500 * self._spread[ACC].us))

    def _learn(self, answer: bytes) -> bool:
        """The factor, from the answer to a start; True where the bytes are of the control characteristic at all."""
        if not answer or answer[0] not in (ANSWERED, FEATURES):
            return False
        if answer[0] == ANSWERED and len(answer) > 5 and answer[1] == START and answer[3] in (DONE, ALREADY):
            for pattern in parsed_settings(answer[5:]).get(FACTOR, []):
                (factor,) = struct.unpack("<f", pattern.to_bytes(4, "little"))
                if 0 < factor < 10:
                    self._factor[answer[2]] = factor
        return True

    def _vectors(self, frame: Frame) -> tuple[Floats, Bools] | None:
        """Values in m/s2 or rad/s, and which are clipped; None where they cannot be known or cannot be."""
        factor = self._factor.get(frame.kind)
        if frame.scaled and factor is None:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            values = frame.values(factor or 1.0)
        # The comparison is False for NaN too.
        if not (np.abs(values) <= _ABSURD[frame.kind]).all():
            return None
        ranges = ACC_G if frame.kind == ACC else GYR_DPS
        clipped = at_an_end(values, ranges, _WHOLE_MG)
        if frame.counts:
            clipped |= np.logical_or.reduce(np.abs(frame.raw) >= _END, axis=1)
        return (values * STANDARD_GRAVITY if frame.kind == ACC else np.radians(values)), clipped

    def _placed(self, pairs: Pairs) -> ImuSamples:
        """On the timeline, one run of even spacing after the other."""
        times_us = pairs.times // 1000
        steps = np.diff(times_us)
        breaks = np.flatnonzero(np.abs(steps - np.median(steps)) > 1.5) + 1 if len(steps) else np.empty(0, np.int64)
        blocks = []
        for begin, end in zip([0, *breaks], [*breaks, len(times_us)], strict=True):
            if end > begin:
                run = slice(begin, end)
                spread = self._spread[GYR].us
                step = round((times_us[end - 1] - times_us[begin]) / (end - begin - 1)) if end - begin > 1 else spread
                blocks.append(
                    self._timeline.place(
                        Packet(
                            time_us=int(times_us[begin]) % 2**32,
                            step_us=int(step),
                            counter=None,
                            acc=pairs.acc[run],
                            gyr=pairs.gyr[run],
                            mag=None,
                            clipped=pairs.clipped[run],
                        )
                    )
                )
        found = joined(blocks) if blocks else empty(0)
        return replace(found, rejected=found.rejected + pairs.unpaired)


class _Spread:
    """The times of a kind's samples, from the times of the last sample of each frame. Nanoseconds."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._steps: deque[float] = deque(maxlen=9)
        self._first: tuple[int, Floats, Bools] | None = None

    @property
    def us(self) -> int:
        """The usual spacing, microseconds; 0 where it is not known yet."""
        return round(median(self._steps) / 1000) if self._steps else 0

    def place(self, time_ns: int, values: Floats, clipped: Bools) -> list[Vectors]:
        """The runs that this frame makes certain."""
        last_ns, self._last_ns = self._last_ns, time_ns
        if last_ns is None or not 0 < time_ns - last_ns <= 1000 * _SLOWEST_US * len(values):
            # The first frame, one after a long break, or a clock that went back: it waits for the next.
            waited = self._release(last_ns)
            self._first = time_ns, values, clipped
            return waited
        step = (time_ns - last_ns) / len(values)
        usual = median(self._steps) if self._steps else step
        if abs(step / usual - 1) <= _CLOSE:
            self._steps.append(step)
        else:
            step = usual
        return [*self._release(last_ns, step), _run(time_ns, step, values, clipped)]

    def _release(self, last_ns: int | None, step: float | None = None) -> list[Vectors]:
        """What waited, at this spacing or the usual one; given up where none is known."""
        waited, self._first = self._first, None
        step = median(self._steps) if step is None and self._steps else step
        if waited is None or step is None:
            return []
        return [_run(waited[0], step, waited[1], waited[2])]


def _run(time_ns: int, step: float, values: Floats, clipped: Bools) -> Vectors:
    back = np.arange(len(values) - 1, -1, -1)
    return Vectors(time_ns - np.rint(back * step).astype(np.int64), values, clipped)


class PolarEncoder:
    """Samples to compressed frames, as many samples in one as it surely holds, one frame of each kind after the other.

    The factors are those of the widest ranges: see `factor`.
    """

    def __init__(self) -> None:
        self._level = battery.LevelNews()

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`. Raises ValueError where max_payload cannot hold a sample (16 bytes)."""
        count = polar_frames.fits(max_payload)
        if count < 1:
            raise ValueError(f"a Polar frame needs 16 bytes, not {max_payload}")
        raw = {
            ACC: np.rint(acc / STANDARD_GRAVITY / factor(ACC)),
            GYR: np.rint(np.degrees(gyr) / factor(GYR)),
        }
        packets = self._level.tell(battery)
        for i in range(0, len(ticks_us), count):
            time_ns = 1000 * int(ticks_us[min(i + count, len(ticks_us)) - 1])
            for kind, values in raw.items():
                words = np.clip(values[i : i + count], -_END - 1, _END).astype(np.int64)
                packets.append((DATA, polar_frames.write(kind, time_ns, words)))
        return packets


def factor(kind: int) -> float:
    """g or deg/s per count at the widest range, as the 32-bit float that the answer to a start holds."""
    return float(np.float32(_WIDEST[kind] / 32768))


def started(kind: int) -> bytes:
    """The answer to a start that succeeded, with the factor."""
    pattern = struct.pack("<f", factor(kind))
    return bytes((ANSWERED, START, kind, DONE, 0)) + setting(FACTOR, int.from_bytes(pattern, "little"))
