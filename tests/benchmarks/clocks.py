"""Two sensors on one time: `python -m tests.benchmarks.clocks [--links 40] [--people 8]`.

First arrivals alone, many pairs of time bases over simulated links of unlike loss: the offset between the two after
10 s and after 5 min. Then people who stand, flex the knee and walk, two sensors with crystals of their own, whose
packets go through the whole intake: the same offsets, with the correction by shared motion and without it. The offset
is read off the rows themselves, against the motion's true course. Each line says in how many of the trials the offset
was below 8 ms after 10 s, and below 2 ms after 5 min. Seeds from 100 on; parameters were chosen on others.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from firmware_interface.drivers.open_format import OpenFormatEncoder
from firmware_interface.samples import Clock, Floats
from pipeline.agreement import AgreementParameters
from pipeline.blocks import GridBlock, join
from pipeline.intake import Intake, IntakeParameters
from pipeline.quality import SensorCounts
from pipeline.records import Notification, Segment, SensorInfo, Side
from pipeline.shared_motion import SharedMotionParameters
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import Simulation, Trace, simulate
from tests.benchmarks.people import FIRST_UNSEEN
from tests.pipeline.links import Link, timed

SHORT_S, LONG_S = 10.0, 300.0
SHORT_MS, LONG_MS = 8.0, 2.0
PPM = 1e-6
PHONE = (0.015, 0.03, 0.045, 0.12)
WALK = "stand:5.5,flex:6@{side},walk:{walk}"
STAND = "stand:{stand}"
_RATE_HZ = 100.0
_WRAP = 2**32


@dataclass(frozen=True)
class Clocks:
    """A case. fast: part by which the thigh's device clock runs fast beyond its crystal; before_wrap_s: device clock
    and counter wrap so long after the beginning; reboot_s: the thigh's clock and counter begin anew, without a word."""

    label: str
    intervals_s: tuple[float, ...] = (0.03,)
    fast: float = 0.0
    before_wrap_s: float | None = None
    reboot_s: float | None = None


CASES = (
    Clocks("30 ms interval"),
    Clocks("phone-like bursts", PHONE),
    Clocks("thigh's clock 0.3 % fast", fast=0.003),
    Clocks("clock and counter wrap", before_wrap_s=100.0),
    Clocks("reboot after 150 s", reboot_s=150.0),
)


# -- arrivals alone ----------------------------------------------------------------------------------------------------


def pair_offsets_ms(clock: Clock, one: Link, other: Link, seed: int, at_s: tuple[float, ...]) -> Floats:
    """Difference of the two time bases' errors at some times, ms."""
    rng = np.random.default_rng(seed)
    errors = []
    for link in (one, other):
        times, true, _ = timed(clock, link, max(at_s) + 2, rng)
        errors.append([(times - true)[int(t * link.rate_hz)] for t in at_s])
    return 1e3 * np.subtract(*errors)


def arrivals_part(trials: int) -> None:
    """Shares of pairs of time bases that agree without any motion."""
    print(f"arrivals alone, {trials} pairs, 2 % and 25 % of connection events missed")
    cases = (
        ("device time, +-40 ppm", Clock.DEVICE_TIME, 40 * PPM, -40 * PPM, (0.03,)),
        ("device time, +-20 ppm", Clock.DEVICE_TIME, 20 * PPM, -20 * PPM, (0.03,)),
        ("device time, +-20 ppm, phone-like bursts", Clock.DEVICE_TIME, 20 * PPM, -20 * PPM, PHONE),
        ("device time, 0.3 % off", Clock.DEVICE_TIME, 0.003, -20 * PPM, (0.03,)),
        ("counter, 0.3 % off", Clock.COUNTER, 0.003, -0.001, (0.03,)),
        ("neither clock nor counter, 0.3 % off", Clock.NONE, 0.003, -0.001, (0.03,)),
    )
    for label, clock, first, second, intervals in cases:
        one, other = (
            Link(skew=first, miss=0.02, intervals_s=intervals),
            Link(skew=second, miss=0.25, intervals_s=intervals),
        )
        found = [pair_offsets_ms(clock, one, other, FIRST_UNSEEN + k, (SHORT_S, LONG_S)) for k in range(trials)]
        show(label, np.array(found))


# -- people ------------------------------------------------------------------------------------------------------------


def person(seed: int, script: str) -> tuple[Simulation, Side]:
    """Somebody who does a script, right leg for odd seeds, else left."""
    side = Side.RIGHT if seed % 2 else Side.LEFT
    rng = np.random.default_rng(seed)
    return simulate(draw_person(rng), parse_script(script.format(side=side.value)), rng, sides=(side,)), side


def packets(trace: Trace, sensor: int, link: Link, case: Clocks, rng: np.random.Generator) -> Iterator[Notification]:
    """A sensor's notifications, one sample each."""
    thigh = sensor == 1
    ticks = trace.ticks_us.astype(np.int64)
    if thigh and case.fast:
        ticks = np.rint(trace.ticks_us * (1.0 + case.fast)).astype(np.int64)
    first_count = 0
    if case.before_wrap_s is not None:
        ticks += _WRAP - round(1e6 * case.before_wrap_s)
        first_count = _WRAP - round(_RATE_HZ * case.before_wrap_s)
    encoder = OpenFormatEncoder(_RATE_HZ, first_count)
    reboot = len(ticks)
    if thigh and case.reboot_s is not None:
        reboot = int(np.searchsorted(trace.t, case.reboot_s))
        ticks[reboot:] -= ticks[reboot] - 1_000_000
    arrivals = link.arrivals(trace.t, float(trace.t[-1]), rng)
    for k, arrival in enumerate(arrivals.tolist()):
        if k == reboot:
            encoder = OpenFormatEncoder(_RATE_HZ)
        row = slice(k, k + 1)
        for characteristic, payload in encoder.encode([int(ticks[k])], trace.acc[row], trace.gyr[row], 0.8, 244):
            yield Notification(0, round(1e9 * arrival), sensor, characteristic, payload)


def rows(
    simulation: Simulation, side: Side, case: Clocks, seed: int, by_motion: bool
) -> tuple[GridBlock, dict[int, SensorCounts]]:
    """What the intake makes of a person's packets."""
    infos = [SensorInfo(k, str(k), "open_format", side, segment) for k, segment in enumerate(Segment, 1)]
    sent: list[Notification] = []
    for info, miss in zip(infos, (0.02, 0.25), strict=True):
        link = Link(intervals_s=case.intervals_s, miss=miss)
        rng = np.random.default_rng([seed, info.id])
        sent += packets(simulation.sensors[side, info.segment], info.id, link, case, rng)
    sent.sort(key=lambda record: record.host_time_ns)
    unseen = AgreementParameters(motion=SharedMotionParameters(known_sd_s=0.0))
    parameters = IntakeParameters(min_rows=100)
    intake = Intake(infos, parameters=parameters if by_motion else replace(parameters, agreement=unseen))
    blocks = [block for record in sent for block in intake.update(record)] + intake.finish()
    return join(blocks), intake.counts()


def offset_ms(block: GridBlock, simulation: Simulation, side: Side, at_s: float) -> float:
    """How late the thigh's rows are against the shank's, from 2 s of rows against the true course of the signals."""
    here = block.cut(*(int(np.searchsorted(block.time_s, at_s + d)) for d in (-1.0, 1.0)))
    late = []
    for segment, acc, gyr in (
        (Segment.THIGH, here.thigh_acc, here.thigh_gyr),
        (Segment.SHANK, here.shank_acc, here.shank_gyr),
    ):
        trace = simulation.sensors[side, segment]
        near = (trace.t > at_s - 3) & (trace.t < at_s + 3)
        course = CubicSpline(trace.t[near], np.hstack([trace.acc, 5.0 * trace.gyr])[near])
        found = np.hstack([acc, 5.0 * gyr])
        lag = 0.0
        for _ in range(8):
            slope = course(here.time_s - lag, 1)
            lag -= float(((found - course(here.time_s - lag)) * slope).sum() / (slope * slope).sum())
        late.append(lag)
    return 1e3 * (late[0] - late[1])


def people_part(count: int) -> None:
    """Shares of walking people whose two sensors agree, and what is said of people who stand."""
    seeds = range(FIRST_UNSEEN, FIRST_UNSEEN + count)
    walkers = {seed: person(seed, WALK.format(side="{side}", walk=LONG_S - 5)) for seed in seeds}
    print(f"\nwhole intake, {count} people who stand, flex and walk; crystals of 30 ppm (standard deviation)")
    for case in CASES:
        for by_motion in (False, True):
            found = []
            for seed, (simulation, side) in walkers.items():
                block, _ = rows(simulation, side, case, seed, by_motion)
                begin = case.reboot_s or 0.0
                found.append([offset_ms(block, simulation, side, begin + at) for at in (SHORT_S, LONG_S - begin)])
            show(f"{case.label}, {'shared motion' if by_motion else 'arrivals alone'}", np.array(found))
    said = 0
    for seed in seeds:
        simulation, side = person(seed, STAND.format(stand=60))
        _, counts = rows(simulation, side, CASES[0], seed, True)
        said += any(count.pair_offset_s is not None for count in counts.values())
    print(f"standing for a minute: {said} of {count} said to be known (should be 0)")


def show(label: str, offsets_ms: Floats) -> None:
    """One case: shares within the figures, and the largest offsets."""
    size = np.abs(offsets_ms)
    print(
        f"  {label:<46} 10 s: {100 * np.mean(size[:, 0] < SHORT_MS):3.0f} % below {SHORT_MS:.0f} ms, largest"
        f" {size[:, 0].max():4.1f}    5 min: {100 * np.mean(size[:, 1] < LONG_MS):3.0f} % below {LONG_MS:.0f} ms,"
        f" median {np.median(size[:, 1]):3.1f}, largest {size[:, 1].max():4.1f}",
        flush=True,
    )


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, default=40, help="pairs of time bases for each case")
    parser.add_argument("--people", type=int, default=8, help="people for each case")
    arguments = parser.parse_args()
    if arguments.links:
        arrivals_part(arguments.links)
    if arguments.people:
        people_part(arguments.people)


if __name__ == "__main__":
    main()
