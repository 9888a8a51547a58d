"""The figure for across the room: the largest inward angle of the last step while the leg carried something."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.rows import RaisedEvent
from pipeline.screens.step_peak import StepPeak
from pipeline.screens.words import last_step
from tests.pipeline.made_legs import leg
from tests.pipeline.result_folder import episode, step


def _excess_deg(n: int) -> "np.ndarray":  # type: ignore[type-arg]
    """1 deg, with 6 deg in the stance at 10.3 s and 20 deg in the swing at 10.8 s."""
    t = np.arange(n) / 100.0
    return 1.0 + 5.0 * (np.abs(t - 10.3) < 0.05) + 19.0 * (np.abs(t - 10.8) < 0.05)


@pytest.mark.parametrize("size", [1, 7, 2000])
def test_the_swing_does_not_count(size: int) -> None:
    excess = np.radians(_excess_deg(1200))
    peak = StepPeak()
    for begin in range(0, 1200, size):
        peak.add(leg(len(excess[begin : begin + size]), begin, excess=excess[begin : begin + size]))
    assert np.isnan(peak.last.peak_deg)
    peak.step(step("right", 0, "walking", 10.0, 20.0, 3.0))
    assert peak.last.peak_deg == pytest.approx(6.0)
    peak.step(replace(step("right", 1, "squat", 10.0, 20.0, 3.0), toe_off_s=float("nan")))
    assert peak.last.peak_deg == pytest.approx(20.0), "a repetition has no swing"


def test_rows_that_are_not_valid_do_not_count() -> None:
    block = leg(1200, 0, excess=np.radians(_excess_deg(1200)))
    peak = StepPeak()
    peak.add(replace(block, valid=np.abs(block.time_s - 10.3) > 0.1))
    peak.step(step("right", 0, "walking", 10.0, 20.0, 3.0))
    assert peak.last.peak_deg == pytest.approx(1.0)


def test_memory_is_constant() -> None:
    peak = StepPeak()
    for begin in range(0, 100_000, 50):
        peak.add(leg(50, begin))
    assert len(peak._parts) < 50


def _start(severity: str, measure: str = "collapse", start_s: float = 10.2) -> RaisedEvent:
    return RaisedEvent(start_s, "episode_start", {"start_s": start_s, "severity": severity, "measure": measure})


def test_what_is_said_of_a_step_never_contradicts_its_cue() -> None:
    """A squat whose abduction stays small and whose lean broke the rule: the lean is shown, and its severity."""
    n = 1200
    collapse = np.where(np.abs(np.arange(n) / 100.0 - 10.5) < 0.2, np.radians(9.0), 0.0)
    peak = StepPeak()
    peak.add(leg(n, 0, excess=np.full(n, np.radians(1.0)), collapse=collapse))
    peak.event(_start("notice"))
    peak.step(replace(step("right", 1, "squat", 10.0, 20.0, 3.0), end_s=11.5, toe_off_s=float("nan")))
    assert (peak.last.measure, peak.last.severity) == ("collapse", "notice")
    assert peak.last.peak_deg == pytest.approx(9.0)
    row = replace(episode("right", "squat", 10.2, 1.0, 9.0), measure="collapse", severity="marked", end_s=10.7)
    peak.episode(row)
    assert peak.last.severity == "marked", "as it was judged in the end"
    end = {"start_s": 10.2, "end_s": 10.7, "withdrawn": True}
    peak.event(RaisedEvent(11.0, "episode_end", end))
    assert (peak.last.measure, peak.last.severity) == ("excess", ""), "a withdrawn one was none"


def test_an_episode_of_another_step_is_not_this_ones() -> None:
    peak = StepPeak()
    peak.add(leg(1200, 0, excess=np.full(1200, np.radians(2.0))))
    peak.event(_start("strong", start_s=3.0))
    peak.event(RaisedEvent(3.4, "episode_end", {"start_s": 3.0, "end_s": 3.3, "severity": "strong", "measure": "both"}))
    peak.step(step("right", 1, "walking", 10.0, 20.0, 3.0))
    assert peak.last.severity == "" and peak.last.peak_deg == pytest.approx(2.0)


def test_words() -> None:
    told = [last_step(*each) for each in ((float("nan"), ""), (6.0, ""), (6.0, "notice"), (9.0, "marked"))]
    assert told == ["no step yet", "in line", "slightly inward", "clearly inward"]
