"""A live session: everything that the client receives, in one sequence, to the recording, the session and the screen.

Sequence numbers are given in one place, here, to notifications and events alike, and what is fed to the session is
exactly what is recorded: so a replay of the recording gives the same results. Four times a second a `tick` is recorded,
which lets the session's time pass while nothing arrives. Nothing that goes wrong on the way ends the session: a sensor
that dies is waited for, a full disk is said and the monitoring goes on, and should the analysis itself fail, the
recording goes on without it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from calibration.profile import Profile, save_profile
from firmware_interface.arrivals import Arrival, LinkEvent
from firmware_interface.drivers.registry import is_stream
from firmware_interface.errors import SensorSilentError
from pipeline import start_check
from pipeline.errors import KneetrackError
from pipeline.files.recorder import RecordingWriter
from pipeline.files.results import ResultsWriter
from pipeline.records import Event, Notification, Record, SensorInfo, Side
from pipeline.screens.dashboard.showing import Board, Showing
from pipeline.screens.terminal import Screen
from pipeline.screens.view import LegView, Tally, View, sensor_views
from pipeline.session import Session
from pipeline.start_check import Check
from pipeline.summary import Summary
from pipeline.update import Update

T = TypeVar("T")

TICK_S = 0.25
_WAIT_S = 0.05
_STATES = {
    "connected": "connected",
    "configured": "connected",
    "silent": "silent",
    "disconnected": "searching",
    "failed": "searching",
}


class Receiver(Protocol):
    """What the live session needs of the client (firmware_interface/client.py)."""

    async def receive(self, timeout_s: float) -> list[Arrival | LinkEvent]: ...


class Streams(Protocol):
    """What is sent to other programs (screens/lab_streams.py). trouble: one line once that has failed."""

    trouble: str

    def send(self, update: Update) -> None: ...


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where a live session goes."""

    recorder: RecordingWriter
    results: ResultsWriter
    summary: Summary
    screen: Screen
    board: Board | None = None
    streams: Streams | None = None


class LiveRun:
    """One live session, from the first notification to its end.

    Parameters
    ----------
    sensors : who is worn where; their ids are the client's sensor numbers.
    session : a fresh session of these sensors.
    sinks : recording, results, summary, screen; the caller opens and closes them.
    anchor_ns : `time.perf_counter_ns()` at the session's time zero, as given to the client.
    limit_s : ends by itself so long after the first sample; None: when stopped.
    where : shown to the person, e.g. the folder.
    """

    def __init__(
        self,
        sensors: Sequence[SensorInfo],
        session: Session,
        sinks: Sinks,
        *,
        anchor_ns: int,
        limit_s: float | None = None,
        where: str = "",
    ) -> None:
        self._sensors = sensors
        self._session = session
        self._sinks = sinks
        self._anchor_ns = anchor_ns
        self._limit_s = limit_s
        self._where = where
        self._tally = Tally([sensor.side for sensor in sensors])
        self._states = {sensor.id: "searching" for sensor in sensors}
        self._drivers = {sensor.id: sensor.driver for sensor in sensors}
        self._seq = 0
        self._first_ns: int | None = None
        self._failure: KneetrackError | None = None
        self._silent = ""
        self._kept: set[Side] = set()
        self._signals: dict[int, float] = {}
        self._showing: Showing | None = None
        if sinks.board is not None:
            self._showing = Showing(sinks.board, self._view, lambda: self._now_ns() * 1e-9, session.thresholds)
        self._cued: list[tuple[dict[str, Any], int]] = []
        self._trouble = ""

    @property
    def stopped(self) -> bool:
        """Whether somebody at the dashboard ended it."""
        return self._showing is not None and self._showing.stopped

    @property
    def started(self) -> bool:
        """Whether any sample has arrived."""
        return self._first_ns is not None

    @property
    def failure(self) -> KneetrackError | None:
        """Set where the analysis failed and only the recording went on."""
        return self._failure

    def legs(self) -> list[LegView]:
        """The legs as they are now."""
        return [self._tally.leg(side, self._session) for side in self._tally.sides]

    async def run(
        self,
        client: Receiver,
        stop: Callable[[], bool],
        profiles: Mapping[Side, Profile],
        check: Check | None = None,
    ) -> None:
        """Until `stop` says so or the time is over; then everything fed so far is finished and written.

        profiles: saved calibrations; recorded as events, so that a replay uses them too. check: what the person ticked
        before the session, where it was asked.

        Raises SensorSilentError where no sensor delivered anything.
        """
        given = [
            self._event("calibration", {"side": side.value, "profile": profile.to_json()})
            for side, profile in profiles.items()
        ]
        if check is not None:
            given.append(self._event(start_check.KIND, check.fields()))
        self._take(given)
        tick_ns = heard_ns = self._now_ns()
        try:
            while not stop() and not self.stopped and not self._over():
                try:
                    items = await client.receive(_WAIT_S)
                except SensorSilentError as error:
                    if not self.started:
                        raise
                    self._silent = str(error)
                    items = []
                records = [self._record(item) for item in items]
                # A computer that stalled has arrivals on their way that the queue does not hold yet: a tick says only
                # that all has come which was there a turn ago.
                if heard_ns - tick_ns >= TICK_S * 1e9:
                    tick_ns = heard_ns
                    records.append(self._event("tick", {}, heard_ns))
                heard_ns = self._now_ns()
                records += self._asked()
                self._take(records)
                self._sinks.screen.show(self._view)
                self._at_board(Showing.show)
        finally:
            self._take([*self._asked(), self._event("stop", {})])
            self._analyse(self._session.finish)
            self._keep_calibrations()
            self._at_board(lambda showing: showing.show(last=True))
            self._sinks.recorder.flush()

    def _now_ns(self) -> int:
        return time.perf_counter_ns() - self._anchor_ns

    def _asked(self) -> list[Event]:
        """What the cues and the people at the dashboard add to the sequence."""
        events = [self._event("cue", *cued) for cued in self._cued]
        self._cued = []
        for asked in self._at_board(Showing.asked) or ():
            if asked.kind == "mark":
                events.append(self._event("marker", asked.fields))
            elif asked.kind == "cue":
                events.append(self._event("setting", asked.fields))
            else:
                self._save()
        return events

    def _save(self) -> None:
        """The calibrations as they stand, into the session's folder."""
        try:
            for side, profile in self._session.profiles().items():
                save_profile(profile, self._sinks.results.folder / f"profile_{side}.json")
        except OSError as error:
            self._trouble = f"the calibration could not be saved ({error.strerror})"

    def _over(self) -> bool:
        if self._limit_s is None or self._first_ns is None:
            return False
        return self._now_ns() - self._first_ns >= self._limit_s * 1e9

    def _record(self, item: Arrival | LinkEvent) -> Record:
        if isinstance(item, LinkEvent):
            self._states[item.sensor] = _STATES.get(item.kind, item.kind)
            rssi = item.fields.get("rssi_dbm")
            if isinstance(rssi, int | float):
                self._signals[item.sensor] = float(rssi)
            return self._event(item.kind, {"sensor": item.sensor, **item.fields}, item.host_time_ns)
        # A battery level that is read at connecting is no sample.
        if self._first_ns is None and is_stream(self._drivers[item.sensor], item.characteristic):
            self._first_ns = item.host_time_ns
        self._seq += 1
        return Notification(self._seq, item.host_time_ns, item.sensor, item.characteristic, item.payload)

    def _event(self, kind: str, fields: Mapping[str, Any], host_time_ns: int | None = None) -> Event:
        self._seq += 1
        return Event(self._seq, self._now_ns() if host_time_ns is None else host_time_ns, kind, fields)

    def _take(self, records: Sequence[Record]) -> None:
        """Recorded first, then analysed."""
        if records:
            self._sinks.recorder.append(records)
            self._analyse(lambda: self._session.feed(records))
            self._keep_calibrations()

    def _analyse(self, step: Callable[[], Update]) -> None:
        if self._failure is not None:
            return
        try:
            update = step()
        except (
            Exception
        ) as error:  # Whatever it is, the recording is worth more than the analysis: it is said and kept.
            text = " ".join(str(error).split())
            self._failure = KneetrackError(
                f"the analysis failed ({type(error).__name__}: {text}), the recording went on"
            )
            self._failure.__cause__ = error
            return
        # The cue is first: files can wait.
        self._publish(update)
        if self._sinks.streams is not None:
            self._sinks.streams.send(update)
        self._tally.add(update)
        self._sinks.results.write(update)
        self._sinks.summary.add(update)

    def _publish(self, update: Update) -> None:
        """To the dashboard. That a cue was given is recorded."""
        for signal in self._at_board(lambda showing: showing.take(update)) or ():
            fields = {"side": signal.side.value, "severity": signal.severity, "time_s": round(signal.time_s, 4)}
            self._cued.append((fields, self._now_ns()))

    def _at_board(self, do: Callable[[Showing], T]) -> T | None:
        """A dashboard that fails is left out from then on."""
        if self._showing is None:
            return None
        try:
            return do(self._showing)
        except Exception as error:  # Whatever it is, a picture is not worth the session.
            self._showing = None
            self._trouble = f"the dashboard failed ({type(error).__name__}: {error}), the session goes on"
            return None

    def _keep_calibrations(self) -> None:
        """Into the recording, once each leg is calibrated."""
        if self._failure is not None or len(self._kept) == len(self._tally.sides):
            return
        for side, profile in self._session.profiles().items():
            if side not in self._kept and self._session.phase(side) == "done":
                self._kept.add(side)
                self._sinks.recorder.set_calibration(side, profile.to_json())

    def _view(self) -> View:
        # The clock of the files: an episode that is told with its time is never ahead of it.
        elapsed_s = 0.0 if self._first_ns is None else self._now_ns() * 1e-9
        begun_s = 0.0 if self._first_ns is None else self._first_ns * 1e-9
        problems = [str(self._failure or ""), self._sinks.recorder.failed, self._sinks.results.failed]
        problems += [self._silent, self._trouble, "" if self._showing is None else self._showing.trouble]
        problems += [] if self._sinks.streams is None else [self._sinks.streams.trouble]
        problems += self._session.complaints()
        return View(
            elapsed_s=elapsed_s,
            limit_s=None if self._limit_s is None else begun_s + self._limit_s,
            legs=self.legs(),
            sensors=sensor_views(self._sensors, self._session.quality(), self._states, self._signals),
            episodes=self._tally.episodes,
            episodes_seen=self._tally.episodes_seen,
            where=self._where,
            warnings=self._session.warnings(),
            problem=next((problem for problem in problems if problem), ""),
        )
