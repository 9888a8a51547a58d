"""What relative heading, alignment and angles cost, beside VQF on the same samples and machine.

Offline: everything between the sensors' orientations and the angles of a session, against VQF's batch over the two
sensors (ratio; wanted: at most 3). Live: the engine of two legs, per grid sample of both, in the pieces that a
connection interval of 30 ms delivers (wanted: under 0.3 ms). Medians of several runs.
"""

import time
from collections.abc import Callable

import numpy as np
import vqf

from pipeline.engine import LegEngine, LegSettings
from pipeline.orientation import orient_offline
from pipeline.two_sided import analyse_oriented, smoothed_heading
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ, simulated_leg

PIECE = 3
"""Rows of 100 Hz that come together every 30 ms."""


def _median_s(work: Callable[[], object], runs: int = 7) -> float:
    taken = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return float(np.median(taken))


def report() -> None:
    """Measure and print."""
    leg = simulated_leg(FIRST_UNSEEN)
    g = leg.grid
    one, two = (
        orient_offline(acc, gyr, ok, RATE_HZ)
        for acc, gyr, ok in ((g.thigh_acc, g.thigh_gyr, g.thigh_ok), (g.shank_acc, g.shank_gyr, g.shank_ok))
    )
    signals = [np.ascontiguousarray(a) for a in (g.thigh_gyr, g.thigh_acc, g.shank_gyr, g.shank_acc)]

    def batch() -> None:
        for gyr, acc in (signals[:2], signals[2:]):
            vqf.VQF(1.0 / RATE_HZ).updateBatch(gyr, acc)

    ours = _median_s(lambda: analyse_oriented(g, one, two, leg.side, LegSettings(), smoothed_heading))
    alone = _median_s(batch)
    print(f"offline, {len(g) / RATE_HZ / 60:.1f} min: VQF batch of two sensors {1e3 * alone:.0f} ms;", end=" ")
    print(f"heading, alignment and angles {1e3 * ours:.0f} ms: {ours / alone:.2f} times")
    for rows in (1, PIECE):
        engine = LegEngine(leg.side, RATE_HZ, LegSettings())
        count = 12000
        begin = time.process_time()
        for start in range(0, count, rows):
            engine.update(g.cut(start, start + rows))
        taken = time.process_time() - begin
        print(f"live, {rows} row(s) at a time: {2e3 * taken / count:.3f} ms per grid sample of both legs")
