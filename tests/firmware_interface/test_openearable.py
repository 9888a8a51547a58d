"""OpenEarable 2 records against the project's golden vectors (tests/protocol_contracts/wire_vectors.json)."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interface.drivers import openearable, openearable_scheme
from firmware_interface.drivers.openearable import DATA, INFO_SCHEME, OpenEarable, record
from firmware_interface.drivers.openearable_scheme import Component, Scheme
from firmware_interface.samples import STANDARD_GRAVITY
from firmware_interface.virtual.twins.openearable import SCHEME, OpenEarableTwin
from tests.firmware_interface.conversations import converse
from tests.firmware_interface.motions import motion

TIME_US = 72623859790382856


def test_golden_record_of_one_sample():
    payload = bytes.fromhex("060408070605040302010000c03f")
    assert record(payload, 4) == (6, TIME_US, 0, struct.pack("<f", 1.5))


def test_golden_batch_of_two():
    payload = bytes.fromhex("060a08070605040302010000c03f000000c0e803")
    assert record(payload, 4) == (6, TIME_US, 1000, struct.pack("<2f", 1.5, -2.0))


def test_golden_configuration():
    assert openearable.config(1, 3, sensor=6) == bytes.fromhex("060103")


def imu(time_us, rows, spacing_us=None):
    body = np.asarray(rows, "<f4").tobytes() + (b"" if spacing_us is None else struct.pack("<H", spacing_us))
    return openearable.HEADER.pack(0, len(body), time_us) + body


def feed(*payloads):
    decoder = OpenEarable().decoder()
    return [decoder.feed(DATA, payload) for payload in payloads]


def test_units_and_order_of_the_inertial_unit():
    (block,) = feed(imu(TIME_US, [[0, 0, 1, 90, 0, -180, 20, -30, 40]]))
    np.testing.assert_allclose(block.acc, [[0, 0, STANDARD_GRAVITY]])
    np.testing.assert_allclose(block.gyr, [[np.pi / 2, 0, -np.pi]], rtol=1e-6)
    np.testing.assert_allclose(block.mag, [[20, -30, 40]])


def test_batches_of_64_bit_times_across_the_32_bit_border():
    start = 2**40 + 2**32 - 35_000
    rows = np.zeros((6, 9))
    blocks = feed(*(imu(start + 60_000 * k, rows, 10_000) for k in range(4)))
    assert np.diff(np.concatenate([block.ticks for block in blocks])).tolist() == [10_000] * 23
    assert sum(block.lost + block.rejected + block.restarts for block in blocks) == 0


def test_other_sensors_are_neither_samples_nor_damage():
    (block,) = feed(bytes.fromhex("060408070605040302010000c03f"))
    assert (len(block), block.rejected) == (0, 0)


def test_loss_is_counted_from_the_clock():
    ticks = 10_000 * np.arange(60)
    acc, gyr = motion(ticks * 1e-6)
    sent = [p for c, p in OpenEarable().encoder(100.0).encode(ticks.tolist(), acc, gyr, 1.0, 244) if c == DATA]
    assert [len(payload) for payload in sent] == [10 + 6 * 36 + 2] * 10
    blocks = feed(*(sent[k] for k in range(10) if k not in (3, 4, 7)))
    assert sum(block.lost for block in blocks) == 18


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        bytes(9),
        imu(0, [[0] * 9])[:-1],
        imu(0, [[0] * 9] * 2),
        imu(0, [[0] * 9] * 2, 0),
        imu(0, [[np.nan] + [0] * 8]),
        imu(0, [[0, 0, 100] + [0] * 6]),
    ],
)
def test_damage_is_rejected(bad):
    (block,) = feed(bad)
    assert (len(block), block.rejected) == (0, 1)


@pytest.mark.parametrize(
    ("value", "clipped"), [(15.9995, True), (1.99997, True), (2.5, False), (16.0, True), (-8.0, True)]
)
def test_the_end_of_each_range_of_the_chip_is_marked(value, clipped):
    (block,) = feed(imu(0, [[0, value, 0] + [0] * 6]))
    assert block.clipped.tolist() == [clipped]


GOLDEN_SCHEME = bytes.fromhex("0601540106016701780143130200010000803f00000040")


def test_golden_scheme():
    scheme = openearable_scheme.parsed(GOLDEN_SCHEME)
    assert scheme == Scheme(6, "T", (Component("g", "x", "C", 6),), (1.0, 2.0), 0, 1)
    assert openearable_scheme.written(scheme) == GOLDEN_SCHEME


@given(st.binary(max_size=80) | st.integers(0, 22).map(lambda cut: GOLDEN_SCHEME[:cut]))
def test_other_bytes_are_no_scheme_and_never_raise(octets):
    found = openearable_scheme.parsed(octets)
    assert found is None or found.sensor == octets[0]


def test_the_rate_is_looked_up_in_the_sensors_own_table():
    twin = OpenEarableTwin(25.0)
    converse(OpenEarable(), twin, 100.0)
    assert (twin.streaming, twin.rate_hz) == (True, 100.0)


def test_units_are_those_of_the_scheme():
    """A firmware that sends m/s2 and rad/s, and says so."""
    groups = (("ACC", "m/s^2"), ("GYRO", "rad/s"))
    components = tuple(Component(group, axis, unit, 6) for group, unit in groups for axis in "XYZ")
    decoder = OpenEarable().decoder()
    decoder.feed(INFO_SCHEME, openearable_scheme.written(Scheme(0, "IMU", components)))
    block = decoder.feed(DATA, imu(0, [[0, 0, 9.80665, np.pi, 0, 0, 0, 0, 0]]))
    np.testing.assert_allclose(block.acc, [[0, 0, 9.80665]], rtol=1e-6)
    np.testing.assert_allclose(block.gyr, [[np.pi, 0, 0]], rtol=1e-6)
    assert openearable_scheme.written(SCHEME)[0] == 0
