"""Short simulated sessions as records, for the tests of the whole chain."""

from functools import cache

import numpy as np
import pandas as pd

from firmware_interface.drivers.table import CHARACTERISTIC, NAME, pack
from pipeline.records import Notification, Record, Segment, SensorInfo, Side
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import parse_script
from pipeline.simulation.simulate import Simulation, simulate

SCRIPT = "stand:5.5,flex:6@{side},walk:14,up:6,stand:3,squat:3,lunge:3@{side},stand:2"
SEGMENTS = (Segment.THIGH, Segment.SHANK)


@cache
def simulation(seed: int, side: Side, script: str = SCRIPT) -> Simulation:
    """A person of that seed, one leg instrumented."""
    rng = np.random.default_rng(seed)
    return simulate(draw_person(rng), parse_script(script.format(side=side.value)), rng, sides=(side,))


def sensors(side: Side, first_id: int = 1) -> list[SensorInfo]:
    """A thigh and a shank sensor whose notifications are table packets."""
    return [SensorInfo(first_id + k, "", NAME, side, segment) for k, segment in enumerate(SEGMENTS)]


def records(table: pd.DataFrame, rows: int = 5, first_id: int = 1) -> list[Record]:
    """The table as notifications of some rows each, both sensors in turn."""
    found: list[Record] = []
    t = table["time_s"].to_numpy()
    for begin in range(0, len(t), rows):
        part = table.iloc[begin : begin + rows]
        for k, segment in enumerate(SEGMENTS):
            acc, gyr = (
                np.ascontiguousarray(part[[f"{segment.value}_{kind}_{a}" for a in "xyz"]].to_numpy())
                for kind in ("acc", "gyr")
            )
            payload = pack(part["time_s"].to_numpy(), acc, gyr)
            host_ns = round(float(part["time_s"].iloc[-1]) * 1e9)
            found.append(Notification(len(found), host_ns, first_id + k, CHARACTERISTIC, payload))
    return found
