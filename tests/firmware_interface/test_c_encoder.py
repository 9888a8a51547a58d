"""The C99 encoder, compiled here: byte for byte the Python encoder's packets, and readable by the Python decoder."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_interface.drivers.open_format import ACC_RANGE_G, DATA, GYR_RANGE_DPS, OpenFormat, OpenFormatEncoder
from firmware_interface.samples import STANDARD_GRAVITY

FOLDER = Path(__file__).resolve().parents[2] / "firmware_interface" / "firmware"
SOURCE = FOLDER / "kneetrack_packet.c"
COMPILER = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc, gcc or clang) on this machine")

Three = ctypes.c_int16 * 3


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The encoder as a library."""
    assert COMPILER is not None
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    made = tmp_path_factory.mktemp("c") / f"kneetrack_packet{suffix}"
    pic = [] if sys.platform == "win32" else ["-fPIC"]
    done = subprocess.run(
        [COMPILER, *STRICT, *pic, "-shared", "-o", made, SOURCE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    library = ctypes.CDLL(str(made))
    library.kt_finish.restype = ctypes.c_size_t
    library.kt_crc16.restype = ctypes.c_uint16
    library.kt_raw.restype = ctypes.c_int16
    library.kt_raw.argtypes = [ctypes.c_float, ctypes.c_float]
    return library


class Packet:
    """A `kt_packet`: its bytes stand first, and the rest is the encoder's own business."""

    def __init__(self, library: ctypes.CDLL, room: int, step_us: int, magnetic: bool = False) -> None:
        self.c = library
        self.memory = ctypes.create_string_buffer(b"\xa5" * 1024, 1024)
        begin = library.kt_begin_magnetic if magnetic else library.kt_begin
        self.begun = bool(begin(self.memory, room, step_us, ACC_RANGE_G, GYR_RANGE_DPS))
        self.sent: list[bytes] = []

    def fits(self, tick_us: int) -> bool:
        return bool(self.c.kt_fits(self.memory, ctypes.c_uint32(tick_us % 2**32)))

    def add(self, tick_us: int, words: list[int], battery: int = 50) -> None:
        """As a firmware does."""
        if not self.fits(tick_us):
            self.finish(battery)
        mag = Three(*words[6:]) if len(words) > 6 else None
        tick = ctypes.c_uint32(tick_us % 2**32)
        assert self.c.kt_add(self.memory, tick, Three(*words[:3]), Three(*words[3:6]), mag) == 1

    def skip(self, samples: int) -> None:
        self.c.kt_skip(self.memory, ctypes.c_uint32(samples % 2**32))

    def finish(self, battery: int = 50) -> None:
        length = self.c.kt_finish(self.memory, battery)
        if length:
            self.sent.append(self.memory.raw[:length])


def physical(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """acc (n, 3) m/s2 and gyr (n, 3) rad/s of raw values."""
    return (
        words[:, :3] * (ACC_RANGE_G * STANDARD_GRAVITY / 32768),
        words[:, 3:] * (np.radians(GYR_RANGE_DPS) / 32768),
    )


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    room=st.integers(32, 600),
    step_us=st.integers(8, 40_000),
    counter=st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 100, 2**32 - 1)),
    start_us=st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 400_000, 2**32 - 1)),
    count=st.integers(1, 130),
    battery=st.integers(0, 100),
)
def test_the_packets_of_both_encoders_are_the_same_bytes(
    c: ctypes.CDLL, seed: int, room: int, step_us: int, counter: int, start_us: int, count: int, battery: int
) -> None:
    """Spacings that jitter, break and stand still; both wraps; raw values to the ends of the range."""
    rng = np.random.default_rng(seed)
    words = rng.integers(-32768, 32768, (count, 6))
    jitter = rng.integers(-(step_us // 4) - 2, step_us // 4 + 3, count)
    breaks = np.where(rng.random(count) < 0.05, rng.integers(0, 5 * step_us, count), 0)
    ticks = (start_us + np.cumsum(np.maximum(step_us + jitter + breaks, 0))).tolist()

    mine = Packet(c, room, step_us)
    mine.skip(counter)
    for tick, row in zip(ticks, words.tolist(), strict=True):
        mine.add(tick, row, battery)
    mine.finish(battery)

    encoder = OpenFormatEncoder(1e6 / step_us, counter)
    assert [
        payload for _, payload in encoder.encode(ticks, *physical(words), battery / 100, min(room, 512))
    ] == mine.sent
    assert all(len(payload) <= min(room, 512) for payload in mine.sent)


@pytest.mark.parametrize("seed", range(20))
def test_the_decoder_reads_what_c_wrote_magnetic_field_too(c: ctypes.CDLL, seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = rng.integers(-32768, 32768, (50, 9))
    mine = Packet(c, int(rng.integers(38, 512)), 10_000, magnetic=True)
    for k, row in enumerate(words.tolist()):
        mine.add(2**32 - 250_000 + 10_000 * k, row, 255)
    mine.finish(255)
    decoder = OpenFormat().decoder()
    blocks = [decoder.feed(DATA, payload) for payload in mine.sent]
    assert sum(block.lost + block.rejected for block in blocks) == 0 and blocks[0].battery is None
    acc, gyr = physical(words[:, :6])
    np.testing.assert_allclose(np.concatenate([block.acc for block in blocks]), acc)
    np.testing.assert_allclose(np.concatenate([block.gyr for block in blocks]), gyr)
    np.testing.assert_allclose(np.concatenate([block.mag for block in blocks]), 0.1 * words[:, 6:])
    assert np.diff(np.concatenate([block.ticks for block in blocks])).tolist() == [10_000] * 49
    ends = (np.abs(words[:, :6]) >= 32767).any(axis=1)
    assert np.concatenate([block.clipped for block in blocks]).tolist() == ends.tolist()


def test_samples_that_are_skipped_or_dropped_are_seen_as_lost(c: ctypes.CDLL) -> None:
    mine = Packet(c, 244, 10_000)
    row = [0, 0, 2048, 0, 0, 0]
    for k in range(4):
        mine.add(10_000 * k, row)
    mine.finish()
    mine.skip(7)
    mine.add(110_000, row)
    mine.add(120_000, row)
    # A firmware that does not ask whether it fits loses what it had begun, and the counter tells.
    assert c.kt_add(mine.memory, 500_000, Three(*row[:3]), Three(*row[3:]), None) == 0
    mine.finish()
    decoder = OpenFormat().decoder()
    assert [decoder.feed(DATA, payload).lost for payload in mine.sent] == [0, 9]


def test_nothing_is_written_outside_and_nonsense_is_refused(c: ctypes.CDLL) -> None:
    for room, step in ((31, 10_000), (0, 10_000), (244, 0)):
        assert not Packet(c, room, step).begun
    mine = Packet(c, 65_535, 10_000)
    for k in range(200):
        mine.add(10_000 * k, [k] * 6)
        assert mine.memory.raw[600:] == b"\xa5" * 424
    assert max(len(payload) for payload in mine.sent) == 20 + 12 * 40
    mine.sent.clear()
    mine.finish()
    mine.finish()
    assert len(mine.sent) == 1
    mine.add(10**7, [0] * 6)
    assert c.kt_set_step(mine.memory, 20_000) == 0 and c.kt_set_room(mine.memory, 31) == 0
    assert c.kt_set_room(mine.memory, 32) == 1 and not mine.fits(10**7 + 10_000)


def test_crc_and_raw_values(c: ctypes.CDLL) -> None:
    assert c.kt_crc16(b"123456789", ctypes.c_size_t(9)) == 0x29B1
    values = np.concatenate(
        [np.linspace(-20, 20, 4001), [16.0, -16.0, 1e30, -1e30, 2.5 * 16 / 32768, 3.5 * 16 / 32768]]
    )
    for value in values.astype(np.float32).tolist():
        assert c.kt_raw(value, 16.0) == int(np.clip(np.rint(value / 16 * 32768), -32768, 32767))
    assert c.kt_raw(float("nan"), 16.0) == -32768


def test_the_sketch_uses_the_encoder_and_says_that_it_was_not_tried() -> None:
    sketch = (FOLDER / "xiao_nrf52840_sense" / "xiao_nrf52840_sense.ino").read_text(encoding="utf-8")
    header = (FOLDER / "kneetrack_packet.h").read_text(encoding="utf-8")
    assert "NOT TRIED ON A BOARD" in sketch and '#include "kneetrack_packet.h"' in sketch
    for name in ("kt_begin", "kt_fits", "kt_add", "kt_finish", "kt_skip"):
        assert f"{name}(" in sketch and f"{name}(" in header
