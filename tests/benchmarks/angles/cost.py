"""What relative heading, alignment and angles cost, beside VQF on the same samples and machine.

Offline: everything between the sensors' orientations and the angles of a session, standard deviations, slips and the
unloaded path included, against VQF's batch over the two sensors (ratio; wanted: at most 3). Live: the engine of two
legs, VQF included, per grid sample of both, in the pieces that a connection interval of 30 ms delivers (wanted: under
0.3 ms). Processor time, in a process of its own whose linear algebra keeps to one thread, as VQF does: more threads
spin while they wait, which counts as work and is none. Offline, both are run in turn, so that a busy machine slows
both; the ratio is the median of those of the pairs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import vqf

from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.orientation import orient_offline
from pipeline.two_sided import analyse_oriented, smoothed_heading
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ, SimulatedLeg, simulated_leg

PIECE = 3
"""Rows of 100 Hz that come together every 30 ms."""
PAIRS = 25
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def report() -> None:
    """Measure and print."""
    alone = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    subprocess.run([sys.executable, "-m", __name__], env=alone, check=True)


def measure() -> None:
    """In this process."""
    leg = simulated_leg(FIRST_UNSEEN)
    _offline(leg)
    for rows in (1, PIECE):
        print(f"live, {rows} row(s) at a time: {_live_ms(leg, rows, 12000):.3f} ms per grid sample of both legs")


def _offline(leg: SimulatedLeg) -> None:
    g = leg.grid
    one, two = (
        orient_offline(acc, gyr, ok, RATE_HZ)
        for acc, gyr, ok in ((g.thigh_acc, g.thigh_gyr, g.thigh_ok), (g.shank_acc, g.shank_gyr, g.shank_ok))
    )
    signals = [np.ascontiguousarray(a) for a in (g.thigh_gyr, g.thigh_acc, g.shank_gyr, g.shank_acc)]

    def batch() -> None:
        for gyr, acc in (signals[:2], signals[2:]):
            vqf.VQF(1.0 / RATE_HZ).updateBatch(gyr, acc)

    def ours() -> None:
        analyse_oriented(g, one, two, leg.side, LegSettings(), smoothed_heading)

    ours()
    pairs = np.array([(_seconds(batch), _seconds(ours)) for _ in range(PAIRS)])
    alone, all_of_ours = np.median(pairs, axis=0)
    ratio = np.median(pairs[:, 1] / pairs[:, 0])
    print(f"offline, {len(g) / RATE_HZ / 60:.1f} min: VQF batch of two sensors {1e3 * alone:.0f} ms;", end=" ")
    print(f"heading, alignment and angles {1e3 * all_of_ours:.0f} ms: {ratio:.2f} times", flush=True)


def _live_ms(leg: SimulatedLeg, rows: int, count: int) -> float:
    """Of two legs, per grid sample, over the first `count` ones."""
    engine = LegEngine(leg.side, RATE_HZ, LegSettings())

    def live() -> None:
        for start in range(0, count, rows):
            engine.update(leg.grid.cut(start, start + rows))

    return 2e3 * _seconds(live) / count


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    measure()
