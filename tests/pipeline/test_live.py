"""A live session with a client that plays a script: nothing that goes wrong on the way ends it, and nothing is lost."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pytest

from firmware_interface.client import Arrival, LinkEvent
from firmware_interface.drivers.registry import driver
from firmware_interface.errors import SensorSilentError
from pipeline.blocks import Floats
from pipeline.errors import KneetrackError
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import Notification, Record, SensorInfo
from pipeline.screens.view import View
from pipeline.session import Session
from pipeline.simulation.notifications import notifications, sensor_infos
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import simulate
from pipeline.summary import Summary
from pipeline.update import Update

Items = list[Arrival | LinkEvent]


@pytest.fixture(scope="module")
def heard() -> tuple[list[SensorInfo], Items]:
    """What a client would have received of 20 s with two sensors."""
    rng = np.random.default_rng(3)
    simulation = simulate(draw_person(rng), parse_script("stand:4,flex:6,walk:5"), rng)
    encoders = {key: driver("open_format").encoder(100.0) for key in simulation.sensors}
    items: Items = []
    for record in notifications(simulation, encoders, rng):
        if isinstance(record, Notification):
            items.append(Arrival(record.sensor, record.host_time_ns, record.characteristic, record.payload))
        else:
            items.append(LinkEvent(int(record.fields["sensor"]), record.host_time_ns, record.kind))
    return sensor_infos(simulation, "open_format"), items


class _Client:
    """Hands out lists of items, or raises, one at a time; `over` when there is nothing left."""

    def __init__(self, script: Sequence[Items | Exception]) -> None:
        self._script = list(script)

    async def receive(self, timeout_s: float) -> Items:
        await asyncio.sleep(0)
        if not self._script:
            return []
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def over(self) -> bool:
        return not self._script


class _Screen:
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.views: list[View] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None: ...

    def show(self, view: Callable[[], View]) -> None:
        self.views.append(view())


def _cut(items: Items, size: int = 7) -> list[Items | Exception]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _run(
    folder: Path, sensors: list[SensorInfo], script: Sequence[Items | Exception], session: Session | None = None
) -> tuple[LiveRun, _Screen]:
    client, screen = _Client(script), _Screen()
    session = session or Session(sensors)
    with RecordingWriter(folder / "recording.knee", sensors, {}) as recorder, ResultsWriter(folder) as results:
        run = LiveRun(sensors, session, Sinks(recorder, results, Summary(), screen), anchor_ns=time.perf_counter_ns())
        asyncio.run(run.run(client, client.over, {}))
        results.finish()
    return run, screen


def _records(folder: Path) -> list[Record]:
    with Recording(folder / "recording.knee") as recording:
        return [record for batch in recording.records() for record in batch]


def test_everything_heard_is_recorded_once_in_one_sequence(
    heard: tuple[list[SensorInfo], Items], tmp_path: Path
) -> None:
    sensors, items = heard
    run, screen = _run(tmp_path, sensors, _cut(items))
    assert run.started and run.failure is None
    records = _records(tmp_path)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    payloads = [(r.sensor, r.payload) for r in records if isinstance(r, Notification)]
    assert payloads == [(item.sensor, item.payload) for item in items if isinstance(item, Arrival)]
    assert records[-1].kind == "stop"  # type: ignore[union-attr]
    assert {sensor.state for sensor in screen.views[-1].sensors} == {"connected"}


class _Kept(Session):
    """Remembers the flexion that it handed on."""

    def __init__(self, sensors: Sequence[SensorInfo]) -> None:
        super().__init__(sensors)
        self.parts: list[Floats] = []

    def feed(self, records: Sequence[Record]) -> Update:
        return self._keep(super().feed(records))

    def finish(self) -> Update:
        return self._keep(super().finish())

    def flexion(self) -> Floats:
        return np.concatenate(self.parts)

    def _keep(self, update: Update) -> Update:
        self.parts += [leg.block.flexion for leg in update.legs]
        return update


def test_replay_of_the_recording_gives_the_same_angles(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard
    live, replayed = _Kept(sensors), _Kept(sensors)
    _run(tmp_path, sensors, _cut(items, 13), live)
    replayed.feed(_records(tmp_path))
    replayed.finish()
    assert np.isfinite(live.flexion()).sum() > 100
    assert np.array_equal(live.flexion(), replayed.flexion(), equal_nan=True)


def test_a_sensor_that_dies_does_not_end_the_session(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard
    half = len(items) // 2
    shank = sensors[1].id
    rest = [item for item in items[half:] if item.sensor != shank]
    lost: Items = [LinkEvent(shank, items[half].host_time_ns, "disconnected", {"reason": "connection lost"})]
    silent = SensorSilentError("the shank sensor is silent")
    run, screen = _run(tmp_path, sensors, [*_cut(items[:half]), lost, silent, *_cut(rest)])
    assert run.failure is None
    last = screen.views[-1]
    assert [sensor.state for sensor in last.sensors] == ["connected", "searching"]
    assert last.problem == "the shank sensor is silent"
    angles = pd.read_parquet(tmp_path / "angles.parquet")
    assert angles["status"].iloc[-50] in ("single_sensor", "gap")
    assert not angles["valid"].iloc[-50]
    assert angles["time_s"].iloc[-1] > 15.0


def test_sensors_that_never_answer_are_an_error(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    with pytest.raises(SensorSilentError):
        _run(tmp_path, heard[0], [[], SensorSilentError("nothing from the thigh sensor"), []])


def test_recording_goes_on_when_the_analysis_fails(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard

    class Breaks(Session):
        def feed(self, records: Sequence[Record]) -> Update:
            if records[0].seq > 200:
                raise ZeroDivisionError("somewhere")
            return super().feed(records)

    run, screen = _run(tmp_path, sensors, _cut(items), Breaks(sensors))
    assert isinstance(run.failure, KneetrackError) and "ZeroDivisionError" in str(run.failure)
    assert "the recording went on" in screen.views[-1].problem
    arrivals = sum(isinstance(item, Arrival) for item in items)
    assert sum(isinstance(record, Notification) for record in _records(tmp_path)) == arrivals


def test_time_passes_while_nothing_arrives(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    class Waiting(_Client):
        async def receive(self, timeout_s: float) -> Items:
            await asyncio.sleep(0.02)
            return await super().receive(timeout_s)

    sensors, _ = heard
    client = Waiting([[]] * 40)
    with RecordingWriter(tmp_path / "recording.knee", sensors, {}) as recorder, ResultsWriter(tmp_path) as results:
        sinks = Sinks(recorder, results, Summary(), _Screen())
        run = LiveRun(sensors, Session(sensors), sinks, anchor_ns=time.perf_counter_ns())
        asyncio.run(run.run(client, client.over, {}))
    with sqlite3.connect(tmp_path / "recording.knee") as db:
        ticks = [row[0] for row in db.execute("SELECT host_time_ns FROM event WHERE kind = 'tick' ORDER BY seq")]
    assert len(ticks) >= 2
    assert np.all(np.diff(ticks) >= 0.25e9)
