"""Foot events: on curves of known timing, under any cutting, and against force plates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.blocks import Bools, Floats
from pipeline.phases import FootEvent, FootEventKind, Inclinations, Phases, exact_phases
from pipeline.rates import NO_DELAY, CausalRates, Rates, two_sided_rates
from pipeline.records import Side
from tests.pipeline.leg_from_imu import leg_from_imu
from tests.pipeline.public_legs import CMU_PEOPLE, cmu_leg, cmu_plates, matched
from tests.shared_data import dataset

RATE_HZ = 100.0
Found = tuple[list[int], list[FootEvent]]


def stride(period_s: float, peak_rad_s: float, impact_at: float = 0.94) -> Floats:
    """The shank's rate over one stride that begins in mid-stance: the forward turn is a half sine of a third of the
    stride around 0.76, toe-off a dip before it, and the impact a sharp dip that the ground makes after it."""
    phase = np.arange(round(period_s * RATE_HZ)) / (period_s * RATE_HZ)
    swing = peak_rad_s * np.sin(np.pi * np.clip((phase - 0.60) / 0.32, 0, 1))
    push_off = -0.5 * peak_rad_s * np.exp(-0.5 * ((phase - 0.55) / 0.05) ** 2)
    impact = -0.45 * peak_rad_s * np.exp(-0.5 * ((phase - impact_at) * period_s / 0.012) ** 2)
    return swing + push_off + impact - 0.15 * peak_rad_s * (phase < 0.5)


def walk(strides: int, period_s: float, peak_rad_s: float) -> tuple[Floats, Floats]:
    """Rate and true contacts (rows), standing still for a second at both ends."""
    still = np.zeros(round(RATE_HZ))
    one = stride(period_s, peak_rad_s)
    contacts = len(still) + np.arange(strides) * len(one) + 0.94 * len(one)
    return np.concatenate([still, *[one] * strides, still]), contacts


def leaning(rate: Floats, thigh: float | Floats = np.nan) -> Inclinations:
    """The shank's inclination from its rate; the thigh as given (unknown: taken to go along)."""
    shank = np.cumsum(np.nan_to_num(rate)) / RATE_HZ
    return Inclinations(np.broadcast_to(thigh, len(rate)).tolist(), shank.tolist())


def causal(rate: Floats, known: Bools | None = None, inclined: Inclinations | None = None) -> Found:
    known = np.isfinite(rate) if known is None else known
    filters = CausalRates(RATE_HZ)
    return Phases(RATE_HZ, filters.delays).update(0, filters.update(rate, known), inclined or leaning(rate))


def both_ways(rate: Floats, inclined: Inclinations | None = None) -> list[FootEvent]:
    rates = two_sided_rates(rate, np.isfinite(rate), RATE_HZ)
    return Phases(RATE_HZ, NO_DELAY).update(0, rates, inclined or leaning(rate))[1]


def of(kind: FootEventKind, events: list[FootEvent]) -> Floats:
    return np.array([e.position for e in events if e.kind is kind])


@pytest.mark.parametrize(("period_s", "peak"), [(0.9, 7.0), (1.1, 5.5), (1.9, 2.4)], ids=["fast", "usual", "slow"])
def test_every_stride_has_its_contact_at_the_impact(period_s: float, peak: float) -> None:
    rate, contacts = walk(12, period_s, peak)
    for events in (causal(rate)[1], both_ways(rate)):
        found = of(FootEventKind.CONTACT, events)
        assert len(found) == 12
        assert np.max(np.abs(found - contacts)) < 2.0
        toe_offs = of(FootEventKind.TOE_OFF, events)
        assert len(toe_offs) == 12
        expected = RATE_HZ + np.arange(12) * round(period_s * RATE_HZ) + 0.55 * period_s * RATE_HZ
        assert np.max(np.abs(toe_offs - expected)) < 4.0


def test_contacts_are_known_within_150_ms() -> None:
    rate, _ = walk(10, 1.2, 4.5)
    contacts = [e for e in causal(rate)[1] if e.kind is FootEventKind.CONTACT]
    assert len(contacts) == 10
    assert all(e.confirmed - e.position <= 15 for e in contacts)


def test_slow_steps_after_fast_ones_are_not_lost() -> None:
    fast, _ = walk(8, 0.9, 7.5)
    slow, _ = walk(6, 1.8, 2.6)
    assert len(of(FootEventKind.CONTACT, causal(np.concatenate([fast, slow]))[1])) == 14


def test_a_squat_is_loaded_throughout() -> None:
    # The shank leans 35 deg forward and comes back within a second each: at most 60 deg/s.
    t = np.arange(0, 2, 1 / RATE_HZ)
    rate = -np.radians(35) * np.pi / 2 * np.sin(np.pi * t)
    phases, events = causal(np.tile(rate, 6))
    assert len(of(FootEventKind.CONTACT, events)) == 0
    assert set(phases[5:]) == {1}


def free_flexions() -> tuple[Floats, Floats]:
    """Shank's rate and inclination: five flexions of a hanging shank to 90 deg, 1 s back and 1 s forward."""
    t = np.arange(0, 10, 1 / RATE_HZ)
    lean = -np.radians(45) * (1 - np.cos(np.pi * t))
    return np.gradient(lean, 1 / RATE_HZ), lean


def test_a_knee_flexed_in_the_air_is_unloaded_but_takes_no_step() -> None:
    rate, lean = free_flexions()
    thigh = np.zeros(len(rate))
    _, events = causal(rate, None, Inclinations(thigh.tolist(), lean.tolist()))
    assert not any(e.forward for e in events if e.kind is FootEventKind.CONTACT)


def test_a_gap_ends_the_step_and_is_unknown() -> None:
    rate, _ = walk(10, 1.1, 5.0)
    known = np.ones(len(rate), dtype=bool)
    known[500:560] = False
    phases, events = causal(np.where(known, rate, np.nan), known)
    assert set(phases[500:560]) == {0}
    lost = of(FootEventKind.LOST, events)
    assert lost.tolist() == [500.0]
    assert not any(500 <= e.position < 560 for e in events if e.kind is FootEventKind.CONTACT)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(0, 2**31))
def test_any_cutting_gives_the_same_rows_and_events(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate = np.concatenate([walk(4, 1.1, 5.0)[0], walk(4, 1.6, 2.5)[0]])
    rate = rate + rng.normal(0, 0.3, len(rate))
    known = rng.uniform(size=len(rate)) > 0.002
    inclined = leaning(rate, rng.normal(0, 0.1, len(rate)))
    whole = causal(rate, known, inclined)
    filters = CausalRates(RATE_HZ)
    stage = Phases(RATE_HZ, filters.delays)
    phases: list[int] = []
    events: list[FootEvent] = []
    begin = 0
    for cut in [*cuts, len(rate)]:
        end = min(begin + cut, len(rate))
        piece = Inclinations(inclined.thigh[begin:end], inclined.shank[begin:end])
        more, new = stage.update(begin, filters.update(rate[begin:end], known[begin:end]), piece)
        phases += more
        events += new
        begin = end
    assert phases == whole[0]
    assert events == whole[1]


def test_the_causal_filter_starts_at_rest() -> None:
    rates = CausalRates(RATE_HZ).update(np.full(50, 1.7), np.ones(50, dtype=bool))
    assert np.allclose(rates.swing, 1.7) and np.allclose(rates.contact, 1.7)


def test_the_stated_delay_is_the_delay() -> None:
    # A slow sine comes out later by the filter's delay at low frequency.
    t = np.arange(0, 20, 1 / RATE_HZ)
    filters = CausalRates(RATE_HZ)
    out = np.array(filters.update(np.sin(2 * np.pi * t), np.ones(len(t), dtype=bool)).swing)
    shifts = np.arange(0, 5, 0.05)
    misfit = [np.sum((out[500:] - np.sin(2 * np.pi * (t - s / RATE_HZ))[500:]) ** 2) for s in shifts]
    assert shifts[int(np.argmin(misfit))] == pytest.approx(filters.delays.swing, abs=0.1)


def soft_stride(period_s: float) -> Floats:
    """Going up: the shank swings forward, stops as the foot is put down, and goes on forward slowly under the body."""
    phase = np.arange(round(period_s * RATE_HZ)) / (period_s * RATE_HZ)
    swing = 2.4 * np.sin(np.pi * np.clip((phase - 0.68) / 0.26, 0, 1))
    push_off = -2.0 * np.sin(np.pi * np.clip((phase - 0.44) / 0.24, 0, 1))
    return swing + push_off + 0.25 * np.sin(np.pi * np.clip(phase / 0.4, 0, 1))


def test_a_foot_put_down_softly_stands_when_its_shank_stops() -> None:
    """No impact, no minimum of the rate: the contact is where the swing ends, and is known in time."""
    one = soft_stride(1.4)
    rate = np.concatenate([np.zeros(100), *[one] * 8, np.zeros(100)])
    ends = 100 + np.arange(8) * len(one) + 0.94 * len(one)
    for events in (causal(rate)[1], both_ways(rate)):
        contacts = [e for e in events if e.kind is FootEventKind.CONTACT]
        assert len(contacts) == 8
        assert np.max(np.abs(of(FootEventKind.CONTACT, events) - ends)) < 6.0
        assert all(e.confirmed - e.position <= 15 for e in contacts)


@pytest.mark.parametrize(("lean_deg", "forward"), [(10.0, True), (-15.0, True), (-40.0, False)])
def test_a_foot_that_comes_down_behind_the_body_takes_no_step(lean_deg: float, forward: bool) -> None:
    rate, _ = walk(3, 1.2, 4.5)
    lean = np.full(len(rate), np.radians(lean_deg))
    thigh = np.linspace(0.0, 3.0, len(rate))
    _, events = causal(rate, None, Inclinations(thigh.tolist(), lean.tolist()))
    contacts = [e for e in events if e.kind is FootEventKind.CONTACT]
    assert len(contacts) == 3
    assert {e.forward for e in contacts} == {forward}


def test_exact_phases_swing_from_toe_off_to_contact() -> None:
    events = [
        FootEvent(FootEventKind.TOE_OFF, 12.4, 20),
        FootEvent(FootEventKind.CONTACT, 30.6, 35),
        FootEvent(FootEventKind.TOE_OFF, 60.0, 66),
        FootEvent(FootEventKind.REFUSED, 70.0, 70),
    ]
    phases = exact_phases(10, [True] * 80, events)
    assert [i + 10 for i, p in enumerate(phases) if p == 2] == list(range(13, 31))


def test_lists_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError):
        Phases(RATE_HZ).update(0, Rates([0.0], [0.0, 0.0], [True]), Inclinations([0.0], [0.0]))


@pytest.mark.parametrize("person", CMU_PEOPLE)
def test_contacts_of_real_walking_against_force_plates(person: str) -> None:
    folder = dataset("cmu_capacitive")
    for side in Side:
        plates = cmu_plates(folder, person, "CSBaseline", side)
        leg = leg_from_imu(cmu_leg(folder, person, "CSBaseline", side), side)
        inclined = Inclinations(leg.thigh_incl.tolist(), leg.shank_incl.tolist())
        for events in (causal(leg.shank_rate, None, inclined)[1], both_ways(leg.shank_rate, inclined)):
            found = matched(of(FootEventKind.CONTACT, events) / RATE_HZ, plates.contacts_s)
            assert found.found >= 0.98 * len(plates.contacts_s) - 1
            assert found.extra <= 1
            assert found.iqr_s < 0.035
