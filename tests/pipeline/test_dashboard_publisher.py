"""The session's side: it never waits for the server, and the server ends with it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from pipeline.records import Side
from pipeline.rows import RaisedEvent
from pipeline.screens.cue import Signal
from pipeline.screens.dashboard.publisher import DashboardError, Opened, Publisher, Where
from pipeline.screens.view import LegView, View
from pipeline.update import LegResult, Update
from tests.pipeline.made_legs import leg
from tests.pipeline.result_folder import episode


def _update(start: int, rows: int = 4) -> Update:
    block = leg(rows, start, flexion=np.radians(np.arange(start, start + rows, dtype=float)))
    return Update(legs=[LegResult(Side.RIGHT, block, np.zeros(rows, np.uint8))])


def _view() -> View:
    return View(3.0, None, [LegView(Side.RIGHT, "done")], [], [], 0)


@pytest.fixture(scope="module")
def board() -> Iterator[tuple[Publisher, Opened]]:
    with Publisher(Where(port=0)) as publisher:
        yield publisher, publisher.wait()


def _socket(address: str) -> ClientConnection:
    """A browser without a screen: the token becomes a cookie, the cookie opens the stream."""
    host = address.split("/")[2]
    with urllib.request.urlopen(address) as answer:
        cookie = answer.headers["set-cookie"].split(";")[0]
    headers = {"Cookie": cookie}
    return connect(f"ws://{host}/stream", origin=f"http://{host}", additional_headers=headers)  # type: ignore[arg-type]


def _until(socket: ClientConnection, kind: str, seconds: float = 20.0) -> list[dict[str, Any]]:
    """All frames up to the first of a kind."""
    frames: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        frames += json.loads(socket.recv(timeout=seconds))
        socket.send("ok")
        if any(frame["kind"] == kind for frame in frames):
            return frames
    raise AssertionError(f"no {kind} in {seconds} s, only {[frame['kind'] for frame in frames]}")


def test_what_is_published_reaches_a_browser(board: tuple[Publisher, Opened]) -> None:
    publisher, opened = board
    publisher.begin()
    with _socket(opened.view[0]) as socket:
        for start in range(0, 400, 4):
            publisher.add(_update(start))
            time.sleep(0.001)
        publisher.show(_view, {"mode": "off", "share": 0.0})
        publisher.add(Update(events=[RaisedEvent(4.0, "episode_start", {"side": "right", "start_s": 3.9})]))
        publisher.cue(Signal(Side.RIGHT, 4.0, "marked"), 0.02)
        publisher.add(Update(episodes=[episode("right", "walking", 3.9, 8.0, 2.0)]))
        frames = _until(socket, "episode")
    flexion = [value for frame in frames if frame["kind"] == "rows" for value in frame["legs"][0]["f"]]
    assert flexion == list(range(400))
    kinds = [frame["kind"] for frame in frames]
    assert {"hello", "state", "episode_start", "cue"} <= set(kinds)
    cue = next(frame for frame in frames if frame["kind"] == "cue")
    assert cue["side"] == "right" and cue["behind"] == 20.0
    assert abs(time.time() * 1e3 - cue["raised"]) < 60_000


def test_commands_come_back_from_control_only(board: tuple[Publisher, Opened]) -> None:
    publisher, opened = board
    publisher.commands()
    with _socket(opened.view[0]) as watching, _socket(opened.control[0]) as acting:
        watching.send('{"kind":"stop"}')
        _until(watching, "hello")
        acting.send('{"kind":"mark","label":"here"}')
        found: list[dict[str, str]] = []
        end = time.monotonic() + 20.0
        while not found and time.monotonic() < end:
            found += publisher.commands()
            time.sleep(0.02)
        time.sleep(0.2)
        found += publisher.commands()
    assert found == [{"kind": "mark", "label": "here"}]


def test_the_loopback_only(board: tuple[Publisher, Opened]) -> None:
    opened = board[1]
    assert all(address.startswith("http://127.0.0.1:") for address in (*opened.control, *opened.view))
    port = int(opened.control[0].split(":")[2].split("/")[0])
    if Path("/proc/net/tcp").exists():
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        local = [line.split()[1].split(":") for line in lines if line.split()[3] == "0A"]
        assert {address for address, number in local if int(number, 16) == port} == {"0100007F"}


def test_the_pages_want_a_token(board: tuple[Publisher, Opened]) -> None:
    base = board[1].control[0].split("/?")[0]
    for path in ("/", "/calibration", "/web/dashboard.js", "/report", "/?token=guess"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(base + path)
        assert error.value.code == 403


def test_a_server_that_does_not_read_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pipe fills, the ring forgets, and publishing goes on at its usual pace in constant memory."""
    asleep = "import time; time.sleep(60)"
    with _child(monkeypatch, asleep) as publisher:
        slowest = 0.0
        for start in range(0, 40_000, 40):
            begun = time.perf_counter()
            publisher.add(_update(start, 40))
            publisher.tell("state", {"text": "x" * 500})
            slowest = max(slowest, time.perf_counter() - begun)
        assert len(publisher._ring) <= 512
        assert slowest < 1.0
        publisher._server.kill()
    assert not publisher.up


def test_a_server_that_dies_is_noticed_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    with _child(monkeypatch, "print('not json', flush=True)") as publisher:
        with pytest.raises(DashboardError, match="could not be started"):
            publisher.wait(20.0)
        publisher.add(_update(0))
        publisher.tell("saved", {})


def test_no_free_port_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = "import json; print(json.dumps({'kind': 'failed', 'why': 'the ports are taken'}), flush=True)"
    with _child(monkeypatch, failing) as publisher, pytest.raises(DashboardError, match="the ports are taken"):
        publisher.wait(20.0)


def _child(monkeypatch: pytest.MonkeyPatch, code: str) -> Publisher:
    """A publisher whose server is a few words of Python."""
    real = subprocess.Popen

    def other(words: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr("pipeline.screens.dashboard.publisher.subprocess.Popen", other)
    monkeypatch.setattr("pipeline.screens.dashboard.publisher._CLOSE_S", 0.5)
    return Publisher(Where(port=0))


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_the_server_does_not_outlive_a_killed_session(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from pipeline.screens.dashboard.publisher import Publisher, Where\n"
        "with Publisher(Where(port=0)) as publisher:\n"
        "    publisher.wait()\n"
        "    print(publisher.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    session = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert session.stdout is not None
    server = int(session.stdout.readline())
    session.kill()
    session.wait()
    for _ in range(200):
        if not _runs(server):
            return
        time.sleep(0.1)
    raise AssertionError("the server runs on")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z")
