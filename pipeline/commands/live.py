"""`kneetrack live`: sensors to angles, steps and valgus episodes while it happens; everything is recorded."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    ActivityOption,
    CalibrationOption,
    DriverFileOption,
    Filter,
    Legs,
    NetworkOption,
    OnlyOption,
    OrientationsOption,
    PersonOption,
    RateOption,
    SensorOption,
    ThresholdsOption,
    VirtualOption,
)
from pipeline.commands.stopping import Stopping
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from calibration.profile import Profile
    from pipeline.blocks import Activity
    from pipeline.commands.connecting import Wanted
    from pipeline.records import Side
    from pipeline.start_check import Check
    from pipeline.thresholds import Thresholds

RECORDING = "recording.knee"


def live(
    virtual: VirtualOption = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0.1, help="End by itself so long after the first sample.", metavar="SECONDS"),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Show it in the terminal only.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write (default: sessions/DATE_TIME).", metavar="DIR")
    ] = None,
    rate: RateOption = 100.0,
    side: Annotated[Legs, typer.Option("--side", help="The legs that wear sensors: two on each.")] = Legs.RIGHT,
    sensor: SensorOption = None,
    only: OnlyOption = None,
    calibration: CalibrationOption = None,
    orientations: OrientationsOption = False,
    filter_: Annotated[Filter, typer.Option("--filter", help="Orientation filter.")] = Filter.VQF,
    thresholds: ThresholdsOption = None,
    activity: ActivityOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The simulated person of --virtual.")] = 1,
    driver_file: DriverFileOption = None,
    network: NetworkOption = False,
    person: PersonOption = None,
    check: Annotated[bool, typer.Option("--check", help="Ask first for pain, swelling and giving way.")] = False,
) -> None:
    """Connect the sensors, calibrate, show and record the session. Ctrl-C ends it and keeps everything.

    The person stands still for 5 s, then bends the free knee slowly 5 times or more, then moves as they like.
    """
    # From here on, so that an interruption during the slow imports is a wish to stop as well.
    with Stopping() as stop:
        import asyncio

        from pipeline.blocks import Activity
        from pipeline.commands.assigning import parse_places
        from pipeline.commands.connecting import Wanted
        from pipeline.commands.inputs import load_profiles
        from pipeline.commands.start_check import ask_check
        from pipeline.thresholds import Thresholds, load_thresholds

        folder = out or Path("sessions") / datetime.now().strftime("%Y-%m-%d_%H%M%S")
        if (folder / RECORDING).exists():
            raise BadInputError(f"{folder / RECORDING} exists already and is not overwritten: choose another --out")
        named = parse_places(sensor or [])
        sides = tuple(dict.fromkeys([*side.sides, *(place[0] for place in named)])) if named else side.sides
        plan = _Plan(
            Wanted(sides, rate, virtual, named, seed, only, driver_file=driver_file, network=network),
            seconds,
            load_profiles(calibration or []),
            orientations,
            filter_.value,
            load_thresholds(thresholds) if thresholds is not None else Thresholds(),
            Activity[activity.name] if activity is not None else None,
            person,
            ask_check() if check else None,
        )
        asyncio.run(_live(plan, folder, stop))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked for. limit_s: end by itself. check: what the person ticked before, where it was asked."""

    wanted: "Wanted"
    limit_s: float | None
    profiles: "dict[Side, Profile]"
    orientations: bool
    filter: str
    thresholds: "Thresholds"
    activity: "Activity | None"
    person: str | None
    check: "Check | None"


async def _live(plan: _Plan, folder: Path, stop: Stopping) -> None:
    import sys
    import time
    from contextlib import ExitStack

    from rich.console import Console

    from pipeline.commands.asking import asker
    from pipeline.commands.connecting import connected
    from pipeline.commands.corrections import META, corrections_text, stored_corrections
    from pipeline.commands.inputs import ACTIVITY, GIVEN, THRESHOLDS
    from pipeline.commands.outcome import complete
    from pipeline.errors import KneetrackError
    from pipeline.files.recording import RecordingWriter
    from pipeline.files.results import ResultsWriter
    from pipeline.live import LiveRun, Sinks
    from pipeline.person import KEY as PERSON
    from pipeline.screens.session_notes import session_notes
    from pipeline.screens.terminal import file_list, screen, summary_table
    from pipeline.session import Session, Settings
    from pipeline.summary import Summary

    console = Console()
    recording = folder / RECORDING
    print("looking for sensors ...", file=sys.stderr)
    async with connected(plan.wanted, asker()) as radio:
        corrections, warnings = stored_corrections(radio.sensors)
        for line in warnings:
            print(f"kneetrack: {line}", file=sys.stderr)
        settings = Settings(
            filter=plan.filter, activity=plan.activity, thresholds=plan.thresholds, corrections=corrections
        )
        start_utc = datetime.fromtimestamp(time.time() - (time.perf_counter_ns() - radio.anchor_ns) * 1e-9, UTC)
        meta = {
            "start_utc": start_utc.isoformat(),
            "host_clock_anchor_ns": str(radio.anchor_ns),
            "filter": plan.filter,
            "calibration": GIVEN if plan.profiles else "",
            ACTIVITY: "" if plan.activity is None else plan.activity.label,
            META: corrections_text(corrections),
            THRESHOLDS: plan.thresholds.text,
        }
        if plan.person:
            meta[PERSON] = plan.person
        session, summary = Session(radio.sensors, settings), Summary(prescription=plan.thresholds.prescription)
        with ExitStack() as stack:
            recorder = stack.enter_context(RecordingWriter(recording, radio.sensors, meta))
            results = stack.enter_context(ResultsWriter(folder, orientations=plan.orientations, start_utc=start_utc))
            for side, profile in plan.profiles.items():
                recorder.set_calibration(side, profile.to_json())
            with screen(console) as shown:
                run = LiveRun(
                    radio.sensors,
                    session,
                    Sinks(recorder, results, summary, shown),
                    anchor_ns=radio.anchor_ns,
                    limit_s=plan.limit_s,
                    where=str(folder),
                )
                await run.run(radio.client, lambda: stop.asked, plan.profiles, plan.check)
            recorder.close()
            # First of all, and even where the disk refuses the results: what the person has come for.
            console.print(summary_table(summary.rows()))
            console.print(session_notes(summary.extras()))
            for line in session.complaints():
                print(f"kneetrack: {line}", file=sys.stderr)
            if recorder.failed:
                print(f"kneetrack: {recorder.failed}", file=sys.stderr)
            outcome = complete(
                results,
                summary,
                mode="live",
                sensors=radio.sensors,
                settings=settings,
                quality=session.quality(),
                given=plan.profiles,
                recording=meta,
            )
    console.print(file_list(folder, [recording, *outcome.files]), soft_wrap=True)
    if run.failure is not None:
        raise KneetrackError(f"{run.failure}: run `kneetrack process` on {recording}") from run.failure
