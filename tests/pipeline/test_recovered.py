"""What was done before a live calibration, and what the calibration makes of short recordings with turns in them."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from pipeline import offline
from pipeline.blocks import Status
from pipeline.files.opening import open_recording
from pipeline.records import Event, Record, Side
from pipeline.session import Session, Settings
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Bout
from pipeline.simulation.simulate import Simulation, simulate
from pipeline.update import Update
from tests.benchmarks.both_ways import both_ways
from tests.benchmarks.event_real import generic_table
from tests.pipeline.public_legs import tug_leg
from tests.shared_data import dataset

SEED = 61


@pytest.fixture(scope="module")
def walk() -> Simulation:
    """Walks off at once, with turns, and stops: no standing to begin with, no flexions."""
    rng = np.random.default_rng(SEED)
    script = [Bout("walk", 34.0, turn_deg=360.0), Bout("stand", 4.0)]
    return simulate(draw_person(np.random.default_rng(SEED)), script, rng)


@pytest.fixture(scope="module")
def found(walk: Simulation) -> dict[str, Update]:
    return both_ways(walk.table(Side.RIGHT), Side.RIGHT)


def test_steps_before_a_live_calibration_are_found_with_it(walk: Simulation, found: dict[str, Update]) -> None:
    truth = walk.truth_steps()
    update = found["causal"]
    (calibrated_s,) = (e.time_s for e in update.events if e.kind == "calibration" and "method" in e.fields)
    early = truth[truth["end_s"] < calibrated_s - 1.0]
    assert len(early) >= 10
    ends = np.array([s.end_s for s in update.steps])
    off = np.array([np.min(np.abs(ends - end)) for end in early["end_s"]])
    assert np.mean(off < 0.1) >= 0.9


def test_they_are_raised_when_they_are_known_and_judged_by_nothing(found: dict[str, Update]) -> None:
    update = found["causal"]
    (calibrated_s,) = (e.time_s for e in update.events if e.kind == "calibration" and "method" in e.fields)
    raised = [e for e in update.events if e.kind == "step"]
    assert all(e.time_s >= calibrated_s for e in raised)
    for step in update.steps:
        if step.end_s < calibrated_s:
            assert np.isnan(step.peak_abduction_deg) and np.isfinite(step.peak_flexion_deg)
    for leg in update.legs:
        early = leg.block.time_s < calibrated_s
        assert np.all(leg.block.status[early] == Status.CALIBRATING)
        assert np.all(np.isnan(leg.block.flexion[early]))
    assert all(e.start_s > calibrated_s for e in update.episodes)


def test_the_axes_of_a_walk_with_turns_are_the_legs(walk: Simulation, found: dict[str, Update]) -> None:
    truth = walk.truth_angles(Side.RIGHT)
    block = found["offline"].legs[0].block
    true = np.interp(block.time_s, truth["time_s"], truth["flexion_deg"])
    moving = (block.time_s > 3.0) & (block.time_s < 30.0)
    flexion = np.rad2deg(block.thigh_incl - block.shank_incl)
    assert np.corrcoef(flexion[moving], true[moving])[0, 1] > 0.98


@pytest.mark.parametrize("trial", ["tug1", "tug6", "tug7"])
@pytest.mark.parametrize("side", list(Side))
def test_timed_up_and_go_from_raw_samples(trial: str, side: Side) -> None:
    """Half a minute that begins on a chair: no standing, no flexions, turns; live, it is calibrated near its end."""
    for update in both_ways(generic_table(tug_leg(dataset("sensbiotk_inria"), trial, side)), side).values():
        kinds = [s.activity for s in update.steps]
        assert kinds.count("sit_to_stand") == 2
        assert kinds.count("walking") >= 2
        assert set(kinds) <= {"walking", "other", "sit_to_stand"}


def test_a_word_said_by_marker_counts_both_ways_from_then_on(walk: Simulation, tmp_path: Path) -> None:
    """From 20 s on the person says `stair_ascent`, from 27 s on nothing again."""
    path = tmp_path / "leg.parquet"
    walk.table(Side.RIGHT).to_parquet(path)
    recording = open_recording(path, Side.RIGHT)
    records: list[Record] = list(chain.from_iterable(recording.records()))
    for time_s, word in ((20.0, "stair_ascent"), (27.0, "")):
        at = next(k for k, r in enumerate(records) if r.host_time_ns >= time_s * 1e9)
        records.insert(at, Event(records[at].seq, int(time_s * 1e9), "marker", {"label": "x", "activity": word}))
    session = Session(recording.sensors, Settings(min_rows=500))
    updates = [session.feed(records), session.finish()]
    causal = [s for u in updates for s in u.steps]
    whole = offline.process(records, recording.sensors, Settings()).update.steps
    recording.close()
    for steps in (causal, whole):
        said = [s for s in steps if 20.0 <= s.end_s < 27.0]
        assert len(said) >= 4 and {s.activity for s in said} == {"stair_ascent"}
        assert "stair_ascent" not in {s.activity for s in steps if not 20.0 <= s.end_s < 27.0}
