"""The activity of each row: what a person says is being done, and what its unit turned out to be."""

from collections.abc import Sequence
from math import inf
from typing import Protocol

import numpy as np

from pipeline.blocks import Activity
from pipeline.steps import GAIT, Unit

RESTS = frozenset({Activity.STANDING, Activity.SITTING})
_WAY_S = 1.5
"""How far the way into and out of gait may reach beyond the strides."""


class SaidActivity:
    """What a person says is being done, and since which row. Rests stay rests, whatever is said."""

    def __init__(self, activity: Activity | None) -> None:
        self._said: list[tuple[float, Activity | None]] = [(-inf, activity)]

    def say(self, row: int, activity: Activity | None) -> None:
        """From a row on, later than all before."""
        self._said.append((row, activity))

    @property
    def silent(self) -> bool:
        """Nothing is said, and nothing that was still counts."""
        return all(activity is None for _, activity in self._said)

    def at(self, row: float) -> Activity | None:
        """What holds at a row."""
        return next(activity for since, activity in reversed(self._said) if since <= row)

    def forget(self, row: float) -> None:
        """No row before this one will be asked for."""
        while len(self._said) > 1 and self._said[1][0] <= row:
            del self._said[0]

    def told(self, start: int, codes: list[int]) -> list[int]:
        """Activity codes of the rows from index start on, in the person's words."""
        if self.silent:
            return codes
        for k, code in enumerate(codes):
            word = self.at(start + k)
            if word is not None and code not in RESTS:
                codes[k] = int(word)
        return codes


class Done(Protocol):
    """A finished unit and what it was."""

    @property
    def activity(self) -> Activity: ...

    @property
    def unit(self) -> Unit: ...


def settled(start: int, codes: list[int], known: list[bool], done: Sequence[Done], rate_hz: float) -> list[int]:
    """Final activity of every row: that of its unit; standing and sitting as seen; the way into and out of gait belongs
    to the stride it leads to; all else is `other`."""
    gait = {int(a) for a in (*GAIT, Activity.OTHER)}
    reach = round(_WAY_S * rate_hz)
    final = [c if c in RESTS else 0 for c in codes]
    for d in done:
        if d.activity in GAIT:
            begin, end = int(d.unit.begin) - start, int(d.unit.end) - start
            for row in range(max(0, begin - reach), min(len(codes), end + reach)):
                if known[row] and codes[row] in gait:
                    final[row] = int(d.activity)
    for d in done:
        begin, end = int(np.ceil(d.unit.begin)) - start, int(d.unit.end) + 1 - start
        final[max(0, begin) : end] = [int(d.activity)] * (min(end, len(codes)) - max(0, begin))
    return final
