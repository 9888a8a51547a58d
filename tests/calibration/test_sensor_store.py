"""Calibrations of sensors on disk: kept, found again, and refused where they cannot be trusted."""

import os
import stat
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.inertial import Inertial
from calibration.sensor_store import OLD_DAYS, SensorStore, age_warning, data_folder

ADDRESS = "D4:22:CD:00:11:22"
TODAY = date(2026, 11, 26)


def one(address: str = ADDRESS, day: str = "2026-11-01") -> Inertial:
    return Inertial(acc_bias=np.array([0.1, -0.05, 0.2]), date=day, address=address)


def test_what_is_saved_is_found_again_whatever_the_case_of_the_address(tmp_path: Path):
    store = SensorStore(tmp_path / "data")
    assert store.load(ADDRESS) is None and not (tmp_path / "data").exists()
    path = store.save(one())
    again = store.load(ADDRESS.lower())
    assert again is not None and np.array_equal(again.acc_bias, one().acc_bias)
    assert store.load("D4:22:CD:00:11:23") is None and store.load("") is None
    store.save(Inertial(acc_bias=np.zeros(3), address=ADDRESS))
    newer = store.load(ADDRESS)
    assert newer is not None and not newer.acc_bias.any()
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no part is left"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_user_can_read_it(tmp_path: Path):
    path = SensorStore(tmp_path / "data").save(one())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_an_address_cannot_lead_out_of_the_folder(tmp_path: Path):
    store = SensorStore(tmp_path)
    assert store.path("../../etc/passwd").parent == store.folder
    for address in ("", "../..", ":", "x" * 500):
        with pytest.raises(CalibrationError):
            store.save(one(address))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', "x" * 30_000, "\x00"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, text: str):
    store = SensorStore(tmp_path)
    path = store.save(one())
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError) as refused:
        store.load(ADDRESS)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_implausible_and_foreign_calibrations_are_refused(tmp_path: Path):
    store = SensorStore(tmp_path)
    path = store.save(one())
    path.write_text(path.read_text().replace("0.2", "9.2"), encoding="utf-8")
    with pytest.raises(CalibrationError, match="beyond"):
        store.load(ADDRESS)
    store.save(one("AA:BB")).rename(path)
    with pytest.raises(CalibrationError, match="belongs to AA:BB"):
        store.load(ADDRESS)


def test_age_is_told():
    day = TODAY - timedelta(days=OLD_DAYS)
    assert age_warning(one(day=day.isoformat()), TODAY) is None
    assert "181 days old" in str(age_warning(one(day=(day - timedelta(days=1)).isoformat()), TODAY))
    assert "no date" in str(age_warning(one(day=""), TODAY))
    assert "future" in str(age_warning(one(day="2027-06-01"), TODAY))


def test_the_folder_follows_the_systems_custom():
    home = {"HOME": "/home/anna", "USERPROFILE": "/home/anna"}
    assert data_folder(home, "linux") == Path("/home/anna/.local/share/kneetrack")
    assert data_folder(home | {"XDG_DATA_HOME": "/data"}, "linux") == Path("/data/kneetrack")
    assert data_folder(home | {"XDG_DATA_HOME": "relative"}, "linux") == Path("/home/anna/.local/share/kneetrack")
    assert data_folder(home, "darwin") == Path("/home/anna/Library/Application Support/kneetrack")
    assert data_folder(home | {"LOCALAPPDATA": "/app"}, "win32") == Path("/app/kneetrack")
    assert data_folder(home | {"KNEETRACK_DATA": "/elsewhere"}, "win32") == Path("/elsewhere")
