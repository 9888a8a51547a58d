"""The hub: every browser at its own pace, a frozen one costs nothing, and only some may act."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.screens.dashboard import hub as hub_module
from pipeline.screens.dashboard.access import Role
from pipeline.screens.dashboard.hub import CREDIT, FRAMES, VIEWERS, Hub, command_of


class _Browser:
    """Answers each message at once, or never (frozen)."""

    def __init__(self, frozen: bool = False) -> None:
        self.frozen = frozen
        self.frames: list[dict[str, Any]] = []
        self.messages = 0
        self._words: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, text: str) -> None:
        self.messages += 1
        self.frames += json.loads(text)
        if not self.frozen:
            self._words.put_nowait("ok")

    async def receive(self) -> str:
        return await self._words.get()

    def say(self, text: str) -> None:
        self._words.put_nowait(text)

    def rows(self) -> list[int]:
        return [frame["n"] for frame in self.frames if frame["kind"] == "rows"]


def _rows(number: int) -> str:
    return f'{{"kind":"rows","n":{number}}}'


async def _turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _with(
    browsers: list[_Browser], do: Callable[[Hub], Any], role: Role = Role.CONTROL
) -> tuple[Hub, list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    hub = Hub(said.append)
    tasks = [asyncio.create_task(hub.serve(role, each.send, each.receive)) for each in browsers]
    await _turns()
    await do(hub)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return hub, said


async def test_every_browser_gets_every_frame_once_and_in_order() -> None:
    browsers = [_Browser(), _Browser()]

    async def do(hub: Hub) -> None:
        for number in range(100):
            hub.take(_rows(number))
            if number % 7 == 0:
                await _turns()
        await _turns()

    await _with(browsers, do)
    for browser in browsers:
        assert browser.rows() == list(range(100))


async def test_a_frozen_browser_gets_its_credit_and_nothing_more() -> None:
    frozen, live = _Browser(frozen=True), _Browser()

    async def do(hub: Hub) -> None:
        for number in range(3 * FRAMES):
            hub.take(_rows(number))
            await _turns(8)
        await _turns()

    await _with([frozen, live], do)
    assert frozen.messages == CREDIT
    assert live.rows() == list(range(3 * FRAMES))


async def test_a_browser_that_wakes_up_skips_to_the_present() -> None:
    frozen = _Browser(frozen=True)

    async def do(hub: Hub) -> None:
        for number in range(2 * FRAMES):
            hub.take(_rows(number))
            await _turns(8)
        frozen.frozen = False
        frozen.say("ok")
        frozen.say("ok")
        await _turns()

    await _with([frozen], do)
    got = frozen.rows()
    assert got[-1] == 2 * FRAMES - 1
    assert len(got) < FRAMES + 10
    assert got == sorted(set(got))


async def test_a_silent_browser_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SILENT_S", 0.05)
    hub = Hub(lambda command: None)
    frozen = _Browser(frozen=True)
    served = asyncio.create_task(hub.serve(Role.VIEW, frozen.send, frozen.receive))
    await _turns()
    assert hub.viewers == 1
    for number in range(5):
        hub.take(_rows(number))
        await asyncio.sleep(0.03)
    await asyncio.wait_for(served, 5.0)
    assert hub.viewers == 0


async def test_who_comes_late_sees_the_traces_the_list_and_the_state() -> None:
    hub = Hub(lambda command: None)
    hub.take('{"kind":"begin","replay":false}')
    for number in range(FRAMES + 50):
        hub.take(_rows(number))
    hub.take('{"kind":"episode","start":1}')
    hub.take('{"kind":"episode_start","side":"right","start":2}')
    hub.take('{"kind":"state","elapsed":9}')
    hub.take('{"kind":"cue","side":"right"}')
    browser = _Browser()
    served = asyncio.create_task(hub.serve(Role.VIEW, browser.send, browser.receive))
    await _turns()
    served.cancel()
    kinds = [frame["kind"] for frame in browser.frames]
    assert kinds[0] == "hello" and browser.frames[0]["role"] == "view"
    assert kinds.count("episode") == 1 and kinds.count("state") == 1 and kinds.count("begin") == 1
    assert kinds.count("episode_start") == 1
    assert "cue" not in kinds, "a cue of the past is none"
    assert FRAMES - 10 < len(browser.rows()) <= FRAMES


async def test_who_comes_after_the_end_can_start_anew() -> None:
    hub = Hub(lambda command: None)
    for line in ('{"kind":"begin"}', '{"kind":"state","elapsed":9}', '{"kind":"saved","again":true}'):
        hub.take(line)
    browser = _Browser()
    served = asyncio.create_task(hub.serve(Role.CONTROL, browser.send, browser.receive))
    await _turns()
    served.cancel()
    assert [frame["kind"] for frame in browser.frames] == ["hello", "begin", "state", "saved"]


async def test_who_comes_while_a_knee_is_to_be_lifted_is_told() -> None:
    hub = Hub(lambda command: None)
    for line in ('{"kind":"begin"}', '{"kind":"place","text":"Looking"}', '{"kind":"place","text":"Lift"}'):
        hub.take(line)
    browser = _Browser()
    served = asyncio.create_task(hub.serve(Role.VIEW, browser.send, browser.receive))
    await _turns()
    served.cancel()
    assert [frame.get("text") for frame in browser.frames if frame["kind"] == "place"] == ["Lift"]


async def test_a_new_session_forgets_the_old_one() -> None:
    hub = Hub(lambda command: None)
    for line in (_rows(1), '{"kind":"episode","start":1}', '{"kind":"state","elapsed":9}', '{"kind":"begin"}'):
        hub.take(line)
    browser = _Browser()
    served = asyncio.create_task(hub.serve(Role.VIEW, browser.send, browser.receive))
    await _turns()
    served.cancel()
    assert [frame["kind"] for frame in browser.frames] == ["hello", "begin"]


@pytest.mark.parametrize("role", Role)
async def test_only_control_acts(role: Role) -> None:
    browser = _Browser()

    async def do(hub: Hub) -> None:
        for text in ('{"kind":"mark","label":"now"}', '{"kind":"stop"}', "nonsense", '{"kind":"rows"}'):
            browser.say(text)
        await _turns()

    _, said = await _with([browser], do, role)
    wanted = [{"kind": "mark", "label": "now"}, {"kind": "stop"}] if role is Role.CONTROL else []
    assert said == wanted


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"kind":"mark","label":"a\\u0007b","path":"/etc"}', {"kind": "mark", "label": "ab"}),
        ('{"kind":"cue","mode":"fading"}', {"kind": "cue", "mode": "fading"}),
        ('{"kind":"mark","label":7}', {"kind": "mark"}),
        ('{"kind":"exit"}', None),
        ('{"kind":["stop"]}', None),
        ("[1]", None),
        ("{", None),
        ("", None),
        ("[" * 5000, None),
    ],
)
def test_commands_hold_only_what_is_known(text: str, command: dict[str, str] | None) -> None:
    assert command_of(text) == command


def test_a_label_is_short() -> None:
    command = command_of(json.dumps({"kind": "mark", "label": "x" * 10_000}))
    assert command is not None and len(command["label"]) <= 60


async def test_there_are_not_too_many_browsers() -> None:
    browsers = [_Browser() for _ in range(VIEWERS + 5)]

    async def do(hub: Hub) -> None:
        assert hub.viewers == VIEWERS

    await _with(browsers, do)
