"""One leg as a whole: any cutting, both ways of looking, holes, and what must never be judged."""

import json
import math
from collections.abc import Iterable
from dataclasses import astuple, fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.blocks import LegBlock, Status
from pipeline.loads import Past
from pipeline.movement import Movement, MovementUpdate, analyse
from pipeline.records import Side
from pipeline.simulation.script import Bout, Collapse
from tests.pipeline.made_legs import RATE_HZ, leg, simulated

COLLAPSES = (Collapse(Side.RIGHT, 2, "abduction", "foot", 10.0), Collapse(Side.RIGHT, 5, "both", "hip", 10.0))
SESSION = (
    Bout("stand", 3.0),
    Bout("walk", 14.0, collapses=COLLAPSES),
    Bout("stand", 2.0),
    Bout("squat", 3, collapses=(Collapse(Side.RIGHT, 1, "both", "hip", 12.0),)),
    Bout("stand", 2.0),
    Bout("lunge", 3),
    Bout("stand", 2.0),
    Bout("sit", 1),
    Bout("stand", 2.0),
)
SEED = 7


@cache
def session() -> LegBlock:
    return simulated(SEED, SESSION).leg_block(Side.RIGHT)


def noisy(block: LegBlock, seed: int) -> LegBlock:
    """The block with noise, unknown stretches and gaps as a real engine gives them."""
    rng = np.random.default_rng(seed)
    n = len(block)
    status = block.status.copy()
    valid = block.valid.copy()
    holes = {}
    gap = int(rng.integers(0, n - 60))
    status[gap : gap + 40] = Status.GAP
    calibrating = int(rng.integers(0, 400))
    status[:calibrating] = np.maximum(status[:calibrating], Status.CALIBRATING)
    valid[:calibrating] = False
    valid[gap : gap + 40] = False
    for name in ("abduction", "excess", "rotation"):
        column = getattr(block, name) + rng.normal(0, 0.005, n)
        column[~valid] = np.nan
        holes[name] = column
    rate = block.shank_rate + rng.normal(0, 0.05, n)
    rate[gap : gap + 40] = np.nan
    return replace(block, shank_rate=rate, status=status, valid=valid, **holes)


def collected(updates: Iterable[MovementUpdate]) -> tuple[bytes, str]:
    """Everything that came out, comparable bit for bit (NaN equal to NaN)."""
    parts = list(updates)
    codes = b"".join(u.activity.tobytes() for u in parts)
    rows = [astuple(r) for u in parts for r in [*u.steps]]
    episodes = [astuple(r) for u in parts for r in u.episodes]
    events = [astuple(r) for u in parts for r in u.events]
    return codes, repr((rows, episodes, events))


def causal(block: LegBlock) -> MovementUpdate:
    stage = Movement(Side.RIGHT)
    update, last = stage.update(block), stage.finish()
    return MovementUpdate(
        update.activity, update.steps + last.steps, update.episodes + last.episodes, update.events + last.events
    )


@cache
def live_session() -> MovementUpdate:
    """What the session gives live, and both ways in time: many tests look at it, none changes it."""
    return causal(session())


@cache
def whole_session() -> MovementUpdate:
    return analyse(Side.RIGHT, session())


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=60), st.integers(0, 2**31))
def test_any_cutting_gives_the_same_rows_episodes_and_events(cuts: list[int], seed: int) -> None:
    block = noisy(session(), seed)
    whole = Movement(Side.RIGHT)
    expected = collected([whole.update(block), whole.finish()])
    stage = Movement(Side.RIGHT)
    updates = []
    begin = 0
    for cut in [*cuts, len(block)]:
        end = min(begin + cut, len(block))
        updates.append(stage.update(block.cut(begin, end)))
        begin = end
    updates.append(stage.finish())
    assert collected(updates) == expected


@pytest.mark.parametrize("size", [7, 333, 4096])
def test_what_lasts_longer_than_the_past_that_is_kept_is_cut_alike(size: int) -> None:
    """A squat held for a minute with the knees fallen inward."""
    half = np.linspace(0, 1, 150)
    held = np.concatenate([np.zeros(200), half, np.ones(6000), half[::-1], np.zeros(900)])
    wave = 1.0 + 0.01 * np.sin(np.arange(len(held)) / 40.0)
    block = leg(
        len(held),
        flexion=1.6 * held * wave,
        thigh_incl=1.15 * held * wave,
        shank_incl=-0.45 * held * wave,
        collapse=0.3 * held * wave,
        excess=0.2 * held * wave,
        abduction=0.2 * held,
    )
    whole, pieces = Movement(Side.RIGHT), Movement(Side.RIGHT)
    expected = collected([whole.update(block), whole.finish()])
    updates = [pieces.update(block.cut(k, min(k + size, len(block)))) for k in range(0, len(block), size)]
    assert collected([*updates, pieces.finish()]) == expected
    assert "episode_end" in expected[1]


def test_one_row_at_a_time_gives_the_same() -> None:
    block = session().cut(0, 1500)
    whole, single = Movement(Side.RIGHT), Movement(Side.RIGHT)
    expected = collected([whole.update(block), whole.finish()])
    updates = [single.update(block.cut(k, k + 1)) for k in range(len(block))]
    assert collected([*updates, single.finish()]) == expected


def test_the_past_that_is_kept_is_bounded() -> None:
    past = Past(RATE_HZ)
    for k in range(2000):
        past.append(leg(50, start=50 * k))
    assert past.rows_kept() <= 32 * RATE_HZ


@pytest.mark.parametrize("way", ["causal", "two-sided"])
def test_every_injected_collapse_is_an_episode_in_its_step_and_nothing_else_is(way: str) -> None:
    truth = simulated(SEED, SESSION).truth_episodes()
    update = live_session() if way == "causal" else whole_session()
    assert len(truth) == 3
    assert len(update.episodes) == 3
    steps = {s.index: s for s in update.steps}
    for row, found in zip(truth.itertuples(), update.episodes, strict=True):
        assert found.peak_s == pytest.approx(row.peak_s, abs=0.3)
        assert found.activity == row.activity
        assert found.driver == row.driver
        step = steps[found.step_index]
        assert step.start_s <= found.peak_s <= step.end_s
        assert step.peak_valgus_excess_deg >= found.peak_excess_deg - 1e-9


def test_both_ways_find_the_same_steps() -> None:
    live, later = live_session(), whole_session()
    assert [s.activity for s in live.steps] == [s.activity for s in later.steps]
    for a, b in zip(live.steps, later.steps, strict=True):
        assert a.start_s == pytest.approx(b.start_s, abs=0.03)
        assert a.end_s == pytest.approx(b.end_s, abs=0.03)


def test_the_other_leg_gives_the_same_with_its_own_name() -> None:
    right, left = whole_session(), analyse(Side.LEFT, session())
    assert {s.side for s in left.steps} == {"left"} and {e.side for e in left.episodes} == {"left"}
    assert [replace(s, side="right") for s in left.steps].__repr__() == right.steps.__repr__()


def test_steps_are_known_within_150_ms_of_their_contact_and_cues_soon_after_the_rule() -> None:
    events = live_session().events
    assert [e.time_s for e in events] == sorted(e.time_s for e in events)
    steps = [e for e in events if e.kind == "step"]
    assert len(steps) > 8
    assert all(e.time_s - float(str(e.fields["end_s"])) <= 0.15 for e in steps)
    cues = [e for e in events if e.kind == "episode_start"]
    assert len(cues) == 3
    # 100 ms above the threshold, and at most 100 ms more.
    assert all(e.time_s - float(str(e.fields["start_s"])) <= 0.2 for e in cues)


def test_events_are_json() -> None:
    events = live_session().events
    assert {"step", "repetition", "set", "activity", "episode_start", "episode_end"} == {e.kind for e in events}
    json.dumps([e.fields for e in events], allow_nan=False)


def test_angles_that_are_not_valid_leave_steps_but_no_episodes() -> None:
    """As in a recording calibrated from its motion: rates and flexion known, abduction and rotation not trusted."""
    block = session()
    n = len(block)
    fallback = replace(block, valid=np.zeros(n, dtype=bool), abduction=np.full(n, np.nan), rotation=np.full(n, np.nan))
    for update in (causal(fallback), analyse(Side.RIGHT, fallback)):
        assert len(update.steps) == len(live_session().steps)
        assert update.episodes == []
        assert all(math.isnan(s.peak_abduction_deg) for s in update.steps)
        assert all(math.isfinite(s.peak_flexion_deg) for s in update.steps)


@pytest.mark.parametrize("status", [Status.GAP, Status.SINGLE_SENSOR])
def test_a_lost_shank_ends_the_step_and_everything_in_it_is_other(status: Status) -> None:
    block = session()
    lost = slice(800, 880)
    rate, lean, marks = block.shank_rate.copy(), block.shank_incl.copy(), block.status.copy()
    rate[lost] = lean[lost] = np.nan
    marks[lost] = status
    broken = replace(block, shank_rate=rate, shank_incl=lean, status=marks, valid=block.valid & (marks == Status.OK))
    for update in (causal(broken), analyse(Side.RIGHT, broken)):
        assert set(update.activity[lost]) == {0}
        assert not any(s.start_s < 8.8 and s.end_s > 8.0 for s in update.steps)
        assert not any(e.start_s < 8.8 and e.end_s > 8.0 for e in update.episodes)


def test_a_missing_thigh_leaves_the_steps() -> None:
    block = session()
    unknown = np.full(len(block), np.nan)
    alone = replace(
        block,
        thigh_incl=unknown,
        thigh_rate=unknown,
        flexion=unknown,
        valid=np.zeros(len(block), dtype=bool),
        status=np.full(len(block), Status.SINGLE_SENSOR, np.uint8),
    )
    walked = [s for s in live_session().steps if s.activity == "walking"]
    steps = [s for s in causal(alone).steps if s.end_s < 20.0]
    assert abs(len(steps) - len(walked)) <= 1
    assert {s.activity for s in steps} <= {"other"}


def test_inclinations_a_few_degrees_off_change_no_step() -> None:
    block = session()
    tilted = replace(
        block,
        thigh_incl=block.thigh_incl + np.radians(4.0),
        shank_incl=block.shank_incl - np.radians(3.0),
        flexion=block.flexion + np.radians(7.0),
    )
    assert [s.activity for s in causal(tilted).steps] == [s.activity for s in live_session().steps]


def test_an_empty_block_is_taken() -> None:
    block = session()
    stage = Movement(Side.RIGHT)
    assert len(stage.update(block.cut(0, 0)).activity) == 0
    assert len(stage.update(block.cut(0, 10)).activity) == 10
    assert len(analyse(Side.RIGHT, block.cut(0, 0)).activity) == 0
    assert Movement(Side.LEFT).finish().steps == []


def test_the_input_is_left_as_it_was() -> None:
    block = session()
    before = {f.name: np.copy(getattr(block, f.name)) for f in fields(block)}
    causal(block)
    analyse(Side.RIGHT, block)
    for name, values in before.items():
        assert np.array_equal(values, getattr(block, name), equal_nan=values.dtype.kind == "f")
