"""Files and folders of a session are their owner's alone, on systems that know such rights."""

import os
import stat
from pathlib import Path

import pytest

from calibration.alignment import Alignment
from calibration.profile import Profile, save_profile
from calibration.unloaded_path import UnloadedPath
from pipeline.commands.main import run
from pipeline.files.private import claim_private, make_private_folder, write_private
from pipeline.files.recorder import RecordingWriter
from pipeline.files.recording import Recording
from pipeline.files.results import ResultsWriter
from pipeline.records import Segment, SensorInfo, Side

_EYE = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
_ALIGNMENT = {
    "thigh_from_sensor": _EYE,
    "shank_from_sensor": _EYE,
    "thigh_axis_sd_deg": 1.0,
    "shank_axis_sd_deg": 1.0,
    "upright_sd_deg": 1.0,
    "method": "standing + flexions",
}
_PATH = {"slope": 0.0, "bend_per_rad": 0.0, "largest_flexion_deg": 90.0, "sd_deg": None}
PROFILE = Profile("right", Alignment.from_json(_ALIGNMENT), UnloadedPath.from_json(_PATH), person="p07")
RECORDING = Path(__file__).parents[2] / "recordings" / "walking_and_stairs_right.knee"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    """As careless as it can be."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_that_a_session_writes_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / "first"
    sensor = SensorInfo(1, "AA", "open_format", Side.RIGHT, Segment.THIGH)
    with RecordingWriter(folder / "recording.knee", [sensor], {}), ResultsWriter(folder, orientations=True) as results:
        while_it_grows = {path.name: mode(path) for path in folder.iterdir()}
        results.finish()
    assert len(while_it_grows) >= 9 and set(while_it_grows.values()) == {0o600}
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 10
    assert mode(folder) == mode(folder.parent) == 0o700


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_an_exported_table_is_private(name: str, tmp_path: Path) -> None:
    assert run(["export", str(RECORDING), "--out", str(tmp_path / name)]) == 0
    assert mode(tmp_path / name) == 0o600 and [path.name for path in tmp_path.iterdir()] == [name]


def test_an_import_can_say_whose_it_is(tmp_path: Path) -> None:
    out = tmp_path / "of_p07.knee"
    assert run(["import", str(RECORDING), "--person", "P07", "--out", str(out)]) == 0
    with Recording(out) as recording:
        assert recording.meta["person"] == "p07"
    again = ["import", str(out), "--person", "p08", "--out", str(tmp_path / "other.knee")]
    assert run(again) == 1 and not (tmp_path / "other.knee").exists()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    make_private_folder(shared)
    make_private_folder(shared / "a" / "b")
    assert (mode(shared), mode(shared / "a"), mode(shared / "a" / "b")) == (0o755, 0o700, 0o700)


def test_results_that_others_could_read_are_closed_when_they_are_written_again(tmp_path: Path) -> None:
    old = tmp_path / "events.jsonl"
    old.write_text("old\n")
    old.chmod(0o644)
    with ResultsWriter(tmp_path) as results:
        results.finish()
    assert old.read_text() == "" and mode(old) == 0o600
    page = tmp_path / "page.html"
    page.touch(mode=0o666)
    write_private(page, "x")
    assert mode(page) == 0o600


def test_a_profile_is_private(tmp_path: Path) -> None:
    save_profile(PROFILE, tmp_path / "p.json")
    assert mode(tmp_path / "p.json") == 0o600
    assert Profile.from_json(PROFILE.to_json()).person == "p07"


def test_a_link_planted_under_the_partial_name_is_replaced_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".page.html.partial").symlink_to(victim)
    write_private(tmp_path / "page.html", "page")
    assert victim.read_text() == "mine" and (tmp_path / "page.html").read_text() == "page"


def test_claiming_closes_what_was_open(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("kept")
    path.chmod(0o666)
    claim_private(path)
    assert (mode(path), path.read_text()) == (0o600, "kept")
