"""The session goes before other programs where that is allowed, and leaves everything as it was."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.screens import priority
from pipeline.screens.priority import AHEAD, NEXT, ahead


def test_it_ends_as_it_began() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else None
    frozen = gc.get_freeze_count()
    with ahead() as allowed:
        assert gc.get_freeze_count() > frozen, "what was imported is not looked through again"
        if before is not None and allowed:
            assert os.getpriority(os.PRIO_PROCESS, 0) == min(AHEAD, before)
    assert gc.get_freeze_count() == 0
    if before is not None:
        assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="the niceness is POSIX's")
def test_what_is_not_allowed_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    with ahead() as allowed:
        assert not allowed


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="the niceness is POSIX's")
def test_the_terminal_s_group_may_refuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in containers, and on Linux within a tenth of a second of the last change: the niceness itself is set."""
    monkeypatch.setattr(priority, "_AUTOGROUP", tmp_path)
    asked: list[int] = []
    monkeypatch.setattr(os, "setpriority", lambda _which, _who, niceness: asked.append(niceness))
    with ahead() as allowed:
        assert allowed
    assert min(AHEAD, os.getpriority(os.PRIO_PROCESS, 0)) in asked


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="the niceness is POSIX's")
def test_the_server_goes_before_browsers_but_not_before_the_acquisition() -> None:
    assert AHEAD < NEXT < 0
    code = "import os; from pipeline.screens.priority import following; print(following(), os.getpriority(0, 0))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    allowed, niceness = found.stdout.split()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(niceness) == (min(NEXT, before) if allowed == "True" else before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has a niceness for each thread")
def test_threads_that_ran_before_go_ahead_too() -> None:
    """The one that writes to the dashboard began before the session."""
    asked, answers = threading.Event(), []

    def run() -> None:
        asked.wait()
        answers.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=run)
    thread.start()
    with ahead():
        asked.set()
        thread.join()
        assert answers == [os.getpriority(os.PRIO_PROCESS, 0)]
