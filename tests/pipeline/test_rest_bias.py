"""The bias of a worn gyroscope: people sway, and what they sway is no bias."""

import numpy as np

from pipeline.orientation import Orientation
from pipeline.rest_bias import RestBias, RestBiasParameters, bias_of_recording

RATE = 100.0
BLOCK = 50
DEG = np.pi / 180.0
BIAS = np.array([0.5, -0.8, 0.3]) * DEG
UP = np.array([0.0, 0.0, 9.81])


def standing(rng: np.random.Generator, seconds: float, sway_deg: float = 0.4) -> np.ndarray:
    """(n, 3) rates of a strap on a standing person: slow sway about all axes, beginning anywhere in it."""
    t = np.arange(round(seconds * RATE)) / RATE
    rates = np.zeros((len(t), 3))
    for axis in range(3):
        for hz in rng.uniform(0.2, 1.2, 3):
            omega = 2.0 * np.pi * hz
            rates[:, axis] += sway_deg * DEG / np.sqrt(3.0) * omega * np.cos(omega * t + rng.uniform(0.0, 6.3))
    return rates


def moving(rng: np.random.Generator, seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return np.stack([2.0 * np.sin(2.0 * np.pi * t + p) for p in rng.uniform(0.0, 6.3, 3)], axis=-1)


def told(rates: np.ndarray) -> list[tuple[np.ndarray, float]]:
    bias = RestBias()
    found = []
    for begin in range(0, len(rates) - BLOCK + 1, BLOCK):
        news = bias.update(np.tile(UP, (BLOCK, 1)), rates[begin : begin + BLOCK])
        if news is not None:
            found.append(news)
    return found


def test_many_standings_tell_the_bias_better_than_any_of_them():
    first, last, single = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stands = [standing(rng, 5.0) for _ in range(8)]
        rates = np.concatenate([piece for stand in stands for piece in (stand, moving(rng, 3.0))]) + BIAS
        news = told(rates)
        first.append(np.abs(news[0][0] - BIAS).max())
        last.append(np.abs(news[-1][0] - BIAS).max())
        single.append(np.abs(stands[-1].mean(axis=0)).max())
    assert np.sqrt(np.mean(np.square(last))) < 0.08 * DEG
    assert np.median(last) < 0.5 * np.median(first) and np.median(last) < 0.7 * np.median(single)


def test_the_stated_deviation_covers_the_error():
    ratios = []
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        rates = np.concatenate([p for _ in range(4) for p in (standing(rng, 4.0), moving(rng, 2.0))]) + BIAS
        bias, sd = told(rates)[-1]
        ratios.extend(np.abs(bias - BIAS) / sd)
    assert np.mean(np.array(ratios) < 2.0) > 0.9
    assert np.mean(np.array(ratios) < 0.2) < 0.6, "the deviation is not simply huge"


def test_a_person_who_sways_much_is_no_bias():
    """Twelve standings of a restless person, whose half seconds turn by several deg/s: whichever sway came first, the
    bias comes out, and not what was near to that sway."""
    errors, covered = [], []
    for seed in range(12):
        rng = np.random.default_rng(200 + seed)
        rates = np.concatenate([p for _ in range(12) for p in (standing(rng, 6.0, 1.2), moving(rng, 2.0))]) + BIAS
        bias, sd = told(rates)[-1]
        errors.append(np.abs(bias - BIAS).max())
        covered.extend(np.abs(bias - BIAS) < 2.0 * sd)
    assert max(errors) < 0.6 * DEG
    assert np.mean(covered) > 0.85


def test_turning_slowly_is_no_bias():
    rng = np.random.default_rng(1)
    turning = np.tile(np.array([0.0, 0.0, 8.0 * DEG]), (800, 1))
    news = told(np.concatenate([standing(rng, 5.0) + BIAS, turning + BIAS]))
    assert np.abs(news[-1][0] - BIAS).max() < 0.3 * DEG


def test_a_large_bias_of_a_cheap_sensor_is_taken_out():
    """5 deg/s on every axis: the heading of a standing person stays, live."""
    rng = np.random.default_rng(2)
    rates = standing(rng, 30.0, 0.1) + 5.0 * DEG
    acc = np.tile(UP, (len(rates), 1))
    oriented = Orientation(RATE).update(acc, rates, np.ones(len(rates), bool))
    late = oriented.quat[1000:]
    heading = np.unwrap(2.0 * np.arctan2(late[:, 3], late[:, 0]))
    assert abs(np.rad2deg(heading[-1] - heading[0])) < 2.0, "20 s at 5 deg/s would be 100 deg"


def test_a_bias_that_wanders_is_followed_over_a_recording():
    rng = np.random.default_rng(3)
    pieces = [p for _ in range(60) for p in (standing(rng, 5.0, 0.1), moving(rng, 25.0))]
    rates = np.concatenate(pieces)
    drift = np.linspace(0.0, 1.0, len(rates))[:, None] * np.array([0.6, 0.0, -0.6]) * DEG
    found = bias_of_recording(np.tile(UP, (len(rates), 1)), rates + drift, np.ones(len(rates), bool), RATE)
    assert found is not None
    assert np.abs(found[0] - drift).max() < 0.25 * DEG and np.abs(found[0] - drift).mean() < 0.08 * DEG
    constant = np.abs(drift - drift.mean(axis=0)).mean()
    assert np.abs(found[0] - drift).mean() < 0.6 * constant


def test_without_a_rest_nothing_is_said():
    rng = np.random.default_rng(4)
    rates = moving(rng, 20.0)
    assert told(rates) == []
    acc = np.tile(UP, (len(rates), 1))
    assert bias_of_recording(acc, rates, np.ones(len(rates), bool), RATE, RestBiasParameters()) is None
