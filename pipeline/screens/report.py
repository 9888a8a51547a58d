"""The session's page: one self-contained HTML file from a result folder, for a clinician with a minute.

Reads the tables that `process`, `replay` and `live` write, and asks nothing of the network: styles and figures are in
the page. It prints on two A4 pages: what happened, then how it looked inside the steps and how far it can be trusted.
What the numbers can and cannot say stands on every page.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.files.private import write_private
from pipeline.screens import report_rows
from pipeline.screens.cycle_figures import WORST_IN, curves_over_cycle, worst_steps
from pipeline.screens.drawing import clock
from pipeline.screens.figures import distributions, distributions_in, peaks_over_session
from pipeline.screens.page_room import first_sheet_in, lines, second_sheet_in
from pipeline.screens.pages import render
from pipeline.screens.session_tables import SessionTables, objects, read_session, real, started
from pipeline.start_check import ADVICE, Check

NAME = "report.html"
_EPISODES_SHOWN = 8
_ROWS_PRINTED = 13
_PEAKS_IN = (2.9, 3.6)
_POOR = 0.5


def write_report(folder: Path) -> Path:
    """Write `report.html` into a result folder and return its path.

    Raises BadInputError where the folder does not hold the results of a session.
    """
    path = folder / NAME
    write_private(path, _page(read_session(folder)))
    return path


def _page(session: SessionTables) -> str:
    angles, steps, episodes, summary = session.angles, session.steps, session.episodes, session.summary
    size = episodes[["peak_excess_deg", "peak_collapse_deg"]].max(axis=1)
    strongest = episodes.loc[size.nlargest(_EPISODES_SHOWN).index].sort_values("start_s")
    rows, warnings = report_rows.summary_rows(summary), _warnings(session)
    left_right, thirds = report_rows.left_right_rows(summary), report_rows.thirds_rows(summary)
    sets, more_sets = report_rows.set_rows(summary)
    sensors, told = report_rows.sensor_rows(summary), report_rows.quality_lines(angles, summary)
    too_little = report_rows.too_little(summary)
    notes = 1 + (len(rows) > _ROWS_PRINTED) + lines([too_little] if too_little else [])
    first_in = first_sheet_in(warnings, min(len(rows), _ROWS_PRINTED), notes)
    peaks_in = min(_PEAKS_IN[1], max(_PEAKS_IN[0], first_in - distributions_in(steps)))
    longest = max(len(left_right), len(thirds), len(sets) + (more_sets > 0))
    worst = worst_steps(angles, steps, episodes, summary)
    second_in = second_sheet_in(longest, len(sensors), [f"{name} {words}" for name, words in told])
    return render(
        "report.html.j2",
        session=_session(session),
        warnings=warnings,
        summary=rows,
        rows_printed=_ROWS_PRINTED,
        too_little=too_little,
        peaks=peaks_over_session(steps, episodes, peaks_in),
        distributions=distributions(steps, first_in - peaks_in),
        cycles=curves_over_cycle(angles, steps, second_in - (WORST_IN if worst else 0.0)),
        worst=worst,
        left_right=left_right,
        thirds=thirds,
        sets=sets,
        more_sets=more_sets,
        within=report_rows.WITHIN_SESSION_DEG,
        episodes=report_rows.episode_rows(strongest),
        episodes_note=f"{len(strongest)} of {len(episodes)} episodes, in order of time; all are in episodes.csv.",
        sensors=sensors,
        told=told,
    )


def _session(session: SessionTables) -> dict[str, str]:
    angles, steps, episodes = session.angles, session.steps, session.episodes
    sides = sorted(map(str, angles["side"].unique()), reverse=True)
    span = float(angles["time_s"].max() - angles["time_s"].min()) if len(angles) else 0.0
    valid = float(angles["valid"].mean()) if len(angles) else 0.0
    begun = started(session.summary)
    return {
        "date": begun.strftime("%Y-%m-%d %H:%M UTC") if begun else "date unknown",
        "person": str(session.summary.get("person") or ""),
        "legs": "both legs" if len(sides) > 1 else "".join(f"{side} leg" for side in sides) or "no leg",
        "duration": clock(span),
        "valid": f"{100.0 * valid:.0f} %",
        "sentence": _sentence(len(steps), len(episodes), int(episodes["severity"].isin(["marked", "strong"]).sum())),
    }


def _sentence(steps: int, episodes: int, marked: int) -> str:
    if not steps and not episodes:
        return "No step, repetition or valgus episode was recognised."
    said = f"{steps} steps and repetitions, {episodes} valgus episode{'s' * (episodes != 1)}"
    if steps and episodes:
        said += f" ({100.0 * episodes / steps:.0f} per 100 steps), {marked} of them marked or strong"
    return f"{said}."


def _warnings(session: SessionTables) -> list[str]:
    angles, summary = session.angles, session.summary
    found = []
    check = Check.from_fields(summary.get("check"))
    if check is not None and check.any:
        found.append(f"At the start of the session the person ticked: {check.words()}. {ADVICE}")
    valid = float(angles["valid"].mean()) if len(angles) else 1.0
    if valid < _POOR:
        said = "The angles are valid in less than half of the session" if valid else "No angle of the session is valid"
        found.append(f"{said}: see the quality of the data.")
    poor = _poor(objects(summary.get("rows")))
    if poor:
        found.append(f"Read with care, few steps or low quality: {', '.join(poor)}.")
    if not len(session.steps):
        found.append("No step was recognised: were both sensors worn, and was there any movement after standing still?")
    return found


def _poor(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    moved = [row for row in rows if str(row.get("activity")) not in ("standing", "sitting")]
    low = [row for row in moved if math.isfinite(real(row.get("quality"))) and real(row.get("quality")) < _POOR]
    return sorted({report_rows.activity_name(row.get("activity")) for row in low})
