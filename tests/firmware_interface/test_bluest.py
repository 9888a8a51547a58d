"""The BlueST combined characteristic: scales of ST's SDK, and the coarse 16-bit clock."""

import struct

import numpy as np
import pytest

from firmware_interface.drivers.bluest import ACC_GYR_MAG, BlueSt, advertised
from firmware_interface.samples import STANDARD_GRAVITY
from tests.firmware_interface.motions import motion

RATE_HZ = 50.2


def packets(count: int, start_us: int = 0):
    """True times in us, and packets, of a firmware whose timer is a little off."""
    times = start_us + np.rint(np.arange(count) * 1e6 / RATE_HZ).astype(int)
    acc, gyr = motion(times * 1e-6)
    return times, [p for _, p in BlueSt().encoder(50.0).encode(times.tolist(), acc, gyr, 1.0, 20)]


def feed(payloads):
    decoder = BlueSt().decoder()
    return [decoder.feed(ACC_GYR_MAG, payload) for payload in payloads]


def joined(blocks, what):
    return np.concatenate([getattr(block, what) for block in blocks])


def test_scales_are_those_of_the_sdk():
    """mg, tenths of a degree per second, mGauss."""
    (block,) = feed([struct.pack("<H9h", 125, 0, -500, 1000, 10, -900, 3, 500, -20, 0)])
    np.testing.assert_allclose(block.acc[0] / STANDARD_GRAVITY, [0, -0.5, 1])
    np.testing.assert_allclose(np.degrees(block.gyr[0]), [1, -90, 0.3])
    np.testing.assert_allclose(block.mag[0], [50, -2, 0])
    assert block.ticks[0] == pytest.approx(1_000_000, abs=8000)


def test_clock_wraps_after_524_seconds():
    times, sent = packets(400, start_us=520_000_000)
    blocks = feed(sent)
    np.testing.assert_allclose(joined(blocks, "ticks"), times, rtol=0, atol=8000)
    assert sum(block.lost + block.rejected + block.restarts for block in blocks) == 0


def test_losses_are_seen_and_times_become_even():
    times, sent = packets(600)
    kept = [k for k in range(600) if k not in (100, 200, 201) and not 300 <= k < 350]
    blocks = feed([sent[k] for k in kept])
    assert sum(block.lost for block in blocks) == 53
    errors = joined(blocks, "ticks")[250:] - times[kept][250:]
    assert np.abs(errors - np.median(errors)).max() < 2500


def test_duplicates_and_damage_are_rejected():
    _, sent = packets(20)
    blocks = feed([*sent, sent[-1], sent[0][:19], b""])
    assert [block.rejected for block in blocks[20:]] == [1, 1, 1]


def test_one_damaged_clock_does_not_move_the_others():
    times, sent = packets(100)
    sent[50] = (int.from_bytes(sent[50][:2], "little") ^ 0x8000).to_bytes(2, "little") + sent[50][2:]
    blocks = feed(sent)
    kept = [k for k in range(100) if k != 50]
    np.testing.assert_allclose(joined(blocks, "ticks"), times[kept], rtol=0, atol=8000)
    assert sum(block.rejected for block in blocks) == 1
    assert sum(block.restarts for block in blocks) == 0


def test_a_board_that_restarted_goes_on():
    _, before = packets(60, start_us=300_000_000)
    _, after = packets(60)
    blocks = feed(before + after)
    assert sum(block.restarts for block in blocks) == 1
    ticks = joined(blocks, "ticks")
    assert len(ticks) == 120
    assert (np.diff(ticks) > 0).all()


def test_ends_of_each_range_are_marked():
    words = [(15_995, 0), (7_999, 0), (12_000, 0), (0, 19_999), (0, 15_000)]
    blocks = feed([struct.pack("<H9h", 10 * k, a, 0, 0, g, 0, 0, 0, 0, 0) for k, (a, g) in enumerate(words)])
    assert joined(blocks, "clipped").tolist() == [True, True, False, True, False]


def test_advertisement_of_the_manual():
    """UM2496 table 1: 07 FF 01 DEVICE MASK: a receiver takes 01 DEVICE for a company id."""
    assert advertised(0x80, 0x00E00000) == (0x8001, bytes.fromhex("00e00000"))
