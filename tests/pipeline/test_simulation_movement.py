"""The simulated person moves as people do: norms of walking and stairs, collapses that are what they are called."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.blocks import LegBlock
from pipeline.records import Segment, Side
from pipeline.simulation.person import draw_person, restrap
from pipeline.simulation.rotations import conjugate, multiply
from pipeline.simulation.script import (
    Bout,
    Collapse,
    Driver,
    Kind,
    everyday_script,
    idle_script,
    mirrored,
    parse_script,
    scripted_session,
)
from pipeline.simulation.shapes import GRID_HZ
from pipeline.simulation.simulate import Simulation, Slip, simulate

PEOPLE = range(40, 46)


def steady(simulation: Simulation, activity: str) -> pd.DataFrame:
    """Steps of the right leg without the first, the last and the transitions."""
    steps = simulation.truth_steps()
    steps = steps[(steps["activity"] == activity) & (steps["side"] == "right") & ~steps["transition"]]
    return steps.iloc[1:-1]


def between(block: LegBlock, steps: pd.DataFrame) -> LegBlock:
    first, last = steps["start_s"].iloc[0], steps["end_s"].iloc[-1]
    return block.cut(round(first * block.rate_hz), round(last * block.rate_hz))


@pytest.mark.parametrize("seed", PEOPLE)
def test_level_walking_is_within_the_norms(seed: int) -> None:
    """Cadence, stance, speed, knee, segments and rates as in the reference's section 3.3; little abduction."""
    person = draw_person(np.random.default_rng(seed))
    session = simulate(person, parse_script("stand:3,walk:15,stand:1"), np.random.default_rng(seed))
    steps = steady(session, "walking")
    cycle = (steps["end_s"] - steps["start_s"]).mean()
    assert 93.0 < 120.0 / cycle < 127.0
    assert 0.57 < (steps["stance_s"] / (steps["end_s"] - steps["start_s"])).mean() < 0.66
    assert 52.0 < steps["peak_flexion_deg"].mean() < 70.0
    assert 1.0 < steps["abduction_range_deg"].mean() < 7.0
    block = between(session.leg_block(Side.RIGHT), steps)
    rate = np.rad2deg(block.shank_rate)
    assert 270.0 < rate.max() < 480.0
    assert -280.0 < rate.min() < -140.0
    thigh, shank = np.rad2deg(block.thigh_incl), np.rad2deg(block.shank_incl)
    assert -25.0 < thigh.min() < -12.0 and 17.0 < thigh.max() < 32.0
    assert -66.0 < shank.min() < -42.0 and 10.0 < shank.max() < 32.0
    rows = (np.array([steps["start_s"].iloc[0], steps["end_s"].iloc[-1]]) * GRID_HZ).astype(int)
    way = np.linalg.norm(np.diff(session.pelvis[rows, :2], axis=0)) / np.diff(rows)[0] * GRID_HZ
    assert 0.85 < way < 1.6
    assert np.ptp(session.pelvis[rows[0] : rows[1], 2]) < 0.09


@pytest.mark.parametrize("seed", [10, 12, 17, 21, 59])
def test_a_lunge_out_of_reach_straightens_the_rear_leg_and_no_more(seed: int) -> None:
    """Long steps with a foot that stays behind: no knee bends backwards, and none snaps."""
    rng = np.random.default_rng(seed)
    script = [Bout("stand", 1.0), Bout("lunge", 3, alternate=True)]
    legs = simulate(draw_person(rng), script, rng, sides=tuple(Side)).legs
    for leg in legs.values():
        flexion = np.rad2deg(leg.flexion)
        assert flexion.min() > -6.0
        assert np.abs(np.diff(flexion)).max() * GRID_HZ < 800.0, "a fast runner's swing"


@pytest.mark.parametrize("seed", PEOPLE)
def test_heel_strikes_shake_the_shank_more_than_the_thigh(seed: int) -> None:
    """2 to 5 g or so at the shank within 30 ms of the contact, in the median of the steps."""
    person = draw_person(np.random.default_rng(seed))
    session = simulate(person, parse_script("stand:2,walk:12,stand:1"), np.random.default_rng(seed), rate_hz=200.0)
    contacts = steady(session, "walking")["start_s"].to_numpy()
    peaks = {}
    for segment in Segment:
        trace = session.sensors[Side.RIGHT, segment]
        norm = np.linalg.norm(trace.acc, axis=1)
        peaks[segment] = np.median([norm[(trace.t > c) & (trace.t < c + 0.03)].max() for c in contacts])
    assert 20.0 < peaks[Segment.SHANK] < 90.0
    assert 13.0 < peaks[Segment.THIGH] < peaks[Segment.SHANK]


def test_shank_rate_has_its_minimum_at_the_contact() -> None:
    """As real gyroscopes show it: the first minimum after the swing lies within 30 ms of the contact."""
    session = simulate(draw_person(np.random.default_rng(2)), parse_script("stand:2,walk:12"), np.random.default_rng(1))
    block = session.leg_block(Side.RIGHT, 200.0)
    for contact in steady(session, "walking")["start_s"]:
        rows = slice(round((contact - 0.3) * 200), round((contact + 0.2) * 200))
        rate = block.shank_rate[rows]
        after = np.argmax(rate) + np.flatnonzero(np.diff(rate[np.argmax(rate) :]) > 0)[0]
        assert abs(block.time_s[rows][after] - contact) < 0.03


@pytest.mark.parametrize(
    ("script", "activity", "sign"), [("up:16", "stair_ascent", 1), ("down:16", "stair_descent", -1)]
)
@pytest.mark.parametrize("seed", PEOPLE)
def test_stairs_climb_two_rises_a_stride(seed: int, script: str, activity: str, sign: int) -> None:
    """The ankle climbs 28 to 42 cm from contact to contact; knees bend as far as the reference says."""
    person = draw_person(np.random.default_rng(seed))
    session = simulate(person, parse_script(f"stand:2,walk:4,{script},walk:4,stand:1"), np.random.default_rng(seed))
    steps = steady(session, activity)
    ankle = session.legs[Side.RIGHT].ankle[:, 2]
    flat = [(0.3 * row.start_s + 0.7 * row.toe_off_s, row.start_s + 0.2) for row in steps.itertuples()]
    heights = np.array([ankle[int((a + b) / 2 * GRID_HZ)] for a, b in flat])
    climbs = sign * np.diff(heights)
    assert len(climbs) >= 2
    assert np.all((climbs > 0.28) & (climbs < 0.42))
    np.testing.assert_allclose(sign * steps["climb_m"].iloc[:-1], climbs, atol=0.02)
    assert 80.0 < steps["peak_flexion_deg"].mean() < 106.0
    knee = np.rad2deg(session.leg_block(Side.RIGHT).flexion)
    at_contact = knee[(steps["start_s"] * 100).astype(int)]
    assert np.all((at_contact > 45.0) & (at_contact < 75.0)) if sign > 0 else np.all(np.abs(at_contact - 10) < 12.0)


def with_and_without(what: str, kind: Kind, driver: Driver, size: float, side: Side) -> tuple[Simulation, Simulation]:
    """The same movement with one collapse and without."""
    person = draw_person(np.random.default_rng(8))
    stepping = what in {"walk", "up", "down"}
    collapse = Collapse(side, 2 if stepping else 0, kind, driver, size)
    bout = Bout(what, 9.0 if stepping else 1.0, lead=side)
    clean, fallen = (
        simulate(person, [Bout("stand", 3.0), b, Bout("stand", 1.0)], np.random.default_rng(4), sides=tuple(Side))
        for b in (bout, replace(bout, collapses=(collapse,)))
    )
    return clean, fallen


EXERCISES = ["walk", "up", "down", "lunge", "squat", "single_leg_squat", "step_up", "step_down"]


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("driver", ["hip", "foot", "frontal"])
@pytest.mark.parametrize("what", EXERCISES)
def test_an_abduction_collapse_abducts_the_knee(what: str, driver: Driver, side: Side) -> None:
    """The knee abducts by the scripted size at the stated time and nowhere else; knee inward is + for both tilts."""
    clean, fallen = with_and_without(what, "abduction", driver, 10.0, side)
    before, after = clean.truth_angles(side), fallen.truth_angles(side)
    rise = after["abduction_deg"] - before["abduction_deg"]
    episode = fallen.truth_episodes().iloc[0]
    assert rise.max() == pytest.approx(10.0, abs=0.3)
    assert abs(rise.idxmax() / 100.0 - episode["peak_s"]) < 0.05
    outside = (after["time_s"] < episode["start_s"] - 0.02) | (after["time_s"] > episode["end_s"] + 0.02)
    assert np.abs(rise[outside]).max() < 1e-6
    tilts = after["medial_collapse_deg"] - before["medial_collapse_deg"]
    assert tilts[rise.idxmax()] == pytest.approx(episode["peak_collapse_deg"], abs=0.3)
    assert tilts.max() > 3.0
    inward = (fallen.legs[side].knee - clean.legs[side].knee)[round(episode["peak_s"] * GRID_HZ)]
    assert side.sign * inward[1] > 0.004, "the knee moves towards the other leg"


@pytest.mark.parametrize("what", ["squat", "single_leg_squat", "step_down"])
def test_a_collapse_without_abduction_tilts_the_leg(what: str) -> None:
    """The medial tilts rise by the scripted size while the knee abducts no more than before."""
    clean, fallen = with_and_without(what, "collapse", "hip", 11.0, Side.LEFT)
    before, after = clean.truth_angles(Side.LEFT), fallen.truth_angles(Side.LEFT)
    assert np.abs(after["abduction_deg"] - before["abduction_deg"]).max() < 1e-6
    assert (after["medial_collapse_deg"] - before["medial_collapse_deg"]).max() == pytest.approx(11.0, abs=1.2)


@pytest.mark.parametrize("what", EXERCISES)
def test_the_driver_is_the_link_that_turns(what: str) -> None:
    """Hip: the thigh turns inward more than the tibia; foot: the tibia turns inward under a thigh that hardly does."""
    turns = {}
    for driver in ("hip", "foot"):
        clean, fallen = with_and_without(what, "abduction", driver, 10.0, Side.RIGHT)
        row = round(fallen.truth_episodes().iloc[0]["peak_s"] * 100)
        a, b = clean.leg_block(Side.RIGHT), fallen.leg_block(Side.RIGHT)
        turns[driver] = np.rad2deg([b.thigh_yaw[row] - a.thigh_yaw[row], b.shank_yaw[row] - a.shank_yaw[row]])
    assert turns["hip"][0] > turns["hip"][1] + 1.0 and turns["hip"][0] > 5.0
    assert turns["foot"][1] > turns["foot"][0] + 4.0 and abs(turns["foot"][0]) < 5.0


@pytest.mark.parametrize("what", EXERCISES)
def test_a_collapse_does_not_move_the_foot(what: str) -> None:
    """The planted ankle stays within 1.5 cm of where it is without the collapse."""
    clean, fallen = with_and_without(what, "both", "hip", 12.0, Side.RIGHT)
    episode = fallen.truth_episodes().iloc[0]
    rows = slice(round(episode["start_s"] * GRID_HZ), round(episode["end_s"] * GRID_HZ))
    moved = fallen.legs[Side.RIGHT].ankle[rows] - clean.legs[Side.RIGHT].ankle[rows]
    assert np.abs(moved).max() < 0.015


def test_left_and_right_are_mirror_images() -> None:
    """The mirrored person doing the mirrored script gives mirrored signals and the same angles."""
    person = draw_person(np.random.default_rng(1), sensor_errors=0.0)
    rng = np.random.default_rng(3)
    script = [*everyday_script(rng, sides=tuple(Side), walk_s=8.0)[:12], *idle_script(rng, 60.0)]
    here = simulate(person, script, np.random.default_rng(2), sides=tuple(Side))
    there = simulate(person.mirrored(), mirrored(script), np.random.default_rng(2), sides=tuple(Side))
    for side, other in ((Side.RIGHT, Side.LEFT), (Side.LEFT, Side.RIGHT)):
        for segment in Segment:
            a, b = here.sensors[side, segment], there.sensors[other, segment]
            np.testing.assert_allclose(a.acc * [1, 1, -1], b.acc, atol=1e-5)
            np.testing.assert_allclose(a.gyr * [-1, -1, 1], b.gyr, atol=1e-6)
        numbers = here.truth_angles(side).drop(columns=["side", "activity"])
        np.testing.assert_allclose(numbers, there.truth_angles(other).drop(columns=["side", "activity"]), atol=1e-5)


def test_soft_tissue_turns_the_thigh_sensor_by_degrees_and_comes_back() -> None:
    """Section 8: thigh 3 to 8 deg at its largest over people, shank less, nearly none in standing."""
    largest: dict[Segment, list[float]] = {segment: [] for segment in Segment}
    for seed in range(12):
        person = draw_person(np.random.default_rng(seed), posture=0.0)
        session = simulate(person, parse_script("stand:3,flex:3,walk:8,squat:3,stand:2"), np.random.default_rng(seed))
        for segment in Segment:
            path = session._tracks[Side.RIGHT, segment]
            mounting = person.wearing[Side.RIGHT, segment].mounting_on(1.0)
            apart = multiply(multiply(conjugate(path.segment), path.attitude), conjugate(mounting))
            angle = np.rad2deg(2.0 * np.arccos(np.clip(np.abs(apart[:, 0]), 0.0, 1.0)))
            largest[segment].append(float(angle.max()))
            assert angle[: round(2.5 * GRID_HZ)].max() < 0.6
    assert 3.5 < np.median(largest[Segment.THIGH]) < 8.0
    assert 2.0 < np.median(largest[Segment.SHANK]) < 5.0
    assert max(largest[Segment.THIGH]) < 14.0


def test_a_new_strapping_changes_the_sensors_and_not_the_movement() -> None:
    person = draw_person(np.random.default_rng(6))
    other = restrap(person, np.random.default_rng(60))
    script = parse_script("stand:2,walk:6")
    a, b = (simulate(p, script, np.random.default_rng(1)) for p in (person, other))
    pd.testing.assert_frame_equal(a.truth_angles(Side.RIGHT), b.truth_angles(Side.RIGHT))
    assert np.abs(a.sensors[Side.RIGHT, Segment.THIGH].acc - b.sensors[Side.RIGHT, Segment.THIGH].acc).max() > 1.0


def test_a_slipping_strap_turns_the_sensor_by_the_stated_angle() -> None:
    person = draw_person(np.random.default_rng(6), posture=0.0, sensor_errors=0.0, soft_tissue=0.0)
    slip = Slip(Side.RIGHT, Segment.THIGH, 4.0, (0.0, 6.0, 0.0))
    session = simulate(person, parse_script("stand:8"), np.random.default_rng(1), slips=[slip])
    path = session._tracks[Side.RIGHT, Segment.THIGH]
    apart = multiply(conjugate(path.attitude[:1]), path.attitude)
    angle = np.rad2deg(2.0 * np.arccos(np.clip(np.abs(apart[:, 0]), 0.0, 1.0)))
    assert angle[round(3.9 * GRID_HZ)] < 0.01
    assert angle[round(5.0 * GRID_HZ)] == pytest.approx(6.0, abs=0.01)


def test_the_scripted_session_shows_steps_of_several_activities_within_45_s() -> None:
    session = simulate(draw_person(np.random.default_rng(0)), scripted_session(), np.random.default_rng(0))
    early = session.truth_steps().query("end_s < 45 and role != 'free'")
    assert {"walking", "stair_ascent", "stair_descent", "lunge"} <= set(early["activity"])
    flexions = session.truth_steps().query("role == 'free'")
    assert len(flexions) == 6
    assert flexions["start_s"].min() >= 5.0 and flexions["end_s"].max() <= 17.0
    assert (session.truth_episodes()["peak_s"] < 45).sum() >= 2
