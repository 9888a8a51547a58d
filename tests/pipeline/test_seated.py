"""A person who sits, stretches and bends the knee, and stands before or after: the frames are those of the bones."""

import numpy as np
import pytest

from calibration.alignment import STANDING_AND_SEATED
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.two_sided import analyse_leg
from tests.benchmarks.alignments import WAYS, alignment_of, off, true_frames
from tests.benchmarks.angles.sessions import exercises_only, written
from tests.benchmarks.people import simulated_leg


@pytest.mark.parametrize("order", ["standing, seated flexions", "seated flexions, standing"])
@pytest.mark.parametrize("seed", [104, 107])
def test_the_frames_are_found_whichever_comes_first(order: str, seed: int):
    leg = simulated_leg(seed, written(WAYS[order]))
    true = true_frames(leg, leg.grid.time_s[-1] - 1.0)
    for kind in ("causal", "offline"):
        found = alignment_of(leg, kind)
        assert found is not None and found.method == STANDING_AND_SEATED, kind
        assert (np.abs(off(found, true)) < 10.0).all(), kind
        assert 1.0 < np.degrees(found.sd) < 10.0


def test_sitting_down_and_rising_without_flexions_calibrates_nothing():
    leg = simulated_leg(105, written("stand:4,sitting:8,stand:2"))
    engine = LegEngine(leg.side, 100.0, LegSettings())
    engine.update(leg.grid)
    assert engine.alignment is None or engine.alignment.method != STANDING_AND_SEATED


def test_standing_flexions_stay_standing_flexions_with_a_chair_in_the_session():
    leg = simulated_leg(105, written("stand:5.5,flex:6,walk:8,sit:2,stand:3,walk:4"))
    found = analyse_leg(leg.grid, leg.side, LegSettings())
    assert found.alignment is not None and found.alignment.method == "standing + flexions"


def test_who_squats_after_standing_flexions_did_not_sit():
    """A chair later on does not make the standing one, once the thigh went far and came back in between."""
    leg = simulated_leg(102, exercises_only)
    engine = LegEngine(leg.side, 100.0, LegSettings())
    engine.update(leg.grid)
    found = [event.fields["method"] for event in engine.take_events() if event.fields.get("flexions")]
    assert found == ["standing + flexions"]
