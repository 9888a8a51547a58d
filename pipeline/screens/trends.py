"""The page over many sessions of one person: what changed, what did not, and when it is time to ask for advice.

It compares the first with the last sessions of each activity and calls nothing a change that is smaller than the
smallest detectable one (trends_change.py). Self-contained like the session's page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.private import make_private_folder, write_private
from pipeline.person import KEY
from pipeline.screens.drawing import Picture
from pipeline.screens.pages import render
from pipeline.screens.report_rows import activity_name, number
from pipeline.screens.session_tables import real
from pipeline.screens.trends_change import (
    SIDEWAYS,
    Change,
    Verdict,
    change,
    hints,
)
from pipeline.screens.trends_figure import COLUMNS, activity_over_sessions
from pipeline.screens.trends_sessions import Sitting, sittings

NAME = "trends.html"
GENERATOR = "kneetrack trends"
_STILL = ("standing", "sitting", "other")
_COMPARED = (*COLUMNS, "peak_flexion_mean_deg")
_NAMES = {
    "peak_valgus_excess_mean_deg": "valgus excess",
    "peak_medial_collapse_mean_deg": "medial collapse",
    "peak_abduction_mean_deg": "abduction",
    "peak_flexion_mean_deg": "flexion",
}


@dataclass(frozen=True, slots=True)
class ActivityTrend:
    """An activity on the page. rows: one per leg. picture: None where no session has a figure to draw."""

    name: str
    picture: Picture | None
    rows: list[dict[str, str]]
    limits: str


def write_trends(folder: Path, out: Path | None = None, person: str | None = None) -> Path:
    """Write the page about the sessions under a folder and return its path.

    Parameters
    ----------
    out : the file; None: trends.html in the folder.
    person : whose sessions; None where only one person's are there.

    Raises BadInputError where there are no sessions, or those of several persons.
    """
    found = sittings(folder, person)
    path = out or folder / NAME
    if path.is_dir() or (path.exists() and not _ours(path)):
        raise BadInputError(f"{path} is there already and is no page of ours: choose another --out")
    make_private_folder(path.parent)
    write_private(path, _page(found.sessions, found.person, found.notes))
    return path


def _ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return f'content="{GENERATOR}"' in file.read(2000)


def _page(sessions: Sequence[Sitting], person: str | None, notes: Sequence[str]) -> str:
    trends, verdicts = [], []
    for activity in _activities(sessions):
        sides = [s for s in ("right", "left") if any((s, activity) in sitting.rows for sitting in sessions)]
        changes = {(side, column): change(sessions, side, activity, column) for side in sides for column in _COMPARED}
        verdicts += [changes[side, column].verdict for side in sides for column in SIDEWAYS]
        name = activity_name(activity)
        drawn = any(math.isfinite(v) for side in sides for column in COLUMNS for v in changes[side, column].values)
        picture = activity_over_sessions(sessions, activity, name, changes) if drawn else None
        rows = [_row(side, {column: changes[side, column] for column in _COMPARED}) for side in sides]
        trends.append(ActivityTrend(name, picture, rows, _limits(changes) if drawn else ""))
    first, last = sessions[0].start, sessions[-1].start
    days = (last - first).days
    return render(
        "trends.html.j2",
        generator=GENERATOR,
        person_key=KEY,
        person=person or "",
        span=f"{first:%Y-%m-%d} to {last:%Y-%m-%d}" if days else f"{first:%Y-%m-%d}",
        weeks=f"{days / 7:.0f} weeks" if days >= 14 else f"{days} days",
        count=len(sessions),
        hints=hints(sessions, verdicts),
        notes=notes,
        trends=trends,
        sessions=[_session_row(sitting) for sitting in sessions],
    )


def _activities(sessions: Sequence[Sitting]) -> list[str]:
    """Those with steps, most sessions and steps first."""
    seen: dict[str, tuple[int, float]] = {}
    for sitting in sessions:
        for (_, activity), row in sitting.rows.items():
            steps = real(row.get("steps"))
            if activity not in _STILL and steps > 0:
                times, count = seen.get(activity, (0, 0.0))
                seen[activity] = (times + 1, count + steps)
    return sorted(seen, key=lambda name: (*(-value for value in seen[name]), name))


def _limits(changes: Mapping[tuple[str, str], Change]) -> str:
    """What is the smallest detectable change here, and where that comes from."""
    words: dict[str, None] = {}
    for (_, column), of in changes.items():
        if of.limits is None or of.alone or column not in _NAMES:
            continue
        low, high = number(of.limits.low_deg, 1), number(of.limits.high_deg, 1)
        reach = f"{low} to {high}" if low != high else high
        of_means = f" between means of {of.count} sessions" if of.count > 1 else ""
        words[f"{_NAMES[column]} {reach} deg{of_means} ({of.limits.source})"] = None
    return "; ".join(words)


def _row(side: str, changes: Mapping[str, Change]) -> dict[str, str]:
    row = {"side": side}
    for column, key in zip(_COMPARED, ("excess", "collapse", "per_100", "flexion"), strict=True):
        of = changes[column]
        decimals, sign = (0, False) if key in ("per_100", "flexion") else (1, True)
        known = math.isfinite(of.change)
        row[f"{key}_spread"] = f"± {number(of.spread, 1)}" if math.isfinite(of.spread) else ""
        row[key] = f"{number(of.first, decimals, sign)} → {number(of.last, decimals, sign)}" if known else "–"
        if not known and of.alone:
            row[key] = number(of.first, decimals, sign)
        row[f"{key}_verdict"] = of.verdict if key != "per_100" else ""
        if key != "per_100" and of.verdict not in (Verdict.UNKNOWN, Verdict.FIRST, Verdict.NONE):
            row[f"{key}_verdict"] = f"{of.verdict} ({number(of.change, 1, True)})"
    return row


def _session_row(sitting: Sitting) -> dict[str, str]:
    moved = [row for (_, activity), row in sitting.rows.items() if activity not in ("standing", "sitting")]
    steps = sum(max(0.0, real(row.get("steps"))) for row in moved if math.isfinite(real(row.get("steps"))))
    legs = sorted({side for side, _ in sitting.rows}, reverse=True)
    asked = sitting.check
    return {
        "date": f"{sitting.start:%Y-%m-%d %H:%M}",
        "legs": " and ".join(legs) or "–",
        "steps": f"{steps:.0f}",
        "mode": {"process": "offline", "live": "live", "replay": "live (replay)"}.get(sitting.mode, sitting.mode),
        "software": sitting.software,
        "check": "–" if asked is None else asked.words() or "nothing ticked",
    }
