"""A session: one or two legs, fed with what was recorded, giving angles, steps, episodes and events.

Live and replay are this class. Its only input is the sequence of records; it never reads a clock. Each leg has its
intake (bytes to grid), its engine (grid to angles) and its movement stages (angles to steps and episodes). What is
raised is handed on in the order of session time, once every leg has come that far, so that the order does not depend
on how the records were cut.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np

from calibration.inertial import Inertial
from calibration.profile import Profile, ProfileError
from pipeline import start_check
from pipeline.blocks import Activity, GridBlock, LegBlock, Status
from pipeline.calibration_progress import CalibrationProgress
from pipeline.engine import LegEngine
from pipeline.errors import BadInputError
from pipeline.gravity_check import GravityCheck, distrusted, marked
from pipeline.intake import Intake, IntakeParameters
from pipeline.leg_settings import LegSettings
from pipeline.movement import Movement, MovementParameters, MovementUpdate
from pipeline.orientation import FILTERS, OrientationParameters
from pipeline.placement_watch import LegsWatch, LegWatch
from pipeline.records import Event, Record, SensorInfo, Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.thresholds import Thresholds
from pipeline.update import LegResult, Update

LEFT_RIGHT = (Side.LEFT, Side.RIGHT)
TOLD = ("marker", start_check.KIND)
"""Recorded events that are raised as they are."""

Found = RaisedEvent | StepRow | EpisodeRow
Raise = Callable[[float, str, Found], None]
"""Takes the time at which something was raised, the side, and what."""


@dataclass(frozen=True, slots=True)
class Settings:
    """filter: see pipeline/orientation.py. profiles: saved calibrations, used as given. activity: set by hand.
    thresholds: of valgus episodes, per leg.
    corrections: of single sensors, by id. min_rows: grid rows gathered before they are handed on (1 live, more in
    replay: the same results, faster)."""

    filter: str = "vqf"
    profiles: Mapping[Side, Profile] = field(default_factory=dict)
    activity: Activity | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    corrections: Mapping[int, Inertial] = field(default_factory=dict)
    min_rows: int = 1

    def __post_init__(self) -> None:
        if self.filter not in FILTERS:
            raise BadInputError(f"unknown filter '{self.filter}': choose one of {', '.join(FILTERS)}")

    def movement(self, side: Side) -> MovementParameters:
        """What the movement stages of one leg need."""
        return MovementParameters(valgus=self.thresholds.of(side))

    def leg(self, side: Side) -> LegSettings:
        """What the engine of one leg needs."""
        return LegSettings(
            orientation=OrientationParameters(filter=self.filter),
            profile=self.profiles.get(side),
            activity=self.activity,
        )


def legs_of(sensors: Sequence[SensorInfo]) -> dict[Side, list[SensorInfo]]:
    """The sensors of each leg. Raises BadInputError where a leg has two sensors on one segment, or there is none."""
    legs: dict[Side, list[SensorInfo]] = {}
    for sensor in sensors:
        mine = legs.setdefault(sensor.side, [])
        if any(other.segment is sensor.segment for other in mine):
            raise BadInputError(f"two sensors for the {sensor.side} {sensor.segment}: assign each to its own segment")
        mine.append(sensor)
    if not legs:
        raise BadInputError("no sensors in this recording: nothing to analyse")
    return {side: legs[side] for side in LEFT_RIGHT if side in legs}


class Session:
    """`feed` records in order of seq, as many at a time as there are; `finish` at the end."""

    def __init__(self, sensors: Sequence[SensorInfo], settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        both = LegsWatch()
        self._legs = {side: _Leg(side, mine, self._settings, both) for side, mine in legs_of(sensors).items()}
        self._both = both
        self._waiting: list[tuple[float, str, int, Found]] = []
        self._raised = 0

    def feed(self, records: Sequence[Record]) -> Update:
        """What became known with these records."""
        update = Update()
        for record in records:
            if isinstance(record, Event):
                self._note(record)
            for leg in self._legs.values():
                leg.take(record, update, self._raise)
        reached = min(leg.reached_s for leg in self._legs.values())
        self._hand_on(update, reached)
        return update

    def finish(self) -> Update:
        """The rest."""
        update = Update()
        for leg in self._legs.values():
            leg.finish(update, self._raise)
        self._hand_on(update, np.inf)
        return update

    def phase(self, side: Side) -> str:
        """What the calibration of a leg waits for, or `done`."""
        return self._legs[side].phase

    def progress(self, side: Side) -> CalibrationProgress | None:
        """How far the calibration of a leg has come; None before the first sample and when it is done."""
        return self._legs[side].progress

    @property
    def thresholds(self) -> Thresholds:
        """How episodes are judged."""
        return self._settings.thresholds

    def warnings(self) -> list[str]:
        """What is wrong with the sensors now, one line each."""
        lines = [*self._both.messages, *(line for leg in self._legs.values() for line in leg.watch.messages)]
        return lines + [leg.slipped for leg in self._legs.values() if leg.slipped]

    def complaints(self) -> list[str]:
        """Sensors that are refused, one line each."""
        return [line for leg in self._legs.values() for line in leg.complaints]

    def profiles(self) -> dict[Side, Profile]:
        """The calibrations as they stand."""
        found = {side: leg.profile() for side, leg in self._legs.items()}
        return {side: profile for side, profile in found.items() if profile is not None}

    def quality(self) -> dict[str, Any]:
        """Plain values: what each sensor delivered and how each leg was calibrated."""
        return {side.value: leg.quality() for side, leg in self._legs.items()}

    def _note(self, event: Event) -> None:
        """A marker goes into the events, and the check before the session."""
        if event.kind in TOLD:
            raised = RaisedEvent(event.host_time_ns * 1e-9, event.kind, dict(event.fields))
            self._raise(raised.time_s, "", raised)

    def _raise(self, time_s: float, side: str, found: Found) -> None:
        self._raised += 1
        self._waiting.append((time_s, side, self._raised, found))

    def _hand_on(self, update: Update, reached_s: float) -> None:
        """What was raised before every leg's present, by time; the left leg before the right one; as raised."""
        ripe = sorted((w for w in self._waiting if w[0] < reached_s), key=itemgetter(0, 1, 2))
        self._waiting = [w for w in self._waiting if w[0] >= reached_s]
        for _, _, _, found in ripe:
            if isinstance(found, StepRow):
                update.steps.append(found)
            elif isinstance(found, EpisodeRow):
                update.episodes.append(found)
            else:
                update.events.append(found)


class _Leg:
    """One leg of a session."""

    def __init__(self, side: Side, sensors: list[SensorInfo], settings: Settings, both: LegsWatch) -> None:
        self.side = side
        self._settings = settings
        self._sensors = {s.id: s for s in sensors}
        self._intake = Intake(sensors, settings.corrections, IntakeParameters(min_rows=settings.min_rows))
        self.watch = LegWatch(side, sensors, self._intake.counts)
        self._both = both
        self._engine: LegEngine | None = None
        self._gravity: GravityCheck | None = None
        self._movement = Movement(side, settings.movement(side), settings.activity)
        self._actions: list[tuple[float, Event]] = []
        self._status: int | None = None
        self._moving = False
        self.reached_s = -np.inf

    @property
    def phase(self) -> str:
        return "wait for the sensors" if self._engine is None else self._engine.phase

    @property
    def slipped(self) -> str:
        """What to do about a strap that slipped; empty where none did."""
        return "" if self._engine is None else self._engine.slipped

    @property
    def progress(self) -> CalibrationProgress | None:
        return None if self._engine is None else self._engine.progress

    @property
    def complaints(self) -> list[str]:
        return [] if self._gravity is None else list(self._gravity.complaints.values())

    def profile(self) -> Profile | None:
        return None if self._engine is None or self.complaints else self._engine.profile()

    def take(self, record: Record, update: Update, raise_: Raise) -> None:
        """One record: to the intake, and what comes out of it onwards."""
        if isinstance(record, Event):
            if record.kind in ("calibration", "activity", "marker"):
                self._actions.append((record.host_time_ns * 1e-9, record))
        elif record.sensor not in self._sensors:
            return
        for grid in self._intake.update(record):
            self._run(grid, update, raise_)
        for event in self.watch.note(record):
            raise_(event.time_s, self.side.value, event)

    def finish(self, update: Update, raise_: Raise) -> None:
        for grid in self._intake.finish():
            self._run(grid, update, raise_)
        if self._engine is not None and not self._moving:
            self._engine.finish()
            self._raise_events(raise_)
            self._recover(raise_)
        self._hand_on(self._movement.finish(), raise_)

    def quality(self) -> dict[str, Any]:
        counts = self._intake.counts()
        return {
            "sensors": {self._sensors[i].segment.value: counts[i].as_dict() for i in counts},
            "calibration": {} if self._engine is None else self._engine.quality(),
        }

    def _run(self, grid: GridBlock, update: Update, raise_: Raise) -> None:
        """Grid rows through the engine, cut where a recorded setting takes effect."""
        if self._engine is None:
            self._engine = LegEngine(self.side, grid.rate_hz, self._settings.leg(self.side))
            self._gravity = GravityCheck(self.side, grid.rate_hz, list(self._sensors.values()))
        for event in [*self.watch.rows(grid), *self._both.rows(self.watch)]:
            raise_(event.time_s, str(event.fields.get("side", "")), event)
        begin = 0
        while self._actions:
            at = int(np.ceil(self._actions[0][0] * grid.rate_hz)) - grid.start
            if at >= len(grid):
                break
            at = max(at, begin)
            if at > begin:
                self._through(grid.cut(begin, at), update, raise_)
            begin = at
            self._act(self._actions.pop(0)[1], grid.start + begin, raise_)
        if begin < len(grid):
            self._through(grid.cut(begin, len(grid)), update, raise_)
        self.reached_s = (grid.start + len(grid)) / grid.rate_hz

    def _through(self, grid: GridBlock, update: Update, raise_: Raise) -> None:
        assert self._engine is not None and self._gravity is not None
        for checked in self._gravity.update(grid):
            self._checked(checked, update, raise_)

    def _checked(self, grid: GridBlock, update: Update, raise_: Raise) -> None:
        assert self._engine is not None and self._gravity is not None
        for block in self._engine.update(grid):
            self._raise_events(raise_)
            shown = block
            error = self._gravity.error_at(block.start)
            if error:
                block = distrusted(block, error)
                shown = marked(block)
            for event in status_events(shown, self.side, self._status):
                raise_(event.time_s, self.side.value, event)
            self._status = int(shown.status[-1])
            for warning in self._both.angles(self.side, block):
                raise_(warning.time_s, "", warning)
            if not self._moving and np.isnan(block.thigh_incl).all():
                # Not calibrated yet: the movement stages take these rows once they can be seen.
                update.legs.append(LegResult(self.side, shown, np.zeros(len(block), np.uint8)))
                continue
            if not self._moving:
                self._recover(raise_, block.start)
            moved = self._movement.update(block)
            update.legs.append(LegResult(self.side, shown, moved.activity))
            self._hand_on(moved, raise_)

    def _raise_events(self, raise_: Raise) -> None:
        assert self._engine is not None and self._gravity is not None
        for event in [*self._gravity.take_events(), *self._engine.take_events()]:
            fields = {"side": self.side.value, **event.fields}
            raise_(event.time_s, self.side.value, RaisedEvent(event.time_s, event.kind, fields))

    def _recover(self, raise_: Raise, until: int | None = None) -> None:
        """The movement until the calibration, once it is there: raised now, each step with its own time.

        until: the grid row that comes next; None: the recording is over.
        """
        assert self._engine is not None
        self._moving = True
        block = self._engine.take_recovered()
        if block is None:
            return
        if until is not None:
            block = block.cut(0, until - block.start)
        moved = self._movement.update(block)
        now_s = (block.start + len(block)) / block.rate_hz
        late = [replace(e, time_s=max(e.time_s, now_s)) for e in moved.events]
        self._hand_on(replace(moved, events=late), raise_)

    def _hand_on(self, moved: MovementUpdate, raise_: Raise) -> None:
        """Steps are raised with the event that tells of them."""
        units = [e.time_s for e in moved.events if e.kind in ("step", "repetition")]
        for time_s, step in zip(units, moved.steps, strict=True):
            raise_(time_s, self.side.value, step)
        for time_s, episode in zip(moved.episode_times_s, moved.episodes, strict=True):
            raise_(time_s, self.side.value, episode)
        for event in moved.events:
            raise_(event.time_s, self.side.value, event)

    def _act(self, event: Event, row: int, raise_: Raise) -> None:
        """A recorded setting takes effect from a grid row on. One that cannot be read is said, not fatal."""
        assert self._engine is not None
        if event.kind == "calibration" and event.fields.get("side") == self.side.value:
            try:
                self._engine.use_profile(Profile.from_json(event.fields.get("profile"), "recorded calibration"))
            except ProfileError as error:
                time_s = event.host_time_ns * 1e-9
                fields: dict[str, object] = {"side": self.side.value, "error": str(error)}
                raise_(time_s, self.side.value, RaisedEvent(time_s, "status", fields))
        word = spoken(event)
        if word is not None:
            self._movement.set_activity(word[1], row)


def spoken(event: Event) -> tuple[float, Activity | None] | None:
    """The activity that an event sets by hand, and since when (s); None as the activity: tell it from the motion again
    (an empty name, or one that is not known). None where the event says nothing about it."""
    name = event.fields.get("activity")
    if event.kind not in ("activity", "marker") or not isinstance(name, str):
        return None
    return event.host_time_ns * 1e-9, {a.label: a for a in Activity}.get(name)


def status_events(block: LegBlock, side: Side, before: int | None) -> list[RaisedEvent]:
    """One event at each change of status; before: the last row's status, None at the start."""
    codes = block.status
    changed = (np.flatnonzero(np.diff(codes)) + 1).tolist()
    firsts = [0, *changed] if len(codes) and codes[0] != before else changed
    return [
        RaisedEvent(
            (block.start + i) / block.rate_hz,
            "status",
            {"side": side.value, "status": Status(int(codes[i])).name.lower()},
        )
        for i in firsts
    ]
