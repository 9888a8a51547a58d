"""Foot contacts and the loaded and unloaded phases of one leg, from the shank's sagittal rate.

The method in five sentences. A leg swings when its shank turns forward fast: a rise of the low-passed rate over a
threshold that follows the person's recent swings is a swing, if it then turns the shank far enough and not too slowly
for a step. Toe-off is the lowest rate in the third of a second before the shank starts to swing forward. Initial
contact is the first local minimum of the rate after the shank has stopped swinging forward: the ground stops the
backward turn of the shank at the moment of impact. In a step the thigh goes forward as well; a shank that comes forward
under a thigh that does not is a foot that was free (a knee flexed in the air, the way back from a lunge) only where it
leant back further than an ankle can bend, else a loaded knee that is straightened. Whatever is not a swing counts as
loaded, so squats and lunges are loaded throughout; everything is stamped back to the row where it happened.

Sources of the rule: Aminian et al. 2002 (J Biomech 35:689), Salarian et al. 2004 (IEEE TBME 51:1434), Maqbool et al.
2017 (IEEE TNSRE 25:1500). The same state machine serves both ways of looking; see rates.py for its input.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import inf

import numpy as np

from pipeline.rates import NO_DELAY, Delays, Rates


class Phase(IntEnum):
    """What the foot does."""

    UNKNOWN = 0
    LOADED = 1
    SWING = 2


class FootEventKind(IntEnum):
    """Kinds of foot event. LOST: the data broke off; REFUSED: what had begun as a swing was not one."""

    CONTACT = 0
    TOE_OFF = 1
    LOST = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class PhaseParameters:
    """Defaults from the sources above, tuned on three people of public treadmill walking.

    swing_floor_rad_s, swing_ceiling_rad_s: limits of the adaptive threshold, which is swing_share of the mean of the
    last swings' peaks. memory_s: how long these count.
    swing_angle_rad: least forward turn of a swing; swing_shortest_s, swing_longest_s: of the forward turn.
    swing_over_share: below this share of its peak the forward turn is over.
    landing_s: longest wait for the contact's minimum; landing_rad_s: it must lie below this; rise_rad_s or settle_s
    confirm it. soft_landing_s: the wait is over earlier where the rate falls by less than soft_fall_rad_s in a
    hundredth of a second. toe_off_window_s: how far before the forward turn toe-off may lie.
    push_off_rad_s: in a step forward the shank turns back at least so fast before, as the heel rises.
    thigh_back_rad: a thigh that went back by more in the thigh_glance_s before a swing is seen makes it no step
    forward; nor does one that, at the swing's end, is less than thigh_advance_rad ahead of its rearmost within
    thigh_window_s before the shank's forward turn, and less than stance_advance_rad ahead of its rearmost within
    stance_window_s (down stairs the thigh is in front, by front_thigh_rad or more, before the shank comes forward);
    but a thigh that rose by swung_rad within the swing and is still in front is one.
    free_lean_rad: a shank leant back further has its foot off the ground or on its toes (ankle dorsiflexion ends near
    35 to 40 deg). behind_rad: a shank leant back further at its contact comes down behind the body: no step forward (in
    walking and on stairs it is between 20 deg forward and 15 back).
    """

    swing_floor_rad_s: float = 0.9
    swing_ceiling_rad_s: float = 1.8
    swing_share: float = 0.4
    memory_s: float = 6.0
    swing_angle_rad: float = 0.32
    swing_shortest_s: float = 0.12
    swing_longest_s: float = 1.1
    swing_over_share: float = 0.2
    landing_s: float = 0.14
    soft_landing_s: float = 0.11
    soft_fall_rad_s: float = 0.04
    landing_rad_s: float = -0.15
    rise_rad_s: float = 0.1
    settle_s: float = 0.05
    refractory_s: float = 0.3
    toe_off_window_s: float = 0.35
    push_off_rad_s: float = -0.3
    thigh_window_s: float = 0.3
    thigh_glance_s: float = 0.08
    thigh_back_rad: float = 0.02
    thigh_advance_rad: float = 0.07
    stance_window_s: float = 0.9
    stance_advance_rad: float = 0.1
    swung_rad: float = 0.2
    front_thigh_rad: float = 0.12
    free_lean_rad: float = -0.66
    behind_rad: float = -0.5


@dataclass(frozen=True, slots=True)
class FootEvent:
    """An event of the foot. position: grid row, fractional, where it happened; confirmed: row at which it is known.

    forward: the swing carries, or carried, the thigh forward.
    """

    kind: FootEventKind
    position: float
    confirmed: int
    forward: bool = True


@dataclass(frozen=True, slots=True)
class Inclinations:
    """Sagittal inclination of both segments, rad, plain lists, n long; NaN where unknown."""

    thigh: list[float]
    shank: list[float]


class Phases:
    """Finds toe-offs and initial contacts row by row. `update` takes any cutting of the rows and gives the same."""

    def __init__(self, rate_hz: float, delays: Delays = NO_DELAY, parameters: PhaseParameters | None = None) -> None:
        self.parameters = parameters or PhaseParameters()
        p = self.parameters
        self._rate_hz = rate_hz
        self._swing_over = p.swing_over_share
        self._delays = delays
        self._state = _Foot.LOST
        self._recent: deque[float] = deque(maxlen=max(3, round(p.toe_off_window_s * rate_hz)))
        self._peaks: deque[tuple[int, float]] = deque(maxlen=5)
        self._threshold = p.swing_floor_rad_s
        self._expires = 0
        self._rising_since = 0
        self._turned = 0.0
        self._peak = 0.0
        self._fell_at = 0
        self._low = 0.0
        self._low_at = 0
        self._around = (0.0, 0.0)
        self._before = 0.0
        self._considered = False
        self._forward = True
        self._thighs: deque[float] = deque(maxlen=max(2, round(p.thigh_window_s * rate_hz)))
        self._stance_thighs: deque[float] = deque(maxlen=max(2, round(p.stance_window_s * rate_hz)))
        self._thigh_from = 0.0
        self._thigh_top = 0.0
        self._stance_from = 0.0
        self._leant = 0.0
        self._contact_at = -1.0e9
        self._toe_off_at = 0.0

    def update(self, start: int, rates: Rates, inclined: Inclinations) -> tuple[list[int], list[FootEvent]]:
        """Phase of each row as it is known at that row, and the events that these rows confirm.

        start: grid row of the first.
        """
        phases: list[int] = []
        events: list[FootEvent] = []
        recent, thighs, stance_thighs = self._recent, self._thighs, self._stance_thighs
        row = start - 1
        for slow, fast, known, thigh, shank in zip(
            rates.swing, rates.contact, rates.known, inclined.thigh, inclined.shank, strict=True
        ):
            row += 1
            state = self._state
            if not known:
                if state is not _Foot.LOST:
                    self._lose(row, events)
                phases.append(0)
                continue
            if state is _Foot.GROUND:
                if slow > 0.0:
                    if self._turned == 0.0:
                        self._rising_since = row
                        self._thigh_from = min(thighs, default=thigh)
                        self._stance_from = min(stance_thighs, default=thigh)
                        if thigh < self.parameters.front_thigh_rad:
                            self._stance_from = inf
                        self._leant = shank
                        self._considered = False
                    self._turned += slow
                    if slow > self._threshold and not self._considered:
                        self._swing_begins(row, slow, thigh, events)
                elif self._turned != 0.0:
                    self._turned = 0.0
            elif state is _Foot.SWING:
                if slow > self._swing_over * self._peak:
                    self._turned += slow
                    if slow > self._peak:
                        self._peak = slow
                    if thigh > self._thigh_top:
                        self._thigh_top = thigh
                else:
                    self._swing_ends(row, fast, thigh, events)
            elif state is _Foot.LANDING:
                self._land(row, slow, fast, shank, events)
            else:
                self._state = _Foot.GROUND
                self._turned = 0.0
                recent.clear()
                thighs.clear()
                stance_thighs.clear()
            recent.append(slow)
            thighs.append(thigh)
            stance_thighs.append(thigh)
            self._before = fast
            phases.append(1 if self._state is _Foot.GROUND else 2)
            if row >= self._expires and self._peaks:
                self._forget(row)
        return phases, events

    def _lose(self, row: int, events: list[FootEvent]) -> None:
        self._state = _Foot.LOST
        self._contact_at = -1.0e9
        events.append(FootEvent(FootEventKind.LOST, float(row), row))

    def _swing_begins(self, row: int, slow: float, thigh: float, events: list[FootEvent]) -> None:
        p = self.parameters
        glance = min(len(self._thighs), round(p.thigh_glance_s * self._rate_hz))
        # Comparisons with NaN are false: an unknown thigh is taken to go forward.
        forward = not (glance > 0 and self._thighs[-glance] - thigh > p.thigh_back_rad)
        if not forward and not self._leant < p.free_lean_rad:
            self._considered = True
            return
        lowest, position = self._lowest_before(row)
        if forward and lowest > p.push_off_rad_s:
            self._considered = True
            return
        self._forward = forward
        self._peak = slow
        self._thigh_top = thigh
        self._state = _Foot.SWING
        if forward:
            self._toe_off_at = position - self._delays.swing
        else:
            self._toe_off_at = self._rising_since - self._delays.swing
        events.append(FootEvent(FootEventKind.TOE_OFF, self._toe_off_at, row, forward))

    def _lowest_before(self, row: int) -> tuple[float, float]:
        """Lowest rate before the forward turn, and the row where."""
        recent = list(self._recent)
        # Only what came before the forward turn: the rate may have dipped again within it.
        before = recent[: max(1, len(recent) - (row - self._rising_since))]
        lowest = min(range(len(before)), key=before.__getitem__)
        at = row - len(recent) + lowest
        if 0 < lowest < len(before) - 1:
            return before[lowest], at + _vertex(before[lowest - 1], before[lowest], before[lowest + 1])
        return before[lowest], float(at)

    def _swing_ends(self, row: int, fast: float, thigh: float, events: list[FootEvent]) -> None:
        p = self.parameters
        duration = (row - self._rising_since) / self._rate_hz
        angle = self._turned / self._rate_hz
        self._turned = 0.0
        # Comparisons with NaN are false: an unknown thigh is taken to go forward.
        back = thigh - self._thigh_from < p.thigh_advance_rad
        # Down stairs the thigh is lowered again before the shank has come forward, but stays in front.
        swung = thigh > p.front_thigh_rad and self._thigh_top - self._stance_from > p.swung_rad
        self._forward = not (back and thigh - self._stance_from < p.stance_advance_rad) or swung
        too_soon = row - self._contact_at < p.refractory_s * self._rate_hz
        if angle < p.swing_angle_rad or not p.swing_shortest_s <= duration <= p.swing_longest_s or too_soon:
            self._state = _Foot.GROUND
            events.append(FootEvent(FootEventKind.REFUSED, float(row), row, self._forward))
            return
        self._state = _Foot.LANDING
        self._fell_at = row
        self._low = fast
        self._low_at = row
        self._around = (self._before, fast)

    def _land(self, row: int, slow: float, fast: float, shank: float, events: list[FootEvent]) -> None:
        p = self.parameters
        if slow > self._threshold:
            # The swing had two humps and goes on.
            self._state = _Foot.SWING
            self._turned = p.swing_angle_rad * self._rate_hz
            return
        if fast < self._low:
            self._low, self._low_at = fast, row
            self._around = (self._before, fast)
            if row - self._fell_at < p.landing_s * self._rate_hz:
                return
        elif row == self._low_at + 1:
            self._around = (self._around[0], fast)
        deep = self._low < p.landing_rad_s
        waited = row - self._fell_at
        soft = not deep and waited >= p.soft_landing_s * self._rate_hz
        soft = soft and self._before - fast < p.soft_fall_rad_s * 100.0 / self._rate_hz
        settled = fast > self._low + p.rise_rad_s or row - self._low_at >= p.settle_s * self._rate_hz
        if not (deep and settled) and not soft and waited < p.landing_s * self._rate_hz:
            return
        # A foot put down without an impact leaves no minimum: it stands when the shank has stopped.
        at = self._low_at + _vertex(self._around[0], self._low, self._around[1]) if deep else float(self._fell_at)
        self._contact_at = at - self._delays.contact
        self._forward = self._forward and not shank < p.behind_rad
        self._state = _Foot.GROUND
        self._turned = 0.0
        events.append(FootEvent(FootEventKind.CONTACT, self._contact_at, row, self._forward))
        if self._forward:
            self._peaks.append((row, self._peak))
            self._forget(row)

    def _forget(self, row: int) -> None:
        p = self.parameters
        memory = round(p.memory_s * self._rate_hz)
        while self._peaks and row - self._peaks[0][0] >= memory:
            self._peaks.popleft()
        if self._peaks:
            usual = p.swing_share * sum(peak for _, peak in self._peaks) / len(self._peaks)
            self._threshold = min(max(usual, p.swing_floor_rad_s), p.swing_ceiling_rad_s)
            self._expires = self._peaks[0][0] + memory
        else:
            self._threshold = p.swing_floor_rad_s


def exact_phases(start: int, known: Sequence[bool], events: Sequence[FootEvent]) -> list[int]:
    """The phase of each row once all events are known: swing from each toe-off to the contact that follows it."""
    phases = [1 if k else 0 for k in known]
    toe_off: float | None = None
    for event in events:
        if event.kind is FootEventKind.TOE_OFF:
            toe_off = event.position
        elif event.kind is FootEventKind.CONTACT and toe_off is not None:
            for row in range(max(0, int(np.ceil(toe_off)) - start), min(len(phases), int(event.position) + 1 - start)):
                if phases[row]:
                    phases[row] = 2
            toe_off = None
        else:
            toe_off = None
    return phases


class _Foot(IntEnum):
    LOST = 0
    GROUND = 1
    SWING = 2
    LANDING = 3


def _vertex(left: float, middle: float, right: float) -> float:
    """Where between -0.5 and 0.5 the parabola through three neighbours has its lowest point."""
    curvature = left - 2.0 * middle + right
    if curvature <= 1.0e-12:
        return 0.0
    return min(0.5, max(-0.5, 0.5 * (left - right) / curvature))
