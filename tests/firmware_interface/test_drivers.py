"""What every driver promises: nothing raises, nothing is NaN, and what is encoded comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.registry import decoder, driver, drivers, recognise
from firmware_interface.errors import UnknownDriverError
from firmware_interface.samples import Clock
from tests.firmware_interface.motions import motion

NAMES = [known.name for known in drivers()]
SENSORS = pytest.mark.parametrize("name", NAMES)
CHARACTERISTICS = sorted({c for known in drivers() for c in known.notify} | {"table", "", "nonsense"})


def _encoded(name: str, count: int = 200, max_payload: int = 100):
    """Times in us, acc, gyr, and the packets that a sensor at 50 or 60 Hz makes of them."""
    known = driver(name)
    rate_hz = nearest(known.rates_hz(), 60)
    ticks = round(1e6 / rate_hz) * np.arange(count)
    acc, gyr = motion(ticks * 1e-6)
    return ticks, acc, gyr, known.encoder(rate_hz).encode(ticks.tolist(), acc, gyr, 0.5, max_payload)


def _seed_payloads() -> list[bytes]:
    return [payload for name in NAMES for _, payload in _encoded(name, 12)[3]]


damaged = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from(_seed_payloads()), st.integers(0, 99), st.integers(0, 255), st.integers(0, 100)).map(
        lambda made: (made[0][: made[1]] + bytes((made[2],)) + made[0][made[1] + 1 :])[: made[3]]
    ),
    st.sampled_from(_seed_payloads()),
)


@pytest.mark.parametrize("name", [*NAMES, "table"])
@given(st.lists(st.tuples(st.sampled_from(CHARACTERISTICS), damaged), max_size=20))
@settings(max_examples=80, deadline=None)
def test_no_bytes_raise_or_give_nan(name, stream):
    reader = decoder(name)
    for characteristic, payload in stream:
        block = reader.feed(characteristic, payload)
        assert np.isfinite(block.acc).all()
        assert np.isfinite(block.gyr).all()
        assert len(block.ticks) == len(block.acc) == len(block.gyr) == len(block.clipped)
        assert block.rejected >= 0
        assert block.tick_s > 0


@SENSORS
@given(st.integers(60, 400))
@settings(max_examples=20, deadline=None)
def test_what_is_encoded_comes_back(name, max_payload):
    ticks, acc, gyr, packets = _encoded(name, max_payload=max_payload)
    reader = driver(name).decoder()
    blocks = [reader.feed(characteristic, payload) for characteristic, payload in packets]
    assert max(len(payload) for _, payload in packets) <= max_payload
    full_scale = driver(name).acc_range, driver(name).gyr_range
    np.testing.assert_allclose(np.concatenate([b.acc for b in blocks]), acc, atol=full_scale[0] / 60000)
    np.testing.assert_allclose(np.concatenate([b.gyr for b in blocks]), gyr, atol=full_scale[1] / 60000)
    assert sum(block.lost + block.rejected for block in blocks) == 0
    assert not np.concatenate([block.clipped for block in blocks]).any()
    if blocks[-1].clock is Clock.DEVICE_TIME:
        assert np.concatenate([block.ticks for block in blocks]).tolist() == ticks.tolist()


@pytest.mark.parametrize("name", ["movella_dot", "open_format"])
@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=5))
@settings(max_examples=40, deadline=None)
def test_no_sample_is_delivered_twice_or_at_two_times(name, order, repeated):
    """Whatever the order and the repeats, a device with a clock delivers each moment at most once, and truly."""
    known = driver(name)
    true_ticks, acc, _, packets = _encoded(name, 12, max_payload=40)
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
def test_values_beyond_the_range_come_back_clipped(name):
    known = driver(name)
    acc = np.array([[0.0, 0.0, 2 * known.acc_range]])
    gyr = np.array([[0.0, -2 * known.gyr_range, 0.0]])
    packets = known.encoder(100.0).encode([0], acc, gyr, 1.0, 60)
    reader = known.decoder()
    blocks = [reader.feed(*packet) for packet in packets]
    assert np.concatenate([block.clipped for block in blocks]).tolist() == [True]


def test_unknown_driver_names_the_known_ones():
    for ask in (driver, decoder):
        with pytest.raises(UnknownDriverError, match='"nobody"; known: movella_dot, witmotion, open_format') as caught:
            ask("nobody")
        assert "\n" not in str(caught.value)


def test_a_stranger_is_not_recognised():
    assert recognise(Advertisement("a", name="Someone's headphones", manufacturer={0x004C: b"\x10\x05"})) is None
