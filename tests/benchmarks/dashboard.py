"""What the dashboard costs: `python -m tests.benchmarks.dashboard [--seconds 40] [--browsers 5] [--plain]`.

Live sessions with virtual sensors over the virtual radio, one after the other: without a dashboard; with one and some
plain clients of its stream, the last of which never reads; and with as many real browsers (Chromium), the last of which
is stopped. Of each: the delay from a notification's arrival to the angles it completed (of the oldest notification of a
piece, so that waiting counts), the server's share of a core, and the memory of both processes in the middle and at the
end. Of the browsers: redraws a second, and the delay of cues, from the row that fulfils the rule to the painted flash.
Real browsers on the same machine also compete for its cores, which on a person's tablet they do not.
"""

import argparse
import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pipeline.blocks import Floats
from pipeline.commands.connecting import Wanted, connected
from pipeline.files.recording import RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import Notification, Record, Side
from pipeline.screens.dashboard.publisher import Publisher, Where
from pipeline.screens.priority import ahead
from pipeline.screens.terminal import screen
from pipeline.session import Session
from pipeline.simulation.script import Bout, Collapse
from pipeline.summary import Summary
from pipeline.update import Update
from tests.end_to_end.browser import OPTIONS, browser, chromium, missing

ASKED_MS = 150.0
"""From the rule to sound and flash, at most."""
_SETTLE_S = 8.0
"""Connecting and the first estimates are not measured."""
_STREAM = """
import json, sys, time, urllib.request
from websockets.sync.client import connect
address, frozen = sys.argv[1], sys.argv[2] == "frozen"
host = address.split("/")[2]
cookie = urllib.request.urlopen(address).headers["set-cookie"].split(";")[0]
with connect(f"ws://{host}/stream", origin=f"http://{host}", additional_headers={"Cookie": cookie}) as socket:
    while True:
        if frozen:
            time.sleep(3600)
        json.loads(socket.recv())
        socket.send("ok")
"""


class TimedSession(Session):
    """Notes how long after the arrival of a piece's first notification its angles were there."""

    anchor_ns = 0
    latency_ms: list[tuple[float, float]]

    def feed(self, records: Sequence[Record]) -> Update:
        """As a session's."""
        update = super().feed(records)
        now = time.perf_counter_ns() - self.anchor_ns
        first = next((record for record in records if isinstance(record, Notification)), None)
        if update.legs and first is not None:
            self.latency_ms.append((now * 1e-9, (now - first.host_time_ns) * 1e-6))
        return update


@dataclass
class Found:
    """What one session showed."""

    latency_ms: list[float] = field(default_factory=list)
    server_core: float = float("nan")
    memory_mb: dict[str, list[float]] = field(default_factory=lambda: {"session": [], "server": []})
    redraws: list[float] = field(default_factory=list)
    cues: list[dict[str, Any]] = field(default_factory=list)


def main() -> None:
    """Runs the parts and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--browsers", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help="without the real browsers")
    parser.add_argument("--usual-priority", action="store_true", help="the session as any other program")
    parser.add_argument("--both", action="store_true", help="both legs, four sensors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--often", action="store_true", help="the knee falls inward in every second step")
    parser.add_argument("--only", default="", help="of the sessions, those whose title contains this")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {_load()}")
    for title, lookers in (
        ("without a dashboard", None),
        (f"dashboard, {options.browsers} plain clients, one frozen", _clients),
        (f"dashboard, {options.browsers} browsers, one frozen", _browsers),
    ):
        if lookers is _browsers and (options.plain or missing()):
            print("" if options.plain else missing())
            continue
        if options.only not in title:
            continue
        _print(title, _session(options, lookers))


def _session(options: argparse.Namespace, lookers: Any) -> Found:
    """One live session; lookers: opens whoever looks at it."""
    found = Found()
    sides = (Side.RIGHT, Side.LEFT) if options.both else (Side.RIGHT,)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        board, over = None, threading.Event()
        if lookers is not None:
            board = stack.enter_context(Publisher(Where(port=0)))
            address = board.wait().control[-1]
            ready = threading.Event()
            looking = threading.Thread(target=lookers, args=(address, options, found, ready, over))
            looking.start()
            ready.wait(90.0)
        watching = threading.Thread(target=_watch, args=(board, options.seconds, found, over))
        watching.start()
        script = _often(sides) if options.often else None
        wanted = Wanted(sides, 100.0, True, None, options.seed, script=script)
        asyncio.run(_live(wanted, options.seconds, folder, board, found, not options.usual_priority))
        over.set()
        watching.join()
        if lookers is not None:
            looking.join(60.0)
    return found


def _often(sides: Sequence[Side]) -> list[Bout]:
    """Walks in which the knee of the first leg falls inward in every second step; short ones, for a bout is made at
    once, in the process that is measured."""
    falls = tuple(Collapse(sides[0], index, "both", "hip", 12.0) for index in range(1, 12, 2))
    flexions = [Bout("flex", 6, lead=side) for side in sides]
    walks = [Bout("walk", 8.0, lead=sides[0], collapses=falls), Bout("stand", 1.0)]
    return [Bout("stand", 5.0), *flexions, *(80 * walks)]


async def _live(
    wanted: Wanted, seconds: float, folder: Path, board: Publisher | None, found: Found, priority: bool
) -> None:
    async with connected(wanted, None) as radio:
        session = TimedSession(radio.sensors)
        session.anchor_ns, session.latency_ms = radio.anchor_ns, []
        with contextlib.ExitStack() as stack:
            recorder = stack.enter_context(RecordingWriter(folder / "recording.knee", radio.sensors, {}))
            results = stack.enter_context(ResultsWriter(folder))
            shown = stack.enter_context(screen(Console(file=io.StringIO())))
            sinks = Sinks(recorder, results, Summary(), shown, board)
            run = LiveRun(radio.sensors, session, sinks, anchor_ns=radio.anchor_ns, limit_s=seconds)
            if board is not None:
                board.begin()
            with ahead() if priority else contextlib.nullcontext(False) as allowed:
                print(f"  (before other programs: {'yes' if allowed else 'no'})")
                await run.run(radio.client, lambda: False, {})
        found.latency_ms = [delay for at, delay in session.latency_ms if at > _SETTLE_S]


def _watch(board: Publisher | None, seconds: float, found: Found, over: threading.Event) -> None:
    """Memory in the middle and at the end, the server's processor time between."""
    over.wait(0.5 * seconds)
    pids = {"session": os.getpid(), **({} if board is None else {"server": board.pid})}
    before, begun = _cpu_s(board.pid) if board else 0.0, time.monotonic()
    for name, pid in pids.items():
        found.memory_mb[name].append(_memory_mb(pid))
    over.wait(0.45 * seconds)
    for name, pid in pids.items():
        found.memory_mb[name].append(_memory_mb(pid))
    if board is not None:
        found.server_core = (_cpu_s(board.pid) - before) / (time.monotonic() - begun)


def _clients(
    address: str, options: argparse.Namespace, found: Found, ready: threading.Event, over: threading.Event
) -> None:
    """Clients of the stream, each a process of its own."""
    words = ["live"] * (options.browsers - 1) + ["frozen"]
    clients = [subprocess.Popen([sys.executable, "-c", _STREAM, address, word]) for word in words]
    time.sleep(2.0)
    ready.set()
    over.wait()
    for client in clients:
        client.kill()
        client.wait()


def _browsers(
    address: str, options: argparse.Namespace, found: Found, ready: threading.Event, over: threading.Event
) -> None:
    """Pages of real browsers; the last one, a browser of its own, is stopped as a whole."""
    with browser("--autoplay-policy=no-user-gesture-required") as program, _frozen(address):
        pages = []
        for _ in range(options.browsers - 1):
            page = program.new_context(viewport={"width": 1024, "height": 768}).new_page()
            page.goto(address)
            page.wait_for_function("window.kneetrack?.linked", timeout=60_000)
            page.mouse.click(5, 5)
            pages.append(page)
        ready.set()
        over.wait(0.5 * options.seconds)
        before = [(page.evaluate("kneetrack.redraws"), time.monotonic()) for page in pages]
        over.wait(0.35 * options.seconds)
        for page, (count, at) in zip(pages, before, strict=True):
            found.redraws.append((page.evaluate("kneetrack.redraws") - count) / (time.monotonic() - at))
        over.wait()
        found.cues = [cue for page in pages for cue in page.evaluate("kneetrack.cues")]


@contextlib.contextmanager
def _frozen(address: str) -> Iterator[None]:
    """A browser that opened the page and was stopped."""
    folder = tempfile.mkdtemp()
    words = [str(chromium()), "--headless", *OPTIONS, f"--user-data-dir={folder}", "--remote-debugging-port=0", address]
    program = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=os.name != "nt"
    )
    time.sleep(6.0)
    if os.name != "nt":
        os.killpg(program.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if os.name != "nt":
            os.killpg(program.pid, signal.SIGKILL)
        program.kill()
        program.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _print(title: str, found: Found) -> None:
    print(f"\n{title}")
    delays = np.array(found.latency_ms)
    percentiles = np.percentile(delays, [50, 90, 99, 100])
    print("  notification to angles, ms: p50 {:.1f}, p90 {:.1f}, p99 {:.1f}, most {:.1f}".format(*percentiles))
    for name, values in found.memory_mb.items():
        if values:
            print(f"  memory of the {name}, MB: {values[0]:.0f} in the middle, {values[-1]:.0f} at the end")
    if np.isfinite(found.server_core):
        print(f"  the server takes {100.0 * found.server_core:.1f} % of a core")
    if found.redraws:
        print(f"  redraws a second: {', '.join(f'{rate:.0f}' for rate in found.redraws)}")
    cues = [cue for cue in found.cues if "painted" in cue]
    if cues:
        _print_cues(cues)


def _print_cues(cues: list[dict[str, Any]]) -> None:
    """The delays of cues, stage by stage, ms."""

    def column(name: str) -> Floats:
        return np.array([cue[name] if cue[name] is not None else 0.0 for cue in cues])

    behind, framed, painted = column("behind"), column("framed"), column("painted")
    passed = column("passed") - column("raised")
    came, told = column("came"), column("delay")
    heard = told + column("sound")
    print(f"  {len(cues)} cues, ms: median (90 %, 95 %, most)")
    for words, values in (
        ("rule to raised", behind),
        ("raised to server", passed),
        ("server to browser", came - passed),
        ("browser to script", told - came),
        ("script to its picture", framed - told),
        ("picture to screen", painted - framed),
        ("rule to flash", behind + painted),
        ("rule to sound", behind + heard),
    ):
        print(f"    {words:22s} {_spread(values)}")
    late = int(np.sum(behind + painted > ASKED_MS))
    print(f"    flashes later than {ASKED_MS:.0f} ms: {late}")


def _spread(values: Floats) -> str:
    most = np.percentile(values, [50, 90, 95, 100])
    return "{:6.1f} ({:.1f}, {:.1f}, {:.1f})".format(*most)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _cpu_s(pid: int) -> float:
    """Processor time of a process; NaN where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    """Resident memory; NaN where /proc does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next((float(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmRSS")), float("nan"))


if __name__ == "__main__":
    main()
