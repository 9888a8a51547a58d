"""`kneetrack live`: sensors to angles, steps and valgus episodes while it happens; everything is recorded."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    ActivityOption,
    CalibrationOption,
    DriverFileOption,
    Filter,
    LanOption,
    Legs,
    LslOption,
    NetworkOption,
    OnlyOption,
    OrientationsOption,
    PersonOption,
    PortOption,
    RateOption,
    SensorOption,
    ThresholdsOption,
    VirtualOption,
)
from pipeline.commands.stopping import Stopping
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from asyncio import Future

    from rich.console import Console

    from calibration.profile import Profile
    from pipeline.blocks import Activity
    from pipeline.commands.connecting import Wanted
    from pipeline.records import Side
    from pipeline.screens.dashboard.publisher import Publisher, Where
    from pipeline.screens.lab_streams import Lab
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
    lan: LanOption = False,
    port: PortOption = 8077,
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
    lsl: LslOption = False,
) -> None:
    """Connect the sensors, calibrate, show and record the session. Ctrl-C ends it and keeps everything.

    The person stands still for 5 s, bends the free knee slowly 6 times, walks ten steps, then moves as they like. The
    dashboard is a page for a browser on this computer; with --lan also for a tablet or a phone.
    """
    # From here on, so that an interruption during the slow imports is a wish to stop as well.
    with Stopping() as stop:
        import asyncio

        from pipeline.blocks import Activity
        from pipeline.commands.assigning import parse_places
        from pipeline.commands.connecting import Wanted
        from pipeline.commands.inputs import load_profiles
        from pipeline.commands.start_check import ask_check
        from pipeline.screens.dashboard.publisher import Where
        from pipeline.screens.lab_streams import lab
        from pipeline.thresholds import Thresholds, load_thresholds

        if no_dashboard and lan:
            raise typer.BadParameter("it opens the dashboard that --no-dashboard leaves out", param_hint="--lan")
        folder = _folder(out, 1)
        if (folder / RECORDING).exists():
            raise BadInputError(f"{folder / RECORDING} exists already and is not overwritten: choose another --out")
        named = parse_places(sensor or [])
        sides = tuple(dict.fromkeys([*side.sides, *(place[0] for place in named)])) if named else side.sides
        plan = _Plan(
            wanted=Wanted(sides, rate, virtual, named, seed, only, driver_file=driver_file, network=network),
            out=out,
            limit_s=seconds,
            profiles=load_profiles(calibration or []),
            orientations=orientations,
            filter=filter_.value,
            thresholds=load_thresholds(thresholds) if thresholds is not None else Thresholds(),
            activity=Activity[activity.name] if activity is not None else None,
            person=person,
            lab=lab() if lsl else None,
            check=ask_check() if check else None,
        )
        where = None if no_dashboard else Where(lan, port)
        asyncio.run(_live(plan, where, stop))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every session of a call has in common. limit_s: end by itself. check: what the person ticked before the
    first one, where it was asked. lab: where LSL streams are wanted."""

    wanted: "Wanted"
    out: Path | None
    limit_s: float | None
    profiles: "dict[Side, Profile]"
    orientations: bool
    filter: str
    thresholds: "Thresholds"
    activity: "Activity | None"
    person: str | None
    check: "Check | None"
    lab: "Lab | None" = None


def _folder(out: Path | None, number: int) -> Path:
    """Where the first, second, ... session of a call is written."""
    if out is None:
        named = folder = Path("sessions") / datetime.now().strftime("%Y-%m-%d_%H%M%S")
        while folder.exists():  # A second session within a second, or the clock was set back.
            number += 1
            folder = named.with_name(f"{named.name}_{number}")
        return folder
    return out if number == 1 else out.with_name(f"{out.name}_{number}")


async def _live(plan: _Plan, where: "Where | None", stop: Stopping) -> None:
    """One session, and others where somebody at the dashboard starts them."""
    import asyncio

    from rich.console import Console

    from pipeline.commands.boarding import board, opened

    console = Console()
    with board(where) as publisher:
        opening = asyncio.create_task(asyncio.to_thread(opened, publisher, bool(where and where.lan), console))
        number = 1
        while True:
            folder = _folder(plan.out, number)
            while (folder / RECORDING).exists() and number > 1:
                number += 1
                folder = _folder(plan.out, number)
            stopped = await _session(plan, folder, publisher, opening, console, stop)
            if publisher is None or not stopped or plan.limit_s is not None or not await _again(publisher, stop):
                return
            number += 1
            plan = replace(plan, check=None)


async def _again(publisher: "Publisher", stop: Stopping) -> bool:
    """Waits until somebody starts a new session; False where it is enough."""
    import asyncio
    import sys

    print("Start at the dashboard begins another session, Ctrl-C ends.", file=sys.stderr)
    while not stop.asked and publisher.up:
        if any(command.get("kind") == "start" for command in publisher.commands()):
            return True
        await asyncio.sleep(0.1)
    return False


async def _session(
    plan: _Plan,
    folder: Path,
    publisher: "Publisher | None",
    opening: "Future[Publisher | None]",
    console: "Console",
    stop: Stopping,
) -> bool:
    """One session from the search for sensors to its files; whether somebody at the dashboard ended it."""
    import sys
    import time
    from contextlib import ExitStack

    from pipeline.commands.asking import asker, mover
    from pipeline.commands.connecting import connected
    from pipeline.commands.corrections import META, corrections_text, stored_corrections
    from pipeline.commands.inputs import ACTIVITY, GIVEN, THRESHOLDS, left_over
    from pipeline.commands.outcome import complete
    from pipeline.errors import KneetrackError
    from pipeline.files.recording import RecordingWriter
    from pipeline.files.results import ResultsWriter
    from pipeline.live import LiveRun, Sinks
    from pipeline.person import KEY as PERSON
    from pipeline.screens.lab_streams import LabStreams
    from pipeline.screens.priority import ahead
    from pipeline.screens.session_notes import session_notes
    from pipeline.screens.terminal import file_list, screen, summary_table
    from pipeline.session import Session, Settings
    from pipeline.summary import Summary

    recording = folder / RECORDING
    print("looking for sensors ...", file=sys.stderr)
    if publisher is not None:
        publisher.begin()
        publisher.tell("place", {"text": "Looking for the sensors: switch them on and keep them near."})
    async with connected(plan.wanted, asker(), mover(publisher, lambda: stop.asked)) as radio:
        corrections, warnings = stored_corrections(radio.sensors)
        for line in [*warnings, *left_over(plan.profiles, radio.sensors, "this session")]:
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
            board = await opening
            streams = None
            if plan.lab is not None:
                streams = LabStreams(plan.lab, radio.sensors, "live", radio.anchor_ns * 1e-9)
                stack.callback(streams.close)
                print(streams.trouble or streams.told, file=sys.stderr)
            with screen(console) as shown:
                run = LiveRun(
                    radio.sensors,
                    session,
                    Sinks(recorder, results, summary, shown, board, streams),
                    anchor_ns=radio.anchor_ns,
                    limit_s=plan.limit_s,
                    where=str(folder),
                )
                with ahead():
                    await run.run(radio.client, lambda: stop.asked, plan.profiles, plan.check)
            recorder.close()
            # First of all, and even where the disk refuses the results: what the person has come for.
            console.print(summary_table(summary.rows()))
            console.print(session_notes(summary.extras()))
            for line in session.complaints():
                print(f"kneetrack: {line}", file=sys.stderr)
            if streams is not None and streams.trouble:
                print(f"kneetrack: {streams.trouble}", file=sys.stderr)
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
            outcome.complain()
    console.print(file_list(folder, [recording, *outcome.files]), soft_wrap=True)
    if publisher is not None:
        publisher.ended(folder, outcome.files, again=run.stopped and plan.limit_s is None)
    if run.failure is not None:
        raise KneetrackError(f"{run.failure}: run `kneetrack process` on {recording}") from run.failure
    return run.stopped
