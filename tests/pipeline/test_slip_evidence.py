"""What standings and cycles show of a sensor that turned on its segment, and what they show without one."""

import pickle
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from calibration.alignment import STANDING_AND_FLEXIONS, Alignment
from calibration.joint_centre import LeverArms, LeverPrior
from pipeline.cycles import Cycle, Cycles
from pipeline.heading_model import (
    DELTA,
    SHANK,
    THIGH,
    HeadingParameters,
    Neutral,
    RelativeState,
    start_state,
    with_neutral,
    with_value,
)
from pipeline.leg_rows import LegRows
from pipeline.leg_settings import LegSettings
from pipeline.records import Segment
from pipeline.sight_changes import ChangeParameters, changes
from pipeline.sights import (
    STANDING,
    Expected,
    MannerParameters,
    Manners,
    Quiet,
    Sight,
    effects,
    known_standing,
    standing_sight,
    turned,
)
from pipeline.slip_evidence import SlipEvidenceParameters, Verdict, likeliest_slip
from pipeline.standings import StandingParameters, Standings, expected_of
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import SimulatedLeg, simulated_leg

TEST = SlipEvidenceParameters()


@cache
def walker() -> SimulatedLeg:
    return simulated_leg(
        101, written("stand:5.5,flex:6,walk:22,stand:4,walk:12,stand:4,walk:10,stand:6,flex:6,walk:14")
    )


USUAL = [[0.5, 0.4, 0.3, 0.5, 0.6], [-0.8, -0.6, -1.2, -0.4, -0.4], [1.0, 0.2, 1.4, 0.1, 0.2]]


def standings(*angles_deg: list[float]) -> list[Sight]:
    """The calibration's standing and further ones, 10 s apart."""
    first = [known_standing(0, 500)]
    return first + [
        Sight(STANDING, 1000 * k, 1000 * k + 100, np.radians(a), 1.0, np.zeros(5)) for k, a in enumerate(angles_deg, 1)
    ]


def surely(sights: list[Sight]) -> Verdict | None:
    verdict = likeliest_slip(sights, TEST)
    return verdict if verdict is not None and verdict.evidence >= TEST.sure else None


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([[0.0, 3.0, 0.0, 3.2, 0.0]], id="the whole leg leans aside"),
        pytest.param([[4.0, 0.0, 5.0, 0.0, 0.0]] * 3, id="the whole leg leans forward, again and again"),
        pytest.param([[4.0, 0.0, -4.0, 0.0, 0.0], *USUAL], id="once with a bent knee"),
        pytest.param([[0.0, 0.0, 0.0, 0.0, 4.0], *USUAL], id="once with the toes out"),
    ],
)
def test_standing_otherwise_is_no_slip(others: list[list[float]]):
    assert surely(standings(*USUAL, *others)) is None


def test_one_sensor_alone_that_tilts_aside_is_a_slip_at_once():
    verdict = surely(standings(*USUAL, [0.0, 5.0, 0.0, 0.2, 0.3]))
    assert verdict is not None and verdict.segment is Segment.THIGH
    assert np.degrees(verdict.turn) == pytest.approx([-5.0, 0.0, 0.0], abs=1.2)
    assert (verdict.since, verdict.by) == (3050, 4000)


def test_a_turn_about_the_long_axis_is_seen_where_standings_agree_about_it():
    """No tilt shows it: only how far the two frames are turned against each other, and only after some standings."""
    after = [[a, b, c, d, e - 7.0] for a, b, c, d, e in USUAL]
    assert surely(standings(*USUAL, *USUAL, after[0])) is None
    verdict = surely(standings(*USUAL, *USUAL, *after, *after))
    assert verdict is not None and abs(np.degrees(verdict.turn[1])) == pytest.approx(7.0, abs=1.5)


def test_a_standing_while_the_heading_was_unknown_tells_of_the_tilts_alone():
    """As after a sensor was away: its turn is anything, and does not hide what the others say."""
    after = [[a, b, c, d, e - 7.0] for a, b, c, d, e in USUAL]
    known = standings(*USUAL, *USUAL, *after, *after)
    noise = np.array([0.0, 0.0, 0.0, 0.0, 9.0])
    for at in (3, 8):
        known[at] = replace(known[at], angles=known[at].angles + np.array([0.0, 0.0, 0.0, 0.0, 2.0]), noise=noise)
    verdict = surely(known)
    assert verdict is not None and abs(np.degrees(verdict.turn[1])) == pytest.approx(7.0, abs=1.5)
    quiet = standings(*USUAL, *USUAL, *USUAL, *USUAL)
    for at in (8, 9, 10, 11, 12):
        quiet[at] = replace(quiet[at], angles=quiet[at].angles + np.array([0.0, 0.0, 0.0, 0.0, 0.4]), noise=noise)
    assert surely(quiet) is None


def walked(rng: np.random.Generator, number: int, turn_deg: list[float]) -> Sight:
    """Four strides, with a thigh's sensor turned by a vector."""
    usual = np.radians([8.0, -1.0, 2.0, -13.0, 1.0, 5.0])
    noise = np.radians([0.3, 0.2, 0.6, 0.4, 0.2, 0.4])
    angles = usual + rng.normal(0, noise) + effects(0, usual)[0] @ np.radians(turn_deg)
    return Sight(0, 450 * number, 450 * number + 440, angles, 1.0, noise**2, 1.1, 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_walking_alone_tells_a_slip_aside_or_about_the_long_axis(axis: int):
    """Not a sagittal one: people walk more and less upright, so that needs a standing."""
    rng = np.random.default_rng(axis)
    turn = [0.0, 0.0, 0.0]
    turn[axis] = 6.0
    still = [0.0, 0.0, 0.0]
    assert likeliest_slip([walked(rng, k, still) for k in range(24)], TEST) is None
    verdict = surely([walked(rng, k, still if k < 12 else turn) for k in range(24)])
    assert verdict is not None and verdict.segment is Segment.THIGH
    assert np.degrees(verdict.turn) == pytest.approx(turn, abs=2.0)
    assert verdict.since <= 450 * 12 <= verdict.by + 1 and verdict.by - verdict.since < 1500


def test_pauses_between_repetitions_are_one_stance_and_prove_little():
    """The feet stay where they are: ten pauses that repeat to a tenth of a degree are no ten standings."""
    bouts = [[0.5, 0.3, 0.3, 0.4, 0.3], [2.5, 0.1, 1.0, 0.4, 2.5]]
    rests = standings(*USUAL)
    for k, bout in enumerate(bouts):
        for pause in range(10):
            begin = 20000 + 10000 * k + 400 * pause
            weight = 0.7 if pause == 0 else StandingParameters().again
            rests.append(Sight(STANDING, begin, begin + 100, np.radians(bout), weight, np.zeros(5)))
    assert surely(rests) is None


def test_a_rest_soon_after_another_weighs_little():
    frame = Alignment(np.eye(3), np.eye(3), 0.1, 0.1, 0.1, STANDING_AND_FLEXIONS)
    up = np.array([[0.0, 9.81, 0.0]] * 2)
    stage = Standings(StandingParameters())

    def known(row: int) -> Expected:
        return Expected(0.0, 0.01, 0.0, 0.0)

    seen = []
    for begin in (0, 500, 5000):
        for block in range(4):
            first = begin + 50 * block
            stage.update(
                Quiet(first, first + 50, up, np.ones((2, 2)), np.zeros((2, 2))),
                frame,
                lambda row: Expected(0.0, 0.01, 0.0, 0.0),
            )
        over = stage.update(None, frame, known)
        assert over is not None
        seen.append(over.weight)
    p = StandingParameters()
    assert seen == [p.short, p.again, p.short]


def test_walking_that_wanders_slowly_is_no_slip():
    """Over minutes a person walks 8 deg more upright."""
    rng = np.random.default_rng(3)
    assert surely([walked(rng, k, [0.0, 0.0, 8.0 * k / 60]) for k in range(60)]) is None


def test_a_sight_turned_with_its_frame_is_the_sight_in_that_frame():
    """Frames turned about their long axes before looking, and sights turned afterwards."""
    rows = walker().grid.cut(0, 500)
    frame = Alignment(np.eye(3), np.eye(3), 0.1, 0.1, 0.1, STANDING_AND_FLEXIONS)
    acc = np.stack([rows.thigh_acc.mean(axis=0), rows.shank_acc.mean(axis=0)])
    quiet = [Quiet(0, 500, acc, np.array([[1.0, 0.2], [0.5, 0.7]]), np.zeros((2, 2)))]
    seen = Expected(0.1, 0.1, 0.0, 0.0)
    there = standing_sight(quiet, frame.turned(0.5, -0.3), seen, 1.0)
    moved = turned(standing_sight(quiet, frame, seen, 1.0), 0.5, -0.3)
    assert np.allclose(there.angles, moved.angles, atol=1e-12)


def test_cycles_do_not_depend_on_how_the_rows_are_cut():
    grid = walker().grid
    alignment = analyse_leg(grid, walker().side, LegSettings()).alignment
    assert alignment is not None
    quats = walker().orientations
    ok = grid.thigh_ok & grid.shank_ok
    rows = LegRows(grid.start, grid.thigh_acc, grid.thigh_gyr, quats[0], grid.shank_acc, grid.shank_gyr, quats[1], ok)
    whole = Cycles(100.0).update(rows, alignment)
    bounds = [0, *sorted(np.random.default_rng(1).integers(1, len(rows), 300).tolist()), len(rows)]
    stage = Cycles(100.0)
    pieces = [c for a, b in pairwise(bounds) if b > a for c in stage.update(rows.cut(a, b), alignment)]
    assert len(whole) > 40 and [(c.begin, c.end) for c in pieces] == [(c.begin, c.end) for c in whole]
    assert np.allclose([c.angles for c in pieces], [c.angles for c in whole], atol=1e-9)


def strides(number: int, kind: int, angles_deg: list[float]) -> Sight:
    """Four strides at a pace."""
    noise = np.full(6, np.radians(0.3) ** 2)
    return Sight(kind, 450 * number, 450 * number + 440, np.radians(angles_deg), 1.0, noise, 1.1, 0)


def test_walking_at_another_pace_may_be_compared_but_is_no_slip():
    """Slowly at first, only fast later: a pace changes little, a sensor turned about the long axis more."""
    rng = np.random.default_rng(4)

    def session(change_deg: list[float]) -> list[Sight]:
        slow, fast = np.array([8.0, -1.0, 2.0, -13.0, 1.0, 5.0]), np.array(change_deg)
        one = [strides(k, 0, list(slow + rng.normal(0.0, 0.3, 6))) for k in range(10)]
        two = [strides(k, 1, list(slow + fast + rng.normal(0.0, 0.3, 6))) for k in range(10, 20)]
        return one + two

    assert surely(session([1.5, 0.3, 1.5, -2.0, 0.3, 1.0])) is None
    verdict = surely(session([0.2, 0.0, -12.0, 0.1, 0.0, 0.2]))
    assert verdict is not None and verdict.segment is Segment.THIGH
    assert np.degrees(verdict.turn) == pytest.approx([0.0, 12.0, 0.0], abs=3.5)
    assert verdict.since <= 450 * 10 <= verdict.by + 1


def test_changes_among_related_kinds_are_as_sure_as_they_say():
    """Kinds drawn about a common mean, some seen on both sides of a moment, some on one: the error of the change over
    what is said of it is as large as it should be."""
    p = ChangeParameters()
    rng = np.random.default_rng(8)
    floor = p.gait.covariance(False, p.gait.floor_deg)
    apart = p.gait.covariance(False, p.gait.kind_deg)
    squares, gained = [], []
    for _ in range(400):
        usual, jump = rng.normal(0.0, 0.1, 6), rng.normal(0.0, 0.1, 6)
        late = jump + rng.multivariate_normal(np.zeros(6), floor)
        sights = []
        for kind, (before, after) in enumerate([(4, 0), (2, 2), (0, 3)]):
            own = usual + rng.multivariate_normal(np.zeros(6), apart)
            each = p.gait.covariance(False, p.gait.sd_deg)
            for k in range(before + after):
                seen = own + (late if k >= before else 0.0) + rng.multivariate_normal(np.zeros(6), each)
                begin = 1000 * k + 100 * kind + (0 if k < before else 100_000)
                sights.append(Sight(kind, begin, begin + 50, seen, 1.0, np.zeros(6), 1.1, 0))
        use, change, cov = changes(sights, np.array([50_000]), p, 0.0)
        assert use.all()
        error = change[0] - jump
        squares.append(float(error @ np.linalg.solve(cov[0], error)) / 6.0)
        both = [s for s in sights if s.kind == 1]
        alone = changes(both, np.array([50_000]), p, 0.0)[2]
        gained.append(float(np.linalg.slogdet(alone[0])[1] - np.linalg.slogdet(cov[0])[1]))
    assert np.mean(squares) == pytest.approx(1.0, abs=0.15)
    assert np.median(gained) > 0.3


BENT = [5.5, 0.2, -5.0, 0.3, -2.0]
"""The knee bent by 10 deg in standing."""


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([BENT], id="once"),
        pytest.param([BENT, [8.0, -0.7, -1.8, 1.1, 1.9]], id="twice, the thigh more"),
        pytest.param([BENT, USUAL[0], BENT, [6.0, -1.2, -4.0, -1.3, 3.0]], id="straight in between"),
    ],
)
def test_a_bent_knee_is_no_slip(after: list[list[float]]):
    assert surely(standings(*USUAL, *USUAL, *after)) is None


def test_a_knee_does_not_bend_backwards_so_that_a_sensor_moved():
    """A thigh that leans 7 deg back alone: two standings tell; forward it may be a bent knee, until many say so."""
    back = [[a - 7.0, b, c, d, e] for a, b, c, d, e in USUAL]
    forward = [[a + 7.0, b, c, d, e] for a, b, c, d, e in USUAL]
    verdict = surely(standings(*USUAL, *USUAL, *back[:2]))
    assert verdict is not None and np.degrees(verdict.turn[2]) == pytest.approx(-7.0, abs=2.0)
    assert surely(standings(*USUAL, *USUAL, *forward[:1])) is None
    verdict = surely(standings(*USUAL, *USUAL, *forward))
    assert verdict is not None and np.degrees(verdict.turn[2]) == pytest.approx(7.0, abs=2.0)


def state_of(delta_sd_deg: float) -> RelativeState:
    """A heading known to within so much by movement, frames to within 5 deg, and a standing that ties them."""
    p = HeadingParameters()
    state = start_state(p, LeverPrior(LeverArms.zero()))
    for i in (THIGH, SHANK):
        state.cov[i, i] = np.radians(5.0) ** 2
    row = np.zeros(len(state.mean))
    row[DELTA] = 1.0
    state = with_value(state, row, 0.3, np.radians(delta_sd_deg))
    return with_neutral(state, Neutral(0.3, np.radians(2.0)))


def test_a_turn_is_held_against_the_heading_where_movement_shows_it_and_else_against_standing():
    moved, stood = expected_of(state_of(0.3)), expected_of(state_of(180.0))
    assert moved.follows > 0.95 and moved.sd < np.radians(0.4)
    assert stood.follows < 0.1 and stood.sd == pytest.approx(np.radians(2.0), rel=0.05)
    assert moved.turn == pytest.approx(0.3) and stood.turn == pytest.approx(0.3, abs=0.01)


def test_what_the_filter_learnt_of_the_axes_does_not_hide_a_turn():
    """A sensor turns by 7 deg about the long axis, and the filter takes that for the axes, more from one standing to
    the next: each shows less of it than the last, against what was believed then."""
    learnt = np.radians([0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 6.0, 7.0])
    slid = np.radians([0.0, 0.0, 0.0, 0.0, 7.0, 7.0, 7.0, 7.0])
    noise = np.array([0.0, 0.0, 0.0, 0.0, np.radians(0.5) ** 2])
    rng = np.random.default_rng(1)
    sights = []
    for k, (axes, turn) in enumerate(zip(learnt, slid, strict=True)):
        angles = np.append(rng.normal(0.0, np.radians(0.3), 4), turn - axes + rng.normal(0.0, np.radians(0.3)))
        sights.append(Sight(STANDING, 3000 * k, 3000 * k + 200, angles, 1.0, noise, axes=float(axes), follows=1.0))
    now = float(learnt[-1]), np.radians(0.5)
    verdict = likeliest_slip(sights, TEST, axes=now)
    assert verdict is not None and verdict.evidence > TEST.sure_live and 3000 * 3 < verdict.by <= 3000 * 4
    assert abs(np.degrees(verdict.turn[1])) == pytest.approx(7.0, abs=1.5)
    forgetful = [replace(s, follows=0.0) for s in sights]
    hidden = likeliest_slip(forgetful, TEST, axes=now)
    assert hidden is None or hidden.evidence < TEST.sure_live


def cycle(number: int, lasts_s: float, path: float, tilt_deg: float) -> Cycle:
    begin = 1000 * number
    angles = np.radians([tilt_deg, 0.0, 0.0, -10.0, 0.0, 0.0])
    return Cycle(begin, begin + round(100 * lasts_s), angles, np.log([lasts_s, path, 2.0 * path]))


def test_a_kind_of_walking_is_known_again_after_many_other_movements_and_memory_stays_bounded():
    p = MannerParameters(within_s=60.0)
    manners = Manners(100.0, p)
    first = [manners.add(cycle(k, 1.1, 2.0, 5.0)) for k in range(4)][-1]
    for k in range(200):
        manners.add(cycle(10 + k, 3.0 + k % 7, 1.5 * 1.4 ** (k % 9), float(5 * (k % 11))))
    again = [manners.add(cycle(300 + k, 1.0, 2.1, 6.0)) for k in range(4)][-1]
    faster = [manners.add(cycle(310 + k, 0.8, 2.6, 6.0)) for k in range(4)][-1]
    stairs = [manners.add(cycle(320 + k, 1.1, 2.0, 25.0)) for k in range(4)][-1]
    assert first is not None and again is not None and faster is not None and stairs is not None
    assert again.kind == first.kind
    assert faster.kind != first.kind and faster.family == first.family
    assert stairs.family != first.family
    assert len(pickle.dumps(manners)) < 40_000
