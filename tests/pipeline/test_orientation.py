from itertools import pairwise

import numpy as np
import pytest

from pipeline.orientation import FILTERS, Orientation, OrientationParameters, orient_offline
from pipeline.quaternions import columns, rotate
from tests.pipeline.two_links import scalar_first, two_links


def movement(seconds: float = 60.0, bias=(0.01, -0.008, 0.006)):
    """One link of the pair, at rest for 4 s first, with a gyroscope's bias."""
    links = two_links(7, seconds, swing_rad=0.4)
    truth = scalar_first(links.orientation[0])
    rest = 400
    acc = np.concatenate(
        [
            np.repeat(links.acc[0][:1], rest, axis=0) * 0
            + rotate(truth[:1] * [1, -1, -1, -1], np.array([[0, 0, 9.80665]])),
            links.acc[0],
        ]
    )
    gyr = np.concatenate([np.zeros((rest, 3)), links.gyr[0]]) + np.asarray(bias)
    rng = np.random.default_rng(0)
    gyr = gyr + rng.normal(0.0, 0.001, gyr.shape)
    return acc, gyr, np.concatenate([np.repeat(truth[:1], rest, axis=0), truth])


def inclination_error_deg(quat, truth):
    """Angle between the true and the estimated vertical, in the sensor's frame."""
    a, b = columns(quat), columns(truth)
    return np.rad2deg(np.arccos(np.clip(a[6] * b[6] + a[7] * b[7] + a[8] * b[8], -1, 1)))


@pytest.mark.parametrize(("name", "limit_deg"), [("vqf", 2.0), ("madgwick", 6.0), ("mahony", 6.0), ("ekf", 6.0)])
def test_every_filter_finds_the_vertical(name, limit_deg):
    acc, gyr, truth = movement(20.0)
    result = Orientation(100.0, OrientationParameters(filter=name)).update(acc, gyr, np.ones(len(acc), bool))
    assert np.sqrt(np.mean(inclination_error_deg(result.quat, truth)[400:] ** 2)) < limit_deg


def test_offline_is_better_than_live_and_finds_the_bias():
    acc, gyr, truth = movement()
    ok = np.ones(len(acc), bool)
    both = orient_offline(acc, gyr, ok, 100.0)
    error = inclination_error_deg(both.quat, truth)
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert np.abs((gyr - both.gyr).mean(axis=0) - [0.01, -0.008, 0.006]).max() < 0.002


@pytest.mark.parametrize("name", FILTERS)
def test_the_bits_do_not_depend_on_the_blocks(name):
    acc, gyr, _ = movement(5.0)
    ok = np.ones(len(acc), bool)
    ok[500:560] = False
    p = OrientationParameters(filter=name)
    whole = Orientation(100.0, p).update(acc, gyr, ok)
    rng = np.random.default_rng(1)
    bounds = [0, *sorted(rng.choice(np.arange(1, len(acc)), 40, replace=False).tolist()), len(acc)]
    live = Orientation(100.0, p)
    parts = [live.update(acc[a:b], gyr[a:b], ok[a:b]) for a, b in pairwise(bounds)]
    assert np.array_equal(whole.quat, np.concatenate([x.quat for x in parts]))
    assert np.array_equal(whole.gyr, np.concatenate([x.gyr for x in parts]))
    assert np.flatnonzero(np.concatenate([x.restarted for x in parts])).tolist() == [560]


def test_a_hole_stands_still_and_is_told():
    acc, gyr, truth = movement(20.0)
    ok = np.ones(len(acc), bool)
    ok[900:1200] = False
    live = Orientation(100.0).update(acc, gyr, ok)
    begun = 900 + round(OrientationParameters().bridge_s * 100.0)
    assert np.all(live.quat[begun:1200] == live.quat[begun - 1]) and np.all(live.gyr[begun:1200] == 0.0)
    assert np.flatnonzero(live.restarted).tolist() == [1200]
    # The vertical comes back after the hole; the heading is not promised.
    assert np.median(inclination_error_deg(live.quat, truth)[1500:]) < 4.0


def test_an_unknown_filter_is_named():
    with pytest.raises(ValueError, match="vqf"):
        Orientation(100.0, OrientationParameters(filter="kalmann"))


def test_a_sample_that_was_left_out_does_not_begin_the_filter_anew():
    """A spike at a heel strike makes a hole of a row: heading and inclination go on, live and offline."""
    links = two_links(4, 20.0, 100.0)
    acc, gyr = links.acc[1].copy(), links.gyr[1].copy()
    ok = np.ones(len(acc), bool)
    for hole in (slice(700, 701), slice(900, 903), slice(1200, 1202)):
        ok[hole] = False
        acc[hole], gyr[hole] = acc[hole.start - 1], gyr[hole.start - 1]
    whole = Orientation(100.0).update(links.acc[1], links.gyr[1], np.ones(len(acc), bool))
    live = Orientation(100.0)
    parts = [live.update(acc[a:b], gyr[a:b], ok[a:b]) for a, b in pairwise([0, 700, 702, 901, 1201, len(acc)])]
    quat = np.concatenate([p.quat for p in parts])
    assert not np.concatenate([p.restarted for p in parts]).any()
    away = 2.0 * np.arccos(np.clip(np.abs((quat * whole.quat).sum(axis=1)), 0.0, 1.0))
    assert np.rad2deg(away[-1]) < 5.0
    at_once = Orientation(100.0).update(acc, gyr, ok)
    assert np.array_equal(quat, at_once.quat)
    assert not orient_offline(acc, gyr, ok, 100.0).restarted.any()


@pytest.mark.parametrize("both_ways", [False, True])
def test_a_swing_is_neither_early_nor_late(both_ways):
    # 60 deg to and fro once a second about a horizontal axis: up to 377 deg/s, so that half a sample is 1.9 deg.
    rate_hz = 100.0
    t = np.arange(0.0, 20.0, 1.0 / rate_hz)
    angle = np.deg2rad(60.0) * np.sin(2.0 * np.pi * t)
    zero = np.zeros_like(t)
    gyr = np.stack([zero, np.deg2rad(60.0) * 2.0 * np.pi * np.cos(2.0 * np.pi * t), zero], axis=1)
    acc = 9.80665 * np.stack([-np.sin(angle), zero, np.cos(angle)], axis=1)
    ok = np.ones(len(t), bool)
    if both_ways:
        quat = orient_offline(acc, gyr, ok, rate_hz).quat
    else:
        quat = Orientation(rate_hz).update(acc, gyr, ok).quat
    found = 2.0 * np.arctan2(quat[:, 2], quat[:, 0])
    assert np.abs(np.rad2deg(found - angle))[500:].max() < 0.3
