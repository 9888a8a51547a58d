"""What the session published last, handed to each browser as fast as that one answers.

The frames of the last seconds stand in a ring. A browser has a place in it and a credit of two messages: each message
holds everything since its place and takes one credit, which its acknowledgement gives back. So a browser on a poor
network gets fewer, longer messages, a frozen one gets none and costs nothing, and one that stays away too long is
dropped; when it comes back it begins with the present. Memory does not depend on any of them.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.screens.dashboard.access import Role

FRAMES = 400
"""Some 12 s at 33 frames a second: a page that opens shows its traces at once."""
EPISODES = 200
VIEWERS = 24
CREDIT = 2
SILENT_S = 10.0
"""A browser that acknowledges nothing for so long is dropped."""
_KINDS = frozenset({"start", "stop", "mark", "cue", "save", "place"})
_PAST = ('{"kind":"rows"', '{"kind":"episode_start"', '{"kind":"episode_end"')
"""Of the ring, what a page that opens is given: the traces and their bands."""
_LABEL = 60
_URGENT = "cue"
"""It does not wait for a browser's acknowledgement of what came before."""


class Hub:
    """Takes lines of JSON from the session and hands them to viewers.

    command : called with each command of a browser that may give it.
    """

    def __init__(self, command: Callable[[dict[str, Any]], None]) -> None:
        self._command = command
        self._frames: deque[str] = deque(maxlen=FRAMES)
        self._number = 0
        self._begin = ""
        self._state = ""
        self._saved = ""
        self._episodes: deque[str] = deque(maxlen=EPISODES)
        self._viewers: set[Viewer] = set()
        self.report: str = ""

    @property
    def viewers(self) -> int:
        """Browsers that are connected."""
        return len(self._viewers)

    def take(self, line: str) -> None:
        """One message of the session: an object with a `kind`.

        A cue notes when it came past here, for who measures.
        """
        message = json.loads(line)
        kind = message.get("kind")
        if kind == _URGENT:
            line = json.dumps({**message, "passed": time.time() * 1e3})
        if kind == "begin":
            self._frames.clear()
            self._episodes.clear()
            self._begin, self._state, self._saved = line, "", ""
        elif kind in ("state", "place"):
            self._state = line
        elif kind == "saved":
            self._saved = line
        elif kind == "episode":
            self._episodes.append(line)
        elif kind == "report":
            self.report = message["path"]
            return
        self._frames.append(line)
        self._number += 1
        for viewer in self._viewers:
            viewer.news.set()
            if kind == _URGENT:
                viewer.hurry()

    def since(self, place: int) -> tuple[list[str], int]:
        """The frames after a place in the ring, as far as they are still there, and the place after them."""
        new = min(self._number - place, len(self._frames))
        return (list(self._frames)[len(self._frames) - new :] if new > 0 else []), self._number

    def greeting(self, role: Role) -> list[str]:
        """What a browser needs to begin with."""
        return [
            json.dumps({"kind": "hello", "role": role.value}),
            *filter(None, (self._begin, self._state)),
            *self._episodes,
            *filter(None, (self._saved,)),
        ]

    async def serve(
        self, role: Role, send: Callable[[str], Awaitable[None]], receive: Callable[[], Awaitable[str]]
    ) -> bool:
        """One browser, until it goes or is silent for too long. False where there are too many already."""
        if len(self._viewers) >= VIEWERS:
            return False
        viewer = Viewer()
        self._viewers.add(viewer)
        listening = asyncio.create_task(self._listen(viewer, role, receive))
        talking = asyncio.create_task(self._talk(viewer, role, send))
        try:
            await asyncio.wait({listening, talking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._viewers.discard(viewer)
            for task in (listening, talking):
                task.cancel()
            await asyncio.gather(listening, talking, return_exceptions=True)
        return True

    async def _talk(self, viewer: "Viewer", role: Role, send: Callable[[str], Awaitable[None]]) -> None:
        frames, place = self.since(0)
        past = [frame for frame in frames if frame.startswith(_PAST)]
        await send(f"[{','.join([*self.greeting(role), *past])}]")
        while True:
            viewer.sent()
            if not await viewer.may_send():
                return
            frames, place = self.since(place)
            async with asyncio.timeout(SILENT_S):
                await send(f"[{','.join(frames)}]")

    async def _listen(self, viewer: "Viewer", role: Role, receive: Callable[[], Awaitable[str]]) -> None:
        while True:
            text = await receive()
            if text == "ok":
                viewer.answered()
                continue
            command = command_of(text)
            if command is not None and role is Role.CONTROL:
                self._command(command)


class Viewer:
    """One browser: news for it, and its credit."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self._credit = CREDIT
        self._free = asyncio.Event()
        self._free.set()
        self._heard = time.monotonic()

    def sent(self) -> None:
        """A message is on its way."""
        self._credit -= 1
        if self._credit <= 0:
            self._free.clear()

    def hurry(self) -> None:
        """What comes next goes out without credit, once."""
        self._free.set()

    def answered(self) -> None:
        """A message has come through."""
        self._credit = min(CREDIT, self._credit + 1)
        self._heard = time.monotonic()
        self._free.set()

    async def may_send(self) -> bool:
        """Waits for news and credit; False where the browser has not answered for too long."""
        await self.news.wait()
        try:
            async with asyncio.timeout(SILENT_S):
                await self._free.wait()
        except TimeoutError:
            return False
        self.news.clear()
        return True


def command_of(text: str) -> dict[str, Any] | None:
    """A browser's command, with nothing in it but what is known; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = found.get("kind") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    command = {"kind": kind}
    for name in ("label", "mode"):
        value = found.get(name)
        if isinstance(value, str):
            command[name] = "".join(c for c in value if c.isprintable())[:_LABEL]
    return command
