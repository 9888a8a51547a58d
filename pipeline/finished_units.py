"""Finished units become rows: what each of them was, where it begins, and how high it climbed.

A stride's or a bend's shape tells the activity (pipeline/activity.py), unless the person says it. A lunge or a step-up
begins with the foot that goes forward, and a rear leg's lunge with its thigh going back. What was counted already is
not counted again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from pipeline.activity import classify_bend, classify_stride, compatible
from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Activity
from pipeline.features import bend_shape, climb, stride_shape, vertical_drift
from pipeline.loads import Past, flexion_of
from pipeline.row_activity import SaidActivity
from pipeline.rows import StepRow
from pipeline.sets import EXERCISES
from pipeline.steps import StepParameters, StepUpFinder, Unit, UnitKind, measure

_SEATED_RAD = np.deg2rad(3.0)
"""A thigh this near to its highest is on the seat."""


@dataclass(frozen=True, slots=True)
class FinishedUnit:
    """A finished unit and what it was."""

    activity: Activity
    unit: Unit
    row: StepRow


class FinishedUnits:
    """Units of one leg in, rows out. past: the leg's rows so far; said: what the person says."""

    def __init__(
        self, side: str, past: Past, said: SaidActivity, activity: ActivityParameters, steps: StepParameters
    ) -> None:
        self._side = side
        self._rate = past.rate_hz
        self._past = past
        self._said = said
        self._p = activity
        self._step_ups = StepUpFinder(past.rate_hz, steps)
        self._count = 0
        self._seen: deque[tuple[float, float]] = deque(maxlen=4)
        self._flat_row = 0
        self._stride_end = nan

    def resolve(self, units: Sequence[Unit], two_sided: bool) -> list[FinishedUnit]:
        """units: in the order in which they became known."""
        done = []
        for unit in units:
            found = self._classify(unit, two_sided)
            if found is None or self._counted(found[1]):
                continue
            activity, whole, climbed = found
            brief = activity is Activity.SIT_TO_STAND and whole.kind is UnitKind.BEND
            for part in self._halves(whole) if brief else (whole,):
                block = self._past.span(int(np.ceil(part.begin)), int(part.end) + 1)
                row = measure(self._side, self._count, activity, part, block, climbed)
                self._count += 1
                done.append(FinishedUnit(activity, part, row))
        return done

    def _halves(self, unit: Unit) -> tuple[Unit, Unit]:
        """Sitting down and standing up of somebody who hardly rested on the seat."""
        block = self._past.span(int(unit.begin), int(unit.end) + 1)
        seated = np.flatnonzero(block.thigh_incl > np.nanmax(block.thigh_incl) - _SEATED_RAD)
        first, last = (float(block.start + seated[k]) for k in (0, -1))
        down = replace(unit, kind=UnitKind.SIT_DOWN, end=max(first, unit.begin + 1.0))
        return down, replace(unit, kind=UnitKind.STAND_UP, begin=min(last, unit.end - 1.0), deepest=last)

    def _counted(self, unit: Unit) -> bool:
        """Whether most of it was counted already: a lunge is seen as a bend, and again when the foot has come back."""
        for begin, end in self._seen:
            shared = min(end, unit.end) - max(begin, unit.begin)
            if shared > 0.5 * min(end - begin, unit.end - unit.begin):
                return True
        self._seen.append((unit.begin, unit.end))
        return False

    def _classify(self, unit: Unit, two_sided: bool) -> tuple[Activity, Unit, float] | None:
        p = self._p
        block = self._past.span(int(unit.begin), int(unit.end) + 1)
        if unit.kind in {UnitKind.SIT_DOWN, UnitKind.STAND_UP}:
            rises = self._rises(unit)
            seat = self._step_ups.seat(unit, rises if abs(rises) > p.foot_lift_m else 0.0)
            return None if seat is None else (*seat, nan)
        word = self._said.at(unit.end)
        forced = word if word is not None and compatible(word, unit) else None
        flexion = flexion_of(block)
        if unit.kind is UnitKind.BEND:
            before = self._past.span(int(unit.begin - p.before_s * self._rate), int(unit.begin))
            shape = bend_shape(block, flexion, unit, before, p.ankle_m)
            found = classify_bend(shape, p)
            if forced is not None and (found is not None or shape.shank > p.foot_flat_rad):
                # A knee flexed in the air is no repetition, whatever is said.
                found = forced
            whole: Unit | None = unit
            rises = shape.rises_m
            if found is None and shape.sinks_m < -p.free_foot_m and self._step_ups.awaits(unit):
                # The foot left the box before the knee was straight: where it landed cannot be told any more.
                found, rises = Activity.STEP_UP, -p.box_m
            if found is Activity.STEP_UP:
                whole = self._step_ups.half(unit, rises)
            elif found is Activity.LUNGE and unit.lead_in == unit.lead_in:
                whole = self._from_the_lift(unit)
            elif found is Activity.LUNGE:
                whole = self._from_the_step(unit, back=shape.shank < p.foot_flat_rad)
            return None if found is None or whole is None else (found, whole, nan)
        climbed = self._climb(unit, two_sided)
        found = classify_stride(stride_shape(block, flexion, unit, climbed), p)
        if forced is not None and (found is not None or unit.end - unit.begin < p.gait_longest_s * self._rate):
            found = forced
        if found is None:
            return None
        if found in EXERCISES:
            # A lunge or a step-up begins with the foot that goes forward, not with its contact.
            unit = self._from_the_lift(unit)
        return found, unit, climbed

    def _rises(self, unit: Unit) -> float:
        """How much higher the foot is after sitting down or standing up than before; 0 where that cannot be told,
        because it did not stand still before."""
        p = self._p
        lead = int(p.quiet_lead_s * self._rate)
        first, begin = int(unit.begin) - lead, int(unit.begin)
        end = int(unit.end) + (lead if unit.kind is UnitKind.SIT_DOWN else 0)
        still = self._past.span(first - int(p.quiet_s * self._rate), first)
        turning = self._past.span(first, begin)
        rates = np.abs(np.concatenate([still.shank_rate, turning.shank_rate]))
        if not (np.all(rates < p.quiet_rad_s) and np.all(np.abs(still.shank_acc) < p.quiet_m_s2)):
            return 0.0
        # Nothing after the row at which the unit is known: live it is still to come.
        block = self._past.span(first, min(end, unit.confirmed) + 1)
        return climb(block, 0, len(block) - 1, p.ankle_m)

    def _from_the_lift(self, unit: Unit) -> Unit:
        """The unit from the moment at which its foot was lifted."""
        return self._begins(unit, unit.lead_in) if unit.lead_in < unit.begin else unit

    def _begins(self, unit: Unit, begin: float) -> Unit:
        """The unit with an earlier begin, as far as that is not part of what was counted before."""
        before = self._seen[-1][1] if self._seen else begin
        return replace(unit, begin=min(max(begin, before), unit.begin))

    def _from_the_step(self, unit: Unit, back: bool) -> Unit:
        """A lunge begins when its thigh leaves the upright, to the back in the rear leg, before the knee bends."""
        p = self._p
        before = self._past.span(int(unit.begin - p.lunge_lead_s * self._rate), int(unit.begin))
        upright = np.flatnonzero(
            before.thigh_incl > p.leg_back_rad if back else before.thigh_incl < p.upright_thigh_rad
        )
        return self._begins(unit, float(before.start + upright[-1])) if len(upright) else unit

    def _climb(self, unit: Unit, two_sided: bool) -> float:
        p = self._p
        flat = p.flat_share * (unit.end - unit.begin)
        begin, before = int(unit.begin + flat), self._flat_row
        self._flat_row, follows = begin, self._stride_end == unit.begin
        self._stride_end = unit.end
        if two_sided:
            block = self._past.span(begin, int(unit.end + flat) + 1)
            return climb(block, begin - block.start, len(block) - 1, p.ankle_m)
        if not follows:
            return nan
        # The next foot-flat is still to come: the drift is that of the stride before.
        block = self._past.span(before, min(unit.confirmed, int(unit.end) + 2) + 1)
        drift = vertical_drift(block, before - block.start, begin - block.start, p.ankle_m)
        return climb(block, begin - block.start, len(block) - 1, p.ankle_m, drift)
