"""Straps that slip on simulated people never used for tuning: `python -m tests.benchmarks.slips [--people 20]`.

In each person's session one sensor, thigh or shank, turns within half a second about a random axis (or one that is
asked for), at a random time after the calibration. Told: how many slips are noticed, how long after it is told (live;
offline, from when on it is marked at the latest), how long the session went on after those that are not, whether the
right sensor is named, how far the stated angle is off, and whether the slip was in the stretch that is told; and how
many alarms are raised in the same sessions without a slip.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.records import Segment
from pipeline.rows import RaisedEvent
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import everyday_script, idle_script
from pipeline.simulation.simulate import Slip
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import MakeScript, everyday, exercises_only, long_walk
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ, SimulatedLeg, side_of, simulated_leg

SIZES_DEG = (5.0, 8.0, 12.0)
TOLERANCE_S = 5.0
"""A slip that is said to be over so long before it was is none that was found."""


@dataclass(frozen=True)
class Trial:
    """One session. size_deg: 0 without a slip. left_s: how long it went on after the slip. delay_s: from the slip to
    when it is told, NaN where it was not noticed. early: alarms before the slip, later: after the first that found
    it."""

    seed: int
    kind: str
    size_deg: float
    minutes: float
    segment: str = ""
    left_s: float = float("nan")
    told: str = ""
    delay_s: float = float("nan")
    angle_deg: float = float("nan")
    since_off_s: float = float("nan")
    by_off_s: float = float("nan")
    early: int = 0
    later: int = 0


AXES = {"any": None, "frontal": (1.0, 0.0, 0.0), "axial": (0.0, 1.0, 0.0), "sagittal": (0.0, 0.0, 1.0)}
"""About which axis of the segment a sensor turns."""
SESSIONS: dict[str, MakeScript] = {
    "everyday": everyday,
    "exercises": exercises_only,
    "walk": long_walk(10.0),
    "idle": lambda rng, side: [*everyday_script(rng, sides=(side,))[:2], *idle_script(rng)],
}


def slipped_leg(seed: int, size_deg: float, axis: str, session: str) -> tuple[SimulatedLeg, Slip | None]:
    """The person of that seed, with a slip of this size somewhere after the calibration."""
    make = SESSIONS[session]
    if size_deg == 0.0:
        return simulated_leg(seed, make), None
    rng = np.random.default_rng([seed, round(size_deg)])
    draw = np.random.default_rng(seed)
    draw_person(draw)
    script = make(draw, side_of(seed))
    about = AXES[axis]
    direction = rng.standard_normal(3) if about is None else np.array(about)
    turn = size_deg * direction / np.linalg.norm(direction)
    flexed = 2.0 * script[1].amount + script[0].amount
    seconds = simulated_seconds(seed, session)
    time_s = float(rng.uniform(flexed + 8.0, seconds - 12.0))
    segment = list(Segment)[int(rng.integers(2))]
    slip = Slip(side_of(seed), segment, time_s, (float(turn[0]), float(turn[1]), float(turn[2])))
    return simulated_leg(seed, make, slips=(slip,)), slip


def simulated_seconds(seed: int, session: str) -> float:
    """How long that person's session is."""
    if (seed, session) not in _SECONDS:
        _SECONDS[seed, session] = len(simulated_leg(seed, SESSIONS[session]).grid) / RATE_HZ
    return _SECONDS[seed, session]


_SECONDS: dict[tuple[int, str], float] = {}


def alarms(leg: SimulatedLeg, kind: str) -> list[RaisedEvent]:
    """The slips that were told, causally or two-sided."""
    if kind == "causal":
        engine = LegEngine(leg.side, RATE_HZ, LegSettings())
        engine.update(leg.grid)
        events = engine.take_events()
    else:
        events = analyse_leg(leg.grid, leg.side, LegSettings()).events
    return [event for event in events if event.fields.get("status") == "slipped"]


def measure(seed: int, sizes_deg: Sequence[float], kinds: Sequence[str], axis: str, session: str) -> list[Trial]:
    """One person with a slip of each size, 0 for none."""
    trials = []
    for size in sizes_deg:
        leg, slip = slipped_leg(seed, size, axis, session)
        minutes = len(leg.grid) / RATE_HZ / 60.0
        for kind in kinds:
            told = alarms(leg, kind)
            if slip is None:
                trials.append(Trial(seed, kind, 0.0, minutes, early=len(told)))
                continue
            left_s = 60.0 * minutes - slip.time_s
            early = [event for event in told if float(str(event.fields["by_s"])) < slip.time_s - TOLERANCE_S]
            found = [event for event in told if float(str(event.fields["by_s"])) >= slip.time_s - TOLERANCE_S]
            if not found:
                trials.append(Trial(seed, kind, size, minutes, slip.segment.value, left_s, early=len(early)))
                continue
            fields = found[0].fields
            trials.append(
                Trial(
                    seed,
                    kind,
                    size,
                    minutes,
                    slip.segment.value,
                    left_s,
                    str(fields["segment"]),
                    float(str(fields["noticed_s"])) - slip.time_s,
                    float(str(fields["angle_deg"])),
                    float(str(fields["since_s"])) - slip.time_s,
                    float(str(fields["by_s"])) - slip.time_s,
                    len(early),
                    len(found) - 1,
                )
            )
    return trials


def report(trials: list[Trial]) -> None:
    """Print the tables."""
    for kind in dict.fromkeys(t.kind for t in trials):
        mine = [t for t in trials if t.kind == kind]
        clean = [t for t in mine if t.size_deg == 0.0]
        hours = sum(t.minutes for t in clean) / 60.0
        false = sum(t.early for t in clean)
        print(f"{kind}: {len(clean)} sessions without a slip, {hours:.2f} h, {false} false alarms")
        for size in SIZES_DEG:
            some = [t for t in mine if t.size_deg == size]
            if not some:
                continue
            found = [t for t in some if np.isfinite(t.delay_s)]
            delays = [t.delay_s for t in found] or [float("nan")]
            named = sum(t.told == t.segment for t in found)
            wrong = sum(t.told not in (t.segment, "thigh or shank") for t in found)
            off = [t.angle_deg - size for t in found] or [float("nan")]
            inside = sum(t.since_off_s <= TOLERANCE_S and t.by_off_s >= -TOLERANCE_S for t in found)
            spans = [t.by_off_s - t.since_off_s for t in found] or [float("nan")]
            left = ", ".join(f"{t.left_s:.0f}" for t in some if not np.isfinite(t.delay_s))
            missed = f" (the others with {left} s left)" if left else ""
            print(
                f"  {size:4.0f} deg: noticed {len(found)} of {len(some)}{missed}, after {np.median(delays):.0f} s in"
                f" the median (90 % within {np.percentile(delays, 90):.0f} s, worst {max(delays):.0f} s), sensor right"
                f" {named}, wrong {wrong}, angle off by"
                f" {np.sqrt(np.mean(np.square(off))):.1f} deg rms, time told right {inside} (within"
                f" {np.median(spans):.0f} s in the median), alarms before {sum(t.early for t in some)},"
                f" again {sum(t.later for t in found)}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST_UNSEEN, help="first seed (below 100: used for tuning)")
    parser.add_argument("--axis", default="any", choices=sorted(AXES))
    parser.add_argument("--session", default="everyday", choices=sorted(SESSIONS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="print every trial")
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.0, *SIZES_DEG], help="deg; 0: without a slip")
    parser.add_argument("--kinds", nargs="+", default=["causal", "offline"], choices=["causal", "offline"])
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.people)
    with ProcessPoolExecutor(options.jobs) as pool:
        trials = []
        chosen = partial(
            measure, sizes_deg=options.sizes, kinds=options.kinds, axis=options.axis, session=options.session
        )
        for some in pool.map(chosen, seeds):
            trials += some
            for trial in some if options.each else ():
                print(trial, flush=True)
    report(trials)


if __name__ == "__main__":
    main()
