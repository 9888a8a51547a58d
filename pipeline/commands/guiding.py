"""The guided live calibration: connect, say what to do, end as soon as the leg is calibrated."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from calibration.profile import Profile
from pipeline.commands.asking import asker
from pipeline.commands.connecting import Wanted, connected
from pipeline.commands.corrections import stored_corrections
from pipeline.commands.stopping import Stopping
from pipeline.errors import KneetrackError
from pipeline.files.recording import RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import SensorInfo
from pipeline.screens.terminal import screen
from pipeline.session import Session, Settings
from pipeline.summary import Summary


def guided(wanted: Wanted, filter_: str) -> tuple[Profile, list[SensorInfo]]:
    """The calibration of one leg and the sensors that were worn. Nothing else is kept.

    Raises KneetrackError where it was ended before the leg was calibrated.
    """
    with Stopping() as stop:
        return asyncio.run(_guided(wanted, filter_, stop))


async def _guided(wanted: Wanted, filter_: str, stop: Stopping) -> tuple[Profile, list[SensorInfo]]:
    side = wanted.sides[0]
    async with connected(wanted, asker()) as radio:
        corrections, _ = stored_corrections(radio.sensors)
        session = Session(radio.sensors, Settings(filter=filter_, corrections=corrections))
        found: list[Profile] = []

        def enough() -> bool:
            if session.phase(side) == "done" and not found:
                found.extend(session.profiles().values())
            return stop.asked or bool(found)

        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            recorder = stack.enter_context(RecordingWriter(folder / "calibration.knee", radio.sensors, {}))
            results = stack.enter_context(ResultsWriter(folder))
            shown = stack.enter_context(screen(Console(stderr=True)))
            sinks = Sinks(recorder, results, Summary(), shown)
            run = LiveRun(radio.sensors, session, sinks, anchor_ns=radio.anchor_ns)
            await run.run(radio.client, enough, {})
        if run.failure is not None:
            raise KneetrackError(str(run.failure)) from run.failure
    if not found:
        for line in session.complaints():
            raise KneetrackError(line)
        raise KneetrackError(
            f"ended before the {side} leg was calibrated: stand still, then bend the knee slowly 5 times"
        )
    return found[0], radio.sensors
