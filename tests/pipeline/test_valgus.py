"""Episodes on made angles of known size, time and certainty; clean references; drivers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.blocks import Activity, Floats, LegBlock, Status
from pipeline.clean import CleanCurve, CleanReference, learn_clean
from pipeline.driver import UsualTurns, changes, driver
from pipeline.errors import BadInputError
from pipeline.movement import analyse
from pipeline.population import population_reference
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Bout
from pipeline.simulation.simulate import simulate
from pipeline.thresholds import Limits, ValgusParameters
from pipeline.valgus import JudgedUnit, ValgusWatch, WatchRows
from tests.pipeline.made_legs import RATE_HZ, down_and_up, leg

Result = tuple[list[EpisodeRow], list[RaisedEvent]]


def hump(n: int, begin: int, end: int, size_deg: float) -> Floats:
    """Zero, but size_deg from row begin to row end (exclusive)."""
    values = np.zeros(n)
    values[begin:end] = np.radians(size_deg)
    return values


def abducting(n: int, begin: int, end: int, size_deg: float, **columns: Floats) -> LegBlock:
    """A knee that abducts; seen from the front it collapses by half of that."""
    excess = hump(n, begin, end, size_deg)
    return leg(n, excess=excess, **({"collapse": 0.5 * excess} | columns))


def watch(
    block: LegBlock,
    judged: Floats | None = None,
    activity: Activity = Activity.WALKING,
    units: list[JudgedUnit] | None = None,
    parameters: ValgusParameters | None = None,
    since: float = 0.0,
) -> Result:
    n = len(block)
    on = np.ones(n, dtype=bool) if judged is None else np.asarray(judged, dtype=bool)
    lifted = float(np.flatnonzero(~on)[0]) if not on.all() else math.inf
    rows = WatchRows(
        block.flexion.tolist(),
        block.excess.tolist(),
        block.collapse.tolist(),
        block.excess_sd.tolist(),
        block.collapse_sd.tolist(),
        (on & block.valid).tolist(),
        [since] * n,
        [math.inf if o else lifted for o in on],
        [int(activity)] * n,
    )
    stage = ValgusWatch("right", RATE_HZ, block.cut, parameters)
    finished, events = stage.update(block.start, rows, units or [])
    last, more = stage.finish(block.start + n)
    return [e for _, e in finished + last], [e for _, e in events + more]


def test_an_episode_has_the_place_size_and_measure_of_what_made_it() -> None:
    excess = hump(400, 100, 160, 9.0)
    block = leg(400, excess=excess, abduction=excess + 0.05, collapse=0.5 * excess, flexion=np.full(400, 0.5))
    unit = JudgedUnit(Activity.WALKING, 3, 60.0, 200.0, 205)
    (episode,), events = watch(block, units=[unit])
    assert (episode.start_s, episode.end_s) == (1.0, 1.6)
    assert (episode.measure, episode.severity, episode.step_index) == ("abduction", "marked", 3)
    assert episode.peak_excess_deg == pytest.approx(9.0)
    assert episode.baseline_deg == pytest.approx(math.degrees(0.05))
    assert episode.confidence > 0.99
    assert [e.kind for e in events] == ["episode_start", "episode_end"]


def test_the_cue_comes_a_tenth_of_a_second_after_the_threshold() -> None:
    _, events = watch(leg(400, collapse=hump(400, 100, 180, 12.0)))
    start = events[0]
    assert start.fields["start_s"] == 1.0
    assert start.time_s == pytest.approx(1.1, abs=0.011)
    assert start.fields["measure"] == "collapse"


@pytest.mark.parametrize(("size_deg", "severity"), [(5.5, "notice"), (8.5, "marked"), (10.5, "strong")])
def test_severity_by_size(size_deg: float, severity: str) -> None:
    (episode,), _ = watch(abducting(300, 100, 150, size_deg))
    assert episode.severity == severity


def test_abduction_that_gravity_contradicts_is_an_error_of_the_heading() -> None:
    """Fifteen degrees of abduction in a bent knee whose segments do not tilt, and the same with the tilt of a collapse
    of a knee that also turns inward: 15 (cos 30 - 0.9 sin 30) = 6.2 deg."""
    bent = np.full(300, math.radians(60.0))
    excess = hump(300, 100, 160, 15.0)
    walking = watch(leg(300, excess=excess, flexion=bent, collapse_sd=np.full(300, np.radians(1.5))))
    assert walking == ([], [])
    (found,), _ = watch(leg(300, excess=excess, flexion=bent, collapse=hump(300, 100, 160, 6.2)))
    assert (found.measure, found.severity) == ("abduction", "strong")


def test_an_abduction_that_is_itself_unsure_needs_the_lean_beside_it() -> None:
    """Nine degrees without a lean: with an unloaded path the lean's own doubt lets it pass; without one, when the
    excess is 3 deg unsure, it does not, unless the leg leans."""
    excess = hump(300, 100, 160, 9.0)
    unsure = {"excess": excess, "collapse_sd": np.full(300, np.radians(2.0))}
    (found,), _ = watch(leg(300, **unsure, excess_sd=np.full(300, np.radians(1.0))))
    assert found.measure == "abduction"
    vague = np.full(300, np.radians(3.0))
    assert watch(leg(300, **unsure, excess_sd=vague)) == ([], [])
    (leaning,), _ = watch(leg(300, **unsure, excess_sd=vague, collapse=hump(300, 100, 160, 4.0)))
    assert leaning.measure == "abduction"


def test_both_measures_at_once() -> None:
    block = abducting(300, 100, 150, 7.0, collapse=hump(300, 110, 150, 9.0))
    (episode,), _ = watch(block)
    assert episode.measure == "both"


@pytest.mark.parametrize(
    "block",
    [
        abducting(300, 100, 150, 4.0),
        abducting(300, 100, 109, 12.0),
        abducting(300, 100, 150, 7.0, excess_sd=np.full(300, np.radians(4.0))),
        leg(300, excess=np.full(300, np.nan), collapse=np.full(300, np.nan)),
    ],
    ids=["too small", "too short", "within its own uncertainty", "unknown"],
)
def test_no_episode(block: LegBlock) -> None:
    assert watch(block) == ([], [])


@pytest.mark.parametrize("activity", [Activity.STANDING, Activity.SITTING])
def test_rest_is_not_judged(activity: Activity) -> None:
    assert watch(abducting(300, 100, 200, 12.0), activity=activity) == ([], [])


def test_nothing_in_an_unloaded_or_invalid_phase() -> None:
    block = abducting(300, 100, 150, 12.0)
    judged = np.ones(300, dtype=bool)
    judged[95:155] = False
    assert watch(block, judged) == ([], [])


def test_what_began_before_the_contact_counts_from_the_contact() -> None:
    (episode,), _ = watch(abducting(300, 100, 180, 9.0), since=140.0)
    assert episode.start_s == pytest.approx(1.4)


def test_it_ends_where_the_foot_left_the_ground() -> None:
    judged = np.ones(300, dtype=bool)
    judged[150:] = False
    (episode,), _ = watch(abducting(300, 100, 200, 9.0), judged)
    assert episode.end_s == pytest.approx(1.5)


def test_a_dip_within_the_hysteresis_does_not_part_an_episode() -> None:
    excess = hump(300, 100, 170, 7.0)
    excess[130:140] = np.radians(4.2)
    assert len(watch(leg(300, excess=excess, collapse=0.5 * excess))[0]) == 1
    excess[130:140] = np.radians(1.0)
    assert len(watch(leg(300, excess=excess, collapse=0.5 * excess))[0]) == 2


def test_confidence_is_the_chance_that_the_threshold_was_exceeded() -> None:
    certain = ValgusParameters(
        least_confidence=0.0, clean=CleanReference({Activity.OTHER: CleanCurve(excess_sd_deg=(0.0,))})
    )
    two_deg = np.full(300, np.radians(2.0))
    (even,), _ = watch(abducting(300, 100, 150, 5.01, excess_sd=two_deg), parameters=certain)
    assert even.confidence == pytest.approx(0.5, abs=0.01)
    (sure,), _ = watch(abducting(300, 100, 150, 7.0, excess_sd=two_deg), parameters=certain)
    assert sure.confidence == pytest.approx(0.841, abs=0.01)


def test_what_is_too_unsure_is_no_episode() -> None:
    """Two fifths of the standard deviation above the threshold are a confidence of 0.65."""
    two_deg = np.full(300, np.radians(2.0))
    known = CleanReference({Activity.OTHER: CleanCurve(excess_sd_deg=(0.0,))})
    assert watch(abducting(300, 100, 150, 5.7, excess_sd=two_deg), parameters=ValgusParameters(clean=known)) == ([], [])
    assert (
        len(watch(abducting(300, 100, 150, 5.9, excess_sd=two_deg), parameters=ValgusParameters(clean=known))[0]) == 1
    )


def test_a_clean_reference_that_is_unsure_makes_the_confidence_smaller() -> None:
    block = leg(300, collapse=hump(300, 100, 150, 10.0), collapse_sd=np.full(300, np.radians(1.5)))
    vague = ValgusParameters(clean=CleanReference({Activity.OTHER: CleanCurve(collapse_sd_deg=(2.0,))}))
    (unsure,), _ = watch(block, parameters=vague)
    assert unsure.confidence == pytest.approx(0.885, abs=0.005)  # 3 deg above, hypot(1.5, 2.0) = 2.5 deg


def test_the_final_activity_judges_with_its_own_thresholds() -> None:
    strict = ValgusParameters(by_activity={Activity.SQUAT: Limits(excess_deg=(4.0, 5.0, 6.0))})
    unit = JudgedUnit(Activity.SQUAT, 0, 50.0, 200.0, 210)
    (episode,), events = watch(abducting(300, 100, 150, 7.0), units=[unit], parameters=strict)
    assert (episode.activity_at_onset, episode.activity, episode.severity) == ("walking", "squat", "strong")
    assert events[0].fields["severity"] == "notice"


def test_collapse_is_judged_above_the_clean_movement_at_the_same_flexion() -> None:
    knees_out = CleanReference({Activity.SQUAT: CleanCurve((0.0, 90.0), (0.0, 0.0), (0.0, -8.0))})
    block = leg(300, collapse=hump(300, 100, 160, 3.0), flexion=np.full(300, math.radians(90)))
    straight = CleanReference({Activity.SQUAT: CleanCurve()})
    assert watch(block, activity=Activity.SQUAT, parameters=ValgusParameters(clean=straight)) == ([], [])
    (episode,), _ = watch(block, activity=Activity.SQUAT, parameters=ValgusParameters(clean=knees_out))
    assert episode.measure == "collapse" and episode.severity == "marked"


def test_a_clean_curve_is_straight_between_its_knots_and_held_beyond() -> None:
    curve = CleanCurve((0.0, 60.0, 90.0), (0.0, 3.0, 3.0), (0.0, -6.0, -3.0))
    assert curve.at(30.0) == (1.5, -3.0)
    assert curve.at(-20.0) == (0.0, 0.0)
    assert curve.at(120.0) == (3.0, -3.0)


def squat(collapse_share: float, shift_deg: float = 0.0) -> LegBlock:
    """A squat to 90 deg whose medial collapse is a share of its flexion, and a shift."""
    flexion = np.radians(np.concatenate([np.linspace(0, 90, 150), np.linspace(90, 0, 150)]))
    return leg(300, flexion=flexion, collapse=collapse_share * flexion + np.radians(shift_deg), excess=0.02 * flexion)


def test_a_persons_clean_movement_is_learnt_from_guided_repetitions() -> None:
    all_rows = np.ones(300, dtype=bool)
    reference = learn_clean([(Activity.SQUAT, squat(-0.1), all_rows)] * 3)
    excess, collapse = reference.of(Activity.SQUAT).at(60.0)
    assert collapse == pytest.approx(-6.0, abs=0.3) and excess == pytest.approx(1.2, abs=0.1)
    assert reference.of(Activity.LUNGE).at(60.0) == (0.0, 0.0)
    again = CleanReference.from_dict(reference.to_dict())
    assert again.of(Activity.SQUAT) == reference.of(Activity.SQUAT)


def test_one_bad_repetition_does_not_spoil_the_clean_reference() -> None:
    all_rows = np.ones(300, dtype=bool)
    good = [(Activity.SQUAT, squat(-0.1, shift), all_rows) for shift in (-0.5, 0.0, 0.5, 0.1)]
    fallen = (Activity.SQUAT, squat(0.1), all_rows)
    assert learn_clean([*good, fallen]).of(Activity.SQUAT).at(60.0)[1] == pytest.approx(-5.9, abs=0.4)


def test_a_single_repetition_teaches_nothing() -> None:
    base = population_reference()
    assert learn_clean([(Activity.SQUAT, squat(0.3), np.ones(300, dtype=bool))], base) == base


def test_a_clean_squat_of_the_population_turns_the_knee_out_as_the_shank_leans() -> None:
    deep = population_reference().of(Activity.SINGLE_LEG_SQUAT).at(75.0)
    # 10.4 deg of internal rotation under a shank that leans 30 deg forward: asin(sin(10.4) sin(30)).
    assert deep == (0.0, pytest.approx(-5.18, abs=0.02))
    assert population_reference().of(Activity.WALKING).at(40.0) == (0.0, 0.0)
    spreads = [population_reference().of(Activity.SQUAT).sd_at(f)[1] for f in (10.0, 50.0, 90.0)]
    assert spreads == sorted(spreads) and spreads[0] < spreads[2]


def test_an_episode_that_the_final_activity_does_not_confirm_is_withdrawn() -> None:
    lenient = ValgusParameters(by_activity={Activity.SQUAT: Limits(excess_deg=(9.0, 10.0, 11.0))})
    unit = JudgedUnit(Activity.SQUAT, 0, 50.0, 200.0, 210)
    episodes, events = watch(abducting(300, 100, 150, 7.0), units=[unit], parameters=lenient)
    assert episodes == []
    assert [(e.kind, e.fields.get("withdrawn")) for e in events] == [
        ("episode_start", None),
        ("episode_end", False),
        ("episode_end", True),
    ]
    assert events[2].fields["start_s"] == events[0].fields["start_s"]


@pytest.mark.parametrize("status", [Status.GAP, Status.SLIPPED, Status.CALIBRATING, Status.CLIPPED])
def test_nothing_is_judged_on_rows_that_are_not_to_be_trusted(status: Status) -> None:
    """A squat that collapses by 12 deg, its deepest part under a status that is not OK."""
    flexion = down_and_up(3.0, math.radians(80.0))
    flexion = np.concatenate([np.zeros(100), flexion, np.zeros(100)])
    n = len(flexion)
    collapse = hump(n, 180, 320, 12.0)
    thigh = 0.7 * flexion
    moving = leg(n, flexion=flexion, collapse=collapse, thigh_incl=thigh, shank_incl=thigh - flexion)
    (found,) = analyse(Side.RIGHT, moving).episodes
    assert found.activity == "squat"
    codes = np.full(n, Status.OK, np.uint8)
    codes[150:350] = status
    broken = replace(moving, status=codes, valid=codes == Status.OK)
    assert analyse(Side.RIGHT, broken).episodes == []


def test_a_structural_valgus_is_no_episode() -> None:
    """A knock-kneed person of average movement: the calibrated angles begin at the person's own standing."""
    rng = np.random.default_rng(104)
    person = draw_person(rng, variation=0.0)
    legs = {side: replace(one, structural_deg=9.0) for side, one in person.legs.items()}
    script = [Bout("stand", 5.0), Bout("walk", 15.0), Bout("stand", 3.0), Bout("squat", 4), Bout("stand", 2.0)]
    session = simulate(replace(person, legs=legs), script, rng)
    found = analyse(Side.RIGHT, session.leg_block(Side.RIGHT))
    assert len(found.steps) > 10 and found.episodes == []


@pytest.mark.parametrize("values", [{"squat": {}}, {"flying": {"flexion_deg": [0]}}, {"squat": 3}])
def test_a_bad_clean_reference_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        CleanReference.from_dict(values)


def turned(thigh_deg: float, rotation_deg: float) -> LegBlock:
    """A step in which thigh and tibia turn inward by so much until row 30, and back."""
    course = np.concatenate([np.linspace(0, 1, 31), np.linspace(1, 0, 30)])
    return leg(61, thigh_yaw=np.radians(thigh_deg) * course + 2.0, rotation=np.radians(rotation_deg) * course)


@pytest.mark.parametrize(
    ("thigh_deg", "rotation_deg", "expected"),
    [(16.0, -3.0, "hip"), (6.0, 14.0, "foot"), (18.0, 16.0, "mixed"), (5.0, 4.0, "unclear")],
)
def test_the_driver_is_what_turns_more_than_in_clean_steps(
    thigh_deg: float, rotation_deg: float, expected: str
) -> None:
    usual = UsualTurns()
    for _ in range(4):
        usual.add(Activity.WALKING, turned(5.0, 4.0))
    turn, rotation = changes(turned(thigh_deg, rotation_deg), 30)
    usual_turn, usual_rotation = usual.at(Activity.WALKING, 0.5)
    assert (usual_turn, usual_rotation) == (pytest.approx(5.0, abs=0.2), pytest.approx(4.0, abs=0.2))
    assert driver(turn - usual_turn, rotation - usual_rotation, 4.0) == expected


def test_an_unknown_turn_tells_no_driver() -> None:
    turn, rotation = changes(leg(61, thigh_yaw=np.full(61, np.nan)), 30)
    assert driver(turn, rotation, 4.0) == "unclear"
