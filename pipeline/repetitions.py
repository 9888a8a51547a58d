"""Bends of the knee under load, and the ways onto and off a chair: what becomes a repetition.

The method. A bend begins where flexion leaves its low by more than a dozen degrees and ends where it is back near that
low, or has turned round after giving back more than half. A bend whose deepest point lies in a swing is a step, not a
repetition. Where thigh and knee come to rest as on a chair, the bend is split into sitting down and standing up; a
recording that begins on a chair has the second only. What the bend is (squat, lunge, ...) is for activity.py to say.

Everything is known at most 0.3 s after its end, and the same rows come out of any cutting of the stream.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from math import inf, isfinite, nan

from pipeline.phases import FootEvent, FootEventKind
from pipeline.repetition_parameters import BendParameters


class Posture(IntEnum):
    """What the knee is doing as far as bends go, row by row."""

    UPRIGHT = 0
    BENDING = 1
    SEATED = 2
    RISING = 3


class BendKind(IntEnum):
    """A whole bend, or half of one that had a chair at its bottom."""

    BEND = 0
    SIT_DOWN = 1
    STAND_UP = 2


@dataclass(frozen=True, slots=True)
class Bend:
    """One bend. begin, deepest, end: grid rows.

    contact: of the step forward that it follows, or NaN; lead_in: the toe-off of that step, or NaN.
    """

    kind: BendKind
    begin: int
    deepest: int
    end: int
    confirmed: int
    contact: float = nan
    lead_in: float = nan


class BendFinder:
    """Finds bends row by row."""

    def __init__(self, rate_hz: float, parameters: BendParameters | None = None) -> None:
        self.parameters = parameters or BendParameters()
        p = self.parameters
        self._rate_hz = rate_hz
        self._still_rows = max(2, round(p.still_s * rate_hz))
        self._settle = 1.0 / (3.0 * rate_hz)
        self._recent: deque[tuple[float, float]] = deque(maxlen=self._still_rows)
        self._swings: deque[_Swing] = deque(maxlen=6)
        self._waiting: list[Bend] = []
        self._mode = Posture.UPRIGHT
        self._low = inf
        self._near_row = 0
        self._upright_row = 0
        self._peak_upright = 0
        self._begin = 0
        self._peak = 0.0
        self._peak_row = 0
        self._peak_thigh = 0.0
        self._drop = 0.0
        self._drop_row = 0
        self._still_since: int | None = None
        self._seat = (0.0, 0.0)

    def update(
        self,
        start: int,
        flexion: Sequence[float],
        thigh: Sequence[float],
        known: Sequence[bool],
        events: Sequence[FootEvent],
    ) -> tuple[list[int], list[Bend]]:
        """Posture of each row and the bends that these rows confirm.

        flexion, thigh (inclination): rad, n rows from grid row `start`; events: the foot's, confirmed in these rows.
        """
        postures: list[int] = []
        bends: list[Bend] = []
        upcoming = iter(events)
        event = next(upcoming, None)
        row = start - 1
        low, leave, near = self._low, self.parameters.leave_rad, self.parameters.near_rad
        recent, reaching = self._recent, self.parameters.reaching_on_rad
        for bent, raised, is_known in zip(flexion, thigh, known, strict=True):
            row += 1
            while event is not None and event.confirmed <= row:
                self._foot(event, raised)
                event = next(upcoming, None)
            if not is_known:
                self._forget()
                low = self._low
                postures.append(0)
                continue
            if raised < reaching:
                self._upright_row = row
            if self._mode is Posture.UPRIGHT:
                if bent < low:
                    low = bent
                if bent < low + near:
                    self._near_row = row
                elif bent > low + leave:
                    self._low = low
                    self._leave(row, bent, raised)
                low += (bent - low) * self._settle
                self._low = low
                if bent > self.parameters.chair_flexion_rad and self._on_chair(row, bent, raised):
                    self._sit(row, bent, raised)
            else:
                self._beyond(row, bent, raised, bends)
                low = self._low
            recent.append((bent, raised))
            if self._waiting:
                self._release(row, bends)
            postures.append(int(self._mode))
        return postures, bends

    def finish(self, row: int) -> list[Bend]:
        """The recording ends before `row`: nobody ends it in a squat, so that who rests deep down now sits."""
        p = self.parameters
        if self._mode is not Posture.BENDING or self._still_since is None or not self._recent:
            return []
        bent, raised = self._recent[-1]
        rests = row - self._still_since >= p.end_rest_s * self._rate_hz
        if not rests or raised - bent < p.rests_lean_rad[-1] or row - self._begin > p.longest_s * self._rate_hz:
            return []
        end = max(self._begin + 1, self._still_since)
        self._mode = Posture.SEATED
        return [Bend(BendKind.SIT_DOWN, self._begin, min(self._peak_row, end), end, row - 1)]

    def _forget(self) -> None:
        self._mode = Posture.UPRIGHT
        self._low = inf
        self._recent.clear()
        self._swings.clear()
        self._waiting.clear()
        self._still_since = None

    def _foot(self, event: FootEvent, thigh: float) -> None:
        if event.kind is FootEventKind.TOE_OFF:
            self._swings.append(_Swing(event.position, forward=event.forward))
            # A step's bend that waits had its foot lifted: the step finder will tell.
            self._waiting = [b for b in self._waiting if not isfinite(b.contact) or event.position < b.contact]
        elif event.kind is FootEventKind.CONTACT and self._swings:
            self._swings[-1].contact = event.position
            self._swings[-1].forward = event.forward
            self._swings[-1].reaching = event.forward and thigh > self.parameters.contact_thigh_rad
            self._swings[-1].far = event.forward and thigh > self.parameters.far_thigh_rad
        elif event.kind is FootEventKind.REFUSED and self._swings:
            self._swings.pop()

    def _leave(self, row: int, bent: float, raised: float) -> None:
        self._mode = Posture.BENDING
        self._begin = self._near_row
        self._peak = self._drop = bent
        self._peak_row = self._drop_row = row
        self._peak_thigh = raised
        self._peak_upright = self._upright_row

    def _beyond(self, row: int, bent: float, raised: float, bends: list[Bend]) -> None:
        if self._mode is Posture.BENDING:
            self._bend(row, bent, raised, bends)
        elif self._mode is Posture.SEATED:
            if raised > self._seat[1] - self.parameters.near_rad * 1.5:
                self._near_row = row
                self._seat = (
                    self._seat[0] + (bent - self._seat[0]) * self._settle,
                    self._seat[1] + (raised - self._seat[1]) * self._settle,
                )
            elif raised < self._seat[1] - self.parameters.rise_rad:
                self._mode = Posture.RISING
                self._begin = self._near_row
                self._drop, self._drop_row = bent, row
        else:
            self._rise(row, bent, raised, bends)

    def _bend(self, row: int, bent: float, raised: float, bends: list[Bend]) -> None:
        p = self.parameters
        if bent > self._peak:
            self._peak = self._drop = bent
            self._peak_row = self._drop_row = row
            self._peak_thigh = raised
            self._peak_upright = self._upright_row
        elif bent < self._drop:
            self._drop, self._drop_row = bent, row
        depth = self._peak - self._low
        if bent < self._low + max(p.near_rad, p.near_share * depth):
            self._end(row, row, bends)
            return
        if self._peak - self._drop > p.turned_share * depth:
            rests = row - self._drop_row >= p.pause_s * self._rate_hz
            if rests or bent > self._drop + p.turned_rad:
                self._low = self._drop
                self._end(self._drop_row, row, bends)
                return
        if bent > p.chair_flexion_rad and self._on_chair(row, bent, raised):
            end = row if self._still_since is None else self._still_since
            if row - self._begin <= p.longest_s * self._rate_hz:
                bends.append(Bend(BendKind.SIT_DOWN, self._begin, self._peak_row, max(self._begin + 1, end), row))
            self._sit(row, bent, raised)

    def _end(self, end: int, row: int, bends: list[Bend]) -> None:
        p = self.parameters
        low = self._low if end == row else self._drop
        self._mode = Posture.UPRIGHT
        step = self._step_before(self._begin, self._peak_row, self._peak_upright)
        self._near_row = end
        self._low = low
        shank = self._peak_thigh - self._peak
        kneels = self._peak_thigh < p.rear_thigh_rad and shank < p.rear_shank_rad
        kneels = kneels or (self._peak_thigh < p.deep_thigh_rad and shank < p.deep_shank_rad)
        swings = not kneels and self._in_swing(self._peak_row)
        longest = p.longest_s * self._rate_hz
        waits = self._waiting[-1] if self._waiting else None
        again = waits is not None and self._bends_again(waits, end) and end - waits.begin <= longest
        if waits and again and not (swings and isfinite(waits.contact)):
            # The way back from a lunge: the free knee bends once more.
            self._waiting[-1] = replace(waits, end=end)
            return
        if end - self._begin > longest or swings:
            return
        if kneels and end - self._begin > p.kneels_s * self._rate_hz:
            self._waiting.append(Bend(BendKind.BEND, self._begin, self._peak_row, end, row))
        elif step is None:
            bends.append(Bend(BendKind.BEND, self._begin, self._peak_row, end, row))
        elif not any(swing.toe_off > step.contact for swing in self._swings):
            self._waiting.append(Bend(BendKind.BEND, self._begin, self._peak_row, end, row, step.contact, step.toe_off))

    def _release(self, row: int, bends: list[Bend]) -> None:
        await_rows = self.parameters.await_s * self._rate_hz
        for bend in list(self._waiting):
            bends_again = self._mode is Posture.BENDING and self._bends_again(bend, row)
            if row - bend.end >= await_rows and not bends_again:
                self._waiting.remove(bend)
                bends.append(replace(bend, confirmed=row))

    def _bends_again(self, bend: Bend, until: int) -> bool:
        """Whether the bend of now is the way back from one that waits; a rear leg's is soon over."""
        p = self.parameters
        back = max(until - bend.end, 0.5 * (until - bend.deepest))
        brief = isfinite(bend.contact) or back < p.way_back_s * self._rate_hz
        return brief and self._begin - bend.end < p.await_s * self._rate_hz

    def _rise(self, row: int, bent: float, raised: float, bends: list[Bend]) -> None:
        p = self.parameters
        if bent < self._drop - 0.2 * p.near_rad:
            self._drop, self._drop_row = bent, row
        if raised > self._seat[1] - 2.0 * p.near_rad:
            self._mode = Posture.SEATED
            return
        rests = row - self._drop_row >= p.pause_s * self._rate_hz and raised < 0.5 * self._seat[1]
        if not rests and bent > p.near_rad:
            return
        self._mode = Posture.UPRIGHT
        self._low = min(bent, self._drop)
        self._near_row = row
        end = self._drop_row if rests else row
        in_time = end - self._begin <= p.longest_s * self._rate_hz
        if in_time and self._drop < max(p.stood_rad, 0.35 * self._seat[0]):
            bends.append(Bend(BendKind.STAND_UP, self._begin, self._begin, end, row))

    def _on_chair(self, row: int, bent: float, raised: float) -> bool:
        p = self.parameters
        then_bent, then_raised = self._recent[0] if len(self._recent) == self._still_rows else (inf, inf)
        if abs(bent - then_bent) > p.still_rad or abs(raised - then_raised) > p.still_rad:
            self._still_since = None
            return False
        step = self._step_before(self._near_row, row, self._upright_row)
        if raised < p.chair_thigh_rad or (step is not None and step.far):
            return False
        if self._still_since is None:
            self._still_since = row - self._still_rows
        lean = raised - bent
        # A foot is put onto a box much faster than a body onto a chair.
        lowered = self._mode is Posture.UPRIGHT or self._still_since - self._begin > p.lowered_s * self._rate_hz
        rested = (row - self._still_since) / self._rate_hz
        if not lowered and rested < p.rests_s[2]:
            return False
        return any(lean > most and rested > least for least, most in zip(p.rests_s, p.rests_lean_rad, strict=True))

    def _sit(self, row: int, bent: float, raised: float) -> None:
        self._mode = Posture.SEATED
        self._near_row = row
        self._seat = (bent, raised)
        self._still_since = None

    def _in_swing(self, row: int) -> bool:
        margin = self.parameters.swing_margin_s * self._rate_hz
        return any(s.forward and s.toe_off + margin < row < s.contact for s in self._swings)

    def _step_before(self, begin: int, until: int, upright: int) -> "_Swing | None":
        """The step forward that leads into a bend: a thigh that was upright after its contact has ended it."""
        earliest = max(begin - self.parameters.contact_window_s * self._rate_hz, upright)
        steps = [s for s in self._swings if s.reaching and earliest <= s.contact <= until]
        return steps[-1] if steps else None


@dataclass(slots=True)
class _Swing:
    toe_off: float
    contact: float = inf
    forward: bool = True
    reaching: bool = False
    far: bool = False
