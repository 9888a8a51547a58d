"""The page when what it shows is over: its words, and the report, which can be read when the programme has gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.screens.dashboard.hub import VIEWERS
from pipeline.screens.dashboard.publisher import Publisher, Where
from pipeline.screens.view import SensorView, View
from tests.end_to_end.browser import browser, missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

_LONG_MS = 45_000


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    with browser() as found:
        yield found


def _opened(chromium: "Browser", board: Publisher, path: str = "/") -> "Page":
    page = chromium.new_context(viewport={"width": 400, "height": 800}).new_page()
    page.goto(board.wait().control[0].replace("/?", f"{path}?"))
    page.wait_for_function("window.kneetrack?.linked", timeout=_LONG_MS)
    return page


def test_the_report_stays_when_the_programme_has_gone(chromium: "Browser", tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(
        "<!doctype html><title>r</title><style>p{color:red}</style><p>What was found</p>", encoding="utf-8"
    )
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board)
        board.begin()
        board.ended(tmp_path, [report], again=False)
        page.wait_for_selector(".kt-report.kt-kept", timeout=_LONG_MS)
        assert page.locator(".kt-report").get_attribute("href") == "/report"
    page.wait_for_selector(".kt-away", timeout=_LONG_MS)
    assert "The session is saved. This page is no longer connected" in page.locator(".kt-problem").inner_text()
    assert page.locator(".nicegui-error-popup:visible").count() == 0
    with page.expect_popup() as opened:
        page.locator(".kt-report").click()
    opened.value.wait_for_selector("p")
    assert opened.value.locator("p").inner_text() == "What was found"
    page.context.close()


def test_a_replay_saves_nothing_and_says_so(chromium: "Browser") -> None:
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board)
        board.begin(replay=True)
        page.wait_for_selector(".kt-stop:has-text('Stop the replay')", timeout=_LONG_MS)
        assert not page.locator(".kt-mark").is_visible()
        board.ended(None, [], again=False, words="The replay is over.")
        page.wait_for_selector(".kt-saved", state="visible", timeout=_LONG_MS)
        assert page.locator(".kt-saved").inner_text().strip() == "The replay is over."
        page.context.close()


def test_a_calibration_asks_for_nothing_else(chromium: "Browser") -> None:
    """It is kept by the command: no button that seems to save it, no cue while the ten steps are walked."""
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board, "/calibration")
        board.begin(calibrates=True)
        board.tell("cue", {"side": "right", "severity": "strong", "time": 1.0, "behind": 50.0, "raised": 0.0})
        board.tell("place", {"text": "passed"})
        page.wait_for_selector(".kt-waiting:has-text('passed')", timeout=_LONG_MS)
        assert page.evaluate("[kneetrack.cues.length, kneetrack.cue.flashes]") == [0, 0]
        assert not page.locator(".kt-save").is_visible() and not page.locator(".kt-go").is_visible()
        page.context.close()


def test_too_many_pages_are_told_and_go_on_when_there_is_room(chromium: "Browser") -> None:
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board)
        page.evaluate(
            """count => new Promise(done => {
              window.others = Array.from({ length: count }, () => new WebSocket(`ws://${location.host}/stream`));
              let open = 0;
              for (const socket of window.others) socket.onmessage = () => { if (++open === count) done(); };
            })""",
            VIEWERS - 1,
        )
        late = chromium.new_context().new_page()
        late.goto(board.wait().view[0])
        late.wait_for_selector(".kt-problem:has-text('Too many pages are open')", timeout=_LONG_MS)
        page.evaluate("for (const socket of window.others) socket.close()")
        board.begin()
        late.wait_for_function("window.kneetrack.linked && window.kneetrack.frames > 0", timeout=_LONG_MS)
        late.context.close()
        page.context.close()


def test_a_frame_that_cannot_be_shown_does_not_take_others_with_it(chromium: "Browser") -> None:
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board)
        board.begin()
        board.tell("rows", {"legs": [{"side": "right"}]})
        board.tell("place", {"text": "the next one"})
        page.wait_for_selector(".kt-waiting:has-text('the next one')", timeout=_LONG_MS)
        page.context.close()


def test_names_and_words_cannot_become_markup(chromium: "Browser") -> None:
    """Names of sensors come over the radio, folders and labels from whoever typed them."""
    evil = '<img src=x onerror="window.hacked = 1">'
    view = View(1.0, None, [], [SensorView(evil, evil, evil, calibration=evil)], [], 0, where=evil, warnings=[evil])
    with Publisher(Where(port=0)) as board:
        page = _opened(chromium, board)
        board.begin()
        board.show(lambda: view, {"mode": "every", "share": 1.0}, last=True)
        board.ended(Path(evil), [], again=False, words=evil)
        page.wait_for_selector(".kt-saved", state="visible", timeout=_LONG_MS)
        for place in (".kt-problem", ".kt-sensor", ".kt-saved"):
            assert evil in page.locator(place).inner_text()
        assert page.evaluate("window.hacked") is None
        page.context.close()
