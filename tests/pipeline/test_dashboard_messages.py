"""What the session tells the dashboard: plain JSON in a person's words, independent of how the stream was cut."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blocks import LegBlock
from pipeline.calibration_progress import CalibrationProgress
from pipeline.records import Side
from pipeline.rows import RaisedEvent
from pipeline.screens.dashboard import messages
from pipeline.screens.dashboard.addresses import allowed_hosts, code_svg, code_text
from pipeline.screens.dashboard.placement import placement_svg
from pipeline.screens.dashboard.poses import poses_svg
from pipeline.screens.guide import Guide
from pipeline.screens.set_count import SetView
from pipeline.screens.step_peak import LastStep
from pipeline.screens.view import Angle, LegView, SensorView, View
from pipeline.update import LegResult
from tests.pipeline.made_legs import leg
from tests.pipeline.result_folder import episode


def _told(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    line = messages.line(kind, fields)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    found: dict[str, Any] = json.loads(line)
    return found


def _result(block: LegBlock, side: Side = Side.RIGHT) -> LegResult:
    return LegResult(side, block, np.zeros(len(block), np.uint8))


@given(cuts=st.lists(st.integers(1, 399), max_size=12), rate=st.sampled_from([60.0, 100.0, 200.0, 333.0]))
def test_rows_do_not_depend_on_the_cutting(cuts: list[int], rate: float) -> None:
    n = 400
    whole = leg(n, 1000, flexion=np.radians(np.arange(n) * 0.2))
    whole = LegBlock(**{**{f: getattr(whole, f) for f in whole.__dataclass_fields__}, "rate_hz": rate})
    edges = sorted({0, n, *cuts})
    values: list[float] = []
    for begin, end in pairwise(edges):
        found = messages.rows([_result(whole.cut(begin, end))])["legs"]
        values += found[0]["f"] if found else []
    assert values == messages.rows([_result(whole)])["legs"][0]["f"]
    assert len(values) <= n * 100.0 / rate + 1 if rate > 100.0 else len(values) == n


def test_rows_in_degrees_from_their_start_and_null_where_unknown() -> None:
    block = leg(4, 250, abduction=np.radians([1.0, np.nan, -2.5, 0.0]))
    one = _told("rows", messages.rows([_result(block), _result(leg(2, 254))]))["legs"][0]
    assert one["a"] == [1.0, None, -2.5, 0.0, 0.0, 0.0]
    assert one["start"] == 2.5 and one["step"] == 0.01 and one["q"] == [1, 0, 0, 0, 1, 0, 0, 0]


def test_both_legs_in_one_message() -> None:
    found = messages.rows([_result(leg(3)), _result(leg(3), Side.LEFT)])["legs"]
    assert [one["side"] for one in found] == ["right", "left"]


def test_a_state_in_a_persons_words() -> None:
    guide = Guide().view(CalibrationProgress(1.0, 2.5, False, 0, 5), None, 0)
    view = View(
        83.0,
        None,
        [
            LegView(Side.RIGHT, "done", Angle(12.34, 1.0), Angle(-0.04), status="ok", activity="stair_descent",
                    steps={"stair_descent": 3}, last_step=LastStep(6.0, "excess", "notice"),
                    exercise=SetView("squat", 2, 5, 1, (8, 12), (1, 3)), static_valgus_deg=3.5),
            LegView(Side.LEFT, "stand still", guide=guide),
        ],
        [SensorView("right thigh", "movella_dot", "connected", 60.2, 0.9, 997, 3, -85.0, "not calibrated yet")],
        [],
        0,
    )  # fmt: skip
    told = _told("state", messages.state(view, {"mode": "off", "share": 0.0}))
    right, left = told["legs"]
    assert right["activity"] == "stairs down" and right["steps"] == {"stairs down": 3}
    assert right["flexion"] == [12.3, 1.0] and right["abduction"] == [0.0, None]
    assert right["lastStep"] == "slightly inward" and right["ok"]
    assert left["guide"]["title"] == "Stand still" and left["guide"]["done"] == 0.4 and left["peak"] is None
    assert right["set"]["activity"] == "squat" and right["set"]["asked"] == [8, 12] and right["static"] == 3.5
    assert left["set"] is None and left["static"] is None and right["limits"] == [5.0, 7.0]
    sensor = told["sensors"][0]
    assert (
        sensor["signal"] == "signal weak (-85 dBm at connecting)" and sensor["battery"] == 90 and sensor["loss"] == 0.3
    )
    assert sensor["driver"] == "Movella DOT"


def test_angles_that_are_not_trusted_are_said_to_be_unsure() -> None:
    view = View(1.0, None, [LegView(Side.RIGHT, "done", status="ok", trusted=False)], [], [], 0)
    told = messages.state(view, {})["legs"][0]
    assert not told["ok"] and told["status"] == "not certain yet"


def test_what_is_wrong_stands_in_lines_the_worst_first() -> None:
    view = View(1.0, None, [], [], [], 0, problem="the disk is full", warnings=["a weak signal", "a low battery"])
    assert messages.state(view, {})["problems"] == ["the disk is full", "a weak signal", "a low battery"]
    assert messages.state(View(1.0, None, [], [], [], 0), {})["problems"] == []


def test_an_episode_and_its_band() -> None:
    told = _told("episode", messages.episode(episode("left", "single_leg_squat", 12.0, 9.3, float("nan"))))
    assert told["activity"] == "single-leg squat" and told["driver"] == "from the hip" and told["excess"] == 9.3
    assert told["collapse"] is None and told["level"] == "marked"
    # What it was told as at its onset is forgotten: the list holds what it turned out to be.
    corrected = replace(episode("right", "stair_descent", 12.0, 9.3, 8.0), activity_at_onset="other")
    assert _told("episode", messages.episode(corrected))["activity"] == "stairs down"
    band = _told("episode_end", messages.band(RaisedEvent(3.0, "episode_end", {"side": "left", "end_s": 2.9})))
    assert band["end"] == 2.9 and band["withdrawn"] is False


def test_the_square_code_holds_the_address() -> None:
    """Read back by its own size: longer addresses need larger codes, and both forms are square."""
    short, long = code_text("http://10.0.0.2:8077/"), code_text("http://10.0.0.2:8077/?token=" + "A" * 22)
    for text in (short, long):
        lines = [line for line in text.splitlines() if line.strip()]
        assert len(lines) > 10
    assert len(long) > len(short)
    svg = code_svg("http://10.0.0.2:8077/?token=x")
    assert svg.startswith("<svg") and "viewBox" in svg and "http" not in svg.replace("http://www.w3.org", "")


def test_hosts_of_the_network_only_where_it_is_open() -> None:
    assert allowed_hosts(8077, []) == ["127.0.0.1:8077", "localhost:8077"]
    assert "10.0.0.2:8077" in allowed_hosts(8077, ["10.0.0.2"])


@pytest.mark.parametrize("drawing", [placement_svg(), poses_svg()])
def test_drawings_ask_for_nothing_and_say_what_they_show(drawing: str) -> None:
    assert drawing.startswith("<svg") and drawing.count("<svg") == drawing.count("</svg>")
    assert "aria-label=" in drawing
    bare = drawing.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in bare and "href" not in bare
