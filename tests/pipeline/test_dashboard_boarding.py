"""How a command comes to its dashboard: what is said of it, and that it does without where it cannot be had."""

import io
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from pipeline.commands import boarding
from pipeline.commands.boarding import board, opened
from pipeline.commands.main import run
from pipeline.screens.dashboard.publisher import DashboardError, Opened, Publisher, Where

HERE = "http://127.0.0.1:8077/?token="
THERE = "http://10.0.0.2:8077/?token="


class _Publisher(Publisher):
    """Without a process: it is up at once, or never."""

    def __init__(self, found: Opened | None) -> None:
        super().__init__(Where())
        self._found = found

    def wait(self, timeout_s: float = 1.0) -> Opened:
        if self._found is None:
            raise DashboardError("the dashboard could not be started (no port); the session goes on without it")
        return self._found


def _said(found: Opened, lan: bool, page: str = "/", terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=60, no_color=True)
    assert opened(_Publisher(found), lan, console, page) is not None
    return out.getvalue()


def test_none_wanted() -> None:
    with board(None) as publisher:
        assert publisher is None
    assert opened(None, False, Console(file=io.StringIO())) is None


def test_the_address_is_printed_whole() -> None:
    text = _said(Opened((f"{HERE}{'c' * 22}",), (f"{HERE}{'v' * 22}",)), False)
    assert f"dashboard: {HERE}{'c' * 22}\n" in text
    assert "v" * 22 not in text


def test_in_the_network_two_addresses_and_a_code() -> None:
    text = _said(Opened((f"{THERE}c", f"{HERE}c"), (f"{THERE}v", f"{HERE}v")), True)
    assert f"control: {THERE}c\n" in text and f"watch only: {THERE}v\n" in text
    assert "not encrypted" in text
    assert sum(line.count("█") + line.count("▄") + line.count("▀") for line in text.splitlines()) > 100


def test_a_computer_without_a_network_says_so() -> None:
    assert "in no network" in _said(Opened((f"{HERE}c",), (f"{HERE}v",)), True)


def test_a_calibration_begins_at_its_page() -> None:
    text = _said(Opened((f"{HERE}c",), (f"{HERE}v",)), False, "/calibration")
    assert "http://127.0.0.1:8077/calibration?token=c" in text


def test_no_server_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    assert opened(_Publisher(None), False, Console(file=io.StringIO())) is None
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "goes on without it" in err


def test_no_process_no_harm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(*words: Any, **options: Any) -> None:
        raise OSError(12, "not enough memory")

    monkeypatch.setattr(subprocess, "Popen", fails)
    with board(Where()) as publisher:
        assert publisher is None
    assert "not enough memory" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="a desktop is taken for granted there")
def test_no_browser_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "No browser was found" in _said(Opened((f"{HERE}c",), (f"{HERE}v",)), False, terminal=True)


def test_a_browser_is_opened_where_somebody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(boarding, "_browser", lambda address: shown.append(address) or True)
    assert "No browser" not in _said(Opened((f"{HERE}c",), (f"{HERE}v",)), False, terminal=True)
    _said(Opened((f"{HERE}d",), (f"{HERE}v",)), False, terminal=False)
    assert shown == [f"{HERE}c"], "a script's output opens nothing"


def test_the_network_needs_a_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["live", "--virtual", "--for", "1", "--lan", "--no-dashboard"]) == 2
    assert "--no-dashboard" in capsys.readouterr().err
