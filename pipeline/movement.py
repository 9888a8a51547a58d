"""From one leg's angles to its steps, repetitions, activities and valgus episodes: phases to valgus in their order.

`Movement` is causal: it takes blocks cut anywhere, keeps a bounded stretch of the past, and gives the same rows and
events whatever the cutting. `analyse` looks at a whole recording both ways: the same state machines and formulas on
rates filtered without delay, with phases and activities as they are known in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from pipeline.activity_now import ActivityChanges, Final, Provisional
from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Activity, Bytes, LegBlock
from pipeline.finished_units import FinishedUnit, FinishedUnits
from pipeline.loads import Columns, Loaded, LoadFinder, Past
from pipeline.movement_events import SetEvents, unit_event
from pipeline.phases import FootEvent, Inclinations, PhaseParameters, Phases, exact_phases
from pipeline.rates import NO_DELAY, CausalRates, RateParameters, two_sided_rates
from pipeline.records import Side
from pipeline.repetition_parameters import BendParameters
from pipeline.repetitions import BendFinder
from pipeline.row_activity import SaidActivity, settled
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.sets import SetParameters
from pipeline.steps import StepParameters, StrideFinder, Unit, unit_of
from pipeline.thresholds import ValgusParameters
from pipeline.valgus import JudgedUnit, ValgusWatch, WatchRows

_SAID_S = 30.0
"""How long a word may be asked for after another one has been said: longer than any unit."""


@dataclass(frozen=True, slots=True)
class MovementParameters:
    """The parameters of all stages. settle_s: a provisional activity must last so long to be an event."""

    rates: RateParameters = field(default_factory=RateParameters)
    phases: PhaseParameters = field(default_factory=PhaseParameters)
    bends: BendParameters = field(default_factory=BendParameters)
    activity: ActivityParameters = field(default_factory=ActivityParameters)
    steps: StepParameters = field(default_factory=StepParameters)
    sets: SetParameters = field(default_factory=SetParameters)
    valgus: ValgusParameters = field(default_factory=ValgusParameters)
    settle_s: float = 0.3


@dataclass(slots=True)
class MovementUpdate:
    """What became known. activity: (n,) code of each row of the block, provisional when causal; the rest in order.

    Each step's event has the time at which it was raised; episode_times_s are those of the episodes.
    """

    activity: Bytes
    steps: list[StepRow] = field(default_factory=list)
    episodes: list[EpisodeRow] = field(default_factory=list)
    events: list[RaisedEvent] = field(default_factory=list)
    episode_times_s: list[float] = field(default_factory=list)


class Movement:
    """One leg, causal. Feed blocks in order, then `finish`."""

    def __init__(
        self, side: Side, parameters: MovementParameters | None = None, activity: Activity | None = None
    ) -> None:
        self.side = side
        self.parameters = parameters or MovementParameters()
        self._word = SaidActivity(activity)
        self._stages: _Stages | None = None

    def set_activity(self, activity: Activity | None, row: int | None = None) -> None:
        """What a person says is being done, from a grid row on or from now on. None: tell it from the motion again."""
        if row is None:
            row = 0 if self._stages is None else self._stages.next_row
        self._word.say(row, activity)

    def update(self, block: LegBlock) -> MovementUpdate:
        """The next rows of the leg, without a hole to those before."""
        if self._stages is None:
            self._stages = _Stages(self.side, block.rate_hz, self.parameters, self._word)
        return self._stages.causal(block)

    def finish(self) -> MovementUpdate:
        """What is still open ends here."""
        if self._stages is None:
            return MovementUpdate(np.zeros(0, np.uint8))
        return self._stages.finish()


def analyse(
    side: Side,
    block: LegBlock,
    activity: Activity | None = None,
    parameters: MovementParameters | None = None,
    said: Sequence[tuple[float, Activity | None]] = (),
) -> MovementUpdate:
    """A whole recording, both ways. The rows' activity is final.

    activity: what a person says was done; said: the same from a time (s) on, in order, None to tell it from the motion.
    """
    if len(block) == 0:
        return MovementUpdate(np.zeros(0, np.uint8))
    word = SaidActivity(activity)
    for time_s, spoken in said:
        word.say(int(np.ceil(time_s * block.rate_hz)), spoken)
    return _Stages(side, block.rate_hz, parameters or MovementParameters(), word).whole(block)


class _Stages:
    """The stages of one leg, strung together."""

    def __init__(self, side: Side, rate_hz: float, parameters: MovementParameters, word: SaidActivity) -> None:
        p = parameters
        self.parameters = p
        self.word = word
        self.side = side.value
        self.rate_hz = rate_hz
        self.past = Past(rate_hz)
        self.rates = CausalRates(rate_hz, p.rates)
        self.phases = Phases(rate_hz, self.rates.delays, p.phases)
        self.bends = BendFinder(rate_hz, p.bends)
        self.strides = StrideFinder(rate_hz, p.steps)
        self.units = FinishedUnits(self.side, self.past, word, p.activity, p.steps)
        self.sets = SetEvents(self.side, rate_hz, p.sets)
        self.provisional = Provisional(rate_hz, p.activity)
        self.watch = ValgusWatch(self.side, rate_hz, self.past.span, p.valgus)
        self.loads = LoadFinder(p.activity)
        self.changes = ActivityChanges(self.side, rate_hz, p.settle_s)
        self.columns = Columns(rate_hz)
        self.next_row = 0

    def causal(self, block: LegBlock) -> MovementUpdate:
        if len(block) == 0:
            return MovementUpdate(np.zeros(0, np.uint8))
        self.past.append(block)
        rows, foot_known = self.columns.update(block)
        rates = self.rates.update(block.shank_rate, foot_known)
        phases, feet = self.phases.update(block.start, rates, Inclinations(rows.thigh, rows.shank))
        postures, bends = self.bends.update(block.start, rows.bent, rows.thigh, rows.knee_known, feet)
        units = self._units(feet, [unit_of(b) for b in bends])
        done = self.units.resolve(units, two_sided=False)
        finals = [Final(d.activity, d.unit.confirmed) for d in done]
        codes = self.provisional.update(
            block.start, rows.bent, rows.thigh, rows.lean, rows.knee_known, phases, postures, feet, finals
        )
        codes = self.word.told(block.start, codes)
        loads = self.loads.update(block.start, rows, phases, postures, feet)
        return self._judge(block, codes, done, loads, two_sided=False)

    def whole(self, block: LegBlock) -> MovementUpdate:
        p = self.parameters
        self.past.append(block)
        rows, foot_known = self.columns.update(block)
        rates = two_sided_rates(block.shank_rate, foot_known, self.rate_hz, p.rates)
        inclined = Inclinations(rows.thigh, rows.shank)
        live, feet = Phases(self.rate_hz, NO_DELAY, p.phases).update(block.start, rates, inclined)
        phases = exact_phases(block.start, rates.known, feet)
        postures, bends = self.bends.update(block.start, rows.bent, rows.thigh, rows.knee_known, feet)
        done = self.units.resolve(self._units(feet, [unit_of(b) for b in bends]), two_sided=True)
        finals = [Final(d.activity, d.unit.confirmed) for d in done]
        codes = self.provisional.update(
            block.start, rows.bent, rows.thigh, rows.lean, rows.knee_known, live, postures, feet, finals
        )
        codes = self.word.told(block.start, settled(block.start, codes, rates.known, done, self.rate_hz))
        loads = self.loads.update(block.start, rows, phases, postures, [])
        update = self._judge(block, codes, done, loads, two_sided=True)
        last = self.finish(two_sided=True)
        for name in ("steps", "episodes", "events", "episode_times_s"):
            getattr(update, name).extend(getattr(last, name))
        return update

    def finish(self, two_sided: bool = False) -> MovementUpdate:
        done = self.units.resolve([unit_of(bend) for bend in self.bends.finish(self.next_row)], two_sided)
        episodes, events = self.watch.finish(self.next_row)
        events += [(d.unit.confirmed, unit_event(d, self.rate_hz)) for d in done]
        events += self.sets.finish(self.next_row, episodes)
        return MovementUpdate(
            activity=np.zeros(0, np.uint8),
            steps=[d.row for d in done],
            episodes=[e for _, e in episodes],
            events=[e for _, e in events],
            episode_times_s=[row / self.rate_hz for row, _ in episodes],
        )

    def _units(self, feet: Sequence[FootEvent], bends: Sequence[Unit]) -> list[Unit]:
        strides = (self.strides.event(event) for event in feet)
        units = [unit for unit in strides if unit is not None]
        return sorted([*units, *bends], key=lambda u: (u.confirmed, u.kind))

    def _judge(
        self, block: LegBlock, codes: list[int], done: Sequence[FinishedUnit], loads: Loaded, two_sided: bool
    ) -> MovementUpdate:
        watched = WatchRows(
            flexion=block.flexion.tolist(),
            excess=block.excess.tolist(),
            collapse=block.collapse.tolist(),
            excess_sd=block.excess_sd.tolist(),
            collapse_sd=block.collapse_sd.tolist(),
            judged=[v and j for v, j in zip(block.valid.tolist(), loads.judged, strict=True)],
            since=loads.since,
            until=loads.until,
            codes=codes,
        )
        judged = [JudgedUnit(d.activity, d.row.index, d.unit.begin, d.unit.end, d.unit.confirmed) for d in done]
        if two_sided:
            # Once to learn the clean steps of the whole recording, once to judge with them.
            first = ValgusWatch(self.side, self.rate_hz, self.past.span, self.parameters.valgus)
            first.update(block.start, watched, judged)
            usual = first.usual
            self.watch = ValgusWatch(self.side, self.rate_hz, self.past.span, self.parameters.valgus, usual)
        episodes, events = self.watch.update(block.start, watched, judged)
        events += self.changes.update(block.start, codes)
        events += [(d.unit.confirmed, unit_event(d, self.rate_hz)) for d in done]
        self.next_row = block.start + len(block)
        self.word.forget(self.next_row - _SAID_S * self.rate_hz)
        events += self.sets.update(self.next_row, done, episodes)
        ordered = [event for _, event in sorted(events, key=itemgetter(0))]
        return MovementUpdate(
            activity=np.array(codes, dtype=np.uint8),
            steps=[d.row for d in done],
            episodes=[e for _, e in episodes],
            events=ordered,
            episode_times_s=[row / self.rate_hz for row, _ in episodes],
        )
