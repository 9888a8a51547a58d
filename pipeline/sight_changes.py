"""How sights of one family changed at a moment: the difference of their means after and before, and its covariance.

What people do differently from time to time has a covariance that is known, by kind of sight, scaled by how much this
person's own differ. Kinds of one family, such as slow and fast walking, have means that differ a little, by a random
effect of known size, so that one that is seen only before a moment may be compared with another that is seen only after
it (generalised least squares). A standing leg is a closed chain: who bends the knee tilts thigh and shank against each
other, and turns them, and a knee bends one way alone. So the straightest standings count most, and where they show a
knee bent more than before, they may be a habit of the moment, the less so the more of them there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from pipeline.blocks import Bools, Floats, Ints
from pipeline.sights import STANDING, TURN, Sight

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Scatter:
    """How sights of one kind differ. sd_deg: of the sagittal tilt, the frontal tilt, and the third angle, of each new
    sight; floor_deg: of the mean of however many; kind_deg: of each kind of a family. common: correlations of thigh and
    shank, of both tilts."""

    sd_deg: tuple[float, float, float]
    floor_deg: tuple[float, float, float]
    common: tuple[float, float]
    kind_deg: tuple[float, float, float] = (1.0, 1.0, 1.0)

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
class ChangeParameters:
    """Tuned on simulated people (seeds below 100), kept wide enough for real ones.

    standing, gait, exercise: scatter of the kinds; short_s: cycles that last no longer are gait. window, window_cycles:
    sights of a kind, of standing and of movement, compared on either side; gait wanders slowly.
    alone: factor on the scatter of a single standing after the moment, since people do stand with a bent knee, or the
    toes out. bent: a standing whose knee is bent by so much (rad) more than in the straightest quarter counts half.
    bends, bends_common: what of thigh and shank a bent knee may tilt, rad, and their correlation (opposite ways);
    bends_again: power of the number of standings by which that variance falls. bent_aside, bent_turns: what of the
    frontal tilts and the turn it may change, per radian of bend beyond `bent`. turn_doubt: factor on the heading
    filter's standard deviation, which means little beyond `unsure` (rad). usual, step_most, least_scale: see
    `_own_scale`.
    """

    standing: Scatter = Scatter((1.4, 0.9, 1.2), (0.5, 0.3, 0.5), (0.7, 0.85))
    gait: Scatter = Scatter((1.5, 0.6, 1.0), (2.2, 0.6, 1.0), (0.0, 0.5), (2.0, 0.6, 1.5))
    exercise: Scatter = Scatter((2.5, 1.2, 2.0), (1.0, 0.5, 0.7), (0.0, 0.5))
    short_s: float = 2.0
    window: int = 40
    window_cycles: int = 6
    alone: float = 1.7
    bent: float = 3.0 * _DEG
    bends: float = 4.5 * _DEG
    bends_common: float = 0.5
    bends_again: float = 3.0
    bent_aside: float = 0.2
    bent_turns: float = 0.6
    turn_doubt: float = 0.6
    unsure: float = 2.0 * _DEG
    usual: float = 4.0
    step_most: float = 5.0
    least_scale: float = 0.4


def changes(own: Sequence[Sight], moments: Ints, p: ChangeParameters, axes_sd: float) -> tuple[Bools, Floats, Floats]:
    """Sights of one family: which moments (n,) have some before and after; of those the change (u, m) of their means,
    and its covariance (u, m, m). axes_sd: how well the frames' axes are known, rad."""
    standing = own[0].kind == STANDING
    scatter = p.standing if standing else p.gait if own[-1].lasts_s < p.short_s else p.exercise
    each, floor = scatter.covariance(standing, scatter.sd_deg), scatter.covariance(standing, scatter.floor_deg)
    kinds = [[s for s in own if s.kind == kind] for kind in dict.fromkeys(s.kind for s in own)]
    weight = np.concatenate([[s.weight for s in some] for some in kinds])
    noise = np.concatenate([[s.noise for s in some] for some in kinds])
    steps = np.concatenate([_steps(some, standing) for some in kinds])
    shares = np.concatenate([_shares(some) for some in kinds])
    if not standing:
        each += np.diag(np.average(noise, axis=0, weights=weight))
    usual_noise = np.minimum(noise.mean(axis=0), p.unsure**2) if standing else 0.0
    own_scale = _own_scale(steps, shares, np.diag(each) + usual_noise, p)
    each *= np.sqrt(np.outer(own_scale, own_scale))
    sides = [_sides(some, moments, p) for some in kinds]
    use: Bools = np.logical_or.reduce([s.before > 0.0 for s in sides]) & np.logical_or.reduce(
        [s.after > 0.0 for s in sides]
    )
    sides = [s.picked(use) for s in sides]
    if len(kinds) == 1:
        (one,) = sides
        change = one.mean_after - one.mean_before
        cov = each * (1.0 / one.before + 1.0 / one.after)[:, None, None] + floor
    else:
        change, cov = _related(sides, each, scatter.covariance(standing, scatter.kind_deg))
        cov += floor
    if standing:
        (one,) = sides
        change[:, TURN] = _wrapped(change[:, TURN])
        loose = np.where(one.after[:, None] > 1.0, 1.0, np.array([p.alone, 1.0, p.alone, 1.0, p.alone]))
        cov *= loose[:, :, None] * loose[:, None, :]
        cov += _bent(np.maximum(change[:, 0] - change[:, 2], 0.0), one.after, p)
        variance = one.noise[:, TURN] + (axes_sd * one.follows) ** 2
        cov[:, TURN, TURN] += p.turn_doubt**2 * variance * (1.0 + (variance / p.unsure**2) ** 2)
    return use, change, cov


@dataclass(frozen=True, slots=True)
class _Sides:
    """Sights of one kind before and after n moments: sums of weights (n,), means (n, m); of both sides, mean noise
    (n, m), and the difference (n,) of how much they follow the axes."""

    before: Floats
    after: Floats
    mean_before: Floats
    mean_after: Floats
    noise: Floats
    follows: Floats

    def picked(self, use: Bools) -> "_Sides":
        """Some of the moments."""
        return _Sides(*(getattr(self, field.name)[use] for field in fields(self)))


def _sides(own: list[Sight], moments: Ints, p: ChangeParameters) -> _Sides:
    ends, begins = np.array([s.end for s in own]), np.array([s.begin for s in own])
    before = np.searchsorted(ends, moments, "right")[:, None]
    after = np.searchsorted(begins, moments, "left")[:, None]
    standing = own[0].kind == STANDING
    window = p.window if standing else p.window_cycles
    number = np.arange(len(own))
    weight = np.array([s.weight for s in own])
    angles = np.array([s.angles for s in own])
    one = weight * ((number < before) & (number >= before - window))
    two = weight * ((number >= after) & (number < after + window))
    if standing:
        bent = angles[:, 0] - angles[:, 2]
        one, two = one * _straight(one > 0.0, bent, p), two * _straight(two > 0.0, bent, p)
    w_before, w_after = one.sum(axis=1), two.sum(axis=1)
    one /= np.maximum(w_before, 1e-9)[:, None]
    two /= np.maximum(w_after, 1e-9)[:, None]
    noise = np.array([s.noise for s in own])
    follows = np.array([s.follows for s in own])
    sides = _Sides(w_before, w_after, one @ angles, two @ angles, (one + two) @ noise, (two - one) @ follows)
    if standing and noise[:, TURN].any():
        # A standing while the heading was unknown tells of the tilts alone.
        surely = 1.0 / (1.0 + noise[:, TURN] / p.unsure**2)
        one, two = one * surely, two * surely
        one /= np.maximum(one.sum(axis=1), 1e-9)[:, None]
        two /= np.maximum(two.sum(axis=1), 1e-9)[:, None]
        sides.mean_before[:, TURN], sides.mean_after[:, TURN] = one @ angles[:, TURN], two @ angles[:, TURN]
        sides.noise[:, TURN] = (one + two) @ noise[:, TURN]
        sides.follows[:] = (two - one) @ follows
    return sides


def _bent(further: Floats, after: Floats, p: ChangeParameters) -> Floats:
    """(n, 5, 5) what standings with a bent knee may have changed. further (n,): rad by which the knee seems to be bent
    more; after (n,): how many standings show it."""
    sagittal = np.where(further > 0.0, p.bends, 0.0)
    far = np.maximum(further - p.bent, 0.0)
    size = np.stack([sagittal, p.bent_aside * far, -sagittal, p.bent_aside * far, p.bent_turns * far], axis=1)
    size /= np.maximum(after, 0.5)[:, None] ** (0.5 * p.bends_again)
    together = np.eye(5)
    together[0, 2] = together[2, 0] = p.bends_common
    return np.asarray(size[:, :, None] * size[:, None, :] * together)


def _straight(mask: Bools, bent: Floats, p: ChangeParameters) -> Floats:
    """(n, s) how much standings count of those in each row of the mask: little where the knee is bent more than in most
    of them. bent (s,): sagittal tilt of the thigh less that of the shank."""
    values = np.sort(np.where(mask, bent, np.inf), axis=1)
    at = np.maximum(mask.sum(axis=1) - 1, 0) // 4
    usual = np.take_along_axis(values, at[:, None], axis=1)
    usual[~np.isfinite(usual)] = 0.0
    further: Floats = np.maximum(bent - usual, 0.0) / p.bent
    return 1.0 / (1.0 + further**4)


def _related(sides: list[_Sides], each: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """(u, m) change common to the kinds of a family, whose means lie `apart` (m, m) about one that is not known, and
    its covariance (u, m, m): generalised least squares, the kinds' and the family's means eliminated."""
    precision, between = np.linalg.inv(each), np.linalg.inv(apart)
    u, m = sides[0].mean_before.shape
    both, crossed, late = np.zeros((u, m, m)), np.zeros((u, m, m)), np.zeros((u, m, m))
    mean, jump = np.zeros((u, m)), np.zeros((u, m))
    for s in sides:
        p_before, p_after = s.before[:, None, None] * precision, s.after[:, None, None] * precision
        v_before = np.einsum("nij,nj->ni", p_before, s.mean_before)
        v_after = np.einsum("nij,nj->ni", p_after, s.mean_after)
        kept = np.linalg.inv(p_before + p_after + between)
        all_, v_all = p_before + p_after, v_before + v_after
        both += all_ - all_ @ kept @ all_
        crossed += p_after - p_after @ kept @ all_
        late += p_after - p_after @ kept @ p_after
        mean += v_all - np.einsum("nij,nj->ni", all_ @ kept, v_all)
        jump += v_after - np.einsum("nij,nj->ni", p_after @ kept, v_all)
    gain = crossed @ np.linalg.inv(both)
    cov: Floats = np.asarray(np.linalg.inv(late - gain @ crossed.transpose(0, 2, 1)), np.float64)
    return np.einsum("nij,nj->ni", cov, jump - np.einsum("nij,nj->ni", gain, mean)), cov


def _steps(own: list[Sight], standing: bool) -> Floats:
    """(s, m) from each sight of a kind, that tells how this person's differ, to the next."""
    steps = np.diff([s.angles for s in own if s.weight >= _OWN] or np.zeros((1, len(own[0].angles))), axis=0)
    if standing:
        steps[:, TURN] = _wrapped(steps[:, TURN])
    return steps


def _shares(own: list[Sight]) -> Floats:
    """(s,) factor on the variance of one sight, of each step."""
    weight = np.array([s.weight for s in own if s.weight >= _OWN])
    return np.asarray(1.0 / weight[1:] + 1.0 / weight[:-1])


_OWN = 0.5
"""Least weight of sights that tell how this person's differ: not of a further look at the same stance."""


def _own_scale(steps: Floats, shares: Floats, variance: Floats, p: ChangeParameters) -> Floats:
    """(m,) how much more (or less) than usual this person differs from one sight (of a kind) to the next, as a factor
    on variances. shares: (s,) of a step, in variances. One large step, which may be the slip itself, counts little."""
    scaled = steps**2 / (variance * shares[:, None])
    total = np.minimum(scaled, p.step_most).sum(axis=0)
    scale: Floats = np.maximum((p.usual + total) / (p.usual + len(steps)), p.least_scale)
    return scale


def _wrapped(angles: Floats) -> Floats:
    """(n,) into -pi to pi."""
    return np.asarray((angles + np.pi) % (2.0 * np.pi) - np.pi)


def with_axes(sight: Sight, axes: float) -> Sight:
    """A standing, with what is believed now of the axes (rad)."""
    if sight.follows == 0.0:
        return sight
    angles = sight.angles.copy()
    angles[TURN] -= sight.follows * (axes - sight.axes)
    return replace(sight, angles=angles, axes=axes)
