"""`kneetrack process`: the most exact analysis of recordings, several at a time."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    ActivityOption,
    CalibrationOption,
    Files,
    FilterOption,
    OrientationsOption,
    PersonOption,
    SideOption,
    ThresholdsOption,
    expanded,
)
from pipeline.errors import BadInputError, KneetrackError

if TYPE_CHECKING:
    from pipeline.commands.inputs import Asked
    from pipeline.commands.outcome import Outcome


def process(
    files: Files,
    out: Annotated[
        Path, typer.Option("--out", help="The result folder (of several files: DIR/<file stem>).", metavar="DIR")
    ],
    side: SideOption = None,
    calibration: CalibrationOption = None,
    orientations: OrientationsOption = False,
    filter_: FilterOption = None,
    thresholds: ThresholdsOption = None,
    person: PersonOption = None,
    activity: ActivityOption = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Files at a time (default: one per core).")] = None,
) -> None:
    """Analyse recordings both ways in time, the most exact way: angles, steps, episodes, summary and report."""
    from pipeline.commands.inputs import Asked
    from pipeline.files.opening import grouped

    groups = grouped(expanded(files))
    asked = Asked(side, tuple(calibration or []), orientations, filter_, thresholds, person, activity)
    if len(groups) == 1:
        _one(groups[0], out, asked)
    else:
        _several(groups, out, asked, min(jobs or os.cpu_count() or 1, len(groups)))


def analyse(
    source: Sequence[Path], folder: Path, asked: "Asked", progress: Callable[[float], None] = lambda share: None
) -> "Outcome":
    """Process one recording (one file, or a pair) into a folder."""
    from itertools import chain

    from pipeline import offline
    from pipeline.commands.inputs import load_profiles, recorded_profiles, sensors_of
    from pipeline.commands.outcome import complete
    from pipeline.files.opening import open_recording
    from pipeline.files.results import ResultsWriter
    from pipeline.person import person_of
    from pipeline.summary import Summary

    name = str(source[0])
    recording = open_recording(list(source), asked.side)
    try:
        whose = person_of(recording.meta, asked.person, name)
        sensors = sensors_of(recording, asked.side, name)
        profiles = load_profiles(asked.calibration) or recorded_profiles(recording, name)
        settings = asked.settings(recording, name, profiles)
        try:
            found = offline.process(chain.from_iterable(recording.records()), sensors, settings, progress)
        except BadInputError as error:
            raise BadInputError(f"{name}: {error}") from error
    finally:
        recording.close()
    summary = Summary(prescription=settings.thresholds.prescription)
    summary.add(found.update)
    with ResultsWriter(folder, orientations=asked.orientations, start_utc=recording.start_utc) as results:
        results.write(found.update)
        outcome = complete(
            results,
            summary,
            mode="process",
            sensors=sensors,
            settings=settings,
            quality=found.quality,
            given=profiles,
            recording=recording.meta,
            person=whose,
        )
    complaints = [*found.complaints, *outcome.complaints]
    return replace(outcome, complaints=tuple(f"{name}: {line}" for line in complaints))


def _one(source: Sequence[Path], out: Path, asked: "Asked") -> None:
    from rich.console import Console

    from pipeline.commands.progress import bar
    from pipeline.screens.session_notes import session_notes
    from pipeline.screens.terminal import file_list, summary_table

    with bar(source[0].name) as progress:
        outcome = analyse(source, out, asked, progress)
    outcome.complain()
    console = Console()
    console.print(summary_table(outcome.rows))
    console.print(session_notes(outcome.extras))
    console.print(file_list(out, outcome.files), soft_wrap=True)


def _several(groups: Sequence[Sequence[Path]], out: Path, asked: "Asked", jobs: int) -> None:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    from pipeline.commands.progress import bar

    folders = [out / group[0].stem for group in groups]
    twice = {folder.name for folder in folders if sum(folder == other for other in folders) > 1}
    if twice:
        raise BadInputError(f"several files are named {', '.join(sorted(twice))}: their results would share a folder")
    failed = 0
    # A fresh interpreter for each: a forked one inherits the locks of threads that it does not have.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool, bar("processing", len(groups)) as progress:
        running: dict[Future[Outcome], Path] = {
            pool.submit(analyse, group, folder, asked): folder for group, folder in zip(groups, folders, strict=True)
        }
        try:
            for done, future in enumerate(as_completed(running), start=1):
                progress(done)
                failed += not _say(future, running[future])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        raise KneetrackError(f"{failed} of {len(groups)} recordings could not be processed (see above)")


def _say(future: "Future[Outcome]", folder: Path) -> bool:
    from pipeline.commands.errors import one_line

    error = future.exception()
    if error is not None:
        print(f"kneetrack: {one_line(error)}", file=sys.stderr)
        return False
    future.result().complain()
    rows = future.result().rows
    steps, episodes = sum(row.steps for row in rows), sum(row.episodes for row in rows)
    typer.echo(f"{folder}: {steps} steps and repetitions, {episodes} valgus episodes")
    return True
