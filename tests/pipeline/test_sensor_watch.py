"""Battery, signal, rate and range, warned of from what a simulated session delivers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from firmware_interface.drivers.interface import Encoder
from firmware_interface.drivers.registry import driver
from firmware_interface.samples import Floats
from pipeline.intake import Intake
from pipeline.placement_watch import LegWatch
from pipeline.records import Event, Notification, Record, Segment, Side
from pipeline.rows import RaisedEvent
from pipeline.simulation.notifications import Link, notifications, sensor_infos
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import Simulation, simulate

SPEAKS = "open_format"
THIGH, SHANK = (Side.RIGHT, Segment.THIGH), (Side.RIGHT, Segment.SHANK)


@cache
def walk(rate_hz: float = 100.0) -> Simulation:
    rng = np.random.default_rng(100)
    return simulate(draw_person(rng), parse_script("stand:4,walk:16,stand:2"), rng, rate_hz=rate_hz)


class Changed:
    """An encoder whose battery stands at a level and whose accelerometer feels so many times as much."""

    def __init__(self, encoder: Encoder, battery: float = 0.8, harder: float = 1.0) -> None:
        self._encoder, self._battery, self._harder = encoder, battery, harder

    def encode(
        self, ticks_us: Sequence[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        return self._encoder.encode(ticks_us, acc * self._harder, gyr, self._battery, max_payload)


def told(
    simulation: Simulation,
    shank: dict[str, float] | None = None,
    links: Link | None = None,
    extra: Sequence[Event] = (),
    stalled: Callable[[int], int] | None = None,
) -> list[RaisedEvent]:
    """The warnings of a session whose shank sensor is changed so. stalled: when what arrives at a host time, ns, comes
    to be delivered."""
    encoders = {key: Changed(driver(SPEAKS).encoder(simulation.rate_hz)) for key in simulation.sensors}
    encoders[SHANK] = Changed(driver(SPEAKS).encoder(simulation.rate_hz), **(shank or {}))
    stream: list[Record] = notifications(simulation, encoders, np.random.default_rng(1), links)
    infos = sensor_infos(simulation, SPEAKS)
    if stalled is not None:
        shanks = {info.id for info in infos if info.segment is Segment.SHANK}
        moved = [
            replace(r, host_time_ns=stalled(r.host_time_ns))
            if isinstance(r, Notification) and r.sensor in shanks
            else r
            for r in stream
        ]
        stream = sorted(moved, key=lambda record: record.host_time_ns)
    intake = Intake(infos)
    watch = LegWatch(Side.RIGHT, infos, intake.counts)
    found = []
    for record in [*extra, *stream]:
        for block in intake.update(record):
            found += watch.rows(block)
        found += watch.note(record)
    return found


def kinds(events: Sequence[RaisedEvent]) -> list[tuple[object, ...]]:
    assert all(event.kind == "status" for event in events)
    return [(e.fields["warning"], e.fields.get("segment"), e.fields["active"]) for e in events]


def configured(rate_hz: float, signal_dbm: int = -60) -> list[Event]:
    """What the client says of both sensors."""
    heard = [Event(0, 0, "connected", {"sensor": k, "rssi_dbm": signal_dbm}) for k in (1, 2)]
    return [*heard, *(Event(0, 0, "configured", {"sensor": k, "rate_hz": rate_hz}) for k in (1, 2))]


def test_a_good_session_warns_of_nothing() -> None:
    assert told(walk(), extra=configured(100.0)) == []


def test_an_empty_battery() -> None:
    events = told(walk(), {"battery": 0.1})
    assert kinds(events) == [("low_battery", "shank", True)]
    assert "right shank" in str(events[0].fields["message"]) and "10 %" in str(events[0].fields["message"])


def test_strikes_beyond_the_range() -> None:
    events = told(walk(), {"harder": 6.0})
    assert ("wrong_range", "shank", True) in kinds(events) and not any(k[1] == "thigh" for k in kinds(events))


@pytest.mark.parametrize(("asked", "sent"), [(100.0, 60.0), (60.0, 100.0), (100.0, 30.0)])
def test_another_rate_than_asked_for(asked: float, sent: float) -> None:
    events = told(walk(sent), extra=configured(asked))
    assert kinds(events) == [("wrong_rate", "thigh", True), ("wrong_rate", "shank", True)]
    assert f"{sent:.0f} samples" in str(events[0].fields["message"])


@pytest.mark.parametrize("from_s", [7.0, 7.5, 8.0, 8.5])
def test_a_stall_that_is_made_up_for_is_no_wrong_rate(from_s: float) -> None:
    """Too few samples in one half of the time, as many too many in the other."""

    def stalled(time_ns: int) -> int:
        return max(time_ns, round((from_s + 0.8) * 1e9)) if time_ns > from_s * 1e9 else time_ns

    events = told(walk(), extra=configured(100.0), stalled=stalled)
    assert "wrong_rate" not in [kind for kind, *_ in kinds(events)]


def test_a_rate_that_is_too_low_for_anything() -> None:
    """An import says nothing of what was asked for."""
    assert kinds(told(walk(30.0))) == [("wrong_rate", "thigh", True), ("wrong_rate", "shank", True)]


def test_samples_that_do_not_arrive() -> None:
    events = told(walk(), links=Link(loss=0.12))
    assert kinds(events)[:2] == [("weak_signal", "thigh", True), ("weak_signal", "shank", True)]


def test_samples_that_arrive_too_late() -> None:
    """Now and then the shank's link stalls for longer than rows are held for it."""
    simulation = walk()

    def stalled(time_ns: int) -> int:
        second = time_ns // 10**9
        return max(time_ns, second * 10**9 + 950_000_000) if second >= 5 and second % 2 else time_ns

    events = told(simulation, stalled=stalled)
    assert ("weak_signal", "shank", True) in kinds(events) and not any(k[1] == "thigh" for k in kinds(events))
    assert "lost or late" in str(events[0].fields["message"])


@pytest.mark.parametrize("per_s", [0.1, 0.04])
def test_samples_that_come_later_and_later(per_s: float) -> None:
    """The shank's link carries less than the sensor sends: nothing is lost, and all comes late, up to a second."""

    def queued(time_ns: int) -> int:
        return time_ns + round(min(max(time_ns - 5_000_000_000, 0) * per_s, 1e9))

    events = told(walk(), stalled=queued)
    assert kinds(events)[0] == ("weak_signal", "shank", True) and not any(k[1] == "thigh" for k in kinds(events))
    assert "later and later" in str(events[0].fields["message"])


def test_a_signal_that_was_weak_when_it_was_connected() -> None:
    assert [k[0] for k in kinds(told(walk(), extra=configured(100.0, -91)))] == ["weak_signal", "weak_signal"]
    assert told(walk(), extra=configured(100.0, 127)) == [], "127 stands for unknown"


def test_a_warning_ends() -> None:
    """The range is set right after the first half."""
    simulation = walk()
    half = simulation.sensors[SHANK].t < 9.0
    louder = replace(simulation.sensors[SHANK], acc=simulation.sensors[SHANK].acc * np.where(half, 6.0, 1.0)[:, None])
    changed = simulate_with(simulation, louder)
    assert kinds(told(changed)) == [("wrong_range", "shank", True), ("wrong_range", "shank", False)]


def simulate_with(simulation: Simulation, shank: object) -> Simulation:
    """The same session with other samples of the shank's sensor."""
    import copy

    other = copy.copy(simulation)
    other.sensors = {**simulation.sensors, SHANK: shank}  # type: ignore[dict-item]
    return other
