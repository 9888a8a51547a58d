"""The unloaded path while the heading filter is still learning.

The path is fitted to the calibration's flexions with the heading and the frames as they were believed at their end.
Walking tells both better; the flexions then look different, and so does their path. It follows the filter's states
here, so that an angle and the path that is taken off it are always seen through the same frames.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from calibration.unloaded_path import UnloadedPath
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats
from pipeline.heading_model import FLEXED, SHANK, STATES, THIGH


@dataclass(frozen=True, slots=True)
class TiedPath:
    """The unloaded path, tied to what the heading filter believes: `path` was fitted with `states` (8,); change
    (2, 3) says how slope and bend change with the flexions' heading, the thigh's and the shank's frame (per rad), None
    where they do not.
    errors (12,): the accelerometers' with which it was fitted."""

    path: UnloadedPath = field(default_factory=UnloadedPath)
    states: Floats = field(default_factory=lambda: np.zeros(STATES))
    change: Floats | None = None
    errors: Floats = field(default_factory=lambda: np.zeros(12))

    def at(self, flexion: Floats, states: Floats) -> Floats:
        """(n,) rad, for flexion (n,) and states (8, n), element by element."""
        bent = self.path.held(flexion)
        if self.change is None:
            return self.path.slope * bent + self.path.bend * (bent * bent)
        moved = [states[k] - self.states[k] for k in TIED]
        slope, bend = (
            start + c[0] * moved[0] + c[1] * moved[1] + c[2] * moved[2]
            for start, c in zip((self.path.slope, self.path.bend), self.change.tolist(), strict=True)
        )
        along: Floats = (slope + bend * bent) * bent
        return along

    @property
    def known(self) -> bool:
        """Whether flexions were seen."""
        return self.path.known

    def far(self, states: Floats, errors: Floats) -> bool:
        """Whether the states (8,) have gone too far for a straight line, or the accelerometers' errors (12,) changed
        what flexions look like: the path should be fitted anew."""
        if not self.known:
            return False
        leant = np.abs(errors - self.errors).reshape(2, 2, 3).max(axis=(0, 2)) / (STANDARD_GRAVITY, 1.0)
        return bool(np.abs((states - self.states)[list(TIED)]).max() > _FAR or leant.max() > _LEANT)

    def now(self, states: Floats) -> UnloadedPath:
        """The curve under these states (8,)."""
        if self.change is None:
            return self.path
        slope, bend = self.change @ (states - self.states)[list(TIED)]
        return replace(self.path, slope=self.path.slope + float(slope), bend=self.path.bend + float(bend))


_FAR = np.deg2rad(8.0)
_LEANT = np.deg2rad(0.15)
TIED = (FLEXED, THIGH, SHANK)
"""States that change what the calibration's flexions looked like."""
