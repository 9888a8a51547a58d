"""The fading cue as a person has it: chosen on the page, and watched there over a hundred steps that fall inward."""

import time

import numpy as np
import pytest

from pipeline.records import Side
from pipeline.rows import RaisedEvent
from pipeline.screens.cue import FADING_STEPS
from pipeline.screens.dashboard.publisher import Publisher, Where
from pipeline.screens.dashboard.showing import Showing
from pipeline.screens.view import View
from pipeline.update import Update
from tests.end_to_end.browser import browser, missing
from tests.pipeline.result_folder import step

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

_LONG_MS = 45_000


def _one(number: int, side: Side) -> Update:
    """A step in which the knee falls inward."""
    at = float(number)
    begins = RaisedEvent(
        at, "episode_start", {"side": side.value, "severity": "notice", "start_s": at, "measure": "both"}
    )
    ends = RaisedEvent(at + 0.3, "episode_end", {"side": side.value, "start_s": at, "end_s": at + 0.3})
    return Update(events=[begins, ends], steps=[step(side.value, number, "walking", at, 6.0, 3.0)])


def test_a_hundred_steps_with_fewer_and_fewer_cues() -> None:
    with Publisher(Where(port=0)) as board, browser("--autoplay-policy=no-user-gesture-required") as program:
        page = program.new_page()
        page.goto(board.wait().control[0])
        page.wait_for_function("window.kneetrack?.linked", timeout=_LONG_MS)
        showing = Showing(board, lambda: View(0.0, None, [], [], [], 0), lambda: 0.0)
        board.begin()
        page.select_option(".kt-cue", "fading")
        asked: list[str] = []
        while not asked:
            asked = [each.fields["cue"] for each in showing.asked()]
            time.sleep(0.02)
        assert asked == ["fading"]
        told = []
        for block in range(5):
            for number in range(block * FADING_STEPS, (block + 1) * FADING_STEPS):
                showing.take(_one(number, Side.RIGHT))
            board.tell("place", {"text": f"after {block}"})
            page.wait_for_function(
                "words => document.querySelector('.kt-waiting')?.textContent === words",
                arg=f"after {block}",
                timeout=_LONG_MS,
            )
            told.append(page.evaluate("kneetrack.cues.length"))
            # The share stands on the page with the next picture of the session.
            words = f"Now on {round(100 * (1.0, 0.75, 0.5, 0.25, 0.1, 0.1)[block + 1])} %"
            for _ in range(400):
                showing.show()
                page.wait_for_timeout(30)
                if words in page.locator(".kt-cue-share").inner_text():
                    break
            assert words in page.locator(".kt-cue-share").inner_text()
        assert np.diff([0, *told]).tolist() == [20, 15, 10, 5, 2]
        assert page.evaluate("kneetrack.cue.flashes") >= 1
        assert page.locator(".kt-said").inner_text() == "right knee falls inward"
