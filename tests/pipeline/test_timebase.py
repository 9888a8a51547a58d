"""Clocks over simulated links: two sensors must agree to milliseconds, time must run forward, restarts must be seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_interface.samples import Clock
from pipeline.tabletime import TableTime
from pipeline.timebase import TimeBase
from tests.pipeline.links import Link, timed

PPM = 1e-6


def offset_ms(clock: Clock, a: Link, b: Link, seed: int, at_s: tuple[float, ...]) -> np.ndarray:
    """Difference of the two sensors' time errors after some seconds."""
    rng = np.random.default_rng(seed)
    errors = []
    for link in (a, b):
        times, true, _ = timed(clock, link, max(at_s) + 2, rng)
        errors.append([(times - true)[int(t * link.rate_hz)] for t in at_s])
    return 1e3 * np.abs(np.subtract(*errors))


def test_two_crystals_over_lossy_links_agree() -> None:
    a, b = Link(skew=40 * PPM, miss=0.02), Link(skew=-40 * PPM, miss=0.25)
    found = np.array([offset_ms(Clock.DEVICE_TIME, a, b, seed, (10, 300, 590)) for seed in range(6)])
    # the phase of 10 ms samples in 30 ms events shows once in 250 s only: until then up to 10 ms cannot be known
    assert np.median(found[:, 0]) < 5 and (found[:, 0] < 8).sum() >= 5
    assert (found[:, 1] < 7).all()
    assert (found[:, 2] < 1).all()


@pytest.mark.parametrize("link", [Link(rate_hz=99.9), Link(rate_hz=104.0), Link(intervals_s=(0.04875,))])
def test_where_rate_and_interval_do_not_fit_together_the_phase_shows_at_once(link: Link) -> None:
    """A chip's own oscillator, its own rate, or an interval that is no multiple of the samples' period."""
    a, b = replace(link, skew=20 * PPM), replace(link, skew=-20 * PPM, miss=0.25)
    found = np.array([offset_ms(Clock.DEVICE_TIME, a, b, seed, (10, 60)) for seed in range(4)])
    assert (found < 2).all()


def test_packets_of_unlike_length_set_nothing_apart() -> None:
    """The shortest delay of 40 ms packets is no longer than that of single samples; the middle of it would be."""
    a = Link(rate_hz=99.9, per_packet=4)
    b = Link(rate_hz=99.9, miss=0.25)
    found = np.array([offset_ms(Clock.DEVICE_TIME, a, b, seed, (20, 60)) for seed in range(4)])
    assert (found < 2).all()


@pytest.mark.parametrize("central", [-50 * PPM, 50 * PPM])
def test_the_centrals_own_crystal_does_not_matter(central: float) -> None:
    a = Link(skew=40 * PPM, central=central)
    b = Link(skew=-40 * PPM, central=central, miss=0.25)
    found = np.array([offset_ms(Clock.DEVICE_TIME, a, b, seed, (10, 590)) for seed in range(3)])
    assert (found[:, 0] < 10).all() and (found[:, 1] < 5).all()


def test_a_phones_mixed_intervals_halve_what_is_open() -> None:
    phone = (0.015, 0.03, 0.045, 0.12)
    a = Link(skew=40 * PPM, intervals_s=phone, per_event=20)
    b = Link(skew=-40 * PPM, miss=0.25, intervals_s=phone, per_event=20)
    found = np.array([offset_ms(Clock.DEVICE_TIME, a, b, seed, (10, 290)) for seed in range(3)])
    assert (found < 5.5).all()
    assert np.median(found[:, 1]) < 1


@pytest.mark.parametrize("clock", [Clock.COUNTER, Clock.NONE])
@pytest.mark.parametrize("per_packet", [1, 4])
def test_a_rate_off_by_parts_of_a_percent_is_found(clock: Clock, per_packet: int) -> None:
    a = Link(skew=0.003, per_packet=per_packet)
    b = Link(skew=-0.004, per_packet=per_packet, miss=0.25)
    assert (offset_ms(clock, a, b, 3, (20, 60, 150)) < 4).all()
    _, _, base = timed(clock, a, 150, np.random.default_rng(4))
    assert base.skew_ppm == pytest.approx(3000, abs=100)


def test_device_time_without_a_crystal_is_followed_beyond_its_bound() -> None:
    times, true, base = timed(Clock.DEVICE_TIME, Link(skew=-0.005), 120, np.random.default_rng(1))
    assert np.ptp((times - true)[6000:]) < 0.01
    assert base.skew_ppm == pytest.approx(-5000, abs=50)


def test_a_sensor_set_to_another_rate_than_its_driver_believes() -> None:
    for clock in (Clock.NONE, Clock.COUNTER):
        times, true, _ = timed(clock, Link(rate_hz=50), 60, np.random.default_rng(2), nominal_hz=100)
        assert np.abs(times - true)[100:].max() < 0.12
        assert np.abs(times - true)[1000:].max() < 0.02


@pytest.mark.parametrize("clock", [Clock.DEVICE_TIME, Clock.COUNTER, Clock.NONE])
def test_time_runs_forward_and_is_corrected_by_fractions_of_a_sample(clock: Clock) -> None:
    times, _, _ = timed(clock, Link(skew=200 * PPM, miss=0.3, jitter_s=0.003), 60, np.random.default_rng(5))
    assert np.isfinite(times).all()
    steps = np.diff(times)
    assert steps.min() > 0.75 * 0.01 and steps.max() < 1.25 * 0.01
    later = np.diff(times[times > times[0] + 5])
    assert np.abs(later - 0.01).max() < 0.0004


@pytest.mark.parametrize("rate_hz", [100.0, 60.0])
def test_the_stated_uncertainty_is_the_errors_size(rate_hz: float) -> None:
    """Against the other sensor of the pair, crystals of any skew: neither too small nor much too large."""
    scaled = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        ends = []
        for miss in (0.02, 0.25):
            link = Link(rate_hz=rate_hz, skew=rng.normal(0, 30 * PPM), miss=miss)
            times, true, base = timed(Clock.DEVICE_TIME, link, rng.uniform(20, 120), rng)
            ends.append((times[-1] - true[-1], base.time_sd_s))
        (a, sd_a), (b, sd_b) = ends
        scaled.append((a - b) / np.hypot(sd_a, sd_b))
    assert 0.6 < np.sqrt(np.mean(np.square(scaled))) < 1.4
    assert np.abs(scaled).max() < 3.5


HALF = 0.005


def steady(base: TimeBase, start: int, stop: int, lag_s: float = 0.02) -> list[float]:
    """Feed 100 Hz microsecond ticks, one a packet, that arrive lag_s after they were taken at tick / 1e6.

    All come with one phase, so that they were taken up to 10 ms before they could go: HALF of that is guessed.
    """
    times: list[float] = []
    for k in range(start, stop):
        times += base.update([k * 10_000], k * 0.01 + lag_s)
    return times


def test_duplicates_are_dropped_and_reordered_packets_keep_their_place() -> None:
    base = TimeBase(Clock.DEVICE_TIME, 1e-6)
    before = steady(base, 0, 100)
    arrival = 1.05
    late = base.update([102 * 10_000], arrival)
    early = base.update([100 * 10_000, 101 * 10_000], arrival)
    again = base.update([101 * 10_000, 102 * 10_000], arrival)
    assert np.isnan(again).all() and base.duplicates == 2 and base.reordered == 2
    assert np.all(np.diff([before[-1], *early, *late]) == pytest.approx(0.01, abs=1e-3))


def test_one_impossible_tick_is_refused_and_nothing_moves() -> None:
    base = TimeBase(Clock.DEVICE_TIME, 1e-6)
    steady(base, 0, 1000)
    for wild, tick in ((1000 * 10_000 + 2**32, 1000), (0, 1001)):
        assert base.update([wild], tick * 0.01 + 0.02) == []
        settled = base.update([tick * 10_000], tick * 0.01 + 0.02)
        assert np.isnan(settled[0])
        assert settled[1] == pytest.approx(tick * 0.01 + 0.02 - HALF, abs=0.002)
    assert base.refused == 2 and base.restarts == 0


@pytest.mark.parametrize("jump_us", [2**32, 600_000_000, -9_000_000])
def test_a_clock_that_restarts_begins_a_new_mapping(jump_us: int) -> None:
    base = TimeBase(Clock.DEVICE_TIME, 1e-6)
    before = steady(base, 0, 1000)
    after: list[float] = []
    for k in range(1000, 1500):
        after += base.update([k * 10_000 + jump_us], k * 0.01 + 0.02)
    assert base.restarts == 1
    assert len(after) == 500
    good = np.array(after)
    good = good[np.isfinite(good)]
    assert np.all(np.diff([*before, *good]) > 0)
    assert good[-1] == pytest.approx(14.99 + 0.02 - HALF, abs=0.003)


def test_a_clock_that_stood_still_is_noticed() -> None:
    base = TimeBase(Clock.COUNTER, 0.01)
    for k in range(2000):
        base.update([k], k * 0.01 + 0.02)
    last = 0.0
    for k in range(2000, 4000):
        last = (base.update([k], k * 0.01 + 3.02) or [last])[-1]
    assert base.restarts == 1
    assert last == pytest.approx(42.99, abs=0.03)


def test_a_link_stall_moves_nothing() -> None:
    base = TimeBase(Clock.DEVICE_TIME, 1e-6)
    steady(base, 0, 2000)
    times: list[float] = []
    for k in range(2000, 2600):
        times += base.update([k * 10_000], max(k * 0.01 + 0.02, 24.0))
    assert np.abs(np.array(times) - np.arange(2000, 2600) * 0.01 - 0.02 + HALF).max() < 0.002
    assert base.restarts == 0


def test_without_any_ticks_a_silence_is_a_loss() -> None:
    rng = np.random.default_rng(8)
    true, _, arrivals = Link(miss=0.1).run(60, rng)
    heard = np.ones(len(true), bool)
    heard[3000:3300] = False
    base = TimeBase(Clock.NONE, 0.01)
    times: list[float] = []
    for n, arrival in enumerate(arrivals[heard].tolist()):
        times += base.update([n], arrival)
    error = np.array(times) - true[heard]
    assert np.nanmax(np.abs(error)) < 0.06
    assert base.inferred_lost == pytest.approx(300, abs=6)


@settings(max_examples=60, deadline=None)
@example(Clock.NONE, [([1000], 0.0), ([0], 1.0), ([1], 2.0), ([0], 0.0)])
@example(Clock.DEVICE_TIME, [([251], 0.0), ([0], 1.0), ([0], 0.0), ([1], 3.0), ([0], 0.0), ([0], 3.0)])
@given(
    st.sampled_from([Clock.DEVICE_TIME, Clock.COUNTER, Clock.NONE]),
    st.lists(
        st.tuples(
            st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=4),
            st.floats(-10, 1000, allow_nan=False),
        ),
        max_size=60,
    ),
)
def test_no_ticks_whatever_break_it(clock: Clock, packets: list[tuple[list[int], float]]) -> None:
    """Every sample is answered once, in order, with a finite time or none; no two samples share a time."""
    base = TimeBase(clock, 0.001)
    times: list[float] = []
    for ticks, arrival in packets:
        times += base.update(list(ticks), arrival)
    times += base.finish()
    assert len(times) == sum(len(ticks) for ticks, _ in packets)
    good = [t for t in times if not np.isnan(t)]
    assert np.isfinite(good).all()
    assert len(set(good)) == len(good)
    assert len(times) - len(good) == base.refused + base.duplicates


def test_a_tables_times_are_taken_as_they_are() -> None:
    base = TableTime(1e-9)
    ticks = [int(1e9 * t) for t in (5.0, 5.0123, 5.02, 5.9)]
    assert base.update(ticks, 0.0) == [tick * 1e-9 for tick in ticks]


def test_a_tables_faults() -> None:
    base = TableTime(1.0)
    rows = [*range(10), 8, 11, 10, 5000, 12, 13, 100, 101, 0, 1, 2]
    times = base.update(rows, 0.0)
    nan = [i for i, t in enumerate(times) if np.isnan(t)]
    assert [rows[i] for i in nan] == [8, 5000]
    assert base.duplicates == 1 and base.refused == 1 and base.reordered == 1
    assert times[rows.index(100)] == 100.0
    assert base.restarts == 1
    assert times[-3:] == pytest.approx([101.2, 102.2, 103.2])
    assert TableTime(1.0).finish() == []


def test_a_first_row_far_from_the_rest_does_not_set_the_time() -> None:
    base = TableTime(1.0)
    assert np.isnan(base.update([10**6], 0.0) + base.update([1, 2, 3], 0.0))[:1].all()
    assert base.update([4], 0.0) == [4.0]
