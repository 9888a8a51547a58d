"""Angles and events as LSL streams: what is sent, when it is said to have been, and that nothing is lost by it."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.blocks import Activity, LegBlock, Status
from pipeline.commands.main import run
from pipeline.errors import KneetrackError
from pipeline.files.angle_table import ANGLES
from pipeline.records import Segment, SensorInfo, Side
from pipeline.rows import RaisedEvent
from pipeline.screens.lab_streams import LabStreams, Stream, angles_stream, events_stream, lab
from pipeline.update import LegResult, Update

RECORDING = Path(__file__).parents[2] / "recordings" / "walking_and_stairs_right.knee"
AHEAD_S = 1234.5


@dataclass
class FakeOutlet:
    samples: list[tuple[list[Any], float]] = field(default_factory=list)
    broken_after: int | None = None

    def push_sample(self, x: Sequence[Any], timestamp: float) -> None:
        if len(self.samples) == self.broken_after:
            raise OSError("the network\nis gone")
        self.samples.append((list(x), timestamp))


@dataclass
class FakeLab:
    """Its clock is ahead of ours. broken_after: the outlets fail after so many samples."""

    broken_after: int | None = None
    opened: dict[str, tuple[Stream, FakeOutlet]] = field(default_factory=dict)

    def now_s(self) -> float:
        return time.perf_counter() + AHEAD_S

    def open(self, stream: Stream) -> FakeOutlet:
        outlet = FakeOutlet(broken_after=self.broken_after)
        assert stream.name not in self.opened
        self.opened[stream.name] = (stream, outlet)
        return outlet

    def sent(self, name: str) -> list[tuple[list[Any], float]]:
        return self.opened[f"kneetrack {name}"][1].samples


def sensors(*sides: Side) -> list[SensorInfo]:
    return [
        SensorInfo(k, f"AA:{k}", "open_format", side, segment)
        for k, (side, segment) in enumerate((side, segment) for side in sides for segment in Segment)
    ]


def leg(side: Side, start: int, rows: int, rate_hz: float = 100.0, base: float = 0.0) -> LegResult:
    """Flexion of `base` + the grid row, in degrees."""
    columns: dict[str, Any] = {name: np.zeros(rows) for name in LegBlock.__slots__}
    columns["flexion"] = np.radians(base + start + np.arange(rows))
    columns["abduction"] = np.full(rows, np.nan)
    columns["valid"] = np.ones(rows, bool)
    columns["status"] = np.full(rows, Status.SLIPPED, np.uint8)
    for name in ("shank_acc", "thigh_quat", "shank_quat"):
        columns[name] = np.zeros((rows, 4))
    block = LegBlock(start=start, rate_hz=rate_hz, **columns)
    return LegResult(side, block, np.full(rows, Activity.LUNGE, np.uint8))


def test_a_sample_is_a_row_of_the_angles() -> None:
    fake = FakeLab()
    streams = LabStreams(fake, sensors(Side.RIGHT), "live", zero_s=100.0)
    streams.send(Update(legs=[leg(Side.RIGHT, 7, 3)]))
    stream, outlet = fake.opened["kneetrack angles"]
    labels = [channel.label for channel in stream.channels]
    assert labels == [
        *(f"right_{name.removesuffix('_deg')}" for name in ANGLES),
        *("right_valid", "right_status", "right_activity"),
    ]
    assert stream.rate_hz == 100.0 and {c.unit for c in stream.channels[: len(ANGLES)]} == {"degrees"}
    assert len(outlet.samples) == 3
    for k, (values, _) in enumerate(outlet.samples):
        told = dict(zip(labels, values, strict=True))
        assert told["right_flexion"] == pytest.approx(7 + k) and np.isnan(told["right_abduction"])
        assert (told["right_valid"], told["right_status"], told["right_activity"]) == (1.0, 2.0, 6.0)
    assert "2 slipped" in stream.channels[labels.index("right_status")].meaning
    assert "6 lunge" in stream.channels[labels.index("right_activity")].meaning


def test_time_stamps_are_the_sessions_time_on_the_labs_clock() -> None:
    fake = FakeLab()
    streams = LabStreams(fake, sensors(Side.LEFT), "live", zero_s=100.0)
    streams.send(Update(legs=[leg(Side.LEFT, 50, 2)], events=[RaisedEvent(0.123, "marker", {"label": "tap"})]))
    assert [stamp for _, stamp in fake.sent("angles")] == pytest.approx([AHEAD_S + 100.5, AHEAD_S + 100.51], abs=1e-3)
    assert fake.sent("events")[0][1] == pytest.approx(AHEAD_S + 100.123, abs=1e-3)


def test_events_are_lines_as_in_the_file() -> None:
    fake = FakeLab()
    streams = LabStreams(fake, sensors(Side.RIGHT), "live")
    assert list(fake.opened) == ["kneetrack events"]
    streams.send(Update(events=[RaisedEvent(1.0, "step", {"side": "right", "climb_m": float("nan"), "kind": "no"})]))
    streams.send(Update(events=[RaisedEvent(2.0, "marker", {"label": "Stäbe"})]))
    told = [json.loads(sample[0]) for sample, _ in fake.sent("events")]
    assert told == [
        {"side": "right", "climb_m": None, "kind": "step", "seq": 1, "time_s": 1.0},
        {"label": "Stäbe", "seq": 2, "time_s": 2.0, "kind": "marker"},
    ]


def test_both_legs_rows_of_a_time_are_one_sample() -> None:
    fake = FakeLab()
    streams = LabStreams(fake, sensors(Side.LEFT, Side.RIGHT), "live")
    streams.send(Update(legs=[leg(Side.RIGHT, 0, 10)]))
    assert fake.sent("angles") == []
    streams.send(Update(legs=[leg(Side.LEFT, 2, 5, base=1000.0)]))
    half = len(fake.opened["kneetrack angles"][0].channels) // 2
    right, left = ([values[at] for values, _ in fake.sent("angles")] for at in (0, half))
    assert right == pytest.approx([0, 1, 2, 3, 4, 5, 6])
    assert left == pytest.approx([np.nan, np.nan, 1002, 1003, 1004, 1005, 1006], nan_ok=True)
    streams.close()
    assert len(fake.sent("angles")) == 10


def test_a_leg_that_stays_away_is_waited_for_a_second() -> None:
    fake = FakeLab()
    streams = LabStreams(fake, sensors(Side.RIGHT, Side.LEFT), "live")
    for start in range(0, 500, 50):
        streams.send(Update(legs=[leg(Side.RIGHT, start, 50)]))
    assert len(fake.sent("angles")) == 400
    streams.send(Update(legs=[leg(Side.LEFT, 380, 60)]))
    half = len(fake.opened["kneetrack angles"][0].channels) // 2
    stamps = [stamp for _, stamp in fake.sent("angles")]
    assert len(stamps) == 440 and (np.diff(stamps) > 0.0).all()
    assert [np.isfinite(values[half]) for values, _ in fake.sent("angles")] == [False] * 400 + [True] * 40


@pytest.mark.parametrize("broken_after", [0, 5])
def test_what_fails_is_told_once_and_costs_nothing(broken_after: int) -> None:
    fake = FakeLab(broken_after)
    streams = LabStreams(fake, sensors(Side.RIGHT), "live")
    for start in range(0, 100, 10):
        streams.send(Update(legs=[leg(Side.RIGHT, start, 10)]))
    assert len(fake.sent("angles")) == broken_after
    assert streams.trouble == (
        "the LSL streams failed (OSError: the network is gone), the session goes on without them"
    )
    streams.close()


def test_a_stream_that_cannot_be_opened_is_told() -> None:
    class Closed(FakeLab):
        def open(self, stream: Stream) -> FakeOutlet:
            raise RuntimeError("no socket")

    streams = LabStreams(Closed(), sensors(Side.RIGHT), "live")
    streams.send(Update(events=[RaisedEvent(1.0, "marker", {})]))
    assert "no socket" in streams.trouble


def test_the_same_sensors_are_the_same_source() -> None:
    """So an inlet finds the next session of a leg again; a replay beside it is another one."""
    sources = []
    for mode, sides in (
        ("live", [Side.RIGHT]),
        ("live", [Side.RIGHT]),
        ("replay", [Side.RIGHT]),
        ("live", [Side.LEFT]),
    ):
        fake = FakeLab()
        LabStreams(fake, sensors(*sides), mode)
        sources.append(fake.opened["kneetrack events"][0].source)
    assert sources[0] == sources[1] and len(set(sources)) == 3
    assert all("AA" not in source for source in sources)


def test_replay_sends_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faster than time, by a clock that is patched away: the angles and events are those of the files."""
    fake = FakeLab()
    monkeypatch.setattr("pipeline.screens.lab_streams.lab", lambda: fake)
    monkeypatch.setattr("pipeline.commands.replay._factor", lambda text: _One(200.0))
    out = tmp_path / "out"
    assert run(["replay", str(RECORDING), "--lsl", "--out", str(out)]) == 0
    angles = pd.read_parquet(out / "angles.parquet")
    sent = fake.sent("angles")
    assert len(sent) == len(angles)
    np.testing.assert_allclose([v[0] for v, _ in sent], angles["flexion_deg"], rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal([v[len(ANGLES)] > 0.5 for v, _ in sent], angles["valid"])
    stamps = np.array([stamp for _, stamp in sent])
    np.testing.assert_allclose(stamps - stamps[0], angles["time_s"] - angles["time_s"].iloc[0], atol=1e-6)
    lines = (out / "events.jsonl").read_text(encoding="utf-8").splitlines()
    filed = [{k: v for k, v in json.loads(line).items() if k != "host_time"} for line in lines]
    assert [json.loads(sample[0]) for sample, _ in fake.sent("events")] == filed


class _One(float):
    """A speed that says it is 1."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = float.__hash__


@pytest.mark.parametrize("speed", ["2", "max"])
def test_streams_go_as_time_does(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(RECORDING), "--lsl", "--speed", speed]) == 2
    assert "clock of LSL" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("words", [["live", "--virtual"], ["replay", str(RECORDING)]])
def test_a_missing_package_is_told_in_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    assert run([*words, "--lsl", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "kneetrack: --lsl needs pylsl: pip install 'kneetrack[lsl]'\n"
    assert not (tmp_path / "out").exists()


def test_a_missing_library_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pylsl without liblsl raises a RuntimeError when it is imported."""
    (tmp_path / "pylsl.py").write_text("raise RuntimeError('LSL binary library file was not found.\\nPlease')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pylsl", raising=False)
    with pytest.raises(KneetrackError, match=r"^--lsl [^\n]* install liblsl[^\n]*PYLSL_LIB$"):
        lab()


@pytest.fixture
def own_lsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """pylsl, heard on this computer only."""
    settings = tmp_path / "lsl_api.cfg"
    settings.write_text(
        "[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n[log]\nlevel = -2\n", encoding="utf-8"
    )
    monkeypatch.setenv("LSLAPICFG", str(settings))
    try:
        import pylsl
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"no pylsl with liblsl here ({' '.join(str(error).split())[:80]})")
    yield pylsl


async def test_a_real_inlet_hears_both_streams(own_lsl: Any) -> None:
    there = lab()
    begun_s = time.perf_counter()
    streams = LabStreams(there, sensors(Side.RIGHT), f"test{begun_s}", zero_s=begun_s)
    streams.send(Update(legs=[leg(Side.RIGHT, 0, 1)]))
    assert streams.trouble == ""
    inlets = {}
    for stream in (angles_stream([Side.RIGHT], 100.0, streams.source), events_stream(streams.source)):
        found = await asyncio.to_thread(own_lsl.resolve_byprop, "source_id", stream.source, 1, 20.0)
        if not found:
            pytest.skip("LSL finds no stream of this computer: its network lets no discovery through")
        assert found[0].name() == stream.name and found[0].nominal_srate() == stream.rate_hz
        inlets[stream.name] = own_lsl.StreamInlet(found[0])
        await asyncio.to_thread(inlets[stream.name].open_stream, 20.0)
    xml = inlets["kneetrack angles"].info(20.0).as_xml()
    assert "<label>right_flexion</label>" in xml and "<unit>degrees</unit>" in xml and "2 slipped" in xml
    now = time.perf_counter() - begun_s
    streams.send(Update(legs=[leg(Side.RIGHT, 1, 3)], events=[RaisedEvent(now, "marker", {"label": "Stäbe"})]))
    values, stamp = await asyncio.to_thread(inlets["kneetrack angles"].pull_sample, 20.0)
    assert values[0] == pytest.approx(1.0, abs=1e-4) and np.isnan(values[1]) and values[len(ANGLES)] == 1.0
    assert stamp == pytest.approx(streams.lab_time_s(0.01), abs=1e-6)
    told, stamp = await asyncio.to_thread(inlets["kneetrack events"].pull_sample, 20.0)
    assert json.loads(told[0])["label"] == "Stäbe"
    # LSL's clock runs as ours does: the event was just now.
    assert 0.0 <= own_lsl.local_clock() - stamp < 30.0
    for inlet in inlets.values():
        inlet.close_stream()
    streams.close()
