"""Which sensor sits where, told by a movement: lift one knee, let the lower leg hang, hold it.

In a lifted leg the thigh turns by some 60 to 90 deg against gravity and stays there, the hanging shank hardly turns but
travels with it, and the leg that one stands on does neither. So gravity before and during the hold tells the thigh, and
who moved tells the shank. What is not clear is asked for again, with the reason: a guess would swap thigh and shank.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import acos, degrees

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY, Floats

TURNED_DEG = 40.0
"""Least turn of a lifted thigh."""
ALIKE = 0.6
"""A shank that turns by more than this share of the thigh does not hang."""
APART = 2.0
"""The lifted leg's shank moves so many times as much as anything on the other leg."""
_STILL_S = 1.0
_HOLD_S = 0.5
_QUIET_RAD_S = 0.35
_QUIET_M_S2 = 0.8


@dataclass(frozen=True, slots=True)
class Lifted:
    """The sensors of the lifted leg, by number; `repeat` is what was unclear, empty where nothing was."""

    thigh: int = -1
    shank: int = -1
    repeat: str = ""


@dataclass(slots=True)
class _Watched:
    """One sensor: its last second, what was up in standing, and how much it has moved since."""

    times: deque[float] = field(default_factory=deque)
    acc: deque[Floats] = field(default_factory=deque)
    gyr: deque[Floats] = field(default_factory=deque)
    up: Floats | None = None
    moved: float = 0.0
    last_s: float = 0.0

    def recent(self, seconds: float) -> tuple[Floats, Floats] | None:
        """Acceleration and rate of the last seconds; None where they are not covered."""
        if not self.times or self.times[-1] - self.times[0] < 0.8 * seconds:
            return None
        first = next(i for i, t in enumerate(self.times) if t > self.times[-1] - seconds)
        return np.array(list(self.acc)[first:]), np.array(list(self.gyr)[first:])

    def quiet(self, seconds: float) -> Floats | None:
        """(3,) the upward direction where it kept still so long; None where it did not."""
        found = self.recent(seconds)
        if found is None:
            return None
        acc, gyr = found
        if len(acc) < 5 or gyr.std(axis=0).max() > _QUIET_RAD_S or acc.std(axis=0).max() > _QUIET_M_S2:
            return None
        mean: Floats = acc.mean(axis=0)
        size = float(np.linalg.norm(mean))
        return mean / size if abs(size - STANDARD_GRAVITY) < 2.0 else None


class LiftWatch:
    """Follows the sensors through one lift. `add` samples as they come; `found` when the knee is held up.

    sensors : their numbers. A new watch is needed for the other leg.
    """

    def __init__(self, sensors: Sequence[int]) -> None:
        self._sensors = {number: _Watched() for number in sensors}
        self._standing = False

    @property
    def standing(self) -> bool:
        """Whether everything has kept still, so that the knee may be lifted."""
        return self._standing

    def add(self, sensor: int, time_s: float, acc: Floats, gyr: Floats) -> None:
        """Samples of one sensor that arrived at a time: acc (n, 3) m/s2, gyr (n, 3) rad/s."""
        watched = self._sensors.get(sensor)
        if watched is None or not len(acc):
            return
        step = min(0.2, max(0.0, time_s - watched.last_s))
        watched.last_s = time_s
        shake = np.abs(np.linalg.norm(acc, axis=1) - STANDARD_GRAVITY).mean() / STANDARD_GRAVITY
        watched.moved += step * float(np.linalg.norm(gyr, axis=1).mean() + 4.0 * shake)
        for a, g in zip(acc, gyr, strict=True):
            watched.times.append(time_s)
            watched.acc.append(a)
            watched.gyr.append(g)
        while watched.times[0] < time_s - 1.5 * _STILL_S:
            watched.times.popleft()
            watched.acc.popleft()
            watched.gyr.popleft()

    def found(self) -> Lifted | None:
        """What the lift tells, once; None while it is waited for. After a `repeat`, standing is waited for again."""
        if not self._standing:
            ups = {number: watched.quiet(_STILL_S) for number, watched in self._sensors.items()}
            if all(up is not None for up in ups.values()):
                self._standing = True
                for number, watched in self._sensors.items():
                    watched.up, watched.moved = ups[number], 0.0
            return None
        turned = {number: self._turned(watched) for number, watched in self._sensors.items()}
        thigh = max(turned, key=lambda number: turned[number])
        if turned[thigh] < TURNED_DEG or self._sensors[thigh].quiet(_HOLD_S) is None:
            return None
        lifted = self._judged(thigh, turned)
        self._standing = False
        return lifted

    def _judged(self, thigh: int, turned: dict[int, float]) -> Lifted:
        others = sorted((n for n in turned if n != thigh), key=lambda n: -self._sensors[n].moved)
        if not others:
            return Lifted(repeat="one sensor alone sends: switch the other one on")
        shank = others[0]
        if turned[shank] > ALIKE * turned[thigh]:
            return Lifted(repeat="both sensors turned alike: let the lower leg hang straight down")
        if len(others) > 1 and self._sensors[shank].moved < APART * self._sensors[others[1]].moved:
            return Lifted(repeat="the other leg moved too: keep it still, and hold on to something")
        return Lifted(thigh, shank)

    @staticmethod
    def _turned(watched: _Watched) -> float:
        """Degrees by which gravity has turned in the sensor since the standing, over the last moment."""
        recent = watched.recent(0.3)
        if recent is None or watched.up is None:
            return 0.0
        mean = recent[0].mean(axis=0)
        size = float(np.linalg.norm(mean))
        return degrees(acos(min(1.0, max(-1.0, float(mean @ watched.up) / size)))) if size > 1.0 else 0.0
