"""Two sensors on one time: `python -m tests.benchmarks.clocks [--links 40] [--people 8]`.

First what can be known at all: samples of 100 Hz in events every 30 ms leave the phase open until it goes round, and
crystals decide when that is. Many pairs of crystals are drawn; of all that show the same wraps at the same times the
best guess is their mean, and what is left is the least error that any method can have. Then arrivals alone, many pairs
of time bases over simulated links of unlike loss: the offset between the two after 10 s and after 5 min, and the
standard deviation that they state for it. Then people who stand, flex the knee and walk, two sensors with crystals of
their own, whose packets go through the whole intake: the same offsets, with the correction by shared motion and without
it. The offset is read off the rows themselves, against the motion's true course. Each line says in how many of the
trials the offset was below 8 ms after 10 s, and below 2 ms after 5 min. Seeds from 100 on; parameters were chosen on
others.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

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
from pipeline.timebase import TimeBase
from tests.benchmarks.people import FIRST_UNSEEN
from tests.pipeline.links import Link

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


# -- what can be known -------------------------------------------------------------------------------------------------


def least_errors_ms(crystals: float, at_s: float, spacing_s: float = 0.01, draws: int = 400_000) -> Floats:
    """Errors (n,) of the best guess of two sensors' offset, ms, where a phase, and when it wraps, is all that is seen.

    crystals: standard deviation of a sensor's clock against connection events.
    """
    rng = np.random.default_rng(FIRST_UNSEEN)
    skew, first = rng.normal(0.0, crystals, draws), rng.uniform(0.0, spacing_s, draws)
    wraps, phase = np.divmod(first + skew * at_s, spacing_s)
    ahead = wraps > 0
    wrapped_s = np.where(ahead, spacing_s - first, -first) / skew
    last_s = at_s - (phase - np.where(ahead, 0.0, spacing_s)) / skew
    # Wraps within 3 s of each other count as the same: what they tell differs by 0.1 ms.
    seen = np.stack([wraps, np.where(wraps, wrapped_s // 3, 0), np.where(wraps, last_s // 3, 0)], axis=1)
    _, alike = np.unique(seen, axis=0, return_inverse=True)
    alike = alike.ravel()
    rest = phase - (np.bincount(alike, phase) / np.bincount(alike))[alike]
    return 1e3 * (rest[: draws // 2] - rest[draws // 2 :])


def bound_part() -> None:
    """What no method can better, for crystals of several qualities."""
    print("the least that any method can have: one phase, 100 Hz, 30 ms")
    for ppm in (20, 30, 40):
        found = np.stack([least_errors_ms(ppm * PPM, at_s) for at_s in (SHORT_S, LONG_S)], axis=1)
        show(f"crystals of {ppm} ppm (standard deviation)", found)


# -- arrivals alone ----------------------------------------------------------------------------------------------------


def pair_offsets_ms(
    clock: Clock, one: Link, other: Link, seed: int, at_s: tuple[float, ...], crystals: float = 0.0
) -> tuple[Floats, Floats]:
    """Difference of the two time bases' errors at some times, ms, and the standard deviation that they state."""
    rng = np.random.default_rng(seed)
    errors, stated = [], []
    for link in (one, other):
        drawn = replace(link, skew=link.skew + (rng.normal(0.0, crystals) if crystals else 0.0))
        seconds = max(at_s) + 2
        true, last, arrivals = drawn.run(seconds, rng)
        ticks = np.arange(len(true))
        tick_s = 1.0 / link.rate_hz
        if clock is Clock.DEVICE_TIME:
            ticks, tick_s = np.rint(1e6 * ticks / link.rate_hz).astype(int), 1e-6
        base = TimeBase(clock, tick_s)
        given: list[float] = []
        wanted = [int(t * link.rate_hz) for t in at_s]
        sds = []
        for end, arrival in zip(last.tolist(), arrivals.tolist(), strict=True):
            given += base.update(ticks[end - link.per_packet + 1 : end + 1].tolist(), arrival)
            if len(sds) < len(wanted) and len(given) > wanted[len(sds)]:
                sds.append(base.time_sd_s)
        errors.append([given[k] - true[k] for k in wanted])
        stated.append(sds)
    return 1e3 * np.subtract(*errors), 1e3 * np.hypot(*np.array(stated))


@dataclass(frozen=True)
class Pair:
    """A case of two links. crystals: drawn for each on top of its link's skew, standard deviation."""

    label: str
    clock: Clock
    one: Link
    other: Link
    crystals: float = 0.0


def _pair(label: str, skews: tuple[float, float], clock: Clock = Clock.DEVICE_TIME, **link: Any) -> Pair:
    return Pair(label, clock, Link(skew=skews[0], miss=0.02, **link), Link(skew=skews[1], miss=0.25, **link))


_CLOSE = (20 * PPM, -20 * PPM)
PAIRS = (
    replace(_pair("crystals of 30 ppm (standard deviation)", (0.0, 0.0)), crystals=30 * PPM),
    _pair("+-40 ppm", (40 * PPM, -40 * PPM)),
    _pair("+-20 ppm", _CLOSE),
    _pair("+-20 ppm, four samples a packet", _CLOSE, per_packet=4),
    _pair("+-20 ppm, central 50 ppm off", _CLOSE, central=50 * PPM),
    _pair("+-20 ppm, host late by 2 ms at random", _CLOSE, jitter_s=2e-3),
    _pair("+-20 ppm, phone-like bursts", _CLOSE, intervals_s=PHONE, per_event=20),
    _pair("+-20 ppm, 60 Hz", _CLOSE, rate_hz=60.0),
    _pair("+-20 ppm, 104 Hz", _CLOSE, rate_hz=104.0),
    _pair("+-20 ppm, interval 48.75 ms", _CLOSE, intervals_s=(0.04875,)),
    _pair("+-20 ppm, chips sample 0.1 % slow", _CLOSE, rate_hz=99.9),
    _pair("thigh's device clock 0.3 % off", (0.003, -20 * PPM)),
    _pair("both device clocks 0.3 % off", (0.003, -0.0028)),
    _pair("counter, 0.3 % and 0.1 % off", (0.003, -0.001), Clock.COUNTER),
    _pair("neither clock nor counter, the same", (0.003, -0.001), Clock.NONE),
)


def arrivals_part(trials: int) -> None:
    """Shares of pairs of time bases that agree without any motion."""
    print(f"\narrivals alone, {trials} pairs, 2 % and 25 % of connection events missed, device time unless said")
    for pair in PAIRS:
        seeds = range(FIRST_UNSEEN, FIRST_UNSEEN + trials)
        found = [
            pair_offsets_ms(pair.clock, pair.one, pair.other, seed, (SHORT_S, LONG_S), pair.crystals) for seed in seeds
        ]
        show(pair.label, np.array([offsets for offsets, _ in found]), np.array([sds for _, sds in found]))


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
        link = Link(intervals_s=case.intervals_s, miss=miss, per_event=20 if case.intervals_s == PHONE else 8)
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


def show(label: str, offsets_ms: Floats, stated_ms: Floats | None = None) -> None:
    """One case: shares within the figures, root mean square, what was stated, and the largest offset."""
    parts = []
    for k, (name, limit) in enumerate((("10 s", SHORT_MS), ("5 min", LONG_MS))):
        size = np.abs(offsets_ms[:, k])
        said = "" if stated_ms is None else f" (stated {np.sqrt(np.mean(stated_ms[:, k] ** 2)):.1f})"
        rms = np.sqrt(np.mean(size**2))
        parts.append(
            f"{name}: {100 * np.mean(size < limit):3.0f} % below {limit:.0f} ms, rms {rms:3.1f}{said},"
            f" largest {size.max():4.1f}"
        )
    print(f"  {label:<52} " + "    ".join(parts), flush=True)


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, default=40, help="pairs of time bases for each case")
    parser.add_argument("--people", type=int, default=8, help="people for each case")
    arguments = parser.parse_args()
    bound_part()
    if arguments.links:
        arrivals_part(arguments.links)
    if arguments.people:
        people_part(arguments.people)


if __name__ == "__main__":
    main()
