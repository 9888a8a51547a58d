"""Live, a calibration is looked at again as movement tells more."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.joint_centre import LeverArms, LeverPrior
from pipeline.block_system import BlockSystem, Told
from pipeline.blocks import LegBlock, join
from pipeline.engine import LegEngine
from pipeline.heading_model import (
    DELTA,
    FLEXED,
    SEEN,
    SHANK,
    SIZE,
    THIGH,
    BlockInformation,
    HeadingParameters,
    Neutral,
    predict,
    start_state,
    transition,
    with_information,
    with_neutral,
)
from pipeline.leg_settings import LegSettings, SecondLookParameters
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import SimulatedLeg, simulated_leg

NEVER = LegSettings(second_look=SecondLookParameters(first_s=1e9))


def test_the_state_at_the_end_is_the_one_of_a_filter_that_knew_as_much_from_the_start() -> None:
    """The system over all blocks against a Kalman filter over the same blocks, mean and covariance, with the heading of
    an early block remembered."""
    rng = np.random.default_rng(3)
    p = replace(HeadingParameters(block_s=2.0), arm_walk=0.0, acc_tau_s=1e12)
    count, flexed, stood = 12, 3, 1
    state = start_state(p, LeverPrior(LeverArms.zero()))
    state.cov[THIGH, THIGH], state.cov[SHANK, SHANK] = 0.01, 0.003
    prior = state.mean.copy(), np.diag(state.cov).copy()
    f, q = transition(p)
    told = Told.nothing(count)
    neutral = Neutral(0.3, 0.02)
    for b in range(count):
        state = predict(state, f, q) if b else state
        if b == stood:
            state = with_neutral(state, neutral)
        design = rng.normal(0.0, 10.0, (3, len(SEEN)))
        matrix = design.T @ design
        vector = design.T @ (design @ rng.normal(0.0, 0.02, len(SEEN)) + rng.normal(0.0, 1.0, 3))
        told.blocks[b], told.blocks_vector[b], told.border[b] = matrix[:3, :3], vector[:3], matrix[:3, 3:]
        told.constants += matrix[3:, 3:]
        told.constants_vector += vector[3:]
        state = with_information(state, BlockInformation(matrix, vector), SEEN)
        if b == flexed:
            state.mean[FLEXED] = state.mean[DELTA]
            state.cov[FLEXED, :] = state.cov[DELTA, :]
            state.cov[:, FLEXED] = state.cov[:, DELTA]
    system = BlockSystem(p, prior, count, [], np.zeros(count))
    # A neutral that agrees with what was believed before counts in full, in both.
    mean = system.solve(told, [(stood, neutral)], np.tile(neutral.turn * (np.arange(SIZE) == DELTA), (count, 1)))
    known = np.arange(SIZE) != FLEXED
    assert np.allclose(mean[-1, known], state.mean[known], atol=1e-6)
    assert np.isclose(mean[flexed, DELTA], state.mean[FLEXED], atol=1e-6)
    sd = np.sqrt(np.diag(state.cov))
    assert np.abs((system.at_the_end(flexed) - state.cov) / np.outer(sd, sd)).max() < 1e-3


def live(leg: SimulatedLeg, settings: LegSettings) -> LegBlock:
    return join(LegEngine(leg.side, 100.0, settings).update(leg.grid))


def test_live_angles_come_near_to_those_that_know_the_whole_recording() -> None:
    apart: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(100, 112):
        leg = simulated_leg(seed, written("stand:5.5,flex:6@{side},walk:40"))
        whole = analyse_leg(leg.grid, leg.side, LegSettings()).block
        last = slice(len(leg.grid) - 1500, None)
        for looks, settings in ((True, LegSettings()), (False, NEVER)):
            away = live(leg, settings).excess[last] - whole.excess[last]
            apart[looks].append(float(np.rad2deg(np.sqrt(np.mean(away**2)))))
    assert np.mean(apart[True]) < 0.7 * np.mean(apart[False])
    assert max(apart[True]) < 0.75 * max(apart[False])


@pytest.mark.parametrize("kept_s", [20.0, 200.0])
def test_a_hole_that_takes_the_heading_away_is_survived(kept_s: float) -> None:
    """A sensor is away for two seconds in the middle of the rows that are looked at, and again at their end."""
    leg = simulated_leg(107, written("stand:5.5,flex:6@{side},walk:40"))
    ok = leg.grid.shank_ok.copy()
    for at_s in (30.0, 47.0):
        ok[round(at_s * 100) : round(at_s * 100) + 200] = False
    leg = replace(leg, grid=replace(leg.grid, shank_ok=ok))
    found = live(leg, LegSettings(second_look=SecondLookParameters(kept_s=kept_s)))
    t = leg.truth["time_s"].to_numpy()
    # Ten seconds after each return.
    for from_s in (42.0, 59.0):
        rows = (found.time_s > from_s) & (found.time_s < from_s + 3.0)
        true = np.interp(found.time_s[rows], t, leg.truth["abduction_deg"].to_numpy())
        assert np.sqrt(np.mean((np.rad2deg(found.abduction[rows]) - true) ** 2)) < 3.5
