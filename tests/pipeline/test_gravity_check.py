"""A sensor whose gravity is wrong: mended where the recording can, refused in one line where not, never silent."""

from dataclasses import fields, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from calibration.inertial import Inertial
from pipeline.blocks import GridBlock, Status, join
from pipeline.errors import BadInputError
from pipeline.gravity_check import GravityCheck, checked
from pipeline.offline import process
from pipeline.records import Side
from pipeline.rows import StepRow
from pipeline.session import Session, Settings
from tests.calibration.test_six_positions import laid_down, six_sides
from tests.end_to_end.simulated_legs import records, sensors, simulation

RATE = 100.0
OFFSET = np.array([2.0, -3.5, 3.0])
HOPELESS = np.array([3.0, -7.0, 6.0])


def grid(thigh_offset: np.ndarray, seed: int = 1, turns: int | None = None) -> GridBlock:
    """Both sensors laid on all sides (or a few), the thigh's with an offset."""
    rng = np.random.default_rng(seed)
    acc, gyr = laid_down(six_sides(rng)[:turns], rng)
    acc = acc + rng.normal(0, 0.02, acc.shape)
    yes = np.ones(len(acc), bool)
    return GridBlock(0, RATE, acc + thigh_offset, gyr, acc, gyr, yes, yes, ~yes)


def resting_norms(acc: np.ndarray) -> np.ndarray:
    """Of the rests of 4 s before each turn of 1.5 s."""
    return np.array([np.linalg.norm(acc[i + 100 : i + 350].mean(axis=0)) for i in range(0, len(acc) - 399, 550)])


def test_offline_a_bad_sensor_is_mended_from_rests_at_many_inclinations():
    mended, events, complaints, _ = checked(grid(OFFSET), Side.LEFT, [])
    assert not complaints
    assert np.abs(resting_norms(mended.thigh_acc) / 9.80665 - 1).max() < 0.002
    (event,) = events
    assert event.kind == "calibration" and event.fields["segment"] == "thigh"
    assert np.array_equal(mended.shank_acc, grid(OFFSET).shank_acc)


def test_offline_a_bad_sensor_that_only_stood_is_refused_in_one_line():
    rows, _, (line,), _ = checked(grid(OFFSET, turns=0), Side.LEFT, [replace(sensors(Side.LEFT)[0], address="AA:BB")])
    assert not rows.thigh_ok.any() and rows.shank_ok.all()
    assert "left thigh sensor (AA:BB)" in line and "%" in line and "kneetrack calibrate --inertial" in line
    assert "\n" not in line


def test_a_sensor_that_reads_nothing_is_refused_in_one_line():
    alive = grid(np.zeros(3))
    rows, _, (line,), _ = checked(
        replace(alive, thigh_acc=np.zeros_like(alive.thigh_acc)), Side.LEFT, sensors(Side.LEFT)
    )
    assert not rows.thigh_ok.any() and rows.shank_ok.all()
    assert "left thigh sensor" in line and "0.00 m/s2" in line


def test_good_sensors_pass_untouched():
    good = grid(np.zeros(3))
    same, events, complaints, _ = checked(good, Side.RIGHT, [])
    assert (
        not events
        and not complaints
        and all(np.array_equal(getattr(same, f.name), getattr(good, f.name)) for f in fields(good))
    )


def test_an_ordinary_error_of_three_percent_is_made_right_where_the_person_stood_and_told():
    one = grid(np.zeros(3), turns=0)
    up = one.thigh_acc.mean(axis=0)
    mended, events, complaints, error = checked(replace(one, thigh_acc=one.thigh_acc + 0.03 * up), Side.RIGHT, [])
    assert np.linalg.norm(mended.thigh_acc.mean(axis=0)) == pytest.approx(9.80665, rel=0.004)
    assert not complaints and error == 0.0
    assert len(events) == 1 and events[0].fields["norm_error"] == pytest.approx(0.03, abs=0.002)


def test_a_ride_in_a_lift_refuses_nobody():
    one = grid(np.zeros(3), turns=0)
    long = [np.concatenate([v] * 4) for v in (one.thigh_acc, one.thigh_gyr, one.shank_acc, one.shank_gyr)]
    rising = (np.arange(len(long[0])) > 900) & (np.arange(len(long[0])) < 1300)
    for k in (0, 2):
        long[k][rising] *= 1.1
    yes = np.ones(len(rising), bool)
    ride = GridBlock(0, RATE, *long, yes, yes, ~yes)
    assert not checked(ride, Side.RIGHT, []).events
    check = GravityCheck(Side.RIGHT, RATE, [])
    assert all(block.thigh_ok.all() for block in check.update(ride)) and not check.complaints


@pytest.mark.parametrize("turns", [0, None])
def test_live_the_decision_does_not_depend_on_how_the_rows_are_cut(turns: int | None):
    data = grid(OFFSET, turns=turns)
    rng = np.random.default_rng(2)
    results = []
    for bounds in ([0, len(data)], sorted({0, len(data), *rng.integers(1, len(data), 70).tolist()})):
        check = GravityCheck(Side.LEFT, RATE, [])
        blocks = [b for x, y in pairwise(bounds) for b in check.update(data.cut(x, y))]
        acc, ok = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("thigh_acc", "thigh_ok"))
        results.append((acc, ok, repr(check.take_events()), dict(check.complaints)))
    (a, b, c, d), (e, f, g, h) = results
    assert np.array_equal(a, e) and np.array_equal(b, f) and c == g and d == h
    assert not b[300:390].any(), "refused after its first rest"
    if turns is None:
        assert b[-500:].all() and not d, "mended when it had lain on enough sides"
        assert abs(np.linalg.norm(a[-300:-50].mean(axis=0)) / 9.80665 - 1) < 0.003
    else:
        assert not b[300:].any() and "left thigh" in next(iter(d.values()))


@cache
def good(script: str) -> pd.DataFrame:
    return simulation(11, Side.RIGHT, script).table(Side.RIGHT)


def spoilt(offset: np.ndarray = OFFSET, scale: float = 1.0, script: str = "stand:5.5,flex:5@{side},walk:4") -> list:
    table = good(script).copy()
    for axis, value in zip("xyz", offset, strict=True):
        table[f"shank_acc_{axis}"] = scale * table[f"shank_acc_{axis}"] + value
    return records(table)


def test_a_session_refuses_the_sensor_and_says_so():
    with pytest.raises(BadInputError, match="right shank sensor"):
        process(spoilt(HOPELESS), sensors(Side.RIGHT))
    session = Session(sensors(Side.RIGHT), Settings(min_rows=50))
    first, last = session.feed(spoilt(HOPELESS)), session.finish()
    (line,) = session.complaints()
    assert "right shank sensor" in line
    assert [e.fields["error"] for e in [*first.events, *last.events] if "error" in e.fields] == [line]
    status = np.concatenate([leg.block.status for leg in [*first.legs, *last.legs]])
    assert (status[400:] == Status.SINGLE_SENSOR).all()


def test_a_saved_calibration_makes_the_same_sensor_usable():
    known = {2: Inertial(acc_bias=OFFSET, address="AA:BB", date="2026-01-31")}
    found = process(spoilt(), sensors(Side.RIGHT), Settings(corrections=known))
    block = found.update.legs[0].block
    assert (block.status == Status.OK).mean() > 0.9 and np.isfinite(block.flexion).mean() > 0.9
    session = Session(sensors(Side.RIGHT), Settings(min_rows=50, corrections=known))
    session.feed(spoilt())
    assert session.complaints() == []


MOVING = "stand:5.5,flex:5@{side},walk:6,stand:2,squat:4,stand:2,up:6@{side},stand:3"


@cache
def usual() -> list[StepRow]:
    return process(spoilt(np.zeros(3), 1.0, MOVING), sensors(Side.RIGHT)).update.steps


@pytest.mark.parametrize(("offset", "scale"), [((0.0, 0.0, 0.0), 0.94), ((-0.5, 0.3, 0.2), 1.06)])
def test_a_sensor_six_percent_off_is_refused_but_its_steps_are_told_both_ways(offset: tuple, scale: float):
    def told(steps: list) -> list[str]:
        return [step.activity for step in steps]

    given = spoilt(np.array(offset), scale, MOVING)
    whole = process(given, sensors(Side.RIGHT))
    session = Session(sensors(Side.RIGHT), Settings(min_rows=50))
    parts = [session.feed(given), session.finish()]
    (line,) = whole.complaints
    assert session.complaints() == [line] and "right shank sensor" in line and "only steps are told" in line
    assert not whole.profiles and not session.profiles()
    for updates in ([whole.update], parts):
        steps = [step for update in updates for step in update.steps]
        assert {"walking", "squat", "stair_ascent"} == set(told(steps)) and told(steps) == told(usual())
        assert [s.start_s for s in steps] == pytest.approx([s.start_s for s in usual()], abs=0.1)
        block = join([leg.block for update in updates for leg in update.legs])
        refused = block.time_s > 5.0
        assert not block.valid[refused].any() and (block.status[refused] == Status.SINGLE_SENSOR).all()
        assert np.isnan(block.abduction[refused]).all() and np.isnan(block.collapse[refused]).all()
        assert np.nanmin(block.flexion_sd[refused]) > np.deg2rad(2.0)
        assert [e.fields["error"] for u in updates for e in u.events if "error" in e.fields] == [line]
        assert not [episode for update in updates for episode in update.episodes]


def test_one_leg_with_a_hopeless_sensor_does_not_keep_the_other_from_being_analysed():
    both = [replace(s, id=s.id + 10) for s in sensors(Side.LEFT)]
    good = [replace(r, sensor=r.sensor + 10) for r in spoilt(np.zeros(3))]
    mixed = sorted([*spoilt(HOPELESS), *good], key=lambda r: r.host_time_ns)
    found = process([replace(r, seq=i + 1) for i, r in enumerate(mixed)], [*sensors(Side.RIGHT), *both])
    assert len(found.complaints) == 1 and "right shank" in found.complaints[0]
    assert {step.side for step in found.update.steps} == {"left"} and set(found.profiles) == {Side.LEFT}
