"""What every driver promises: nothing raises, nothing is NaN, output is bounded, and what is encoded comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers import battery
from firmware_interface.drivers.interface import DESCRIPTION, Advertisement, Claim
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.registry import decoder, driver, drivers, recognise
from firmware_interface.errors import UnknownDriverError
from firmware_interface.samples import STANDARD_GRAVITY, Clock
from tests.firmware_interface.conversations import EVERY, converse
from tests.firmware_interface.motions import motion

SENSORS = pytest.mark.parametrize("name", list(EVERY))
CHARACTERISTICS = sorted(
    {c for known in EVERY.values() for c in known.notify} | {"table", DESCRIPTION, battery.LEVEL, "", "nonsense"}
)
G, DPS = STANDARD_GRAVITY, np.pi / 180
# Half a step of each format's numbers, and how far its clock may be off, in us.
STEPS = {
    "movella_dot": (1e-4, 1e-4, 0),
    "witmotion": (16 * G / 65536, 2000 * DPS / 65536, 0),
    "open_format": (16 * G / 65536, 2000 * DPS / 65536, 0),
    "metamotion": (G / 2048 / 2, DPS / 16.4 / 2, 1465),
    "thingy52": (G / 1024 / 2, DPS / 32 / 2, 0),
    "bluest": (G / 1000 / 2, DPS / 10 / 2, 8000),
    "openearable": (1e-5, 1e-5, 0),
    "polar_verity_sense": (16 * G / 65536, 2000 * DPS / 65536, 1),
    "ximu3": (1e-5, 1e-5, 0),
    "sketch, batches": (16 * G / 65536, 2000 * DPS / 65536, 0),
    "sketch, text": (1e-6, 1e-6, 1000),
    "sketch, counted": (16 * G / 65536, 2000 * DPS / 65536, 0),
    "sketch, bare": (16 * G / 65536, 2000 * DPS / 65536, 0),
}


def _decoder(name: str):
    """A decoder that has heard the conversation, as after a connection."""
    reader = EVERY[name].decoder()
    for characteristic, payload in converse(EVERY[name]):
        assert reader.feed(characteristic, payload).rejected == 0
    return reader


def _signals(name: str, count: int):
    """Times in us, acc and gyr at a rate near 60 Hz; quiet enough for a range of 2 g."""
    known = EVERY[name]
    rate_hz = nearest(known.rates_hz(), 60)
    ticks = round(1e6 / rate_hz) * np.arange(count)
    acc, gyr = motion(ticks * 1e-6)
    return rate_hz, ticks, acc * min(1.0, known.acc_range / 20), gyr


def _encoded(name: str, count: int = 200, max_payload: int = 100):
    """Times in us, acc, gyr, and the packets that a sensor makes of them."""
    rate_hz, ticks, acc, gyr = _signals(name, count)
    return ticks, acc, gyr, EVERY[name].encoder(rate_hz).encode(ticks.tolist(), acc, gyr, 0.5, max_payload)


def _seed_payloads() -> list[bytes]:
    encoded = [payload for name in EVERY for _, payload in _encoded(name, 12)[3]]
    return encoded + [payload for known in EVERY.values() for _, payload in converse(known)]


damaged = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from(_seed_payloads()), st.integers(0, 99), st.integers(0, 255), st.integers(0, 100)).map(
        lambda made: (made[0][: made[1]] + bytes((made[2],)) + made[0][made[1] + 1 :])[: made[3]]
    ),
    st.sampled_from(_seed_payloads()),
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*EVERY, "table"])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(CHARACTERISTICS), damaged), max_size=20), st.booleans())
@settings(max_examples=50, deadline=None)
def test_no_bytes_raise_or_give_nan(name, stream, started):
    reader = decoder(name) if name == "table" else _decoder(name) if started else EVERY[name].decoder()
    own = ["table"] if name == "table" else list(EVERY[name].notify)
    received = 0
    for which, other, payload in stream:
        # Three times of four one of the sensor's own characteristics.
        block = reader.feed(own[which % len(own)] if which else other, payload)
        received += len(block)
        assert np.isfinite(block.acc).all()
        assert np.isfinite(block.gyr).all()
        assert block.mag is None or np.isfinite(block.mag).all()
        assert len(block.ticks) == len(block.acc) == len(block.gyr) == len(block.clipped)
        assert block.acc.shape[1:] == block.gyr.shape[1:] == (3,)
        assert block.battery is None or 0 <= block.battery <= 1
        assert block.rejected >= 0
        assert block.tick_s > 0
    # Not even differences of no width make more of a notification than an attribute of 512 bytes could hold as lines.
    assert received <= 512 * len(stream)


@SENSORS
@given(st.integers(60, 400))
@settings(max_examples=20, deadline=None)
def test_what_is_encoded_comes_back(name, max_payload):
    ticks, acc, gyr, packets = _encoded(name, max_payload=max_payload)
    reader = _decoder(name)
    blocks = [reader.feed(characteristic, payload) for characteristic, payload in packets]
    assert max(len(payload) for _, payload in packets) <= max_payload
    acc_step, gyr_step, tick_us = STEPS[name]
    np.testing.assert_allclose(np.concatenate([b.acc for b in blocks]), acc, atol=acc_step * 1.001)
    np.testing.assert_allclose(np.concatenate([b.gyr for b in blocks]), gyr, atol=gyr_step * 1.001)
    assert sum(block.lost + block.rejected for block in blocks) == 0
    assert not np.concatenate([block.clipped for block in blocks]).any()
    if blocks[-1].clock is Clock.DEVICE_TIME:
        np.testing.assert_allclose(np.concatenate([block.ticks for block in blocks]), ticks, rtol=0, atol=tick_us)
    else:
        assert np.concatenate([block.ticks for block in blocks]).tolist() == list(range(len(ticks)))


@pytest.mark.parametrize(("name", "max_payload"), [("movella_dot", 40), ("open_format", 40), ("openearable", 50)])
@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=5))
@settings(max_examples=40, deadline=None)
def test_no_sample_is_delivered_twice_or_at_two_times(name, max_payload, order, repeated):
    """Whatever the order and the repeats, a device with a clock delivers each moment at most once, and truly."""
    known = driver(name)
    true_ticks, acc, _, packets = _encoded(name, 12, max_payload=max_payload)
    packets = [packet for packet in packets if packet[0] == known.notify[0]]
    reader = known.decoder()
    # The first in place, so that the others have something to be late against.
    stream = [0, *(k for k in order if k), *repeated]
    blocks = [reader.feed(*packets[k]) for k in stream]
    ticks = np.concatenate([block.ticks for block in blocks])
    assert sorted(ticks.tolist()) == true_ticks.tolist()
    np.testing.assert_allclose(np.concatenate([b.acc for b in blocks]), acc[ticks // true_ticks[1]], atol=0.01)
    assert sum(block.rejected for block in blocks) == len(repeated)


@SENSORS
@pytest.mark.parametrize("what", ["acc", "gyr"])
def test_values_beyond_the_range_come_back_clipped(name, what):
    known = EVERY[name]
    rate_hz, ticks, acc, gyr = _signals(name, 40)
    if what == "acc":
        acc[21, 2] = 2 * known.acc_range
    else:
        gyr[21, 0] = -2 * known.gyr_range
    reader = _decoder(name)
    packets = known.encoder(rate_hz).encode(ticks.tolist(), acc, gyr, 1.0, 100)
    if name == "sketch, text":
        # Text has no range of its own: beyond twice the range it is damage, within that it is clipped.
        packets = known.encoder(rate_hz).encode(ticks.tolist(), acc / 1.5, gyr / 1.5, 1.0, 100)
    blocks = [reader.feed(*packet) for packet in packets]
    assert np.flatnonzero(np.concatenate([block.clipped for block in blocks])).tolist() == [21]


@SENSORS
def test_ranges_suit_gait(name):
    """16 g and 2000 deg/s, but where the device's firmware or a file has another range."""
    known = EVERY[name]
    acc_g, gyr_dps = {"thingy52": (2, 1024), "sketch, text": (4, 2000)}.get(name, (16, 2000))
    assert known.acc_range == pytest.approx(acc_g * G)
    assert known.gyr_range == pytest.approx(gyr_dps * DPS)


def test_unknown_driver_names_the_known_ones():
    for ask in (driver, decoder):
        with pytest.raises(UnknownDriverError, match='"nobody"; known: movella_dot, witmotion, open_format') as caught:
            ask("nobody")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("advertisement", "name", "claim"),
    [
        (Advertisement("a", "Movella DOT", manufacturer={0x0886: b""}), "movella_dot", Claim.MAKER),
        (Advertisement("a", "Xsens DOT"), "movella_dot", Claim.NAME),
        (
            Advertisement("a", "WT901BLE68", service_uuids=("0000ffe5-0000-1000-8000-00805f9a34fb",)),
            "witmotion",
            Claim.SERVICE,
        ),
        (Advertisement("a", "WT901BLE68"), "witmotion", Claim.NAME),
        (Advertisement("a", "MetaWear"), "metamotion", Claim.NAME),
        (
            Advertisement("a", service_uuids=("326a9000-85cb-9195-d9dd-464cfbbae75a",)),
            "metamotion",
            Claim.SERVICE,
        ),
        (
            Advertisement("a", "Thingy", service_uuids=("ef680100-9b35-4933-9b10-52ffa9740042",)),
            "thingy52",
            Claim.SERVICE,
        ),
        (Advertisement("a", "Thingy"), "thingy52", Claim.NAME),
        # A SensorTile: protocol 1, board 2, features in big endian.
        (Advertisement("a", "ST", manufacturer={0x0201: bytes.fromhex("00e00000")}), "bluest", Claim.NAME),
        (
            Advertisement("a", "ST", manufacturer={0x8001: bytes.fromhex("00fc0000c08312345678")}),
            "bluest",
            Claim.NAME,
        ),
        (Advertisement("a", "OpenEarable-12AB"), "openearable", Claim.NAME),
        (Advertisement("a", "Polar Sense A1B2C3D4", manufacturer={0x006B: b"\x72"}), "polar_verity_sense", Claim.NAME),
        # Whoever has a format's service speaks it, whatever it calls itself.
        (
            Advertisement("a", "WT one", service_uuids=("e5a40001-68b7-44f1-9f2d-298b09b2118c",)),
            "open_format",
            Claim.SERVICE,
        ),
    ],
)
def test_sensors_are_recognised_and_how_surely_is_said(advertisement, name, claim):
    found = recognise(advertisement)
    assert found is not None
    assert (found[0].name, found[1]) == (name, claim)


@pytest.mark.parametrize(
    "advertisement",
    [
        Advertisement("a", name="Someone's headphones", manufacturer={0x004C: b"\x10\x05"}),
        Advertisement("a", name="Polar H10 12345678", manufacturer={0x006B: b"\x01"}),
        Advertisement("a", name="WTVB01-BT50"),
        # Protocol 1, but a board with neither accelerometer nor gyroscope; and data of another length.
        Advertisement("a", manufacturer={0x0201: bytes.fromhex("001d0000")}),
        Advertisement("a", manufacturer={0x0201: bytes.fromhex("00e0000000")}),
    ],
)
def test_a_stranger_is_not_recognised(advertisement):
    assert recognise(advertisement) is None


def test_names_are_unique():
    names = [known.name for known in drivers()]
    assert len(set(names)) == len(names)
    assert len({known.service for known in drivers()}) == len(names)
