"""A long session whose radio is bad: `python -m tests.benchmarks.soak [--minutes 10] [--every 10] [--out DIR]`.

Four virtual sensors of 100 Hz on both legs, each behind a paced link that misses events; every 10 s nothing is heard of
one of them until its supervision time-out is over and the link is lost. The real client, recording, analysis and result
files run as in `kneetrack live`. Then the session's own files are read: what of each sensor's samples is there, how
long each hole was against the time that the sensor was off the air, how soon it was back, whether the other three were
touched, and whether events and summary tell it.
"""

import argparse
import asyncio
import io
import json
import logging
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from firmware_interface.client import Chosen, Client, scan
from firmware_interface.drivers.registry import driver
from firmware_interface.virtual.link import LinkModel
from firmware_interface.virtual.radio import VirtualRadio
from pipeline.commands.assigning import assign
from pipeline.commands.outcome import complete
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import Event, Notification, Segment, SensorInfo, Side
from pipeline.screens.terminal import screen
from pipeline.session import Session, Settings
from pipeline.simulation.live import LivePerson
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import scripted_session
from pipeline.summary import Summary

SIDES = (Side.RIGHT, Side.LEFT)
DROPPED = (Side.LEFT, Segment.SHANK)
LINK = LinkModel(missed=0.1)
_RATE_HZ = 100.0
_WEIGHED_S = 15.0
_WARM = 8
_SEED = 5


@dataclass(slots=True)
class Told:
    """What the files say of one sensor. samples: received; lost: missing within connections, by its own counter;
    holes_s: longest spacing of samples at each new connection; off_air_s: from the last moment at which it was heard to
    its stream's new start, as the events have it; back_s: from the loss of the link to the first new data."""

    connections: int = 0
    disconnections: int = 0
    samples: int = 0
    lost: int = 0
    rejected: int = 0
    holes_s: list[float] = field(default_factory=list)
    off_air_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Course:
    """What the run itself saw. faded: host times (s) at which the sensor faded; refused: by full queues; memory_mb: of
    this process four times a minute, to the end of the session, without its report."""

    faded: list[float] = field(default_factory=list)
    refused: int = 0
    memory_mb: list[float] = field(default_factory=list)


async def session(seconds: float, every_s: float, folder: Path) -> Course:
    """Run it into `folder`."""
    logging.getLogger("bumble").setLevel(logging.ERROR)
    person = LivePerson(draw_person(np.random.default_rng(_SEED)), scripted_session(SIDES), _SEED)
    course = Course()
    async with VirtualRadio(seed=_SEED) as radio:
        for side in SIDES:
            for segment in Segment:
                name = f"virtual {side} {segment}"
                await radio.add_sensor(driver("open_format"), person.source(side, segment), name=name, link=LINK)
        found = await scan(20.0, backend=radio.backend, enough=4)
        assigned = assign(found, SIDES, {})
        sensors = [each.info for each in assigned]
        anchor_ns = time.perf_counter_ns()
        chosen = [Chosen(each.info.id, each.found, _RATE_HZ) for each in assigned]

        async def fade() -> None:
            while True:
                await asyncio.sleep(every_s)
                course.faded.append((time.perf_counter_ns() - anchor_ns) * 1e-9)
                radio.fade(f"virtual {DROPPED[0]} {DROPPED[1]}", LINK.supervision_s + 0.1)

        async def weigh() -> None:
            while True:
                course.memory_mb.append(memory_mb())
                await asyncio.sleep(_WEIGHED_S)

        own, summary, settings = Session(sensors), Summary(), Settings()
        with (
            RecordingWriter(folder / "recording.knee", sensors, {"start_utc": ""}) as recorder,
            ResultsWriter(folder) as results,
            screen(Console(file=io.StringIO())) as shown,
        ):
            sinks = Sinks(recorder, results, summary, shown)
            run = LiveRun(sensors, own, sinks, anchor_ns=anchor_ns, limit_s=seconds)
            async with Client(chosen, anchor_ns=anchor_ns, backend=radio.backend) as client:
                beside = [asyncio.create_task(fade()), asyncio.create_task(weigh())]
                try:
                    await run.run(client, lambda: False, {})
                finally:
                    for task in beside:
                        task.cancel()
                course.refused = sum(counters.overflowed for counters in client.counters.values())
            recorder.close()
            if run.failure is not None:
                raise run.failure
            quality = own.quality()
            complete(
                results,
                summary,
                mode="live",
                sensors=sensors,
                settings=settings,
                quality=quality,
                given={},
                recording={},
            )
    return course


def told(folder: Path, faded: list[float]) -> dict[tuple[Side, Segment], Told]:
    """Each sensor's fate, read from the recording."""
    with Recording(folder / "recording.knee") as recording:
        infos = {info.id: info for info in recording.sensors}
        records = [record for batch in recording.records() for record in batch]
    return {(info.side, info.segment): _fate(info, records, faded) for info in infos.values()}


def _fate(info: SensorInfo, records: list[Notification | Event], faded: list[float]) -> Told:
    fate = Told()
    speaks = driver(info.driver)
    decoder, newest, lost_s, fresh = speaks.decoder(), None, 0.0, False
    for record in records:
        now_s = record.host_time_ns * 1e-9
        if isinstance(record, Notification):
            if record.sensor != info.id:
                continue
            samples = decoder.feed(record.characteristic, record.payload)
            fate.lost += samples.lost
            fate.rejected += samples.rejected
            if not len(samples):
                continue
            fate.samples += len(samples)
            if fresh and newest is not None:
                fate.holes_s.append((int(samples.ticks[0]) - newest) * 1e-6)
                fate.back_s.append(now_s - lost_s)
            fresh, newest = False, int(samples.ticks[-1])
        elif record.fields.get("sensor") == info.id:
            if record.kind == "connected":
                fate.connections += 1
                decoder, fresh = speaks.decoder(), True
            elif record.kind == "configured" and lost_s:
                fate.off_air_s.append(now_s - max((t for t in faded if t < lost_s), default=lost_s))
            elif record.kind == "disconnected" and record.fields.get("reason") == "connection lost":
                fate.disconnections += 1
                lost_s = now_s
    return fate


def memory_mb() -> float:
    """Resident memory of this process, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return float("nan")
    return pages * 4096 / 2**20


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds from one loss to the next")
    parser.add_argument("--out", type=Path, help="keep the session's files here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        first_mb = memory_mb()
        processor = time.process_time()
        course = asyncio.run(session(60.0 * options.minutes, options.every, folder))
        processor = time.process_time() - processor
        reported_mb = memory_mb()
        fates = told(folder, course.faded)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    print(f"{options.minutes:g} min, {len(course.faded)} losses; refused by full queues {course.refused}; ", end="")
    print(f"{100 * processor / 60 / options.minutes:.0f} % of a core")
    warm = course.memory_mb[_WARM:] or course.memory_mb
    later = warm[len(warm) // 2 :]
    grown = np.polyfit(np.arange(len(later)) * _WEIGHED_S / 3600, later, 1)[0] if len(later) > _WARM else np.nan
    print(
        f"  memory {first_mb:.0f} MB before, {warm[0]:.0f} after two minutes, {max(warm):.0f} at most,"
        f" {warm[-1]:.0f} at the end (second half {grown:+.1f} MB an hour), {reported_mb:.0f} with the report"
    )
    part = max(len(course.memory_mb) // 12, 1)
    print("  in the course of it:", " ".join(f"{mb:.0f}" for mb in course.memory_mb[::part]))
    for place, fate in fates.items():
        name = " ".join(place)
        counted = summary["sensors"][name]
        print(
            f"  {name:<12} {fate.samples:6d} samples, {fate.lost} lost within connections, {fate.rejected} rejected;"
            f" {fate.connections} connections (summary: {counted['connections']}, {counted['gap_s']:.1f} s of gaps)"
        )
        if fate.holes_s:
            # An attempt to come back may end before it is configured, and the last may not have come to that.
            known = min(len(fate.holes_s), len(fate.off_air_s))
            beyond = np.subtract(fate.holes_s[:known], fate.off_air_s[:known])
            print(
                f"    holes {np.median(fate.holes_s):.2f} s, longest {max(fate.holes_s):.2f};"
                f" beyond the time off the air at most {1e3 * beyond.max(initial=-np.inf):.0f} ms;"
                f" back {np.median(fate.back_s):.2f} s after the loss, at most {max(fate.back_s):.2f} s"
            )
    sys.exit(0 if all(np.array(fates[DROPPED].back_s) < 5.0) else 1)


if __name__ == "__main__":
    main()
