"""Four seconds of brisk, rhythmic movement of one leg, as four curves that do not depend on how a sensor is mounted.

How fast each segment turns (the norm of its angular rate) and how hard it is shaken (the norm of the acceleration above
some 10 Hz). Only windows that show a stride's rhythm are handed on: standing, squats and sitting down say little about
which sensor is where, or the contrary of what walking says. Windows lie on the grid, so that they are the same however
the rows are cut.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Floats, GridBlock, join


@dataclass(frozen=True, slots=True)
class GaitWindowParameters:
    """Chosen on simulated people (seeds below 100) and on public walks.

    window_s: two to four strides. smooth_s: moving average of the rates. shake_s: what is slower than this average is
    no shock. shock_s: moving average of the shocks. brisk: smallest peak rate of the faster segment, rad/s (the shank
    swings at 4 to 7 in walking). rhythm: least correlation with oneself one stride later. stride_s: lengths of strides
    that are looked for.
    """

    window_s: float = 4.0
    smooth_s: float = 0.05
    shake_s: float = 0.09
    shock_s: float = 0.09
    brisk: float = 3.0
    rhythm: float = 0.7
    stride_s: tuple[float, float] = (0.7, 1.5)


@dataclass(frozen=True, slots=True)
class GaitWindow:
    """One window. number: counted from session time zero. turn: (n,) rates of thigh and shank, rad/s; shock: (n,) their
    shaking, m/s2. rate_hz: of the rows."""

    number: int
    rate_hz: float
    thigh_turn: Floats
    shank_turn: Floats
    thigh_shock: Floats
    shank_shock: Floats


class GaitWindows:
    """`update(grid)` gives the windows that these rows complete."""

    def __init__(self, parameters: GaitWindowParameters | None = None) -> None:
        self._p = parameters or GaitWindowParameters()
        self._parts: list[GridBlock] = []

    def update(self, grid: GridBlock) -> list[GaitWindow]:
        """The rows follow the last ones without a hole."""
        size = round(self._p.window_s * grid.rate_hz)
        found = []
        begin = 0
        while begin < len(grid):
            at = grid.start + begin
            end = min(len(grid), begin + size - at % size)
            self._parts.append(grid if end - begin == len(grid) else grid.cut(begin, end))
            if (grid.start + end) % size == 0:
                window = self._window(join(self._parts), size)
                self._parts = []
                if window is not None:
                    found.append(window)
            begin = end
        return found

    def _window(self, rows: GridBlock, size: int) -> GaitWindow | None:
        if len(rows) < size or not bool(rows.thigh_ok.all() and rows.shank_ok.all()):
            return None
        p, rate = self._p, rows.rate_hz
        turns = [_smoothed(np.linalg.norm(gyr, axis=1), p.smooth_s * rate) for gyr in (rows.thigh_gyr, rows.shank_gyr)]
        if max(float(turn.max()) for turn in turns) < p.brisk or self._rhythm(turns[0] + turns[1], rate) < p.rhythm:
            return None
        shocks = [self._shock(acc, rate) for acc in (rows.thigh_acc, rows.shank_acc)]
        return GaitWindow(rows.start // size, rate, *turns, *shocks)

    def _shock(self, acc: Floats, rate_hz: float) -> Floats:
        slow = np.stack([_smoothed(acc[:, k], self._p.shake_s * rate_hz) for k in range(3)], axis=1)
        return _smoothed(np.linalg.norm(acc - slow, axis=1), self._p.shock_s * rate_hz)

    def _rhythm(self, turn: Floats, rate_hz: float) -> float:
        """The largest correlation with oneself one stride later."""
        about = turn - turn.mean()
        power = float(about @ about) / len(about)
        lags = range(round(self._p.stride_s[0] * rate_hz), round(self._p.stride_s[1] * rate_hz) + 1)
        return max(float(about[:-lag] @ about[lag:]) / (len(about) - lag) for lag in lags) / max(power, 1e-12)


def _smoothed(values: Floats, length: float) -> Floats:
    """Moving average over about `length` rows, an odd number of them; the ends repeat."""
    half = max(int(length) // 2, 0)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1.0 / (2 * half + 1)), mode="valid")
