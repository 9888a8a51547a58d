"""Standard deviations: wider where less was seen."""

import numpy as np
import pytest

from pipeline.deviations import CAUSAL, NAMES, TWO_SIDED, Deviations

DEG = np.pi / 180.0


def at(flexion_deg, cov_deg2=0.0, path_deg=90.0, p=CAUSAL, upright_deg=0.5):
    flexion = np.atleast_1d(np.asarray(flexion_deg, float)) * DEG
    cov = np.zeros((7, len(flexion)))
    cov[1] = cov_deg2 * DEG**2
    sagittal = np.stack([0.5 * flexion, -0.5 * flexion, flexion])
    deviations = Deviations(p, upright_deg * DEG, path_deg * DEG)
    found = deviations.at(flexion, np.cos(sagittal), np.sin(sagittal), cov)
    return {f"{name}_sd": value / DEG for name, value in zip(NAMES, found, strict=True)}


@pytest.mark.parametrize("p", [CAUSAL, TWO_SIDED])
def test_they_grow_with_flexion(p):
    for name, sd in at([5.0, 30.0, 60.0, 100.0], p=p).items():
        assert np.all(np.diff(sd) > 0), name


def test_excess_is_less_sure_beyond_the_flexions_that_were_seen():
    seen, beyond = at(90.0, path_deg=90.0)["excess_sd"], at(90.0, path_deg=50.0)["excess_sd"]
    assert beyond > seen + 1.5
    assert at(45.0, path_deg=50.0)["excess_sd"] == pytest.approx(at(45.0, path_deg=90.0)["excess_sd"])


def test_excess_without_flexions_is_far_less_sure_than_with_them():
    assert at(80.0, path_deg=0.0)["excess_sd"] > 2.0 * at(80.0)["excess_sd"]
    # Even of a knee that is nearly straight: healthy people stood off by as much.
    assert at(5.0, path_deg=0.0)["excess_sd"] > 2.5 > at(5.0)["excess_sd"]


def test_an_unknown_heading_shows_in_rotation_first():
    unknown = at([2.0, 60.0], cov_deg2=30.0**2)
    assert unknown["rotation_sd"][0] > 25.0 and unknown["abduction_sd"][0] < 2.0
    assert unknown["abduction_sd"][1] > 8.0, "bent, half of it is abduction"


def test_long_axes_that_no_standing_told_widen_all_tilts():
    assert at(30.0, upright_deg=4.0)["collapse_sd"] > 4.0 > at(30.0)["collapse_sd"]
