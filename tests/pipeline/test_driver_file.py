"""A sensor that a file describes, from the command line to the grid: found, refused in one line, replayed without."""

import numpy as np
import pytest

from firmware_interface.drivers.interface import DESCRIPTION
from firmware_interface.drivers.registry import is_stream
from pipeline.intake import Intake
from pipeline.records import Event, Notification, Segment, SensorInfo, Side
from tests.end_to_end.kneetrack import kneetrack
from tests.firmware_interface.conversations import BATCHES, COUNTED, EXAMPLES, LINES
from tests.firmware_interface.motions import motion


@pytest.fixture
def described(tmp_path):
    path = tmp_path / "my_sensor.toml"
    path.write_bytes(EXAMPLES[0])
    return path


def test_scan_finds_it_only_with_its_file(described):
    said = kneetrack("scan", "--virtual", "--for", 1, "--driver-file", described)
    assert said.code == 0, said.err
    rows = [line.split() for line in said.out.splitlines() if line.split()[:1] and ":" in line.split()[0]]
    assert {(row[-4], row[-3]) for row in rows} == {("sketch", "service")}


def test_a_mistake_in_the_file_is_one_line(described, tmp_path):
    described.write_bytes(EXAMPLES[0].replace(b'"acc_x:i16"', b'"acc_x:i12"'))
    said = kneetrack("live", "--virtual", "--no-dashboard", "--driver-file", described, "--out", tmp_path / "out")
    assert said.code == 1
    assert "packet.sample[0] is 'acc_x:i12'; it must be acc_x with one of i8" in said.error_lines[-1]
    assert not any("Traceback" in line for line in said.error_lines)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("known", "clock"), [(BATCHES, "device_time"), (COUNTED, "counter"), (LINES, "device_time")])
def test_a_recording_of_it_needs_no_file(known, clock):
    """Two connections of both sensors, as `live` records them; the second goes on after a break of a second."""
    sensors = [
        SensorInfo(0, "a", "sketch", Side.RIGHT, Segment.THIGH),
        SensorInfo(1, "b", "sketch", Side.RIGHT, Segment.SHANK),
    ]
    intake = Intake(sensors)
    rate_hz = known.rates_hz()[0]
    seq, rows = 0, 0
    for start_s in (0.0, 6.0):
        ticks = np.rint((start_s + np.arange(int(5 * rate_hz)) / rate_hz) * 1e6).astype(int)
        acc, gyr = motion(ticks * 1e-6)
        packets = known.encoder(rate_hz).encode(ticks.tolist(), acc / 4, gyr, 0.5, 100)
        records = []
        for sensor in (0, 1):
            records.append((start_s, 0, Event(0, int(start_s * 1e9), "connected", {"sensor": sensor})))
            records.append((start_s, 1, Notification(0, int(start_s * 1e9), sensor, DESCRIPTION, known.description)))
            for k, (characteristic, payload) in enumerate(packets):
                arrival = start_s + 5 * (k + 1) / len(packets) + 0.01
                records.append((arrival, 2, Notification(0, int(arrival * 1e9), sensor, characteristic, payload)))
        for _, _, record in sorted(records, key=lambda each: each[:2]):
            seq += 1
            rows += sum(len(block) for block in intake.update(record))
    rows += sum(len(block) for block in intake.finish())
    for count in intake.counts().values():
        assert count.clock == clock
        assert count.samples == 2 * int(5 * rate_hz)
        assert count.rejected == count.duplicates == count.lost == 0
        assert count.connections == 2
        assert count.rate_hz == pytest.approx(rate_hz * 10 / 11, rel=0.02)
    assert rows == pytest.approx(11 * 100, rel=0.05)


def test_which_characteristic_is_the_stream():
    assert is_stream("sketch", BATCHES.notify[0])
    assert not is_stream("sketch", DESCRIPTION)
    assert not is_stream("thingy52", "00002a19-0000-1000-8000-00805f9b34fb")
