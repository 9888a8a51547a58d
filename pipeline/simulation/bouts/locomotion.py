"""Walking and stairs, one flow from standing to standing: every foot contact is planned, curves run on its clock.

The flow is a list of footfalls, left and right in turn, each with its own way of going (pipeline/simulation/curves.py),
duration and size.
Each leg's phase is a smooth curve through its contact times; the curves are evaluated on it and cross-faded in the
swing where the way of going changes. An envelope leads from standing into the first step and out of the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Activity, Floats
from pipeline.records import Side
from pipeline.simulation.curves import STYLES, WALK, Locomotion, foot_pitch, warp
from pipeline.simulation.person import Person
from pipeline.simulation.plan import OTHER_SIDE, Contact, Injection, Joint, Plan, Repetition, Stance, Trunk
from pipeline.simulation.script import Bout
from pipeline.simulation.shapes import bump, ramp, staircase, through

_BEFORE = 0.65
"""Of a cycle, before the first contact: the first step begins."""
_QUIET_S = 0.5
_LIMP_LATE, _LIMP_KNEE, _LIMP_THIGH = 0.14, 0.68, 0.82
"""A limping leg: its contact comes late by a share of the step, its knee and thigh move less."""


@dataclass(frozen=True, slots=True)
class Footfall:
    """One contact of the flow. way: index into the flow's ways of going. rise_m: above the previous footfall."""

    side: Side
    time_s: float
    bout: int
    rise_m: float


@dataclass(frozen=True, slots=True)
class Way:
    """A way of going of this person in this bout: curves and the factors on them."""

    style: Locomotion
    bout: Bout
    size: float
    step_s: float
    toe_off: float
    rise_m: float


def way_of(person: Person, bout: Bout) -> Way:
    """Cadence, amplitude and stance of one bout. Speed is shared evenly between step length and cadence."""
    style = STYLES[bout.what]
    pace = bout.speed**0.5
    gait = person.gait
    if style is WALK:
        step_s = 60.0 / (gait.cadence_spm * pace)
        late = 0.075 * (1.0 - pace) if pace < 1.0 else 0.03 * (1.0 - pace)
        size = 0.32 if bout.what == "turn" else pace
        return Way(style, bout, size, step_s, gait.toe_off + late, 0.0)
    step_s = style.cycle_s / 2.0 * (110.0 / gait.cadence_spm) ** 0.5 / (bout.speed * person.manner.stairs_pace)
    rise = _rise(person, style) * (1.0 if style.activity is Activity.STAIR_ASCENT else -1.0)
    return Way(style, bout, 1.0, step_s, style.toe_off + (gait.toe_off - WALK.toe_off), rise)


def _rise(person: Person, style: Locomotion) -> float:
    """Rise of the stairs on which this person's curves are natural: height between the ankles at contact."""
    return min(max(0.165 * (person.body.height_m / 1.72) * person.gait.stairs_gain, 0.15), 0.20)


def plan_locomotion(person: Person, bouts: Sequence[Bout], rng: np.random.Generator) -> Plan:
    """The flow of walking, stairs and turning bouts, from standing to standing."""
    ways = [way_of(person, bout) for bout in bouts]
    falls = _footfalls(person, ways, rng)
    first, last = falls[0], falls[-1]
    cycle = 2.0 * ways[0].step_s
    end_cycle = 2.0 * ways[-1].step_s
    plan = Plan(last.time_s + 0.15 * end_cycle + _QUIET_S, ways[0].style.activity)
    begin = first.time_s - _BEFORE * cycle
    stop = 1.0 - ramp(plan.t, falls[-2].time_s - 0.05 * end_cycle, last.time_s + 0.1 * end_cycle)
    envelopes: dict[Side, Floats] = {}
    phases = {}
    for side in (first.side, OTHER_SIDE[first.side]):
        own = [fall for fall in falls if fall.side is side]
        phases[side] = _phase(own, ways, plan.t)
        rise = ramp(phases[side], -0.65, -0.12) if side is first.side else ramp(phases[side], -1.0, -0.35)
        envelopes[side] = rise * stop
        _leg(person, plan, ways, own, phases[side], envelopes[side], side, rng)
    _weights(plan, ways, falls, begin)
    envelope = envelopes[first.side]
    turn = np.deg2rad(person.gait.pelvis_turn_deg) * 0.5 * envelope
    plan.trunk[Trunk.PELVIS_TURN] = turn * sum(side.sign * np.cos(2 * np.pi * phases[side]) for side in Side)
    plan.trunk[Trunk.PELVIS_LIST] = (
        np.deg2rad(person.gait.pelvis_list_deg) * 0.5 * envelope
        * sum(side.sign * np.sin(2 * np.pi * phases[side] + 0.4) for side in Side)
    )  # fmt: skip
    _headings(plan, bouts, falls, rng)
    _truth(plan, ways, falls, rng)
    return plan


def _footfalls(person: Person, ways: Sequence[Way], rng: np.random.Generator) -> list[Footfall]:
    gait = person.gait
    side = ways[0].bout.lead
    time = _QUIET_S + _BEFORE * 2.0 * ways[0].step_s
    falls: list[Footfall] = []
    for k, way in enumerate(ways):
        counted = way.bout.what in {"up", "down"}
        steps = int(way.bout.amount) if counted else max(3, round(way.bout.amount / way.step_s))
        for _ in range(steps):
            late = -side.sign * gait.asymmetry * way.step_s
            if way.bout.style == "limp" and side is way.bout.lead:
                late += _LIMP_LATE * way.step_s
            falls.append(Footfall(side, time + late, k, way.rise_m))
            time += way.step_s * (1.0 + gait.stride_sd * float(rng.standard_normal()))
            side = OTHER_SIDE[side]
    falls.append(Footfall(side, time, len(ways) - 1, 0.0))
    return falls


def _phase(own: Sequence[Footfall], ways: Sequence[Way], t: Floats) -> Floats:
    """Phase of a leg: k at its k-th contact, running on evenly before the first and after the last."""
    times = [fall.time_s for fall in own]
    first, last = 2.0 * ways[own[0].bout].step_s, 2.0 * ways[own[-1].bout].step_s
    times = [times[0] - 2 * first, times[0] - first, *times, times[-1] + last, times[-1] + 2 * last]
    return through(times, [float(k) for k in range(-2, len(own) + 2)], t)


def _leg(
    person: Person,
    plan: Plan,
    ways: Sequence[Way],
    own: Sequence[Footfall],
    phase: Floats,
    envelope: Floats,
    side: Side,
    rng: np.random.Generator,
) -> None:
    gait, leg, manner = person.gait, person.legs[side], person.manner
    uneven = manner.uneven ** (-0.5 * side.sign)
    at = [float(k) for k in range(-1, len(own) + 1)]
    varied = {
        name: through(at, [float(v) for v in 1.0 + sd * rng.standard_normal(len(at))], phase)
        for name, sd in (("thigh", gait.stride_sd), ("knee", gait.stride_sd), ("front", 12.0 * gait.stride_sd))
    }
    channels = plan.legs[side]
    shares = _shares(len(ways), own, phase)
    for way, share in zip(ways, shares, strict=True):
        if share is None:
            continue
        p = warp(phase, way.style.toe_off, way.toe_off)
        shifted = p + gait.knee_shift
        thigh = gait.thigh_gain * way.size * (way.style.thigh(p) + _wave(gait.thigh_wave, phase))
        knee = way.size**0.45 * (gait.knee_gain * way.style.knee(shifted) + _wave(gait.knee_wave, phase))
        if way.style is WALK:
            thigh = thigh + way.size * _wave(manner.walk_thigh, phase)
            knee = uneven * (knee + way.size**0.45 * _wave(manner.walk_knee, phase))
        else:
            thigh = thigh / gait.thigh_gain + _wave(manner.stairs_thigh, phase)
            knee = gait.stairs_gain * knee / gait.knee_gain + _wave(manner.stairs_knee, phase)
        knee = _softplus(knee)
        lean = leg.lean_deg * (np.cos(2 * np.pi * (phase - 0.2)))
        if way.bout.style == "stiff":
            straight = 0.55 * (ramp(np.mod(p, 1.0), 0.45, 0.72) - ramp(np.mod(p, 1.0), 0.8, 0.99))
            knee, lean = knee * (1.0 - straight), lean - 5.0 * straight
        if way.bout.style == "limp" and side is way.bout.lead:
            knee, thigh = _LIMP_KNEE * knee, _LIMP_THIGH * thigh
        if way.bout.slope_deg:
            knee, thigh = _on_slope(way.bout.slope_deg, phase, knee, thigh)
        weight = share * envelope
        channels[Joint.INCLINATION] += np.deg2rad(thigh * varied["thigh"]) * weight
        channels[Joint.FLEXION] += np.deg2rad(knee * varied["knee"]) * weight
        channels[Joint.LEAN] += np.deg2rad(lean * varied["front"]) * weight
        channels[Joint.PITCH] += np.deg2rad(foot_pitch(way.style, phase, way.toe_off)) * weight
    turning = -np.cos(2 * np.pi * phase) * np.deg2rad(gait.pelvis_turn_deg) + np.deg2rad(leg.turn_deg) * np.sin(
        2 * np.pi * (phase - 0.05)
    )
    channels[Joint.TURN] += turning * varied["front"] * envelope
    stance = np.mod(phase, 1.0)
    loading = ramp(stance, 0.0, 0.15) * (1.0 - ramp(stance, 0.2, 0.62))
    pushing = ramp(stance, 0.3, 0.5) * (1.0 - ramp(stance, 0.5, 0.75))
    channels[Joint.ABDUCTION] += (
        np.deg2rad(leg.gait_abduction_deg) * (loading - 0.4 * pushing) * varied["front"] * envelope
    )
    channels[Joint.ROTATION] += (
        np.deg2rad(leg.gait_rotation_deg) * (0.8 * loading - 0.6 * pushing) * varied["front"] * envelope
    )


def _on_slope(slope_deg: float, phase: Floats, knee: Floats, thigh: Floats) -> tuple[Floats, Floats]:
    """Uphill the leading leg is shorter at contact, downhill the trailing one gives way."""
    p = np.mod(phase + 0.5, 1.0) - 0.5
    share = bump(p, -0.25, 0.02, 0.38) if slope_deg > 0 else bump(p, 0.08, 0.42, 0.49)
    steep = abs(slope_deg)
    return knee + 2.2 * steep * share, thigh + (1.4 if slope_deg > 0 else 0.9) * steep * share


def _softplus(knee: Floats) -> Floats:
    """Keeps a knee from bending backwards by more than a degree or so."""
    bent: Floats = 0.5 * (knee + np.sqrt(knee * knee + 4.0)) - 0.4
    return bent


def _wave(wave: Sequence[tuple[float, float]], phase: Floats) -> Floats:
    total = np.zeros(len(phase))
    for k, (size, offset) in enumerate(wave):
        total += size * np.sin(2.0 * np.pi * ((k + 1) * phase + offset))
    return total


def _shares(count: int, own: Sequence[Footfall], phase: Floats) -> list[Floats | None]:
    """How much of each way of going is in this leg at each time; changes during the swing before a contact."""
    shares: list[Floats | None] = [None] * count
    shares[own[0].bout] = np.ones(len(phase))
    for k in range(1, len(own)):
        before, after = own[k - 1].bout, own[k].bout
        if before == after:
            continue
        change = ramp(phase, k - 0.42, k - 0.08)
        old, new = shares[before], shares[after]
        shares[before] = -change if old is None else old - change
        shares[after] = change if new is None else new + change
    return shares


def _weights(plan: Plan, ways: Sequence[Way], falls: Sequence[Footfall], begin: float) -> None:
    """Which foot carries: from each contact over to the new foot until the other one's toe-off."""
    cycle = 2.0 * ways[0].step_s
    standing = OTHER_SIDE[falls[0].side]
    steps = {side: [(begin - 0.3 * cycle, begin + 0.15 * cycle, float(side is standing))] for side in Side}
    for fall in falls:
        way = ways[fall.bout]
        since, until = (fall.time_s + part * 2.0 * way.step_s for part in way.style.hand_over)
        goal = 0.5 if fall is falls[-1] else 1.0
        for side in Side:
            steps[side].append((since, until, goal if side is fall.side else 1.0 - goal))
    for side in Side:
        carried = staircase(plan.t, 0.5, steps[side])
        plan.legs[side][Joint.WEIGHT] = carried
        plan.legs[side][Joint.EFFORT] = carried


def _headings(plan: Plan, bouts: Sequence[Bout], falls: Sequence[Footfall], rng: np.random.Generator) -> None:
    for k, bout in enumerate(bouts):
        times = [fall.time_s for fall in falls if fall.bout == k]
        turn_deg = bout.turn_deg or (180.0 * bout.lead.sign if bout.what == "turn" else 0.0)
        if not turn_deg or len(times) < 3:
            continue
        length = times[-1] - times[0]
        start = times[0] + (0.0 if bout.what == "turn" else float(rng.uniform(0.0, 0.3)) * length)
        end = times[-1] if bout.what == "turn" else start + max(0.5 * length, min(length, 3.0))
        plan.trunk[Trunk.HEADING] += np.deg2rad(turn_deg) * ramp(plan.t, start, end)


def _truth(plan: Plan, ways: Sequence[Way], falls: Sequence[Footfall], rng: np.random.Generator) -> None:
    """Contacts, flat feet and their heights, steps, what is done, and when collapses happen."""
    height = 0.0
    heights = []
    plan.stances.append(Stance(OTHER_SIDE[falls[0].side], 0.0, falls[0].time_s - 0.12 * 2 * ways[0].step_s, 0.0))
    for j, fall in enumerate(falls):
        way = ways[fall.bout]
        cycle = 2.0 * way.step_s
        height += fall.rise_m
        if way.bout.slope_deg and way.style is WALK:
            height += np.tan(np.deg2rad(way.bout.slope_deg)) * 0.65 * way.size
        heights.append(height)
        closing = j == len(falls) - 1
        if closing:
            plan.stances.append(Stance(None, fall.time_s + 0.16 * cycle, plan.seconds, height))
            continue
        until = falls[j + 1].time_s
        plan.stances.append(Stance(fall.side, fall.time_s + 0.14 * cycle, until - 0.10 * cycle, height))
        after = ways[falls[j + 1].bout]
        toe_off = until + (after.toe_off - 0.5) * 2.0 * after.step_s
        off = toe_off if j < len(falls) - 2 else float("nan")
        strength = way.style.shock * way.size**2 * float(rng.uniform(0.75, 1.3))
        plan.contacts.append(Contact(fall.side, fall.time_s, off, strength, _activity(way)))
    _steps(plan, ways, falls, heights)
    _collapses(plan, ways, falls, rng)


def _activity(way: Way) -> Activity:
    return Activity.OTHER if way.bout.what == "turn" else way.style.activity


def _steps(plan: Plan, ways: Sequence[Way], falls: Sequence[Footfall], heights: Sequence[float]) -> None:
    toe_offs = {contact.start_s: contact.toe_off_s for contact in plan.contacts}
    for j, fall in enumerate(falls[:-2]):
        later = falls[j + 2]
        doing = {_activity(ways[f.bout]) for f in falls[j : j + 3]}
        if j + 2 == len(falls) - 1:
            continue
        plan.repetitions.append(
            Repetition(
                fall.side,
                _activity(ways[fall.bout]),
                fall.time_s,
                later.time_s,
                toe_offs[fall.time_s],
                "step",
                len(doing) > 1,
                heights[j + 2] - heights[j],
            )
        )
    for side in Side:
        plan.codes[side][:] = Activity.STANDING
        own = [fall for fall in falls if fall.side is side]
        for k, fall in enumerate(own):
            way = ways[fall.bout]
            start = fall.time_s if k else fall.time_s - 0.4 * 2 * way.step_s
            end = own[k + 1].time_s if k + 1 < len(own) else falls[-1].time_s + 0.1
            plan.label(side, start, end, _activity(way))


def _collapses(plan: Plan, ways: Sequence[Way], falls: Sequence[Footfall], rng: np.random.Generator) -> None:
    """Loading response to mid-stance; on stairs up early, on stairs down late, where the knee bends under load."""
    windows = {
        Activity.WALKING: (0.02, 0.17, 0.42),
        Activity.STAIR_ASCENT: (0.02, 0.18, 0.42),
        Activity.STAIR_DESCENT: (0.04, 0.25, 0.52),
        Activity.OTHER: (0.02, 0.17, 0.42),
    }
    for k, way in enumerate(ways):
        for collapse in way.bout.collapses:
            own = [fall for fall in falls[:-1] if fall.side is collapse.side and fall.bout == k]
            if collapse.index >= len(own):
                continue
            start, cycle = own[collapse.index].time_s, 2.0 * way.step_s
            a, b, c = windows[_activity(way)]
            peak = start + (b + float(rng.uniform(-0.03, 0.05))) * cycle
            plan.injections.append(Injection(collapse, _activity(way), start + a * cycle, peak, start + c * cycle))
