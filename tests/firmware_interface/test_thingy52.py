"""The Thingy:52 format against values read from a device, and what its firmware's source says of signs and ranges."""

import struct

import numpy as np
import pytest

from firmware_interface.drivers.thingy52 import CONFIG, RAW, Thingy52, motion_config
from firmware_interface.samples import STANDARD_GRAVITY, Clock
from firmware_interface.virtual.twins.thingy52 import ThingyTwin
from tests.firmware_interface.conversations import converse

# Acceleration as read in the maker's app, device flat on a table (Nordic DevZone thread 47415).
FLAT = bytes.fromhex("fafff4fff603")
FLAT_G = [-0.005859, -0.011719, 0.990234]


def test_acceleration_of_a_device_flat_on_a_table():
    """The firmware reports the direction of gravity in the chip's axes; specific force is the opposite."""
    block = Thingy52().decoder().feed(RAW, FLAT + bytes(12))
    np.testing.assert_allclose(block.acc[0] / STANDARD_GRAVITY, -np.array(FLAT_G), atol=1e-6)
    assert block.clock is Clock.NONE


def test_scales_of_rate_and_field():
    block = Thingy52().decoder().feed(RAW, struct.pack("<9h", 0, 0, 1024, 32, -3200, 0, 16, -32, 800))
    np.testing.assert_allclose(np.degrees(block.gyr[0]), [1, -100, 0])
    np.testing.assert_allclose(block.mag[0], [1, -2, 50])


@pytest.mark.parametrize(
    ("words", "clipped"),
    [
        ((2047, 0, 0, 0, 0, 0), True),
        ((0, -2048, 0, 0, 0, 0), True),
        ((2030, 0, 0, 0, 0, 0), False),
        ((0, 0, 1024, -32768, 0, 0), True),
        ((0, 0, 1024, 32700, 0, 0), False),
    ],
)
def test_ends_of_the_ranges(words, clipped):
    block = Thingy52().decoder().feed(RAW, struct.pack("<9h", *words, 0, 0, 0))
    assert block.clipped.tolist() == [clipped]


def test_rate_is_set_read_back_and_learnt():
    twin = ThingyTwin(10.0)
    heard = converse(Thingy52(), twin, 100.0)
    assert twin.rate_hz == 100.0
    assert heard == [(CONFIG, bytes.fromhex("e803f401f401640001"))]
    decoder = Thingy52().decoder()
    decoder.feed(CONFIG, motion_config(50))
    assert decoder.feed(RAW, bytes(18)).tick_s == 1 / 50
    # A rate that no firmware has is no rate.
    decoder.feed(CONFIG, motion_config(0))
    assert decoder.feed(RAW, bytes(18)).tick_s == 1 / 50


@pytest.mark.parametrize("bad", [b"", bytes(17), bytes(19)])
def test_damage_is_rejected(bad):
    block = Thingy52().decoder().feed(RAW, bad)
    assert (len(block), block.rejected) == (0, 1)
