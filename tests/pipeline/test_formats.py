"""A simulated walk through the packets of each kind of format, as a radio delivers them: the angles do not suffer.

The reference is the same walk at the same rate through the open format, whose packets hold exact times.
"""

from functools import lru_cache

import numpy as np
import pytest

from pipeline.intake import Intake
from pipeline.offline import process
from pipeline.records import Event, Notification, Record, SensorInfo, Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import Simulation, simulate
from tests.firmware_interface.conversations import EVERY, converse

SIDE = Side.RIGHT
INTERVAL_S = 0.03


@lru_cache
def walk(rate_hz: float) -> Simulation:
    person = draw_person(np.random.default_rng(4242))
    script = parse_script("stand:5.5,flex:6@right,walk:14,stand:2")
    return simulate(person, script, np.random.default_rng(7), sides=(SIDE,), rate_hz=rate_hz)


def rate_of(name: str) -> float:
    """The rate near 100 Hz that a format has."""
    return min(EVERY[name].rates_hz(), key=lambda rate: abs(rate - 100))


def recorded(name: str, samples: int, rate_hz: float) -> tuple[list[Record], list[SensorInfo], Simulation]:
    """What `live` would have recorded of sensors that send so many samples at a time, with missed connection events."""
    known = EVERY[name]
    simulation = walk(rate_hz)
    rng = np.random.default_rng(3)
    arrived: list[tuple[float, int, tuple[str, bytes] | None]] = []
    for sensor, trace in enumerate(simulation.sensors.values(), 1):
        arrived.append((0.0, sensor, None))
        arrived += [(1e-4 * (k + 1), sensor, packet) for k, packet in enumerate(converse(known, rate_hz=rate_hz))]
        encoder = known.encoder(rate_hz)
        ticks = trace.ticks_us.astype(int) + 3_000_000
        served, last_s = 0, 0.1
        for i in range(0, len(ticks) - samples + 1, samples):
            part = slice(i, i + samples)
            packets = encoder.encode(ticks[part].tolist(), trace.acc[part], trace.gyr[part], 0.8, 244)
            event = max(int(np.ceil(trace.t[i + samples - 1] / INTERVAL_S)), served)
            while event > served and rng.uniform() < 0.06:
                event += 1
            served = event
            for packet in packets:
                last_s = max(event * INTERVAL_S + rng.uniform(0.003, 0.007), last_s + 1e-6)
                arrived.append((last_s, sensor, packet))
    records: list[Record] = []
    for seq, (time_s, sensor, packet) in enumerate(sorted(arrived, key=lambda each: each[0]), 1):
        host_ns = round(time_s * 1e9)
        if packet is None:
            records.append(Event(seq, host_ns, "connected", {"sensor": sensor}))
        else:
            records.append(Notification(seq, host_ns, sensor, *packet))
    infos = [SensorInfo(k, str(k), known.name, *place) for k, place in enumerate(simulation.sensors, 1)]
    return records, infos, simulation


@lru_cache
def walking_errors(name: str, samples: int, rate_hz: float) -> dict[str, float]:
    """RMSE of each angle while walking, deg."""
    records, infos, simulation = recorded(name, samples, rate_hz)
    (leg,) = process(records, infos).update.legs
    truth = simulation.truth_angles(SIDE)
    time_s = leg.block.time_s
    walking = np.interp(time_s, truth["time_s"], (truth["activity"] == "walking").astype(float)) > 0.5
    errors = {}
    for angle in ("abduction", "rotation"):
        found = np.degrees(getattr(leg.block, angle)) - np.interp(time_s, truth["time_s"], truth[f"{angle}_deg"])
        assert np.isfinite(found[walking]).mean() > 0.98
        errors[angle] = float(np.sqrt(np.nanmean(found[walking] ** 2)))
    return errors


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("metamotion", 1),
        ("bluest", 1),
        ("thingy52", 1),
        ("polar_verity_sense", 20),
        # More than half a second in one frame: what fills a packet at this rate.
        ("polar_verity_sense", 57),
        ("sketch, text", 4),
    ],
)
def test_angles_do_not_suffer_from_the_format(name, samples):
    rate_hz = rate_of(name)
    reference, found = walking_errors("open_format", 4, rate_hz), walking_errors(name, samples, rate_hz)
    for angle, error in reference.items():
        assert found[angle] < error + 0.15, (angle, reference, found)


def test_long_frames_are_waited_for():
    """Nothing is late, and no row is empty, though a sensor is silent for half a second between its frames."""
    records, infos, _ = recorded("polar_verity_sense", 57, 104.0)
    intake = Intake(infos)
    blocks = [block for record in records for block in intake.update(record)] + intake.finish()
    for count in intake.counts().values():
        assert count.late == count.lost == count.rejected == count.gaps == 0
    assert all(block.thigh_ok.all() and block.shank_ok.all() for block in blocks)
