"""What other open methods make of the same sessions, with the same alignment (extra `bench`).

| name | relative orientation from |
|---|---|
| VQF alone | each sensor's 6-axis filter; the relative heading of the first standing, kept |
| Madgwick | the same with ahrs's Madgwick filter, gyroscope bias of the first rest |
| qmt | VQF, heading corrected by a hinge about the flexion axes (Laidig, Lehmann, Begin, Seel 2019; qmt `euler_1d`) |
| MAP-acc, MEKF-acc | dfjimu, joint-centre acceleration with estimated lever arms (Weygers and Kok 2020) |

All of them get the standing + flexions alignment of this project's own calibration and its unloaded path.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import LeverArms
from pipeline.blocks import Floats, GridBlock, LegBlock
from pipeline.heading_model import DELTA, STATES
from pipeline.leg_rows import LegRows
from pipeline.leg_settings import LegSettings
from pipeline.neutral import neutral_turn
from pipeline.orientation import Orientation, OrientationParameters, Oriented, orient_offline
from pipeline.quaternions import about_z, conjugate, from_matrix, multiply, rotate
from pipeline.slip import SlipParameters
from pipeline.slip_evidence import SlipEvidenceParameters
from pipeline.smoothing import Smoothed
from pipeline.two_sided import analyse_leg, analyse_oriented, neutrals
from tests.benchmarks.angles.dfjimu_peer import joint_orientation
from tests.benchmarks.people import RATE_HZ, SimulatedLeg, causal, errors, offline, rmse, rows_of, simulated_leg

ANGLES = ("flexion", "abduction", "rotation", "excess")
GROUPS = ("walking", "other")
_UNWATCHED = LegSettings(slip=SlipParameters(test=SlipEvidenceParameters(sure=np.inf)))
"""Nobody slips here, and a peer's heading must not be taken for a slip."""


@dataclass
class Compared:
    """rmse: (method, group, angle) to deg."""

    seed: int
    rmse: dict[tuple[str, str, str], float]


def compared(seed: int) -> Compared:
    """One person, analysed by everybody. Causal methods count from 60 s on."""
    leg = simulated_leg(seed)
    result = {}
    for name, (method, after_s) in METHODS.items():
        if name.split()[0] in _NEEDS and find_spec(_NEEDS[name.split()[0]]) is None:
            continue
        found = errors(leg, block := method(leg))
        for group in GROUPS:
            rows = rows_of(leg, block, group, after_s)
            for angle in ANGLES:
                result[name, group, angle] = rmse(found[angle][rows])
    return Compared(seed, result)


def _vqf(leg: SimulatedLeg) -> tuple[Oriented, Oriented]:
    g = leg.grid
    return (
        orient_offline(g.thigh_acc, g.thigh_gyr, g.thigh_ok, RATE_HZ),
        orient_offline(g.shank_acc, g.shank_gyr, g.shank_ok, RATE_HZ),
    )


def _madgwick(leg: SimulatedLeg) -> tuple[Oriented, Oriented]:
    g, p = leg.grid, OrientationParameters(filter="madgwick")
    return (
        Orientation(RATE_HZ, p).update(g.thigh_acc, g.thigh_gyr, g.thigh_ok),
        Orientation(RATE_HZ, p).update(g.shank_acc, g.shank_gyr, g.shank_ok),
    )


def _standing_heading(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> Smoothed:
    """The heading of the first standing, for ever."""
    turns = [n.turn for _, n in neutrals(rows, alignment, settings, RATE_HZ)]
    return _headed(np.zeros(1), np.array([turns[0] if turns else 0.0]))


def _hinged_heading(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> Smoothed:
    """qmt's: both segments' flexion axes agree."""
    import qmt

    thigh = multiply(one.quat, conjugate(from_matrix(alignment.thigh_from_sensor)))
    shank = multiply(two.quat, conjugate(from_matrix(alignment.shank_from_sensor)))
    with contextlib.redirect_stdout(io.StringIO()):
        _, _, delta, *_ = qmt.headingCorrection(
            one.gyr @ alignment.thigh_from_sensor.T,
            two.gyr @ alignment.shank_from_sensor.T,
            thigh,
            shank,
            np.arange(len(thigh)) / grid.rate_hz,
            np.array([0.0, 0.0, 1.0]),
            {},
            {"constraint": "euler_1d"},
        )
    return _headed(grid.start + np.arange(len(thigh), dtype=float), np.unwrap(np.ravel(delta)))


def _headed(times: Floats, delta: Floats) -> Smoothed:
    mean = np.zeros((len(delta), STATES))
    mean[:, DELTA] = delta
    return Smoothed(times, mean, np.zeros((len(delta), 7)), LeverArms.zero(), 0.1)


def _with(
    orient: Callable[[SimulatedLeg], tuple[Oriented, Oriented]], smooth: Callable[..., Smoothed]
) -> Callable[[SimulatedLeg], LegBlock]:
    return lambda leg: analyse_oriented(leg.grid, *orient(leg), leg.side, _UNWATCHED, smooth).block


def _dfjimu(offline: bool) -> Callable[[SimulatedLeg], LegBlock]:
    def method(leg: SimulatedLeg) -> LegBlock:
        one, two = _vqf(leg)
        g = leg.grid
        # It takes both sensors to begin alike: the shank's signals are turned by what the standing tells.
        alignment = analyse_leg(g, leg.side, LegSettings()).alignment
        assert alignment is not None
        ok = g.thigh_ok & g.shank_ok
        rows = LegRows(g.start, g.thigh_acc, one.gyr, one.quat, g.shank_acc, two.gyr, two.quat, ok)
        heading = about_z(np.array([neutral_turn(rows.cut(100, 400), alignment)]))
        begin = multiply(conjugate(one.quat[250:251]), multiply(heading, two.quat[250:251]))
        acc2, gyr2 = (rotate(np.repeat(begin, len(g), axis=0), v) for v in (g.shank_acc, two.gyr))
        turned = joint_orientation((g.thigh_acc, one.gyr, acc2, gyr2), RATE_HZ, offline, one.quat[0])
        # The thigh as VQF has it, and the shank where the relative orientation puts it.
        two = Oriented(multiply(one.quat, multiply(turned, begin)), two.gyr, two.restarted)
        return analyse_oriented(g, one, two, leg.side, _UNWATCHED, _no_heading).block

    return method


def _no_heading(
    grid: GridBlock, rows: LegRows, one: Oriented, two: Oriented, alignment: Alignment, settings: LegSettings
) -> Smoothed:
    """Both in one frame already."""
    return _headed(np.zeros(1), np.zeros(1))


_NEEDS = {"qmt": "qmt", "MAP-acc": "dfjimu", "MEKF-acc": "dfjimu"}
METHODS: dict[str, tuple[Callable[[SimulatedLeg], LegBlock], float]] = {
    "kneetrack offline": (offline, 0.0),
    "kneetrack causal": (causal, 60.0),
    "VQF alone": (_with(_vqf, _standing_heading), 0.0),
    "Madgwick": (_with(_madgwick, _standing_heading), 60.0),
    "qmt offline": (_with(_vqf, _hinged_heading), 0.0),
    "MAP-acc offline": (_dfjimu(True), 0.0),
    "MEKF-acc causal": (_dfjimu(False), 60.0),
}


def report(people: list[Compared]) -> None:
    """Print a line per method."""
    print(f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed};", end=" ")
    print("RMSE in deg, median (worst), walking / other")
    print(f"{'':<20}" + "".join(f"{angle:>26}" for angle in ANGLES))
    for name in METHODS:
        if (name, GROUPS[0], ANGLES[0]) not in people[0].rmse:
            print(f"{name:<20}  not installed (pip install 'kneetrack[bench]')")
            continue
        cells = []
        for angle in ANGLES:
            values = [[p.rmse[name, group, angle] for p in people] for group in GROUPS]
            cells.append("  /".join(f"{np.median(v):6.2f} ({np.max(v):4.1f})" for v in values))
        print(f"{name:<20}" + "  ".join(cells))
