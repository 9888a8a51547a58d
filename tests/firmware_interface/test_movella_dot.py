"""The Movella DOT format: command bytes from public sources, and payloads built by hand after the specification."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interface.drivers import movella_sync
from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.movella_dot import BATTERY, LONG_PAYLOAD, MEDIUM_PAYLOAD, MovellaDot, measure
from firmware_interface.drivers.movella_sync import SyncResult
from firmware_interface.samples import Clock
from firmware_interface.virtual.twins.movella_dot import DotTwin

# Written to a real device by the maker's server software, as published.
RATE_60_HZ = bytes.fromhex("100000000000000b4d6f76656c6c6120444f5400000000003c00000000000000")
RATE_20_HZ = bytes.fromhex("100000000000000b4d6f76656c6c6120444f5400000000001400000000000000")
START_MODE_26 = bytes.fromhex("01011a")
STOP_MODE_26 = bytes.fromhex("01001a")


def payload(tick: int, acc=(0.0, 0.0, 9.81), gyr_dps=(0.0, 0.0, 0.0)) -> bytes:
    return struct.pack("<I6f", tick % 2**32, *acc, *gyr_dps).ljust(40, b"\0")


def feed(payloads):
    decoder = MovellaDot().decoder()
    return [decoder.feed(MEDIUM_PAYLOAD, one) for one in payloads]


def ticks_of(blocks):
    return np.concatenate([block.ticks for block in blocks])


def test_commands_are_those_of_the_makers_server():
    driver = MovellaDot()
    assert [write.payload for write in driver.start(60)][1] == RATE_60_HZ
    assert [write.payload for write in driver.start(20)][1] == RATE_20_HZ
    assert measure(True, 26) == START_MODE_26
    assert measure(False, 26) == STOP_MODE_26


def test_rate_is_the_nearest_the_sensor_has():
    assert list(MovellaDot().start(100))[1].payload == RATE_60_HZ


def test_recognised_by_old_and_new_name_and_by_company():
    driver = MovellaDot()
    assert driver.matches(Advertisement("a", name="Movella DOT"))
    assert driver.matches(Advertisement("a", name="Xsens DOT"))
    assert driver.matches(Advertisement("a", manufacturer={0x0886: b""}))
    assert not driver.matches(Advertisement("a", name="WT901BLE67", manufacturer={0x004C: b"\1"}))


def test_rate_quantities_are_read_in_si():
    (block,) = feed([payload(5_000_000, (1.0, -2.0, 9.5), (180.0, -90.0, 0.0))])
    assert block.clock is Clock.DEVICE_TIME
    assert block.ticks.tolist() == [5_000_000]
    assert block.tick_s == 1e-6
    np.testing.assert_allclose(block.acc, [[1.0, -2.0, 9.5]])
    np.testing.assert_allclose(block.gyr, [[np.pi, -np.pi / 2, 0.0]])


def test_custom_mode_5_is_read_behind_its_quaternion():
    custom = struct.pack("<I4f6f", 7, 1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 180.0, 0.0, 0.0).ljust(63, b"\0")
    block = MovellaDot().decoder().feed(LONG_PAYLOAD, custom)
    np.testing.assert_allclose(block.acc, [[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(block.gyr, [[np.pi, 0.0, 0.0]])


def test_battery_notification_gives_a_level_and_no_sample():
    block = MovellaDot().decoder().feed(BATTERY, bytes((87, 0)))
    assert (len(block), block.battery, block.rejected) == (0, 0.87, 0)


def test_clock_wraps_after_71_minutes():
    steps = 2**32 - 50_000 + 16_667 * np.arange(8)
    blocks = feed([payload(int(tick)) for tick in steps])
    assert np.diff(ticks_of(blocks)).tolist() == [16_667] * 7
    assert sum(block.lost for block in blocks) == 0
    assert sum(block.restarts for block in blocks) == 0


def test_lost_samples_are_counted_from_the_clock():
    kept = [k for k in range(60) if k not in (20, 21, 22, 40)]
    blocks = feed([payload(16_667 * k) for k in kept])
    assert sum(block.lost for block in blocks) == 4


def test_late_packet_keeps_its_true_time_and_is_no_longer_lost():
    order = [*range(10), 11, 10, *range(12, 20)]
    blocks = feed([payload(16_667 * k) for k in order])
    assert ticks_of(blocks).tolist() == [16_667 * k for k in order]
    assert sum(block.lost for block in blocks) == 0


def test_duplicates_are_rejected():
    order = [*range(10), 9, 5, 10]
    blocks = feed([payload(16_667 * k) for k in order])
    assert ticks_of(blocks).tolist() == [16_667 * k for k in range(11)]
    assert sum(block.rejected for block in blocks) == 2


def test_restarted_clock_goes_on_where_it_was():
    before = [payload(3_000_000_000 + 16_667 * k) for k in range(20)]
    after = [payload(16_667 * k) for k in range(20)]
    blocks = feed(before + after)
    assert np.diff(ticks_of(blocks)).tolist() == [16_667] * 39
    assert sum(block.restarts for block in blocks) == 1


def test_one_damaged_clock_does_not_move_the_others():
    packets = [payload(16_667 * k) for k in range(20)]
    packets[10] = payload(2_000_000_000)
    blocks = feed(packets)
    assert ticks_of(blocks).tolist() == [16_667 * k for k in range(20) if k != 10]
    assert sum(block.rejected for block in blocks) == 1
    assert sum(block.lost for block in blocks) == 1
    assert sum(block.restarts for block in blocks) == 0


@pytest.mark.parametrize(
    "bad",
    [b"", b"\0" * 27, b"\0" * 64, payload(0, (np.nan, 0, 0)), payload(0, (0, np.inf, 0)), payload(0, (1e9, 0, 0))],
)
def test_damage_is_rejected(bad):
    (block,) = feed([bad])
    assert (len(block), block.rejected) == (0, 1)


def test_end_of_range_is_marked():
    clipped, whole = feed([payload(0, gyr_dps=(0, 1999.0, 0)), payload(16_667, gyr_dps=(0, 1500.0, 0))])
    assert clipped.clipped.tolist() == [True]
    assert whole.clipped.tolist() == [False]


# Messages as printed in the specification XD0506P rev C and in comments of the maker's server.
MESSAGES = {
    "010102fc": (1, "02"),
    "0103010602f3": (1, "010602"),
    "010141bd": (1, "41"),
    "0103010041ba": (1, "010041"),
    "010260019c": (1, "6001"),
    "0102700786": (1, "7007"),
    "020108f5": (2, "08"),
    "02025109a2": (2, "5109"),
    "02025104a7": (2, "5104"),
    "020701ccbbaacd22d402": (2, "01ccbbaacd22d4"),
    "020102fb": (2, "02"),
    "02025000ac": (2, "5000"),
    "030104f8": (3, "04"),
    "03080000000000000000f5": (3, "0000000000000000"),
    "020701c97a283ff0db81": (2, "01c97a283ff0db"),
    "02020300f9": (2, "0300"),
}


@pytest.mark.parametrize("text", MESSAGES)
def test_messages_of_the_specification(text):
    kind, data = MESSAGES[text]
    assert movella_sync.parsed(bytes.fromhex(text)) == (kind, bytes.fromhex(data))
    assert movella_sync.message(kind, bytes.fromhex(data)) == bytes.fromhex(text)


def test_a_message_whose_checksum_does_not_add_up_is_refused():
    """The one that is printed wrong in the specification."""
    assert movella_sync.parsed(bytes.fromhex("010740df503b5b0807e0")) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_a_message_by_chance_alone(octets):
    found = movella_sync.parsed(octets)
    assert found is None or movella_sync.message(*found) == octets
    assert movella_sync.sync_result(octets) in {None, *SyncResult}
    assert movella_sync.is_synchronised(octets) in {None, True, False}


def test_synchronisation_messages():
    assert movella_sync.start_sync("D4:22:CD:AA:BB:CC").hex() == "020701ccbbaacd22d402"
    assert movella_sync.start_sync("db:f0:3f:28:7a:c9").hex() == "020701c97a283ff0db81"
    assert movella_sync.stop_sync().hex() == "020102fb"
    assert movella_sync.ask_status().hex() == "020108f5"
    assert movella_sync.sync_result(bytes.fromhex("02020300f9")) is SyncResult.SUCCESS
    assert movella_sync.sync_result(movella_sync.message(2, b"\x03\x07")) is SyncResult.SKEW_TOO_LARGE
    assert movella_sync.sync_result(movella_sync.message(2, b"\x03\x63")) is None
    assert movella_sync.is_synchronised(bytes.fromhex("02025104a7")) is True
    assert movella_sync.is_synchronised(bytes.fromhex("02025109a2")) is False
    assert movella_sync.stopped(bytes.fromhex("02025000ac")) is True
    with pytest.raises(ValueError, match="no Bluetooth address"):
        movella_sync.start_sync("5E7A0C3D-0000-4B5A-9C1E-2F6A8B7C1D00")


def test_the_twin_synchronises_once_it_is_let_go():
    twin = DotTwin(60.0)
    twin.written(movella_sync.CONTROL, movella_sync.start_sync("D4:22:CD:AA:BB:CC"))
    assert movella_sync.sync_result(twin.value(movella_sync.ACKNOWLEDGE, 1.0)) is SyncResult.NOT_STARTED
    twin.disconnected()
    assert movella_sync.sync_result(twin.value(movella_sync.ACKNOWLEDGE, 1.0)) is SyncResult.SUCCESS
    twin.written(movella_sync.CONTROL, movella_sync.stop_sync())
    assert movella_sync.sync_result(twin.value(movella_sync.ACKNOWLEDGE, 1.0)) is SyncResult.NOT_STARTED
