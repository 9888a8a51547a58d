"""A strap that slips: noticed from how standings and movement repeat themselves.

Quiet standings, walking and exercises each show how the sensors sit (pipeline/sights.py), and a sensor that moved on
the leg changes them all alike (pipeline/slip_evidence.py). After every new sight, all recent moments are asked whether
a slip then explains what came before and after better than chance; when the evidence is strong enough, the slip is
told, and what follows is seen with frames that are put right by it. Weaker evidence widens the standard deviations of
the angles, and keeps the heading from learning from standings that may be wrong. Source of the need: a re-check in
standing that differs by more than 3 to 5 deg asks for a new calibration.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats, LegBlock
from pipeline.cycles import Cycles
from pipeline.heading_model import FLEXED, SHANK, THIGH, RelativeState
from pipeline.leg_rows import LegRows
from pipeline.records import Segment
from pipeline.rests import at_rest
from pipeline.sights import (
    Manners,
    Sight,
    effects,
    known_again,
    known_standing,
    quiet_blocks,
    turned,
)
from pipeline.slip_evidence import SlipEvidenceParameters, Verdict, likeliest_slip
from pipeline.standings import StandingParameters, Standings, axes_of, expected_of

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class SlipParameters:
    """test: how sights are compared. standing: what makes one. clearly: difference of the evidence for both sensors by
    which it is told which one slipped. suspicious: evidence from which nothing is learned of the heading. remembered,
    latest: sights that are kept, live, and how many of the last ones in any case. far: change (rad) of what is believed
    of the axes by which earlier sights are seen anew; unclear: standard deviation (rad) of an axis that tells sagittal
    from frontal too badly.
    """

    test: SlipEvidenceParameters = field(default_factory=SlipEvidenceParameters)
    standing: StandingParameters = field(default_factory=StandingParameters)
    clearly: float = 3.0
    suspicious: float = 1.0
    remembered: int = 80
    latest: int = 24
    far: float = 6.0 * _DEG
    unclear: float = 20.0 * _DEG


@dataclass(frozen=True, slots=True)
class Slip:
    """A sensor that moved on the leg.

    segment: whose; sure_segment: False where the other one would explain it about as well. turn, sd: (3,) rad, how the
    sensor turned, a vector in the segment's frame, and its standard deviations. since, by: grid rows between which it
    moved; noticed: when that was known.
    """

    segment: Segment
    sure_segment: bool
    turn: Floats
    sd: Floats
    since: int
    by: int
    noticed: int

    @property
    def angle(self) -> float:
        """How far it turned, rad."""
        return float(np.linalg.norm(self.turn))

    def line(self, rate_hz: float, leg: str) -> str:
        """What the person is told. leg: `left` or `right`."""
        name = self.segment.value if self.sure_segment else "thigh or shank"
        since_s, by_s = self.since / rate_hz, self.by / rate_hz
        when = f"at {_clock(by_s)}" if by_s - since_s < _MOMENT_S else f"between {_clock(since_s)} and {_clock(by_s)}"
        return (
            f"the {leg} {name} sensor turned on the leg by about {np.rad2deg(self.angle):.0f} deg {when} of the "
            "session: strap it tighter, then stand still and bend the knee six times again"
        )

    def fields(self, rate_hz: float, leg: str) -> dict[str, object]:
        """As the events tell it."""
        return {
            "status": "slipped",
            "segment": self.segment.value if self.sure_segment else "thigh or shank",
            "angle_deg": round(float(np.rad2deg(self.angle)), 1),
            "since_s": round(self.since / rate_hz, 2),
            "by_s": round(self.by / rate_hz, 2),
            "noticed_s": round(self.noticed / rate_hz, 2),
            "message": self.line(rate_hz, leg),
        }


_FIRST = 0.5
"""Least weight of a sight that is no further look at the same stance."""
_MOMENT_S = 5.0
"""A stretch that is told as a moment."""


def _clock(time_s: float) -> str:
    """Minutes and seconds of the session."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def slip_of(verdict: Verdict, axes: tuple[float, float], noticed: int, p: SlipParameters) -> Slip:
    """What is told of a verdict that is sure enough, and was found in frames turned by these `axes` (rad)."""
    sure = verdict.evidence - verdict.other > p.clearly
    by = axes[0] if verdict.segment is Segment.THIGH else axes[1]
    x, y, z = verdict.turn.tolist()
    turn = np.array([np.cos(by) * x + np.sin(by) * z, y, np.cos(by) * z - np.sin(by) * x])
    return Slip(verdict.segment, sure, turn, verdict.sd, verdict.since, verdict.by, noticed)


def rereferenced(alignment: Alignment, segment: Segment, turn: Floats) -> Alignment:
    """The alignment after a sensor turned by a small vector (3,) rad in the segment's frame, such that the leg reads as
    it did before."""
    if segment is Segment.THIGH:
        return replace(alignment, thigh_from_sensor=_rotation(turn) @ alignment.thigh_from_sensor)
    return replace(alignment, shank_from_sensor=_rotation(turn) @ alignment.shank_from_sensor)


def doubted(verdict: Verdict | None, sure: float) -> Floats:
    """(3,) rad: what a slip that is not proven yet may have turned the frames by, times how likely it is; sure: the
    evidence that would prove it."""
    if verdict is None:
        return np.zeros(3)
    odds = float(np.exp(np.clip(verdict.evidence - sure, -20.0, 20.0)))
    doubt: Floats = odds / (1.0 + odds) * np.abs(verdict.turn)
    return doubt


def widened(block: LegBlock, doubt: Floats) -> LegBlock:
    """Angles with standard deviations that hold a doubt (3,) rad about X, Y and Z of a segment."""
    if not doubt.any():
        return block
    frontal, axial, sagittal = doubt.tolist()
    return replace(
        block,
        flexion_sd=np.hypot(block.flexion_sd, sagittal),
        abduction_sd=np.hypot(block.abduction_sd, frontal),
        rotation_sd=np.hypot(block.rotation_sd, axial),
        excess_sd=np.hypot(block.excess_sd, frontal),
        collapse_sd=np.hypot(block.collapse_sd, frontal),
    )


class SlipWatch:
    """`update` every complete block; a Slip when there is one. `suspect`: a slip is likely enough that nothing should
    be learned; `doubt`: (3,) rad, by how much the angles may be off for that. After a slip the caller goes on with
    `rereferenced` frames. standing: the calibration's, rows begin to end, where there was one."""

    def __init__(
        self, rate_hz: float, standing: tuple[int, int] | None, parameters: SlipParameters | None = None
    ) -> None:
        self._p = parameters or SlipParameters()
        self._cycles, self._manners = Cycles(rate_hz), Manners(rate_hz)
        self._standings = Standings(self._p.standing)
        self._sights: list[Sight] = [] if standing is None else [known_standing(*standing)]
        self._standing = standing
        self._shown: float | None = None
        self._axes = (0.0, 0.0)
        self._moved = np.zeros(3)
        self.suspect = False
        self.doubt = np.zeros(3)

    def update(self, rows: LegRows, alignment: Alignment, state: RelativeState) -> Slip | None:
        """rows: a complete block. state: what is believed now of the heading and the frames' axes."""
        axes = float(state.mean[THIGH]), float(state.mean[SHANK])
        axis_sd = float(np.sqrt(max(state.cov[THIGH, THIGH], state.cov[SHANK, SHANK])))
        self._see_known(state)
        before = self._standings.now
        frame = self._frame(alignment, axes)
        rests = np.array([at_rest(rows, self._p.standing.rest)])
        quiet = quiet_blocks(rows, len(rows), rests, alignment, frame)
        over = self._standings.update(quiet[0] if quiet else None, frame, lambda row: expected_of(state))
        now = self._standings.now
        news = now is not before and now is not None
        for sight in [over, *(self._manners.add(cycle) for cycle in self._cycles.update(rows, frame))]:
            if sight is not None:
                self._remember(sight)
                news = True
        if not news or axis_sd > self._p.unclear:
            return None
        sights = self._sights if now is None else [*self._sights, now]
        sights = self._with_known(sights, state)
        verdict = likeliest_slip(sights, self._p.test, axes_of(state))
        self.suspect = verdict is not None and verdict.evidence > self._p.suspicious
        self.doubt = np.hypot(self._moved, doubted(verdict, self._p.test.sure_live))
        if verdict is None or verdict.evidence < self._p.test.sure_live:
            return None
        if now is not None and self._standings.length < self._p.standing.sure_block:
            return None
        return self._slipped(verdict, rows.start + len(rows))

    def _remember(self, sight: Sight) -> None:
        """One more; of too many, an early one of the commonest kind goes, first one that is a further look."""
        self._sights = [*self._sights, sight]
        if len(self._sights) > self._p.remembered:
            early = self._sights[: -self._p.latest]
            commonest = Counter(s.kind for s in early).most_common(1)[0][0]
            gone = min((s.weight >= _FIRST, i) for i, s in enumerate(early) if s.kind == commonest)[1]
            del self._sights[gone]

    def _see_known(self, state: RelativeState) -> None:
        """What the calibration's standing showed: what is believed of it as long as nothing else was seen."""
        if self._shown is None:
            self._shown = expected_of(state, FLEXED).turn

    def _with_known(self, sights: list[Sight], state: RelativeState) -> list[Sight]:
        """With the calibration's standing, if it is still among them, as the heading of then is known now."""
        if self._standing is None or self._shown is None or sights[0].end != self._standing[1]:
            return sights
        return [known_again(sights[0], self._shown, expected_of(state, FLEXED)), *sights[1:]]

    def realigned(self, thigh: float) -> None:
        """The caller turned the thigh's frame itself by so much (rad): what is believed begins anew from there."""
        self._sights = [replace(sight, follows=0.0) for sight in self._sights]
        self._standing = None
        self._axes = (self._axes[0] - thigh, self._axes[1])

    def seen_again(self, thigh: float, shank: float, shown: float | None) -> None:
        """The calibration was looked at again: its frames are turned by so much (rad) against those of before, and this
        (rad) is what its standing showed of them."""
        self._sights = [replace(sight, axes=sight.axes + thigh - shank) for sight in self._sights]
        self._standings.interrupted()
        self._shown = shown
        self._axes = (self._axes[0] - thigh, self._axes[1] - shank)

    def _frame(self, alignment: Alignment, axes: tuple[float, float]) -> Alignment:
        """The frames in which sagittal and frontal are told apart: as the axes are believed, in steps."""
        thigh, shank = axes[0] - self._axes[0], axes[1] - self._axes[1]
        if max(abs(thigh), abs(shank)) > self._p.far:
            self._sights = [turned(sight, thigh, shank) for sight in self._sights]
            self._axes = axes
        return alignment.turned(*self._axes)

    def _slipped(self, verdict: Verdict, noticed: int) -> Slip:
        """Begin anew with what came after, as it would look in frames that are put right."""
        self._sights = [moved_back(s, verdict) for s in self._sights if s.begin >= verdict.by]
        self._standings = Standings(self._p.standing)
        self._moved = np.hypot(self._moved, verdict.sd)
        self.suspect, self.doubt = False, self._moved
        return slip_of(verdict, self._axes, noticed, self._p)


def moved_back(sight: Sight, verdict: Verdict) -> Sight:
    """A sight after a slip, as it would look in frames that are put right."""
    effect = effects(sight.kind, sight.angles)[tuple(Segment).index(verdict.segment)]
    return replace(sight, angles=sight.angles - effect @ verdict.turn)


def _rotation(vector: Floats) -> Floats:
    """(3, 3) by a rotation vector (3,) rad."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return np.eye(3)
    k = vector / angle
    skew = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * (skew @ skew))
