"""A simulated session as the radio would have delivered it: packets of a format, with a link's delays and losses.

Each sensor's samples go through the encoder of its format; what comes out waits for the next connection event of the
link, is delayed when events are missed (and then arrives in a burst), and may be lost in the sensor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from firmware_interface.drivers.interface import Encoder
from pipeline.records import Event, Notification, Record, Segment, SensorInfo, Side
from pipeline.simulation.simulate import Simulation, Trace

_BATTERY = 0.83


@dataclass(frozen=True, slots=True)
class Link:
    """How a radio link behaves.

    interval_s: between connection events; missed: share of events that fail, so that data waits; delay_s: of the host's
    stack after an event, plus up to delay_spread_s. loss: share of notifications that never arrive. max_payload: bytes.
    """

    interval_s: float = 0.03
    missed: float = 0.06
    delay_s: float = 0.003
    delay_spread_s: float = 0.004
    loss: float = 0.0
    max_payload: int = 244


def sensor_infos(simulation: Simulation, driver: str) -> list[SensorInfo]:
    """The sensors of a simulation as a recording lists them, ids from 1, made-up addresses."""
    return [
        SensorInfo(
            k, f"5E:ED:00:00:00:{k:02X}", driver, side, segment, f"simulated {side.value} {segment.value}", "sim"
        )
        for k, (side, segment) in enumerate(simulation.sensors, start=1)
    ]


def notifications(
    simulation: Simulation,
    encoders: Mapping[tuple[Side, Segment], Encoder],
    rng: np.random.Generator,
    link: Link | None = None,
) -> list[Record]:
    """What a session with these sensors would have recorded: `connected` events and notifications in one sequence.

    encoders: one for each sensor of the simulation. Host time 0 is the simulation's time 0. Sensor ids as in
    `sensor_infos`.
    """
    link = link or Link()
    arrivals: list[tuple[int, int, str, bytes]] = []
    for sensor, (key, trace) in enumerate(simulation.sensors.items(), start=1):
        arrivals += _one(sensor, trace, encoders[key], rng, link)
    arrivals.sort(key=lambda a: a[0])
    records: list[Record] = [Event(k, 0, "connected", {"sensor": k}) for k in range(1, len(simulation.sensors) + 1)]
    first = len(records) + 1
    records += [Notification(first + k, *arrival) for k, arrival in enumerate(arrivals)]
    return records


def _one(
    sensor: int, trace: Trace, encoder: Encoder, rng: np.random.Generator, link: Link
) -> list[tuple[int, int, str, bytes]]:
    """(host time ns, sensor, characteristic, payload) of one sensor, in order of arrival."""
    phase = float(rng.uniform(0.0, link.interval_s))
    failing = np.random.default_rng(rng.integers(0, 2**63))
    found = []
    served, last_ns = -1, 0
    ticks = trace.ticks_us.astype(np.int64)
    for k in range(len(ticks)):
        row = slice(k, k + 1)
        packets = encoder.encode([int(ticks[k])], trace.acc[row], trace.gyr[row], _BATTERY, link.max_payload)
        for characteristic, payload in packets:
            event = max(int(np.ceil((trace.t[k] - phase) / link.interval_s)), served)
            if event > served:
                while failing.uniform() < link.missed:
                    event += 1
                served = event
            if link.loss and failing.uniform() < link.loss:
                continue
            arrival = phase + event * link.interval_s + link.delay_s + float(rng.uniform(0.0, link.delay_spread_s))
            last_ns = max(round(arrival * 1e9), last_ns + 1)
            found.append((last_ns, sensor, characteristic, payload))
    return found
