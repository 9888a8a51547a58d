"""What `doctor` says of the things that are there or not on a machine."""

import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from pipeline.commands.checks import Grade, check_extra, check_folder, check_pdf, check_port


def test_a_taken_port_is_no_fault_and_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = check_port(port)
        assert found.grade is Grade.FINE and f"{port} is taken" in found.found


def test_a_full_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**8))
    found = check_folder(tmp_path)
    assert found.grade is Grade.WARNING and "0.1 GB" in found.found


def test_a_pdf_maker_that_is_missing_is_no_fault_and_one_that_cannot_start_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def missing(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    assert check_pdf().grade is Grade.FINE and "not installed" in check_pdf().found
    monkeypatch.setattr(metadata, "version", lambda _: "70.0")

    def broken(_: str) -> None:
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr("pipeline.commands.checks.importlib.import_module", broken)
    assert check_pdf().grade is Grade.WARNING and "Pango" in check_pdf().mend


@pytest.mark.parametrize("extra", ["cluster", "lsl", "c3d"])
def test_an_extra_that_is_missing_is_no_fault_and_one_that_cannot_start_is(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    def missing(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    found = check_extra(extra)
    assert found.grade is Grade.FINE and f"pip install 'kneetrack[{extra}]'" in found.found
    monkeypatch.setattr(metadata, "version", lambda _: "9.8")

    def broken(_: str) -> None:
        raise RuntimeError("LSL binary library file was not found.\nPlease")

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.commands.checks.importlib.import_module", broken)
        found = check_extra(extra)
    assert found.grade is Grade.WARNING and "\n" not in found.found and found.mend
    monkeypatch.setattr("pipeline.commands.checks.importlib.import_module", lambda _: None)
    assert check_extra(extra).grade is Grade.FINE and "9.8" in check_extra(extra).found
