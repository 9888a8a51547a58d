"""`kneetrack process`: the most exact analysis of recordings, several at a time."""

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
)
from pipeline.errors import BadInputError, KneetrackError

if TYPE_CHECKING:
    from pipeline.commands.inputs import Asked
    from pipeline.commands.outcome import Outcome
    from pipeline.files.crew import Died


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
    from pipeline.files.opening import expanded, grouped

    groups = grouped(expanded(files))
    asked = Asked(side, tuple(calibration or []), orientations, filter_, thresholds, person, activity)
    if len(groups) == 1:
        _one(groups[0], out, asked)
    else:
        _several(groups, out, asked, jobs)


def analyse(
    source: Sequence[Path], folder: Path, asked: "Asked", progress: Callable[[float], None] = lambda share: None
) -> "Outcome":
    """Process one recording (one file, or a pair) into a folder."""
    from itertools import chain

    from pipeline import offline
    from pipeline.commands.inputs import left_over, load_profiles, recorded_profiles, sensors_of
    from pipeline.commands.outcome import complete
    from pipeline.files.opening import open_recording
    from pipeline.files.private import check_folder, reason
    from pipeline.files.results import ResultsWriter
    from pipeline.person import person_of
    from pipeline.summary import Summary

    name = str(source[0])
    try:
        check_folder(folder)
    except OSError as error:
        raise BadInputError(f"{folder} cannot be written to ({reason(error)}): choose another folder") from None
    recording = open_recording(list(source), asked.side)
    try:
        whose = person_of(recording.meta, asked.person, name)
        sensors = sensors_of(recording, asked.side, name)
        profiles = load_profiles(asked.calibration) or recorded_profiles(recording, name)
        settings = asked.settings(recording, name, profiles)
        try:
            found = offline.process(chain.from_iterable(recording.records()), sensors, settings, progress)
        except BadInputError as error:
            raise BadInputError(str(error) if name in str(error) else f"{name}: {error}") from error
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
    complaints = [f"{name}: {line}" for line in [*found.complaints, *outcome.complaints]]
    return replace(outcome, complaints=(*left_over(profiles, sensors, name), *complaints))


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


def _several(groups: Sequence[Sequence[Path]], out: Path, asked: "Asked", jobs: int | None) -> None:
    from pipeline.commands.progress import bar
    from pipeline.files.crew import cores, work_through

    folders = [out / group[0].stem for group in groups]
    twice = {folder.name for folder in folders if sum(folder == other for other in folders) > 1}
    if twice:
        raise BadInputError(f"several files are named {', '.join(sorted(twice))}: their results would share a folder")
    failed = 0
    pieces = [(tuple(group), folder, asked) for group, folder in zip(groups, folders, strict=True)]
    with (
        bar("processing", len(groups)) as progress,
        closing(work_through(finish_one, pieces, jobs or cores())) as answers,
    ):
        for done, (number, answer) in enumerate(answers, start=1):
            failed += not finished_of(answer, groups[number][0]).say(folders[number])
            progress(done)
    if failed:
        raise KneetrackError(f"{failed} of {len(groups)} recordings could not be processed (see above)")


@dataclass(frozen=True, slots=True)
class Finished:
    """What comes back of one recording among several. complaints: lines about it. error: one line where it failed."""

    steps: int = 0
    episodes: int = 0
    person: str | None = None
    complaints: tuple[str, ...] = ()
    error: str | None = None

    def say(self, folder: Path) -> bool:
        """Tell what was found, or what was wrong; gives whether it was processed."""
        for line in [*self.complaints, *([self.error] if self.error else [])]:
            print(f"kneetrack: {line}", file=sys.stderr)
        if self.error is None:
            typer.echo(f"{folder}: {self.steps} steps and repetitions, {self.episodes} valgus episodes")
        return self.error is None


def finish_one(files: Sequence[Path], folder: Path, asked: "Asked") -> Finished:
    """Process one recording into its folder. Never raises: what went wrong is told."""
    from pipeline.commands.errors import one_line

    try:
        outcome = analyse(files, folder, asked)
    except Exception as error:  # One recording's failure, foreseen or not, is told and costs none of the others.
        return Finished(error=one_line(error))
    steps, episodes = sum(row.steps for row in outcome.rows), sum(row.episodes for row in outcome.rows)
    return Finished(steps, episodes, outcome.person, outcome.complaints)


def finished_of(answer: "Finished | Died", file: Path) -> Finished:
    """Also where the processes that had the recording died."""
    return answer if isinstance(answer, Finished) else Finished(error=f"{file} was given up: {answer.why}")
