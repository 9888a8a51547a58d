"""The virtual link and sampling without a radio: what is told, when, in which order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.virtual.link import LinkModel, PacedLink
from firmware_interface.virtual.sampling import DeviceClock, Sampler
from tests.firmware_interface.motions import Shaken, motion


def carried_by(model: LinkModel, offered: list[tuple[float, bytes]], end_s: float, step_s: float = 1 / 64):
    """Times and packets as they come out of a link that is asked every step_s."""
    link = PacedLink(model, np.random.default_rng(1), 0.0)
    out = []
    waiting = list(offered)
    for now in np.arange(0.0, end_s, step_s):
        while waiting and waiting[0][0] <= now:
            link.offer("c", waiting.pop(0)[1])
        out += [(now, payload) for _, payload in link.deliver(now)]
    return out, link


def test_packets_come_in_bursts_at_connection_events():
    model = LinkModel(interval_s=0.125, missed=0.0)
    out, _ = carried_by(model, [(0.01 * k, bytes([k])) for k in range(40)], 1.0)
    assert {float(time) for time, _ in out} == {0.125 * k for k in range(1, 8)}
    assert [payload[0] for _, payload in out] == list(range(40))


@given(st.floats(0.0, 0.9))
@settings(max_examples=25, deadline=None)
def test_missed_events_delay_and_never_lose_or_reorder(missed):
    model = LinkModel(interval_s=0.03, missed=missed, queue_packets=1000)
    out, link = carried_by(model, [(0.01 * k, bytes([k])) for k in range(100)], 30.0)
    assert [payload[0] for _, payload in out] == list(range(100))
    assert link.dropped == 0


def test_a_dead_link_fills_the_queue_and_drops_the_rest():
    model = LinkModel(missed=1.0, queue_packets=8)
    out, link = carried_by(model, [(0.01 * k, bytes([k])) for k in range(20)], 1.0)
    assert out == []
    assert link.dropped == 12


def test_one_event_carries_no_more_than_it_can():
    model = LinkModel(interval_s=0.125, missed=0.0, packets_per_event=3)
    out, _ = carried_by(model, [(0.0, bytes([k])) for k in range(10)], 1.0)
    assert [sum(time == 0.125 * k for time, _ in out) for k in (1, 2, 3, 4)] == [3, 3, 3, 1]


@given(st.lists(st.floats(0.001, 0.7), min_size=1, max_size=30), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_samples_do_not_depend_on_how_often_they_are_taken(steps, whole):
    """Every sample of the source exactly once, in whole batches, at the time of the device's own clock."""
    sampler = Sampler(Shaken(100.0), DeviceClock(skew_ppm=50.0, start_us=1234))
    sampler.start(0.0, 100.0)
    taken = [sampler.take(now, whole) for now in np.cumsum(steps)]
    assert all(len(ticks) % whole == 0 for ticks, _, _ in taken)
    ticks = np.concatenate([np.array(one, np.int64) for one, _, _ in taken])
    time = np.arange(len(ticks)) / 100.0
    np.testing.assert_allclose(ticks, 1234 + time * 1_000_050, atol=0.5)
    np.testing.assert_allclose(np.concatenate([acc for _, acc, _ in taken]), motion(time)[0])
    assert len(ticks) > np.sum(steps) * 100 - whole


@pytest.mark.parametrize("source_hz", [100.0, 250.0])
def test_another_rate_is_interpolated(source_hz):
    sampler = Sampler(Shaken(source_hz), DeviceClock())
    sampler.start(1.0, 60.0)
    ticks, acc, gyr = sampler.take(2.0, 1)
    assert np.unique(np.diff(ticks)).tolist() in ([16_666, 16_667], [16_667])
    true_acc, true_gyr = motion(np.array(ticks) * 1e-6)
    # The largest curvature of the motion is 3 * 7^2 m/s4: linear interpolation is off by an eighth of it per step^2.
    bound = 3.0 * 49 / 8 / source_hz**2 + 1e-4
    assert np.abs(acc - true_acc).max() <= bound
    assert np.abs(gyr - true_gyr).max() <= bound


@pytest.mark.parametrize(("silent_s", "lost"), [(1.5, False), (2.5, True)])
def test_a_link_that_is_not_heard_for_the_supervision_time_out_is_lost(silent_s, lost):
    link = PacedLink(LinkModel(interval_s=0.03125, missed=0.0), np.random.default_rng(1), 0.0)
    link.deliver(1.0)
    link.fade(1.0 + silent_s)
    link.offer("c", b"kept")
    carried = [payload for now in np.arange(1.0, 6.0, 1 / 64) for _, payload in link.deliver(now)]
    assert link.lost is lost
    assert carried == ([] if lost else [b"kept"])
