"""`kneetrack batch`: many recordings into one folder of results and one table, on all cores or on a Dask cluster."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.options import (
    ActivityOption,
    CalibrationOption,
    FilterOption,
    OrientationsOption,
    PersonOption,
    SideOption,
    ThresholdsOption,
)
from pipeline.errors import BadInputError, KneetrackError

if TYPE_CHECKING:
    from pipeline.commands.inputs import Asked
    from pipeline.commands.process import Finished
    from pipeline.files.batch import Ledger, Planned
    from pipeline.files.crew import Died

_NAMED = 3


def batch(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Recordings as `process` takes them, patterns ('data/**/*.knee'), and folders, which are searched.",
            metavar="FILE|DIR...",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of all results.", metavar="DIR")],
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            help="A Dask scheduler that you trust, whose workers see the same folders (extra `cluster`).",
            metavar="ADDRESS",
        ),
    ] = None,
    side: SideOption = None,
    calibration: CalibrationOption = None,
    orientations: OrientationsOption = False,
    filter_: FilterOption = None,
    thresholds: ThresholdsOption = None,
    person: PersonOption = None,
    activity: ActivityOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Process all anew, not only what is new or has changed.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Recordings at a time (default: one per core).")
    ] = None,
) -> None:
    """Process thousands of recordings: a result folder for each, and batch.csv, a row per recording, leg and activity.

    Run again, it does only what is new, has changed or had failed; so an interrupted batch goes on. A recording that
    cannot be processed costs one line, in batch.jsonl too, and none of the others.
    """
    if scheduler is not None and jobs is not None:
        raise typer.BadParameter("the cluster decides how many at a time: leave it out", param_hint="--jobs")
    from pipeline.commands.inputs import Asked
    from pipeline.files.batch import Ledger
    from pipeline.files.batch_table import TABLE
    from pipeline.files.claimed import Claim
    from pipeline.files.gathering import gather
    from pipeline.files.private import make_private_folder

    found = gather(files, out)
    _tell_passed(found.passed)
    profiles = tuple(profile.absolute() for profile in calibration or [])
    limits = None if thresholds is None else thresholds.absolute()
    asked = Asked(side, profiles, orientations, filter_, limits, person, activity)
    wanted = _wanted(asked)
    try:
        make_private_folder(out)
        claim = Claim(out)
    except OSError as error:
        raise BadInputError(f"{out} cannot be written to ({error.strerror}): choose another folder") from None
    with claim, Ledger(out) as ledger:
        plans = ledger.plan(found.sources, wanted, again)
        todo = [plan for plan in plans if not plan.done]
        try:
            failed = _through(todo, out, asked, ledger, _workers(scheduler, jobs, out))
        except KeyboardInterrupt:
            print("kneetrack: what is done is kept: run the same again to go on", file=sys.stderr)
            raise
        finally:
            rows = ledger.write_table()
    typer.echo(f"{out / TABLE}: {rows} rows")
    if len(todo) < len(plans):
        typer.echo(f"{len(plans) - len(todo)} of {len(plans)} recordings were done before (--again does them anew)")
    if failed:
        raise KneetrackError(f"{failed} of {len(plans)} recordings could not be processed (see above)")


_Answers = Generator[tuple[int, "Finished | Died"], None, None]
_Piece = tuple[tuple[Path, ...], Path, "Asked"]
_Workers = Callable[[Sequence[_Piece]], _Answers]


def _workers(scheduler: str | None, jobs: int | None, out: Path) -> _Workers:
    """What takes the pieces of work: the cluster, or processes on this computer."""
    from pipeline.commands.process import finish_one
    from pipeline.files.cluster import work_on_cluster
    from pipeline.files.crew import cores, work_through

    if scheduler is not None:
        return lambda pieces: work_on_cluster(finish_one, list(map(_absolute, pieces)), scheduler, out)
    return lambda pieces: work_through(finish_one, pieces, jobs or cores())


def _absolute(piece: _Piece) -> _Piece:
    files, folder, asked = piece
    return tuple(file.absolute() for file in files), folder.absolute(), asked


def _through(todo: Sequence["Planned"], out: Path, asked: "Asked", ledger: "Ledger", workers: _Workers) -> int:
    """Process what is to be done; gives how many failed."""
    from pipeline.commands.process import finished_of
    from pipeline.commands.progress import bar

    if not todo:
        return 0
    failed = 0
    pieces = [(plan.source.files, out / plan.entry.folder, asked) for plan in todo]
    with bar("processing", len(todo)) as progress, closing(workers(pieces)) as answers:
        for done, (number, answer) in enumerate(answers, start=1):
            plan = todo[number]
            finished = finished_of(answer, plan.source.files[0])
            ledger.add(replace(plan.entry, person=finished.person, error=finished.error))
            failed += not finished.say(out / plan.entry.folder)
            progress(done)
    return failed


def _wanted(asked: "Asked") -> dict[str, Any]:
    """What makes other results: the options, what the files that they name say, and the version.

    Raises BadInputError where one of these files cannot be used, so before the first recording.
    """
    from pipeline.commands.inputs import load_profiles
    from pipeline.commands.outcome import versions
    from pipeline.thresholds import load_thresholds

    profiles = load_profiles(asked.calibration)
    limits = None if asked.thresholds is None else load_thresholds(asked.thresholds)
    return {
        **asdict(asked),
        "calibration": {side: profile.to_json() for side, profile in profiles.items()},
        "thresholds": repr(limits),
        "version": versions()["kneetrack"],
    }


def _tell_passed(passed: Sequence[Path]) -> None:
    if passed:
        names = ", ".join(str(path) for path in passed[:_NAMED]) + (", ..." if len(passed) > _NAMED else "")
        print(f"kneetrack: passed over, no recordings by their columns: {len(passed)} ({names})", file=sys.stderr)
