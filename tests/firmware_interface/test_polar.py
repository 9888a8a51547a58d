"""Polar frames against the maker's own test frames, the start conversation, and pairing of the two kinds.

Frames and expected values: polarofficial/polar-ble-sdk 8fb5311c, AccDataTest and GyrDataTest.
"""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from firmware_interface.drivers import polar, polar_frames
from firmware_interface.drivers.polar import CONTROL, DATA, PolarDecoder, PolarEncoder, PolarVeritySense, started
from firmware_interface.drivers.polar_frames import ACC, GYR, read, write
from firmware_interface.errors import RefusedError
from firmware_interface.samples import STANDARD_GRAVITY
from firmware_interface.virtual.twins.polar import PolarTwin
from tests.firmware_interface.conversations import converse
from tests.firmware_interface.motions import motion

ACC_RAW = bytes.fromhex(
    "02009435770000000001f7ffffffe703f8fffeffe503f9ffffffe503faffffffe603fafffeffe603f9ffffffe503f8ffffffe603f8fffeff"
    "e603faffffffe503faffffffe703faffffffe503f8ffffffe603f7ffffffe603f8fffeffe603f9fffeffe703f9ff0000e603f9ffffffe603"
    "f7fffeffe503f9ffffffe503f9ffffffe503faff0000e603f9fffeffe603f8ffffffe603f8ffffffe503f9ffffffe603f9ffffffe503faff"
    "ffffe603f9ffffffe503f9ffffffe503f8fffeffe603f9ffffffe603f9ffffffe603f9ff0000e503f9fffeffe603f8fffeffe603f7fffeff"
    "e603"
)
ACC_COMPRESSED = bytes.fromhex(
    "020094357700000000807107f06a9e8d0a38be5cbeba2f96b3ee4be5adfb42b9ebbe4cfeba2f92bfee4be4b1fb12b9ecbd3c3ebb2f8fd3de"
    "4be3b5f7d2b8edbd307e7b2f8be3ce8be2baf7a2b8eebc20be7b2f88f3cecbe1bdef52f8efbc18fe3b2f8403bfcbe0c2ef32b8f0bb044ebc"
    "2e8113af0be0c6eff2f7f1b9fc7dbc2e7d279f4bdfcaebc2f7f2b8eccd7c2e7b378f4bdecee392f7f3b8e00dfd2d774b7fcbddd2df6237f5"
    "b7d44dbd2d745b6fcbdcd7d73237f6b5c88d7d2d716b4f4bdcdcd3f236f7b4bcddfd2c6f7b3f4bdbe0cfd236f8b2b02dbe2c6c8f1fcbdae3"
    "c7a276f9"
)
GYR_COMPRESSED = bytes.fromhex("05ffffffffffffff7f80eaff08000d000301df00")


def test_raw_acceleration_of_the_maker():
    frame = read(ACC_RAW)
    assert (frame.kind, frame.time_ns, len(frame.raw)) == (ACC, 2_000_000_000, 36)
    assert frame.raw[[0, 1, -1]].tolist() == [[-9, -1, 999], [-8, -2, 997], [-9, -2, 998]]
    np.testing.assert_allclose(frame.values(1.0)[0], [-0.009, -0.001, 0.999])


def test_compressed_acceleration_of_the_maker():
    frame = read(ACC_COMPRESSED)
    assert (frame.kind, frame.time_ns, len(frame.raw)) == (ACC, 2_000_000_000, 57)
    expected = [[1905, 27376, -29282], [2095, 27271, -29367], [12274, 20173, -32449]]
    assert frame.raw[[0, 1, -1]].tolist() == expected
    np.testing.assert_allclose(frame.values(0.25)[0] * 1000, np.array(expected[0]) * 0.25 * 1000)


def test_compressed_rate_of_the_maker():
    frame = read(GYR_COMPRESSED)
    assert (frame.kind, frame.time_ns) == (GYR, 9223372036854775807)
    assert frame.raw.tolist() == [[-22, 8, 13], [-23, 11, 16]]


def test_rate_as_floats():
    """Compressed type 1: the differences are of the patterns of 32-bit floats."""
    values = np.array([[1.5, -2.25, 1000.0], [1.75, -2.5, 999.5]], np.float32)
    patterns = values.view("<i4").astype(np.int64)
    step = (patterns[1] - patterns[0]) % 2**32
    content = values[0].tobytes() + bytes((32, 1)) + struct.pack("<3I", *step.tolist())
    frame = read(polar_frames.HEADER.pack(GYR, 1, 0x81) + content)
    np.testing.assert_array_equal(frame.values(1.0), values)


def test_acceleration_of_24_and_8_bits():
    assert read(polar_frames.HEADER.pack(ACC, 1, 2) + bytes.fromhex("ffffff 010000 000080")).raw.tolist() == [
        [-1, 1, -(2**23)]
    ]
    assert read(polar_frames.HEADER.pack(ACC, 1, 0) + bytes.fromhex("ff0180")).raw.tolist() == [[-1, 1, -128]]


@given(nst.arrays(np.int64, st.tuples(st.integers(1, 300), st.just(3)), elements=st.integers(-32768, 32767)))
@settings(max_examples=60, deadline=None)
def test_what_is_compressed_comes_back(raw):
    frame = read(write(ACC, 5, raw))
    np.testing.assert_array_equal(frame.raw, raw)


@given(st.integers(16, 400), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_frames_fit_whatever_they_hold(room, seed):
    raw = np.random.default_rng(seed).integers(-32768, 32768, (polar_frames.fits(room), 3))
    assert len(write(ACC, 5, raw)) <= room


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        ACC_RAW[:-1],
        ACC_COMPRESSED[:-1],
        GYR_COMPRESSED[:-1],
        GYR_COMPRESSED[:12],
        b"\x07" + ACC_RAW[1:],
        GYR_COMPRESSED[:16] + b"\xff\x01" + bytes(100),
        # No width and many counts: bytes that would grow without end.
        GYR_COMPRESSED[:16] + 120 * b"\x00\xff",
        polar_frames.HEADER.pack(ACC, 2**63, 1) + bytes(6),
    ],
)
def test_damage_is_refused(bad):
    assert read(bad) is None
    (block,) = [PolarDecoder().feed(DATA, bad)]
    assert (len(block), block.rejected) == (0, 1)


def test_settings_of_the_maker():
    """52 Hz, 16 bits, four ranges, three channels (PmdSettingTest)."""
    data = bytes.fromhex("000134000101100002 04f500f401e803d007040103".replace(" ", ""))
    assert polar.parsed_settings(data) == {
        polar.RATE: [52],
        polar.RESOLUTION: [16],
        polar.RANGE: [245, 500, 1000, 2000],
        polar.CHANNELS: [3],
    }
    assert polar.parsed_settings(data[:-1]).keys() == {polar.RATE, polar.RESOLUTION, polar.RANGE}


@pytest.mark.parametrize(("sdk_mode", "rate", "acc_g"), [(True, 104, 16), (False, 52, 8)])
def test_the_widest_ranges_are_chosen_that_there_are(sdk_mode, rate, acc_g):
    twin = PolarTwin(52.0, sdk_mode)
    converse(PolarVeritySense(), twin)
    assert twin.streaming
    assert twin.rate_hz == rate
    assert twin.chosen[ACC] == {
        polar.RATE: [rate],
        polar.RESOLUTION: [16],
        polar.RANGE: [acc_g],
        polar.CHANNELS: [3],
    }
    assert twin.chosen[GYR][polar.RANGE] == [2000]


def test_a_refusal_is_one_line():
    twin = PolarTwin(52.0)
    twin._settings = lambda kind: b""
    with pytest.raises(RefusedError, match="is it a Verity Sense") as caught:
        converse(PolarVeritySense(), twin)
    assert "\n" not in str(caught.value)


def test_compressed_values_wait_for_their_factor():
    """Without the answer to the start nobody can say what a count is."""
    decoder = PolarDecoder()
    assert decoder.feed(DATA, GYR_COMPRESSED).rejected == 1
    assert decoder.feed(CONTROL, started(GYR)).rejected == 0
    assert decoder.feed(DATA, GYR_COMPRESSED).rejected == 0


def stream(rate_hz: float, count: int, room: int = 100, lost: frozenset = frozenset(), gyr_late_us: int = 0):
    """A decoder's blocks of a stream whose rates were taken gyr_late_us after the accelerations."""
    decoder = PolarDecoder()
    for kind in (ACC, GYR):
        decoder.feed(CONTROL, started(kind))
    ticks = 5_000_000 + np.rint(np.arange(count) / rate_hz * 1e6).astype(int)
    later = ticks + gyr_late_us
    acc, gyr = motion(ticks * 1e-6)[0], motion(later * 1e-6)[1]
    accs = [p for _, p in PolarEncoder().encode(ticks.tolist(), acc, gyr, 1.0, room)[1:] if p[0] == ACC]
    gyrs = [p for _, p in PolarEncoder().encode(later.tolist(), acc, gyr, 1.0, room)[1:] if p[0] == GYR]
    frames = [frame for pair in zip(accs, gyrs, strict=True) for frame in pair]
    return later, [decoder.feed(DATA, p) for k, p in enumerate(frames) if k not in lost]


def joined(blocks, what):
    return np.concatenate([getattr(block, what) for block in blocks])


@pytest.mark.parametrize("rate_hz", [52.0, 104.0])
def test_times_are_spread_between_frames(rate_hz):
    ticks, blocks = stream(rate_hz, 300)
    # Within a frame the spacing is a whole number of microseconds.
    np.testing.assert_allclose(joined(blocks, "ticks"), ticks, rtol=0, atol=15)
    assert sum(block.lost + block.rejected for block in blocks) == 0


def test_kinds_that_are_sampled_apart_are_interpolated():
    ticks, blocks = stream(104.0, 300, gyr_late_us=3000)
    received = joined(blocks, "ticks")
    acc, gyr = motion(received * 1e-6)
    assert np.abs(received[:, None] - ticks[None, :]).min(axis=1).max() <= 15
    np.testing.assert_allclose(joined(blocks, "gyr"), gyr, atol=0.002)
    # Linear interpolation is off by at most the largest curvature (3 * 7^2 m/s4) times step^2 / 8.
    np.testing.assert_allclose(joined(blocks, "acc"), acc, atol=3 * 49 / 104**2 / 8 + 0.006)


def test_a_lost_frame_costs_its_own_samples_and_is_seen():
    """Frames of both kinds that hold the same samples: number 20 is an acceleration, 21 its rates."""
    ticks, whole = stream(104.0, 300)
    _, blocks = stream(104.0, 300, lost=frozenset({20, 21}))
    missing = len(joined(whole, "ticks")) - len(joined(blocks, "ticks"))
    assert missing > 0
    assert sum(block.lost for block in blocks) == missing
    received = joined(blocks, "ticks")
    np.testing.assert_allclose(joined(blocks, "acc"), motion(received * 1e-6)[0], atol=0.01)
    assert np.abs(received[:, None] - ticks[None, :]).min(axis=1).max() <= 15


def test_a_lost_acceleration_is_never_invented():
    _, blocks = stream(104.0, 300, lost=frozenset({20}))
    received = joined(blocks, "ticks")
    np.testing.assert_allclose(joined(blocks, "acc"), motion(received * 1e-6)[0], atol=0.01)
    assert sum(block.rejected for block in blocks) > 0


def test_a_clock_that_went_back_is_a_restart():
    decoder = PolarDecoder()
    for kind in (ACC, GYR):
        decoder.feed(CONTROL, started(kind))
    ticks = 10_000 * np.arange(100)
    acc, gyr = motion(ticks * 1e-6)
    encoded = PolarEncoder().encode((ticks + 3_600_000_000).tolist(), acc, gyr, 1.0, 100)[1:]
    encoded += PolarEncoder().encode(ticks.tolist(), acc, gyr, 1.0, 100)[1:]
    blocks = [decoder.feed(*packet) for packet in encoded]
    assert sum(block.restarts for block in blocks) == 1
    assert np.diff(joined(blocks, "ticks")).min() > 0
    assert len(joined(blocks, "ticks")) > 150


def test_gravity_and_units():
    decoder = PolarDecoder()
    for k in range(4):
        blocks = [
            decoder.feed(DATA, polar_frames.HEADER.pack(ACC, (k + 1) * 10**8, 1) + 5 * struct.pack("<3h", 0, 0, 1000))
        ]
        still = struct.pack("<3f", 0, 90, 0)
        frame = polar_frames.HEADER.pack(GYR, (k + 1) * 10**8, 0x81) + still + bytes((0, 4))
        decoder.feed(CONTROL, bytes((0xF0, 2, GYR, 0, 0)) + polar.setting(polar.FACTOR, 0x3F800000))
        blocks.append(decoder.feed(DATA, frame))
    np.testing.assert_allclose(joined(blocks, "acc"), [[0, 0, STANDARD_GRAVITY]] * 5)
    np.testing.assert_allclose(np.degrees(joined(blocks, "gyr")), [[0, 90, 0]] * 5)
