"""The MetaWear protocol against the packets of the maker's own tests, and both ways in which a board streams.

Packets and expected values: mbientlab/MetaWear-SDK-Cpp f67699e, test/.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers import metamotion as mw
from firmware_interface.drivers.metamotion import BMI160, BMI270, NOTIFY, MetaMotion, MetaMotionDecoder
from firmware_interface.errors import RefusedError
from firmware_interface.samples import STANDARD_GRAVITY, Clock
from firmware_interface.virtual.twins.metamotion import MetaMotionTwin
from tests.firmware_interface.conversations import converse
from tests.firmware_interface.motions import motion

STILL = bytes(6)
ACC_270, ACC_160 = bytes.fromhex("038004"), bytes.fromhex("038001")
GYR_270, GYR_160 = bytes.fromhex("138001"), bytes.fromhex("138000")


def feed(decoder, *payloads):
    return [decoder.feed(NOTIFY, payload) for payload in payloads]


def joined(blocks, what):
    return np.concatenate([getattr(block, what) for block in blocks])


def test_single_acceleration_of_a_bmi270_at_4_g():
    blocks = feed(
        MetaMotionDecoder(acc_range_g=4), ACC_270, GYR_270, bytes.fromhex("030416c494a22ad0"), b"\x13\x04" + STILL
    )
    np.testing.assert_allclose(joined(blocks, "acc") / STANDARD_GRAVITY, [[-1.872, -2.919, -1.495]], atol=6e-4)


def test_packed_acceleration_of_a_bmi270_at_8_g():
    packed = bytes.fromhex("030562b7530de9fd16d04d0e57028affa1050a01")
    blocks = feed(MetaMotionDecoder(acc_range_g=8), ACC_270, GYR_270, packed, b"\x13\x05" + 3 * STILL)
    expected = [[-4.539, 0.833, -0.131], [-2.995, 0.894, 0.146], [-0.029, 0.352, 0.065]]
    np.testing.assert_allclose(joined(blocks, "acc") / STANDARD_GRAVITY, expected, atol=6e-4)


def test_single_rate_of_a_bmi160_at_500_dps():
    blocks = feed(
        MetaMotionDecoder(gyr_range_dps=500), ACC_160, GYR_160, b"\x03\x04" + STILL, bytes.fromhex("13053e43ff7f0080")
    )
    np.testing.assert_allclose(np.degrees(joined(blocks, "gyr")), [[262.409, 499.497, -499.512]], atol=6e-4)
    assert joined(blocks, "clipped").tolist() == [True]


def test_packed_rate_of_a_bmi160_at_1000_dps():
    packed = bytes.fromhex("13070915ad2608de8a1a0d2665e48d20ac2773ec")
    blocks = feed(MetaMotionDecoder(gyr_range_dps=1000), ACC_160, GYR_160, b"\x03\x1c" + 3 * STILL, packed)
    expected = [[164.177, 301.86, -265.122], [207.134, 296.982, -215.457], [254.055, 309.634, -152.591]]
    np.testing.assert_allclose(np.degrees(joined(blocks, "gyr")), expected, atol=6e-4)


def test_one_register_is_single_on_one_chip_and_packed_on_the_other():
    """13 05: the length alone would tell, but a packet of the wrong length for the chip is damage."""
    for chip, good in ((GYR_160, STILL), (GYR_270, 3 * STILL)):
        decoder = MetaMotionDecoder()
        feed(decoder, ACC_270, chip)
        wrong = STILL if good != STILL else 3 * STILL
        assert [block.rejected for block in feed(decoder, b"\x13\x05" + good, b"\x13\x05" + wrong)] == [0, 1]


def test_fused_and_stamped_packet():
    """The fused data of the maker's test, at its ranges of 2 g and 500 deg/s... here of ours; tick 542."""
    (block,) = feed(MetaMotionDecoder(), bytes.fromhex("0903041e020000f40d3c399911" + "0180d691d367"))
    np.testing.assert_allclose(block.acc[0] / STANDARD_GRAVITY * 2048, [3572, 14652, 4505])
    np.testing.assert_allclose(np.degrees(block.gyr[0]) * 16.4, [-32767, -28202, 26579])
    assert block.clipped.tolist() == [True]
    assert block.ticks[0] == pytest.approx(542 * 48 / 32768 * 1e6, abs=1465)
    assert block.clock is Clock.DEVICE_TIME


def test_ticks_of_the_makers_accounter_packets():
    """Six stamps as a board sent them; the maker's test reads 10, 11, 8, 11, 10 ms. Here they are made even."""
    stamps = [0x000D33A6, 0x000D33AD, 0x000D33B4, 0x000D33BA, 0x000D33C1, 0x000D33C8]
    decoder = MetaMotionDecoder()
    blocks = feed(decoder, *(b"\x09\x03\x02" + stamp.to_bytes(4, "little") + 2 * STILL for stamp in stamps))
    steps_ms = np.diff(joined(blocks, "ticks")) / 1000
    np.testing.assert_allclose(steps_ms, [10, 11, 8, 11, 10], atol=1.47)
    assert np.ptp(steps_ms) < 1.47
    assert sum(block.lost for block in blocks) == 0


def test_acceleration_with_the_accounter_alone_is_no_sample():
    """Of the maker's test: tick 865190, (0.0118, 0.573, -0.795) g at 2 g. Without a rate it cannot be used."""
    payload = bytes.fromhex("090300a6330d00c100b12419cd")
    assert int.from_bytes(payload[3:7], "little") == 865190
    words = np.frombuffer(payload, "<i2", offset=7) / 16384
    np.testing.assert_allclose(words, [0.0118, 0.573, -0.795], atol=6e-4)
    (block,) = feed(MetaMotionDecoder(), payload)
    assert (len(block), block.rejected) == (0, 1)


def test_battery_answer():
    (block,) = feed(MetaMotionDecoder(), bytes.fromhex("118c633410"))
    assert (len(block), block.battery, block.rejected) == (0, 0.99, 0)


def test_commands_are_those_of_the_maker():
    assert mw.acc_config(BMI270, 100.0, 16).hex() == "0303a803"
    assert mw.acc_config(BMI270, 200.0, 8).hex() == "0303a902"
    assert mw.acc_config(BMI160, 200.0, 8).hex() == "03032908"
    assert mw.gyr_config(50.0, 125).hex() == "13032704"
    assert mw.accounter_of(mw.ACC, mw.ACC_DATA, 0xFF, 6).hex() == "09020304ffa0113103"
    assert mw.accounter_of(mw.PROCESSOR, mw.DATA, 2, 12).hex() == "090209030260113103"
    assert mw.buffer_of(BMI160).hex() == "09021305ffa00f05"
    assert mw.fuser_of(0).hex() == "09020304ffa01b01" + 12 * "00"
    assert mw.connection_parameters(750, 1000, 128, 16384).hex() == "11095802200380006606"


def written(twin, rate_hz=100.0):
    """What the driver writes to this board while it starts it."""
    sent = []
    obey = twin.written
    twin.written = lambda characteristic, payload: sent.append(payload.hex()) or obey(characteristic, payload)
    converse(MetaMotion(), twin, rate_hz)
    return sent


@pytest.mark.parametrize(
    ("acc_chip", "gyr_chip", "acc_config", "buffer"),
    [(4, 1, "0303a803", "09021304ffa00f05"), (1, 0, "0303280c", "09021305ffa00f05")],
)
def test_each_chip_is_spoken_to_in_its_own_codes(acc_chip, gyr_chip, acc_config, buffer):
    twin = MetaMotionTwin(25.0, acc_chip, gyr_chip)
    sent = written(twin)
    assert sent[:3] == ["0380", "1380", "0980"]
    for command in (acc_config, "13032800", buffer, "090209030160113103", "09070201", "090301", "03020100", "030101"):
        assert command in sent
    assert sent.index("0908") < sent.index(buffer)
    assert twin.streaming
    assert twin.rate_hz == 100.0
    for write in MetaMotion().stop():
        twin.written(write.characteristic, write.payload)
    assert not twin.streaming


def test_a_board_that_cannot_fuse_streams_packed():
    twin = MetaMotionTwin(25.0, 1, 0, processor_revision=2)
    sent = written(twin)
    assert {"031c01", "130701"} <= set(sent)
    assert not any(command.startswith("0902") for command in sent)
    assert twin.streaming


def test_an_unknown_chip_is_refused_in_one_line():
    with pytest.raises(RefusedError, match="accelerometer \\(implementation 3\\)") as caught:
        converse(MetaMotion(), MetaMotionTwin(25.0, acc_chip=3))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chips", "answers"), [((BMI160, BMI160), (ACC_160, GYR_160)), ((BMI270,) * 2, (ACC_270, GYR_270))]
)
@given(st.lists(st.integers(1, 7), min_size=20, max_size=40))
@settings(max_examples=15, deadline=None)
def test_packed_streams_are_paired(chips, answers, cuts):
    """However the encoder is fed, what whole packets hold comes back, acceleration and rate of the same moment."""
    encoder = mw.MetaMotionEncoder(packed=chips)
    decoder = MetaMotionDecoder()
    feed(decoder, *answers)
    ticks = 10_000 * np.arange(sum(cuts))
    acc, gyr = motion(ticks * 1e-6)
    blocks, at = [], 0
    for cut in cuts:
        part = slice(at, at + cut)
        blocks += feed(decoder, *(p for _, p in encoder.encode(ticks[part].tolist(), acc[part], gyr[part], 1.0, 20)))
        at += cut
    whole = len(ticks) // 3 * 3
    assert joined(blocks, "ticks").tolist() == list(range(whole))
    np.testing.assert_allclose(joined(blocks, "acc"), acc[:whole], atol=STANDARD_GRAVITY / 2048)
    np.testing.assert_allclose(joined(blocks, "gyr"), gyr[:whole], atol=np.radians(1 / 16.4))
    assert {block.clock for block in blocks} == {Clock.NONE}


def test_lost_packets_are_seen_and_times_stay_even():
    ticks = 10_000 * np.arange(400)
    acc, gyr = motion(ticks * 1e-6)
    packets = [payload for _, payload in mw.MetaMotionEncoder().encode(ticks.tolist(), acc, gyr, 1.0, 20)]
    kept = [k for k in range(400) if k not in (150, 151, 200) and not 300 <= k < 320]
    blocks = feed(MetaMotionDecoder(), *(packets[k] for k in kept))
    assert sum(block.lost for block in blocks) == 23
    errors = joined(blocks, "ticks") - ticks[kept]
    assert np.abs(errors).max() <= 1465
    # Ticks of 1.46 ms sweep across samples of 10 ms: what remains after a second is a fraction of a tick.
    assert np.abs(errors[100:] - np.median(errors[100:])).max() < 300
