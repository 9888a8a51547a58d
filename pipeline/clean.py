"""The clean movement against which a collapse is judged: abduction excess and medial collapse by knee flexion.

A curve per activity, straight between knots of flexion and held beyond them. The population's curves are the default;
a person's own come from guided repetitions or steps done slowly and well (never from the movement being judged: a
reference taken from collapsing repetitions absorbs the collapse).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.blocks import Activity, Bools, LegBlock
from pipeline.errors import BadInputError

_KNOTS_DEG = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 105.0)
_FEWEST_ROWS = 30


@dataclass(frozen=True, slots=True)
class CleanCurve:
    """Abduction excess and medial collapse (deg) of clean movement at rising flexion (deg)."""

    flexion_deg: tuple[float, ...] = (0.0,)
    excess_deg: tuple[float, ...] = (0.0,)
    collapse_deg: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        n = len(self.flexion_deg)
        rising = all(a < b for a, b in zip(self.flexion_deg, self.flexion_deg[1:], strict=False))
        if n == 0 or len(self.excess_deg) != n or len(self.collapse_deg) != n or not rising:
            raise BadInputError("clean reference: give as many excess_deg and collapse_deg as rising flexion_deg")

    def at(self, flexion_deg: float) -> tuple[float, float]:
        """Clean excess and collapse (deg) at a flexion (deg)."""
        knots = self.flexion_deg
        right = bisect_right(knots, flexion_deg)
        if right == 0:
            return self.excess_deg[0], self.collapse_deg[0]
        if right == len(knots):
            return self.excess_deg[-1], self.collapse_deg[-1]
        left = right - 1
        share = (flexion_deg - knots[left]) / (knots[right] - knots[left])
        return (
            self.excess_deg[left] + share * (self.excess_deg[right] - self.excess_deg[left]),
            self.collapse_deg[left] + share * (self.collapse_deg[right] - self.collapse_deg[left]),
        )


@dataclass(frozen=True, slots=True)
class CleanReference:
    """A clean curve per activity; `other` serves where an activity has none."""

    curves: Mapping[Activity, CleanCurve] = field(
        default_factory=lambda: MappingProxyType({Activity.OTHER: CleanCurve()})
    )

    def of(self, activity: Activity) -> CleanCurve:
        """The curve of an activity."""
        return self.curves.get(activity) or self.curves.get(Activity.OTHER) or CleanCurve()

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for a profile."""
        return {
            activity.label: {
                "flexion_deg": list(curve.flexion_deg),
                "excess_deg": list(curve.excess_deg),
                "collapse_deg": list(curve.collapse_deg),
            }
            for activity, curve in self.curves.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CleanReference":
        """From JSON values. Raises BadInputError."""
        curves = {}
        for label, curve in values.items():
            try:
                columns = [tuple(float(v) for v in curve[k]) for k in ("flexion_deg", "excess_deg", "collapse_deg")]
                curves[Activity[label.upper()]] = CleanCurve(*columns)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise BadInputError(
                    f'clean reference "{label}": not an activity with lists of flexion_deg, excess_deg, collapse_deg'
                ) from None
        return cls(MappingProxyType(curves))


def learn_clean(
    pieces: Sequence[tuple[Activity, LegBlock, Bools]], base: CleanReference | None = None
) -> CleanReference:
    """A person's own reference from guided repetitions or steps.

    pieces: activity, rows, and which of them are loaded. Where an activity has too few valid rows near a knot, the
    neighbouring knots decide; where it has too few at all, `base` does.
    """
    curves = dict((base or CleanReference()).curves)
    for activity in {piece[0] for piece in pieces}:
        own = [(block, loaded & block.valid) for a, block, loaded in pieces if a is activity]
        flexion, excess, collapse = (
            np.degrees(np.concatenate([getattr(block, name)[rows] for block, rows in own]))
            for name in ("flexion", "excess", "collapse")
        )
        found = []
        for knot in _KNOTS_DEG:
            near = np.abs(flexion - knot) < 10.0
            if np.count_nonzero(near) >= _FEWEST_ROWS:
                found.append((knot, float(np.mean(excess[near])), float(np.mean(collapse[near]))))
        if found:
            curves[activity] = CleanCurve(*(tuple(column) for column in zip(*found, strict=True)))
    return CleanReference(MappingProxyType(curves))
