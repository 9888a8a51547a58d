"""Thresholds and prescriptions from TOML: what is read, what is refused and in which words."""

from pathlib import Path

import pytest

from pipeline.blocks import Activity
from pipeline.clean import CleanCurve, CleanReference
from pipeline.errors import BadInputError
from pipeline.population import population_reference
from pipeline.records import Side
from pipeline.thresholds import Thresholds, clean_toml, load_thresholds, read_thresholds

PROFILE = """
person = "A. N."
excess_deg = [6, 9, 12]
sd_factor = 1.5
repetitions = [5, 8]

[squat]
collapse_deg = [9, 12, 15]
sets = [2, 4]

[squat.clean]
flexion_deg = [0, 60, 90]
excess_deg = [0, 1, 1.5]
collapse_deg = [0, -4, -7]

[left]
excess_deg = [4, 5, 6]

[left.squat]
collapse_deg = [5, 6, 7]
"""


def test_what_a_profile_says_per_activity_and_leg() -> None:
    read = read_thresholds(PROFILE)
    right, left = read.of(Side.RIGHT), read.of(Side.LEFT)
    assert right.of(Activity.WALKING).excess_deg == (6.0, 9.0, 12.0)
    assert right.of(Activity.SQUAT).collapse_deg == (9.0, 12.0, 15.0)
    assert right.of(Activity.SQUAT).excess_deg == (6.0, 9.0, 12.0)
    assert left.of(Activity.LUNGE).excess_deg == (4.0, 5.0, 6.0)
    assert left.of(Activity.SQUAT).collapse_deg == (5.0, 6.0, 7.0)
    assert right.sd_factor == left.sd_factor == 1.5
    assert right.clean.of(Activity.SQUAT).at(75.0) == (1.25, -5.5)
    assert right.clean.of(Activity.LUNGE) == population_reference().of(Activity.LUNGE)
    assert read.prescription.of(Activity.SQUAT) == ((2, 4), (5, 8))
    assert read.prescription.of(Activity.LUNGE) == ((1, 3), (5, 8))


def test_an_empty_profile_is_the_default() -> None:
    assert read_thresholds("") == Thresholds()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("excess_deg = 5", "excess_deg must be three angles"),
        ("excess_deg = [8, 5, 10]", "excess_deg must be three rising angles above 0"),
        ("excess_deg = [5, 8, 'x']", "excess_deg must be a number above 0"),
        ("excess_deg = [5, 8, nan]", "excess_deg must be a number above 0"),
        ("[squat]\ncollapse_deg = [0, 1, 2]", "[squat]: collapse_deg must be a number above 0"),
        ("[squat]\nangle = 3", '[squat]: "angle" is not known'),
        ("squat = 3", '"squat" must be a table'),
        ("left = 3", '"left" must be a table'),
        ("hysteresis_deg = -1", "hysteresis_deg must be a number above 0"),
        ("[left]\nsets = [1, 2]", "[left]: sets are prescribed for both legs"),
        ("[left.squat]\nrepetitions = [1, 2]", "[left.squat]: repetitions are prescribed for both legs"),
        ("[[squat]]\nsets = [1, 2]", '"squat" must be a table'),
        ("[squat.clean]\nflexion_deg = [0]\nexcess_deg = [nan]\ncollapse_deg = [0]", "must be a finite number"),
        ("least_confidence = 1.5", "least_confidence must be a number from 0 to below 1"),
        ("jumping = 3", '"jumping" is neither a threshold nor an activity'),
        ("repetitions = [12, 8]", "repetitions must be two whole numbers"),
        ("[squat]\nsets = 3", "[squat]: sets must be two whole numbers"),
        ("[squat.clean]\nflexion_deg = [0]", 'clean reference "squat"'),
        ("[squat.clean]\nflexion_deg = [60, 0]\nexcess_deg = [0, 0]\ncollapse_deg = [0, 0]", "rising flexion_deg"),
        ("[squat]\nclean = 3", 'clean reference "squat"'),
        ("[", "not TOML"),
    ],
)
def test_a_bad_profile_is_refused_in_one_line_that_names_it(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_thresholds(text, "anna.toml")
    line = str(caught.value)
    assert line.startswith("anna.toml: ") and says in line and "\n" not in line


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "x.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.toml", tmp_path, binary):
        with pytest.raises(BadInputError, match=path.name):
            load_thresholds(path)


def test_a_learnt_reference_is_read_again_as_it_was_written() -> None:
    curve = CleanCurve((0.0, 60.0), (0.25, 1.0), (0.0, -6.5), (0.5, 0.75), (1.0, 1.25))
    text = clean_toml({Side.LEFT: CleanReference({Activity.SQUAT: curve})})
    read = read_thresholds(text)
    assert read.of(Side.LEFT).clean.of(Activity.SQUAT) == curve
    assert read.of(Side.RIGHT).clean.of(Activity.SQUAT) == population_reference().of(Activity.SQUAT)
