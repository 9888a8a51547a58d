"""The session's side of the dashboard: what it sees goes out through a bounded ring, commands come in; it never waits.

The server is another process, so that building pages and feeding browsers takes nothing from the acquisition. A thread
writes the ring to the server's input; where the server does not read, the pipe fills, the thread waits, and the ring
forgets its oldest lines. The server ends when its input does, so it cannot outlive the session however that ends.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import KneetrackError
from pipeline.screens.cue import Signal
from pipeline.screens.dashboard import messages
from pipeline.screens.view import View
from pipeline.update import LegResult, Update

RING = 512
FRAME_S = 0.03
"""Angles are gathered for so long: 33 frames a second."""
STATE_S = 0.25
_START_S = 60.0
_CLOSE_S = 5.0
_HOME = Path(__file__).resolve().parents[3]


class DashboardError(KneetrackError):
    """The dashboard could not be started."""


@dataclass(frozen=True, slots=True)
class Where:
    """How the server is to be reached. lan: from other devices too. port: the first one to try."""

    lan: bool = False
    port: int = 8077


@dataclass(frozen=True, slots=True)
class Opened:
    """A running server. control, view: addresses with their tokens; those of the network stand first with `lan`."""

    control: tuple[str, ...]
    view: tuple[str, ...]


class Publisher:
    """Publishes a session to a dashboard server of its own process.

    Examples
    --------
    >>> with Publisher(Where()) as board:  # doctest: +SKIP
    ...     opened = board.wait()
    ...     board.add(update)
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._ring: deque[bytes] = deque(maxlen=RING)
        self._filled = threading.Condition()
        self._closing = False
        self._opened: Opened | None = None
        self._ready = threading.Event()
        self._why = ""
        self._commands: deque[dict[str, str]] = deque(maxlen=64)
        self._legs: list[LegResult] = []
        self._frame_due = self._state_due = 0.0
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        try:
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "pipeline.screens.dashboard.serve", *self._words()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                # Ctrl-C is for the session alone, which then ends the server.
                **_apart(),
            )
        except OSError as error:
            raise DashboardError(f"the dashboard cannot be started ({error.strerror}): use --no-dashboard") from error
        self._threads = [
            threading.Thread(target=self._write, name="dashboard out", daemon=True),
            threading.Thread(target=self._read, name="dashboard in", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        with self._filled:
            self._closing = True
            self._filled.notify()
        self._ready.set()
        if self._opened is None:
            # It is still starting: nobody has seen it.
            self._server.kill()
        self._threads[0].join(_CLOSE_S)
        try:
            self._server.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._threads[1].join(_CLOSE_S)

    def wait(self, timeout_s: float = _START_S) -> Opened:
        """Until the server is up. Raises DashboardError where it is not."""
        self._ready.wait(timeout_s)
        if self._opened is None:
            why = self._why or f"no answer within {timeout_s:.0f} s"
            raise DashboardError(f"the dashboard could not be started ({why}); the session goes on without it")
        return self._opened

    @property
    def up(self) -> bool:
        """Whether the server runs."""
        return self._opened is not None and not self._why

    @property
    def closing(self) -> bool:
        """Whether it has been left."""
        return self._closing

    @property
    def trouble(self) -> str:
        """One line where the server has ended by itself; else empty."""
        return f"the dashboard has ended ({self._why}), the session goes on" if self._opened and self._why else ""

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def begin(self, *, replay: bool = False, calibrates: bool = False) -> None:
        """A new session: what was shown of another one is forgotten.

        replay: nothing can be added to it. calibrates: it ends with the calibration, which is saved then.
        """
        self._legs = []
        self.tell("begin", {"replay": replay, "calibrates": calibrates})

    def add(self, update: Update) -> None:
        """What became known: angles are gathered into frames, the rest goes at once."""
        for event in update.events:
            if event.kind in ("episode_start", "episode_end"):
                self._flush()
                self.tell(event.kind, messages.band(event))
        for row in update.episodes:
            self.tell("episode", messages.episode(row))
        self._legs += update.legs
        if self._legs and time.monotonic() >= self._frame_due:
            self._flush()

    def cue(self, signal: Signal, behind_s: float) -> None:
        """Sound and flash now. behind_s: time since the rule was fulfilled."""
        self.tell(
            "cue",
            {
                "side": signal.side.value,
                "severity": signal.severity,
                "time": round(signal.time_s, 3),
                "behind": round(1e3 * behind_s, 1),
                "raised": time.time() * 1e3,
            },
        )

    def show(self, view: Callable[[], View], cue: Mapping[str, Any], last: bool = False) -> None:
        """The rest of the picture, where the last one is old enough. last: in any case."""
        now = time.monotonic()
        if last or now >= self._state_due:
            self._state_due = now + STATE_S
            self.tell("state", messages.state(view(), cue))

    def commands(self) -> list[dict[str, str]]:
        """What browsers asked for since the last call."""
        found = []
        while self._commands:
            found.append(self._commands.popleft())
        return found

    def ended(
        self, folder: Path | None, files: Sequence[Path], *, again: bool, words: str = "The session is saved."
    ) -> None:
        """It is over. folder: where the results are, if anywhere. again: a new session can be started."""
        report = next((file for file in files if file.name == "report.html"), None)
        if report is not None:
            self.tell("report", {"path": str(report.resolve())})
        where = "" if folder is None else str(folder)
        self.tell("saved", {"words": words, "where": where, "report": report is not None, "again": again})

    def tell(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One message into the ring."""
        text = messages.line(kind, fields)
        with self._filled:
            self._ring.append(text)
            self._filled.notify()

    def _flush(self) -> None:
        if self._legs:
            self._frame_due = time.monotonic() + FRAME_S
            legs, self._legs = self._legs, []
            self.tell("rows", messages.rows(legs))

    def _words(self) -> list[str]:
        return ["--port", str(self._where.port), *(["--lan"] if self._where.lan else [])]

    def _write(self) -> None:
        pipe = self._server.stdin
        assert pipe is not None
        try:
            while True:
                with self._filled:
                    while not self._ring and not self._closing:
                        self._filled.wait()
                    lines = list(self._ring)
                    self._ring.clear()
                    if not lines:
                        break
                pipe.write(b"".join(lines))
                pipe.flush()
            pipe.close()
        except OSError:
            self._why = self._why or "its process has ended"

    def _read(self) -> None:
        pipe = self._server.stdout
        assert pipe is not None
        try:
            for text in pipe:
                self._hear(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            self._why = self._why or f"its process said something else ({type(error).__name__})"
        if not self._closing:
            self._why = self._why or "its process has ended"
        self._ready.set()

    def _hear(self, message: dict[str, Any]) -> None:
        """One message of the server."""
        if message["kind"] == "up":
            self._opened = Opened(tuple(message["control"]), tuple(message["view"]))
            self._ready.set()
        elif message["kind"] == "failed":
            self._why = str(message["why"])
        else:
            self._commands.append(message)


def _environment() -> dict[str, str]:
    """With the place of this package in front, for a source folder that was not installed."""
    paths = [str(_HOME), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
