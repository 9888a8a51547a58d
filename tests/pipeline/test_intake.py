"""Records to rows: the same records give the same rows to the last bit; faults are survived, marked and counted."""

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.inertial import Inertial
from firmware_interface.drivers.interface import Decoder
from firmware_interface.drivers.table import CHARACTERISTIC, TableDecoder, pack
from firmware_interface.samples import Clock, ImuSamples
from pipeline.blocks import GridBlock, join
from pipeline.errors import BadInputError
from pipeline.intake import Intake, IntakeParameters
from pipeline.records import Event, Notification, Record, Segment, SensorInfo, Side
from tests.pipeline.links import Link

THIGH = SensorInfo(1, "AA:01", "wire", Side.LEFT, Segment.THIGH)
SHANK = SensorInfo(2, "AA:02", "wire", Side.LEFT, Segment.SHANK)
_WIRE = struct.Struct("<I6f")


class WireDecoder:
    """A sensor's format of 28 bytes: u32 microseconds, that wrap and are unwrapped, and six floats."""

    def __init__(self) -> None:
        self._newest: int | None = None

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        if len(payload) != _WIRE.size:
            return ImuSamples.empty(1e-6, Clock.DEVICE_TIME, rejected=1)
        tick, *values = _WIRE.unpack(payload)
        newest = tick if self._newest is None else self._newest
        step = (tick - newest) % 2**32
        tick = newest + (step - 2**32 if step >= 2**31 else step)
        self._newest = tick
        v = np.array(values)
        return ImuSamples(
            np.array([tick]), 1e-6, Clock.DEVICE_TIME, v[None, :3], v[None, 3:], None, np.zeros(1, bool), battery=0.5
        )


def wire(driver: str) -> Decoder:
    return WireDecoder() if driver == "wire" else TableDecoder()


def session(
    seconds: float = 12.0,
    seed: int = 0,
    first_tick_us: int = 0,
    start_s: float = 0.0,
    sensors: tuple[int, ...] = (1, 2),
) -> list[Notification]:
    """Both sensors' notifications in order of arrival; the rate about x is the true time of the sample in 100 s."""
    rng = np.random.default_rng(seed)
    arrivals = []
    for sensor, skew in ((1, 30e-6), (2, -20e-6)):
        true, _, arrival = Link(skew=skew, miss=0.1).run(seconds, rng)
        for k, (t, a) in enumerate(zip(true.tolist(), arrival.tolist(), strict=True)):
            payload = _WIRE.pack((first_tick_us + 10_000 * k) % 2**32, 0.0, 0.0, 9.81, (t + start_s) / 100, 0.1, 0.2)
            arrivals.append((a + start_s, sensor, payload))
    arrivals.sort(key=lambda item: item[0])
    return [
        Notification(i, int(a * 1e9), sensor, "wire", payload)
        for i, (a, sensor, payload) in enumerate(arrivals)
        if sensor in sensors
    ]


def run(records: list[Record], min_rows: int = 1, **kwargs: object) -> tuple[GridBlock, Intake]:
    intake = Intake([THIGH, SHANK], parameters=IntakeParameters(min_rows=min_rows), decoder=wire, **kwargs)  # type: ignore[arg-type]
    blocks = [block for record in records for block in intake.update(record)]
    blocks += intake.finish()
    for one, two in pairwise(blocks):
        assert two.start == one.start + len(one)
    block = join(blocks)
    for array in (block.thigh_acc, block.thigh_gyr, block.shank_acc, block.shank_gyr):
        assert np.isfinite(array).all()
    return block, intake


def time_error(block: GridBlock, segment: str = "thigh") -> np.ndarray:
    """What the rows believe to be their time, against the true time that their samples carry (f32: to 1 us)."""
    gyr = block.thigh_gyr if segment == "thigh" else block.shank_gyr
    return block.time_s - 100 * gyr[:, 0]


def assert_equal(a: GridBlock, b: GridBlock) -> None:
    assert a.start == b.start and a.rate_hz == b.rate_hz
    for name in ("thigh_acc", "thigh_gyr", "shank_acc", "shank_gyr", "thigh_ok", "shank_ok", "clipped"):
        assert np.array_equal(getattr(a, name), getattr(b, name))


def test_both_sensors_meet_on_one_grid() -> None:
    block, intake = run(list(session()))
    assert intake.rate_hz == 100.0 and len(block) > 1180
    assert block.thigh_ok.all() and block.shank_ok.all()
    for segment in ("thigh", "shank"):
        error = time_error(block, segment)[300:]
        # at most half a sample before the truth (the middle of what one phase leaves open), never far behind it
        assert error.min() > -0.005 and error.max() < 0.011
    counts = intake.counts()[1]
    assert counts.samples == counts.notifications == 1200 and counts.gaps == 0 and counts.battery == 0.5
    assert counts.clock == "device_time" and counts.rate_hz == pytest.approx(100, abs=0.2)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 700), st.floats(0, 0.2))
def test_rows_are_the_same_however_many_are_handed_on(seed: int, min_rows: int, loss: float) -> None:
    rng = np.random.default_rng(seed)
    records: list[Record] = [record for record in session(6.0, seed) if rng.random() >= loss]
    correction = {1: Inertial(acc_bias=np.array([0.1, -0.2, 0.05]), gyr_matrix=np.eye(3) * 1.01)}
    one, first = run(records, corrections=correction)
    two, second = run(records, min_rows, corrections=correction)
    assert_equal(one, two)
    assert first.counts() == second.counts()


def test_five_percent_lost_are_bridged() -> None:
    rng = np.random.default_rng(1)
    block, _ = run([record for record in session() if rng.random() > 0.05])
    assert block.thigh_ok.all() and block.shank_ok.all()
    assert np.ptp(time_error(block)[300:]) < 0.012


def test_duplicated_and_reordered_packets_change_nothing() -> None:
    records: list[Record] = list(session())
    clean, _ = run(records)
    faulty: list[Record] = []
    for i, record in enumerate(records):
        faulty.append(record)
        if i % 10 == 0 and i > 300:
            faulty.append(record)
    for i in range(400, 2000, 50):
        faulty[i], faulty[i + 1] = faulty[i + 1], faulty[i]
    block, intake = run(faulty)
    assert np.abs(block.thigh_gyr - clean.thigh_gyr).max() < 1e-4
    assert block.thigh_ok.all() and block.shank_ok.all()
    counts = intake.counts()
    assert counts[1].duplicates + counts[2].duplicates == pytest.approx(210, abs=5)
    assert counts[1].late == counts[2].late == 0


def test_a_device_clock_that_wraps() -> None:
    block, intake = run(list(session(first_tick_us=2**32 - 5_000_000)))
    assert block.thigh_ok.all() and np.ptp(time_error(block)[300:]) < 0.012
    assert intake.counts()[1].clock_restarts == 0


def test_a_reconnection_with_a_restarted_clock_costs_its_gap_only() -> None:
    first = [record for record in session(10.0) if record.sensor == 2 or record.host_time_ns < 5e9]
    second = session(6.0, seed=3, start_s=8.0, sensors=(1,), first_tick_us=77_000_000)
    records: list[Record] = [
        *first,
        Event(0, int(5.5e9), "disconnected", {"sensor": 1}),
        Event(0, int(7.9e9), "connected", {"sensor": 1}),
        *second,
    ]
    block, intake = run(sorted(records, key=lambda record: record.host_time_ns))
    t = block.time_s
    known = (t > 4.9) & (t < 8.1)
    assert not block.thigh_ok[(t > 5.05) & (t < 7.95)].any()
    assert block.thigh_ok[~known].all() and block.shank_ok[t < 9.9].all()
    assert np.abs(time_error(block)[~known & (t > 3)]).max() < 0.03
    counts = intake.counts()[1]
    assert counts.gaps == 1 and counts.gap_s == pytest.approx(3.0, abs=0.1) and counts.connections == 1


def test_a_clock_that_restarts_without_a_word_is_noticed() -> None:
    first = session(5.0)
    records = first + session(5.0, seed=9, start_s=5.1, first_tick_us=2_000_000_000)
    block, intake = run(list(records))
    assert intake.counts()[1].clock_restarts == 1
    t = block.time_s
    assert np.abs(time_error(block)[(t > 6) & block.thigh_ok]).max() < 0.03
    assert (t[-1] < 10.2) and (~block.thigh_ok).sum() < 50


def test_a_dying_sensor_and_ticks_of_time() -> None:
    records: list[Record] = [record for record in session() if record.sensor == 2 or record.host_time_ns < 4e9]
    records += [Event(0, int(t * 1e9), "tick") for t in np.arange(12.1, 14.95, 0.1)]
    intake = Intake([THIGH, SHANK], decoder=wire)
    blocks = [block for record in records for block in intake.update(record)]
    block = join(blocks)
    t = block.time_s
    assert not block.thigh_ok[t > 4.05].any() and block.shank_ok[t < 11.9].all()
    assert 14.3 < t[-1] < 14.51
    assert not block.shank_ok[t > 12.05].any()
    assert np.array_equal(block.thigh_gyr[t > 4.5], np.tile(block.thigh_gyr[t > 4.5][0], ((t > 4.5).sum(), 1)))


def test_rubbish_on_the_air_is_counted_and_moves_nothing() -> None:
    records = session()
    rng = np.random.default_rng(2)
    noisy: list[Record] = []
    for i, record in enumerate(records):
        noisy.append(record)
        if i % 40 == 0:
            payload = rng.bytes(int(rng.integers(0, 28)))
            noisy.append(Notification(0, record.host_time_ns, record.sensor, "wire", payload))
        if i > 1000 and i % 100 == 0:
            noisy.append(Notification(0, record.host_time_ns, record.sensor, "wire", rng.bytes(28)))
        if i % 90 == 0:
            noisy.append(Notification(0, record.host_time_ns, 77, "wire", record.payload))
    block, intake = run(noisy)
    counts = intake.counts()
    assert counts[1].rejected + counts[2].rejected >= 60
    good = block.thigh_ok
    assert good.mean() > 0.9
    assert np.ptp(time_error(block)[300:][good[300:]]) < 0.012
    assert np.abs(block.thigh_acc[good][:, 2] - 9.81).max() < 1e-3


def table_records(time_s: np.ndarray, values: np.ndarray, size: int = 10) -> list[Record]:
    records: list[Record] = []
    for begin in range(0, len(time_s), size):
        cut = slice(begin, begin + size)
        for sensor in (1, 2):
            payload = pack(time_s[cut], values[cut, :3], values[cut, 3:])
            records.append(Notification(0, int(time_s[cut][-1] * 1e9), sensor, CHARACTERISTIC, payload))
    return records


def run_table(records: list[Record]) -> tuple[GridBlock, Intake]:
    sensors = [SensorInfo(s.id, s.address, "table", s.side, s.segment) for s in (THIGH, SHANK)]
    intake = Intake(sensors, decoder=wire)
    blocks = [block for record in records for block in intake.update(record)] + intake.finish()
    return join(blocks), intake


def test_a_clean_table_comes_out_as_it_went_in() -> None:
    rng = np.random.default_rng(3)
    time_s = np.arange(100, 1100) / 100
    values = rng.normal(size=(1000, 6))
    block, _ = run_table(table_records(time_s, values))
    assert block.start == 100 and block.thigh_ok.all()
    assert np.array_equal(np.hstack([block.thigh_acc, block.thigh_gyr]), values)
    assert np.array_equal(block.thigh_gyr, block.shank_gyr)


def test_a_table_with_rows_repeated_swapped_missing_and_not_numbers() -> None:
    rng = np.random.default_rng(4)
    time_s = np.arange(1000) / 100
    values = rng.normal(size=(1000, 6))
    order = list(range(1000))
    order[200], order[201] = order[201], order[200]
    order[310:330] = order[320:330] + order[310:320]
    order.insert(400, 399)
    order.insert(500, 480)
    broken = values.copy()
    broken[600, 2] = np.nan
    times = time_s.copy()
    times[700] = np.nan
    times[800] = 1e8
    block, intake = run_table(table_records(times[order], broken[order], 7))
    counts = intake.counts()[1]
    assert counts.duplicates == 2 and counts.rejected == 3 and counts.reordered >= 11
    assert len(block) == 1000 and block.thigh_ok.all()
    untouched = np.ones(1000, bool)
    untouched[[600, 700, 800]] = False
    assert np.array_equal(block.thigh_gyr[untouched], values[untouched, 3:])


def test_a_tables_gap_of_seconds_and_spikes() -> None:
    time_s = np.concatenate([np.arange(500), np.arange(900, 1500)]) / 100
    values = np.tile([0.0, 0.0, 9.81, 0.1, 0.0, 0.0], (1100, 1))
    values[300, 0] = 1000.0
    values[700, 4] = -30.0
    block, intake = run_table(table_records(time_s, values))
    bad = np.flatnonzero(~(block.thigh_ok & block.shank_ok))
    assert set(bad) == {300, 1100, *range(500, 900)}
    assert intake.counts()[1].spikes == 2 and intake.counts()[1].gaps == 1
    assert np.abs(block.thigh_gyr[:, 1]).max() == 0.0


def test_the_correction_is_applied_to_its_own_sensor() -> None:
    bias = np.array([0.3, -0.1, 0.2])
    block, _ = run(list(session(4.0)), corrections={2: Inertial(acc_bias=bias)})
    assert block.thigh_acc[50] == pytest.approx([0, 0, 9.81], abs=1e-5)
    assert block.shank_acc[50] == pytest.approx(np.array([0, 0, 9.81]) - bias, abs=1e-5)


class CountlessDecoder:
    """A format that carries samples only, as fast as 50 Hz, though its driver believes in 100."""

    def __init__(self) -> None:
        self._count = 0

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        self._count += 1
        v = np.array(_WIRE.unpack(payload)[1:])
        return ImuSamples(np.array([self._count]), 0.01, Clock.NONE, v[None, :3], v[None, 3:], None, np.zeros(1, bool))


def test_a_sensor_without_ticks_is_back_soon_after_a_reconnection() -> None:
    rng = np.random.default_rng(6)
    records: list[Record] = []
    for start, seconds in ((0.0, 6.0), (8.0, 6.0)):
        records.append(Event(0, int(start * 1e9), "connected", {"sensor": 1}))
        true, _, arrival = Link(rate_hz=50, miss=0.05).run(seconds, rng)
        for t, a in zip(true.tolist(), arrival.tolist(), strict=True):
            payload = _WIRE.pack(0, 0.0, 0.0, 9.81, (t + start) / 100, 0.0, 0.0)
            records.append(Notification(0, int((a + start) * 1e9), 1, "wire", payload))
        records += [Event(0, int((start + seconds + t) * 1e9), "tick") for t in np.arange(0.5, 2.0, 0.25)]
    intake = Intake([THIGH], decoder=lambda name: CountlessDecoder())
    block = join([b for record in records for b in intake.update(record)] + intake.finish())
    t = block.time_s
    assert block.thigh_ok[(t > 0.2) & (t < 5.9)].all() and block.thigh_ok[(t > 8.2) & (t < 13.9)].all()
    assert not block.thigh_ok[(t > 6.1) & (t < 7.9)].any()
    assert np.abs(time_error(block)[block.thigh_ok]).max() < 0.1
    counts = intake.counts()[1]
    assert counts.connections == 2 and counts.clock == "none"


def test_one_sensor_alone_and_none() -> None:
    intake = Intake([SHANK], decoder=wire)
    block = join([b for record in session(4.0) for b in intake.update(record)] + intake.finish())
    assert block.shank_ok.all() and not block.thigh_ok.any()
    assert list(intake.counts()) == [2]
    with pytest.raises(BadInputError):
        Intake([], decoder=wire)
    with pytest.raises(BadInputError):
        Intake([THIGH, THIGH], decoder=wire)


def test_a_recording_of_nothing() -> None:
    intake = Intake([THIGH, SHANK], decoder=wire)
    assert intake.update(Event(0, 10**9, "tick")) == [] and intake.finish() == []
    assert intake.rate_hz is None and intake.counts()[1].samples == 0
