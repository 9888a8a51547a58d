"""The commands on real recordings, against what was measured beside them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from pipeline.commands.main import app
from pipeline.records import Side
from tests.benchmarks import robot
from tests.pipeline.public_legs import CMU_PEOPLE, cmu_leg, cmu_plates, matched
from tests.shared_data import dataset

RESULTS = {
    "angles.parquet", "events.jsonl", "steps.csv", "steps.parquet", "episodes.csv", "episodes.parquet",
    "summary.csv", "summary.json", "report.html",
}  # fmt: skip


def kneetrack(*arguments: object) -> str:
    """Run a command; it must end with 0."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def generic_table(time_s, thigh_acc, thigh_gyr, shank_acc, shank_gyr) -> pd.DataFrame:
    """Columns as the generic table's."""
    table = {"time_s": time_s}
    for name, values in (
        ("thigh_acc", thigh_acc),
        ("thigh_gyr", thigh_gyr),
        ("shank_acc", shank_acc),
        ("shank_gyr", shank_gyr),
    ):
        table |= {f"{name}_{a}": values[:, k] for k, a in enumerate("xyz")}
    return pd.DataFrame(table)


def test_a_real_movella_pair_gives_a_plausible_walking_curve(tmp_path: Path):
    folder = dataset("imt_movella_dot_knee")
    pair = [folder / f"knee_tracking1_{s}.csv" for s in ("femur", "tibia")]
    kneetrack("import", *pair, "--side", "right", "--out", tmp_path / "imt.knee")
    kneetrack("process", tmp_path / "imt.knee", "--out", tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == RESULTS
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    walking = steps[steps.activity == "walking"]
    # A strip of even walking near the end: swing peaks of 55 to 80 deg, at 70 to 120 steps a minute.
    assert len(walking) >= 8
    assert walking.peak_flexion_deg.between(55, 80).mean() > 0.9 and walking.cadence_spm.between(70, 120).all()
    angles = pd.read_parquet(tmp_path / "out" / "angles.parquet")
    strip = angles[angles.time_s.between(34.0, 48.0)]
    assert -5 < strip.flexion_deg.min() < 15 and 60 < strip.flexion_deg.max() < 85
    quality = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "motion" in json.dumps(quality), "the fallback of the calibration is said"


@pytest.mark.parametrize("person", CMU_PEOPLE)
def test_contacts_of_processed_walking_against_force_plates(person: str, tmp_path: Path):
    folder = dataset("cmu_capacitive")
    for side in Side:
        leg = cmu_leg(folder, person, "CSBaseline", side)
        plates = cmu_plates(folder, person, "CSBaseline", side)
        time_s = np.arange(len(leg.thigh_acc)) / 100.0
        table = generic_table(time_s, leg.thigh_acc, leg.thigh_gyr, leg.shank_acc, leg.shank_gyr)
        table.to_parquet(tmp_path / f"{side}.parquet")
        kneetrack("process", tmp_path / f"{side}.parquet", "--side", side, "--out", tmp_path / side)
        steps = pd.read_csv(tmp_path / side / "steps.csv")
        contacts = np.unique(np.concatenate([steps.start_s, steps.end_s]).round(3))
        found = matched(contacts, plates.contacts_s)
        print(person, side, found)
        assert found.found >= 0.98 * found.true - 1, "one contact of the first or last stride may be cut off"
        assert found.extra <= 0.03 * found.true


def test_flexion_against_optical_motion_capture(tmp_path: Path):
    folder = dataset("neura_gaittoolbox")
    thigh, shank = (pd.read_parquet(folder / f"S02_walk1_imu_raw_R_{s}.parquet") for s in ("UpLeg", "LowLeg2"))
    three = [s[[f"{k}_{a}" for a in "XYZ"]].to_numpy() for s in (thigh, shank) for k in ("Acc", "Gyr")]
    generic_table(np.arange(len(thigh)) / 100.0, *three).to_csv(tmp_path / "s02.csv", index=False)
    kneetrack("process", tmp_path / "s02.csv", "--side", "right", "--out", tmp_path / "out")
    angles = pd.read_parquet(tmp_path / "out" / "angles.parquet")
    vicon = pd.read_parquet(folder / "S02_walk1_vicon_aligned.parquet")
    rotation = [Rotation.from_quat(vicon[[f"q{s}_{k}" for k in (2, 3, 4, 1)]].to_numpy()) for s in ("RTH", "RSK")]
    reference = (rotation[0].inv() * rotation[1]).as_euler("YXZ", degrees=True)[:, 0]
    # The aligned rows are the raw rows from 1119 on.
    difference = np.interp(11.19 + np.arange(len(reference)) / 100.0, angles.time_s, angles.flexion_deg) - reference
    print("flexion RMSE, offset removed", difference.std(), "offset", difference.mean())
    assert difference.std() <= 5.0


def test_relative_orientation_of_the_robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    folder = dataset("dfjimu_robot")
    monkeypatch.setattr("sys.argv", ["robot", str(folder), "--out", str(tmp_path)])
    robot.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    offline, causal = float(rows[-2][1]), float(rows[-2][2])
    # dfjimu with the true lever arms: 3.7 deg (MAP) over these five files, 4.2 (MEKF).
    assert rows[-2][0] == "mean" and offline < 3.1 and causal < 3.1
    table = pd.read_parquet(tmp_path / "data_3D_01.parquet")
    assert list(table) == [f"{k}_{a}" for k in ("offline", "causal") for a in "wxyz"] and len(table) == 3214
