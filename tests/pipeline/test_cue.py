"""Cues: every episode, marked ones only, or fewer and fewer; the rule's own time is kept."""

import numpy as np
import pytest

from pipeline.blocks import Activity
from pipeline.records import Side
from pipeline.rows import RaisedEvent
from pipeline.screens.cue import FADING_STEPS, Cue, CueMode, Signal
from pipeline.thresholds import read_thresholds
from pipeline.update import LegResult, Update
from tests.pipeline.made_legs import leg
from tests.pipeline.result_folder import step


def _start(time_s: float, severity: str = "notice", side: str = "right") -> RaisedEvent:
    return RaisedEvent(time_s, "episode_start", {"side": side, "severity": severity, "start_s": time_s - 0.1})


def _end(time_s: float, side: str = "right") -> RaisedEvent:
    return RaisedEvent(time_s, "episode_end", {"side": side})


def _rows(start: int, excess_deg: float, collapse_deg: float = 0.0, side: Side = Side.RIGHT) -> LegResult:
    n = 5
    block = leg(n, start, excess=np.full(n, np.radians(excess_deg)), collapse=np.full(n, np.radians(collapse_deg)))
    return LegResult(side, block, np.full(n, Activity.WALKING, np.uint8))


def test_every_episode_once() -> None:
    cue = Cue(CueMode.EVERY)
    assert cue.update(Update(events=[_start(3.0, "strong")])) == [Signal(Side.RIGHT, 3.0, "strong")]
    assert cue.update(Update(legs=[_rows(300, 12.0)], events=[_end(3.2)])) == []


def test_off_says_nothing() -> None:
    cue = Cue(CueMode.OFF)
    assert cue.update(Update(events=[_start(3.0, "strong"), _start(4.0, "marked", "left")])) == []


def test_marked_waits_until_it_is_marked() -> None:
    cue = Cue(CueMode.MARKED)
    assert cue.update(Update(events=[_start(3.0)])) == []
    assert cue.update(Update(legs=[_rows(300, 7.0)])) == []
    assert cue.update(Update(legs=[_rows(305, 9.0, -8.0)])) == [], "gravity contradicts it"
    assert cue.update(Update(legs=[_rows(310, 9.0, 5.0)])) == [Signal(Side.RIGHT, 3.1, "marked")]
    assert cue.update(Update(legs=[_rows(315, 12.0, 5.0)])) == []


def test_marked_is_what_the_persons_thresholds_say() -> None:
    cue = Cue(CueMode.MARKED, read_thresholds("[right.walking]\nexcess_deg = [4, 12, 15]"))
    cue.update(Update(events=[_start(3.0), _start(3.0, side="left")]))
    told = cue.update(Update(legs=[_rows(300, 10.0, 5.0), _rows(300, 10.0, 5.0, Side.LEFT)]))
    assert [signal.side for signal in told] == [Side.LEFT]


def test_marked_by_the_collapse_alone_and_at_once_where_it_begins_so() -> None:
    cue = Cue(CueMode.MARKED)
    cue.update(Update(events=[_start(3.0)]))
    assert [s.time_s for s in cue.update(Update(legs=[_rows(300, 1.0, 11.0)]))] == [3.0]
    assert len(cue.update(Update(events=[_end(3.3), _start(5.0, "marked")]))) == 1


def test_a_slight_episode_that_is_over_is_forgotten() -> None:
    cue = Cue(CueMode.MARKED)
    cue.update(Update(events=[_start(3.0), _end(3.2)]))
    assert cue.update(Update(legs=[_rows(330, 15.0)])) == []
    cue.update(Update(events=[_start(4.0, side="left")]))
    assert cue.update(Update(legs=[_rows(400, 15.0)])) == [], "the other leg's angles are not this one's"


def test_fading_thins_out_evenly() -> None:
    """An episode in each of 100 steps: all of the first 20 are told, then 15, 10, 5 and 2 of 20."""
    cue = Cue(CueMode.FADING)
    told = []
    for number in range(5 * FADING_STEPS):
        events = [_start(float(number)), _end(number + 0.2)]
        told.append(len(cue.update(Update(events=events, steps=[step("right", number, "walking", number, 6.0, 3.0)]))))
    blocks = np.reshape(told, (5, FADING_STEPS)).sum(axis=1)
    assert blocks.tolist() == [20, 15, 10, 5, 2]
    third = np.flatnonzero(told[2 * FADING_STEPS : 3 * FADING_STEPS])
    assert np.diff(third).tolist() == [2] * 9


def test_fading_begins_anew_when_it_is_chosen_again() -> None:
    cue = Cue(CueMode.FADING)
    for number in range(90):
        cue.update(Update(steps=[step("right", number, "walking", float(number), 1.0, 1.0)]))
    assert cue.share == pytest.approx(0.1)
    cue.choose(CueMode.FADING)
    assert cue.share == 1.0


def test_fading_is_not_in_step_with_the_legs() -> None:
    """Of two legs only one falls inward, in each of its steps, which are every second one."""
    cue = Cue(CueMode.FADING)
    told = []
    for number in range(10 * FADING_STEPS):
        falls = number % 2 == 0
        events = [_start(float(number)), _end(number + 0.2)] if falls else []
        side = "right" if falls else "left"
        told.append(len(cue.update(Update(events=events, steps=[step(side, number, "walking", number, 6.0, 3.0)]))))
    blocks = np.reshape(told, (10, FADING_STEPS)).sum(axis=1)
    assert blocks[0] == 10 and blocks[2] == 5
    assert 7 <= blocks[1] <= 8 and 2 <= blocks[3] <= 3 and np.all(blocks[4:] == 1)
