"""The guided calibration in words: what is next, what has to be repeated and why, and how good it is."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.alignment import MOTION, STANDING_AND_FLEXIONS, Alignment
from calibration.profile import Profile
from calibration.unloaded_path import UnloadedPath
from firmware_interface.drivers.registry import driver
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats
from pipeline.calibrating import Calibrating
from pipeline.calibration_progress import CalibrationProgress
from pipeline.leg_rows import LegRows
from pipeline.records import Side
from pipeline.screens.guide import Guide, grade
from pipeline.screens.view import Tally
from pipeline.session import Session
from pipeline.simulation.notifications import notifications, sensor_infos
from pipeline.simulation.script import Bout
from tests.pipeline.made_legs import RATE_HZ, down_and_up, simulated

PATH = UnloadedPath(0.1, 0.0, 1.5)


def _profile(
    thigh_deg: float, shank_deg: float, method: str = STANDING_AND_FLEXIONS, path: UnloadedPath = PATH
) -> Profile:
    alignment = Alignment(np.eye(3), np.eye(3), np.radians(thigh_deg), np.radians(shank_deg), 0.01, method)
    return Profile("right", alignment, path)


def _progress(**changes: object) -> CalibrationProgress:
    values: dict[str, object] = {"still_s": 0.0, "still_wanted_s": 2.5, "stood": True, "bends": 0, "bends_wanted": 5}
    return CalibrationProgress(**(values | changes))  # type: ignore[arg-type]


def test_one_thing_after_the_other() -> None:
    guide = Guide()
    shown = [
        guide.view(None, None, 0),
        guide.view(_progress(stood=False, still_s=1.5), None, 0),
        guide.view(_progress(bends=3), None, 0),
        guide.view(None, _profile(9.0, 3.0), 2),
        guide.view(None, _profile(3.0, 3.0), 5),
    ]
    assert [view.step for view in shown] == [0, 1, 2, 3, 4]
    assert [view.count for view in shown[1:4]] == ["1.5 of 2.5 s", "3 of 6", "4 of 10"]
    assert shown[1].done == pytest.approx(0.6) and shown[2].done == pytest.approx(0.5)
    assert shown[4].quality == "good" and not shown[4].repeat


def test_moving_in_the_standing_is_said() -> None:
    guide = Guide()
    assert not guide.view(_progress(stood=False, still_s=1.5), None, 0).repeat
    assert "You moved" in guide.view(_progress(stood=False, still_s=0.0), None, 0).repeat
    assert not guide.view(_progress(stood=False, still_s=0.5), None, 0).repeat


def test_a_bend_that_was_not_taken_is_asked_for_again() -> None:
    view = Guide().view(_progress(bends=2, refused="too fast (0.4 s): take two seconds for each bend"), None, 0)
    assert view.step == 2 and view.repeat.startswith("Once more: too fast")


def test_steps_of_two_legs_count_once_each() -> None:
    assert Guide(1).view(_progress(bends=6), None, 7).count == "7 of 10"


def test_who_walks_on_without_the_bends_is_left_in_peace() -> None:
    guide, without = Guide(), _profile(3.0, 3.0, path=UnloadedPath())
    assert guide.view(_progress(bends=0), without, 2).step == 2
    view = guide.view(_progress(bends=0), without, 5)
    assert view.step == 4 and "Bend the free knee" in view.repeat


def test_a_given_profile_asks_for_nothing() -> None:
    assert Guide().view(None, _profile(3.0, 3.0), 0).step == 4


@pytest.mark.parametrize(
    ("profile", "word", "hint"),
    [
        (_profile(3.0, 3.0), "good", ""),
        (_profile(8.0, 3.0), "fair", "thigh's bending axis"),
        (_profile(3.0, 8.0), "fair", "shin's bending axis"),
        (_profile(12.0, 3.0), "poor", "Walk on"),
        (_profile(3.0, 3.0, MOTION), "poor", "Stand still for 5 s"),
        (_profile(3.0, 3.0, path=UnloadedPath()), "fair", "Bend the free knee"),
    ],
)
def test_the_grade_and_what_would_make_it_better(profile: Profile, word: str, hint: str) -> None:
    assert grade(profile)[0] == word
    assert hint in Guide().view(None, profile, 0).repeat


def _block(start: int, thigh: Floats, shank: Floats) -> LegRows:
    """Both sensors turned by these angles (rad) about their own z; at zero y points up."""

    def one(angle: Floats) -> tuple[Floats, Floats, Floats]:
        turn = Rotation.from_euler("x", 90.0, degrees=True) * Rotation.from_euler("z", angle[:, None])
        acc = turn.inv().apply([0.0, 0.0, STANDARD_GRAVITY])
        rate = np.gradient(angle) * RATE_HZ
        gyr = np.stack([0.0 * rate, 0.0 * rate, rate], axis=-1)
        return acc, gyr, turn.as_quat(scalar_first=True)

    return LegRows(start, *one(thigh), *one(shank), np.ones(len(thigh), bool))


def _after(shank: Floats, thigh_share: float = 0.05, shake_m_s2: float = 0.0) -> CalibrationProgress:
    """Standing for 3 s, then these inclinations of the shank."""
    whole = np.concatenate([np.zeros(300), shank, np.zeros(-len(shank) % 50)])
    rows = _block(0, thigh_share * whole, whole)
    rows.shank_acc[300:] *= 1.0 + shake_m_s2 / STANDARD_GRAVITY * np.sign(np.sin(np.arange(len(whole) - 300)))[:, None]
    calibrating = Calibrating(RATE_HZ, 1.0)
    for begin in range(0, len(whole), 50):
        calibrating.update(rows.cut(begin, begin + 50))
    return calibrating.progress


_SLOW = np.radians(80.0) * np.sin(np.pi * np.arange(1000) / 1000) ** 2
"""Ten seconds without a rest at the bottom, which would be another standing."""


def test_a_good_bend_is_taken() -> None:
    progress = _after(down_and_up(2.0, np.radians(80.0)))
    assert progress.stood and progress.bends == 1 and not progress.refused


@pytest.mark.parametrize(
    ("shank", "thigh_share", "shake", "reason"),
    [
        (down_and_up(0.6, np.radians(80.0)), 0.05, 0.0, "too fast"),
        (_SLOW, 0.05, 0.0, "too slow"),
        (down_and_up(2.0, np.radians(24.0)), 0.05, 0.0, "too small (24°)"),
        (down_and_up(2.0, np.radians(80.0)), 0.9, 0.0, "the thigh moved too"),
        (down_and_up(2.0, np.radians(80.0)), 0.05, 6.0, "jerky"),
    ],
)
def test_why_a_bend_is_not_taken(shank: Floats, thigh_share: float, shake: float, reason: str) -> None:
    progress = _after(shank, thigh_share, shake)
    assert progress.bends == 0 and reason in progress.refused


def test_a_simulated_person_is_guided_to_the_end() -> None:
    """Seed 7, unseen before: every step of the guide in its order, and a calibration that is not poor."""
    simulation = simulated(7, (Bout("stand", 4.0), Bout("flex", 6.0), Bout("walk", 12.0)))
    encoders = {key: driver("open_format").encoder(100.0) for key in simulation.sensors}
    sensors = sensor_infos(simulation, "open_format")
    session, tally = Session(sensors), Tally([Side.RIGHT])
    steps, last = [], None
    records = notifications(simulation, encoders, np.random.default_rng(7))
    for begin in range(0, len(records), 40):
        tally.add(session.feed(records[begin : begin + 40]))
        last = tally.leg(Side.RIGHT, session).guide
        assert last is not None
        steps.append(last.step)
    assert sorted(set(steps)) == [0, 1, 2, 3, 4]
    assert steps == sorted(steps)
    assert last is not None and last.quality in ("good", "fair")
