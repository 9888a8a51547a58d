"""Where sensors were worn is remembered, for whole legs in range; the scan shows it, and batteries when asked."""

import stat
import sys
from pathlib import Path

import pytest

from pipeline.commands.assigning import Place, assign
from pipeline.commands.main import run
from pipeline.commands.remembered import Remembered
from pipeline.records import Segment, Side
from tests.pipeline.test_assigning import SHANK, THIGH, _found

DOTS = [_found("AA", "DOT"), _found("BB", "DOT"), _found("CC", "DOT")]
BOTH: dict[Place, str] = {THIGH: "BB", SHANK: "AA"}


def test_the_next_session_knows(tmp_path: Path) -> None:
    Remembered(tmp_path).keep(assign(DOTS, [Side.RIGHT], BOTH))
    again = Remembered(tmp_path)
    assert again.legs(DOTS, [Side.RIGHT], {}) == BOTH
    assert again.legs(DOTS, [Side.LEFT], {}) == {}
    assert again.legs(DOTS[1:], [Side.RIGHT], {}) == {}, "half a leg in range is no leg"
    assert again.legs(DOTS, [Side.RIGHT], {(Side.RIGHT, Segment.THIGH): "CC"}) == {}, "what the call says goes first"
    again.forget()
    assert again.legs(DOTS, [Side.RIGHT], {}) == {}


def test_the_latest_place_counts(tmp_path: Path) -> None:
    memory = Remembered(tmp_path)
    memory.keep(assign(DOTS, [Side.RIGHT], BOTH))
    memory.keep(assign(DOTS, [Side.RIGHT], {THIGH: "AA", SHANK: "BB"}))
    assert memory.legs(DOTS, [Side.RIGHT], {}) == {THIGH: "AA", SHANK: "BB"}
    # Two sensors that were both worn at the thigh tell nothing.
    memory.keep(assign(DOTS, [Side.RIGHT], {THIGH: "CC", SHANK: "BB"}))
    assert memory.legs(DOTS, [Side.RIGHT], {}) == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"AA": 3}', '{"AA": {"side": "up", "segment": "thigh"}}', "\x00" * 10]
)
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.json").write_text(text, encoding="utf-8")
    assert Remembered(tmp_path).places() == {}
    Remembered(tmp_path).keep(assign(DOTS, [Side.RIGHT], BOTH))
    assert len(Remembered(tmp_path).places()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a user's folder private by itself")
def test_the_file_is_private_and_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    Remembered(tmp_path / "new").keep(assign(DOTS, [Side.RIGHT], BOTH))
    assert stat.S_IMODE((tmp_path / "new" / "places.json").stat().st_mode) == 0o600
    (tmp_path / "file").write_text("", encoding="utf-8")
    Remembered(tmp_path / "file" / "below").keep(assign(DOTS, [Side.RIGHT], BOTH))


def test_the_scan_shows_places_and_batteries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KNEETRACK_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    address = "D0:00:00:00:00:01"
    known = [_found(address, "x"), _found("BB", "y")]
    Remembered().keep(
        assign(known, [Side.LEFT], {(Side.LEFT, Segment.SHANK): address, (Side.LEFT, Segment.THIGH): "BB"})
    )
    assert run(["scan", "--virtual", "--for", "1.5", "--battery"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if address in line)
    assert "left shank" in line and "90 %" in line, "the virtual sensor's battery"
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["scan", "--virtual", "--for", "1.5", "--battery"]) == 0
    narrow = capsys.readouterr().out
    for whole in (address, "movella_dot", "service", "-50 dBm", "90 %", "left shank"):
        assert whole in narrow, "only the name is broken in a narrow window"
    assert run(["scan", "--virtual", "--for", "1", "--forget"]) == 0
    assert capsys.readouterr().out.count("left shank") == 1, "only its name says so now"
