"""How fast the pipeline is: `python -m tests.benchmarks.speed [--minutes 30] [--live 40]`.

`process` and `replay` run over one simulated recording of one leg (open format, 100 Hz), from the `.knee` file to the
tables, the report left out; VQF alone on both sensors runs beside them in the same process, so that the ratios hold on
any machine. The live part is the real thing: four virtual sensors over the virtual radio, recording, results and the
terminal's lines; its latency is from the arrival of the later sensor's notification to the angles.
"""

import argparse
import asyncio
import contextlib
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import vqf
from rich.console import Console

from pipeline.commands.connecting import Wanted, connected
from pipeline.commands.simulated import write_simulation
from pipeline.files.opening import open_recording
from pipeline.files.recording import Recorded, RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.offline import process
from pipeline.records import Record, SensorInfo, Side
from pipeline.screens.terminal import screen
from pipeline.session import Session, Settings
from pipeline.summary import Summary
from pipeline.update import Update

RATE_HZ = 100.0


class TimedSession(Session):
    """A session that notes how long after a notification's arrival its angles were there."""

    def __init__(self, sensors: Sequence[SensorInfo], anchor_ns: int) -> None:
        super().__init__(sensors, Settings())
        self.anchor_ns = anchor_ns
        self.latency_s: list[float] = []
        self.busy_s = 0.0

    def feed(self, records: Sequence[Record]) -> Update:
        """As a session's; the newest record of a piece that gave angles is the one that completed them."""
        begin = time.perf_counter_ns()
        update = super().feed(records)
        now = time.perf_counter_ns()
        self.busy_s += (now - begin) * 1e-9
        if update.legs and records:
            self.latency_s.append((now - self.anchor_ns - records[-1].host_time_ns) * 1e-9)
        return update


def offline_part(minutes: float, folder: Path) -> None:
    """process, replay and VQF alone over the same recording."""
    print(f"simulating {minutes:g} min of one leg ...", flush=True)
    write_simulation(folder, 1, (Side.RIGHT,), None, minutes)
    file = folder / "recording.knee"
    with open_recording(file) as recording:
        seconds = recording.duration_s
    samples = round(seconds * RATE_HZ)
    rng = np.random.default_rng(0)
    gyr = rng.normal(0.0, 1.0, (samples, 3))
    acc = rng.normal((0.0, 0.0, 9.8), 1.0, (samples, 3))
    begin = time.perf_counter()
    for _ in range(2):
        vqf.VQF(1.0 / RATE_HZ).updateBatch(gyr, acc)
    alone = time.perf_counter() - begin
    print(f"{seconds / 60:.1f} min; VQF alone on both sensors {alone:.2f} s")
    for name, work in (("process", process_all), ("replay", replay_all)):
        begin = time.perf_counter()
        with open_recording(file) as recording:
            work(recording, folder / name)
        taken = time.perf_counter() - begin
        print(f"{name:<8} {taken:6.1f} s   {seconds / taken:6.0f} x real time   {taken / alone:5.0f} x VQF alone")


def process_all(recording: Recorded, folder: Path) -> None:
    """As `kneetrack process`."""
    done = process((r for batch in recording.records() for r in batch), recording.sensors, Settings())
    with ResultsWriter(folder) as results:
        results.write(done.update)
        results.finish()


def replay_all(recording: Recorded, folder: Path) -> None:
    """As `kneetrack replay --speed max`."""
    session = Session(recording.sensors, Settings(min_rows=500))
    with ResultsWriter(folder) as results:
        for batch in recording.records():
            results.write(session.feed(batch))
        results.write(session.finish())
        results.finish()


@contextlib.contextmanager
def processor_time() -> Iterator[list[float]]:
    """Wall and processor seconds of the block, filled in at its end."""
    figures: list[float] = []
    wall, processor = time.perf_counter(), time.process_time()
    yield figures
    figures += [time.perf_counter() - wall, time.process_time() - processor]


async def live_part(seconds: float, folder: Path, analysed: bool) -> tuple[float, list[float], float]:
    """Four sensors. Returns the share of a core, the latencies (s) and the share that the analysis took."""
    console = Console(file=io.StringIO())
    async with connected(Wanted((Side.LEFT, Side.RIGHT), RATE_HZ, True, {}, 1), None) as radio:
        if not analysed:
            with processor_time() as used:
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    await radio.client.receive(0.05)
            return used[1] / used[0], [], 0.0
        session = TimedSession(radio.sensors, radio.anchor_ns)
        with (
            RecordingWriter(folder / "live.knee", radio.sensors, {}) as recorder,
            ResultsWriter(folder / "live") as results,
            screen(console) as shown,
        ):
            run = LiveRun(
                radio.sensors,
                session,
                Sinks(recorder, results, Summary(), shown),
                anchor_ns=radio.anchor_ns,
                limit_s=seconds,
            )
            with processor_time() as used:
                await run.run(radio.client, lambda: False, {})
            results.finish()
    return used[1] / used[0], session.latency_s, session.busy_s / used[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the recording; 0 leaves this part out")
    parser.add_argument("--live", type=float, default=40.0, help="seconds of the live part; 0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.minutes > 0:
            offline_part(options.minutes, folder)
        if options.live > 0:
            radio, _, _ = asyncio.run(live_part(min(options.live, 15.0), folder, analysed=False))
            total, latency, analysis = asyncio.run(live_part(options.live, folder, analysed=True))
            p50, p99 = np.percentile(np.array(latency) * 1e3, [50, 99])
            print(f"live, four sensors of 100 Hz: {100 * total:.0f} % of a core, all in one process;")
            print(f"  of it the virtual radio, its sensors and the client {100 * radio:.0f} %,")
            print(f"  the analysis {100 * analysis:.0f} %;")
            print(f"  from the later notification's arrival to the angles: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
