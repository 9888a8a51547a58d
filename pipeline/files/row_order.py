"""Rows of an imported file in the order of their time: what a logger, a spreadsheet or a radio did to them is undone.

From the time column alone. Rows without a time, and single rows whose time stands apart from that of the rows around
them, are left out. Where the clock starts again (a jump back of more than a second that stays), the rest is moved
behind what came before, with a hole of a second, because how much time passed is not known. Then the rows are sorted
(stably) and of rows with equal times the first is kept. Everything is counted; nothing is interpolated.
"""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import Floats, Ints

JUMP_S = 1.0
"""A step back of more than this that lasts is a clock that started again; a time further than this from those of both
neighbours is wrong. Sensors buffer less than this, so rows that were only late stay within it."""
_SHUFFLED = 0.02
"""Share of steps back above which the file is in no order at all: then it is only sorted."""
_BACKWARDS = 0.75
"""Share of steps back above which time as a whole runs backwards."""
_LASTING = 10


@dataclass(frozen=True, slots=True)
class RowOrder:
    """Which rows to take, in which order, and at what time.

    rows: (m,) indices into the file. time_s: (m,) strictly increasing. The rest counts rows, and clock restarts.
    """

    rows: Ints
    time_s: Floats
    without_time: int
    wrong_time: int
    duplicated: int
    reordered: int
    clock_restarts: int

    def counts(self) -> dict[str, int]:
        """What was found, without the zeros."""
        names = ("without_time", "wrong_time", "duplicated", "reordered", "clock_restarts")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def runs_backwards(time_s: Floats) -> bool:
    """Whether most steps of the (n,) times go back."""
    steps = np.diff(time_s[np.isfinite(time_s)])
    return len(steps) > 0 and float(np.mean(steps < 0)) > _BACKWARDS


def order_rows(time_s: Floats) -> RowOrder:
    """The order of rows with the (n,) times, see the module."""
    rows = np.flatnonzero(np.isfinite(time_s))
    without_time = len(time_s) - len(rows)
    time = time_s[rows]
    shuffled = len(time) > 1 and float(np.mean(np.diff(time) < 0)) > _SHUFFLED
    wrong_time = restarts = 0
    if not shuffled:
        apart = _standing_apart(time)
        wrong_time = int(apart.sum())
        rows, time = rows[~apart], time[~apart]
        time, restarts = _continued(time)
    late = np.zeros(len(time), bool)
    if len(time):
        late[1:] = time[1:] < np.maximum.accumulate(time)[:-1]
    order = np.argsort(time, kind="stable")
    rows, time = rows[order], time[order]
    first = np.ones(len(time), bool)
    first[1:] = np.diff(time) > 0
    return RowOrder(
        rows=rows[first],
        time_s=time[first],
        without_time=without_time,
        wrong_time=wrong_time,
        duplicated=int((~first).sum()),
        reordered=int(late.sum()),
        clock_restarts=restarts,
    )


def _standing_apart(time: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,) rows further than JUMP_S from the median of the five rows around them."""
    if len(time) < 5:
        return np.zeros(len(time), bool)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(time, 2, mode="reflect"), 5)
    return np.abs(time - np.median(around, axis=1)) > JUMP_S


def _continued(time: Floats) -> tuple[Floats, int]:
    """Times with every clock restart moved behind what came before, and how many there were."""
    continued = time.copy()
    restarts = 0
    for step in np.flatnonzero(np.diff(time) < -JUMP_S) + 1:
        before = float(continued[:step].max())
        if float(np.median(continued[step : step + _LASTING])) < before - JUMP_S:
            continued[step:] += before + JUMP_S - continued[step]
            restarts += 1
    return continued, restarts
