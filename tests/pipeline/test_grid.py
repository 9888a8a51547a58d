"""The grid: what is interpolated, what is marked, and that nothing is invented, on signals whose truth is known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.blocks import GridBlock, join
from pipeline.grid import Grid, GridParameters
from pipeline.track import Track, TrackParameters

Floats = np.ndarray


def stream(times: Floats, acc: Floats, gyr: Floats) -> list[tuple[float, tuple, tuple]]:
    return [(float(t), tuple(map(float, a)), tuple(map(float, w))) for t, a, w in zip(times, acc, gyr, strict=True)]


def signal(rng: np.random.Generator, up_to_hz: float):
    """A band-limited movement of three axes: components of falling size below up_to_hz."""
    f = np.arange(0.95, up_to_hz, 0.95)
    size = rng.normal(1, 0.3, (3, len(f))) / f
    phase = rng.uniform(0, 2 * np.pi, (3, len(f)))
    return lambda t: np.sin(2 * np.pi * f * t[:, None, None] + phase).__mul__(size).sum(axis=2)


def run(thigh: list, shank: list, parameters: GridParameters | None = None, ends: bool = True) -> GridBlock | None:
    """Both streams in order of time, one sample at a time."""
    grid = Grid(True, True, parameters)
    blocks: list[GridBlock] = []
    now = -1e9
    merged = [(s[0], 0, s) for s in thigh] + [(s[0], 1, s) for s in shank]
    for time_s, which, (t, acc, gyr) in sorted(merged, key=lambda item: item[:2]):
        track = grid.tracks[which]
        assert track is not None
        track.add(t, acc, gyr, False)
        now = max(now, time_s)
        blocks += grid.advance(now)
    if ends:
        blocks += grid.finish(now)
    for one, two in pairwise(blocks):
        assert two.start == one.start + len(one)
    return join(blocks) if blocks else None


def still(times: Floats) -> list:
    return stream(times, np.tile([0.0, 0.0, 9.81], (len(times), 1)), np.zeros((len(times), 3)))


def test_sixty_hertz_data_are_interpolated_far_better_than_linearly() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        move = signal(rng, 15.0)
        times = rng.uniform(0, 0.02) + np.arange(1200) / 60
        values = move(times)
        block = run(stream(times, values, values), still(np.arange(0, 20, 0.01)))
        assert block is not None and block.rate_hz == 100.0
        t = block.time_s
        inner = (t > 0.5) & (t < 19)
        truth = move(t)[inner]
        rms = np.sqrt(np.mean(truth**2))
        error = np.sqrt(np.mean((block.thigh_gyr[inner] - truth) ** 2)) / rms
        linear = np.column_stack([np.interp(t[inner], times, values[:, k]) for k in range(3)])
        assert error < 0.015
        assert error < 0.4 * np.sqrt(np.mean((linear - truth) ** 2)) / rms
        assert np.array_equal(block.thigh_acc, block.thigh_gyr)


def test_equal_rates_with_an_odd_phase_lose_nothing() -> None:
    move = signal(np.random.default_rng(1), 15.0)
    times = 0.0037 + np.arange(1000) / 100.004
    block = run(stream(times, move(times), move(times)), still(np.arange(0, 10, 0.01)))
    assert block is not None
    truth = move(block.time_s)
    error = (block.thigh_gyr - truth)[50:-50]
    assert np.sqrt(np.mean(error**2)) < 0.003 * np.sqrt(np.mean(truth**2))


def test_samples_on_the_grid_pass_unchanged() -> None:
    rng = np.random.default_rng(2)
    times = np.arange(12345, 12845) / 100
    acc, gyr = rng.normal(size=(2, 500, 3))
    block = run(stream(times, acc, gyr), still(times))
    assert block is not None and block.start == 12345
    assert np.array_equal(block.thigh_acc, acc) and np.array_equal(block.thigh_gyr, gyr)
    assert block.thigh_ok.all() and block.shank_ok.all()


def test_a_faster_sensor_is_averaged_so_that_the_angle_is_kept_and_nothing_folds() -> None:
    times = 0.0012 + np.arange(4000) / 200
    turn = np.sin(2 * np.pi * 1.0 * times)
    buzz = np.sin(2 * np.pi * 93.0 * times)
    gyr = np.column_stack([turn, buzz, turn + buzz])
    block = run(stream(times, gyr, gyr), still(np.arange(0, 20, 0.01)))
    assert block is not None and block.rate_hz == 100.0
    t = block.time_s
    angle = np.concatenate([[0.0], np.cumsum(block.thigh_gyr[:, 0])]) * 0.01
    edges = np.concatenate([[t[0] - 0.005], t + 0.005])
    truth = (np.cos(2 * np.pi * edges[0]) - np.cos(2 * np.pi * edges)) / (2 * np.pi)
    assert np.abs(angle - truth).max() < 2e-4
    # sampled without averaging, 93 Hz would appear as 7 Hz in full size
    assert np.abs(block.thigh_gyr[:, 1]).max() < 0.15


@pytest.mark.parametrize(
    ("thigh_hz", "shank_hz", "grid_hz"),
    [(60, 100, 100), (50, 50, 100), (200, 100, 100), (200, 400, 200), (104, 125, 104)],
)
def test_the_rate_is_100_unless_both_are_faster(thigh_hz: int, shank_hz: int, grid_hz: int) -> None:
    block = run(still(np.arange(0, 3, 1 / thigh_hz)), still(0.004 + np.arange(0, 3, 1 / shank_hz)))
    assert block is not None and block.rate_hz == grid_hz
    assert block.thigh_ok.all() and block.shank_ok.all()
    assert block.time_s[0] < 0.03 and block.time_s[-1] > 2.96


def test_short_holes_are_bridged_and_long_ones_marked() -> None:
    move = signal(np.random.default_rng(3), 4.0)
    times = np.arange(0, 10, 0.01)
    heard = np.ones(1000, bool)
    heard[300:309] = False
    heard[600:611] = False
    values = move(times)
    block = run(stream(times[heard], values[heard], values[heard]), still(times))
    assert block is not None
    assert block.thigh_ok[:600].all() and block.thigh_ok[612:].all()
    assert not block.thigh_ok[600:611].any() and block.shank_ok.all()
    assert np.abs(block.thigh_gyr[300:309] - move(times[300:309])).max() < 0.15
    assert np.array_equal(block.thigh_gyr[600:611], np.tile(values[599], (11, 1)))


def test_a_sensor_that_dies_does_not_stop_the_other() -> None:
    block = run(still(np.arange(0, 5, 0.01)), still(np.arange(0, 12, 0.01)))
    assert block is not None
    t = block.time_s
    assert block.shank_ok.all() and t[-1] > 11.9
    assert block.thigh_ok[t < 4.98].all() and not block.thigh_ok[t > 5.0].any()
    assert np.isfinite(block.thigh_acc).all()


def test_a_sensor_that_never_speaks_and_one_that_joins_late() -> None:
    alone = run(still(np.arange(1, 8, 0.01)), [])
    assert alone is not None and alone.start == 100 and alone.thigh_ok.all() and not alone.shank_ok.any()
    late = run(still(np.arange(1, 8, 0.01)), still(np.arange(5, 8, 0.01)))
    assert late is not None and late.start == 100
    assert not late.shank_ok[late.time_s < 4.99].any() and late.shank_ok[late.time_s > 5.01].all()
    together = run(still(np.arange(1, 8, 0.01)), still(np.arange(2, 8, 0.01)))
    assert together is not None and together.start == 200 and together.shank_ok.all()


def test_rows_are_final_as_soon_as_both_have_samples_beyond() -> None:
    grid = Grid(True, True)
    thigh, shank = grid.tracks
    assert thigh and shank
    delay = []
    for k in range(500):
        for track in (thigh, shank):
            track.add(k * 0.01 + 0.003, (0.0, 0.0, 9.81), (0.0, 0.0, 0.0), False)
        for block in grid.advance(k * 0.01 + 0.003):
            delay.append(k * 0.01 + 0.003 - block.time_s[-1])
    assert max(delay[1:]) < 0.021


def test_a_hole_waits_for_the_packet_that_was_overtaken() -> None:
    rng = np.random.default_rng(4)
    times = np.arange(0, 10, 0.01)
    acc, gyr = rng.normal(size=(2, 1000, 3))
    samples = stream(times, acc, gyr)
    order = np.arange(1000).reshape(-1, 5)
    order[20:190:7], order[21:191:7] = order[21:191:7].copy(), order[20:190:7].copy()
    grid = Grid(True, False)
    track = grid.tracks[0]
    assert track is not None
    blocks: list[GridBlock] = []
    for i in order.ravel():
        track.add(*samples[i], False)
        blocks += grid.advance(track.last_s)
    blocks += grid.finish(track.last_s)
    block = join(blocks)
    assert np.array_equal(block.thigh_gyr, gyr) and block.thigh_ok.all() and track.late == 0


def test_samples_later_than_the_hold_are_dropped_and_counted() -> None:
    grid = Grid(True, True)
    thigh, shank = grid.tracks
    assert thigh and shank
    blocks: list[GridBlock] = []
    for k in range(1000):
        shank.add(k * 0.01, (0.0, 0.0, 9.8), (0.0, 0.0, 0.0), False)
        if k < 500 or k > 600:
            thigh.add(k * 0.01, (0.0, 0.0, 9.8), (0.0, 0.0, 0.0), False)
        if k == 600:
            for late in range(500, 601):
                thigh.add(late * 0.01, (1.0, 0.0, 9.8), (0.0, 0.0, 0.0), False)
        blocks += grid.advance(k * 0.01)
    block = join(blocks)
    gone = (block.time_s > 5.0) & (block.time_s < 5.49)
    assert thigh.late == pytest.approx(50, abs=3)
    assert not block.thigh_ok[gone].any() and (block.thigh_acc[gone, 0] == 0).all()
    assert block.thigh_ok[block.time_s > 5.52].all()


@pytest.mark.parametrize("size", [5e3, np.nan, np.inf, 35.0, -20.0])
def test_spikes_are_left_out_and_no_row_beside_them_is_called_ok(size: float) -> None:
    move = signal(np.random.default_rng(5), 6.0)
    times = np.arange(0, 6, 0.01) + 0.0033
    clean = move(times)
    values = clean.copy()
    values[[150, 300], 1] = size
    block = run(stream(times, np.tile([0, 0, 9.81], (600, 1)), values), still(np.arange(0, 6, 0.01)))
    assert block is not None
    assert (~block.thigh_ok).sum() == 4
    assert not block.thigh_ok[(block.time_s > 1.4934) & (block.time_s < 1.5132)].any()
    assert np.abs(block.thigh_gyr - move(block.time_s))[2:-2].max() < 0.2


def test_a_heel_strike_is_not_a_spike() -> None:
    times = np.arange(0, 6, 0.01) + 0.0033
    acc = np.tile([0.0, 9.81, 0.0], (600, 1))
    acc[200:203, 1] += [40.0, 85.0, -30.0]
    gyr = np.zeros((600, 3))
    gyr[200:203, 2] = [-5.0, 4.0, 1.0]
    block = run(stream(times, acc, gyr), still(times))
    assert block is not None and block.thigh_ok.all() and block.thigh_acc[:, 1].max() > 70


def test_clipping_marks_the_rows_that_rest_on_it() -> None:
    track = Track(TrackParameters())
    for k in range(300):
        track.add(k * 0.01 + 0.005, (0.0, 0.0, 9.8), (0.0, 0.0, 0.0), k == 100)
    track.use_grid(100.0)
    rows = [track.row(k * 0.01)[3] for k in range(1, 250)]
    assert [k + 1 for k, clipped in enumerate(rows) if clipped] == [100, 101]


def test_memory_and_work_stay_bounded_over_hours() -> None:
    grid = Grid(True, True)
    thigh, shank = grid.tracks
    assert thigh and shank
    rows = 0
    value = (0.0, 0.0, 9.8)
    for k in range(60_000):
        t = k * 0.05
        thigh.add(t, value, (0.0, 0.0, 0.0), False)
        if k % 2000 < 1500:
            shank.add(t, value, (0.0, 0.0, 0.0), False)
        rows += sum(len(block) for block in grid.advance(t))
        assert len(thigh.times) < 1200 and len(shank.times) < 1200
    assert rows == pytest.approx(300_000, abs=100)


def test_a_gap_of_hours_comes_in_bounded_pieces_without_a_hole() -> None:
    grid = Grid(True, True, GridParameters(rows_per_call=10_000, block_rows=1000))
    thigh, shank = grid.tracks
    assert thigh and shank
    blocks: list[GridBlock] = []
    for k in range(800):
        t = k * 0.01 + (3600.0 if k >= 400 else 0.0)
        for track in (thigh, shank):
            track.add(t, (0.0, 0.0, 9.8), (0.0, 0.0, 0.0), False)
        new = grid.advance(t)
        assert sum(map(len, new)) <= 10_000 and all(len(block) <= 1000 for block in new)
        blocks += new
    blocks += grid.finish(t)
    block = join(blocks)
    assert len(block) == 360_800
    assert (~block.thigh_ok).sum() == 360_000


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.floats(0.0, 0.3), st.sampled_from([37.0, 60.0, 100.0, 233.0]))
def test_rows_do_not_depend_on_how_they_are_handed_on(seed: int, min_rows: int, loss: float, rate: float) -> None:
    """Loss, jitter, reordering and duplicates: the same rows to the last bit, never NaN, always in step."""
    rng = np.random.default_rng(seed)
    found = []
    packets = []
    for which in (0, 1):
        count = int(4 * rate)
        times = rng.uniform(0, 1) + np.arange(count) / rate + rng.uniform(0, 0.3 / rate, count)
        values = rng.normal(size=(count, 6)) * rng.choice([1, 1, 1, 100], (count, 1))
        kept = np.flatnonzero(rng.random(count) >= loss)
        packets += [(times[i] + rng.exponential(0.03), which, times[i], values[i].tolist()) for i in kept]
        packets += [(times[i] + 0.1, which, times[i], values[i].tolist()) for i in kept[::17]]
    packets.sort(key=lambda packet: packet[:3])
    for rows in (1, min_rows):
        grid = Grid(True, True)
        blocks: list[GridBlock] = []
        now = -1e9
        for _, which, t, v in packets:
            track = grid.tracks[which]
            assert track is not None
            track.add(t, (v[0], v[1], v[2]), (v[3], v[4], v[5]), False)
            now = max(now, t)
            blocks += grid.advance(now, rows)
        blocks += grid.finish(now)
        for one, two in pairwise(blocks):
            assert two.start == one.start + len(one)
        found.append(join(blocks))
    for name in ("thigh_acc", "thigh_gyr", "shank_acc", "shank_gyr", "thigh_ok", "shank_ok", "clipped"):
        one, two = getattr(found[0], name), getattr(found[1], name)
        assert np.array_equal(one, two)
        assert np.isfinite(one).all()
    assert found[0].start == found[1].start
