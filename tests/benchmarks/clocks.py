"""Two sensors on one time: `python -m tests.benchmarks.clocks [--links 40] [--people 8] [--angles 4]`.

First what can be known at all from arrivals: samples of 100 Hz in events every 30 ms leave the phase open until it goes
round, and crystals decide when that is. Many pairs of crystals are drawn; of all that show the same wraps at the same
times the best guess is their mean, and what is left is the least error that any method can have. Then arrivals alone,
many pairs of time bases over simulated links of unlike loss: the offset between the two after 10 s and after 5 min, and
the standard deviation that they state for it. Then people who stand, flex the knee and walk, whose packets go through
the whole intake (see `clock_people`), with skin that lags by 2.7 ms (standard deviation): the same offsets from
arrivals alone, with the motion that both sensors share, and as `process` knows them when it looks back. Each line says
in how many of the trials the offset was below 8 ms after 10 s, and below 2 ms after 5 min. At last what it does to the
angles. Seeds from 100 on; parameters were chosen on others.
"""

import argparse
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from firmware_interface.samples import Clock, Floats
from pipeline.records import Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import Simulation, simulate
from pipeline.timebase import TimeBase
from tests.benchmarks.angles.sessions import everyday
from tests.benchmarks.clock_people import PHONE, PPM, Clocks, Course, angle_errors_deg, course, late_ms, taken
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ, leg_of
from tests.pipeline.links import Link

SHORT_S, LONG_S = 10.0, 300.0
SHORT_MS, LONG_MS = 8.0, 2.0
WALK = "stand:5.5,flex:6@{side},walk:{walk}"
BREAKS = "stand:5.5,flex:6@{side},walk:60,stand:60,walk:30,sit:2,stand:60,walk:90"
STAND = "stand:{stand}"
_LAG = 2.7e-3
ALONE, MOTION, BACK = KINDS = ("arrivals alone", "shared motion", "looked back")

CASES = (
    Clocks("+-40 ppm, skin that lags", (40 * PPM, -40 * PPM), lag_sd_s=_LAG),
    Clocks("+-20 ppm, skin that lags", (20 * PPM, -20 * PPM), lag_sd_s=_LAG),
    Clocks("30 ppm (sd), skin that lags", lag_sd_s=_LAG),
    Clocks("+-40 ppm", (40 * PPM, -40 * PPM)),
    Clocks("+-20 ppm", (20 * PPM, -20 * PPM)),
)
RARE_CASES = (
    Clocks("phone-like bursts", intervals_s=PHONE, lag_sd_s=_LAG),
    Clocks("60 Hz", rate_hz=60.0, lag_sd_s=_LAG),
    Clocks("thigh's clock 0.3 % fast", fast=0.003, lag_sd_s=_LAG),
    Clocks("clock and counter wrap", before_wrap_s=100.0, lag_sd_s=_LAG),
    Clocks("reboot after 150 s", reboot_s=150.0, lag_sd_s=_LAG),
)
"""One pair of links for each person is enough."""


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


def people_part(count: int, trials: int) -> None:
    """Shares of walking people whose two sensors agree, and what is said of people who stand."""
    seeds = range(FIRST_UNSEEN, FIRST_UNSEEN + count)
    walkers = [course(*person(seed, WALK.format(side="{side}", walk=LONG_S - 5))) for seed in seeds]
    print(f"\nwhole intake, {count} people who stand, flex and walk, {trials} pairs of links each, 2 % and 25 % missed")
    for case in CASES:
        _trials(case, walkers, trials)
    for case in RARE_CASES:
        _trials(case, walkers, 1)
    print("the same, who walk half of the time")
    _trials(CASES[1], [course(*person(seed, BREAKS)) for seed in seeds], trials)
    said = 0
    for seed in seeds:
        found = taken(course(*person(seed, STAND.format(stand=60))), CASES[0], seed, True)
        said += any(each.pair_offset_s is not None for each in found.counts.values())
    print(f"standing for a minute: {said} of {count} said to be known (should be 0)")


def _trials(case: Clocks, walkers: list[Course], trials: int) -> None:
    at_s = (SHORT_S, LONG_S)
    offsets: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    stated: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for number in range(trials * len(walkers)):
        walker, seed = walkers[number % len(walkers)], FIRST_UNSEEN + number
        alone, motion = (taken(walker, case, seed, by_motion, at_s) for by_motion in (False, True))
        for kind, found in zip(KINDS, (alone, motion, replace(motion, block=motion.back)), strict=True):
            offsets[kind].append([float(np.subtract(*late_ms(found, at))) for at in at_s])
            stated[kind].append(found.stated_ms)
    for kind in KINDS:
        said = None if kind == BACK else np.array(stated[kind])
        show(f"{case.label}, {kind}", np.array(offsets[kind]), said)


def angles_part(count: int) -> None:
    """What clocks cost the angles: everyday sessions, two-sided, moving."""
    angles = ("flexion", "abduction", "rotation", "excess")
    print(f"\nRMSE (deg) of {', '.join(angles)} while moving, {count} everyday sessions, 30 ppm, skin that lags")
    found: dict[str, list[list[float]]] = {kind: [] for kind in ("one clock", *KINDS)}
    for seed in range(FIRST_UNSEEN, FIRST_UNSEEN + count):
        side = Side.RIGHT if seed % 2 else Side.LEFT
        rng = np.random.default_rng(seed)
        simulation = simulate(draw_person(rng), everyday(rng, side), rng, sides=(side,), rate_hz=RATE_HZ)
        leg, signals = leg_of(simulation, seed, side), course(simulation, side)
        alone, motion = (taken(signals, CASES[2], seed, by_motion) for by_motion in (False, True))
        one = replace(alone, block=leg.grid, signals=signals.signals)
        for kind, each in zip(found, (one, alone, motion, replace(motion, block=motion.back)), strict=True):
            found[kind].append(angle_errors_deg(leg, each, angles))
    for kind, values in found.items():
        mean = np.sqrt(np.mean(np.square(values), axis=0))
        print(f"  {kind:<14} " + "  ".join(f"{value:5.2f}" for value in mean), flush=True)


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
    print(f"  {label:<54} " + "    ".join(parts), flush=True)


def main() -> None:
    """All parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, default=40, help="pairs of time bases for each case")
    parser.add_argument("--people", type=int, default=8, help="people for each case")
    parser.add_argument("--trials", type=int, default=4, help="pairs of links for each person")
    parser.add_argument("--angles", type=int, default=4, help="people whose angles are compared")
    arguments = parser.parse_args()
    bound_part()
    if arguments.links:
        arrivals_part(arguments.links)
    if arguments.people:
        people_part(arguments.people, arguments.trials)
    if arguments.angles:
        angles_part(arguments.angles)


if __name__ == "__main__":
    main()
