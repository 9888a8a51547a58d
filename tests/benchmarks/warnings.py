"""Warnings of sensors in each other's place: false ones on clean sessions, and how many swaps are found, and when.

`python -m tests.benchmarks.warnings --people 20`: simulated everyday sessions of both legs (seeds from 100 on, none was
used to choose parameters), and shorter ones through the whole engine for legs exchanged altogether; with `--walks DIR`
also public walks of eight people (the folder of datasets).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipeline.blocks import Floats, GridBlock
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.placement_watch import LegsWatch, LegWatch
from pipeline.records import Segment, Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import everyday_script, parse_script
from pipeline.simulation.simulate import simulate
from pipeline.swaps import Fit, SegmentWatch, SideWatch
from pipeline.warned import Warned
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ
from tests.pipeline.leg_from_imu import RawLeg, resampled
from tests.pipeline.public_legs import CMU_PEOPLE, TUGS, cmu_leg, qmt_leg, tug_leg

Signals = dict[tuple[Side, Segment], tuple[Floats, Floats]]
"""Acceleration and rate of each sensor, by the place where it is worn."""


SHORT = "stand:5.5,flex:6@left,flex:6@right,walk:40,stand:3,up:8,down:8,walk:10*0.7"


def simulated(seed: int, script: str = "") -> Signals:
    """An everyday session of some 6 minutes, or a given one."""
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    bouts = parse_script(script) if script else everyday_script(rng, sides=tuple(Side), walk_s=30.0)
    result = simulate(person, bouts, rng, sides=tuple(Side))
    found: Signals = {}
    for side in Side:
        table = result.table(side)
        for segment in Segment:
            acc, gyr = (table[[f"{segment}_{kind}_{a}" for a in "xyz"]].to_numpy() for kind in ("acc", "gyr"))
            found[side, segment] = acc, gyr
    return found


def walks(folder: Path) -> Iterator[tuple[str, Signals]]:
    """Treadmill walks, ordinary and with a stiff knee; one fast gait, and one person who gets up, walks and turns."""
    for person in CMU_PEOPLE:
        for condition in ("CSBaseline", "CSStiffKnee"):
            legs = {side: cmu_leg(folder / "cmu_capacitive", person, condition, side) for side in Side}
            yield f"{person} {condition}", both(legs)
    yield "fast gait", both({side: qmt_leg(folder / "qmt_full_body", side) for side in Side})
    for trial in TUGS:
        yield trial, both({side: tug_leg(folder / "sensbiotk_inria", trial, side) for side in Side})


def both(legs: dict[Side, RawLeg]) -> Signals:
    """The signals of both legs, on the grid's rate."""
    found: Signals = {}
    for side, raw in legs.items():
        leg = resampled(raw, RATE_HZ)
        found[side, Segment.THIGH] = leg.thigh_acc, leg.thigh_gyr
        found[side, Segment.SHANK] = leg.shank_acc, leg.shank_gyr
    return found


def worn(signals: Signals, changed: Callable[[Side, Segment], tuple[Side, Segment]]) -> dict[Side, GridBlock]:
    """What the session sees where each place's sensor is really at another one."""
    rows = min(len(acc) for acc, _ in signals.values())
    yes = np.ones(rows, bool)
    grids = {}
    for side in Side:
        parts = [part[:rows] for segment in Segment for part in signals[changed(side, segment)]]
        grids[side] = GridBlock(0, RATE_HZ, *parts, yes, yes, ~yes)
    return grids


def judged(grids: dict[Side, GridBlock]) -> dict[str, list[tuple[float, Fit]]]:
    """What was told, in order, of the left leg, the right leg, and both."""
    segments = {side: SegmentWatch() for side in Side}
    told = {side.value: [(t.time_s, t.fit) for t in segments[side].update(grids[side])] for side in Side}
    both = SideWatch()
    windows = [(w.number, side, w) for side in Side for w in segments[side].windows]
    told["both"] = []
    for _, side, window in sorted(windows, key=lambda each: each[:2]):
        told["both"] += [(t.time_s, t.fit) for t in both.add(side, [window])]
    return told


def as_worn(side: Side, segment: Segment) -> tuple[Side, Segment]:
    """Everything in its place."""
    return side, segment


def segments_swapped(side: Side, segment: Segment) -> tuple[Side, Segment]:
    """The right leg's thigh and shank exchanged."""
    other = Segment.SHANK if segment is Segment.THIGH else Segment.THIGH
    return (side, other) if side is Side.RIGHT else (side, segment)


def thighs_crossed(side: Side, segment: Segment) -> tuple[Side, Segment]:
    """Both thigh sensors on the other leg."""
    other = Side.LEFT if side is Side.RIGHT else Side.RIGHT
    return (other, segment) if segment is Segment.THIGH else (side, segment)


def report(name: str, sessions: list[tuple[str, Signals]]) -> None:
    """False warnings, detections, delays."""
    clean = [judged(worn(signals, as_worn)) for _, signals in sessions]
    false = [sum(fit is Fit.SWAPPED for told in each.values() for _, fit in told) for each in clean]
    known = sum(each[side.value][-1:] != [] for each in clean for side in Side)
    legs = 2 * len(clean)
    print(f"{name}: {len(sessions)} clean sessions, {sum(false)} false warnings; legs told to fit: {known} of {legs}")
    for what, change, key in (
        ("thigh and shank of the right leg", segments_swapped, Side.RIGHT.value),
        ("thigh sensors of both legs", thighs_crossed, "both"),
    ):
        told = [judged(worn(signals, change))[key] for _, signals in sessions]
        found = [times[0] for each in told if (times := [t for t, fit in each if fit is Fit.SWAPPED])]
        wrong = sum(any(fit is Fit.FITS for _, fit in each) for each in told)
        delay = f"after {np.median(found):.0f} s (median), {max(found):.0f} s at most" if found else ""
        print(f"  {what} swapped: {len(found)} of {len(told)} found {delay}; {wrong} told to fit")


def exchanged(signals: Signals) -> tuple[str, str]:
    """What is told of whole legs as worn, and exchanged, by the angles that the engine finds."""
    worn_right, worn_wrong = (placed(worn(signals, change)) for change in (as_worn, legs_exchanged))
    return worn_right, worn_wrong


def placed(grids: dict[Side, GridBlock], rows: int = 100) -> str:
    """`swapped` where it was ever warned of exchanged legs, else what is believed in the end."""
    engines = {side: LegEngine(side, RATE_HZ, LegSettings()) for side in Side}
    legs = {side: LegWatch(side, [], dict) for side in Side}
    watch = LegsWatch()
    for begin in range(0, len(grids[Side.LEFT]), rows):
        for side, grid in grids.items():
            piece = grid.cut(begin, min(begin + rows, len(grid)))
            legs[side].rows(piece)
            watch.rows(legs[side])
            events = [event for block in engines[side].update(piece) for event in watch.angles(side, block)]
            if any(event.fields["warning"] == Warned.SWAPPED_SIDES.value for event in events):
                return Fit.SWAPPED.value
    return watch.mirrored.value


def legs_exchanged(side: Side, segment: Segment) -> tuple[Side, Segment]:
    """The left leg's sensors on the right leg, and the other way round."""
    return (Side.LEFT if side is Side.RIGHT else Side.RIGHT), segment


def report_exchanged(name: str, sessions: list[tuple[str, Signals]]) -> None:
    """False warnings, detections, and what is left unknown."""
    told = [exchanged(signals) for _, signals in sessions]
    clean, swapped = (np.array([pair[k] for pair in told]) for k in range(2))
    false = int((clean == "swapped").sum())
    print(f"{name}: whole legs, {len(told)} clean sessions, {false} false warnings, {int((clean == 'fits').sum())} fit")
    counts = {fit.value: int((swapped == fit.value).sum()) for fit in Fit}
    print(
        f"  left and right exchanged: {counts['swapped']} found, {counts['fits']} told to fit, "
        f"{counts['unknown']} unknown"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--walks", type=Path)
    parser.add_argument("--only-exchanged", action="store_true")
    asked = parser.parse_args()
    seeds = range(FIRST_UNSEEN, FIRST_UNSEEN + asked.people)
    if not asked.only_exchanged:
        report("simulated", [(str(seed), simulated(seed)) for seed in seeds])
    report_exchanged("simulated", [(str(seed), simulated(seed, SHORT)) for seed in seeds])
    if asked.walks:
        real = list(walks(asked.walks))
        report("public walks", real)
        report_exchanged("public walks", real)


if __name__ == "__main__":
    main()
