"""The WitMotion format against notifications that were recorded from real modules and published."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.witmotion import NOTIFY, WRITE, WitMotion, register_answer
from firmware_interface.samples import STANDARD_GRAVITY, Clock

# Recorded from a WT901BLE5.0-type module (GitHub byy-yby/pingpong-rtgr), at rest, z up.
FOUR_FRAMES = bytes.fromhex(
    "5561fcffefff110800000000000098ff0d00f8315561fdffecff0e0800000000000098ff0d00f831"
    "5561fdffecff0e0800000000000098ff0d00f8315561feffe9ff0f0800000000000098ff0d00f831"
)
FOUR_FRAMES_ACC_G = [
    [-0.001953, -0.008301, 1.008301],
    [-0.001465, -0.009766, 1.006836],
    [-0.001465, -0.009766, 1.006836],
    [-0.000977, -0.01123, 1.007324],
]
# First 16 bytes of a notification of a moving WT901BLE68 (GitHub obedier/vib).
MOVING_PREFIX = bytes.fromhex("5561e403ebf43f007c0202ff330052fe")
MOVING_ACC_G = [0.486328, -1.385254, 0.030762]
MOVING_GYR_DPS = [38.818359, -15.50293, 3.112793]
# The WTVB01-BT50 vibration sensor's manual: same first two bytes, another product.
VIBRATION_FRAME = bytes.fromhex("5561110016000200020000000100e60a430047000a00250025002500")


def test_recorded_notification_of_four_frames():
    block = WitMotion().decoder().feed(NOTIFY, FOUR_FRAMES)
    np.testing.assert_allclose(block.acc / STANDARD_GRAVITY, FOUR_FRAMES_ACC_G, atol=1e-6)
    np.testing.assert_array_equal(block.gyr, 0)
    assert block.clock is Clock.NONE
    assert block.ticks.tolist() == [0, 1, 2, 3]
    assert block.rejected == 0


def test_recorded_prefix_waits_for_the_rest_of_its_frame():
    decoder = WitMotion().decoder()
    assert len(decoder.feed(NOTIFY, MOVING_PREFIX)) == 0
    block = decoder.feed(NOTIFY, b"\0\0\0\0")
    np.testing.assert_allclose(block.acc[0] / STANDARD_GRAVITY, MOVING_ACC_G, atol=1e-6)
    np.testing.assert_allclose(np.degrees(block.gyr[0]), MOVING_GYR_DPS, atol=1e-6)


def test_vibration_sensor_is_never_read_as_motion():
    decoder = WitMotion().decoder()
    assert sum(len(decoder.feed(NOTIFY, VIBRATION_FRAME)) for _ in range(5)) == 0
    assert not WitMotion().matches(Advertisement("a", name="WTVB01-BT50"))
    assert WitMotion().matches(Advertisement("a", name="WT901BLE68"))


@given(st.lists(st.integers(1, 79), max_size=8).map(sorted))
@settings(max_examples=60, deadline=None)
def test_frames_cut_anywhere_are_joined(cuts):
    decoder = WitMotion().decoder()
    edges = [0, *cuts, len(FOUR_FRAMES)]
    pieces = [FOUR_FRAMES[a:b] for a, b in itertools.pairwise(edges) if b > a]
    blocks = [decoder.feed(NOTIFY, piece) for piece in pieces]
    acc = np.concatenate([block.acc for block in blocks])
    np.testing.assert_allclose(acc / STANDARD_GRAVITY, FOUR_FRAMES_ACC_G, atol=1e-6)
    assert sum(block.rejected for block in blocks) == 0


@pytest.mark.parametrize("lost", range(1, 20))
def test_frames_are_found_again_after_lost_bytes(lost):
    decoder = WitMotion().decoder()
    blocks = [decoder.feed(NOTIFY, FOUR_FRAMES[: 40 - lost]), decoder.feed(NOTIFY, FOUR_FRAMES)]
    acc = np.concatenate([block.acc for block in blocks])
    np.testing.assert_allclose(acc / STANDARD_GRAVITY, [FOUR_FRAMES_ACC_G[0], *FOUR_FRAMES_ACC_G], atol=1e-6)
    assert blocks[1].rejected == 1


def test_commands_are_those_of_the_maker():
    writes = list(WitMotion().start(100))
    assert {write.characteristic for write in writes} == {WRITE}
    payloads = [write.payload.hex() for write in writes]
    assert payloads[:2] == ["ffaa6988b5", "ffaa030900"]
    assert payloads.index("ffaa000000") > payloads.index("ffaa030900")
    assert list(WitMotion().start(50))[1].payload.hex() == "ffaa030800"
    assert list(WitMotion().start(200))[1].payload.hex() == "ffaa030b00"


def test_rate_is_learnt_from_the_register_answer():
    decoder = WitMotion().decoder()
    answer = register_answer(0x03, [0x08, 0, 0, 0, 0, 0, 0, 0])
    block = decoder.feed(NOTIFY, FOUR_FRAMES[:20] + answer + FOUR_FRAMES[20:])
    assert len(block) == 4
    assert block.tick_s == 1 / 50


# First 16 bytes of longer notifications of a WT901BLE68 (GitHub obedier/vib): acc in g, rate in deg/s.
PREFIXES = [
    ("556135ff59ff0a08000000000000b9fc", [-0.099121, -0.081543, 1.004883], [0, 0, 0]),
    ("556131ff57ff0f08000000000000b9fc", [-0.101074, -0.08252, 1.007324], [0, 0, 0]),
    ("556143ff5eff1508000000000000b9fc", [-0.092285, -0.079102, 1.010254], [0, 0, 0]),
    ("5561e403ebf43f007c0202ff330052fe", MOVING_ACC_G, MOVING_GYR_DPS),
    ("55619cffc2ffd00792fe7bff200029fe", [-0.048828, -0.030273, 0.976562], [-22.338867, -8.117676, 1.953125]),
    ("556122ff3aff5b074300ffff02004bfe", [-0.108398, -0.09668, 0.919434], [4.089355, -0.061035, 0.12207]),
]
TWO_FRAMES = bytes.fromhex("5561f3fff3ff0f0800000000000098ff0d00f8315561f9fff1ff100800000000000098ff0d00f831")


@pytest.mark.parametrize(("prefix", "acc_g", "gyr_dps"), PREFIXES)
def test_every_recorded_prefix(prefix, acc_g, gyr_dps):
    decoder = WitMotion().decoder()
    assert len(decoder.feed(NOTIFY, bytes.fromhex(prefix))) == 0
    block = decoder.feed(NOTIFY, b"\0\0\0\0")
    np.testing.assert_allclose(block.acc[0] / STANDARD_GRAVITY, acc_g, atol=1e-6)
    np.testing.assert_allclose(np.degrees(block.gyr[0]), gyr_dps, atol=1e-6)


def test_recorded_notification_of_two_frames():
    """After the 50 Hz command."""
    block = WitMotion().decoder().feed(NOTIFY, TWO_FRAMES)
    expected = [[-0.006348, -0.006348, 1.007324], [-0.003418, -0.007324, 1.007812]]
    np.testing.assert_allclose(block.acc / STANDARD_GRAVITY, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("hundredths", "level"),
    [(420, 1.0), (396, 1.0), (395, 0.9), (391, 0.75), (370, 0.2), (341, 0.05), (300, 0.0), (0, None)],
)
def test_battery_is_read_from_its_register(hundredths, level):
    """Of the maker's table; 391 was confirmed as 75 % with the maker's own app on a BS-BT91."""
    block = WitMotion().decoder().feed(NOTIFY, register_answer(0x64, [hundredths] + 7 * [0]))
    assert (len(block), block.battery, block.rejected) == (0, level, 0)


@pytest.mark.parametrize(("raw", "celsius"), [(0x0BB8, 30.0), (0xFF38, -2.0), (0x7FFF, None)])
def test_temperature_is_read_from_its_register(raw, celsius):
    assert "ffaa274000" in [write.payload.hex() for write in WitMotion().start(100)]
    block = WitMotion().decoder().feed(NOTIFY, register_answer(0x40, [raw, *[0] * 7]))
    assert (len(block), block.rejected, block.temperature_c, block.battery) == (0, 0, celsius, None)


@pytest.mark.parametrize("register", [0x3A, 0x51, 0x30])
def test_other_answers_are_neither_samples_nor_damage(register):
    """Field, quaternion, clock."""
    block = WitMotion().decoder().feed(NOTIFY, register_answer(register, range(8)) + FOUR_FRAMES)
    assert (len(block), block.battery, block.rejected) == (4, None, 0)


def test_bandwidth_is_the_widest_below_half_the_rate():
    """Register 0x1F: 42 Hz at 100 Hz, 98 Hz at 200 Hz; the factory's 20 Hz would blur gait."""
    assert "ffaa1f0300" in [write.payload.hex() for write in WitMotion().start(100)]
    assert "ffaa1f0200" in [write.payload.hex() for write in WitMotion().start(200)]


def test_what_is_asked_last_are_rate_temperature_and_battery():
    asked = [write.payload.hex() for write in WitMotion().start(100)]
    assert asked[-3:] == ["ffaa270300", "ffaa274000", "ffaa276400"]


def test_end_of_range_is_marked():
    frame = bytearray(FOUR_FRAMES[:20])
    frame[8:10] = (32767).to_bytes(2, "little")
    block = WitMotion().decoder().feed(NOTIFY, bytes(frame) + FOUR_FRAMES[:20])
    assert block.clipped.tolist() == [True, False]
