"""`process`: a whole recording, both ways in time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from calibration.profile import Profile
from pipeline.blocks import Activity, GridBlock, LegBlock, join
from pipeline.errors import BadInputError
from pipeline.gravity_check import checked, distrusted, marked
from pipeline.intake import Intake, IntakeParameters
from pipeline.movement import analyse
from pipeline.placement_watch import looked_through
from pipeline.records import Event, Record, SensorInfo, Side
from pipeline.rows import RaisedEvent
from pipeline.session import TOLD, Settings, legs_of, spoken, status_events
from pipeline.two_sided import analyse_leg
from pipeline.update import LegResult, Update

LEAST_S = 2.0
"""A recording shorter than this cannot be analysed."""

_WHOLE = IntakeParameters(min_rows=500, keep_lines=True)


@dataclass(frozen=True, slots=True)
class Processed:
    """update: everything found. quality, profiles, complaints: as those of a session."""

    update: Update
    quality: dict[str, Any]
    profiles: dict[Side, Profile]
    complaints: list[str] = field(default_factory=list)


def process(
    records: Iterable[Record],
    sensors: Sequence[SensorInfo],
    settings: Settings | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Processed:
    """Analyse a whole recording.

    progress is called with the share of the work done, 0 to 1. Raises BadInputError where there is nothing to analyse,
    because it is too short, or every leg has a sensor that cannot be followed.
    """
    settings = settings or Settings()
    legs = legs_of(sensors)
    intakes = {s: Intake(mine, settings.corrections, _WHOLE) for s, mine in legs.items()}
    grids: dict[Side, list[GridBlock]] = {side: [] for side in legs}
    events: list[RaisedEvent] = []
    said: list[tuple[float, Activity | None]] = []
    for record in records:
        for side, intake in intakes.items():
            grids[side].extend(intake.update(record))
        if not isinstance(record, Event):
            continue
        if (word := spoken(record)) is not None:
            said.append(word)
        if record.kind in TOLD:
            events.append(RaisedEvent(record.host_time_ns * 1e-9, record.kind, dict(record.fields)))
    progress(0.4)
    update = Update(events=events)
    quality: dict[str, Any] = {}
    profiles: dict[Side, Profile] = {}
    complaints: list[str] = []
    lost: list[str] = []
    whole: dict[Side, GridBlock] = {}
    blocks: dict[Side, LegBlock] = {}
    for number, (side, mine) in enumerate(legs.items()):
        intake = intakes[side]
        grids[side].extend(intake.finish())
        if sum(len(g) for g in grids[side]) < LEAST_S * (intake.rate_hz or 100.0):
            raise BadInputError(f"the {side} leg has less than {LEAST_S:g} s of data: too short to analyse")
        grid, found, lines, error = checked(intake.looked_back(join(grids[side])), side, mine)
        complaints += lines
        if lines and not error:
            lost.append(lines[0])
        leg = analyse_leg(grid, side, settings.leg(side))
        if error:
            leg = replace(leg, block=distrusted(leg.block, error))
        whole[side], blocks[side] = grid, leg.block
        moved = analyse(side, leg.block, settings.activity, settings.movement(side), said)
        if error:
            leg = replace(leg, block=marked(leg.block))
        update.legs.append(LegResult(side, leg.block, moved.activity))
        update.steps.extend(moved.steps)
        update.episodes.extend(moved.episodes)
        update.events.extend(
            RaisedEvent(e.time_s, e.kind, {"side": side.value, **e.fields}) for e in [*found, *leg.events]
        )
        update.events.extend(status_events(leg.block, side, None))
        update.events.extend(moved.events)
        counts = intake.counts()
        names = {s.id: s.segment.value for s in mine}
        quality[side.value] = {
            "sensors": {names[i]: counts[i].as_dict() for i in counts},
            "calibration": leg.quality(),
        }
        profile = leg.profile(side)
        if profile is not None and not lines:
            profiles[side] = profile
        progress(0.4 + 0.6 * (number + 1) / len(legs))
    if len(lost) == len(legs):
        raise BadInputError(lost[0])
    placed, misplaced = looked_through(whole, blocks)
    update.events.extend(placed)
    complaints += misplaced
    update.events.sort(key=lambda e: e.time_s)
    update.steps.sort(key=lambda s: (s.end_s, s.side))
    update.episodes.sort(key=lambda e: (e.end_s, e.side))
    return Processed(update, quality, profiles, complaints)
