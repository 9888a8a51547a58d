"""The guided live calibration: connect, say what to do, end as soon as the leg is calibrated and has walked."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from calibration.profile import Profile
from pipeline.commands.asking import asker, mover
from pipeline.commands.boarding import board, opened
from pipeline.commands.connecting import Wanted, connected
from pipeline.commands.corrections import stored_corrections
from pipeline.commands.stopping import Stopping
from pipeline.errors import KneetrackError
from pipeline.files.recording import RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.live import LiveRun, Sinks
from pipeline.records import SensorInfo
from pipeline.screens.dashboard.publisher import Publisher, Where
from pipeline.screens.terminal import screen
from pipeline.session import Session, Settings
from pipeline.summary import Summary

_DONE = 4
"""The guide's step after standing, bending and walking."""


def guided(wanted: Wanted, filter_: str, where: Where | None = None) -> tuple[Profile, list[SensorInfo]]:
    """The calibration of one leg and the sensors that were worn. Nothing else is kept. where: of a dashboard, if any.

    Ended by the person after the bends, it is kept as it stands: walking only makes it sharper.
    Raises KneetrackError where it was ended before the leg was calibrated.
    """
    with Stopping() as stop, board(where) as publisher:
        publisher = opened(publisher, bool(where and where.lan), Console(stderr=True), "/calibration")
        return asyncio.run(_guided(wanted, filter_, stop, publisher))


async def _guided(
    wanted: Wanted, filter_: str, stop: Stopping, publisher: Publisher | None
) -> tuple[Profile, list[SensorInfo]]:
    side = wanted.sides[0]
    if publisher is not None:
        publisher.begin(calibrates=True)
        publisher.tell("place", {"text": "Looking for the sensors: switch them on and keep them near."})
    async with connected(wanted, asker(), mover(publisher, lambda: stop.asked)) as radio:
        corrections, _ = stored_corrections(radio.sensors)
        session = Session(radio.sensors, Settings(filter=filter_, corrections=corrections))
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            recorder = stack.enter_context(RecordingWriter(folder / "calibration.knee", radio.sensors, {}))
            results = stack.enter_context(ResultsWriter(folder))
            shown = stack.enter_context(screen(Console(stderr=True)))
            sinks = Sinks(recorder, results, Summary(), shown, publisher)
            run = LiveRun(radio.sensors, session, sinks, anchor_ns=radio.anchor_ns)

            def enough() -> bool:
                return stop.asked or _walked(run)

            await run.run(radio.client, enough, {})
        if run.failure is not None:
            raise KneetrackError(str(run.failure)) from run.failure
    found = session.profiles().get(side) if session.phase(side) == "done" else None
    if found is None:
        for line in session.complaints():
            raise KneetrackError(line)
        raise KneetrackError(
            f"ended before the {side} leg was calibrated: stand still, then bend the knee slowly 6 times"
        )
    if publisher is not None:
        publisher.ended(None, [], again=False, words="The leg is calibrated, and the computer keeps it.")
    return found, radio.sensors


def _walked(run: LiveRun) -> bool:
    """Whether the guide has nothing left to ask for."""
    return all(leg.guide is not None and leg.guide.step == _DONE for leg in run.legs())
