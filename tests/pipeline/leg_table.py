"""A swinging leg as a generic table: two pendulums whose accelerations and rates belong together."""

import numpy as np
import pandas as pd

from firmware_interface.drivers.table import TableDecoder
from firmware_interface.samples import STANDARD_GRAVITY, Floats
from pipeline.files.recording import Recorded
from pipeline.records import Notification


def leg_table(duration_s: float = 10.0, rate_hz: float = 100.0, start_s: float = 0.0) -> pd.DataFrame:
    """Columns of the generic table: thigh and shank swing at 0.8 Hz about z, 0.1 m and 0.3 m below their pivots."""
    time = np.arange(round(duration_s * rate_hz)) / rate_hz
    columns: dict[str, Floats] = {"time_s": time + start_s}
    for segment, amplitude, arm in (("thigh", 0.4, 0.1), ("shank", 0.7, 0.3)):
        omega = 2 * np.pi * 0.8
        angle = amplitude * np.sin(omega * time)
        rate = amplitude * omega * np.cos(omega * time)
        turning = -amplitude * omega**2 * np.sin(omega * time)
        acc = np.stack(
            [STANDARD_GRAVITY * np.sin(angle) + arm * turning, STANDARD_GRAVITY * np.cos(angle) + arm * rate**2]
        )
        columns |= {f"{segment}_acc_x": acc[0], f"{segment}_acc_y": acc[1], f"{segment}_acc_z": np.full_like(time, 0.2)}
        columns |= {
            f"{segment}_gyr_x": np.full_like(time, 0.01),
            f"{segment}_gyr_y": 0 * time,
            f"{segment}_gyr_z": rate,
        }
    return pd.DataFrame(columns)


def decoded(recording: Recorded, sensor: int) -> tuple[Floats, Floats, Floats, int]:
    """A sensor's samples out of its notifications: time_s (n,), acc (n, 3), gyr (n, 3), and how many were rejected."""
    decoder = TableDecoder()
    blocks = [
        decoder.feed(record.characteristic, record.payload)
        for part in recording.records()
        for record in part
        if isinstance(record, Notification) and record.sensor == sensor
    ]
    return (
        np.concatenate([block.ticks * block.tick_s for block in blocks]),
        np.concatenate([block.acc for block in blocks]),
        np.concatenate([block.gyr for block in blocks]),
        sum(block.rejected for block in blocks),
    )
