"""A strap that slips: noticed at the next quiet standing.

In standing the knee is straight, and a straight knee hardly abducts or turns: whatever the posture, the two sensors
then see gravity and each other as they did in the calibration, but for how far the knee is bent and how the leg leans.
So each quiet standing gives five small angles: the sagittal and frontal tilt of each segment, and the turn of one frame
against the other beyond what the heading filter expects. Their usual scatter is known (postures repeat to 1 or 2 deg
sagittally; thigh and shank lean aside together). A change that this scatter cannot make, but that the slip of one
sensor can (three of the five angles move), is a slip: a likelihood ratio test with the mean of the earlier standings
as reference. One doubtful standing is kept apart, out of the reference, until the next standing confirms it or not.
Source of the criterion: a re-check in standing that differs by more than 3 to 5 deg asks for a new calibration.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from calibration.alignment import Alignment, upright
from pipeline.blocks import Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.heading_model import wrapped
from pipeline.leg_rows import LegRows, join_rows
from pipeline.neutral import neutral_turn
from pipeline.records import Segment
from pipeline.rests import at_rest

_DEG = np.pi / 180.0
THIGH_X, THIGH_Z, SHANK_X, SHANK_Z, TURN = range(5)


@dataclass(frozen=True, slots=True)
class SlipParameters:
    """Tuned on simulated people (seeds below 100), then made less eager after false alarms on people of another
    simulation, who stand less alike each time.

    sagittal_sd: how far standings differ in the sagittal tilt of thigh and shank, rad; sagittal_common: correlation.
    frontal_sd, frontal_common: the same aside. turn_sd: of the turn between the frames, the heading filter's own
    uncertainty not included; turn_doubt: factor on that, since in fast gait of real people the filter can be surer than
    it should be. sure, doubtful: likelihood ratios (twice the logarithm) of a slip and of a suspicion.
    least: smallest angle that is called a slip, rad. misfit: how badly (squared deviations) the slip of one sensor may
    explain a standing. loose: factor on the sagittal scatter that a slip must withstand to be believed at once, since
    people do stand with a bent knee; else a second standing confirms it. clearly: difference of the likelihood ratios
    of both sensors by which it is told which one slipped. leaning: a segment that leans more does not stand, rad.
    first_block, every_blocks: blocks of a rest after which it is judged, and judged again. remembered: standings that
    make the reference.
    """

    sagittal_sd: tuple[float, float] = (1.7 * _DEG, 2.3 * _DEG)
    sagittal_common: float = 0.55
    frontal_sd: tuple[float, float] = (1.0 * _DEG, 1.0 * _DEG)
    frontal_common: float = 0.8
    turn_sd: float = 2.5 * _DEG
    turn_doubt: float = 4.0
    sure: float = 14.0
    doubtful: float = 7.0
    least: float = 4.5 * _DEG
    misfit: float = 14.0
    loose: float = 1.6
    clearly: float = 6.0
    leaning: float = 25.0 * _DEG
    leant_over: float = 13.0 * _DEG
    lasting_blocks: int = 9
    still: float = 1.0 * _DEG
    first_block: int = 4
    every_blocks: int = 6
    remembered: int = 8
    rest: CalibratingParameters = field(default_factory=CalibratingParameters)

    def scatter(self, sagittal: float) -> Floats:
        """(5, 5) covariance of one standing's angles, rad2; sagittal: factor on those deviations."""
        cov = np.zeros((5, 5))
        for one, two, (a, b), common, factor in (
            (THIGH_X, SHANK_X, self.sagittal_sd, self.sagittal_common, sagittal),
            (THIGH_Z, SHANK_Z, self.frontal_sd, self.frontal_common, 1.0),
        ):
            cov[one, one], cov[two, two] = (factor * a) ** 2, (factor * b) ** 2
            cov[one, two] = cov[two, one] = common * factor * factor * a * b
        cov[TURN, TURN] = self.turn_sd**2
        return cov


@dataclass(frozen=True, slots=True)
class Stance:
    """A quiet standing, begin to end (grid rows). angles: (5,) rad as above. turn_sd: the heading filter's, rad."""

    begin: int
    end: int
    angles: Floats
    turn_sd: float


@dataclass(frozen=True, slots=True)
class Slip:
    """A sensor that moved on the leg.

    segment: whose; sure_segment: False where the other one would explain it about as well. change: (3,) rad, sagittal
    and frontal tilt and turn that the standing shows too much. since: grid row of the end of the last standing in which
    all was well; noticed: of the standing that showed it.
    """

    segment: Segment
    sure_segment: bool
    change: Floats
    since: int
    noticed: int

    @property
    def angle(self) -> float:
        """How far it turned, rad."""
        return float(np.linalg.norm(self.change))

    def fields(self, rate_hz: float) -> dict[str, object]:
        """As the events tell it."""
        return {
            "status": "slipped",
            "segment": self.segment.value if self.sure_segment else "thigh or shank",
            "angle_deg": round(float(np.rad2deg(self.angle)), 1),
            "since_s": round(self.since / rate_hz, 2),
            "noticed_s": round(self.noticed / rate_hz, 2),
        }


Believed = Callable[[int], tuple[float, float]]
"""What the heading filter expects of `neutral_turn` at a grid row, and its standard deviation, rad."""


def stance_of(rows: LegRows, alignment: Alignment, expected: tuple[float, float]) -> Stance:
    """What rows at rest show; expected: of the turn, see `Believed`."""
    thigh = alignment.thigh_from_sensor @ upright(rows.thigh_acc)
    shank = alignment.shank_from_sensor @ upright(rows.shank_acc)
    turn = wrapped(neutral_turn(rows, alignment) - expected[0])
    angles = np.array([thigh[0], thigh[2], shank[0], shank[2], turn])
    return Stance(rows.start, rows.start + len(rows), angles, expected[1])


def _leans(rows: LegRows, alignment: Alignment) -> Floats:
    """(4,) rad: how far thigh and shank lean, sagittal and frontal."""
    thigh = alignment.thigh_from_sensor @ upright(rows.thigh_acc)
    shank = alignment.shank_from_sensor @ upright(rows.shank_acc)
    return np.array([np.arctan2(side, up[1]) for up in (thigh, shank) for side in (up[0], up[2])])


def rereferenced(alignment: Alignment, slip: Slip) -> Alignment:
    """The alignment after a slip, such that the standing reads as it did before."""
    x, z, turn = slip.change
    if slip.segment is Segment.THIGH:
        moved = replace(alignment, thigh_from_sensor=_righted(alignment.thigh_from_sensor, x, z))
        return moved.turned(-turn, 0.0)
    moved = replace(alignment, shank_from_sensor=_righted(alignment.shank_from_sensor, x, z))
    return moved.turned(0.0, turn)


class SlipWatch:
    """`update` every complete block; a Slip when there is one. `suspect`: this rest does not look like the others, so
    that nothing should be learned from it. After a slip the angles are expected as re-referenced. known_standing:
    whether the alignment's zero is a standing of this strapping-on; good: grid row up to which nothing slipped.
    suspecting: False where nobody asks for `suspect`."""

    def __init__(
        self,
        known_standing: bool,
        good: int = 0,
        parameters: SlipParameters | None = None,
        suspecting: bool = True,
    ) -> None:
        self._suspecting = suspecting
        self._p = parameters or SlipParameters()
        self._scatter = self._p.scatter(1.0)
        self._loose = self._p.scatter(self._p.loose)
        self._usual: list[Floats] = [np.zeros(5)] if known_standing else []
        self._doubtful: list[Stance] = []
        self._run: list[LegRows] = []
        self._length = 0
        self._expected: tuple[float, float] = (0.0, 1.0)
        self._kept: list[Floats] | list[Stance] | None = None
        self._good_end = good
        self._leans: Floats | None = None
        self.suspect = False

    def update(self, rows: LegRows, alignment: Alignment, believed: Believed, rests: bool | None = None) -> Slip | None:
        """rows: a complete block; rests: whether it is at rest, where that is known."""
        self.suspect = False
        if not (at_rest(rows, self._p.rest) if rests is None else rests):
            self.forget()
            return None
        leans = _leans(rows, alignment)
        if self._leans is not None and float(np.abs(leans - self._leans).max()) > self._p.still:
            self.forget()
        self._leans = leans
        furthest = float(max(np.hypot(*leans[:2]), np.hypot(*leans[2:])))
        if furthest > self._p.leaning:
            self.forget()
            return None
        self._run = [*self._run[-1:], rows] if self._length else [rows]
        self._length += 1
        if self._length == 1 or self._length > self._p.first_block:
            self._expected = believed(rows.start)
        if furthest > self._p.leant_over and self._length < self._p.lasting_blocks:
            self.suspect = True
            return None
        judged = self._length >= self._p.first_block
        due = judged and (self._length - self._p.first_block) % self._p.every_blocks == 0
        if not due and not self._suspecting:
            return None
        stance = stance_of(join_rows(self._run) if judged else rows, alignment, self._expected)
        if not due:
            self.suspect = self._unlike([stance]) > self._p.doubtful
            return None
        return self._judge(stance)

    def forget(self) -> None:
        """The rest is over: a block that is none, looked at elsewhere."""
        self._length, self._kept, self._leans = 0, None, None
        self.suspect = False

    def _judge(self, stance: Stance) -> Slip | None:
        """A standing becomes part of the reference, or doubtful, or the proof of a slip."""
        p = self._p
        if self._kept:
            # The same rest, judged before: only its last look counts.
            self._kept.pop()
        self._kept = None
        if not self._usual:
            self._accept(stance)
            return None
        if self._unlike([stance]) <= p.doubtful:
            self._doubtful = []
            self._accept(stance)
            return None
        self.suspect = True
        alone = self._explained([stance], self._scatter)
        if alone[0].misfit > p.misfit:
            return None
        self._doubtful = [*self._doubtful, stance][-p.remembered :]
        self._kept = self._doubtful
        together = self._doubtful
        best, other = self._explained(together, self._scatter)
        if best.ratio < p.sure or best.misfit > p.misfit or best.angle < p.least:
            return None
        if len(together) == 1 and self._explained(together, self._loose)[0].ratio < p.sure:
            return None
        usual = np.mean(self._usual, axis=0)
        self._usual = [usual] * len(together)
        self._doubtful, self._kept = [], None
        since, self._good_end = self._good_end, stance.end
        return Slip(best.segment, best.ratio - other.ratio > p.clearly, best.change, since, stance.end)

    def _accept(self, stance: Stance) -> None:
        self._usual = [*self._usual, stance.angles][-self._p.remembered :]
        self._kept = self._usual
        self._good_end = max(self._good_end, stance.end)

    def _difference(self, stances: list[Stance], scatter: Floats) -> tuple[Floats, Floats]:
        """(5,) how far the mean of these standings is from the usual, and its covariance (5, 5)."""
        difference = np.mean([s.angles for s in stances], axis=0) - np.mean(self._usual, axis=0)
        difference[TURN] = wrapped(float(difference[TURN]))
        cov = scatter * (1.0 / len(stances) + 1.0 / len(self._usual))
        cov[TURN, TURN] += self._p.turn_doubt**2 * float(np.mean([s.turn_sd**2 for s in stances]))
        return difference, cov

    def _unlike(self, stances: list[Stance]) -> float:
        """The better of both slips' likelihood ratios; 0 without a reference."""
        return self._explained(stances, self._scatter)[0].ratio if self._usual else 0.0

    def _explained(self, stances: list[Stance], scatter: Floats) -> "tuple[_Fit, _Fit]":
        """These standings as the slip of either sensor, the likelier one first."""
        difference, cov = self._difference(stances, scatter)
        weight = np.linalg.inv(cov)
        fits = []
        for segment, angles in _MOVED.items():
            basis = np.eye(5)[:, list(angles)]
            normal = basis.T @ weight @ basis
            change: Floats = np.asarray(np.linalg.solve(normal, basis.T @ weight @ difference), np.float64)
            ratio = float(change @ normal @ change)
            misfit = float(difference @ weight @ difference) - ratio
            fits.append(_Fit(segment, change, ratio, misfit))
        first, second = fits
        return (first, second) if first.ratio >= second.ratio else (second, first)


_MOVED = {Segment.THIGH: (THIGH_X, THIGH_Z, TURN), Segment.SHANK: (SHANK_X, SHANK_Z, TURN)}
"""The angles of a standing that the slip of one sensor changes."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """One sensor's slip as the explanation: change (3,) rad, likelihood ratio, and what it leaves (squared
    deviations)."""

    segment: Segment
    change: Floats
    ratio: float
    misfit: float

    @property
    def angle(self) -> float:
        return float(np.linalg.norm(self.change))


def _righted(segment: Floats, x: float, z: float) -> Floats:
    """(3, 3) a frame that read the upward direction as tilted by x and z too much, righted."""
    turn = np.array([-z, 0.0, x])
    angle = float(np.linalg.norm(turn))
    if angle < 1e-9:
        return segment
    k = turn / angle
    skew = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    rotation = np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * (skew @ skew)
    matrix: Floats = rotation @ segment
    return matrix
