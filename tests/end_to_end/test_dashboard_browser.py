"""The dashboard in a real browser: nothing from outside, all moves, a collapse is told, stop saves, others stay out."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from pipeline.files.recording import Recording
from pipeline.records import Event
from tests.end_to_end.browser import browser, missing
from tests.end_to_end.played_session import PlayedSession

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

PAGES = ("/", "/calibration", "/placement")
_LONG_MS = 45_000
_PICTURES = """([name, wanted, patience]) => new Promise(done => {
  const canvas = document.querySelector(name);
  const hashes = new Set();
  const end = performance.now() + patience;
  let seen = 0;
  (function look() {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let hash = 0;
    seen = 0;
    for (let i = 0; i < data.length; i += 4) {
      hash = (hash * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 2] + data[i + 3]) | 0;
      seen += data[i + 3] > 0;
    }
    hashes.add(hash);
    if (hashes.size >= wanted || performance.now() > end) done([hashes.size, seen]);
    else setTimeout(look, 60);
  })();
})"""
_OVERFLOWING = """width => [...document.body.querySelectorAll("*")].filter(e => {
  const box = e.getBoundingClientRect();
  const outside = box.right > width + 0.5 || box.left < -0.5;
  return box.width > 0 && box.height > 0 && outside && getComputedStyle(e).opacity > 0;
}).map(e => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`)"""
_SOCKET = """address => new Promise(told => {
  const socket = new WebSocket(address);
  socket.onopen = () => { socket.close(); told("open"); };
  socket.onerror = () => told("refused");
})"""


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    with browser("--autoplay-policy=no-user-gesture-required") as found:
        yield found


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedSession]:
    with PlayedSession(tmp_path_factory.mktemp("browser") / "session") as played:
        yield played


class _Watched:
    """A page and everything that it asked for or complained about."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def frames(self, more: int) -> None:
        """Until so many more frames of the stream have come."""
        before = self.page.evaluate("kneetrack.frames")
        self.page.wait_for_function("n => kneetrack.frames >= n", arg=before + more, timeout=_LONG_MS)


@pytest.fixture(scope="module")
def watched(chromium: "Browser", session: PlayedSession) -> _Watched:
    """The session's page with the right to act, open before the session begins."""
    watched = _Watched(chromium.new_context(viewport={"width": 1280, "height": 900}).new_page())
    watched.page.goto(session.opened.control[0])
    watched.page.wait_for_function("window.kneetrack?.linked", timeout=_LONG_MS)
    # A first touch lets the page sound.
    watched.page.mouse.click(5, 5)
    session.start()
    return watched


def _base(session: PlayedSession) -> str:
    return session.opened.control[0].split("/?")[0]


def _open(chromium: "Browser", address: str, width: int = 1280, height: int = 900) -> "Page":
    page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(address)
    return page


def test_the_token_does_not_stay_in_the_address(watched: _Watched, session: PlayedSession) -> None:
    assert watched.page.url == f"{_base(session)}/"
    cookies = watched.page.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Strict")]
    assert watched.page.evaluate("document.cookie") == ""


def test_the_guide_leads(watched: _Watched) -> None:
    guide = watched.page.locator(".kt-guide-title").first
    for words in ("Bend the knee", "Walk 10 steps"):
        watched.page.wait_for_function(
            "words => document.querySelector('.kt-guide-title')?.textContent.includes(words)",
            arg=words,
            timeout=_LONG_MS,
        )
    assert guide.is_visible()


@pytest.mark.parametrize("canvas", [".kt-traces", ".kt-leg"])
def test_the_traces_and_the_leg_move(watched: _Watched, canvas: str) -> None:
    page = watched.page
    page.wait_for_function("Object.keys(kneetrack.leg.poses).length", timeout=_LONG_MS)
    pictures, seen = page.evaluate(_PICTURES, [canvas, 5, _LONG_MS])
    assert pictures == 5 and seen > 200


def test_the_fall_is_told_at_once_and_listed(watched: _Watched) -> None:
    page = watched.page
    page.wait_for_function("kneetrack.cues.some(cue => cue.painted)", timeout=_LONG_MS)
    page.wait_for_selector(".kt-episode", timeout=_LONG_MS)
    text = page.locator(".kt-episode").first.inner_text()
    assert "right leg" in text and "walking" in text and "°" in text and "s," in text
    assert not page.locator(".kt-none").is_visible()
    cues = page.evaluate("kneetrack.cues")
    assert all(cue["side"] == "right" and 0.0 <= cue["delay"] < 5000.0 for cue in cues)
    assert any(cue["sound"] is not None for cue in cues), "a tone sounded"
    assert page.evaluate("kneetrack.traces.bands.length") >= 1


def test_flashes_keep_their_distance(watched: _Watched) -> None:
    """More than three a second can harm people with photosensitive epilepsy, however often the knee falls inward."""
    flashes = watched.page.evaluate("""new Promise(done => {
      const flash = document.querySelector(".kt-flash");
      const before = kneetrack.cue.flashes;
      const end = performance.now() + 1900;
      (function again() {
        kneetrack.cue.give(null);
        if (performance.now() < end) setTimeout(again, 40);
        else done([kneetrack.cue.flashes - before, flash.textContent]);
      })();
    })""")
    assert 1 <= flashes[0] <= 4 and flashes[1] == "Right knee"


def test_a_screen_reader_hears_of_the_fall(watched: _Watched) -> None:
    page = watched.page
    assert page.locator(".kt-said").get_attribute("aria-live") == "assertive"
    assert "right knee" in page.locator(".kt-said").inner_text()
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, select, canvas[role=img], a')]"
        ".filter(e => !(e.ariaLabel || e.textContent.trim())).map(e => e.className)"
    )
    assert unnamed == []


def test_what_is_shown_has_units_and_no_gaps(watched: _Watched) -> None:
    page = watched.page
    page.wait_for_function("document.querySelector('.kt-value')?.textContent.match(/[0-9]/)", timeout=_LONG_MS)
    assert page.locator(".kt-unit").first.inner_text() == "°"
    body = page.locator("body").inner_text()
    for words in ("NaN", "undefined", "null"):
        assert words not in body
    assert "Hz" in body and "dBm" in body and "% lost" in body


def test_the_measure_can_be_read_from_three_metres(watched: _Watched) -> None:
    """On a tablet of 264 dots an inch at two dots a pixel, 132 pixels are an inch: 15 mm of digits are 78 pixels."""
    height = watched.page.evaluate("parseFloat(getComputedStyle(document.querySelector('.kt-value')).fontSize)")
    assert 0.72 * height > 78.0


@pytest.mark.parametrize("path", PAGES)
def test_nothing_overflows_on_a_phone(
    chromium: "Browser", session: PlayedSession, watched: _Watched, path: str
) -> None:
    address = session.opened.control[0].replace("/?", f"{path}?")
    page = _open(chromium, address, 400, 800)
    page.wait_for_function("window.kneetrack?.state", timeout=_LONG_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate(_OVERFLOWING, 400) == []
    page.context.close()


def test_light_and_dark(watched: _Watched) -> None:
    page = watched.page
    grounds = []
    for _ in range(2):
        page.locator(".kt-theme").click()
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_a_wrong_token_is_refused(chromium: "Browser", session: PlayedSession) -> None:
    for address in (f"{_base(session)}/?token=AAAAAAAAAAAAAAAAAAAAAA", f"{_base(session)}/"):
        page = chromium.new_context().new_page()
        answer = page.goto(address)
        assert answer is not None and answer.status == 403
        assert page.locator("canvas").count() == 0
        page.context.close()


def test_a_web_socket_from_another_page_is_refused(
    chromium: "Browser", session: PlayedSession, watched: _Watched
) -> None:
    """The other page is on this computer too, so that the browser would send it our cookie."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title>")

        def log_message(self, format: str, *values: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"ws://{urlsplit(_base(session)).netloc}"
    page = chromium.new_context().new_page()
    cookies: list[Any] = watched.page.context.cookies()
    page.context.add_cookies(cookies)
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        for path in ("/stream", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"):
            assert page.evaluate(_SOCKET, address + path) == "refused"
        assert watched.page.evaluate(_SOCKET, f"{address}/stream") == "open"
    finally:
        page.context.close()
        server.shutdown()
        server.server_close()


def test_who_may_only_watch_cannot_act(chromium: "Browser", session: PlayedSession, watched: _Watched) -> None:
    page = _open(chromium, session.opened.view[0])
    page.wait_for_function("window.kneetrack?.role", timeout=_LONG_MS)
    assert page.evaluate("kneetrack.role") == "view"
    assert page.locator("[data-do]").count() == 0 and page.locator(".kt-cue").count() == 0
    page.evaluate(
        "new Promise(done => { const s = new WebSocket(`ws://${location.host}/stream`);"
        's.onopen = () => { s.send(\'{"kind":"stop"}\'); setTimeout(done, 500); } })'
    )
    assert not session.wait_for_end(0.5)
    page.context.close()


def test_stop_writes_the_files(watched: _Watched, session: PlayedSession) -> None:
    page = watched.page
    page.locator(".kt-mark").click()
    watched.frames(4)
    page.locator(".kt-stop").click()
    assert session.wait_for_end(60.0)
    page.wait_for_selector(".kt-saved", state="visible", timeout=_LONG_MS)
    assert str(session.folder) in page.locator(".kt-where").inner_text()
    assert len(pd.read_csv(session.folder / "episodes.csv")) >= 1
    assert len(pd.read_parquet(session.folder / "angles.parquet")) > 2000
    with Recording(session.folder / "recording.knee") as recording:
        events = [record for batch in recording.records() for record in batch if isinstance(record, Event)]
    kinds = {event.kind for event in events}
    assert {"marker", "cue", "stop"} <= kinds
    with page.expect_popup() as opened:
        page.locator(".kt-report").click()
    report = opened.value
    report.wait_for_load_state()
    assert report.url.endswith("/report") and "kneetrack" in report.content()


def test_another_session_is_shown_anew(watched: _Watched, session: PlayedSession) -> None:
    page = watched.page
    page.reload()
    page.wait_for_selector(".kt-saved", state="visible", timeout=_LONG_MS)
    state = {key: value for key, value in page.evaluate("kneetrack.state").items() if key != "kind"}
    session.board.begin()
    session.board.tell("place", {"text": "Lift your right knee.", "repeat": ""})
    page.wait_for_selector(".kt-waiting", timeout=_LONG_MS)
    assert not page.locator(".kt-saved").is_visible() and page.locator(".kt-episode").count() == 0
    session.board.tell("state", state)
    page.wait_for_selector(".kt-tile", timeout=_LONG_MS)
    assert page.locator(".kt-waiting").count() == 0


def test_nothing_from_outside_and_no_complaints(watched: _Watched, session: PlayedSession) -> None:
    """Last, over all that the page has done. Only the refused sockets of the other page are not ours to answer for."""
    host = urlsplit(_base(session)).netloc
    asked = [url for url in watched.asked if not url.startswith(("data:", "blob:"))]
    assert len(asked) > 10
    assert {urlsplit(url).netloc for url in asked} == {host}
    assert watched.complaints == []


def test_a_page_is_never_kept_by_the_browser_for_somebody_else(chromium: "Browser", session: PlayedSession) -> None:
    page = _open(chromium, session.opened.view[0])
    answer = page.request.get(f"{_base(session)}/", fail_on_status_code=False)
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http:" not in policy and "https:" not in policy
    page.context.close()


def test_files_are_where_the_session_is(session: PlayedSession) -> None:
    names = {file.name for file in Path(session.folder).iterdir()}
    assert {"angles.parquet", "steps.csv", "episodes.csv", "summary.json", "events.jsonl", "report.html"} <= names
