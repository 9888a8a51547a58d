"""Whether and when a sensor turned on its segment, from sights of its sitting: a likelihood ratio over all moments.

For every moment, and either sensor, the means of the sights before and after are compared, family by family
(pipeline/sight_changes.py). A turn of one sensor changes them all by the same three numbers, so that the evidence of
standings, walking and exercises adds up. The turn has a normal prior, so that the Bayes factor against no turn is
closed: v' A^-1 v / 2 - log(det A / det L) / 2, where A is the information with the prior's, L, and v the vector. A
change that a turn of one sensor explains badly is none. Source: Bayesian test of a change in the mean of a multivariate
normal series, as in any textbook.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.blocks import Floats, Ints
from pipeline.records import Segment
from pipeline.sight_changes import ChangeParameters, changes, with_axes
from pipeline.sights import STANDING, Sight, effects

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class SlipEvidenceParameters:
    """Tuned on simulated people (seeds below 100), kept wide enough for real ones.

    change: how sights are compared. turn_prior: of a slip about each axis, rad. sure, sure_live: logarithm of the Bayes
    factor that is believed, of a whole recording and of one that goes on; least: smallest turn that is told, rad;
    misfit: how many standard deviations too badly the turn may explain the change. vague: moments whose evidence is so
    much less than the best may be the true one as well.
    """

    change: ChangeParameters = field(default_factory=ChangeParameters)
    turn_prior: float = 5.0 * _DEG
    sure: float = 4.0
    sure_live: float = 4.0
    least: float = 3.2 * _DEG
    misfit: float = 4.0
    vague: float = 2.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The likeliest slip. segment: whose sensor. turn, sd: (3,) rad, how it turned in the segment's frame, and standard
    deviations. evidence: logarithm of the Bayes factor; other: the same of the other sensor's slip at its best. since,
    by: grid rows between which it was: the middle of the last sight before, whose second half it may have spoilt, and
    the begin of the first after."""

    segment: Segment
    turn: Floats
    sd: Floats
    evidence: float
    other: float
    since: int
    by: int


def likeliest_slip(
    sights: Sequence[Sight], p: SlipEvidenceParameters, axes: tuple[float, float] | None = None
) -> Verdict | None:
    """The likeliest slip in these sights, in the order of their ends; None where none is likelier than not and large
    enough. axes: what is believed now of the difference of the frames' axes, rad, and its standard deviation; None:
    what each standing says is what is believed."""
    begins = np.array([s.begin for s in sights], np.int64)
    moments = np.unique(begins[1:])
    if not len(moments):
        return None
    info, vector, misfit, freedom = _gathered(sights, moments, p, axes)
    prior = np.eye(3) / p.turn_prior**2
    fits = [_fitted(info[k] + prior, vector[k], misfit, freedom, p) for k in range(2)]
    k = int(fits[1].ratio.max() > fits[0].ratio.max())
    fit = fits[k]
    at = int(np.argmax(fit.ratio))
    evidence = float(fit.ratio[at])
    if evidence <= 0.0:
        return None
    possible = moments[fit.ratio > evidence - p.vague]
    since = max(((s.begin + s.end) // 2 for s in sights if s.end <= possible[0]), default=int(possible[0]))
    sd = np.sqrt(np.diag(np.linalg.inv(info[k, at] + prior)))
    return Verdict(
        tuple(Segment)[k], fit.turn[at], sd, evidence, float(fits[1 - k].ratio.max()), since, int(possible[-1])
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """One sensor's slip at each of n moments: ratio (n,), logarithm of the Bayes factor; turn (n, 3) rad."""

    ratio: Floats
    turn: Floats


def _fitted(full: Floats, vector: Floats, misfit: Floats, freedom: Floats, p: SlipEvidenceParameters) -> _Fit:
    """full: (n, 3, 3) information with the prior's. A turn that is too small or explains too little is none."""
    turn: Floats = np.asarray(np.linalg.solve(full, vector[:, :, None])[:, :, 0], np.float64)
    explained = np.einsum("ni,ni->n", vector, turn)
    ratio = 0.5 * explained - 0.5 * np.log(np.linalg.det(full) * p.turn_prior**6)
    believed = misfit - explained <= freedom + p.misfit * np.sqrt(2.0 * freedom)
    believed &= np.linalg.norm(turn, axis=1) >= p.least
    return _Fit(np.where(believed, ratio, -np.inf), turn)


def _gathered(
    sights: Sequence[Sight], moments: Ints, p: SlipEvidenceParameters, axes: tuple[float, float] | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """For each moment: information (2, n, 3, 3) and vector (2, n, 3) of thigh's and shank's turn; squared deviations
    (n,) of the changes and how many there are (n,)."""
    n = len(moments)
    info, vector = np.zeros((2, n, 3, 3)), np.zeros((2, n, 3))
    squares, freedom = np.zeros(n), np.zeros(n)
    for family in dict.fromkeys(s.family for s in sights):
        own = [s for s in sights if s.family == family]
        if len(own) < 2:
            continue
        if family == STANDING and axes is not None:
            own = [with_axes(s, axes[0]) for s in own]
        use, change, cov = changes(own, moments, p.change, 0.0 if axes is None else axes[1])
        if not use.any():
            continue
        weight = np.linalg.inv(cov)
        weighted = np.einsum("nij,nj->ni", weight, change)
        for k, effect in enumerate(effects(own[0].kind, np.median([s.angles for s in own], axis=0))):
            info[k, use] += effect.T @ weight @ effect
            vector[k, use] += weighted @ effect
        squares[use] += np.einsum("ni,ni->n", change, weighted)
        freedom[use] += change.shape[1]
    return info, vector, squares, freedom
