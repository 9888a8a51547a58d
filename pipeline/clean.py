"""The clean movement against which a collapse is judged: abduction excess and medial collapse by knee flexion.

A curve per activity, straight between knots of flexion and held beyond them, each with the spread of clean movement
about it. The population's curves are the default (population.py); a person's own come from guided repetitions or steps
done slowly and well, the median over them (never from the movement being judged: a reference taken from collapsing
repetitions absorbs the collapse).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.blocks import Activity, Bools, Floats, LegBlock
from pipeline.errors import BadInputError
from pipeline.rows import StepRow

_KNOTS_DEG = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 105.0)
_NEAR_DEG = 10.0
_FEWEST_ROWS = 10
FEWEST_REPETITIONS = 2
_LEAST_SD_DEG = 0.7
"""Clean repetitions of one person differ by so much (within-person spread in simulation 0.5 to 1 deg), whatever the
few that were seen say."""
_COLUMNS = ("flexion_deg", "excess_deg", "collapse_deg", "excess_sd_deg", "collapse_sd_deg")


@dataclass(frozen=True, slots=True)
class CleanCurve:
    """Abduction excess and medial collapse (deg) of clean movement at rising flexion (deg).

    excess_sd_deg, collapse_sd_deg: standard deviation of clean repetitions about the curve; one value serves all knots.
    """

    flexion_deg: tuple[float, ...] = (0.0,)
    excess_deg: tuple[float, ...] = (0.0,)
    collapse_deg: tuple[float, ...] = (0.0,)
    excess_sd_deg: tuple[float, ...] = (1.3,)
    collapse_sd_deg: tuple[float, ...] = (3.0,)

    def __post_init__(self) -> None:
        n = len(self.flexion_deg)
        rising = all(a < b for a, b in zip(self.flexion_deg, self.flexion_deg[1:], strict=False))
        if n == 0 or len(self.excess_deg) != n or len(self.collapse_deg) != n or not rising:
            raise BadInputError("clean reference: give as many excess_deg and collapse_deg as rising flexion_deg")
        for name in ("excess_sd_deg", "collapse_sd_deg"):
            values = getattr(self, name)
            if len(values) not in (1, n) or any(v < 0.0 for v in values):
                raise BadInputError(f"clean reference: give one {name}, or one for each flexion_deg, none below 0")
            object.__setattr__(self, name, values * n if len(values) == 1 else values)
        if not all(isfinite(v) for name in _COLUMNS for v in getattr(self, name)):
            raise BadInputError("clean reference: every angle must be a finite number")

    def at(self, flexion_deg: float) -> tuple[float, float]:
        """Clean excess and collapse (deg) at a flexion (deg)."""
        left, share = self._between(flexion_deg)
        return _mixed(self.excess_deg, left, share), _mixed(self.collapse_deg, left, share)

    def sd_at(self, flexion_deg: float) -> tuple[float, float]:
        """Standard deviations of clean excess and collapse (deg) at a flexion (deg)."""
        left, share = self._between(flexion_deg)
        return _mixed(self.excess_sd_deg, left, share), _mixed(self.collapse_sd_deg, left, share)

    def _between(self, flexion_deg: float) -> tuple[int, float]:
        """The knot to the left, and how far it is (0 to 1) from there to the next."""
        knots = self.flexion_deg
        right = bisect_right(knots, flexion_deg)
        if right == 0:
            return 0, 0.0
        if right == len(knots):
            return right - 1, 0.0
        return right - 1, (flexion_deg - knots[right - 1]) / (knots[right] - knots[right - 1])


def _mixed(values: tuple[float, ...], left: int, share: float) -> float:
    return values[left] if share == 0.0 else values[left] + share * (values[left + 1] - values[left])


@dataclass(frozen=True, slots=True)
class CleanReference:
    """A clean curve per activity; `other` serves where an activity has none."""

    curves: Mapping[Activity, CleanCurve] = field(
        default_factory=lambda: MappingProxyType({Activity.OTHER: CleanCurve()})
    )

    def of(self, activity: Activity) -> CleanCurve:
        """The curve of an activity."""
        return self.curves.get(activity) or self.curves.get(Activity.OTHER) or CleanCurve()

    def lowest(self) -> tuple[float, float]:
        """The lowest clean excess and collapse (deg) of all curves."""
        curves = self.curves.values() or [CleanCurve()]
        return min(min(c.excess_deg) for c in curves), min(min(c.collapse_deg) for c in curves)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for a profile."""
        return {
            activity.label: {name: list(getattr(curve, name)) for name in _COLUMNS}
            for activity, curve in self.curves.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], base: "CleanReference | None" = None) -> "CleanReference":
        """From JSON values; what they do not name is as in `base`. Raises BadInputError."""
        curves = dict(base.curves) if base is not None else {}
        for label, curve in values.items():
            try:
                columns = {k: tuple(_number(v) for v in curve[k]) for k in _COLUMNS if k in curve or k in _COLUMNS[:3]}
                if set(curve) - set(_COLUMNS):
                    raise KeyError(label)
                curves[Activity[label.upper()]] = CleanCurve(**columns)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise BadInputError(
                    f'clean reference "{label}": not an activity with lists of flexion_deg, excess_deg, collapse_deg'
                ) from None
        return cls(MappingProxyType(curves))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return float(value)


def guided_pieces(block: LegBlock, steps: Sequence[StepRow]) -> list[tuple[Activity, LegBlock, Bools]]:
    """Of each step or repetition (of this leg) its rows and which are loaded: contact to toe-off, if any."""
    pieces = []
    for step in steps:
        first, last = (round(t * block.rate_hz) - block.start for t in (step.start_s, step.end_s))
        piece = block.cut(max(first, 0), max(last, 0))
        contact = step.toe_off_s - step.stance_s if isfinite(step.stance_s) else step.start_s
        toe_off = step.toe_off_s if isfinite(step.toe_off_s) else step.end_s
        pieces.append((Activity[step.activity.upper()], piece, (piece.time_s >= contact) & (piece.time_s <= toe_off)))
    return pieces


def learn_clean(
    pieces: Sequence[tuple[Activity, LegBlock, Bools]], base: CleanReference | None = None
) -> CleanReference:
    """A person's own reference from guided repetitions or steps.

    pieces: of each repetition or step its activity, its rows, and which of them are loaded. A knot's values are the
    medians over the repetitions of each one's mean near it, so that a single bad one does no harm. Knots that fewer
    than FEWEST_REPETITIONS reach are left out, activities without knots stay as `base` has them.
    """
    curves = dict((base or CleanReference()).curves)
    for activity in {piece[0] for piece in pieces}:
        own = [_at_knots(block, loaded & block.valid) for a, block, loaded in pieces if a is activity]
        values = np.stack(own)
        reached = np.isfinite(values[:, :, 0]).sum(axis=0) >= FEWEST_REPETITIONS
        if not reached.any():
            continue
        excess, collapse = (values[:, reached, k] for k in range(2))
        curves[activity] = CleanCurve(
            tuple(knot for knot, there in zip(_KNOTS_DEG, reached, strict=True) if there),
            *(tuple(np.nanmedian(v, axis=0).tolist()) for v in (excess, collapse)),
            *(tuple(_spread(v).tolist()) for v in (excess, collapse)),
        )
    return CleanReference(MappingProxyType(curves))


def _at_knots(block: LegBlock, rows: Bools) -> Floats:
    """(knots, 2) mean excess and collapse (deg) near each knot; NaN where there are too few rows."""
    flexion, excess, collapse = (np.degrees(getattr(block, n)[rows]) for n in ("flexion", "excess", "collapse"))
    found = np.full((len(_KNOTS_DEG), 2), np.nan)
    for k, knot in enumerate(_KNOTS_DEG):
        near = np.abs(flexion - knot) < _NEAR_DEG
        if np.count_nonzero(near) >= _FEWEST_ROWS:
            found[k] = np.mean(excess[near]), np.mean(collapse[near])
    return found


def _spread(values: Floats) -> Floats:
    """(knots,) spread of (repetitions, knots), and how unsure the median of so few is."""
    count = np.isfinite(values).sum(axis=0)
    sd = np.maximum(np.nanstd(values, axis=0), _LEAST_SD_DEG)
    spread: Floats = sd * np.sqrt(1.0 + 1.0 / count)
    return spread
