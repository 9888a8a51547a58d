"""From one leg's angles to its steps, repetitions, activities and valgus episodes: phases to valgus in their order.

`Movement` is causal: it takes blocks cut anywhere, keeps a bounded stretch of the past, and gives the same rows and
events whatever the cutting. `analyse` looks at a whole recording both ways: the same state machines and formulas on
rates filtered without delay, with phases and activities as they are known in the end.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf, isfinite, nan
from operator import itemgetter

import numpy as np

from pipeline.activity import (
    ActivityChanges,
    ActivityParameters,
    Final,
    Provisional,
    classify_bend,
    classify_stride,
    compatible,
)
from pipeline.blocks import Activity, Bytes, LegBlock
from pipeline.features import bend_shape, climb, stride_shape, vertical_drift
from pipeline.loads import Loaded, LoadFinder, Past, columns, flexion_of
from pipeline.phases import (
    FootEvent,
    Inclinations,
    PhaseParameters,
    Phases,
    exact_phases,
)
from pipeline.rates import NO_DELAY, CausalRates, RateParameters, two_sided_rates
from pipeline.records import Side
from pipeline.repetitions import BendFinder, BendParameters
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow
from pipeline.sets import EXERCISES, ExerciseSet, SetFinder, SetParameters
from pipeline.steps import (
    GAIT,
    StepParameters,
    StepUpFinder,
    StrideFinder,
    Unit,
    UnitKind,
    measure,
    unit_of,
)
from pipeline.thresholds import ValgusParameters
from pipeline.valgus import JudgedUnit, ValgusWatch, WatchRows

_WAY_S = 1.5
"""How far the way into and out of gait may reach beyond the strides."""
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
        self._word = _Word(activity)
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
    word = _Word(activity)
    for time_s, spoken in said:
        word.say(int(np.ceil(time_s * block.rate_hz)), spoken)
    return _Stages(side, block.rate_hz, parameters or MovementParameters(), word).whole(block)


@dataclass(frozen=True, slots=True)
class _Done:
    """A finished unit and what it was."""

    activity: Activity
    unit: Unit
    row: StepRow


class _Word:
    """What a person says is being done, and since which row."""

    def __init__(self, activity: Activity | None) -> None:
        self._said: list[tuple[float, Activity | None]] = [(-inf, activity)]

    def say(self, row: int, activity: Activity | None) -> None:
        """From a row on, later than all before."""
        self._said.append((row, activity))

    @property
    def silent(self) -> bool:
        """Nothing is said, and nothing that was still counts."""
        return all(activity is None for _, activity in self._said)

    def at(self, row: float) -> Activity | None:
        """What holds at a row."""
        return next(activity for since, activity in reversed(self._said) if since <= row)

    def forget(self, row: float) -> None:
        """No row before this one will be asked for."""
        while len(self._said) > 1 and self._said[1][0] <= row:
            del self._said[0]


class _Stages:
    """The stages of one leg, strung together."""

    def __init__(self, side: Side, rate_hz: float, parameters: MovementParameters, word: _Word) -> None:
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
        self.step_ups = StepUpFinder(rate_hz, p.steps)
        self.sets = SetFinder(p.sets)
        self.provisional = Provisional(rate_hz, p.activity)
        self.watch = ValgusWatch(self.side, rate_hz, self.past.span, p.valgus)
        self.loads = LoadFinder(p.activity)
        self.changes = ActivityChanges(self.side, rate_hz, p.settle_s)
        self.count = 0
        self.counted: deque[tuple[float, float]] = deque(maxlen=4)
        self.flat_row = 0
        self.stride_end = nan
        self.next_row = 0

    def causal(self, block: LegBlock) -> MovementUpdate:
        if len(block) == 0:
            return MovementUpdate(np.zeros(0, np.uint8))
        self.past.append(block)
        rows, foot_known = columns(block)
        rates = self.rates.update(block.shank_rate, foot_known)
        phases, feet = self.phases.update(block.start, rates, Inclinations(rows.thigh, rows.shank))
        postures, bends = self.bends.update(block.start, rows.bent, rows.thigh, rows.knee_known, feet)
        units = self._units(feet, [unit_of(b) for b in bends])
        done = self._resolve(units, two_sided=False)
        finals = [Final(d.activity, d.unit.confirmed) for d in done]
        codes = self.provisional.update(
            block.start, rows.bent, rows.thigh, rows.lean, rows.knee_known, phases, postures, feet, finals
        )
        codes = self._by_hand(block.start, codes)
        loads = self.loads.update(block.start, rows, phases, postures, feet)
        return self._judge(block, codes, done, loads, two_sided=False)

    def whole(self, block: LegBlock) -> MovementUpdate:
        p = self.parameters
        self.past.append(block)
        rows, foot_known = columns(block)
        rates = two_sided_rates(block.shank_rate, foot_known, self.rate_hz, p.rates)
        inclined = Inclinations(rows.thigh, rows.shank)
        live, feet = Phases(self.rate_hz, NO_DELAY, p.phases).update(block.start, rates, inclined)
        phases = exact_phases(block.start, rates.known, feet)
        postures, bends = self.bends.update(block.start, rows.bent, rows.thigh, rows.knee_known, feet)
        done = self._resolve(self._units(feet, [unit_of(b) for b in bends]), two_sided=True)
        finals = [Final(d.activity, d.unit.confirmed) for d in done]
        codes = self.provisional.update(
            block.start, rows.bent, rows.thigh, rows.lean, rows.knee_known, live, postures, feet, finals
        )
        codes = self._by_hand(block.start, _settled(block.start, codes, rates.known, done, self.rate_hz))
        loads = self.loads.update(block.start, rows, phases, postures, [])
        update = self._judge(block, codes, done, loads, two_sided=True)
        last = self.finish(two_sided=True)
        for name in ("steps", "episodes", "events", "episode_times_s"):
            getattr(update, name).extend(getattr(last, name))
        return update

    def finish(self, two_sided: bool = False) -> MovementUpdate:
        done = self._resolve([unit_of(bend) for bend in self.bends.finish(self.next_row)], two_sided)
        episodes, events = self.watch.finish(self.next_row)
        events += [(d.unit.confirmed, _step_event(d, self.past)) for d in done]
        for _, episode in episodes:
            self.sets.collapse(episode.step_index)
        events += self._set_event(self.next_row, self.sets.finish())
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

    def _resolve(self, units: Sequence[Unit], two_sided: bool) -> list[_Done]:
        done = []
        for unit in units:
            found = self._classify(unit, two_sided)
            if found is None:
                continue
            activity, unit, climbed = found
            if self._counted(unit):
                continue
            block = self.past.span(int(np.ceil(unit.begin)), int(unit.end) + 1)
            row = measure(self.side, self.count, activity, unit, block, climbed)
            self.count += 1
            done.append(_Done(activity, unit, row))
        return done

    def _counted(self, unit: Unit) -> bool:
        """Whether most of it was counted already: a lunge is seen as a bend, and again when the foot has come back."""
        for begin, end in self.counted:
            shared = min(end, unit.end) - max(begin, unit.begin)
            if shared > 0.5 * min(end - begin, unit.end - unit.begin):
                return True
        self.counted.append((unit.begin, unit.end))
        return False

    def _classify(self, unit: Unit, two_sided: bool) -> tuple[Activity, Unit, float] | None:
        p = self.parameters.activity
        block = self.past.span(int(unit.begin), int(unit.end) + 1)
        if unit.kind in {UnitKind.SIT_DOWN, UnitKind.STAND_UP}:
            rises = self._rises(unit)
            seat = self.step_ups.seat(unit, rises if abs(rises) > p.foot_lift_m else 0.0)
            return None if seat is None else (*seat, nan)
        word = self.word.at(unit.end)
        forced = word if word is not None and compatible(word, unit) else None
        flexion = flexion_of(block)
        if unit.kind is UnitKind.BEND:
            before = self.past.span(int(unit.begin - p.before_s * self.rate_hz), int(unit.begin))
            shape = bend_shape(block, flexion, unit, before, p.ankle_m)
            found = classify_bend(shape, p)
            if forced is not None and (found is not None or shape.shank > p.foot_flat_rad):
                # A knee flexed in the air is no repetition, whatever is said.
                found = forced
            whole: Unit | None = unit
            if found is Activity.STEP_UP:
                whole = self.step_ups.half(unit, shape.rises_m)
            elif found is Activity.LUNGE and unit.lead_in == unit.lead_in:
                whole = replace(unit, begin=unit.lead_in)
            elif found is Activity.LUNGE and shape.shank < p.foot_flat_rad:
                whole = self._from_the_step_back(unit)
            return None if found is None or whole is None else (found, whole, nan)
        climbed = self._climb(unit, two_sided)
        found = classify_stride(stride_shape(block, flexion, unit, climbed), p)
        if forced is not None and (found is not None or unit.end - unit.begin < p.gait_longest_s * self.rate_hz):
            found = forced
        if found is None:
            return None
        if found in EXERCISES:
            # A lunge or a step-up begins with the foot that goes forward, not with its contact.
            begin = unit.lead_in if unit.lead_in == unit.lead_in else unit.begin
            unit = replace(unit, begin=begin)
        return found, unit, climbed

    def _rises(self, unit: Unit) -> float:
        """How much higher the foot is after sitting down or standing up than before; 0 where that cannot be told,
        because it did not stand still before."""
        p = self.parameters.activity
        lead = int(p.quiet_lead_s * self.rate_hz)
        first, begin = int(unit.begin) - lead, int(unit.begin)
        end = int(unit.end) + (lead if unit.kind is UnitKind.SIT_DOWN else 0)
        still = self.past.span(first - int(p.quiet_s * self.rate_hz), first)
        turning = self.past.span(first, begin)
        rates = np.abs(np.concatenate([still.shank_rate, turning.shank_rate]))
        if not (np.all(rates < p.quiet_rad_s) and np.all(np.abs(still.shank_acc) < p.quiet_m_s2)):
            return 0.0
        # Nothing after the row at which the unit is known: live it is still to come.
        block = self.past.span(first, min(end, unit.confirmed) + 1)
        return climb(block, 0, len(block) - 1, p.ankle_m)

    def _from_the_step_back(self, unit: Unit) -> Unit:
        """The rear leg's lunge begins when its thigh goes back, before the knee bends."""
        p = self.parameters.activity
        before = self.past.span(int(unit.begin - p.lunge_lead_s * self.rate_hz), int(unit.begin))
        upright = np.flatnonzero(before.thigh_incl > p.leg_back_rad)
        return replace(unit, begin=float(before.start + upright[-1])) if len(upright) else unit

    def _climb(self, unit: Unit, two_sided: bool) -> float:
        p = self.parameters.activity
        flat = p.flat_share * (unit.end - unit.begin)
        begin, before = int(unit.begin + flat), self.flat_row
        self.flat_row, follows = begin, self.stride_end == unit.begin
        self.stride_end = unit.end
        if two_sided:
            block = self.past.span(begin, int(unit.end + flat) + 1)
            return climb(block, begin - block.start, len(block) - 1, p.ankle_m)
        if not follows:
            return nan
        # The next foot-flat is still to come: the drift is that of the stride before.
        block = self.past.span(before, min(unit.confirmed, int(unit.end) + 2) + 1)
        drift = vertical_drift(block, before - block.start, begin - block.start, p.ankle_m)
        return climb(block, begin - block.start, len(block) - 1, p.ankle_m, drift)

    def _by_hand(self, start: int, codes: list[int]) -> list[int]:
        if self.word.silent:
            return codes
        rest = {Activity.STANDING, Activity.SITTING}
        for k, code in enumerate(codes):
            word = self.word.at(start + k)
            if word is not None and code not in rest:
                codes[k] = int(word)
        return codes

    def _judge(
        self, block: LegBlock, codes: list[int], done: Sequence[_Done], loads: Loaded, two_sided: bool
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
        events += [(d.unit.confirmed, _step_event(d, self.past)) for d in done]
        self.next_row = block.start + len(block)
        self.word.forget(self.next_row - _SAID_S * self.rate_hz)
        events += self._sets(done, episodes)
        ordered = [event for _, event in sorted(events, key=itemgetter(0))]
        return MovementUpdate(
            activity=np.array(codes, dtype=np.uint8),
            steps=[d.row for d in done],
            episodes=[e for _, e in episodes],
            events=ordered,
            episode_times_s=[row / self.rate_hz for row, _ in episodes],
        )

    def _sets(self, done: Sequence[_Done], episodes: Sequence[tuple[int, EpisodeRow]]) -> list[tuple[int, RaisedEvent]]:
        """Set events of these rows: units, the episodes in them and the ends of pauses in the order of their rows."""
        events: list[tuple[int, RaisedEvent]] = []
        happened: list[tuple[int, int, _Done | EpisodeRow]] = [(d.unit.confirmed, 0, d) for d in done]
        happened += [(row, 1, episode) for row, episode in episodes]
        for row, _, thing in sorted(happened, key=itemgetter(0, 1)):
            events += self._set_pause(row)
            if isinstance(thing, _Done):
                events += self._set_event(row, self.sets.row(thing.activity, thing.row))
            else:
                self.sets.collapse(thing.step_index)
        return events + self._set_pause(self.next_row)

    def _set_pause(self, before: int) -> list[tuple[int, RaisedEvent]]:
        over_s = self.sets.over_s
        row = int(np.ceil(over_s * self.rate_hz)) if over_s < inf else before
        return self._set_event(row, self.sets.finish()) if row < before else []

    def _set_event(self, row: int, over: ExerciseSet | None) -> list[tuple[int, RaisedEvent]]:
        if over is None:
            return []
        values: dict[str, object] = {"side": self.side, **over.fields()}
        return [(row, RaisedEvent(row / self.rate_hz, "set", values))]


def _step_event(done: _Done, past: Past) -> RaisedEvent:
    values: dict[str, object] = {f.name: _json(getattr(done.row, f.name)) for f in fields(StepRow)}
    if done.unit.kind is UnitKind.SIT_DOWN:
        values["part"] = "down"
    elif done.unit.kind is UnitKind.STAND_UP:
        values["part"] = "up"
    is_step = done.unit.kind is UnitKind.STRIDE and done.activity not in EXERCISES
    rate = past.rate_hz
    return RaisedEvent(done.unit.confirmed / rate, "step" if is_step else "repetition", values)


def _json(value: object) -> object:
    if not isinstance(value, float):
        return value
    return round(value, 4) if isfinite(value) else None


def _settled(start: int, codes: list[int], known: list[bool], done: Sequence[_Done], rate_hz: float) -> list[int]:
    """Final activity of every row: that of its unit; standing and sitting as seen; the way into and out of gait belongs
    to the stride it leads to; all else is `other`."""
    rest = (int(Activity.STANDING), int(Activity.SITTING))
    gait = {int(a) for a in (*GAIT, Activity.OTHER)}
    reach = round(_WAY_S * rate_hz)
    settled = [c if c in rest else 0 for c in codes]
    for d in done:
        if d.activity in GAIT:
            begin, end = int(d.unit.begin) - start, int(d.unit.end) - start
            for row in range(max(0, begin - reach), min(len(codes), end + reach)):
                if known[row] and codes[row] in gait:
                    settled[row] = int(d.activity)
    for d in done:
        begin, end = int(np.ceil(d.unit.begin)) - start, int(d.unit.end) + 1 - start
        settled[max(0, begin) : end] = [int(d.activity)] * (min(end, len(codes)) - max(0, begin))
    return settled
