"""MbientLab MetaMotion S, R and RL (MetaWear protocol): packets of module, register, data, at most 20 bytes.

The two inertial chips in use have unlike registers and codes, so the first thing asked is which chip is in there. Where
the firmware can (data processor of revision 3 or later), acceleration and rate are fused into one packet on the device
and stamped by an accounter: `09 03 id`, u32 tick of 48/32768 s, i16 x 6. The tick is coarse (1.5 ms); the even spacing
of the samples makes times of it (coarse.py). Older firmware streams both apart, packed by three, without time: they are
paired by counting (pairing.py), clock is NONE, and what was lost cannot be seen.

Ranges are set to 16 g and 2000 deg/s. Counts: 2048 a g (16384 at 2 g), 16.4 a deg/s (more at smaller ranges).
Not tried on a device.

Source: mbientlab/MetaWear-SDK-Cpp f67699e, source and tests (their packets are in ours); the battery answer and the
chain of buffer, fuser and accounter are from its test_settings.py and test_dataprocessor.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from firmware_interface.drivers.coarse import CoarseClock
from firmware_interface.drivers.interface import Advertisement, Answer, Claim, Conversation, Driver, Write
from firmware_interface.drivers.pairing import Pairing, Vectors
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.timeline import Packet, Timeline
from firmware_interface.errors import RefusedError
from firmware_interface.samples import STANDARD_GRAVITY, Clock, Floats, ImuSamples

SERVICE = "326a9000-85cb-9195-d9dd-464cfbbae75a"
COMMAND = "326a9001-85cb-9195-d9dd-464cfbbae75a"
NOTIFY = "326a9006-85cb-9195-d9dd-464cfbbae75a"
NAMES = ("MetaWear", "MetaMotion")

ACC, PROCESSOR, SETTINGS, GYR = 0x03, 0x09, 0x11, 0x13
READ = 0x80
"""Reading a register is its number with this bit."""
ADD, DATA, ENABLE, REMOVE_ALL = 0x02, 0x03, 0x07, 0x08
BATTERY = 0x0C
FUSES_FROM = 3
"""Revision of the data processor that has the fuser."""

BMI160, BMI270 = "BMI160", "BMI270"
ACC_CHIPS = {1: BMI160, 4: BMI270}
GYR_CHIPS = {0: BMI160, 1: BMI270}
GYR_DATA = {BMI160: 0x05, BMI270: 0x04}
ACC_DATA = 0x04
ACC_PACKED = {BMI160: 0x1C, BMI270: 0x05}
GYR_PACKED = {BMI160: 0x07, BMI270: 0x05}

RATES_HZ = (25.0, 50.0, 100.0)
"""What a connection carries; the codes below are ten times two to the power of code less 8."""
RATE_CODES = {25.0: 6, 50.0: 7, 100.0: 8, 200.0: 9}
ACC_ODR = {BMI160: 0x20, BMI270: 0xA0}
ACC_RANGE_CODES = {BMI160: {2: 0x03, 4: 0x05, 8: 0x08, 16: 0x0C}, BMI270: {2: 0, 4: 1, 8: 2, 16: 3}}
GYR_RANGE_CODES = {2000: 0, 1000: 1, 500: 2, 250: 3, 125: 4}
ACC_G, GYR_DPS = 16, 2000

TICK_US = 48 / 32768 * 1e6
"""1464.84375."""
_PER_DPS_AT_2000 = 16.4
_DEFAULT_RATE_HZ = 100.0
_LONGEST = 20
_PACKED = 3
_FUSED = struct.Struct("<BBBI")
_END = 32767


def acc_config(chip: str, rate_hz: float, range_g: int) -> bytes:
    """The write that sets rate and range of the accelerometer."""
    return bytes((ACC, 0x03, ACC_ODR[chip] | RATE_CODES[rate_hz], ACC_RANGE_CODES[chip][range_g]))


def gyr_config(rate_hz: float, range_dps: int) -> bytes:
    """The write that sets rate and range of the gyroscope, alike for both chips."""
    return bytes((GYR, 0x03, 0x20 | RATE_CODES[rate_hz], GYR_RANGE_CODES[range_dps]))


def connection_parameters(least_ms: float, most_ms: float, latency: int, timeout_ms: int) -> bytes:
    """The write that asks the central for connection parameters."""
    intervals = round(least_ms / 1.25), round(most_ms / 1.25)
    return bytes((SETTINGS, 0x09)) + struct.pack("<4H", *intervals, latency, timeout_ms // 10)


def buffer_of(chip: str) -> bytes:
    """The write that adds a processor which keeps the last angular rate, six bytes."""
    return bytes((PROCESSOR, ADD, GYR, GYR_DATA[chip], 0xFF, 5 << 5, 0x0F, 5))


def fuser_of(buffer: int) -> bytes:
    """The write that adds a processor which joins each acceleration and what the buffer holds."""
    return bytes((PROCESSOR, ADD, ACC, ACC_DATA, 0xFF, 5 << 5, 0x1B, 1, buffer, *([0] * 11)))


def accounter_of(module: int, register: int, number: int, octets: int) -> bytes:
    """The write that adds a processor which stamps the data of this source with the time, in four bytes.

    number: of a processor, 0xFF for a sensor's own register. octets: of the data (of their number less one, three bits
    have a place).
    """
    return bytes((PROCESSOR, ADD, module, register, number, (octets - 1) << 5 & 0xFF, 0x11, 0x31, 0x03))


class MetaMotion(Driver):
    """The MetaMotion boards as a driver."""

    name = "metamotion"
    label = "MbientLab MetaMotion"
    service = SERVICE
    notify: tuple[str, ...] = (NOTIFY,)
    acc_range = ACC_G * STANDARD_GRAVITY
    gyr_range = float(np.radians(GYR_DPS))

    def matches(self, advertisement: Advertisement) -> Claim:
        """By the service, or the name it leaves the factory with."""
        if SERVICE in advertisement.service_uuids:
            return Claim.SERVICE
        return Claim.NAME if advertisement.name.startswith(NAMES) else Claim.NO

    def start(self, rate_hz: float) -> Conversation:
        """Ask for the chips, set rate and ranges, chain fuser and accounter or subscribe packed data, and start."""
        rate = nearest(RATES_HZ, rate_hz)
        acc_chip = _chip(ACC_CHIPS, (yield _ask(ACC, READ)), "accelerometer")
        gyr_chip = _chip(GYR_CHIPS, (yield _ask(GYR, READ)), "gyroscope")
        processor = yield _ask(PROCESSOR, READ)
        yield _command(bytes((SETTINGS, READ | BATTERY)))
        for command in _off():
            yield _command(command)
        yield _command(connection_parameters(7.5, 15.0, 0, 6000))
        yield _command(acc_config(acc_chip, rate, ACC_G))
        yield _command(gyr_config(rate, GYR_DPS))
        if len(processor) > 3 and processor[3] >= FUSES_FROM:
            buffer = _number((yield _added(buffer_of(gyr_chip))))
            fuser = _number((yield _added(fuser_of(buffer))))
            accounter = _number((yield _added(accounter_of(PROCESSOR, DATA, fuser, 12))))
            yield _command(bytes((PROCESSOR, ENABLE, accounter, 1)))
            yield _command(bytes((PROCESSOR, DATA, 1)))
        else:
            yield _command(bytes((ACC, ACC_PACKED[acc_chip], 1)))
            yield _command(bytes((GYR, GYR_PACKED[gyr_chip], 1)))
        for module in (GYR, ACC):
            yield _command(bytes((module, 0x02, 1, 0)))
            yield _command(bytes((module, 0x01, 1)))

    def stop(self) -> tuple[Write, ...]:
        """Both chips off, the processors taken away."""
        return tuple(_command(command) for command in _off())

    def rates_hz(self) -> tuple[float, ...]:
        """The rates that a connection carries."""
        return RATES_HZ

    def decoder(self) -> "MetaMotionDecoder":
        """A decoder for one connection, of the ranges that `start` sets."""
        return MetaMotionDecoder()

    def encoder(self, rate_hz: float) -> "MetaMotionEncoder":
        """An encoder of fused and stamped packets."""
        return MetaMotionEncoder()


def _command(payload: bytes) -> Write:
    return Write(COMMAND, payload, response=False)


def _ask(module: int, register: int) -> Write:
    return Write(COMMAND, bytes((module, register)), response=False, answer=Answer(NOTIFY, bytes((module, register))))


def _added(payload: bytes) -> Write:
    """The answer is 09 02 and the processor's number."""
    return Write(COMMAND, payload, response=False, answer=Answer(NOTIFY, bytes((PROCESSOR, ADD))))


def _number(answer: bytes) -> int:
    if len(answer) < 3:
        raise RefusedError("this MetaWear board has no processor left: switch it off and on")
    return answer[2]


def _off() -> list[bytes]:
    commands = [bytes(each) for module in (ACC, GYR) for each in ((module, 0x01, 0), (module, 0x02, 0, 1))]
    return [*commands, bytes((PROCESSOR, REMOVE_ALL))]


def _chip(chips: dict[int, str], answer: bytes, what: str) -> str:
    if len(answer) < 3 or answer[2] not in chips:
        number = answer[2] if len(answer) > 2 else "none"
        raise RefusedError(f"this MetaWear board's {what} (implementation {number}) is not one that kneetrack knows")
    return chips[answer[2]]


class MetaMotionDecoder:
    """Notifications of one connection to samples: fused and stamped, or both streams apart, packed or single.

    acc_range_g, gyr_range_dps: the ranges that were set.
    """

    def __init__(self, acc_range_g: int = ACC_G, gyr_range_dps: int = GYR_DPS) -> None:
        self._acc_scale = acc_range_g * STANDARD_GRAVITY / 32768
        self._gyr_scale = np.pi / 180 * gyr_range_dps / 2000 / _PER_DPS_AT_2000
        self._timeline = Timeline()
        self._coarse = CoarseClock(TICK_US)
        self._latest = -1
        self._pairing = Pairing(leap=1 << 40)
        self._counts = {ACC: 0, GYR: 0}
        self._frames = 0
        self._registers: dict[tuple[int, int], tuple[int, int]] = {(ACC, ACC_DATA): (ACC, 1)}
        self._stamped = True

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples that one notification completes."""
        if characteristic != NOTIFY or not 3 <= len(payload) <= _LONGEST:
            return self._empty(1)
        module, register = payload[0], payload[1]
        if (module, register) == (PROCESSOR, DATA):
            return self._fused(payload)
        if (module, register) in self._registers:
            return self._apart(payload)
        if register == READ:
            self._learn(module, payload[2])
        elif (module, register) == (SETTINGS, READ | BATTERY) and payload[2] <= 100:
            return replace(self._empty(0), battery=payload[2] / 100)
        elif not register & READ and (module, register) != (PROCESSOR, ADD):
            return self._empty(1)
        return self._empty(0)

    def _learn(self, module: int, implementation: int) -> None:
        """Which registers hold data, single and packed, follows from the chips."""
        if module == ACC and implementation in ACC_CHIPS:
            self._registers[ACC, ACC_PACKED[ACC_CHIPS[implementation]]] = ACC, _PACKED
        elif module == GYR and implementation in GYR_CHIPS:
            chip = GYR_CHIPS[implementation]
            self._registers = {known: what for known, what in self._registers.items() if known[0] != GYR}
            self._registers[GYR, GYR_DATA[chip]] = GYR, 1
            self._registers[GYR, GYR_PACKED[chip]] = GYR, _PACKED

    def _fused(self, payload: bytes) -> ImuSamples:
        if len(payload) != _FUSED.size + 12:
            return self._empty(1)
        self._stamped = True
        tick = _FUSED.unpack_from(payload)[3]
        words = np.frombuffer(payload, "<i2", offset=_FUSED.size).astype(np.float64).reshape(1, 6)
        found = self._timeline.place(
            Packet(
                time_us=int(tick * TICK_US) % 2**32,
                step_us=0,
                counter=None,
                acc=words[:, :3] * self._acc_scale,
                gyr=words[:, 3:] * self._gyr_scale,
                mag=None,
                clipped=np.logical_or.reduce(np.abs(words) >= _END, axis=1),
            )
        )
        if found.restarts:
            self._coarse.restart()
        ticks, lost = [], 0
        for coarse_us in found.ticks.tolist():
            if coarse_us > self._latest:
                self._latest = coarse_us
                coarse_us, missing = self._coarse.place(coarse_us)
                lost += missing
            ticks.append(coarse_us)
        return replace(found, ticks=np.array(ticks, np.int64), lost=lost)

    def _apart(self, payload: bytes) -> ImuSamples:
        module, count = self._registers[payload[0], payload[1]]
        if len(payload) != 2 + 6 * count:
            return self._empty(1)
        self._stamped = False
        words = np.frombuffer(payload, "<i2", offset=2).astype(np.float64).reshape(count, 3)
        first = self._counts[module]
        self._counts[module] += count
        times = np.arange(first, first + count, dtype=np.int64)
        clipped = np.logical_or.reduce(np.abs(words) >= _END, axis=1)
        if module == ACC:
            self._pairing.add_acc(Vectors(times, words * self._acc_scale, clipped))
        else:
            self._pairing.add_gyr(Vectors(times, words * self._gyr_scale, clipped))
        pairs = self._pairing.take(hole=2)
        ticks = np.arange(self._frames, self._frames + len(pairs), dtype=np.int64)
        self._frames += len(pairs)
        return ImuSamples(
            ticks=ticks,
            tick_s=1 / _DEFAULT_RATE_HZ,
            clock=Clock.NONE,
            acc=pairs.acc,
            gyr=pairs.gyr,
            mag=None,
            clipped=pairs.clipped,
            rejected=pairs.unpaired,
        )

    def _empty(self, rejected: int) -> ImuSamples:
        tick_s, clock = (1e-6, Clock.DEVICE_TIME) if self._stamped else (1 / _DEFAULT_RATE_HZ, Clock.NONE)
        return ImuSamples.empty(tick_s, clock, rejected=rejected)


class MetaMotionEncoder:
    """Samples to fused and stamped packets, one each; or to packed ones, both streams apart.

    processor: the number of the accounter. packed: for the chips of the packed form; None for the fused one.
    """

    def __init__(self, processor: int = 2, packed: tuple[str, str] | None = None) -> None:
        self._processor = processor
        self._packed = packed
        self._waiting = np.empty((0, 6), "<i2")
        self._level: int | None = None

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        """See `Encoder`; what does not fill a packed packet waits. Raises ValueError below 20 bytes."""
        if max_payload < _LONGEST:
            raise ValueError(f"a MetaWear packet needs {_LONGEST} bytes, not {max_payload}")
        scale = [ACC_G * STANDARD_GRAVITY / 32768] * 3 + [np.pi / 180 / _PER_DPS_AT_2000] * 3
        words = np.clip(np.rint(np.hstack([acc, gyr]) / scale), -32768, 32767).astype("<i2")
        if self._packed is not None:
            return [(NOTIFY, packet) for packet in self._pack(words)]
        return [
            (
                NOTIFY,
                _FUSED.pack(PROCESSOR, DATA, self._processor, int(int(tick) / TICK_US) % 2**32) + row.tobytes(),
            )
            for tick, row in zip(ticks_us, words, strict=True)
        ]

    def _pack(self, words: np.ndarray) -> list[bytes]:
        assert self._packed is not None
        headers = bytes((ACC, ACC_PACKED[self._packed[0]])), bytes((GYR, GYR_PACKED[self._packed[1]]))
        waiting = np.concatenate([self._waiting, words])
        whole = len(waiting) // _PACKED * _PACKED
        self._waiting = waiting[whole:]
        packets = []
        for i in range(0, whole, _PACKED):
            three = waiting[i : i + _PACKED]
            packets += [headers[0] + three[:, :3].tobytes(), headers[1] + three[:, 3:].tobytes()]
        return packets
