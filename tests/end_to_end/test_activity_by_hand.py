"""`--activity`: a person says what is done, and the commands call it so."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.blocks import Activity
from pipeline.commands.main import run
from pipeline.commands.options import Doing
from pipeline.records import Side
from pipeline.simulation.script import Bout
from tests.end_to_end.kneetrack import kneetrack
from tests.pipeline.made_legs import simulated

SQUATS = (Bout("stand", 6.0), Bout("flex", 6), Bout("stand", 2.0), Bout("squat", 4), Bout("stand", 2.0))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four squats as a generic table."""
    path = tmp_path_factory.mktemp("squats") / "squats.parquet"
    simulated(62, SQUATS).table(Side.RIGHT).to_parquet(path)
    return path


@pytest.mark.parametrize("command", ["process", "replay"])
def test_squats_are_called_what_the_person_says(table: Path, tmp_path: Path, command: str) -> None:
    for words, activity in (((), "squat"), (("--activity", "step_down"), "step_down")):
        out = tmp_path / activity
        assert run([command, str(table), "--out", str(out), *words]) == 0
        steps = pd.read_csv(out / "steps.csv")
        assert steps["activity"].tolist() == [activity] * 4


def test_an_activity_that_is_none_is_a_wrong_call(table: Path, tmp_path: Path) -> None:
    said = kneetrack("process", table, "--out", tmp_path, "--activity", "juggling")
    assert said.code == 2
    assert "juggling" in said.err


def test_every_word_is_an_activity() -> None:
    assert {word.value for word in Doing} <= {activity.label for activity in Activity}
    assert {activity.label for activity in Activity} - {word.value for word in Doing} == {"standing", "sitting"}
