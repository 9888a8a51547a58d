"""The session's page: self-contained, complete, honest about what is missing."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import BadInputError
from pipeline.screens.cycles import POINTS, band
from pipeline.screens.report import write_report
from tests.pipeline.result_folder import write_results

_WITHOUT_END = {"meta", "br", "link", "img", "hr", "input"}


class _Balanced(HTMLParser):
    """Collects tags that are opened and never closed, and everything that would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _WITHOUT_END:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe", "object"):
            self.loads.append(tag)
        self.loads += [str(v) for k, v in attrs if k in ("src", "href", "xlink:href") and not str(v).startswith("#")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [str(v) for k, v in attrs if k in ("src", "href", "xlink:href") and not str(v).startswith("#")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


@pytest.mark.parametrize("sides", [("right",), ("right", "left")])
def test_page_is_self_contained_and_well_formed(tmp_path: Path, sides: tuple[str, ...]) -> None:
    page = write_report(write_results(tmp_path, sides)).read_text(encoding="utf-8")
    parser = _Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.loads == []
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)


def test_page_tells_what_was_found_and_its_limits(tmp_path: Path) -> None:
    page = write_report(write_results(tmp_path, steps=40)).read_text(encoding="utf-8")
    assert "40 steps and repetitions, 4 valgus episodes (10 per 100 steps), 4 of them marked or strong" in page
    assert "stairs down" in page and "2026-11-20 09:12 UTC" in page
    for words in ("Not a medical device", "not for diagnosis", "Stop and seek advice on pain", "fixed knock-knee"):
        assert words in page
    assert page.count("<figure>") == 4


def test_page_of_a_session_without_steps(tmp_path: Path) -> None:
    page = write_report(write_results(tmp_path, steps=0)).read_text(encoding="utf-8")
    assert "No step was recognised" in page
    assert "<figure>" not in page


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
    assert cells == ["right thigh", "movella_dot", "60.0", "1.00", "–", "1.2", "–", "90"]
    assert "not calibrated" in page
