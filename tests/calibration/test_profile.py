import json

import numpy as np
import pytest

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from calibration.joint_centre import LeverArms
from calibration.profile import Profile, ProfileError, load_profile, save_profile
from calibration.unloaded_path import UnloadedPath


def profile() -> Profile:
    alignment = Alignment(np.eye(3), np.eye(3), 0.1, 0.05, 0.01, STANDING_AND_FLEXIONS)
    arms = LeverArms(np.array([0.0, -0.2, 0.0]), np.array([0.0, 0.15, 0.0]))
    return Profile("left", alignment, UnloadedPath(0.1, 0.0, 1.5, 0.01), arms, static_valgus_deg=4.0)


def test_round_trip(tmp_path):
    file = tmp_path / "anna.json"
    save_profile(profile(), file)
    again = load_profile(file)
    assert again.side == "left" and again.static_valgus_deg == 4.0
    assert again.arms is not None and again.arms.second.tolist() == [0.0, 0.15, 0.0]
    assert [p.name for p in tmp_path.iterdir()] == ["anna.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "something else"}, "not a calibration profile"),
        ({"schema": 99}, "newer"),
        ({"side": "middle"}, "damaged"),
        ({"alignment": {}}, "damaged"),
        ({"lever_arms_m": [[0, 0, 0], [0, 0, 7]]}, "damaged"),
        ({"unloaded_path": {"slope": "x"}}, "damaged"),
    ],
)
def test_one_clear_line_for_a_bad_profile(tmp_path, change, words):
    file = tmp_path / "p.json"
    file.write_text(json.dumps({**profile().to_json(), **change}))
    with pytest.raises(ProfileError, match=words) as error:
        load_profile(file)
    assert "p.json" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[1, 2]"])
def test_foreign_files_are_refused(tmp_path, content):
    file = tmp_path / "p.json"
    file.write_bytes(content)
    with pytest.raises(ProfileError):
        load_profile(file)
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "missing.json")
