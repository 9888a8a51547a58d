"""Whether and when a sensor turned on its segment, from sights of its sitting: a likelihood ratio over all moments.

For every moment, and either sensor, the means of the sights before and after are compared, kind by kind. A turn of one
sensor changes them all by the same three numbers; what people do differently from time to time has a covariance that is
known (and the scatter of their own cycles), so that the evidence of standings, walking and exercises adds up. The turn
has a normal prior, so that the Bayes factor against no turn is closed: v' A^-1 v / 2 - log(det A / det L) / 2, where A
is the information with the prior's, L, and v the vector. A change that a turn of one sensor explains badly is none.
Source: Bayesian test of a change in the mean of a multivariate normal series, as in any textbook.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Bools, Floats, Ints
from pipeline.records import Segment
from pipeline.sights import STANDING, TURN, Sight, effects

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Scatter:
    """How sights of one kind differ. sd_deg: of the sagittal tilt, the frontal tilt, and the third angle, of each new
    sight; floor_deg: of the mean of however many. common: correlations of thigh and shank, of both tilts."""

    sd_deg: tuple[float, float, float]
    floor_deg: tuple[float, float, float]
    common: tuple[float, float]

    def covariance(self, standing: bool, sd_deg: tuple[float, float, float]) -> Floats:
        """(5, 5) or (6, 6), rad2, of a standing or of cycles."""
        sagittal, frontal, third = np.deg2rad(sd_deg).tolist()
        if standing:
            values = np.array([sagittal, frontal, SHANK_LEANS * sagittal, frontal, third])
        else:
            values = np.array([sagittal, frontal, third, sagittal, frontal, third])
        cov = np.diag(values**2)
        for k, common in enumerate(self.common):
            other = k + (2 if standing else 3)
            cov[k, other] = cov[other, k] = common * values[k] * values[other]
        return cov


SHANK_LEANS = 1.3
"""How much more the shank's sagittal tilt in standing differs than the thigh's."""


@dataclass(frozen=True, slots=True)
class SlipEvidenceParameters:
    """Tuned on simulated people (seeds below 100), kept wide enough for real ones.

    standing, gait, exercise: scatter of the kinds; short_s: cycles that last no longer are gait. alone: factor on the
    scatter of a single standing after the moment, since people do stand with a bent knee, or the toes out. turn_doubt:
    factor on the heading filter's standard deviation. turn_prior: of a slip about each axis, rad. window,
    window_cycles: sights of a kind, of standing and of movement, compared on either side; gait wanders slowly. sure,
    sure_live: logarithm of the Bayes factor that is believed, of a whole recording and of one that goes on; least:
    smallest turn that is told, rad; misfit: how many standard deviations too badly the turn may explain the change.
    vague: moments whose evidence is so much less than the best may be the true one as well. usual, step_most,
    least_scale: see `_own_scale`.
    """

    standing: Scatter = Scatter((1.4, 0.9, 1.2), (0.5, 0.3, 0.5), (0.7, 0.85))
    gait: Scatter = Scatter((1.5, 0.6, 1.0), (2.2, 0.6, 1.0), (0.0, 0.5))
    exercise: Scatter = Scatter((2.5, 1.2, 2.0), (1.0, 0.5, 0.7), (0.0, 0.5))
    short_s: float = 2.0
    alone: float = 1.7
    turn_doubt: float = 0.6
    turn_prior: float = 5.0 * _DEG
    window: int = 40
    window_cycles: int = 6
    sure: float = 4.0
    sure_live: float = 4.75
    least: float = 3.2 * _DEG
    misfit: float = 4.0
    vague: float = 2.3
    usual: float = 4.0
    step_most: float = 5.0
    least_scale: float = 0.4


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


def likeliest_slip(sights: Sequence[Sight], p: SlipEvidenceParameters, latest: int | None = None) -> Verdict | None:
    """The likeliest slip in these sights, in the order of their ends; None where none is likelier than not and large
    enough. latest: only moments before the last so many sights."""
    begins = np.array([s.begin for s in sights], np.int64)
    moments = np.unique(begins[1:] if latest is None else begins[max(1, len(begins) - latest) :])
    if not len(moments):
        return None
    info, vector, misfit, freedom = _gathered(sights, moments, p)
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
    sights: Sequence[Sight], moments: Ints, p: SlipEvidenceParameters
) -> tuple[Floats, Floats, Floats, Floats]:
    """For each moment: information (2, n, 3, 3) and vector (2, n, 3) of thigh's and shank's turn; squared deviations
    (n,) of the changes and how many there are (n,)."""
    n = len(moments)
    info, vector = np.zeros((2, n, 3, 3)), np.zeros((2, n, 3))
    squares, freedom = np.zeros(n), np.zeros(n)
    for kind in dict.fromkeys(s.kind for s in sights):
        own = [s for s in sights if s.kind == kind]
        if len(own) < 2:
            continue
        use, change, cov = _changes(own, moments, p)
        if not use.any():
            continue
        weight = np.linalg.inv(cov)
        weighted = np.einsum("nij,nj->ni", weight, change)
        for k, effect in enumerate(effects(kind, np.median([s.angles for s in own], axis=0))):
            info[k, use] += effect.T @ weight @ effect
            vector[k, use] += weighted @ effect
        squares[use] += np.einsum("ni,ni->n", change, weighted)
        freedom[use] += change.shape[1]
    return info, vector, squares, freedom


def _changes(own: list[Sight], moments: Ints, p: SlipEvidenceParameters) -> tuple[Bools, Floats, Floats]:
    """Sights of one kind: which moments (n,) have some before and after; of those the change (u, m) of their means,
    and its covariance (u, m, m)."""
    weight = np.array([s.weight for s in own])
    angles = np.array([s.angles for s in own])
    noise = np.array([s.noise for s in own])
    ends, begins = np.array([s.end for s in own]), np.array([s.begin for s in own])
    before = np.searchsorted(ends, moments, "right")
    after = np.searchsorted(begins, moments, "left")
    window = p.window if own[0].kind == STANDING else p.window_cycles
    oldest, newest = np.maximum(before - window, 0), np.minimum(after + window, len(own))

    def summed(values: Floats, first: Ints, last: Ints) -> Floats:
        total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        found: Floats = total[last] - total[first]
        return found

    w = weight[:, None]
    w_before, w_after = summed(w, oldest, before)[:, 0], summed(w, after, newest)[:, 0]
    use: Bools = (w_before > 0.0) & (w_after > 0.0)
    w_before, w_after = w_before[use, None], w_after[use, None]
    oldest, before, after, newest = oldest[use], before[use], after[use], newest[use]
    change = summed(w * angles, after, newest) / w_after - summed(w * angles, oldest, before) / w_before
    shares = (1.0 / w_before + 1.0 / w_after)[:, :, None]
    standing = own[0].kind == STANDING
    scatter = p.standing if standing else p.gait if own[-1].lasts_s < p.short_s else p.exercise
    each, floor = scatter.covariance(standing, scatter.sd_deg), scatter.covariance(standing, scatter.floor_deg)
    apart = weight >= _OWN
    steps = np.diff(angles[apart], axis=0)
    if standing:
        change[:, TURN], steps[:, TURN] = _wrapped(change[:, TURN]), _wrapped(steps[:, TURN])
        later = summed(w * noise, after, newest) / w_after
    else:
        each += np.diag(np.average(noise, axis=0, weights=weight))
        later = np.zeros_like(change)
    own_scale = _own_scale(steps, weight[apart], np.diag(each) + noise.mean(axis=0) * standing, p)
    each *= np.sqrt(np.outer(own_scale, own_scale))
    cov = each * shares + floor
    if standing:
        loose = np.where(w_after > 1.0, 1.0, np.array([p.alone, 1.0, p.alone, 1.0, p.alone]))
        cov *= loose[:, :, None] * loose[:, None, :]
    cov += p.turn_doubt**2 * later[:, :, None] * np.eye(len(each))
    return use, change, cov


_OWN = 0.5
"""Least weight of sights that tell how this person's differ: not of a further look at the same stance."""


def _own_scale(steps: Floats, weight: Floats, variance: Floats, p: SlipEvidenceParameters) -> Floats:
    """(m,) how much more (or less) than usual this person differs from one sight (of a kind) to the next, as a factor
    on variances. One large step, which may be the slip itself, counts little."""
    scaled = steps**2 / (variance * (1.0 / weight[1:] + 1.0 / weight[:-1])[:, None])
    total = np.minimum(scaled, p.step_most).sum(axis=0)
    scale: Floats = np.maximum((p.usual + total) / (p.usual + len(steps)), p.least_scale)
    return scale


def _wrapped(angles: Floats) -> Floats:
    """(n,) into -pi to pi."""
    return np.asarray((angles + np.pi) % (2.0 * np.pi) - np.pi)
