"""A live session with a dashboard whose sensors are played from a simulation, some times faster than it was."""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from firmware_interface.client import Arrival, LinkEvent
from firmware_interface.drivers.registry import driver
from pipeline.files.recording import RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import Notification, Side
from pipeline.screens.dashboard.publisher import Opened, Publisher, Where
from pipeline.screens.report import write_report
from pipeline.session import Session, Settings
from pipeline.simulation.notifications import notifications, sensor_infos
from pipeline.simulation.script import Bout, Collapse
from pipeline.summary import Summary
from tests.pipeline.made_legs import simulated

SCRIPT = (
    Bout("stand", 4.0),
    Bout("flex", 6.0),
    Bout("walk", 20.0, collapses=(Collapse(Side.RIGHT, 4, "both", "hip", 14.0),)),
    Bout("stand", 30.0),
)
"""Standing, bends, and a walk in which the knee falls inward once, in the fifth step of the right leg."""


class _Player:
    """Gives the simulation's notifications when they are due."""

    def __init__(self, items: Sequence[Arrival | LinkEvent], speed: float) -> None:
        self._items, self._speed, self._at = items, speed, 0
        self._begun = time.monotonic()

    async def receive(self, timeout_s: float) -> list[Arrival | LinkEvent]:
        await asyncio.sleep(0.005)
        due_ns = (time.monotonic() - self._begun) * self._speed * 1e9
        begin = self._at
        while self._at < len(self._items) and self._items[self._at].host_time_ns <= due_ns:
            self._at += 1
        return list(self._items[begin : self._at])


class _Silent:
    """No terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None: ...

    def show(self, view: object) -> None: ...


class PlayedSession:
    """Runs in a thread of its own until it is stopped at the dashboard or left. `folder` has its files then."""

    def __init__(self, folder: Path, speed: float = 3.0, lan: bool = False) -> None:
        self.folder = folder
        self._speed = speed
        self._ended = threading.Event()
        self._left = False
        self._failure: BaseException | None = None
        self.board = Publisher(Where(lan, port=0))
        simulation = simulated(5, SCRIPT)
        rng = np.random.default_rng(5)
        encoders = {key: driver("open_format").encoder(100.0) for key in simulation.sensors}
        self._sensors = sensor_infos(simulation, "open_format")
        self._items: list[Arrival | LinkEvent] = []
        for record in notifications(simulation, encoders, rng):
            if isinstance(record, Notification):
                arrival = Arrival(record.sensor, record.host_time_ns, record.characteristic, record.payload)
                self._items.append(arrival)
            else:
                fields = {"rssi_dbm": -61.0}
                self._items.append(LinkEvent(int(record.fields["sensor"]), record.host_time_ns, record.kind, fields))

    def __enter__(self) -> Self:
        self.board.__enter__()
        self.opened: Opened = self.board.wait()
        return self

    def start(self) -> None:
        """Begin, once somebody looks."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._left = True
        self._thread.join(30.0)
        self.board.__exit__(None, None, None)
        if self._failure is not None:
            raise self._failure

    def wait_for_end(self, seconds: float) -> bool:
        """Whether it was stopped and its files are complete."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._session())
        except BaseException as error:
            self._failure = error
        self._ended.set()

    async def _session(self) -> None:
        # Rows are handed on five at a time: less work for a machine that has to keep up with several times real time.
        session, summary = Session(self._sensors, Settings(min_rows=5)), Summary()
        self.board.begin()
        with ExitStack() as stack:
            recorder = stack.enter_context(RecordingWriter(self.folder / "recording.knee", self._sensors, {}))
            results = stack.enter_context(ResultsWriter(self.folder))
            sinks = Sinks(recorder, results, summary, _Silent(), self.board)
            run = LiveRun(self._sensors, session, sinks, anchor_ns=time.perf_counter_ns(), where=str(self.folder))
            await run.run(_Player(self._items, self._speed), lambda: self._left, {})
            files = results.finish(summary.rows(), {"mode": "live"})
        files.append(write_report(self.folder))
        self.board.ended(self.folder, files, again=False)
