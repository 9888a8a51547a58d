import numpy as np
import pytest

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm, lever_matrix
from tests.pipeline.two_links import two_links

WIDE = LeverPrior(LeverArms.zero(), 10.0)


def rows(seed: int):
    """Specific force and lever matrices of both links in their own frames, and the truth."""
    links = two_links(seed, 30.0)
    levers = []
    for gyr in links.gyr:
        dot = np.gradient(gyr, 1.0 / links.rate_hz, axis=0)
        levers.append(lever_matrix(gyr, dot).reshape(-1, 3, 3))
    return links, levers


def test_both_links_feel_the_same_force_at_the_joint():
    links, levers = rows(1)
    at_joint = [links.orientation[i].apply(links.acc[i] + levers[i] @ links.arms[i]) for i in range(2)]
    # Central differences of the rate are good to a fraction of m/s2 at this speed.
    assert np.median(np.abs(at_joint[0] - at_joint[1])) < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_lever_arms_are_found_without_any_orientation(seed):
    links, levers = rows(seed)
    arms = fit_by_norm(links.acc[0], levers[0], links.acc[1], levers[1], WIDE)
    assert np.linalg.norm(arms.first - links.arms[0]) < 0.005
    assert np.linalg.norm(arms.second - links.arms[1]) < 0.005


def test_standing_still_gives_the_prior_back():
    still = np.tile([0.0, 0.0, 9.81], (200, 1))
    nothing = np.zeros((200, 3, 3))
    prior = LeverPrior(LeverArms(np.array([0.0, -0.2, 0.0]), np.array([0.0, 0.15, 0.0])), 0.1)
    arms = fit_by_norm(still, nothing, still, nothing, prior)
    assert np.allclose(arms.first, prior.mean.first) and np.allclose(arms.second, prior.mean.second)
