"""What happens to real sessions: gaps, a sensor that dies, spikes, clocks that restart. The session goes on, marked."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from pipeline.blocks import LegBlock, Status, join
from pipeline.offline import process
from pipeline.records import Event, Record, Side
from pipeline.session import Session, Settings
from tests.end_to_end.simulated_legs import records, sensors, simulation

SIDE = Side.RIGHT


@cache
def _stream() -> tuple[Record, ...]:
    return tuple(records(simulation(4, SIDE).table(SIDE)))


def stream() -> list[Record]:
    """A simulated leg: standing, flexions, walking, stairs, squats, lunges."""
    return list(_stream())


def live(given: list[Record]) -> LegBlock:
    session = Session(sensors(SIDE), Settings(min_rows=20))
    updates = [session.feed(given), session.finish()]
    return join([r.block for u in updates for r in u.legs])


def offline(given: list[Record]) -> LegBlock:
    (leg,) = process(given, sensors(SIDE)).update.legs
    return leg.block


def without(given: list[Record], begin_s: float, end_s: float, ids: tuple[int, ...] = (1, 2)) -> list[Record]:
    """The records without some sensors' notifications of a time."""
    return [
        r for r in given if isinstance(r, Event) or r.sensor not in ids or not begin_s <= r.host_time_ns * 1e-9 < end_s
    ]


@cache
def clean(analyse: Callable[[list[Record]], LegBlock]) -> LegBlock:
    """The session to which nothing happened."""
    return analyse(stream())


@pytest.mark.parametrize("analyse", [live, offline])
def test_no_angle_inside_a_gap_is_valid(analyse):
    block = analyse(without(stream(), 26.0, 29.0))
    inside = (block.time_s > 26.2) & (block.time_s < 28.8)
    assert inside.sum() > 200, "time goes on through the gap"
    assert not block.valid[inside].any() and np.isnan(block.abduction[inside]).all()
    assert np.all(block.status[inside] == Status.GAP)
    assert np.isfinite(block.flexion[block.time_s > 31.0]).mean() > 0.9, "and the session goes on"


@pytest.mark.parametrize("analyse", [live, offline])
def test_one_sensor_dies_and_the_other_goes_on(analyse):
    block = analyse(without(stream(), 30.0, 1e9, ids=(2,)))
    after = block.time_s > 31.0
    assert block.time_s[-1] > 40.0
    assert np.all(block.status[after] == Status.SINGLE_SENSOR) and not block.valid[after].any()
    assert block.valid[(block.time_s > 20.0) & (block.time_s < 29.5)].any()


def test_spikes_are_not_called_valid():
    """A single impossible sample of the shank: its row is not trusted, its neighbourhood comes back."""
    table = simulation(4, SIDE).table(SIDE).copy()
    at = int(np.searchsorted(table["time_s"], 25.0))
    table.loc[at, [f"shank_acc_{a}" for a in "xyz"]] = 4000.0
    block = offline(records(table))
    row = int(np.argmin(np.abs(block.time_s - 25.0)))
    assert not block.valid[row - 1 : row + 2].all()
    difference = np.abs(np.rad2deg(block.flexion - clean(offline).flexion))
    assert np.nanmax(difference) < 3.0, "one sample does not bend the rest"


@pytest.mark.parametrize("analyse", [live, offline])
def test_doubled_and_swapped_packets_change_nothing(analyse):
    given = stream()
    mixed = list(given)
    for i in range(400, len(mixed) - 4, 40):
        mixed[i], mixed[i + 2] = mixed[i + 2], mixed[i]
        mixed.insert(i + 5, mixed[i + 4])
    one, two = clean(analyse), analyse(mixed)
    begin, end = max(one.start, two.start), min(one.start + len(one), two.start + len(two))
    a, b = (x.cut(begin - x.start, end - x.start) for x in (one, two))
    both = np.isfinite(a.flexion) & np.isfinite(b.flexion)
    assert both.mean() > 0.5
    assert np.rad2deg(np.abs(a.flexion - b.flexion)[both]).max() < 0.5
