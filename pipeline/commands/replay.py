"""`kneetrack replay`: the live session's engine over recordings, at any speed, with the same results."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    ActivityOption,
    CalibrationOption,
    Files,
    FilterOption,
    LanOption,
    LslOption,
    OrientationsOption,
    PersonOption,
    PortOption,
    SideOption,
    ThresholdsOption,
)
from pipeline.commands.stopping import Stopping
from pipeline.records import Event, Record, Side

if TYPE_CHECKING:
    from calibration.profile import Profile
    from pipeline.commands.inputs import Asked
    from pipeline.files.recording import Recorded
    from pipeline.screens.dashboard.publisher import Publisher
    from pipeline.screens.lab_streams import Lab
    from pipeline.session import Session
    from pipeline.update import Update

_PIECE = 4
"""Records handed on at a time where the replay keeps pace with the clock, for each time of real time."""
_CATCHING_UP = 200
"""At most, where it has fallen behind: more at a time costs less for each."""
_BATCH_ROWS = 500


def replay(
    files: Files,
    out: Annotated[
        Path | None, typer.Option("--out", help="The result folder (of several files: DIR/<file stem>).", metavar="DIR")
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed",
            help="Times real time (1: as it was), or max (default; with --dashboard or --lsl: 1).",
            metavar="1|max",
        ),
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Show it in a browser as a live session is shown.")
    ] = False,
    lan: LanOption = False,
    port: PortOption = 8077,
    side: SideOption = None,
    calibration: CalibrationOption = None,
    orientations: OrientationsOption = False,
    filter_: FilterOption = None,
    thresholds: ThresholdsOption = None,
    person: PersonOption = None,
    activity: ActivityOption = None,
    lsl: LslOption = False,
) -> None:
    """Play recordings through the live engine: the same angles, steps and episodes as in the live session.

    Without --out the session is only shown. Ctrl-C ends it and keeps what there is.
    """
    factor = _factor(speed or ("1" if dashboard or lan or lsl else "max"))
    if lsl and factor != 1.0:
        raise typer.BadParameter("the clock of LSL streams goes as time does: --speed 1", param_hint="--lsl")
    with Stopping() as stop, ExitStack() as stack:
        from rich.console import Console

        from pipeline.commands.boarding import board, opened
        from pipeline.commands.inputs import Asked
        from pipeline.files.opening import expanded, grouped
        from pipeline.screens.dashboard.publisher import Where
        from pipeline.screens.lab_streams import lab

        streaming = lab() if lsl else None
        where = Where(lan, port) if dashboard or lan else None
        publisher = opened(stack.enter_context(board(where)), lan, Console())

        asked = Asked(side, tuple(calibration or []), orientations, filter_, thresholds, person, activity)
        groups = grouped(expanded(files))
        for group in groups:
            folder = out if out is None or len(groups) == 1 else out / group[0].stem
            _replay(group, folder, factor, stop, asked, publisher, streaming)
            if stop.asked:
                break


def _factor(text: str) -> float:
    """Times real time; infinite for max."""
    if text == "max":
        return math.inf
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor < math.inf:
        raise typer.BadParameter("a number above 0 (1 is real time), or max", param_hint="--speed")
    return factor


def _replay(
    source: Sequence[Path],
    folder: Path | None,
    factor: float,
    stop: Stopping,
    asked: "Asked",
    publisher: "Publisher | None",
    lab: "Lab | None" = None,
) -> None:
    from rich.console import Console

    from pipeline.commands.inputs import left_over, load_profiles, recorded_profiles, sensors_of
    from pipeline.commands.outcome import complete
    from pipeline.commands.progress import bar
    from pipeline.files.opening import open_recording
    from pipeline.files.results import ResultsWriter
    from pipeline.person import person_of
    from pipeline.screens.dashboard.showing import Showing
    from pipeline.screens.lab_streams import LabStreams
    from pipeline.screens.session_notes import session_notes
    from pipeline.screens.terminal import file_list, screen, summary_table
    from pipeline.screens.view import Tally, View, sensor_views
    from pipeline.session import Session
    from pipeline.summary import Summary

    name = str(source[0])
    console = Console()
    with ExitStack() as stack:
        recording = open_recording(list(source), asked.side)
        stack.callback(recording.close)
        whose = person_of(recording.meta, asked.person, name)
        sensors = sensors_of(recording, asked.side, name)
        paced = math.isfinite(factor)
        rows_at_once = 1 if paced else _BATCH_ROWS
        given = load_profiles(asked.calibration)
        _say(left_over(given, sensors, name))
        settings = asked.settings(recording, name, given, rows_at_once)
        session, summary = Session(sensors, settings), Summary(prescription=settings.thresholds.prescription)
        tally = Tally([sensor.side for sensor in sensors])
        results = None
        if folder is not None:
            results = ResultsWriter(folder, orientations=asked.orientations, start_utc=recording.start_utc)
            stack.enter_context(results)
        streams = None
        if lab is not None:
            streams = LabStreams(lab, sensors, "replay")
            stack.callback(streams.close)
            print(streams.trouble or streams.told, file=sys.stderr)

        def view() -> View:
            return View(
                elapsed_s=tally.time_s or 0.0,
                limit_s=max(recording.duration_s, tally.time_s or 0.0),
                legs=[tally.leg(leg, session) for leg in tally.sides],
                sensors=sensor_views(sensors, session.quality()),
                episodes=tally.episodes,
                episodes_seen=tally.episodes_seen,
                where=str(folder or ""),
                warnings=session.warnings(),
            )

        showing = None
        if publisher is not None:
            publisher.begin(replay=True)
            showing = Showing(publisher, view, thresholds=settings.thresholds)
        with ExitStack() as shown:
            table = shown.enter_context(screen(console)) if paced else None
            progress = None if paced else shown.enter_context(bar(source[0].name))

            def begin(zero_s: float) -> None:
                if streams is not None:
                    streams.zero_s = zero_s

            for update in _updates(session, _pieces(recording, factor, stop, progress, begin), given):
                if streams is not None:
                    streams.send(update)
                summary.add(update)
                tally.add(update)
                if results is not None:
                    results.write(update)
                if table is not None:
                    table.show(view)
                if showing is not None:
                    showing.take(update)
                    stop.asked = stop.asked or showing.stopped
            if showing is not None:
                showing.show(last=True)
        if streams is not None and streams.trouble:
            _say([streams.trouble])
        _say(session.complaints())
        standing = session.warnings()
        if results is None:
            _say(standing)
            console.print(summary_table(summary.rows()))
            console.print(session_notes(summary.extras()))
            if publisher is not None:
                publisher.ended(None, [], again=False, words="The replay is over.")
            return
        outcome = complete(
            results,
            summary,
            mode="replay",
            sensors=sensors,
            settings=settings,
            quality=session.quality(),
            given=given or recorded_profiles(recording, name),
            recording=recording.meta,
            person=whose,
        )
        _say(line for line in standing if line not in outcome.complaints)
        outcome.complain()
    if publisher is not None:
        publisher.ended(results.folder, outcome.files, again=False, words="The replay is over, its results are saved.")
    console.print(summary_table(outcome.rows))
    console.print(session_notes(outcome.extras))
    console.print(file_list(results.folder, outcome.files), soft_wrap=True)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"kneetrack: {line}", file=sys.stderr)


def _updates(session: "Session", pieces: Iterator[list[Record]], given: "Mapping[Side, Profile]") -> Iterator["Update"]:
    """given: calibrations that stand in place of the recorded ones."""
    for piece in pieces:
        yield session.feed([record for record in piece if not _replaced(record, given)])
    yield session.finish()


def _replaced(record: Record, given: "Mapping[Side, Profile]") -> bool:
    return isinstance(record, Event) and record.kind == "calibration" and record.fields.get("side") in given


def _pieces(
    recording: "Recorded",
    factor: float,
    stop: Stopping,
    progress: Callable[[float], None] | None,
    begin: Callable[[float], None] = lambda zero_s: None,
) -> Iterator[list[Record]]:
    """The recording in pieces, in its own time where a factor is given, until the end or the wish to stop.

    begin: called first, with `time.perf_counter()` at the session's time zero as it would have been at speed 1.
    """
    first_ns: int | None = None
    begun = time.monotonic()
    for batch in recording.records():
        size = max(1, round(_PIECE * factor)) if math.isfinite(factor) else len(batch)
        at = 0
        while at < len(batch):
            if first_ns is None:
                first_ns = batch[0].host_time_ns
                begin(time.perf_counter() - (time.monotonic() - begun) - first_ns * 1e-9)
            end = at + size
            if math.isfinite(factor):
                due_ns = first_ns + (time.monotonic() - begun) * factor * 1e9
                while end - at < _CATCHING_UP and end < len(batch) and batch[end].host_time_ns <= due_ns:
                    end += 1
            piece, at = batch[at:end], end
            passed_s = (piece[-1].host_time_ns - first_ns) * 1e-9
            while not stop.asked and time.monotonic() - begun < passed_s / factor:
                time.sleep(min(0.05, max(0.0, passed_s / factor - (time.monotonic() - begun))))
            if stop.asked:
                return
            yield piece
            if progress is not None and recording.duration_s > 0.0:
                progress(min(1.0, passed_s / recording.duration_s))
