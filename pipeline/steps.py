"""Steps and repetitions: what the foot's events and the knee's bends come to, and the row that each gets.

A step runs from an initial contact to the next of the same foot, with one toe-off between. A stride whose second
contact is a foot that came back is no step, but what lies in it may be a lunge or a step-up (activity.py says which). A
repetition is a bend of the knee with the foot on the ground. Sets of them: sets.py.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from math import inf, nan, pi

import numpy as np

from pipeline.blocks import Activity, Bools, Floats, LegBlock
from pipeline.phases import FootEvent, FootEventKind
from pipeline.repetitions import Bend, BendKind
from pipeline.rows import StepRow

GAIT = frozenset({Activity.WALKING, Activity.STAIR_ASCENT, Activity.STAIR_DESCENT})
"""Activities that come in steps; OTHER may."""

_ON_ONE_LEG = frozenset({Activity.SINGLE_LEG_SQUAT, Activity.STEP_DOWN})

_NEAR_DEEPEST = pi / 12.0
_LEANS = pi / 90.0
_UNTOLD = 0.5
"""Quality, as a factor, of a bend on one leg that does not lean under the body: which of the two kinds is not told."""


class UnitKind(IntEnum):
    """What a unit of movement is made of."""

    STRIDE = 0
    BEND = 1
    SIT_DOWN = 2
    STAND_UP = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch that may be a step or a repetition. Grid rows.

    contact: initial contact of the stride, or the one that leads into the bend (NaN: none). toe_off: within, or NaN.
    lead_in: the toe-off before that contact, or NaN. forward: the stride ends in a step forward.
    """

    kind: UnitKind
    begin: float
    end: float
    confirmed: int
    contact: float = nan
    toe_off: float = nan
    lead_in: float = nan
    deepest: float = nan
    forward: bool = True


@dataclass(frozen=True, slots=True)
class StepParameters:
    """shortest_s, longest_s: of a stride that may be a step or, longer than a step, a lunge or a step-up.

    step_up_s: longest step-up, from lifting the foot to having it back on the floor.
    """

    shortest_s: float = 0.4
    longest_s: float = 7.0
    step_up_s: float = 8.0


class StrideFinder:
    """Pairs contacts into strides, event by event."""

    def __init__(self, rate_hz: float, parameters: StepParameters | None = None) -> None:
        p = parameters or StepParameters()
        self._shortest = p.shortest_s * rate_hz
        self._longest = p.longest_s * rate_hz
        self._contact = nan
        self._lead_in = nan
        self._toe_off = nan

    def event(self, event: FootEvent) -> Unit | None:
        """The stride that this event completes, if any."""
        if event.kind is FootEventKind.TOE_OFF:
            self._toe_off = event.position
        elif event.kind is FootEventKind.REFUSED:
            self._toe_off = nan
        elif event.kind is FootEventKind.LOST:
            self._contact = self._lead_in = self._toe_off = nan
        else:
            return self._close(event)
        return None

    def _close(self, event: FootEvent) -> Unit | None:
        begin, toe_off, lead_in = self._contact, self._toe_off, self._lead_in
        # Only a step forward can begin a stride; NaN comparisons below are false.
        self._contact = event.position if event.forward else nan
        self._lead_in, self._toe_off = toe_off, nan
        if not (toe_off > begin and self._shortest <= event.position - begin <= self._longest):
            return None
        return Unit(
            UnitKind.STRIDE, begin, event.position, event.confirmed, begin, toe_off, lead_in, forward=event.forward
        )


class StepUpFinder:
    """Pairs the way up onto a box with the way down from it, where neither shows a swing.

    rises_m: how much higher the foot ends than it began; 0 where it stays.
    """

    def __init__(self, rate_hz: float, parameters: StepParameters | None = None) -> None:
        self._longest = (parameters or StepParameters()).step_up_s * rate_hz
        self._up: Unit | None = None
        self._lowers = False

    def half(self, unit: Unit, rises_m: float) -> Unit | None:
        """A bend after which the foot stands higher (rises_m above 0) or lower. The step-up that is thereby whole."""
        if rises_m > 0.0:
            self._up = unit
            return None
        up, self._up = self._up, None
        if up is None or unit.end - up.begin > self._longest:
            return None
        return replace(unit, begin=up.begin, deepest=up.deepest)

    def awaits(self, unit: Unit) -> bool:
        """Whether a foot was put onto a box so recently that this may be the way down."""
        return self._up is not None and unit.end - self._up.begin <= self._longest

    def seat(self, unit: Unit, rises_m: float) -> tuple[Activity, Unit] | None:
        """A sitting down or standing up; or a foot that was put onto a box and rests there, which looks like one."""
        if unit.kind is UnitKind.SIT_DOWN and rises_m > 0.0:
            self._up, self._lowers = unit, False
            return None
        up = self._up
        if up is None or unit.end - up.begin > self._longest:
            self._up = None
            return Activity.SIT_TO_STAND, unit
        if unit.kind is UnitKind.SIT_DOWN:
            self._lowers = True
        elif rises_m < 0.0 or self._lowers:
            # The foot comes off the box: it went down, or the body had been lowered to the floor before.
            self._up = None
            return Activity.STEP_UP, replace(unit, kind=UnitKind.BEND, begin=up.begin, deepest=up.deepest)
        return None


def unit_of(bend: Bend) -> Unit:
    """A bend as a unit."""
    kind = {BendKind.BEND: UnitKind.BEND, BendKind.SIT_DOWN: UnitKind.SIT_DOWN, BendKind.STAND_UP: UnitKind.STAND_UP}
    return Unit(
        kind[bend.kind],
        float(bend.begin),
        float(bend.end),
        bend.confirmed,
        contact=bend.contact,
        lead_in=bend.lead_in,
        deepest=float(bend.deepest),
    )


def measure(side: str, index: int, activity: Activity, unit: Unit, block: LegBlock, climb_m: float) -> StepRow:
    """The row of one step or repetition.

    block: the rows from the unit's begin to its end. Flexion is taken where it is finite; all other angles only where
    the row is valid.
    """
    rate = block.rate_hz
    is_step = activity in GAIT or (activity is Activity.OTHER and unit.kind is UnitKind.STRIDE)
    top_flexion, _ = _highest(block.flexion, np.isfinite(block.flexion))
    abduction, abduction_row = _highest(block.abduction, block.valid)
    rotation, _ = _highest(block.rotation, block.valid)
    lowest_abduction, _ = _highest(-block.abduction, block.valid)
    lowest_rotation, _ = _highest(-block.rotation, block.valid)
    at_contact = float(block.abduction[0]) if is_step and len(block) and block.valid[0] else nan
    known = float(np.mean(np.isfinite(block.flexion))) if len(block) else 0.0
    trusted = float(np.mean(block.valid)) if len(block) else 0.0
    open_kind = activity in _ON_ONE_LEG and not _leans(block)
    return StepRow(
        side=side,
        index=index,
        activity=activity.label,
        start_s=unit.begin / rate,
        end_s=unit.end / rate,
        toe_off_s=unit.toe_off / rate,
        stance_s=(unit.toe_off - unit.contact) / rate,
        cadence_spm=120.0 * rate / (unit.end - unit.begin) if is_step else nan,
        peak_flexion_deg=_deg(top_flexion),
        abduction_at_contact_deg=_deg(at_contact),
        peak_abduction_deg=_deg(abduction),
        peak_abduction_s=(block.start + abduction_row) / rate,
        peak_valgus_excess_deg=_deg(_highest(block.excess, block.valid)[0]),
        peak_medial_collapse_deg=_deg(_highest(block.collapse, block.valid)[0]),
        abduction_range_deg=_deg(abduction + lowest_abduction),
        peak_rotation_deg=_deg(rotation),
        rotation_range_deg=_deg(rotation + lowest_rotation),
        thigh_adduction_peak_deg=_deg(_highest(block.thigh_tilt, block.valid)[0]),
        climb_m=climb_m,
        quality=round((0.5 * known + 0.5 * trusted) * (_UNTOLD if open_kind else 1.0), 3),
        shank_lean_deg=nan if is_step else shank_lean(unit, block),
    )


def _leans(block: LegBlock) -> bool:
    """Whether the whole leg leans inward while the knee is not far bent, as under a body that stands on it alone."""
    lean = 0.5 * (block.thigh_tilt - block.shank_tilt)
    bent = block.thigh_incl - block.shank_incl
    known = np.isfinite(lean) & np.isfinite(bent)
    lean = lean[known & (bent < 0.4 * np.max(bent[known], initial=0.0))]
    return len(lean) > 0 and float(np.median(lean)) > _LEANS


def shank_lean(unit: Unit, block: LegBlock) -> float:
    """How far (deg) the loaded shank leans forward at most, within 15 deg of the deepest point."""
    begin = unit.contact if unit.contact >= unit.begin else unit.begin
    end = unit.toe_off if unit.toe_off > begin else unit.end
    loaded = block.cut(max(int(np.ceil(begin)) - block.start, 0), max(int(end) - block.start, 0))
    if len(loaded) == 0 or not np.isfinite(loaded.flexion).any():
        return nan
    deep = loaded.flexion > np.nanmax(loaded.flexion) - _NEAR_DEEPEST
    lean, _ = _highest(-loaded.shank_incl, deep)
    return _deg(lean)


def _deg(angle: float) -> float:
    return float(np.degrees(angle))


def _highest(values: Floats, where: Bools) -> tuple[float, float]:
    """Highest value where it counts, and its row; NaN where it counts nowhere."""
    counted = np.where(where & np.isfinite(values), values, -inf)
    if len(counted) == 0:
        return nan, nan
    row = int(np.argmax(counted))
    return (float(counted[row]), float(row)) if counted[row] > -inf else (nan, nan)
