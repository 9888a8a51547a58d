"""The terminal: 80 columns, words that say what to do, plain lines where there is no terminal."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipeline.records import Side
from pipeline.screens import terminal
from pipeline.screens.digits import LINES, large
from pipeline.screens.guide import GuideView
from pipeline.screens.set_count import SetView
from pipeline.screens.terminal import LineScreen, LiveScreen, screen, summary_table
from pipeline.screens.terminal_lines import set_line, static_line
from pipeline.screens.terminal_picture import WIDTH, picture
from pipeline.screens.view import Angle, LegView, SensorView, View
from tests.pipeline.result_folder import episode, summary


def _view(**changes: object) -> View:
    walking = LegView(
        Side.RIGHT,
        "done",
        Angle(62.4, 1.2),
        Angle(-12.34, 1.9),
        Angle(13.9, 3.1),
        Angle(1.2, 1.3),
        Angle(3.3, 0.9),
        "ok",
        "stair_descent",
        {"walking": 112, "stair_ascent": 40, "stair_descent": 38, "single_leg_squat": 12},
    )
    bending = LegView(Side.LEFT, "bend the knee slowly (2 of 5)")
    sensors = [
        SensorView("right thigh", "movella_dot", "connected", 60.2, 0.9, 997, 3),
        SensorView("left shank", "witmotion", "searching", None, None, 0, 0),
    ]
    found = [episode("right", "single_leg_squat", 12.0 + k, 8.0 + k, 14.0) for k in range(5)]
    values: dict[str, object] = {
        "elapsed_s": 83.0,
        "limit_s": 600.0,
        "legs": [walking, bending],
        "sensors": sensors,
        "episodes": found,
        "episodes_seen": 7,
        "where": "a/rather/long/folder/name/for/a/session/of/one/person/with/two/knees/recording.knee",
    }
    return View(**(values | changes))  # type: ignore[arg-type]


def _drawn(view: View, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(picture(view, **options))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("blocks", [True, False])
def test_picture_fits_80_columns_and_24_lines(blocks: bool) -> None:
    lines = _drawn(_view(), blocks=blocks).splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 80
    assert len(lines) <= 24


def _two_legs(**changes: object) -> View:
    """Both legs in the middle of a set, with all that can be said of them."""
    legs = []
    for side in Side:
        leg = LegView(
            side, "done", Angle(88.4, 1.2), Angle(-12.3, 1.9), Angle(13.9, 3.1), Angle(1.2, 1.3), Angle(3.3, 0.9), "ok",
            "squat", {"walking": 112, "squat": 12}, exercise=SetView("squat", 2, 5, 1, (8, 12), (1, 3)),
            static_valgus_deg=3.5,
        )  # fmt: skip
        legs.append(leg)
    places = [f"{side} {place}" for side in Side for place in ("thigh", "shin")]
    sensors = [SensorView(place, "witmotion", "connected", 100.0, 0.9, 999, 1) for place in places]
    return _view(**{"legs": legs, "sensors": sensors, **changes})


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize(
    "warnings", [(), ("the right thigh sensor's signal is weak, 12 % of its samples are lost: " * 2,)]
)
def test_both_legs_fit_80_columns_and_24_lines(blocks: bool, warnings: tuple[str, ...]) -> None:
    """A terminal's usual size: nothing that matters is cut, and the figures stay large."""
    text = _drawn(_two_legs(warnings=warnings), blocks=blocks, lines=24)
    lines = text.splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 80
    assert len(lines) <= 24
    for words in ("RIGHT LEG", "LEFT LEG", "5 of 8 to 12", "+3.5°", "right shin", "left thigh", "0:16", "Ctrl-C"):
        assert words in text
    assert text.count("squat, set 2 of 3") == 2
    assert ("▀" in text) is blocks
    assert all(word in " ".join(lines) for warning in warnings for word in warning.split())


def test_the_picture_becomes_smaller_no_sooner_than_it_must() -> None:
    heights = [len(_drawn(_two_legs(), lines=lines).splitlines()) for lines in range(14, 40)]
    assert all(height <= lines for height, lines in zip(heights[3:], range(17, 40), strict=True))
    assert heights == sorted(heights) and heights[-1] == len(_drawn(_two_legs()).splitlines())
    assert "searching" in _drawn(_view(), lines=14)


def test_a_live_screen_stays_inside_its_terminal() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, legacy_windows=False)
    with LiveScreen(console) as live:
        live.show(_two_legs)
        assert isinstance(console.file, io.StringIO)
        drawn = console.file.getvalue()
    assert "..." not in drawn.splitlines()[-1] and "Ctrl-C" in drawn


def test_picture_says_what_to_do_and_what_is_wrong() -> None:
    text = _drawn(_view(problem="the disk is full"), blocks=False)
    for words in ("bend the knee slowly (2 of 5)", "62°", "-12.3°", "±1.9°", "searching", "0.3 %", "the disk is full"):
        assert words in text
    assert "1:23 of 10:00" in text


def test_unknown_angles_are_dashes() -> None:
    text = _drawn(_view(legs=[LegView(Side.RIGHT, "done")]), blocks=False)
    assert "nan" not in text.lower()
    assert "no data" in text


def test_large_figures_are_three_lines_of_equal_width() -> None:
    for text in ("-12.3", "+4.0", "62", "0123456789"):
        lines = large(text)
        assert len(lines) == LINES
        assert len({len(line) for line in lines}) == 1
    assert len({tuple(large(digit)) for digit in "0123456789"}) == 10


def test_summary_fits_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(summary_table([summary("right", "single_leg_squat", 1234, 56), summary("left", "walking", 5, 0)]))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 80
    assert any("single-leg squat" in line and "1234" in line for line in lines)


def test_plain_lines_say_each_change_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    lines = screen(Console(file=out, width=80))
    assert isinstance(lines, LineScreen)
    clock = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])

    def show(view: View) -> str:
        before = len(out.getvalue())
        clock[0] += 1.0
        lines.show(lambda: view)
        return out.getvalue()[before:]

    first = show(_view())
    assert "bend the knee slowly (2 of 5)" in first
    assert "right: stairs down, flexion +62.4 ±1.2" in first
    assert show(_view()) == ""
    assert "no disk" in show(_view(problem="no disk"))
    one_more = show(_view(problem="no disk", episodes_seen=8))
    assert one_more.count("valgus episode") == 1 and "excess +12.0" in one_more


def test_live_screen_draws_seldom() -> None:
    drawn = []

    def view() -> View:
        drawn.append(1)
        return _view()

    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    asked: Callable[[], View] = view
    with LiveScreen(console) as live:
        for _ in range(50):
            live.show(asked)
    assert 1 <= len(drawn) <= 10


def _guided(side: Side, **changes: object) -> LegView:
    values: dict[str, object] = {
        "step": 2,
        "title": "Bend the knee slowly 6 times",
        "how": "Stand on the other leg and hold on to something. Lift the heel slowly behind you, and put it down.",
        "done": 0.5,
        "count": "3 of 6",
        "repeat": "Once more: too fast (0.4 s): take two seconds for each bend, and do not let the foot fall down.",
    }
    return LegView(side, "bend the knee slowly (3 of 5)", guide=GuideView(**(values | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [True, False])
def test_the_guide_fits_for_two_legs(blocks: bool) -> None:
    sensors = [SensorView(f"{side} {segment}", "witmotion") for side in Side for segment in ("thigh", "shank")]
    view = _view(legs=[_guided(Side.RIGHT), _guided(Side.LEFT)], sensors=sensors, episodes=[], episodes_seen=0)
    lines = _drawn(view, blocks=blocks).splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 80
    assert len(lines) <= 24


def test_the_guide_says_how_far_and_what_to_repeat() -> None:
    text = _drawn(_view(legs=[_guided(Side.RIGHT)]), blocks=False)
    for words in (
        "bend the knee slowly 6 times (3 of 6)",
        "####################....",
        "too fast (0.4 s)",
        "x Stand still",
    ):
        assert words in text


def test_the_guide_is_never_cut_and_stays_until_the_walk_is_over() -> None:
    bending = " ".join(_drawn(_view(legs=[_guided(Side.RIGHT, repeat="")]), lines=24).split())
    assert "Lift the heel slowly behind you, and put it down." in bending
    walking = replace(_view().legs[0], guide=GuideView(3, "Walk 10 steps", "At your usual pace.", 0.4, "4 of 10"))
    text = _drawn(_view(legs=[walking]), lines=24)
    assert "walk 10 steps (4 of 10)" in text and "abduction" in text
    assert "walk 10 steps" not in _drawn(_view(legs=[replace(walking, guide=GuideView(4, "Calibrated"))]))


def test_plain_lines_follow_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    lines = LineScreen(Console(file=out, width=80))
    clock = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])

    def show(leg: LegView) -> str:
        before = len(out.getvalue())
        clock[0] += 1.0
        lines.show(lambda: _view(legs=[leg], sensors=[], episodes=[], episodes_seen=0))
        return out.getvalue()[before:]

    still = {"step": 1, "title": "Stand still", "repeat": ""}
    assert "stand still (0.5 of 2.5 s)" in show(_guided(Side.RIGHT, **still, count="0.5 of 2.5 s"))
    assert show(_guided(Side.RIGHT, **still, count="1.0 of 2.5 s")) == "", "the seconds make no lines"
    assert "(0 of 6)" in show(_guided(Side.RIGHT, count="0 of 6", repeat=""))
    assert "Once more: too fast" in show(_guided(Side.RIGHT, count="0 of 6"))
    assert "(1 of 6)" in show(_guided(Side.RIGHT, count="1 of 6", repeat=""))


def test_warnings_of_sensors() -> None:
    warning = "the right thigh sensor's signal is weak, 12 % of its samples are lost: bring the computer nearer"
    drawn = _drawn(_view(warnings=[warning]))
    assert warning in " ".join(drawn.split()) and max(cell_len(line) for line in drawn.splitlines()) <= 80
    assert "!" not in _drawn(_view())
    lines = LineScreen(Console(file=io.StringIO()))
    first = lines._new(_view(warnings=[warning]), 0.0)
    assert sum("warning: " + warning in line for line in first) == 1
    assert not any("signal" in line for line in lines._new(_view(warnings=[warning.replace("12", "13")]), 1.0))


def test_the_set_in_progress_stands_in_one_line_of_80_columns() -> None:
    squats = SetView("single_leg_squat", 2, 12, 10, (8, 12), (1, 3))
    assert set_line(squats) == "single-leg squat, set 2 of 3: 12 of 8 to 12, 2 clean, 10 inward"
    assert all(len(line) <= WIDTH for line in (set_line(squats), static_line(-12.5)))
    assert "5 of 5" in set_line(SetView("squat", 1, 5, 0, (5, 5), (1, 1)))
    assert set_line(None) == "" == static_line(None)
    assert "+3.5°" in static_line(3.5)
