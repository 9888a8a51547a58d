"""A session in the dashboard: what people ask for becomes records, and a dashboard that fails ends nothing."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.files.recording import Recording, RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import Event, SensorInfo, Side
from pipeline.rows import RaisedEvent
from pipeline.screens.cue import Signal
from pipeline.screens.dashboard.showing import Asked, Showing
from pipeline.screens.view import View
from pipeline.session import Session
from pipeline.summary import Summary
from pipeline.update import Update
from tests.pipeline.test_live import Items, _Client, _cut, _Screen, heard

__all__ = ["heard"]


class _Board:
    """Keeps what it is told; its commands come out one by one, a call each. broken: raises at this call."""

    def __init__(self, commands: list[dict[str, str]] | None = None, broken: str = "") -> None:
        self._commands = commands or []
        self._broken = broken
        self.trouble = ""
        self.cues: list[tuple[Signal, float]] = []
        self.updates = 0
        self.shown: list[dict[str, Any]] = []

    def add(self, update: Update) -> None:
        self._break("add")
        self.updates += 1

    def show(self, view: Callable[[], View], cue: dict[str, Any], last: bool = False) -> None:
        self._break("show")
        view()
        self.shown.append(cue)

    def cue(self, signal: Signal, behind_s: float) -> None:
        self.cues.append((signal, behind_s))

    def commands(self) -> list[dict[str, str]]:
        self._break("commands")
        return [self._commands.pop(0)] if self._commands else []

    def _break(self, where: str) -> None:
        if self._broken == where:
            raise RuntimeError("broken")


def _live(folder: Path, sensors: list[SensorInfo], items: Items, board: _Board) -> tuple[LiveRun, list[Event], _Screen]:
    client, screen = _Client(_cut(items, 13)), _Screen()
    with RecordingWriter(folder / "recording.knee", sensors, {}) as recorder, ResultsWriter(folder) as results:
        sinks = Sinks(recorder, results, Summary(), screen, board)
        run = LiveRun(sensors, Session(sensors), sinks, anchor_ns=time.perf_counter_ns())
        asyncio.run(run.run(client, client.over, {}))
        results.finish()
    with Recording(folder / "recording.knee") as recording:
        records = [record for batch in recording.records() for record in batch]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    return run, [record for record in records if isinstance(record, Event)], screen


def test_marks_cues_and_profiles(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard
    # Shortly before the end, when the leg is calibrated.
    wait: list[dict[str, str]] = [{}] * (len(items) // 13 - 8)
    asked = [{"kind": "mark", "label": "here"}, {"kind": "cue", "mode": "fading"}, {"kind": "cue", "mode": "nonsense"}]
    board = _Board([*wait, *asked, {"kind": "save"}])
    _, events, _ = _live(tmp_path, sensors, items, board)
    told = [(event.kind, dict(event.fields)) for event in events if event.kind in ("marker", "setting")]
    assert told == [("marker", {"label": "here"}), ("setting", {"cue": "fading"})]
    assert board.shown[-1]["mode"] == "fading"
    assert board.updates > 100
    assert (tmp_path / "profile_right.json").exists()


def test_stop_ends_the_session(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard
    run, events, _ = _live(tmp_path, sensors, items, _Board([{}, {}, {"kind": "stop"}]))
    assert run.stopped and events[-1].kind == "stop"
    assert len(events) < 10


@pytest.mark.parametrize("where", ["add", "show", "commands"])
def test_a_dashboard_that_fails_ends_nothing(heard: tuple[list[SensorInfo], Items], tmp_path: Path, where: str) -> None:
    sensors, items = heard
    run, _, screen = _live(tmp_path, sensors, items[:800], _Board(broken=where))
    assert run.failure is None and not run.stopped
    assert "the dashboard failed (RuntimeError: broken)" in screen.views[-1].problem


def test_a_server_that_ended_is_said(heard: tuple[list[SensorInfo], Items], tmp_path: Path) -> None:
    sensors, items = heard
    board = _Board()
    board.trouble = "the dashboard has ended, the session goes on"
    _, _, screen = _live(tmp_path, sensors, items[:200], board)
    assert screen.views[-1].problem == board.trouble


def test_a_cue_goes_out_before_the_angles_and_says_how_late_it_is() -> None:
    board = _Board()
    showing = Showing(board, lambda: pytest.fail("nothing is drawn here"), lambda: 7.08)
    start = RaisedEvent(7.0, "episode_start", {"side": "left", "severity": "marked", "start_s": 6.9})
    board.add = lambda update: board.cues.append("angles")  # type: ignore[method-assign,assignment,arg-type]
    assert showing.take(Update(events=[start])) == [Signal(Side.LEFT, 7.0, "marked")]
    assert board.cues[1] == "angles"  # type: ignore[comparison-overlap]
    signal, behind_s = board.cues[0]
    assert signal.side is Side.LEFT and behind_s == pytest.approx(0.08)


def test_a_replay_listens_as_it_goes() -> None:
    board = _Board([{"kind": "mark"}, {"kind": "stop"}])
    showing = Showing(board, lambda: View(0.0, None, [], [], [], 0))
    showing.take(Update())
    assert not showing.stopped
    showing.take(Update())
    assert showing.stopped and len(board.shown) == 2
    assert Showing(_Board([{"kind": "mark"}]), lambda: pytest.fail("")).asked() == [Asked("mark", {"label": "mark"})]
