"""Two sensors of one leg, from packets to rows: the offset that arrivals leave is corrected by motion, or left."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from firmware_interface.drivers.interface import Decoder
from firmware_interface.drivers.table import CHARACTERISTIC, pack
from firmware_interface.samples import Clock, Floats, ImuSamples
from pipeline.agreement import AgreementParameters
from pipeline.blocks import GridBlock, join
from pipeline.intake import Intake, IntakeParameters, registered_decoder
from pipeline.records import Event, Notification, Record, Segment, SensorInfo, Side
from pipeline.shared_motion import SharedMotionParameters
from tests.pipeline.lateness import cut_about, lateness_ms
from tests.pipeline.links import Link
from tests.pipeline.public_legs import cmu_leg
from tests.pipeline.two_links import TwoLinks, two_links
from tests.shared_data import dataset

RATE_HZ = 100.0
INFOS = [
    SensorInfo(1, "A", "ticked", Side.RIGHT, Segment.THIGH),
    SensorInfo(2, "B", "ticked", Side.RIGHT, Segment.SHANK),
]
BLIND = AgreementParameters(motion=SharedMotionParameters(known_sd_s=0.0))
SECONDS = 26.0


class Ticked:
    """A format whose payload is six doubles after a 64-bit count of microseconds."""

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        tick, values = int.from_bytes(payload[:8], "little"), np.frombuffer(payload[8:]).reshape(1, 6)
        clipped = np.zeros(1, bool)
        return ImuSamples(np.array([tick]), 1e-6, Clock.DEVICE_TIME, values[:, :3], values[:, 3:], None, clipped)


def decoder(name: str) -> Decoder:
    return Ticked() if name == "ticked" else registered_decoder(name)


def signals(links: TwoLinks, k: int) -> CubicSpline:
    t = np.arange(len(links.acc[k])) / RATE_HZ
    return CubicSpline(t, np.hstack([links.acc[k], links.gyr[k]]))


def sent(
    course: CubicSpline, sensor: int, late_s: float, begin_s: float, end_s: float, ppm: float = 0.0
) -> Iterator[Record]:
    """One packet a sample, every one late by the same: what no arrival can tell from another clock."""
    true = np.arange(begin_s + 0.003 * sensor, end_s, 1 / RATE_HZ / (1 + ppm * 1e-6))
    for k, (t, row) in enumerate(zip(true.tolist(), course(true), strict=True)):
        tick = 5_000_000 * sensor + 10_000 * k
        yield Notification(0, round(1e9 * (t + late_s)), sensor, "c", tick.to_bytes(8, "little") + row.tobytes())


def taken(
    records: list[Record], agreement: AgreementParameters, infos: list[SensorInfo] = INFOS
) -> tuple[GridBlock, Intake]:
    intake = Intake(infos, parameters=IntakeParameters(agreement=agreement), decoder=decoder)
    ordered = sorted(records, key=lambda record: record.host_time_ns)
    blocks = [block for record in ordered for block in intake.update(record)] + intake.finish()
    return join(blocks), intake


def late_ms(block: GridBlock, courses: tuple[CubicSpline, CubicSpline], at_s: float) -> Floats:
    """How late each sensor's rows are in the second before at_s."""
    return lateness_ms(cut_about(block, at_s - 1.2, at_s + 0.2), courses)


@pytest.fixture(scope="module")
def courses() -> tuple[CubicSpline, CubicSpline]:
    links = two_links(21, SECONDS + 1.0, RATE_HZ)
    return signals(links, 0), signals(links, 1)


def both(courses: tuple[CubicSpline, CubicSpline], late_s: float, ppm: float = 0.0) -> list[Record]:
    thigh = sent(courses[0], 1, 0.002 + late_s, 0.0, SECONDS, ppm)
    return [*thigh, *sent(courses[1], 2, 0.002, 0.0, SECONDS)]


def test_a_sensor_that_holds_its_samples_back_is_corrected(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """40 ms late, always: no arrival tells, and no soft tissue is so slow."""
    records = both(courses, 0.04)
    blind, _ = taken(records, BLIND)
    seen, intake = taken(records, AgreementParameters())
    before, after = (float(np.subtract(*late_ms(block, courses, 25.0))) for block in (blind, seen))
    assert before == pytest.approx(40.0, abs=0.5)
    assert abs(after) < 5.0
    counts = intake.counts()[1]
    assert counts.pair_offset_s is not None and abs(counts.pair_offset_s) < 5e-3


@pytest.mark.parametrize("lag_s", [0.006, -0.006])
def test_clocks_that_arrivals_know_are_not_moved_by_soft_tissue(
    courses: tuple[CubicSpline, CubicSpline], lag_s: float
) -> None:
    """The thigh's signals lag behind its time stamps as skin and muscle make them. Every phase of the connection events
    was seen, so that arrivals know better, and what motion shows is taken for lag."""
    lagging = CubicSpline(courses[0].x + lag_s, courses[0](courses[0].x))
    rng = np.random.default_rng(5)
    records: list[Record] = []
    for k, course in enumerate((lagging, courses[1])):
        true = np.arange(0.5 + 0.003 * k, SECONDS, 1 / RATE_HZ)
        arrivals = Link(intervals_s=(0.04875,)).arrivals(true, SECONDS, rng)
        for i, (arrival, row) in enumerate(zip(arrivals.tolist(), course(true), strict=True)):
            records.append(
                Notification(0, round(1e9 * arrival), k + 1, "c", (10_000 * i).to_bytes(8, "little") + row.tobytes())
            )
    blind, _ = taken(records, BLIND)
    seen, intake = taken(records, AgreementParameters())
    pair = (lagging, courses[1])
    moved = [late_ms(seen, pair, at) - late_ms(blind, pair, at) for at in (15.0, 25.0)]
    assert np.abs(np.diff(moved)).max() < 1.0
    assert abs(float(np.subtract(*late_ms(seen, pair, 25.0)))) < 1.2
    said = intake.counts()[1].pair_offset_s
    assert said is not None and said == pytest.approx(lag_s, abs=2e-3)


@pytest.mark.parametrize("late_s", [0.004, -0.005])
def test_what_arrivals_leave_open_motion_decides(courses: tuple[CubicSpline, CubicSpline], late_s: float) -> None:
    """Late by less than a packet's spacing: no arrival can tell, and no lag of soft tissue is likely to be so large."""
    records = both(courses, late_s)
    blind, _ = taken(records, BLIND)
    seen, _ = taken(records, AgreementParameters())
    before, after = (float(np.subtract(*late_ms(block, courses, 25.0))) for block in (blind, seen))
    assert before == pytest.approx(1e3 * late_s, abs=0.3)
    assert abs(after) < 0.5 * abs(before)


def test_good_clocks_stay_as_they_are(courses: tuple[CubicSpline, CubicSpline]) -> None:
    records = both(courses, 0.0)
    blind, _ = taken(records, BLIND)
    seen, _ = taken(records, AgreementParameters())
    moved = [late_ms(seen, courses, at) - late_ms(blind, courses, at) for at in (15.0, 25.0)]
    assert np.abs(moved).max() < 0.5


def test_a_clock_that_begins_anew_does_not_inherit_the_correction(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """The thigh is away for a second and comes back with another latency: old rows do not count for the new mapping."""
    first = list(sent(courses[0], 1, 0.042, 0.0, 12.0))
    second = list(sent(courses[0], 1, 0.002, 13.0, SECONDS))
    events = [
        Event(0, 12_020_000_000, "disconnected", {"sensor": 1}),
        Event(0, 12_900_000_000, "connected", {"sensor": 1}),
    ]
    seen, _ = taken([*first, *events, *second, *sent(courses[1], 2, 0.002, 0.0, SECONDS)], AgreementParameters())
    assert abs(float(np.subtract(*late_ms(seen, courses, 11.9)))) < 8.0, "still on its way from 40"
    assert abs(float(np.subtract(*late_ms(seen, courses, 25.0)))) < 1.8
    assert np.ptp(np.diff(seen.time_s)) < 1e-9


def test_strangers_do_not_pull_each_other(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """Two people's sensors in one session by mistake: nothing to be shared, nothing to be corrected."""
    other = signals(two_links(99, SECONDS + 1.0, RATE_HZ), 1)
    records = [*sent(courses[0], 1, 0.002, 0.0, SECONDS), *sent(other, 2, 0.002, 0.0, SECONDS)]
    blind, _ = taken(records, BLIND)
    seen, _ = taken(records, AgreementParameters())
    pair = (courses[0], other)
    assert np.abs(late_ms(seen, pair, 25.0) - late_ms(blind, pair, 25.0)).max() < 6.0


def test_a_table_is_checked_and_not_moved(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """A table whose shank is 20 ms off: said, and its rows are what they were."""
    time_s = np.arange(0, 24.0, 1 / RATE_HZ)
    infos = [replace(info, driver="table") for info in INFOS]
    records: list[Record] = []
    for begin in range(0, len(time_s), 20):
        t = time_s[begin : begin + 20]
        for sensor, shift in ((1, 0.0), (2, 0.02)):
            values = courses[sensor - 1](t + shift)
            payload = pack(t, np.ascontiguousarray(values[:, :3]), np.ascontiguousarray(values[:, 3:]))
            records.append(Notification(0, round(1e9 * t[-1]), sensor, CHARACTERISTIC, payload))
    block, intake = taken(records, AgreementParameters(), infos)
    counts = intake.counts()[2]
    assert counts.pair_offset_s == pytest.approx(0.02, abs=1e-3) and counts.pair_offset_sd_s is not None
    here = block.cut(500, 1500)
    assert np.abs(here.shank_gyr - courses[1](here.time_s + 0.02)[:, 3:]).max() < 1e-9


@pytest.mark.parametrize("late_s", [0.007, -0.007])
@pytest.mark.parametrize("person", ["Sub01", "Sub02", "Sub06"])
def test_real_walkers_tell_what_arrivals_leave_open(person: str, late_s: float) -> None:
    """Sensors on one clock (CMU treadmill), one made late by less than a packet's spacing: what is left is the lag of
    skin and muscle, a few milliseconds."""
    raw = cmu_leg(dataset("cmu_capacitive"), person, "CSBaseline", Side.LEFT)
    t = np.arange(len(raw.thigh_acc)) / RATE_HZ
    legs = ((raw.thigh_acc, raw.thigh_gyr), (raw.shank_acc, raw.shank_gyr))
    pair = tuple(CubicSpline(t, np.hstack(each)) for each in legs)
    records = [*sent(pair[0], 1, 0.009 + late_s, 1.0, 31.0), *sent(pair[1], 2, 0.009, 1.0, 31.0)]
    seen, _ = taken(records, AgreementParameters())
    left = [float(np.subtract(*late_ms(seen, pair, at))) for at in (20.0, 29.0)]
    assert np.abs(left).max() < 4.5
