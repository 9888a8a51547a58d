"""The page over weeks: one person, honest about what is no change, never a diagnosis."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.commands.main import run
from pipeline.errors import BadInputError
from pipeline.screens.trends import write_trends
from pipeline.screens.trends_change import STRAPPING, Verdict, change, hints, own_repeatability, smallest, verdict
from pipeline.screens.trends_sessions import Sittings, sittings
from pipeline.start_check import Check
from tests.pipeline.html_page import assert_self_contained

_FIRST = datetime(2026, 9, 1, 9, 30, tzinfo=UTC)
EXCESS, COLLAPSE = "peak_valgus_excess_mean_deg", "peak_medial_collapse_mean_deg"


def session(
    root: Path,
    day: float,
    excess_deg: float | None = 5.0,
    person: str | None = "p07",
    mode: str = "process",
    quality: float = 0.9,
    **told: object,
) -> Path:
    """A summary of ours, of squats of the right leg."""
    start = _FIRST + timedelta(days=day)
    row = {
        "side": "right", "activity": "squat", "steps": 20, "duration_s": 60.0, "episodes": 2, "quality": quality,
        "episodes_per_100_steps": 10.0, EXCESS: excess_deg, COLLAPSE: 3.0, "peak_flexion_mean_deg": 90.0,
    }  # fmt: skip
    summary = {
        "start_utc": start.isoformat(), "mode": mode, "person": person, "versions": {"kneetrack": "0.1.0"},
        "parameters": {"filter": "vqf"}, "rows": [row], **told,
    }  # fmt: skip
    folder = root / f"{person}-{mode}-{day}"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def said(found: Sittings) -> list[str]:
    verdicts = [change(found.sessions, "right", "squat", column).verdict for column in (EXCESS, COLLAPSE)]
    return hints(found.sessions, verdicts)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.0, Verdict.NONE), (-3.9, Verdict.NONE), (5.0, Verdict.UNCLEAR), (-6.1, Verdict.LESS), (6.1, Verdict.MORE)],
)
def test_a_change_below_the_smallest_detectable_one_is_no_change(difference: float, expected: Verdict) -> None:
    limits = smallest("squat", EXCESS)
    assert limits is not None and (limits.low_deg, limits.high_deg) == (4.0, 6.0)
    assert verdict(difference, limits) is expected


def test_of_counts_nothing_is_claimed() -> None:
    assert smallest("squat", "episodes_per_100_steps") is None
    assert verdict(50.0, None) is Verdict.UNKNOWN
    assert verdict(float("nan"), smallest("squat", EXCESS)) is Verdict.UNKNOWN


@pytest.mark.parametrize("activity", [*STRAPPING, "deadlift"])
def test_no_limit_is_below_what_strapping_on_anew_makes(activity: str) -> None:
    for at, column in enumerate(("peak_abduction_mean_deg", EXCESS, COLLAPSE)):
        limits = smallest(activity, column)
        assert limits is not None and 4.0 <= limits.low_deg < limits.high_deg
        assert limits.low_deg >= STRAPPING.get(activity, (0.0, 0.0, 0.0))[at]


def test_means_of_several_sessions_are_known_better(tmp_path: Path) -> None:
    """A fall of 4.5 deg is unclear between two sessions, and one between means of three."""
    for day, excess in enumerate((9.0, 10.0, 11.0, 5.5, 4.5, 6.5)):
        session(tmp_path, 7 * day, excess)
    found = change(sittings(tmp_path).sessions, "right", "squat", EXCESS)
    assert (found.count, found.first, found.last, found.verdict) == (3, 10.0, 5.5, Verdict.LESS)
    assert found.spread == pytest.approx((34.375 / 5) ** 0.5)
    assert verdict(found.change, smallest("squat", EXCESS)) is Verdict.UNCLEAR


def test_a_persons_own_repeatability_takes_the_place_of_what_is_assumed(tmp_path: Path) -> None:
    """Six days with two sessions each, 0.6 deg apart: deviation 0.42 deg, 6 degrees of freedom, t 2.447."""
    for day in range(6):
        for part, excess in ((0.0, 5.0), (0.2, 5.6)):
            session(tmp_path, 7 * day + part, excess - 0.8 * day)
    sessions = sittings(tmp_path).sessions
    own = own_repeatability(sessions, "right", "squat", EXCESS)
    assert own is not None and (own.degrees, own.days) == (6, 6)
    assert own.detectable_deg == pytest.approx(2.447 * 2**0.5 * 0.4243, rel=1e-3)
    limits = change(sessions, "right", "squat", EXCESS).limits
    assert limits is not None and "own" in limits.source
    assert limits.low_deg == pytest.approx(STRAPPING["squat"][1] / 3**0.5), "never below what strapping makes"
    few = own_repeatability(sessions[:4], "right", "squat", EXCESS)
    usual = smallest("squat", EXCESS, few)
    assert usual is not None and "assumed" in usual.source, "two pairs tell too little"


def test_first_and_last_are_those_by_date_that_can_be_trusted(tmp_path: Path) -> None:
    for day, excess, quality in ((21, 2.0, 0.9), (0, 10.0, 0.9), (28, 30.0, 0.1), (7, None, 0.9), (-7, 99.0, 0.2)):
        session(tmp_path, day, excess, quality=quality)
    found = change(sittings(tmp_path).sessions, "right", "squat", EXCESS)
    assert (found.first, found.last, found.verdict) == (10.0, 2.0, Verdict.LESS)
    assert found.values[0] == 99.0 and found.values[-1] == 30.0
    assert change(sittings(tmp_path).sessions, "left", "squat", EXCESS).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("days", "excess", "expected"),
    [
        ((0, 14, 28), (5, 5, 5), "no sideways measure changed"),
        ((0, 14, 28), (5, 5, 20), "became larger"),
        ((0, 14, 28), (20, 10, 5), ""),
        ((0, 3, 6), (5, 5, 5), ""),
        ((0, 28), (5, 5), ""),
    ],
)
def test_advice_after_weeks_without_a_change(
    days: tuple[int, ...], excess: tuple[int, ...], expected: str, tmp_path: Path
) -> None:
    for day, value in zip(days, excess, strict=True):
        session(tmp_path, day, float(value))
    found = said(sittings(tmp_path))
    assert (len(found), expected in "".join(found)) == (int(bool(expected)), True)
    assert not expected or "physiotherapist" in found[0]


def test_what_was_ticked_leads_to_advice_and_to_no_diagnosis(tmp_path: Path) -> None:
    session(tmp_path, 0, check=Check().fields())
    session(tmp_path, 7, check=Check(swelling=True, giving_way=True).fields())
    found = said(sittings(tmp_path))
    assert found[0] == "On 2026-09-08 the person ticked before the session: swelling and giving way."
    assert "professional advice" in found[1] and len(found) == 2
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    for word in ("osteoarthritis", "ligament", "injured", "patellofemoral"):
        assert word not in page.lower()


def test_persons_are_never_mixed(tmp_path: Path) -> None:
    for day in (0, 7):
        session(tmp_path, day)
        session(tmp_path, day + 1, person="p08")
    session(tmp_path, 3, person=None)
    with pytest.raises(BadInputError, match=r"several persons: choose one with --person: p07 \(2\), p08 \(2\)"):
        sittings(tmp_path)
    found = sittings(tmp_path, "p08")
    assert [s.person for s in found.sessions] == ["p08", "p08"]
    assert found.notes == ["1 sessions without a person id are left out."]
    with pytest.raises(BadInputError, match="no session of person p09: there are p07, p08"):
        sittings(tmp_path, "p09")
    page = write_trends(tmp_path, person="p08").read_text(encoding="utf-8")
    assert "person p08" in page and "p07" not in page


def test_sessions_without_an_id_are_said_to_be_taken_on_trust(tmp_path: Path) -> None:
    session(tmp_path, 0, person=None)
    session(tmp_path, 7, person="Anna Müller, born 1970")
    found = sittings(tmp_path)
    assert len(found.sessions) == 2 and found.person is None and "taken on trust" in found.notes[0]
    assert "Anna" not in write_trends(tmp_path).read_text(encoding="utf-8")
    with pytest.raises(BadInputError, match="carry no person id"):
        sittings(tmp_path, "p07")


def test_one_recording_counts_once_as_the_most_exact(tmp_path: Path) -> None:
    session(tmp_path, 0, 9.0, mode="live")
    session(tmp_path, 0, 5.0, mode="process")
    session(tmp_path, 0.000005, 9.0, mode="replay")
    session(tmp_path, 7, 4.0, mode="live")
    found = sittings(tmp_path)
    assert [s.mode for s in found.sessions] == ["process", "live"]
    assert any("count once" in note for note in found.notes)
    assert any("live and some offline" in note for note in found.notes)


def test_damaged_foreign_and_undated_summaries_are_named_and_left_out(tmp_path: Path) -> None:
    session(tmp_path, 0)
    session(tmp_path, 7)
    session(tmp_path, 8, start_utc=None)
    for name, text in (("cut", '{"rows": ['), ("foreign", '{"name": "x"}'), ("list", "[]"), ("deep", "[" * 100_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(text, encoding="utf-8")
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert page.count("Left out: ") == 5 and str(tmp_path) not in page
    assert "2 sessions" in page


@pytest.mark.parametrize("content", [None, '{"rows": [', '{"rows": [], "start_utc": "yesterday"}'])
def test_nothing_to_compare_is_one_line(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content, encoding="utf-8")
    before = list(tmp_path.iterdir())
    assert run(["trends", str(tmp_path)]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and "holds no session" in err[0]
    assert list(tmp_path.iterdir()) == before
    assert run(["trends", str(tmp_path / "missing")]) == 1


def test_page_is_self_contained_for_one_and_for_many_sessions(tmp_path: Path) -> None:
    session(tmp_path, 0)
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "not yet a trend" in page
    for day in range(1, 30):
        session(tmp_path, day, excess_deg=3.0 + day % 3)
    assert run(["trends", str(tmp_path), "--out", str(tmp_path / "new" / "other.html")]) == 0
    page = (tmp_path / "new" / "other.html").read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "30 sessions" in page and "no change" in page and len(page) < 1_000_000


def test_a_foreign_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session(tmp_path, 0)
    mine = tmp_path / "thesis.html"
    mine.write_text("<p>two years of work</p>", encoding="utf-8")
    assert run(["trends", str(tmp_path), "--out", str(mine)]) == 1
    assert "two years" in mine.read_text(encoding="utf-8")
    assert "no page of ours" in capsys.readouterr().err
    assert run(["trends", str(tmp_path)]) == run(["trends", str(tmp_path)]) == 0


def test_words_from_summaries_cannot_become_markup(tmp_path: Path) -> None:
    session(tmp_path, 0, mode="<script>alert(1)</script>")
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page


def test_one_session_shows_its_figures_and_claims_nothing(tmp_path: Path) -> None:
    session(tmp_path, 0, 5.2)
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert "+5.2" in page and ">90<" in page and "one session" in page
    assert "Smallest detectable change:" not in page
    # The day is told, not its hours.
    assert ">1 Sep<" in page and "12:00" not in page


def test_an_activity_without_figures_has_no_empty_picture(tmp_path: Path) -> None:
    folder = session(tmp_path, 0.0)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    (squat,) = summary["rows"]
    summary["rows"].append({**dict.fromkeys(squat), "side": "right", "activity": "lunge", "steps": 1, "quality": 0.1})
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert page.count("<h2>Squat</h2>") == page.count("<h2>Lunge</h2>") == page.count("<figure>") == 1
    assert "too little data" in page and page.count("Smallest detectable change") <= 1
    assert_self_contained(page)


def test_days_that_lie_close_do_not_hide_each_other(tmp_path: Path) -> None:
    for day in (0, 1, 90):
        session(tmp_path, day)
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert ">2 Sep<" not in page
    assert ">Oct<" in page


def test_many_ticks_are_summed_up(tmp_path: Path) -> None:
    for day in range(6):
        session(tmp_path, 7 * day, check={"pain": True, "swelling": False, "giving_way": False})
    page = write_trends(tmp_path).read_text(encoding="utf-8")
    assert "Before 6 sessions the person ticked something" in page
    assert page.count("the person ticked before the session") == 3 and "2026-10-06" in page
