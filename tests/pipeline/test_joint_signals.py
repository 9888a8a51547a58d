"""The force at the joint, as either sensor tells it: the same on rigid links, whatever they do."""

import numpy as np
import pytest

from pipeline.joint_signals import JointSignalParameters, JointSignals, JointSignalWindow, joint_signals
from pipeline.leg_rows import LegRows
from tests.pipeline.two_links import TwoLinks, scalar_first, two_links

RATE = 100.0


def rows_of(links: TwoLinks, start: int = 0) -> LegRows:
    one, two = (np.ascontiguousarray(scalar_first(q)) for q in links.orientation)
    ok = np.ones(len(one), bool)
    return LegRows(start, links.acc[0], links.gyr[0], one, links.acc[1], links.gyr[1], two, ok)


def at_joint(signals: JointSignals, links: TwoLinks) -> tuple[np.ndarray, np.ndarray]:
    """(m, 3) m/s2 each, with the true arms."""
    parts = ((signals.force1, signals.lever1, links.arms[0]), (signals.force2, signals.lever2, links.arms[1]))
    one, two = (force + lever[:, :, :3] @ arm for force, lever, arm in parts)
    return one, two


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 204.8])
@pytest.mark.parametrize("swing_rad", [0.3, 0.8, 1.5])
def test_both_sensors_tell_the_same_force(swing_rad: float, rate_hz: float) -> None:
    """However far they turn within the averaged stretch: nothing is lost to filters of rates that are multiplied
    afterwards. Turns by up to 800 deg/s, differences under a fiftieth of what the arms add."""
    links = two_links(5, 30.0, rate_hz, swing_rad)
    signals = joint_signals(rows_of(links), rate_hz, None)
    assert signals is not None
    one, two = at_joint(signals, links)
    added = np.sqrt(np.mean((signals.lever1[:, :, :3] @ links.arms[0]) ** 2))
    assert added > 0.2
    assert np.sqrt(np.mean((one - two) ** 2)) < 0.02 * added


def test_a_wobble_in_between_averages_out() -> None:
    """A sensor that rings at 11 Hz against its link, by a degree and a millimetre, changes the force little."""
    links = two_links(6, 20.0, 400.0, 0.5)
    time = np.arange(len(links.acc[0])) / 400.0
    ringing = np.sin(2.0 * np.pi * 11.0 * time)[:, None] * np.array([1e-3, 0.0, 0.0])
    shaken = links.acc[0] + np.gradient(np.gradient(ringing, 1 / 400.0, axis=0), 1 / 400.0, axis=0)
    rung = TwoLinks(400.0, links.orientation, (shaken, links.acc[1]), links.gyr, links.arms)
    calm, loud = (joint_signals(rows_of(x), 400.0, None) for x in (links, rung))
    assert calm is not None and loud is not None
    change = np.abs(loud.force1 - calm.force1)[5:-5]
    assert np.ptp(shaken - links.acc[0]) > 9.0
    assert change.max() < 0.3


def test_rows_lie_on_the_grid_and_apart_from_holes() -> None:
    links = two_links(7, 10.0)
    rows = rows_of(links, start=1234)
    rows.ok[500:503] = False
    signals = joint_signals(rows, RATE, None, JointSignalParameters(0.2))
    assert signals is not None
    assert np.all(signals.index % 20 == 0) and np.all(np.diff(signals.index) == 20)
    assert signals.index[0] - 20 >= 1234 and signals.index[-1] + 20 < 1234 + len(rows)
    touched = (signals.index + 20 >= 1734) & (signals.index - 20 < 1737)
    assert np.array_equal(signals.good, ~touched)


def test_block_by_block_is_the_whole_at_once() -> None:
    links = two_links(8, 20.0)
    rows = rows_of(links, start=100)
    window = JointSignalWindow(RATE)
    parts = [window.update(rows.cut(k, k + 50), None) for k in range(0, len(rows), 50)]
    whole = joint_signals(rows, RATE, None)
    assert whole is not None
    found = np.concatenate([part.index for part in parts if part is not None])
    assert np.array_equal(found, whole.index[: len(found)]) and len(found) >= len(whole) - 4
    for name in ("force1", "lever2", "error1"):
        told = np.concatenate([getattr(part, name) for part in parts if part is not None])
        assert np.allclose(told, getattr(whole, name)[: len(found)], atol=1e-9)


def test_too_few_rows_tell_nothing() -> None:
    links = two_links(9, 10.0)
    assert joint_signals(rows_of(links).cut(0, 30), RATE, None) is None
