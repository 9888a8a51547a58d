"""Two sensors' clocks by the motion of the joint that they share: two links on a ball joint, and simulated people.

The people's seeds are 100 and above: parameters were chosen on others.
"""

from functools import cache

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from firmware_interface.samples import Floats
from pipeline.records import Segment, Side
from pipeline.shared_motion import Seen, SharedMotion, SharedMotionParameters
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import simulate
from pipeline.track import Row
from tests.pipeline.two_links import two_links

RATE_HZ = 100.0
Signals = tuple[Floats, Floats]
"""Columns acc, gyr (n, 6) of both sensors on one grid."""


def rows_of(signals: Floats, ok: Floats | None = None) -> list[Row]:
    good = np.ones(len(signals), bool) if ok is None else ok
    return [
        ((r[0], r[1], r[2]), (r[3], r[4], r[5]), bool(k), False)
        for r, k in zip(signals.tolist(), good.tolist(), strict=True)
    ]


def windows(one: list[Row], two: list[Row], parameters: SharedMotionParameters | None = None) -> list[Seen | None]:
    motion = SharedMotion(RATE_HZ, parameters)
    return [motion.take() for a, b in zip(one, two, strict=True) if motion.add(a, b)]


def linked(seed: int, offset_s: float, seconds: float = 20.0) -> Signals:
    """Two links on a ball joint; the second's rows show what was offset_s later."""
    links = two_links(seed, seconds + 1.0, RATE_HZ)
    t = np.arange(len(links.acc[0])) / RATE_HZ
    inner = slice(50, 50 + round(seconds * RATE_HZ))
    one, two = (np.hstack([links.acc[k], links.gyr[k]]) for k in (0, 1))
    return one[inner], CubicSpline(t, two)(t[inner] + offset_s)


@cache
def walker(seed: int, script: str, offset_s: float) -> Signals:
    """A simulated person's thigh and shank rows, the shank's offset_s later."""
    side = Side.RIGHT if seed % 2 else Side.LEFT
    rng = np.random.default_rng(seed)
    made = simulate(draw_person(rng), parse_script(script.format(side=side.value)), rng, sides=(side,))
    t = np.arange(20, int((made.seconds - 0.3) * RATE_HZ)) / RATE_HZ
    signals = []
    for segment, late in ((Segment.THIGH, 0.0), (Segment.SHANK, offset_s)):
        trace = made.sensors[side, segment]
        signals.append(CubicSpline(trace.t, np.hstack([trace.acc, trace.gyr]))(t + late))
    return signals[0], signals[1]


@pytest.mark.parametrize("offset_s", [0.0, 0.004, -0.017, 0.045])
def test_the_offset_of_two_links_on_a_joint_is_found_whatever_their_mounting(offset_s: float) -> None:
    one, two = linked(3, offset_s)
    found = windows(rows_of(one), rows_of(two))
    assert len(found) == 5 and all(found)
    later = [seen for seen in found[1:] if seen]
    assert np.abs([seen.offset_s - offset_s for seen in later]).max() < 5e-4


def test_the_sensors_change_roles_with_the_sign() -> None:
    one, two = linked(4, 0.012)
    there = [seen for seen in windows(rows_of(one), rows_of(two)) if seen]
    back = [seen for seen in windows(rows_of(two), rows_of(one)) if seen]
    assert [seen.offset_s for seen in there] == pytest.approx([-seen.offset_s for seen in back], abs=1e-6)


@pytest.mark.parametrize("seed", [100, 101, 102, 103])
def test_walking_people(seed: int) -> None:
    """Soft tissue, shocks and sensor errors included: within three of the stated standard deviations, and 4 ms."""
    offset_s = 0.018 if seed % 2 else -0.011
    one, two = walker(seed, "stand:5.5,flex:6@{side},walk:14", offset_s)
    found = [seen for seen in windows(rows_of(one), rows_of(two)) if seen]
    assert len(found) >= 3
    for seen in found:
        assert abs(seen.offset_s - offset_s) < 3 * np.hypot(seen.sd_s, 1.5e-3)
    assert abs(found[-1].offset_s - offset_s) < 4e-3


@pytest.mark.parametrize("seed", [100, 101])
def test_who_stands_shows_nothing(seed: int) -> None:
    one, two = walker(seed, "stand:25", 0.01)
    assert [seen for seen in windows(rows_of(one), rows_of(two)) if seen] == []


def test_holes_cost_windows_and_never_bend_one() -> None:
    one, two = linked(5, 0.009)
    ok = np.ones(len(one), bool)
    rng = np.random.default_rng(5)
    for begin in rng.integers(0, len(one) - 20, 4):
        ok[begin : begin + 15] = False
    ok[800:1100] = False
    held = one.copy()
    for k in np.flatnonzero(~ok):
        held[k] = held[k - 1]
    found = windows(rows_of(held, ok), rows_of(two))
    seen = [window for window in found if window]
    assert len(seen) >= 2 and len({window.rows for window in seen}) > 1
    assert sum(window.rows for window in seen) < ok.sum()
    assert np.abs([window.offset_s - 0.009 for window in seen]).max() < 1e-3


def test_strangers_show_nothing_that_is_believed() -> None:
    """Two sensors on different joints: no window may claim what a clock would be moved by, again and again alike."""
    one, _ = linked(6, 0.0)
    _, two = linked(7, 0.0)
    found = [seen for seen in windows(rows_of(one), rows_of(two)) if seen]
    assert len(found) <= 1


def test_impossible_rows_break_nothing() -> None:
    rng = np.random.default_rng(8)
    wild = rng.normal(size=(800, 6)) * 10.0 ** rng.integers(-30, 30, (800, 1))
    for signals in (wild, np.zeros((800, 6)), np.full((800, 6), 1e200)):
        with np.errstate(all="ignore"):
            for seen in windows(rows_of(signals), rows_of(rng.normal(size=(800, 6)))):
                assert seen is None or (np.isfinite(seen.offset_s) and seen.sd_s > 0)
