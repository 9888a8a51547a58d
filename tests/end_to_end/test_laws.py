"""The laws of the engine, on whole sessions: live is replay, mirror, mounting, memory."""

import tracemalloc
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.blocks import LegBlock, join
from pipeline.offline import process
from pipeline.records import Event, Record, Side
from pipeline.session import Session, Settings
from pipeline.update import Update
from tests.end_to_end.simulated_legs import SEGMENTS, records, sensors, simulation

BOTH = "stand:5.5,flex:6@{side},walk:10,up:4,stand:3,squat:2,lunge:2@{side},stand:2"
"""Every kind of movement, for two legs that are analysed again and again."""
ANGLES = ("flexion", "abduction", "rotation", "excess", "collapse", "shank_tilt", "thigh_tilt")


def run(session: Session, pieces: list[list[Record]]) -> Update:
    """Everything a session gave, in one update."""
    whole = Update()
    for update in [*(session.feed(piece) for piece in pieces), session.finish()]:
        for f in fields(Update):
            getattr(whole, f.name).extend(getattr(update, f.name))
    return whole


def leg(update: Update, side: Side) -> LegBlock:
    return join([r.block for r in update.legs if r.side is side])


def assert_identical(a: Update, b: Update, side: Side) -> None:
    one, two = leg(a, side), leg(b, side)
    for f in fields(LegBlock):
        x, y = getattr(one, f.name), getattr(two, f.name)
        assert np.array_equal(x, y, equal_nan=True) if isinstance(x, np.ndarray) else x == y, f.name
    assert [repr(s) for s in a.steps] == [repr(s) for s in b.steps]
    assert [repr(e) for e in a.episodes] == [repr(e) for e in b.episodes]
    assert [repr(e) for e in a.events] == [repr(e) for e in b.events]
    codes = [np.concatenate([r.activity for r in u.legs if r.side is side]) for u in (a, b)]
    assert np.array_equal(*codes)


@pytest.fixture(scope="module")
def both_legs() -> tuple[list[Record], Update]:
    """Four sensors, a marker and a tick; and what a session gives when every record is fed alone."""
    left = records(simulation(3, Side.LEFT, BOTH).table(Side.LEFT))
    right = records(simulation(3, Side.RIGHT, BOTH).table(Side.RIGHT), first_id=3)
    extra = [Event(0, 20_000_000_000, "marker", {"label": "video"}), Event(0, 21_000_000_000, "tick", {})]
    merged = sorted([*left, *right, *extra], key=lambda r: r.host_time_ns)
    numbered = [type(r)(i, *[getattr(r, f.name) for f in fields(r)][1:]) for i, r in enumerate(merged)]
    session = Session([*sensors(Side.LEFT), *sensors(Side.RIGHT, 3)])
    return numbered, run(session, [[r] for r in numbered])


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_a_replay_gives_the_bits_of_the_live_session(both_legs, data):
    stream, live = both_legs
    cuts = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=40))
    rows = data.draw(st.integers(1, 200))
    bounds = sorted({0, len(stream), *cuts})
    session = Session([*sensors(Side.LEFT), *sensors(Side.RIGHT, 3)], Settings(min_rows=rows))
    replay = run(session, [stream[a:b] for a, b in pairwise(bounds)])
    for side in Side:
        assert_identical(live, replay, side)


def test_the_live_session_found_something(both_legs):
    """The law above would hold for a session that finds nothing."""
    _, live = both_legs
    assert len(live.steps) > 20 and {e.kind for e in live.events} >= {"step", "calibration", "marker", "activity"}
    for side in Side:
        assert leg(live, side).valid.mean() > 0.4


def rotated(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same movement with both sensors mounted otherwise."""
    other = table.copy()
    for k, segment in enumerate(SEGMENTS):
        turn = Rotation.random(random_state=seed + k)
        for kind in ("acc", "gyr"):
            names = [f"{segment.value}_{kind}_{a}" for a in "xyz"]
            other[names] = turn.apply(table[names].to_numpy().copy())
    return other


def mirrored(table: pd.DataFrame) -> pd.DataFrame:
    """The mirror image: forces change their sign along the mirrored axis, rates along the others."""
    other = table.copy()
    for segment in SEGMENTS:
        other[f"{segment.value}_acc_z"] *= -1.0
        for axis in "xy":
            other[f"{segment.value}_gyr_{axis}"] *= -1.0
    return other


def offline(table: pd.DataFrame, side: Side) -> LegBlock:
    return leg(process(records(table), sensors(side)).update, side)


def causal(table: pd.DataFrame, side: Side) -> LegBlock:
    return leg(run(Session(sensors(side), Settings(min_rows=100)), [records(table)]), side)


@pytest.mark.parametrize("analyse", [offline, causal])
def test_the_mirror_image_is_the_other_leg(analyse):
    table = simulation(4, Side.RIGHT).table(Side.RIGHT)
    right, left = analyse(table, Side.RIGHT), analyse(mirrored(table), Side.LEFT)
    assert np.isfinite(right.abduction).sum() > 2000 and np.array_equal(right.valid, left.valid)
    for name in ANGLES:
        # The steps before a common look at everything magnify rounding; the smallest stated deviation is 0.2 deg.
        assert np.nanmax(np.abs(np.rad2deg(getattr(right, name) - getattr(left, name)))) < 0.02, name


@cache
def as_mounted(analyse: Callable[[pd.DataFrame, Side], LegBlock]) -> LegBlock:
    return analyse(simulation(5, Side.LEFT).table(Side.LEFT), Side.LEFT)


@pytest.mark.parametrize("analyse", [offline, causal])
@pytest.mark.parametrize("seed", [10, 20])
def test_the_mounting_does_not_matter(analyse, seed):
    table = simulation(5, Side.LEFT).table(Side.LEFT)
    one, two = as_mounted(analyse), analyse(rotated(table, seed), Side.LEFT)
    assert np.isfinite(one.abduction).sum() > 2000
    for name in ANGLES:
        # A rest at the edge of what counts as one may count in one of them and not in the other.
        assert np.nanmax(np.abs(np.rad2deg(getattr(one, name) - getattr(two, name)))) < 0.3, name


def test_memory_stays_constant_in_replay():
    """What a session keeps must not grow with what it has seen: the last third of a long walk needs no more than the
    half minute before it, when the calibration's rows have been let go."""
    table = simulation(6, Side.RIGHT, "stand:5.5,flex:6@{side},walk:300").table(Side.RIGHT)
    session = Session(sensors(Side.RIGHT), Settings(min_rows=50))
    stream = records(table)
    held = []
    tracemalloc.start()
    try:
        for begin in range(0, len(stream), 500):
            session.feed(stream[begin : begin + 500])
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    half, last = round(0.58 * len(held)), round(0.68 * len(held))
    assert max(held[last:]) < 1.1 * max(held[half:last]) + 200_000
