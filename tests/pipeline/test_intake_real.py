"""Real recordings through the intake: packets lost on the way, rates that are not the grid's."""

import numpy as np
import pandas as pd
import pytest

from firmware_interface.drivers.table import CHARACTERISTIC, TableDecoder, pack
from pipeline.blocks import GridBlock, join
from pipeline.intake import Intake
from pipeline.records import Notification, Segment, SensorInfo, Side
from tests.shared_data import dataset

SENSORS = [SensorInfo(i, "", "table", Side.RIGHT, segment) for i, segment in enumerate((Segment.THIGH, Segment.SHANK))]


def to_grid(streams: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[GridBlock, Intake]:
    records = []
    for sensor, (time_s, acc, gyr) in enumerate(streams):
        for i in range(0, len(time_s), 5):
            cut = slice(i, i + 5)
            stamp = int(time_s[cut][-1] * 1e9)
            records.append(Notification(0, stamp, sensor, CHARACTERISTIC, pack(time_s[cut], acc[cut], gyr[cut])))
    records.sort(key=lambda record: record.host_time_ns)
    intake = Intake(SENSORS, decoder=lambda name: TableDecoder())
    blocks = [block for record in records for block in intake.update(record)] + intake.finish()
    return join(blocks), intake


def turned(time_s: np.ndarray, gyr: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Integral of each axis of gyr from begin to end, rad."""
    inside = (time_s > begin) & (time_s < end)
    t = np.concatenate([[begin], time_s[inside], [end]])
    w = np.column_stack([np.interp(t, time_s, gyr[:, k]) for k in range(3)])
    return np.asarray(np.trapezoid(w, t, axis=0) if hasattr(np, "trapezoid") else np.trapz(w, t, axis=0))  # noqa: NPY201


def test_fifty_hertz_with_packets_lost() -> None:
    folder = dataset("xio_lower_body")
    streams = []
    for name in ("upper", "lower"):
        table = pd.read_csv(folder / f"right_{name}_leg_inertial.csv").to_numpy()
        streams.append((table[:, 0] * 1e-6, table[:, 4:7] * 9.80665, np.radians(table[:, 1:4])))
    block, intake = to_grid(streams)
    assert block.rate_hz == 100.0
    t = block.time_s
    assert len(t) == pytest.approx(100 * (streams[0][0][-1] - streams[0][0][0]), abs=30)
    for (time_s, _, gyr), found, ok in zip(
        streams, (block.thigh_gyr, block.shank_gyr), (block.thigh_ok, block.shank_ok), strict=True
    ):
        holes = np.flatnonzero(np.diff(time_s) > 0.1)
        inside = np.zeros(len(t), bool)
        for i in holes:
            inside |= (t > time_s[i] + 1e-6) & (t < time_s[i + 1] - 1e-6)
        body = (t > t[0] + 0.1) & (t < t[-1] - 0.1)
        assert np.array_equal(ok[body], ~inside[body])
        assert np.abs(turned(t, found, t[200], t[1600]) - turned(time_s, gyr, t[200], t[1600])).max() < np.radians(1.0)
    assert intake.counts()[0].duplicates == 0


def test_two_hundred_hertz_stay_two_hundred() -> None:
    folder = dataset("sensbiotk_inria")
    streams = []
    for name in ("thigh", "shank"):
        table = pd.read_parquet(folder / f"tug3_right_{name}.parquet")
        columns = [table[list(names)].to_numpy() for names in (("ax", "ay", "az"), ("gx", "gy", "gz"))]
        streams.append((table["t"].to_numpy(), *columns))
    block, _ = to_grid(streams)
    assert block.rate_hz == 200.0
    assert block.thigh_ok.mean() > 0.99 and block.shank_ok.mean() > 0.99
    time_s, _, gyr = streams[1]
    assert np.abs(turned(block.time_s, block.shank_gyr, 2, 12) - turned(time_s, gyr, 2, 12)).max() < np.radians(0.5)
