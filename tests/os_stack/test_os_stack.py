"""The operating system's own stack, when asked for: KNEETRACK_OS_STACK=1 (it takes some minutes)."""

import os
from pathlib import Path

import pytest

from tests.os_stack.modules import start_archive, wanted_modules
from tests.os_stack.run import run


def test_two_sensors_stream_through_bluez_and_one_comes_back(tmp_path: Path) -> None:
    if not os.environ.get("KNEETRACK_OS_STACK"):
        pytest.skip("boots a Linux guest, which takes minutes: set KNEETRACK_OS_STACK=1, or `python -m tests.os_stack`")
    told = run(Path(os.environ.get("KNEETRACK_OS_STACK_FOLDER", tmp_path)), 40.0, 60.0, 3600.0)
    if isinstance(told, str):
        pytest.skip(told)
    assert not told.problems(), f"{told.problems()}\n{told.console[-3000:]}\n{told.live[-3000:]}"


def test_modules_are_loaded_after_those_they_need(tmp_path: Path) -> None:
    for name, needs in (("hci_vhci", "bluetooth"), ("bluetooth", "ecdh_generic,rf-kill"), ("ecdh_generic", "")):
        (tmp_path / f"{name}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=" + needs.encode() + b"\0name=x\0")
    (tmp_path / "rf-kill.ko").write_bytes(b"\0depends=\0")
    (tmp_path / "unwanted.ko").write_bytes(b"\0depends=\0")
    assert list(wanted_modules(tmp_path)) == ["ecdh_generic", "rf_kill", "bluetooth", "hci_vhci"]


def test_the_start_archive_is_one_that_a_kernel_reads() -> None:
    """Magic, aligned entries, names and contents, and the end mark, as the format's description has them."""
    import gzip

    archive = gzip.decompress(start_archive(b"BUSY", {"one": b"12345"}))
    found, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701" and at % 4 == 0
        size, length = (int(archive[at + k : at + k + 8], 16) for k in (54, 94))
        name = archive[at + 110 : at + 109 + length].decode()
        begin = at + 110 + length + -(110 + length) % 4
        found[name] = archive[begin : begin + size]
        at = begin + size + -size % 4
        if name == "TRAILER!!!":
            break
    assert found["bin/busybox"] == b"BUSY" and found["modules/one.ko"] == b"12345" and b"insmod" in found["init"]
