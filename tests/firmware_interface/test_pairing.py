"""Two streams of one clock: pairs are exact where the times agree, interpolated where close, absent across holes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.pairing import Pairing, Vectors


def run(times, values=None, clipped=None):
    times = np.asarray(times, np.int64)
    values = np.stack([times] * 3, axis=1).astype(float) if values is None else values
    return Vectors(times, values, np.zeros(len(times), bool) if clipped is None else np.asarray(clipped))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=60))
@settings(max_examples=80, deadline=None)
def test_pairs_do_not_depend_on_how_the_streams_are_cut(pieces):
    """Each rate at time t gets the acceleration of time t, here t itself, whatever came in which order."""
    pairing = Pairing(leap=10**6)
    at = {True: 0, False: 0}
    taken = []
    for is_acc, count in pieces:
        steps = np.arange(at[is_acc], at[is_acc] + count)
        at[is_acc] += count
        # Rates are taken 3 after every other acceleration.
        (pairing.add_acc if is_acc else pairing.add_gyr)(run(10 * steps if is_acc else 20 * steps + 3))
        taken.append(pairing.take(25))
    times = np.concatenate([pairs.times for pairs in taken]) if taken else np.empty(0)
    acc = np.concatenate([pairs.acc for pairs in taken]) if taken else np.empty((0, 3))
    complete = [20 * k + 3 for k in range(at[False]) if 20 * k + 3 <= 10 * (at[True] - 1)]
    assert times.tolist() == complete
    np.testing.assert_allclose(acc, np.stack([times] * 3, axis=1))
    assert sum(pairs.unpaired for pairs in taken) == 0


def test_a_hole_is_not_bridged():
    pairing = Pairing(leap=10**6)
    pairing.add_acc(run([0, 10, 20, 60, 70]))
    pairing.add_gyr(run([5, 15, 25, 35, 45, 55, 60, 65]))
    pairs = pairing.take(25)
    assert pairs.times.tolist() == [5, 15, 60, 65]
    assert pairs.unpaired == 4


def test_rates_before_the_first_acceleration_have_none():
    pairing = Pairing(leap=10**6)
    pairing.add_gyr(run([1, 11, 21]))
    pairing.add_acc(run([10, 20, 30]))
    pairs = pairing.take(25)
    assert (pairs.times.tolist(), pairs.unpaired) == ([11, 21], 1)


def test_clipping_of_either_neighbour_clips_the_pair():
    pairing = Pairing(leap=10**6)
    pairing.add_acc(run([0, 10, 20, 30], clipped=[False, True, False, False]))
    pairing.add_gyr(run([0, 5, 15, 20, 25], clipped=[False, False, False, False, True]))
    assert pairing.take(25).clipped.tolist() == [False, True, True, False, True]


def test_a_clock_that_falls_back_takes_the_other_stream_with_it():
    pairing = Pairing(leap=10**6)
    pairing.add_acc(run([1000, 1010]))
    pairing.add_gyr(run([1005]))
    assert len(pairing.take(25)) == 1
    pairing.add_gyr(run([5]))
    assert len(pairing.take(25)) == 0
    pairing.add_acc(run([0, 10]))
    pairs = pairing.take(25)
    assert pairs.times.tolist() == [5]
    np.testing.assert_array_equal(pairs.acc, [[5, 5, 5]])


def test_what_waits_is_bounded():
    pairing = Pairing(leap=10**6)
    for k in range(1000):
        pairing.add_gyr(run(np.arange(10 * k, 10 * k + 10)))
    pairs = pairing.take(25)
    assert len(pairs) == 0
    pairing.add_acc(run([0, 10**4]))
    assert 0 < pairs.unpaired + pairing.take(25).unpaired <= 10_000
    for k in range(1000):
        pairing.add_acc(run(10**4 + 1 + np.arange(10 * k, 10 * k + 10)))
        pairing.take(25)
    assert len(pairing._acc) <= 4096
