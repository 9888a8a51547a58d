"""The session's page: self-contained, complete, honest about what is missing."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.screens.cycle_figures import _directed, curves_over_cycle, worst
from pipeline.screens.cycles import POINTS, band
from pipeline.screens.report import write_report
from tests.pipeline.html_page import assert_self_contained
from tests.pipeline.result_folder import write_results


@pytest.mark.parametrize("sides", [("right",), ("right", "left")])
def test_page_is_self_contained_and_well_formed(tmp_path: Path, sides: tuple[str, ...]) -> None:
    page = write_report(write_results(tmp_path, sides)).read_text(encoding="utf-8")
    assert_self_contained(page)
    assert page.count("<figure>") == 4


def test_page_tells_what_was_found_and_its_limits(tmp_path: Path) -> None:
    page = write_report(write_results(tmp_path, steps=40)).read_text(encoding="utf-8")
    assert "40 steps and repetitions, 4 valgus episodes (10 per 100 steps), 4 of them marked or strong" in page
    assert "stairs down" in page and "2026-11-20 09:12 UTC" in page
    for words in ("Not a medical device", "not for diagnosis", "Stop and seek advice on pain", "fixed knock-knee"):
        assert words in page
    assert page.count("<figure>") == 4


def test_page_of_a_session_without_steps(tmp_path: Path) -> None:
    page = write_report(write_results(tmp_path, steps=0)).read_text(encoding="utf-8")
    assert "No step was recognised" in page and "No step, repetition or valgus episode was recognised." in page
    assert "<figure>" not in page
    assert_self_contained(page)


def test_text_from_recordings_cannot_become_markup(tmp_path: Path) -> None:
    hostile = {"right thigh": {"driver": "<script>alert(1)</script>"}}
    page = write_report(write_results(tmp_path, quality=hostile)).read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("missing", ["angles.parquet", "steps.csv", "episodes.csv", "summary.json"])
def test_missing_and_damaged_files_are_refused(tmp_path: Path, missing: str) -> None:
    folder = write_results(tmp_path / "session")
    (folder / missing).write_text("{[", encoding="utf-8")
    with pytest.raises(BadInputError, match="damaged") as damaged:
        write_report(folder)
    (folder / missing).unlink()
    with pytest.raises(BadInputError, match=f"holds no {missing}"):
        write_report(folder)
    assert "\n" not in str(damaged.value)
    assert not (folder / "report.html").exists()


def test_cycle_curve_of_steps_of_different_length() -> None:
    """A sine that always makes one turn a step comes out as one turn, whatever the steps' lengths."""
    edges = np.cumsum([0.0, 0.9, 1.2, 1.0, 1.4])
    time = np.arange(0.0, edges[-1], 0.01)
    step = np.searchsorted(edges, time, side="right") - 1
    turn = (time - edges[step]) / np.diff(edges)[step]
    found = band(time, np.sin(2 * np.pi * turn), np.ones(len(time), bool), edges[:-1], edges[1:])
    assert found is not None and found.steps == 4
    expected = np.sin(np.linspace(0.0, 2 * np.pi, POINTS))
    assert np.abs(found.mean - expected)[2:-2].max() < 0.02


def test_cycle_curve_leaves_out_steps_with_holes() -> None:
    time = np.arange(0.0, 4.0, 0.01)
    valid = (time < 1.2) | (time > 1.8)
    angle = np.where(valid, 1.0, 1e6)
    starts = np.array([0.0, 1.0, 2.0, 3.0])
    found = band(time, angle, valid, starts, starts + 1.0)
    assert found is not None and found.steps == 3
    assert np.all(found.mean == 1.0)
    assert band(time, angle, valid, starts[1:2], starts[1:2] + 1.0) is None


def test_page_tells_the_quality_of_the_data(tmp_path: Path) -> None:
    sensor = {"driver": "movella_dot", "rate_hz": 60.02, "samples": 990, "lost": 10, "gap_s": 1.25, "battery": 0.9}
    page = write_report(write_results(tmp_path, quality={"right thigh": sensor})).read_text(encoding="utf-8")
    row = re.search(r"<tr><td class=.word.>right thigh</td>.*?</tr>", page)
    assert row is not None
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row.group())
    assert cells == ["right thigh", "Movella DOT", "60.0", "1.00", "–", "1.2", "–", "90"]
    assert "not calibrated" in page


_LEFT_RIGHT = {"activity": "walking", "steps_left": 10, "steps_right": 10, "peak_valgus_excess_deg": 4.2}
_THIRDS = {"side": "right", "activity": "walking", "steps": 10, "peak_medial_collapse_deg": -1.04}
_SET = {"side": "left", "activity": "squat", "start_s": 75.0, "repetitions": 12, "collapsed": 3, "tempo_s": 2.25}


def test_comparisons_and_sets_stand_where_the_summary_has_them(tmp_path: Path) -> None:
    told = {"left_right": [_LEFT_RIGHT, "?"], "thirds": [_THIRDS, {}], "sets": [_SET] * 9}
    page = write_report(write_results(tmp_path, ("left", "right"), **told)).read_text(encoding="utf-8")
    assert '<td class="clear">+4.2</td>' in page and "<td>-1.0</td>" in page
    assert page.count("<td>1:15</td><td>12</td><td>3</td>") == 6 and "3 more sets are in summary.json" in page
    assert "2 to 3 deg is no difference" in page
    judged = [{**_LEFT_RIGHT, "clear": []}]
    again = write_report(write_results(tmp_path, left_right=judged, too_little=["left squat: 2", "b", "c", "d"]))
    page = again.read_text(encoding="utf-8")
    assert "<td>+4.2</td>" in page and "left squat: 2; b; c; and 1 more." in page
    bare = write_report(write_results(tmp_path / "bare", left_right=None, sets="none")).read_text(encoding="utf-8")
    assert "Compared" not in bare


def test_activities_have_one_name_on_the_page(tmp_path: Path) -> None:
    told = ["left stair descent: 11 steps; means need 12", "right other: 2 steps; means need 5"]
    page = write_report(write_results(tmp_path, too_little=told)).read_text(encoding="utf-8")
    assert "left stairs down: 11 steps; means need 12; right other movement: 2 steps" in page


def test_where_no_angle_is_known_there_is_no_empty_picture(tmp_path: Path) -> None:
    """Walking without a standing before it: steps are counted, their angles are not valid."""
    folder = write_results(tmp_path, calibration={"right": {"method": "motion", "unloaded_path": None}})
    steps = pd.read_csv(folder / "steps.csv")
    angles = pd.read_parquet(folder / "angles.parquet")
    steps[["peak_abduction_deg", "peak_valgus_excess_deg", "peak_medial_collapse_deg"]] = np.nan
    steps.to_csv(folder / "steps.csv", index=False)
    angles.assign(valid=False).to_parquet(folder / "angles.parquet")
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<svg" not in page.split("Worst steps")[0]
    assert "No angle of the session is valid" in page
    assert "no quiet standing was seen, so where zero lies is a guess" in page


def test_a_leg_without_known_angles_is_in_no_legend(tmp_path: Path) -> None:
    folder = write_results(tmp_path, ("right", "left"))
    steps = pd.read_csv(folder / "steps.csv")
    steps.loc[steps["side"] == "left", [c for c in steps if c.startswith("peak_")]] = np.nan
    steps.to_csv(folder / "steps.csv", index=False)
    svg = re.findall(r"<svg.*?</svg>", write_report(folder).read_text(encoding="utf-8"), re.DOTALL)
    for figure in svg[:2]:
        assert "left leg" not in figure


def test_sitting_down_and_standing_up_are_not_averaged(tmp_path: Path) -> None:
    """Bending from 0 to 90 deg and back: the mean over both would be 45 deg throughout."""
    time = np.arange(0.0, 24.0, 0.01)
    angles = pd.DataFrame({"time_s": time, "side": "right", "valid": True})
    for name in ("flexion", "abduction", "valgus_excess", "medial_collapse", "rotation"):
        angles[f"{name}_deg"] = 0.0
    angles["flexion_deg"] = 45.0 - 45.0 * np.cos(np.pi * time / 2.0)
    starts = np.arange(0.0, 24.0, 2.0)
    steps = pd.DataFrame({"side": "right", "activity": "sit_to_stand", "start_s": starts, "end_s": starts + 1.99})
    found = _directed(angles, steps)
    assert found["activity"].tolist() == 6 * ["sitting down", "standing up"]
    assert steps["activity"].unique().tolist() == ["sit_to_stand"], "what was given stays as it is"
    picture = curves_over_cycle(angles, steps, 4.0)
    assert picture is not None and "sitting down" in picture.svg and "standing up" in picture.svg


def _inside(svg: str) -> bool:
    """Whether the turned names of the vertical axes begin inside the picture."""
    places = re.findall(r"translate\((-?[\d.]+) [\d.]+\) rotate\(-90|rotate\(-90 (-?[\d.]+) ", svg)
    return bool(places) and min(float(one or other) for one, other in places) > 6.0


def test_names_of_axes_are_not_cut(tmp_path: Path) -> None:
    """Small angles have ticks with a minus sign, which push the names outward."""
    folder = write_results(tmp_path, steps=8)
    steps = pd.read_csv(folder / "steps.csv")
    steps[["peak_abduction_deg", "peak_valgus_excess_deg", "peak_medial_collapse_deg"]] = -0.2
    steps.to_csv(folder / "steps.csv", index=False)
    svg = re.findall(r"<svg.*?</svg>", write_report(folder).read_text(encoding="utf-8"), re.DOTALL)
    assert all(map(_inside, [svg[0], *svg[2:]]))


def test_worst_steps_are_those_of_the_largest_episodes(tmp_path: Path) -> None:
    steps = pd.DataFrame({"side": "right", "start_s": np.arange(30.0), "end_s": np.arange(1.0, 31.0)})
    steps["peak_valgus_excess_deg"] = np.linspace(0.0, 29.0, 30)
    steps["peak_medial_collapse_deg"] = 0.0
    steps.loc[3, "peak_medial_collapse_deg"] = 40.0
    episodes = pd.DataFrame({"side": ["right", "right", "left"], "peak_s": [3.5, 7.5, 20.5]})
    assert list(worst(steps, episodes).index) == [3, 7]
    assert list(worst(steps, episodes.iloc[:0]).index) == [29, 28, 27, 26, 25]


def _strokes(page: str, colour: str, figure: int) -> int:
    """How many dots of this colour a figure has."""
    svg = re.findall(r"<svg.*?</svg>", page, re.DOTALL)[figure]
    paths = re.findall(rf'<path d="([^"]*)"[^>]*stroke: {colour}', svg)
    return sum(path.count("h.1") for path in paths)


def test_every_step_is_a_dot_of_its_leg(tmp_path: Path) -> None:
    page = write_report(write_results(tmp_path, ("right", "left"), steps=40)).read_text(encoding="utf-8")
    assert _strokes(page, "#0072b2", 0) == _strokes(page, "#d55e00", 0) == 3 * 40


@pytest.mark.parametrize(("sides", "steps"), [(("right",), 40), (("right", "left"), 400), (("left",), 5000)])
def test_it_prints_on_two_sheets_and_stays_light(sides: tuple[str, ...], steps: int, tmp_path: Path) -> None:
    told = {
        "too_little": ["right single leg squat: 11 steps; a comparison of beginning and end needs 12"] * 9,
        "left_right": [{**_LEFT_RIGHT, "activity": f"squat {k}"} for k in range(9)],
        "thirds": [{**_THIRDS, "activity": f"squat {k}"} for k in range(9)],
        "sets": [_SET] * 9,
        "calibration": {side: {"method": "standing + flexions", "thigh_axis_sd_deg": 2.0} for side in sides},
        "quality": {f"{side} {segment}": {"driver": "open_format"} for side in sides for segment in ("thigh", "shank")},
    }
    path = write_report(write_results(tmp_path, sides, steps, many_rows=12, **told))
    assert path.stat().st_size < 1_000_000
    weasyprint = _weasyprint()
    assert len(weasyprint.HTML(string=path.read_text(encoding="utf-8")).render().pages) == 2


def _weasyprint() -> Any:
    """The module; the test is skipped where its parts outside of Python are not installed."""
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        pytest.skip(f"WeasyPrint does not start here ({str(error).splitlines()[0]}; Debian: libpangoft2-1.0-0)")
    return weasyprint


def test_the_pdf_lies_beside_the_page_for_its_owner_alone(tmp_path: Path) -> None:
    _weasyprint()
    assert run(["report", str(write_results(tmp_path, steps=8)), "--pdf"]) == 0
    made = tmp_path / "report.pdf"
    assert made.read_bytes().startswith(b"%PDF-")
    if os.name == "posix":
        assert made.stat().st_mode & 0o777 == 0o600


def test_pdf_without_the_extra_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert run(["report", str(write_results(tmp_path, steps=8)), "--pdf"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and "pip install weasyprint" in err[0]
    assert (tmp_path / "report.html").is_file() and not list(tmp_path.glob(".*"))


def test_ticked_before_the_session_is_said_with_advice(tmp_path: Path) -> None:
    check = {"pain": True, "swelling": False, "giving_way": True}
    folder = write_results(tmp_path, steps=8, check=check, person="p07", calibration_version=1)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "the person ticked: pain and giving way" in page and "seek professional advice" in page
    assert "person p07" in page and "calibration version 1" in page


@pytest.mark.parametrize("rows", [[{}], [{"steps": "many", "side": 7, "episodes": None}], ["x", 3]])
def test_rows_of_another_make_do_not_break_the_page(rows: list[object], tmp_path: Path) -> None:
    folder = write_results(tmp_path, steps=8, rows=rows)
    assert_self_contained(write_report(folder).read_text(encoding="utf-8"))


def test_rows_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    """Steps of no leg, without an end or longer than life; an angle without a bound is unknown."""
    folder = write_results(tmp_path, steps=12)
    steps = pd.read_csv(folder / "steps.csv", dtype=str, keep_default_na=False)
    steps.loc[0, "side"] = "<b>$\\frac{"
    steps.loc[1, "end_s"] = "inf"
    steps.loc[2, "start_s"] = ""
    steps.loc[3, "end_s"] = "1.0"
    steps.loc[4, "peak_valgus_excess_deg"] = "1e300"
    steps.to_csv(folder / "steps.csv", index=False)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "8 steps and repetitions" in page
    assert _strokes(page, "#0072b2", 0) == 3 * 8 - 1
    assert_self_contained(page)
