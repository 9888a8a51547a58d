"""The open format: the worked example of its document, and what a stream of packets may suffer."""

import re
from pathlib import Path

import numpy as np
import pytest

from firmware_interface.drivers.open_format import DATA, OpenFormat, OpenFormatEncoder, crc16
from firmware_interface.samples import STANDARD_GRAVITY
from tests.firmware_interface.motions import motion

DOCUMENT = Path(__file__).resolve().parents[2] / "firmware_interface" / "PACKET_FORMAT.md"


def packets(count: int, per_packet: int = 5, counter: int = 0, start_us: int = 0) -> list[bytes]:
    """count packets at 100 Hz."""
    ticks = start_us + 10_000 * np.arange(count * per_packet)
    encoder = OpenFormatEncoder(100.0, counter)
    acc, gyr = motion(ticks * 1e-6)
    encoded = []
    for i in range(0, len(ticks), per_packet):
        part = slice(i, i + per_packet)
        encoded += encoder.encode(ticks[part].tolist(), acc[part], gyr[part], 0.5, 20 + 12 * per_packet)
    return [payload for _, payload in encoded]


def feed(payloads):
    decoder = OpenFormat().decoder()
    return [decoder.feed(DATA, payload) for payload in payloads]


def ticks_of(blocks):
    return np.concatenate([block.ticks for block in blocks])


def test_example_of_the_document():
    example = re.search(r"## Example.*?```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (block,) = feed([bytes.fromhex(example.group(1))])
    assert block.ticks.tolist() == [5_000_000, 5_010_000]
    assert block.battery == 0.87
    np.testing.assert_allclose(block.acc, [[0, 0, STANDARD_GRAVITY]] * 2)
    np.testing.assert_allclose(np.degrees(block.gyr), [[0, 0, 0], [125, 0, 0]])


def test_crc_is_ccitt_false():
    assert crc16(b"123456789") == 0x29B1


def test_every_flipped_bit_is_found():
    (packet,) = packets(1)
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        (block,) = feed([bytes(damaged)])
        assert (len(block), block.rejected) == (0, 1)


def test_counter_and_clock_wrap():
    blocks = feed(packets(20, counter=2**32 - 37, start_us=2**32 - 333_333))
    assert np.diff(ticks_of(blocks)).tolist() == [10_000] * 99
    assert sum(block.lost + block.rejected + block.restarts for block in blocks) == 0


def test_loss_is_exact_however_long():
    sent = packets(100)
    blocks = feed(sent[:10] + sent[11:20] + sent[90:])
    assert sum(block.lost for block in blocks) == 5 * 71
    assert np.diff(ticks_of(blocks)).max() == 10_000 * (5 * 70 + 1)


def test_samples_the_device_could_not_send_are_lost():
    first, second = packets(1), packets(1, counter=12, start_us=120_000)
    assert [block.lost for block in feed(first + second)] == [0, 7]


def test_duplicates_and_late_packets():
    sent = packets(10)
    order = [0, 1, 3, 2, 2, 4, 4, 5, 6, 7, 8, 9]
    blocks = feed([sent[k] for k in order])
    assert ticks_of(blocks).tolist() == [
        50_000 * k + 10_000 * i for k in [0, 1, 3, 2, 4, 5, 6, 7, 8, 9] for i in range(5)
    ]
    assert sum(block.rejected for block in blocks) == 2
    assert sum(block.lost for block in blocks) == 0


def test_restart_goes_on_where_it_was():
    blocks = feed(packets(10, counter=10**6, start_us=3 * 10**9) + packets(10))
    assert np.diff(ticks_of(blocks)).tolist() == [10_000] * 99
    assert sum(block.restarts for block in blocks) == 1
    assert sum(block.lost for block in blocks) == 0


def test_a_packet_from_long_ago_is_refused_and_bends_nothing():
    sent = packets(100)
    blocks = feed([*sent[:60], sent[3], *sent[60:]])
    assert ticks_of(blocks).tolist() == [10_000 * k for k in range(500)]
    assert sum(block.rejected for block in blocks) == 1
    assert sum(block.restarts for block in blocks) == 0


def test_a_break_in_the_spacing_begins_a_new_packet():
    ticks = [0, 10_000, 20_000, 90_000, 100_000]
    acc, gyr = motion(np.array(ticks) * 1e-6)
    encoded = OpenFormatEncoder(100.0).encode(ticks, acc, gyr, 1.0, 244)
    assert ticks_of(feed([payload for _, payload in encoded])).tolist() == ticks


def test_a_packet_that_cannot_hold_a_sample_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        OpenFormatEncoder(100.0).encode([0], np.zeros((1, 3)), np.zeros((1, 3)), 1.0, 20)
