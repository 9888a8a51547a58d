"""The angles of whole simulated sessions against the known truth; people that were never used for tuning."""

import numpy as np
import pytest

from pipeline.offline import process
from pipeline.records import Side
from pipeline.session import Session
from tests.benchmarks.people import FIRST_UNSEEN, causal, errors, offline, rmse, rows_of, simulated_leg
from tests.end_to_end.simulated_legs import SCRIPT, records, sensors, simulation

WALK = "stand:5.5,flex:7@{side},walk:50,stand:4"


@pytest.mark.parametrize("seed", range(FIRST_UNSEEN, FIRST_UNSEEN + 6))
def test_walking_offline(seed: int):
    side = Side.RIGHT if seed % 2 else Side.LEFT
    simulated = simulation(seed, side, WALK)
    update = process(records(simulated.table(side)), sensors(side)).update
    (leg,) = update.legs
    truth = simulated.truth_angles(side)
    walking = np.interp(leg.block.time_s, truth["time_s"], (truth["activity"] == "walking").astype(float)) > 0.5
    assert walking.sum() > 3000 and np.isfinite(leg.block.abduction[walking]).all()
    error = {
        name: np.rad2deg(getattr(leg.block, name)) - np.interp(leg.block.time_s, truth["time_s"], truth[f"{name}_deg"])
        for name in ("flexion", "abduction", "rotation")
    }
    figures = {name: rmse(e[walking]) for name, e in error.items()}
    print(seed, {name: round(value, 2) for name, value in figures.items()})
    assert figures["flexion"] < 3.0 and figures["abduction"] < 3.0 and figures["rotation"] < 5.0


def test_stated_deviations_are_honest():
    """Over several people and activities, most errors lie within two of the stated standard deviations."""
    within = {"offline": [], "causal": []}
    for seed in range(FIRST_UNSEEN + 10, FIRST_UNSEEN + 13):
        leg = simulated_leg(seed)
        for name, block in (("offline", offline(leg)), ("causal", causal(leg))):
            rows = rows_of(leg, block, "any")
            found = errors(leg, block)
            for angle in ("flexion", "abduction", "rotation", "excess"):
                sd = np.rad2deg(getattr(block, f"{angle}_sd")[rows])
                within[name].append(np.mean(np.abs(found[angle][rows]) < 2.0 * sd))
    assert np.mean(within["offline"]) > 0.9 and np.mean(within["causal"]) > 0.9


def test_the_first_minute_says_that_it_is_not_calibrated():
    """Before standing and flexions are over no angle is shown; right after, they are."""
    simulated = simulation(FIRST_UNSEEN + 20, Side.RIGHT, SCRIPT)
    table = simulated.table(Side.RIGHT)
    update = Session(sensors(Side.RIGHT)).feed(records(table[table["time_s"] < 30.0]))
    blocks = [r.block for r in update.legs]
    first = next(b.time_s[0] for b in blocks if np.isfinite(b.flexion).any())
    assert 8.0 < first < 25.0
    assert all(np.isnan(b.flexion).all() and not b.valid.any() for b in blocks if b.time_s[-1] < first)
