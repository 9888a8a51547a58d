"""People who move with two sensors on links of their own: packets through the whole intake, as it was sent.

A person's signals are taken as a course of time, sampled by two sensors whose crystals and phases are drawn, encoded,
and delayed by a link each. The offset between the two sensors' rows is read off the rows themselves, against that
course. Soft tissue of simulated people does not lag; `lag_sd_s` draws one, as real legs show it, which shifts the
thigh's whole signal and stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from firmware_interface.drivers.open_format import OpenFormatEncoder
from firmware_interface.samples import Floats
from pipeline.agreement import AgreementParameters
from pipeline.blocks import GridBlock, join
from pipeline.intake import Intake, IntakeParameters
from pipeline.quality import SensorCounts
from pipeline.records import Notification, Segment, SensorInfo, Side
from pipeline.shared_motion import SharedMotionParameters
from pipeline.simulation.simulate import Simulation
from tests.benchmarks.people import SimulatedLeg, errors, offline, rmse, rows_of
from tests.pipeline.lateness import cut_about, lateness_ms
from tests.pipeline.links import Link

PPM = 1e-6
PHONE = (0.015, 0.03, 0.045, 0.12)
MISSES = (0.02, 0.25)
UNSEEN = AgreementParameters(motion=SharedMotionParameters(known_sd_s=0.0))
"""No window of motion tells anything."""
_WRAP = 2**32


@dataclass(frozen=True)
class Clocks:
    """A case. skews: of thigh and shank, or None where both are drawn, of a standard deviation of 30 ppm. fast: how
    much the thigh's device clock runs fast beyond that. before_wrap_s: device clock and counter wrap so long after the
    beginning; reboot_s: the thigh's clock and counter begin anew, without a word. lag_sd_s: see above."""

    label: str
    skews: tuple[float, float] | None = None
    intervals_s: tuple[float, ...] = (0.03,)
    rate_hz: float = 100.0
    fast: float = 0.0
    before_wrap_s: float | None = None
    reboot_s: float | None = None
    lag_sd_s: float = 0.0


@dataclass(frozen=True)
class Course:
    """One leg's signals (acc, gyr) of thigh and shank sensor over a span of true time."""

    side: Side
    signals: tuple[CubicSpline, CubicSpline]
    begin_s: float
    end_s: float


def course(simulation: Simulation, side: Side) -> Course:
    """What a simulated person's two sensors measure."""
    traces = [simulation.sensors[side, segment] for segment in (Segment.THIGH, Segment.SHANK)]
    thigh, shank = (CubicSpline(trace.t, np.hstack([trace.acc, trace.gyr])) for trace in traces)
    begin, end = max(trace.t[0] for trace in traces), min(trace.t[-1] for trace in traces)
    return Course(side, (thigh, shank), float(begin) + 0.1, float(end) - 0.2)


@dataclass(frozen=True)
class Taken:
    """What the intake made of it: rows, counts, stated standard deviation (ms) of the offset at the times asked for.
    back: the rows as `process` knows them in the end. signals: what the two sensors truly showed, lag included."""

    block: GridBlock
    counts: dict[int, SensorCounts]
    stated_ms: list[float]
    signals: tuple[CubicSpline, CubicSpline]
    back: GridBlock


def taken(person: Course, case: Clocks, seed: int, by_motion: bool, at_s: tuple[float, ...] = ()) -> Taken:
    """One trial; the seed draws crystals, phases, links and lag."""
    rng = np.random.default_rng([seed, 7])
    skews = rng.normal(0.0, 30 * PPM, 2) if case.skews is None else case.skews
    lag_s = case.lag_sd_s * float(rng.standard_normal())
    thigh, shank = (_filtered(signal, case.rate_hz) for signal in person.signals)
    signals = (CubicSpline(thigh.x + lag_s, thigh(thigh.x)) if lag_s else thigh, shank)
    infos = [SensorInfo(k, str(k), "open_format", person.side, segment) for k, segment in enumerate(Segment, 1)]
    sent: list[Notification] = []
    for k, info in enumerate(infos):
        sent += _sent(signals[k], person, info.id, float(skews[k]) + (case.fast if k == 0 else 0.0), case, rng)
    sent.sort(key=lambda record: record.host_time_ns)
    agreement = AgreementParameters() if by_motion else UNSEEN
    intake = Intake(infos, parameters=IntakeParameters(min_rows=100, keep_lines=True, agreement=agreement))
    blocks, stated = [], []
    for record in sent:
        blocks += intake.update(record)
        if len(stated) < len(at_s) and record.host_time_ns * 1e-9 > at_s[len(stated)]:
            stated.append(1e3 * intake.pair_sd_s())
    block = join(blocks + intake.finish())
    return Taken(block, intake.counts(), stated, signals, intake.looked_back(block))


def _filtered(signal: CubicSpline, rate_hz: float) -> CubicSpline:
    """As a sensor of this rate shows it, whose own filter ends below half of it: what is faster would be folded down,
    and rows between such samples look milliseconds early or late."""
    own_hz = 1.0 / float(np.median(np.diff(signal.x)))
    if rate_hz >= own_hz:
        return signal
    low_pass = butter(4, 0.35 * rate_hz, fs=own_hz, output="sos")
    return CubicSpline(signal.x, sosfiltfilt(low_pass, signal(signal.x), axis=0))


def _sent(
    signal: CubicSpline, person: Course, sensor: int, skew: float, case: Clocks, rng: np.random.Generator
) -> Iterator[Notification]:
    """A sensor's notifications, one sample each."""
    first = person.begin_s + float(rng.uniform(0.0, 1.0 / case.rate_hz))
    true = np.arange(first, person.end_s, 1.0 / case.rate_hz / (1.0 + skew))
    ticks = np.rint(1e6 * np.arange(len(true)) / case.rate_hz).astype(np.int64) + 5_000_000 * sensor
    count = 0
    if case.before_wrap_s is not None:
        ticks += _WRAP - round(1e6 * case.before_wrap_s)
        count = _WRAP - round(case.rate_hz * case.before_wrap_s)
    encoder = OpenFormatEncoder(case.rate_hz, count)
    reboot = len(ticks)
    if sensor == 1 and case.reboot_s is not None:
        reboot = int(np.searchsorted(true, case.reboot_s))
        ticks[reboot:] -= ticks[reboot] - 1_000_000
    per_event = 20 if case.intervals_s == PHONE else 8
    link = Link(case.rate_hz, intervals_s=case.intervals_s, miss=MISSES[sensor - 1], per_event=per_event)
    arrivals = link.arrivals(true, person.end_s, rng)
    rows = signal(true)
    for k, arrival in enumerate(arrivals.tolist()):
        if k == reboot:
            encoder = OpenFormatEncoder(case.rate_hz)
        acc, gyr = rows[k : k + 1, :3], rows[k : k + 1, 3:]
        for characteristic, payload in encoder.encode([int(ticks[k])], acc, gyr, 0.8, 244):
            yield Notification(0, round(1e9 * arrival), sensor, characteristic, payload)


def late_ms(found: Taken, at_s: float) -> Floats:
    """(2,) how late thigh's and shank's rows are, from 2 s of rows."""
    return lateness_ms(cut_about(found.block, at_s - 1.0, at_s + 1.0), found.signals)


def angle_errors_deg(leg: SimulatedLeg, found: Taken, angles: tuple[str, ...]) -> list[float]:
    """RMSE (deg) of each angle while the person moves, two-sided, after the lateness that both sensors share is off."""
    times = np.arange(15.0, found.block.time_s[-1] - 5.0, 10.0)
    late = np.interp(found.block.time_s, times, [late_ms(found, t).mean() for t in times])
    truth = leg.truth.copy()
    truth["time_s"] += 1e-3 * np.interp(truth["time_s"], found.block.time_s, late)
    moved = SimulatedLeg(leg.seed, leg.side, leg.script, found.block, truth, leg.steps, leg.orientations, leg.segments)
    block = offline(moved)
    wrong, rows = errors(moved, block), rows_of(moved, block, "any")
    return [rmse(wrong[angle][rows]) for angle in angles]
