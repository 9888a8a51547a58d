"""What is known of all blocks of a recording, as one linear system, and its solution.

What moves from block to block (tilts, heading, drift, tissue) gives a banded matrix, what is constant (frames, arms,
errors) a border beside it: the solution is what a Kalman filter and the smoother back over it would give, with the
constants estimated beside.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal

import numpy as np
from scipy.linalg import cholesky_banded
from scipy.linalg.lapack import dtbtrs

from pipeline.blocks import Floats
from pipeline.heading_model import (
    ARMS,
    DELTA,
    DRIFT,
    ERRORS,
    FLEXED,
    NEUTRAL,
    SEEN,
    SHANK,
    SIZE,
    STATES,
    THIGH,
    TILT_X,
    TILT_Y,
    TISSUE,
    HeadingParameters,
    Neutral,
    RowInformation,
    covariances,
    transition,
    wrapped,
)

MOVING = np.array([TILT_X, TILT_Y, DELTA, DRIFT, TISSUE])
FIXED = np.array([THIGH, SHANK, *range(ARMS.start, ERRORS.stop)])
"""States that change from block to block, and those that are constant."""
_WIDTH = len(MOVING)
_SHOWN = SEEN[:3, MOVING]
"""(3, 5) what the joint's acceleration shows of the states that change."""


@dataclass(slots=True)
class Told:
    """What the joint's acceleration says, about zero. Of each block's tilts and heading: matrices (count, 3, 3) and
    vectors (count, 3); of the 24 constants (arms, errors) over all blocks: (24, 24) and (24,); and of both together,
    border (count, 3, 24)."""

    blocks: Floats
    blocks_vector: Floats
    border: Floats
    constants: Floats
    constants_vector: Floats

    @staticmethod
    def nothing(count: int) -> "Told":
        """Of blocks that were not looked at yet."""
        n = len(SEEN) - 3
        zeros = (np.zeros(shape) for shape in ((count, 3, 3), (count, 3), (count, 3, n), (n, n), (n,)))
        return Told(*zeros)

    def add(self, rows: RowInformation, at: Floats, these: slice) -> None:
        """What as many rows of each of these blocks say. at (b, 27): what the design is linear about."""
        count, size = at.shape
        design = rows.design.reshape(count, -1, size)
        own = np.ascontiguousarray(design[:, :, :3].transpose(0, 2, 1))
        product = np.matmul(own, design)
        blocks, border = product[:, :, :3], product[:, :, 3:]
        whole = rows.design.reshape(-1, size)[:, 3:]
        moving, fixed = at[:, :3], at[0, 3:]
        said = np.matmul(own, rows.residual.reshape(count, -1, 1)) + np.matmul(blocks, moving[:, :, None])
        self.blocks[these], self.border[these] = blocks, border
        self.blocks_vector[these] = said[:, :, 0] + border @ fixed
        constants = whole.T @ whole
        self.constants += constants
        self.constants_vector += rows.residual.reshape(-1) @ whole + constants @ fixed
        self.constants_vector += np.tensordot(moving, border, axes=2)

    def lean(self, lean: Floats) -> None:
        """The inclination was told whole: now of its part that errors of the accelerometers do not explain. lean
        (count, 2, 12): that which they do explain (pipeline/leans.py)."""
        own, beside = self.blocks[:, :, :2], self.border[:, :2]
        self.constants_vector[12:] += np.tensordot(self.blocks_vector[:, :2], lean, axes=([0, 1], [0, 1]))
        cross = np.tensordot(lean, beside, axes=([0, 1], [0, 1]))
        self.constants[12:] += cross
        self.constants[:, 12:] += cross.T
        through = np.matmul(own, lean)
        self.constants[12:, 12:] += np.tensordot(lean, through[:, :2], axes=([0, 1], [0, 1]))
        self.border[:, :, 12:] += through


class BlockSystem:
    """The linear system over all blocks: prior and transitions stand, information is added at each solution."""

    def __init__(
        self, p: HeadingParameters, prior: tuple[Floats, Floats], count: int, lost: list[int], guess: Floats
    ) -> None:
        f, q = (m[np.ix_(MOVING, MOVING)] for m in transition(p))
        mean, variance = prior
        self._count = count
        self._own = np.zeros((count, _WIDTH, _WIDTH))
        self._vector = np.zeros((count, _WIDTH))
        self._next = np.tile(-f.T @ np.linalg.inv(q), (max(count - 1, 0), 1, 1))
        self._own[1:] += np.linalg.inv(q)
        self._own[:-1] += f.T @ np.linalg.inv(q) @ f
        fresh = np.diag(1.0 / variance[MOVING])
        self._own[0] += fresh
        self._vector[0, 2] = guess[0] / variance[DELTA]
        for b in lost:
            # Heading and inclination begin anew; drift and tissue go on.
            wide = q.copy()
            for i in (0, 1, 2):
                wide[i, :] = wide[:, i] = 0.0
                wide[i, i] = variance[MOVING[i]]
            inverse = np.linalg.inv(wide)
            keep = f.copy()
            keep[:3] = 0.0
            self._own[b] += inverse - np.linalg.inv(q)
            self._own[b - 1] += keep.T @ inverse @ keep - f.T @ np.linalg.inv(q) @ f
            self._next[b - 1] = -keep.T @ inverse
            jump = np.zeros(_WIDTH)
            jump[2] = guess[b]
            self._vector[b] += inverse @ jump
            self._vector[b - 1] -= keep.T @ inverse @ jump
        self._fixed = np.diag(1.0 / variance[FIXED])
        self._fixed_vector = mean[FIXED] / variance[FIXED]

    def solve(self, told: Told, neutrals: list[tuple[int, Neutral]], present: Floats) -> Floats:
        """(count, 32) the states of all blocks. present (count, 32): the last solution."""
        own = self._own + np.matmul(np.matmul(_SHOWN.T, told.blocks), _SHOWN)
        vector = self._vector + told.blocks_vector @ _SHOWN
        border = np.zeros((self._count, _WIDTH, len(FIXED)))
        border[:, :, 2:] = np.matmul(_SHOWN.T, told.border)
        fixed = self._fixed.copy()
        fixed[2:, 2:] += told.constants
        fixed_vector = self._fixed_vector.copy()
        fixed_vector[2:] += told.constants_vector
        weight, pull = self._neutrals(neutrals, present)
        moving, constant = NEUTRAL[MOVING], NEUTRAL[FIXED]
        own += weight[:, None, None] * np.outer(moving, moving)
        border += weight[:, None, None] * np.outer(moving, constant)
        fixed += weight.sum() * np.outer(constant, constant)
        vector += pull[:, None] * moving
        fixed_vector += pull.sum() * constant
        beside = border.reshape(-1, len(FIXED))
        sides = np.empty((len(beside), 1 + len(FIXED)), order="F")
        sides[:, 0] = vector.reshape(-1)
        sides[:, 1:] = beside
        self._factor = cholesky_banded(_banded(own, self._next), lower=True, check_finite=False)
        halfway = _triangular(self._factor, sides)
        moved, self._beside = halfway[:, 0], halfway[:, 1:]
        self._fixed_cov = np.linalg.inv(fixed - self._beside.T @ self._beside)
        constants = self._fixed_cov @ (fixed_vector - self._beside.T @ moved)
        left = moved - self._beside @ constants
        result = np.zeros((self._count, SIZE))
        result[:, MOVING] = _triangular(self._factor, left[:, None], "T").reshape(self._count, _WIDTH)
        result[:, FIXED] = constants
        return result

    def at_the_end(self, flexed: int) -> Floats:
        """(32, 32) covariance of the last solution: of the last block's states, `flexed` being the heading of that
        block."""
        ends = np.array([*((self._count - 1) * _WIDTH + np.arange(_WIDTH)), flexed * _WIDTH + 2])
        places = np.array([*MOVING, FLEXED])
        chosen = np.zeros((self._count * _WIDTH, len(ends)), order="F")
        chosen[ends, np.arange(len(ends))] = 1.0
        half = _triangular(self._factor, chosen)
        border = half.T @ self._beside
        shared = border @ self._fixed_cov
        cov = np.zeros((SIZE, SIZE))
        cov[places[:, None], places] = half.T @ half + shared @ border.T
        cov[places[:, None], FIXED] = -shared
        cov[FIXED[:, None], places] = -shared.T
        cov[FIXED[:, None], FIXED] = self._fixed_cov
        return 0.5 * (cov + cov.T)

    def _neutrals(self, neutrals: list[tuple[int, Neutral]], present: Floats) -> tuple[Floats, Floats]:
        """(count,) each: the weight of every block's quiet standings, and the same times what they show. One that is
        far from what is believed counts less."""
        weight, pull = np.zeros(self._count), np.zeros(self._count)
        for b, neutral in neutrals:
            believed = float(NEUTRAL @ present[b])
            miss = wrapped(neutral.turn - believed)
            trust = 1.0 / max(neutral.sd**2, miss**2 / 9.0)
            weight[b] += trust
            pull[b] += trust * (believed + miss)
        return weight, pull

    def covariances(self) -> Floats:
        """(count, 7) of the last solution, as RelativeRows holds them."""
        w = _WIDTH
        i, j = np.indices((w, w))
        factor = self._factor.reshape(2 * w, self._count, w)
        lower = np.where(i >= j, factor[abs(i - j), :, j].transpose(2, 0, 1), 0.0)
        below = factor[w + i - j, :, j].transpose(2, 0, 1)
        inverse = np.linalg.inv(lower)
        alone = np.matmul(inverse.transpose(0, 2, 1), inverse)
        onward = np.matmul(below, inverse)
        moving = _backwards(alone, onward)
        border = _triangular(self._factor, self._beside, "T").reshape(self._count, w, len(FIXED))
        shared = np.matmul(border, self._fixed_cov)
        full = np.zeros((self._count, STATES, STATES))
        full[:, MOVING[:, None], MOVING] = moving + np.matmul(shared, border.transpose(0, 2, 1))
        frames = FIXED[:2]
        full[:, MOVING[:, None], frames] = -shared[:, :, :2]
        full[:, frames[:, None], frames] = self._fixed_cov[:2, :2]
        return covariances(full)


def _triangular(factor: Floats, sides: Floats, transposed: Literal["N", "T"] = "N") -> Floats:
    """The solutions x of L x = sides or L' x = sides, for a factor L in lower banded form; sides (n, m)."""
    solved: Floats = dtbtrs(factor, sides, uplo="L", trans=transposed)[0]
    return solved


def _backwards(alone: Floats, onward: Floats) -> Floats:
    """(count, w, w) the recursion c[b] = alone[b] + onward[b]' c[b + 1] onward[b] from the last block on.

    Stretches of blocks side by side, as if nothing followed them; then each with what its successor really is.
    """
    count, w, _ = alone.shape
    length = ceil(sqrt(count))
    stretches = -(-count // length)
    padding = ((0, stretches * length - count), (0, 0), (0, 0))
    own = np.pad(alone, padding).reshape(stretches, length, w, w)
    through = np.pad(onward, padding).reshape(stretches, length, w, w)
    for k in range(length - 2, -1, -1):
        step = through[:, k]
        own[:, k] += np.matmul(step.transpose(0, 2, 1), np.matmul(own[:, k + 1], step))
        through[:, k] = np.matmul(through[:, k + 1], step)
    after = np.zeros((stretches, 1, w, w))
    for i in range(stretches - 2, -1, -1):
        turn = through[i + 1, 0]
        after[i, 0] = own[i + 1, 0] + turn.T @ after[i + 1, 0] @ turn
    own += np.matmul(through.transpose(0, 1, 3, 2), np.matmul(after, through))
    return own.reshape(-1, w, w)[:count]


def _banded(own: Floats, after: Floats) -> Floats:
    """Lower banded form (2 w, count w) of a block tridiagonal matrix: own (count, w, w) on the diagonal, after
    (count - 1, w, w) right of it."""
    count, w, _ = own.shape
    band = np.zeros((2 * w, count, w))
    for j in range(w):
        for i in range(w):
            if i >= j:
                band[i - j, :, j] = own[:, i, j]
            band[w + i - j, :-1, j] = after[:, j, i]
    return band.reshape(2 * w, count * w)
