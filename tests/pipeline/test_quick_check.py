"""A saved calibration in another session: it fits where nothing was moved, and a line warns where it does not."""

from functools import cache

import numpy as np
import pytest

from calibration.profile import Profile
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.records import Segment, Side
from pipeline.simulation.simulate import Slip
from pipeline.two_sided import LegAnalysis, analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import SimulatedLeg, simulated_leg

AGAIN = "stand:5,flex:2,walk:5,stand:2"


@cache
def profile() -> Profile:
    first = simulated_leg(103, written("stand:5.5,flex:6,walk:15,stand:2"))
    made = analyse_leg(first.grid, first.side, LegSettings()).profile(first.side)
    assert made is not None and made.quality["sd_deg"] > 0 and "flexion_azimuth_deg" in made.quality
    return Profile.from_json(made.to_json())


def later(*slips: Slip) -> SimulatedLeg:
    """The same person and sensors another time; a strap that slides before anything else is another strapping."""
    return simulated_leg(103, written(AGAIN), slips=slips)


def analysed(leg: SimulatedLeg) -> LegAnalysis:
    return analyse_leg(leg.grid, leg.side, LegSettings(profile=profile()))


def test_the_same_strapping_fits():
    told = analysed(later()).quality()["quick_check"]
    assert isinstance(told, dict) and told["warning"] is None
    assert told["thigh_tilt_deg"] < 3 and told["shank_tilt_deg"] < 3 and abs(told["shank_axis_deg"]) < 7


@pytest.mark.parametrize(("turn", "key"), [((8.0, 0.0, 0.0), "shank_tilt_deg"), ((0.0, 20.0, 0.0), "shank_axis_deg")])
def test_a_sensor_strapped_on_otherwise_is_warned_of(turn: tuple[float, float, float], key: str):
    size = max(turn)
    told = analysed(later(Slip(Side.RIGHT, Segment.SHANK, 0.0, turn, 0.02))).quality()["quick_check"]
    assert isinstance(told, dict) and abs(told[key]) == pytest.approx(size, abs=5.0)
    assert "\n" not in told["warning"] and "right leg" in told["warning"]


def test_the_live_engine_tells_the_same_once_and_uses_the_profile_as_given():
    leg = later(Slip(Side.RIGHT, Segment.SHANK, 0.0, (8.0, 0.0, 0.0), 0.02))
    engine = LegEngine(leg.side, 100.0, LegSettings(profile=profile()))
    engine.update(leg.grid)
    told = [e.fields["quick_check"] for e in engine.take_events() if "quick_check" in e.fields]
    offline = analysed(leg).quality()["quick_check"]
    assert len(told) == 2 and isinstance(told[-1], dict) and isinstance(offline, dict)
    assert told[-1]["shank_tilt_deg"] == pytest.approx(offline["shank_tilt_deg"], abs=0.2)
    assert engine.alignment is not None
    assert np.array_equal(engine.alignment.shank_from_sensor, profile().alignment.shank_from_sensor)


@pytest.mark.parametrize("rows", [1, 30, 60, 80])
def test_the_shortest_recordings_with_a_saved_calibration_end_no_analysis(rows: int):
    """Less than the heading needs has no angles; a little more has them for every row."""
    leg = later()
    block = analyse_leg(leg.grid.cut(700, 700 + rows), leg.side, LegSettings(profile=profile())).block
    assert len(block) == rows
    assert int(np.isfinite(block.flexion).sum()) == (rows if rows > 75 else 0)
