"""A strap that slips: noticed from how standings and movement repeat themselves.

Quiet standings, walking and exercises each show how the sensors sit (pipeline/sights.py), and a sensor that moved on
the leg changes them all alike (pipeline/slip_evidence.py). After every new sight, all recent moments are asked whether
a slip then explains what came before and after better than chance; when the evidence is strong enough, the slip is
told, and what follows is seen with frames that are put right by it. Weaker evidence widens the standard deviations of
the angles, and keeps the heading from learning from standings that may be wrong. Source of the need: a re-check in
standing that differs by more than 3 to 5 deg asks for a new calibration.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import hypot

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats, LegBlock
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.cycles import Cycles
from pipeline.leg_rows import LegRows
from pipeline.records import Segment
from pipeline.rests import at_rest, resting
from pipeline.sights import Manners, Quiet, Sight, effects, known_standing, quiet_blocks, standing_sight, turned
from pipeline.slip_evidence import SlipEvidenceParameters, Verdict, likeliest_slip

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class SlipParameters:
    """test: how sights are compared. clearly: difference of the evidence for both sensors by which it is told which one
    slipped. suspicious: evidence from which nothing is learned of the heading. leaning: a segment that leans more does
    not stand, rad; one that leans more than leant_over, only in the longest look. still: change of a lean (rad) between
    blocks that ends a rest. looks: numbers of blocks of a rest after which it is looked at; with the last, a new look
    begins. sure_block: blocks that make a standing, and from which a slip is told; short, again: weight of one of few
    blocks, and of a further look at the same stance. same_blocks: a rest that begins so soon after another, as between
    repetitions, is the same stance: the feet were not placed anew, so that it tells little of how standings differ.
    remembered, latest: sights that are kept, and the last ones before which a moment is looked for, live. far: change
    (rad) of what is believed of the axes by which earlier sights are seen anew; unclear: standard deviation (rad) of an
    axis that tells sagittal from frontal too badly.
    """

    test: SlipEvidenceParameters = field(default_factory=SlipEvidenceParameters)
    clearly: float = 3.0
    suspicious: float = 1.0
    leaning: float = 25.0 * _DEG
    leant_over: float = 13.0 * _DEG
    still: float = 1.0 * _DEG
    looks: tuple[int, ...] = (2, 4, 6, 12)
    sure_block: int = 4
    short: float = 0.7
    again: float = 0.05
    same_blocks: int = 16
    remembered: int = 80
    latest: int = 24
    far: float = 6.0 * _DEG
    unclear: float = 20.0 * _DEG
    rest: CalibratingParameters = field(default_factory=CalibratingParameters)


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


_MOMENT_S = 5.0
"""A stretch that is told as a moment."""


def _clock(time_s: float) -> str:
    """Minutes and seconds of the session."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


Believed = Callable[[int], tuple[float, float]]
"""What the heading filter expects of `neutral_turn` at a grid row, and its standard deviation, rad."""


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


class Standings:
    """`update` blocks in order; `now` is what the rest that goes on shows, and what `update` returns is over."""

    def __init__(self, p: SlipParameters) -> None:
        self._p = p
        self._run: list[Quiet] = []
        self._expected = (0.0, 1.0)
        self._end: int | None = None
        self._same = False
        self._leans: Floats | None = None
        self._look: tuple[list[Quiet], Alignment, float] | None = None
        self._now: Sight | None = None

    @property
    def now(self) -> Sight | None:
        """What the rest that goes on shows, the same object until it is looked at again."""
        if self._now is None and self._look is not None:
            seen, frame, weight = self._look
            self._now = standing_sight(seen, frame, self._expected, weight)
        return self._now

    def update(self, quiet: Quiet | None, frame: Alignment, believed: Believed) -> Sight | None:
        """quiet: a block at rest; None: another one. frame: in which tilts are seen."""
        done = None
        leans = None if quiet is None else quiet.leans
        furthest = 0.0 if leans is None else max(hypot(*lean) for lean in leans.tolist())
        if furthest > self._p.leaning:
            quiet = leans = None
        moved = leans is None or (self._leans is not None and float(np.abs(leans - self._leans).max()) > self._p.still)
        self._leans = leans
        if moved or len(self._run) >= self._p.looks[-1]:
            done = self.now if len(self._run) >= self._p.sure_block else None
            self._look = self._now = None
            self._end = self._end if done is None else done.end
            self._run = []
        if quiet is None:
            return done
        if not self._run:
            self._expected = believed(quiet.begin)
            apart = self._p.same_blocks * (quiet.end - quiet.begin)
            self._same = self._end is not None and quiet.begin - self._end < apart
        self._run.append(quiet)
        length = len(self._run)
        if length in self._p.looks and (furthest < self._p.leant_over or length == self._p.looks[-1]):
            # The first block settles.
            seen = self._run[1:] if length > self._p.looks[0] else [*self._run]
            weight = self._p.again if self._same else self._p.short if length < _FULL else 1.0
            self._look, self._now = (seen, frame, weight), None
        return done

    @property
    def length(self) -> int:
        """Blocks of the rest that goes on."""
        return len(self._run)


_FULL = 6
"""Blocks of a rest that count as a full standing."""


class SlipWatch:
    """`update` every complete block; a Slip when there is one. `suspect`: a slip is likely enough that nothing should
    be learned; `doubt`: (3,) rad, by how much the angles may be off for that. After a slip the caller goes on with
    `rereferenced` frames. standing: the calibration's, rows begin to end, where there was one."""

    def __init__(
        self, rate_hz: float, standing: tuple[int, int] | None, parameters: SlipParameters | None = None
    ) -> None:
        self._p = parameters or SlipParameters()
        self._cycles, self._manners = Cycles(rate_hz), Manners(rate_hz)
        self._standings = Standings(self._p)
        self._sights: list[Sight] = [] if standing is None else [known_standing(*standing)]
        self._axes = (0.0, 0.0)
        self._moved = np.zeros(3)
        self.suspect = False
        self.doubt = np.zeros(3)

    def update(
        self, rows: LegRows, alignment: Alignment, axes: tuple[float, float], axis_sd: float, believed: Believed
    ) -> Slip | None:
        """rows: a complete block. axes: corrections (rad) of thigh's and shank's frame about their long axes, as they
        are believed now, and how well they are known at least."""
        before = self._standings.now
        frame = self._frame(alignment, axes)
        rests = np.array([at_rest(rows, self._p.rest)])
        quiet = quiet_blocks(rows, len(rows), rests, alignment, frame)
        over = self._standings.update(quiet[0] if quiet else None, frame, believed)
        now = self._standings.now
        news = now is not before and now is not None
        for sight in [over, *(self._manners.add(cycle) for cycle in self._cycles.update(rows, frame))]:
            if sight is not None:
                self._sights = [*self._sights, sight][-self._p.remembered :]
                news = True
        if not news or axis_sd > self._p.unclear:
            return None
        sights = self._sights if now is None else [*self._sights, now]
        verdict = likeliest_slip(sights, self._p.test, self._p.latest)
        self.suspect = verdict is not None and verdict.evidence > self._p.suspicious
        self.doubt = np.hypot(self._moved, doubted(verdict, self._p.test.sure_live))
        if verdict is None or verdict.evidence < self._p.test.sure_live:
            return None
        if now is not None and self._standings.length < self._p.sure_block:
            return None
        return self._slipped(verdict, rows.start + len(rows))

    def realigned(self, thigh: float, shank: float = 0.0) -> None:
        """The caller turned the frames themselves by so much (rad): what is believed begins anew from there."""
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
        self._standings = Standings(self._p)
        self._moved = np.hypot(self._moved, verdict.sd)
        self.suspect, self.doubt = False, self._moved
        return slip_of(verdict, self._axes, noticed, self._p)


def moved_back(sight: Sight, verdict: Verdict) -> Sight:
    """A sight after a slip, as it would look in frames that are put right."""
    effect = effects(sight.kind, sight.angles)[tuple(Segment).index(verdict.segment)]
    return replace(sight, angles=sight.angles - effect @ verdict.turn)


def standings_of(
    rows: LegRows, length: int, alignment: Alignment, frame: Alignment, believed: Believed, p: SlipParameters
) -> list[Sight]:
    """All quiet standings of a recording, in blocks of `length` rows. alignment: to which the heading belongs;
    frame: in which tilts are seen."""
    standings = Standings(p)
    found = []
    before = None
    for quiet in quiet_blocks(rows, length, resting(rows, length, p.rest), alignment, frame):
        if before is not None and quiet.begin != before:
            found.append(standings.update(None, frame, believed))
        found.append(standings.update(quiet, frame, believed))
        before = quiet.end
    found.append(standings.update(None, frame, believed))
    return [sight for sight in found if sight is not None]


def _rotation(vector: Floats) -> Floats:
    """(3, 3) by a rotation vector (3,) rad."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return np.eye(3)
    k = vector / angle
    skew = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * (skew @ skew))
