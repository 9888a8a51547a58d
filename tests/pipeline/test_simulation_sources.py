"""The simulated person as a source: live reads, notifications of a session, scripts from text, files."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from firmware_interface.drivers.table import CHARACTERISTIC, TableDecoder, pack
from firmware_interface.samples import Floats
from firmware_interface.virtual.source import MotionSource
from pipeline.errors import BadInputError
from pipeline.records import Event, Notification, Segment, Side
from pipeline.simulation.live import LivePerson
from pipeline.simulation.notifications import Link, notifications, sensor_infos
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import everyday_script, idle_script, parse_script, scripted_session
from pipeline.simulation.simulate import Simulation, simulate

SHORT = parse_script("stand:2,walk:4,squat:1")


def live(seed: int = 3, **factors: float) -> LivePerson:
    return LivePerson(draw_person(np.random.default_rng(1), **factors), SHORT, seed)


WHOLE = live().source(Side.RIGHT, Segment.SHANK).read(0.0, 30.0)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.floats(0.0, 30.0), max_size=40), first=st.sampled_from(list(Segment)))
def test_live_reads_do_not_depend_on_how_they_are_cut(cuts: list[float], first: Segment) -> None:
    """Any cutting, with the other sensor read before or after, gives the same samples bit for bit."""
    person = live()
    edges = [0.0, *sorted(cuts), 30.0]
    parts = []
    for a, b in pairwise(edges):
        for segment in (first, *(s for s in Segment if s is not first)):
            part = person.source(Side.RIGHT, segment).read(a, b)
            if segment is Segment.SHANK:
                parts.append(part)
    for k in range(3):
        np.testing.assert_array_equal(np.concatenate([part[k] for part in parts]), WHOLE[k])


def test_a_source_is_endless_and_keeps_its_rate() -> None:
    """The script lasts about 12 s; after a minute samples still come, at 100 Hz, and rest shows gravity."""
    source: MotionSource = live().source(Side.LEFT, Segment.THIGH)
    t, acc, gyr = source.read(60.0, 90.0)
    assert len(t) == len(acc) == len(gyr)
    assert len(t) == pytest.approx(3000, abs=3)
    assert t[0] >= 60.0 and t[-1] < 90.0 and np.all(np.diff(t) > 0.0)
    assert np.median(np.linalg.norm(acc, axis=1)) == pytest.approx(9.8, abs=0.5)
    assert source.rate_hz == 100.0


def turned(gyr: Floats, rate_hz: float) -> list[Rotation]:
    """Attitudes from integrated rates, beginning from none."""
    attitude, found = Rotation.identity(), []
    for step in Rotation.from_rotvec(gyr / rate_hz):
        attitude = attitude * step
        found.append(attitude)
    return found


def test_thigh_and_shank_of_a_live_person_belong_together() -> None:
    """The knee's flexion from the two integrated gyroscopes follows the truth to a degree over 15 s."""
    factors = {"sensor_errors": 0.0, "soft_tissue": 0.0, "shocks": 0.0, "posture": 0.0}
    person = LivePerson(draw_person(np.random.default_rng(1), aligned=True, **factors), SHORT, 5, rate_hz=200.0)
    t, _, thigh = person.source(Side.LEFT, Segment.THIGH).read(0.0, 15.0)
    _, _, shank = person.source(Side.LEFT, Segment.SHANK).read(0.0, 15.0)
    knees = (a.inv() * b for a, b in zip(turned(thigh, 200.0), turned(shank, 200.0), strict=True))
    flexion = np.rad2deg([np.arctan2(knee.as_matrix()[0, 1], knee.as_matrix()[1, 1]) for knee in knees])
    truth = person.angles(Side.LEFT, t)["flexion_deg"]
    assert np.sqrt(np.mean((flexion - truth) ** 2)) < 1.0
    assert truth.max() > 80.0


def test_a_sensor_that_was_away_goes_on_as_if_it_had_been_read() -> None:
    """Samples after a pause of minutes, or of a sensor that joins late, are the same bit for bit."""
    always, late = (live().source(Side.RIGHT, Segment.THIGH) for _ in range(2))
    for start in range(0, 150, 10):
        always.read(start, start + 10.0)
    late.read(0.0, 5.0)
    for a, b in zip(always.read(140.0, 150.0), late.read(140.0, 150.0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_truth_of_a_live_person_names_its_steps_and_forgets_the_past() -> None:
    person = live()
    person.source(Side.RIGHT, Segment.SHANK).read(0.0, 100.0)
    labels = {repetition.activity.label for repetition in person.repetitions}
    assert {"walking", "squat"} <= labels
    assert person.contacts[-1].start_s > 80.0
    assert np.isnan(person.angles(Side.RIGHT, np.array([1.0, 99.0]))["flexion_deg"][0])
    assert np.isfinite(person.angles(Side.RIGHT, np.array([99.0]))["flexion_deg"][0])


class PairsEncoder:
    """Two samples a packet, in the format of imported tables."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Floats, Floats]] = []

    def encode(
        self, ticks_us: list[int], acc: Floats, gyr: Floats, battery: float, max_payload: int
    ) -> list[tuple[str, bytes]]:
        self._waiting += [(tick * 1e-6, a, g) for tick, a, g in zip(ticks_us, acc, gyr, strict=True)]
        packets = []
        while len(self._waiting) >= 2:
            t, a, g = (np.array(v) for v in zip(*self._waiting[:2], strict=True))
            packets.append((CHARACTERISTIC, pack(t, a, g)))
            self._waiting = self._waiting[2:]
        return packets


@pytest.fixture(scope="module")
def session() -> Simulation:
    return simulate(draw_person(np.random.default_rng(4)), SHORT, np.random.default_rng(4), sides=tuple(Side))


def test_notifications_hold_every_sample_in_the_order_of_arrival(session: Simulation) -> None:
    """One sequence, connected events first; no packet before its samples; decoded, they are the traces."""
    infos = sensor_infos(session, "table")
    records = notifications(session, {key: PairsEncoder() for key in session.sensors}, np.random.default_rng(1))
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    times = [record.host_time_ns for record in records]
    assert times == sorted(times)
    connected = [record for record in records if isinstance(record, Event)]
    assert [(event.kind, event.fields["sensor"]) for event in connected] == [("connected", i.id) for i in infos]
    for info in infos:
        trace = session.sensors[info.side, info.segment]
        own = [r for r in records if isinstance(r, Notification) and r.sensor == info.id]
        acc = np.concatenate([TableDecoder().feed(r.characteristic, r.payload).acc for r in own])
        np.testing.assert_array_equal(acc, trace.acc[: len(acc)])
        assert len(trace.acc) - len(acc) < 2
        late = np.array([r.host_time_ns for r in own]) * 1e-9 - trace.t[1 : len(acc) : 2]
        assert late.min() > 0.0
        assert 0.01 < np.median(late) < 0.06


def test_missed_connection_events_make_bursts_and_a_lossy_link_loses(session: Simulation) -> None:
    def arrivals(link: Link) -> list[int]:
        encoders = {key: PairsEncoder() for key in session.sensors}
        records = notifications(session, encoders, np.random.default_rng(1), link)
        return [r.host_time_ns for r in records if isinstance(r, Notification) and r.sensor == 1]

    steady, bursty = (arrivals(Link(missed=share)) for share in (0.0, 0.4))
    assert len(steady) == len(bursty)
    assert np.max(np.diff(bursty)) > 2 * np.max(np.diff(steady))
    assert len(arrivals(Link(loss=0.1))) == pytest.approx(0.9 * len(steady), rel=0.07)


def test_a_table_has_the_generic_columns_and_the_truth_its_tables(session: Simulation, tmp_path: Path) -> None:
    session.write(tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    table = pd.read_parquet(folder / "table_left.parquet")
    expected = [f"{s}_{q}_{x}" for s in ("thigh", "shank") for q in ("acc", "gyr") for x in "xyz"]
    assert list(table.columns) == ["time_s", *expected]
    np.testing.assert_allclose(np.diff(table["time_s"]), 0.01)
    steps = pd.read_csv(folder / "truth_steps.csv")
    assert set(steps["side"]) == {"left", "right"}
    assert (steps["end_s"] > steps["start_s"]).all()
    angles = pd.read_parquet(folder / "truth_angles_right.parquet")
    assert abs(angles.loc[angles["time_s"] < 2.0, "flexion_deg"].mean()) < 0.05
    assert json.loads((folder / "person.json").read_text())["body"]["thigh_m"] > 0.3


def test_a_leg_block_is_complete_and_in_its_frames(session: Simulation) -> None:
    """Free acceleration averages to nothing, flexion is the difference of inclinations, rates their derivatives."""
    block = session.leg_block(Side.LEFT)
    assert len(block) == pytest.approx(session.seconds * 100, abs=1)
    assert block.valid.all() and not block.status.any()
    assert np.abs(block.shank_acc.mean(axis=0)).max() < 0.2
    apart = np.rad2deg(block.flexion - (block.thigh_incl - block.shank_incl))
    assert np.abs(apart).max() < 6.0
    slope = np.gradient(np.unwrap(block.shank_incl)) * 100.0
    assert np.sqrt(np.mean((slope - block.shank_rate) ** 2)) < np.deg2rad(12.0)


def test_same_seed_same_session_and_another_seed_another() -> None:
    person = draw_person(np.random.default_rng(9))
    a, b, c = (simulate(person, SHORT, np.random.default_rng(seed)) for seed in (1, 1, 2))
    key = Side.RIGHT, Segment.THIGH
    np.testing.assert_array_equal(a.sensors[key].acc, b.sensors[key].acc)
    assert a.truth_steps()["start_s"].tolist() != c.truth_steps()["start_s"].tolist()


def test_sensors_run_on_clocks_of_their_own() -> None:
    """Ticks advance evenly; true time drifts against them by the sensor's skew, within 150 ppm."""
    session = simulate(draw_person(np.random.default_rng(9)), parse_script("stand:60"), np.random.default_rng(1))
    skews = []
    for trace in session.sensors.values():
        assert np.ptp(np.diff(trace.ticks_us)) <= 1.0
        slope = np.polyfit(trace.ticks_us * 1e-6, trace.t, 1)[0]
        skews.append((slope - 1.0) * 1e6)
    assert 1.0 < abs(skews[0] - skews[1]) < 150.0


def test_a_fast_movement_is_clipped_at_the_end_of_the_range() -> None:
    person = draw_person(np.random.default_rng(2))
    key = Side.RIGHT, Segment.SHANK
    worn = person.wearing[key]
    weak = replace(worn, imu=replace(worn.imu, gyr_range=np.deg2rad(250.0)))
    weak_person = replace(person, wearing={**person.wearing, key: weak})
    trace = simulate(weak_person, parse_script("stand:1,walk:6"), np.random.default_rng(1)).sensors[key]
    assert np.abs(trace.gyr).max() == pytest.approx(np.deg2rad(250.0))
    assert 0 < trace.clipped.sum() < len(trace.t) / 2


@pytest.mark.parametrize(
    "text", ["", "stand", "fly:3", "walk:-3", "walk:x", "up:2.5", "walk:5@middle", "walk:5*9", "stand:1e9"]
)
def test_a_script_that_cannot_be_read_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadInputError) as refused:
        parse_script(text)
    assert "\n" not in str(refused.value)


def test_a_script_is_read_from_text() -> None:
    bouts = parse_script("stand:5, flex:6@left,walk:30*1.3,up:10")
    assert [(b.what, b.amount, b.lead, b.speed) for b in bouts] == [
        ("stand", 5.0, Side.RIGHT, 1.0),
        ("flex", 6.0, Side.LEFT, 1.0),
        ("walk", 30.0, Side.RIGHT, 1.3),
        ("up", 10.0, Side.RIGHT, 1.0),
    ]


def test_ready_made_scripts_begin_with_what_calibrates() -> None:
    """At least 5 s of standing, then at least 5 flexions of every instrumented knee."""
    for script in (scripted_session(tuple(Side)), everyday_script(np.random.default_rng(1), sides=tuple(Side))):
        assert script[0].what == "stand" and script[0].amount >= 5.0
        assert [bout.lead for bout in script[1:3]] == list(Side)
        assert all(bout.what == "flex" and bout.amount >= 5 for bout in script[1:3])
    idle = idle_script(np.random.default_rng(1))
    assert sum(bout.amount for bout in idle) > 300
    assert not {"walk", "up", "down", "lunge", "squat"} & {bout.what for bout in idle}
