"""`kneetrack live` with its dashboard, from outside: the address, a mark, stop, another session, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from pipeline.files.recording import Recording
from pipeline.records import Event
from tests.end_to_end.kneetrack import command, environment

_LONG_S = 90.0


def _address(out: Path, child: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + _LONG_S
    while time.monotonic() < end:
        found = re.search(r"dashboard: (http://127\.0\.0\.1:\d+/\?token=\S+)", out.read_text(encoding="utf-8"))
        if found:
            return found.group(1)
        assert child.poll() is None, "the session ended by itself"
        time.sleep(0.1)
    raise AssertionError("no address was printed")


def _browser(address: str) -> ClientConnection:
    host = address.split("/")[2]
    with urllib.request.urlopen(address) as answer:
        cookie = answer.headers["set-cookie"].split(";")[0]
    return connect(
        f"ws://{host}/stream",
        origin=f"http://{host}",  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie},
    )


def _until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind."""
    end = time.monotonic() + _LONG_S
    while time.monotonic() < end:
        frames = json.loads(socket.recv(timeout=_LONG_S))
        socket.send("ok")
        for frame in frames:
            if frame["kind"] == kind:
                found: dict[str, Any] = frame
                return found
    raise AssertionError(f"no {kind}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single child process")
def test_mark_stop_and_start_again(tmp_path: Path) -> None:
    folder, out = tmp_path / "session", tmp_path / "out.txt"
    words = command("live", "--virtual", "--port", 0, "--out", folder)
    with out.open("wb") as file:
        child = subprocess.Popen(words, env=environment(), stdout=file, stderr=subprocess.DEVNULL)
    try:
        with _browser(_address(out, child)) as socket:
            assert _until(socket, "state")["where"] == str(folder)
            socket.send('{"kind":"mark","label":"left stairs"}')
            _until(socket, "rows")
            socket.send('{"kind":"stop"}')
            saved = _until(socket, "saved")
            assert saved == {
                "kind": "saved",
                "words": "The session is saved.",
                "where": str(folder),
                "report": True,
                "again": True,
            }
            socket.send('{"kind":"start"}')
            _until(socket, "begin")
        child.send_signal(signal.SIGINT)
        assert child.wait(_LONG_S) == 0
    finally:
        child.kill()
    assert (folder / "report.html").exists() and (folder / "summary.json").exists()
    assert (tmp_path / "session_2").exists()
    with Recording(folder / "recording.knee") as recording:
        events = [record for batch in recording.records() for record in batch if isinstance(record, Event)]
    assert [event.fields["label"] for event in events if event.kind == "marker"] == ["left stairs"]
