"""The relative heading against a ball joint whose orientation is known."""

from itertools import pairwise

import numpy as np
import pytest

from calibration.joint_centre import LeverArms, LeverPrior
from pipeline.heading import Heading
from pipeline.heading_model import (
    DELTA,
    ERRORS,
    SHANK,
    SIZE,
    THIGH,
    HeadingParameters,
    Neutral,
    predict,
    start_state,
    transition,
    with_neutral,
    with_value,
)
from pipeline.joint_signals import JointSignalWindow, joint_signals
from pipeline.leg_rows import LegRows
from pipeline.orientation import Oriented
from pipeline.quaternions import about_z, multiply
from pipeline.smoothing import HeadingSmoother
from tests.pipeline.two_links import scalar_first, two_links

RATE = 100.0
NO_ARMS = LeverPrior(LeverArms.zero())


def drifting(seed: int, seconds: float = 60.0, drift_deg_s: float = 0.1, first_deg: float = 70.0):
    """Two links; the second one's level frame turns away slowly. Returns rows and the heading that undoes it."""
    links = two_links(seed, seconds, RATE)
    n = len(links.acc[0])
    away = np.deg2rad(first_deg) + np.deg2rad(drift_deg_s) * np.arange(n) / RATE
    rng = np.random.default_rng(seed)
    none = np.zeros(n, bool)
    one = Oriented(scalar_first(links.orientation[0]), links.gyr[0], none)
    two = Oriented(multiply(about_z(-away), scalar_first(links.orientation[1])), links.gyr[1], none)
    acc = [a + rng.normal(0.0, 0.3, a.shape) for a in links.acc]
    return acc, one, two, away, links.arms


@pytest.mark.parametrize("seed", range(3))
def test_offline_heading_and_lever_arms(seed):
    acc, one, two, away, arms = drifting(seed)
    smoothed = HeadingSmoother(RATE).smooth(joint_signals(leg_rows(acc, one, two), RATE, None))
    error = np.rad2deg(smoothed.rows(0, len(away)).states[DELTA] - away)
    assert np.sqrt(np.mean(error**2)) < 0.5
    assert np.linalg.norm(smoothed.arms.first - arms[0]) < 0.01


@pytest.mark.parametrize("row", [3000, 3077, 3133, 3199])
def test_offline_heading_that_begins_anew_is_right_on_both_sides(row):
    """A sensor's filter begins anew in the middle of a movement, wherever in a block: up to that row the old heading
    holds, from it on the new one."""
    acc, one, two, away, _ = drifting(1)
    away[row:] += np.deg2rad(80.0)
    begun = np.arange(len(away)) >= row
    turned = np.where(begun[:, None], multiply(about_z(np.full(len(away), -np.deg2rad(80.0))), two.quat), two.quat)
    two = Oriented(turned, two.gyr, two.restarted)
    smoother = HeadingSmoother(RATE, lost=[row])
    smoothed = smoother.smooth(joint_signals(leg_rows(acc, one, two), RATE, None))
    error = np.rad2deg(smoothed.rows(0, len(away)).states[DELTA] - away)
    error = (error + 180.0) % 360.0 - 180.0
    assert np.abs(error[row - 300 : row + 300]).max() < 2.0


@pytest.mark.parametrize("seed", range(3))
def test_live_heading_is_found_from_nothing_and_kept(seed):
    acc, one, two, away, _ = drifting(seed)
    live = Heading(RATE)
    states, variances = run_live(live, acc, one, two, [len(away)])
    error = (np.rad2deg(states[:, DELTA] - away) + 180.0) % 360.0 - 180.0
    assert np.sqrt(np.mean(error[2000:] ** 2)) < 2.0
    # The stated deviation must not be far from the truth either.
    stated = np.rad2deg(np.sqrt(variances[2000:, 1]))
    assert np.mean(np.abs(error[2000:]) < 3.0 * stated + 0.3) > 0.9


OFFSETS = np.array([0.09, -0.06, 0.07]), np.array([-0.08, 0.05, 0.06])
TURNS = np.deg2rad([0.7, -0.5, 0.6]), np.deg2rad([-0.6, 0.8, 0.4])
"""What two cheap accelerometers measure too little, m/s2, and how their axes are turned, rad."""


def wrong(acc: list[np.ndarray]) -> list[np.ndarray]:
    """What accelerometers say that need offset and turn: a = heard + b + c x heard, to first order."""
    return [a - b - np.cross(c, a) for a, b, c in zip(acc, OFFSETS, TURNS, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_accelerometers_errors_are_learnt_offline_and_live(seed):
    acc, one, two, _, _ = drifting(seed, 120.0)
    acc = wrong(acc)
    live = Heading(RATE)
    run_live(live, acc, one, two, [len(acc[0])])
    smoothed = HeadingSmoother(RATE).smooth(joint_signals(leg_rows(acc, one, two), RATE, None))
    true = np.concatenate([OFFSETS[0], TURNS[0], OFFSETS[1], TURNS[1]])
    for found in (smoothed.errors, live.errors):
        offsets, turns = (found - true).reshape(2, 2, 3).transpose(1, 0, 2)
        assert np.abs(offsets).max() < 0.04
        assert np.rad2deg(np.abs(turns)).max() < 0.3


def test_what_was_learnt_of_the_accelerometers_fades_without_news():
    p = HeadingParameters()
    f, q = transition(p)
    state = start_state(p, NO_ARMS)
    at = np.arange(SIZE)[ERRORS]
    prior = np.diag(state.cov)[at]
    learnt = 2.0 * np.sqrt(prior)
    state.mean[at] = learnt
    state.cov[at, at] = 1e-4 * prior
    for _ in range(round(600.0 / p.block_s)):
        state = predict(state, f, q)
    assert np.all((state.mean[at] > 0.3 * learnt) & (state.mean[at] < 0.45 * learnt))
    for _ in range(round(3000.0 / p.block_s)):
        state = predict(state, f, q)
    # An hour later as little is known as at first: soft tissue cannot pile up against it.
    assert np.all(state.mean[at] < 0.01 * learnt)
    assert np.allclose(np.diag(state.cov)[at], prior, rtol=0.01)


def run_live(live: Heading, acc, one: Oriented, two: Oriented, cuts: list[int]):
    """Feed rows as the engine does, in pieces that end at block edges and at `cuts`."""
    window = JointSignalWindow(RATE)
    rows = leg_rows(acc, one, two)
    n = len(rows)
    bounds = sorted({0, n, *cuts, *range(0, n, live.block)})
    states, variances = [], []
    for a, b in pairwise(bounds):
        if a % live.block == 0:
            signals = window.update(rows.cut(a - live.block, a), None) if a else None
            live.advance(a // live.block, signals)
        told = live.rows(a, b - a)
        states.append(told.states.T)
        variances.append(told.cov.T)
    return np.concatenate(states), np.concatenate(variances)


def leg_rows(acc, one: Oriented, two: Oriented) -> LegRows:
    """Both links as the engine hands them on."""
    return LegRows(0, acc[0], one.gyr, one.quat, acc[1], two.gyr, two.quat, np.ones(len(acc[0]), bool))


def test_the_bits_do_not_depend_on_the_blocks():
    acc, one, two, away, _ = drifting(5, 20.0)
    whole, _ = run_live(Heading(RATE), acc, one, two, [])
    rng = np.random.default_rng(0)
    cuts = rng.choice(len(away), 300, replace=False).tolist()
    cut, _ = run_live(Heading(RATE), acc, one, two, cuts)
    assert np.array_equal(whole, cut)


def test_uncertainty_grows_while_nothing_moves():
    p = HeadingParameters()
    f, q = transition(p)
    state = with_value(start_state(p, NO_ARMS), np.eye(SIZE)[DELTA], 0.3, np.deg2rad(2.0))
    sds = []
    for _ in range(240):
        state = predict(state, f, q)
        sds.append(np.rad2deg(np.sqrt(state.cov[DELTA, DELTA])))
    assert np.all(np.diff(sds) > 0.0) and sds[-1] > 3.0


def test_standing_ties_heading_and_frames_and_motion_tells_them_apart():
    p = HeadingParameters()
    state = start_state(p, NO_ARMS)
    state.cov[THIGH, THIGH] = np.deg2rad(8.0) ** 2
    state.cov[SHANK, SHANK] = np.deg2rad(2.0) ** 2
    # Neutral: delta + shank - thigh = 40 deg; the true thigh frame is 6 deg off, so that delta is 46 deg.
    state = with_neutral(state, Neutral(np.deg2rad(40.0), np.deg2rad(1.0)))
    state = with_value(state, np.eye(SIZE)[DELTA], np.deg2rad(46.0), np.deg2rad(1.0))
    assert np.rad2deg(state.mean[THIGH]) == pytest.approx(6.0, abs=1.0)
    assert np.rad2deg(np.sqrt(state.cov[THIGH, THIGH])) < 3.0


def test_a_lost_sensor_leaves_the_heading_unknown():
    acc, one, two, _, _ = drifting(6, 30.0)
    live = Heading(RATE)
    run_live(live, acc, one, two, [])
    assert live.known
    live.lost()
    assert not live.known
