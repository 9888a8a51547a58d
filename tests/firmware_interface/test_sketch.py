"""Described sensors: what a description may say, one clear line where it is wrong, and what packets are worth."""

import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.interface import DESCRIPTION
from firmware_interface.drivers.registry import decoder
from firmware_interface.drivers.sketch import Sketch, driver_from_file
from firmware_interface.drivers.sketch_file import parse
from firmware_interface.errors import DriverFileError
from firmware_interface.samples import STANDARD_GRAVITY, Clock
from tests.firmware_interface.conversations import BARE, BATCHES, COUNTED, EXAMPLES, LINES
from tests.firmware_interface.motions import motion

BINARY, TEXT = (example.decode() for example in EXAMPLES)
DATA = BATCHES.notify[0]


def feed(driver, *payloads):
    reader = driver.decoder()
    return [reader.feed(driver.notify[0], payload) for payload in payloads]


def joined(blocks, what):
    return np.concatenate([getattr(block, what) for block in blocks])


def packet(counter, time_us, *rows):
    return (
        b"\xaa\x55" + struct.pack("<HIB", counter % 2**16, time_us % 2**32, len(rows)) + np.array(rows, "<i2").tobytes()
    )


def test_bytes_of_a_sketch():
    """Written out by hand: 2048 counts are 1 g, 16384 are 1000 deg/s."""
    (block,) = feed(BATCHES, packet(7, 5_000_000, [0, 0, 2048, 16384, 0, 0], [0, 0, -32768, 0, 0, 0]))
    assert block.ticks.tolist() == [5_000_000, 5_010_000]
    np.testing.assert_allclose(block.acc[0], [0, 0, STANDARD_GRAVITY])
    np.testing.assert_allclose(np.degrees(block.gyr[0]), [1000, 0, 0])
    assert block.clipped.tolist() == [False, True]
    assert (block.clock, block.tick_s) == (Clock.DEVICE_TIME, 1e-6)


def test_lines_are_joined_and_bad_ones_counted():
    text = b"1000,0,0,1,0,0,90\n1020,0,0,nan,0,0,0\n1040,0,0,1\nhello\n1060,0.5,0,1,0,0,-90\r\n"
    blocks = feed(LINES, *(text[i : i + 7] for i in range(0, len(text), 7)))
    np.testing.assert_allclose(joined(blocks, "acc"), np.array([[0, 0, 1], [0.5, 0, 1]]) * STANDARD_GRAVITY)
    np.testing.assert_allclose(np.degrees(joined(blocks, "gyr"))[:, 2], [90, -90])
    assert sum(block.rejected for block in blocks) == 3
    assert joined(blocks, "ticks")[0] == pytest.approx(1_000_000, abs=1000)


def test_a_line_without_end_is_given_up():
    blocks = feed(LINES, *[b"1" * 100] * 50, b"\n1000,0,0,1,0,0,90\n")
    assert len(joined(blocks, "ticks")) == 1
    assert sum(block.rejected for block in blocks) > 5


def test_a_counter_tells_loss_and_wraps():
    """Sixteen bits wrap at 65536 samples, here within packet 6553."""
    rows = [[0, 0, 2048, 0, 0, 0]] * 10
    first, last = 6400, 6700
    counted = {
        k: b"\xaa\x55" + struct.pack("<HB", k * 10 % 2**16, 10) + np.array(rows, "<i2").tobytes()
        for k in range(first, last)
    }
    blocks = feed(COUNTED, *(counted[k] for k in range(first, last) if k not in (6440, 6441, 6600)))
    assert blocks[-1].clock is Clock.COUNTER
    assert blocks[-1].tick_s == 0.01
    assert sum(block.lost for block in blocks) == 30
    assert joined(blocks, "ticks")[[0, -1]].tolist() == [64_000, 66_999]
    assert sum(block.restarts for block in blocks) == 0


def test_a_counter_of_packets():
    described = parse(EXAMPLES[0].replace(b"time_unit_s = 1e-6", b'time_unit_s = 1e-6\ncounts = "packets"'), "x")
    rows = [[0, 0, 2048, 0, 0, 0]] * 4
    blocks = feed(Sketch(described), *(packet(k, 40_000 * k, *rows) for k in range(20) if k != 9))
    assert sum(block.lost for block in blocks) == 4


def test_without_time_or_counter_only_what_came_is_counted():
    ticks = 10_000 * np.arange(40)
    acc, gyr = motion(ticks * 1e-6)
    sent = [p for _, p in BARE.encoder(100.0).encode(ticks.tolist(), acc, gyr, 1.0, 60)]
    blocks = feed(BARE, *sent[:5], *sent[6:])
    assert blocks[-1].clock is Clock.NONE
    assert joined(blocks, "ticks").tolist() == list(range(36))
    assert sum(block.lost for block in blocks) == 0


def test_a_rate_that_is_off_is_no_loss():
    """A chip that runs at 97 Hz instead of 100, 30 samples a packet, with a time and no counter."""
    described = parse(EXAMPLES[0].replace(b'"counter:u16", ', b""), "x")
    times = np.rint(np.arange(600) * 1e6 / 97).astype(int)
    rows = np.array([[0, 0, 2048, 0, 0, 0]] * 30, "<i2").tobytes()
    sent = [b"\xaa\x55" + struct.pack("<IB", times[i], 30) + rows for i in range(0, 600, 30)]
    blocks = feed(Sketch(described), *sent)
    assert sum(block.lost for block in blocks) == 0
    np.testing.assert_allclose(joined(blocks, "ticks")[30:], times[30:], rtol=0, atol=20)


def test_big_endian_floats_and_skipped_bytes():
    described = parse(
        BINARY.replace('"acc_x:i16", "acc_y:i16", "acc_z:i16"', '"skip:2", "acc_x:f32", "acc_y:f32", "acc_z:f32"')
        .replace("full_scale = 16", "scale = 1.0\nrange = 16")
        .replace("time_unit_s = 1e-6", 'time_unit_s = 1e-6\nbyte_order = "big"')
        .encode(),
        "x",
    )
    payload = b"\xaa\x55" + struct.pack(">HIB", 1, 77, 1) + b"??" + struct.pack(">3f3h", 0, 0.25, 1, 16, 0, -16)
    (block,) = feed(Sketch(described), payload)
    np.testing.assert_allclose(block.acc / STANDARD_GRAVITY, [[0, 0.25, 1]])
    np.testing.assert_allclose(np.degrees(block.gyr) * 32768 / 2000, [[16, 0, -16]])
    assert block.ticks.tolist() == [77]


def test_a_recording_needs_no_file():
    """The registry's decoder knows nothing until the description comes, and everything after it."""
    reader = decoder("sketch")
    payload = packet(7, 5_000_000, [0, 0, 2048, 0, 0, 0])
    assert reader.feed(DATA, payload).rejected == 1
    assert reader.feed(DESCRIPTION, b"no = toml =").rejected == 1
    assert reader.feed(DESCRIPTION, BATCHES.description).rejected == 0
    assert len(reader.feed(DATA, payload)) == 1


def test_milliseconds_become_even():
    times = np.rint(np.arange(800) * 1e6 / 49.7).astype(int)
    acc, gyr = motion(times * 1e-6)
    sent = LINES.encoder(50.0).encode(times.tolist(), acc / 4, gyr, 1.0, 20)
    blocks = feed(LINES, *(payload for _, payload in sent))
    errors = (joined(blocks, "ticks") - times)[300:]
    assert np.abs(errors - errors.mean()).max() < 350
    assert sum(block.lost + block.rejected for block in blocks) == 0


def test_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(BINARY)
    known = driver_from_file(path)
    assert (known.label, known.rates_hz()) == ("XIAO Sense, batches", (100.0,))
    with pytest.raises(DriverFileError, match=r"none\.toml: cannot be read"):
        driver_from_file(tmp_path / "none.toml")
    path.write_bytes(b"#" * 20_000)
    with pytest.raises(DriverFileError, match="are no sensor description"):
        driver_from_file(path)
    with pytest.raises(DriverFileError):
        driver_from_file(tmp_path)


@pytest.mark.parametrize(
    ("change", "by", "said"),
    [
        ("rate_hz = 100", "rate_hz = 0", r"rate_hz is 0; it must be a number from 5 to 2000"),
        ("rate_hz = 100", "rate_hz = true", r"rate_hz is True"),
        ("rate_hz = 100", "rate_hz = nan", r"rate_hz is nan"),
        ("rate_hz = 100", "", r"rate_hz is None"),
        ("rate_hz = 100", "rate = 100", r"the file holds 'rate', which is none of name, service"),
        ('"acc_x:i16"', '"acc_q:i16"', r"packet.sample\[0\] is 'acc_q:i16'; it must be skip:BYTES or one of acc_x"),
        ('"acc_x:i16"', '"acc_x:i17"', r"packet.sample\[0\] is 'acc_x:i17'; it must be acc_x with one of i8"),
        ('"acc_x:i16", ', "", r"packet.sample lacks acc_x"),
        ('"acc_y:i16"', '"acc_x:i16"', r"packet.sample holds acc_x twice"),
        ('"magic:aa55"', '"magic:zz"', r"packet.header\[0\], after magic:, is 'zz'; it must be bytes in hexadecimal"),
        ('"magic:aa55"', '"skip:999"', r"packet.header\[0\] is 'skip:999'; it must be skip:BYTES, 1 to 256"),
        ('"counter:u16"', '"counter:i16"', r"packet.header\[1\] is 'counter:i16'; it must be counter with one of u8"),
        ('"counter:u16"', "17", r"packet.header\[1\] is 17"),
        ("time_unit_s = 1e-6", "", r"packet.time_unit_s is None"),
        ("full_scale = 16", "full_scale = 16\nscale = 1", r"\[acc\] needs either scale or full_scale"),
        ("full_scale = 16", "", r"\[acc\] needs either scale or full_scale"),
        ('unit = "g"', 'unit = "parsec"', r"""acc.unit is 'parsec'; it must be "g" or "mg" or "m/s2\""""),
        ("[gyr]", "[gyro]", r"the file holds 'gyro'"),
        ("19b10001-e8f2-537e-4f6c-d104768a1214", "19b10001", r"data is '19b10001'; it must be a UUID"),
        ('bytes = "01"', 'bytes = "1"', r"start.bytes is '1'; it must be bytes in hexadecimal"),
        ('name = "XIAO Sense, batches"', 'name = ""', r"name is ''; it must be a text of 1 to 40"),
        ('name = "XIAO Sense, batches"', "name = ", r"not TOML"),
    ],
)
def test_a_mistake_is_one_clear_line(change, by, said):
    assert change in BINARY
    with pytest.raises(DriverFileError) as caught:
        parse(BINARY.replace(change, by, 1).encode(), "my.toml")
    text = str(caught.value)
    assert text.startswith("my.toml: ")
    assert re.search(said, text), text
    assert "\n" not in text
    assert len(text) < 300


def test_mistakes_of_text_formats():
    with pytest.raises(DriverFileError, match=r"packet.columns lacks gyr_z"):
        parse(TEXT.replace(', "gyr_z"', "").encode(), "my.toml")
    with pytest.raises(DriverFileError, match=r"\[acc\] needs range"):
        parse(TEXT.replace("range = 4", "").encode(), "my.toml")
    with pytest.raises(DriverFileError, match=r"acc.full_scale needs one integer type"):
        parse(TEXT.replace("scale = 1.0\nrange = 4", "full_scale = 4").encode(), "my.toml")


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_no_file_raises_anything_else(text):
    with pytest.raises(DriverFileError) as caught:
        parse(text, "my.toml")
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(BINARY) - 1), st.integers(0, 30), st.text(max_size=12))
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_refused_or_usable(at, length, text):
    """Whatever is left of a description, either it is refused in one line, or its decoder keeps every promise."""
    try:
        known = Sketch(parse((BINARY[:at] + text + BINARY[at + length :]).encode(), "my.toml"))
    except DriverFileError as error:
        assert "\n" not in str(error)
        return
    ticks = 10_000 * np.arange(8)
    acc, gyr = motion(ticks * 1e-6)
    sent = known.encoder(known.rates_hz()[0]).encode(ticks.tolist(), acc, gyr, 0.5, 500)
    reader = known.decoder()
    for block in [reader.feed(c, p) for c, p in sent] + [reader.feed(known.notify[0], bytes(40))]:
        assert np.isfinite(block.acc).all()
        assert np.isfinite(block.gyr).all()
