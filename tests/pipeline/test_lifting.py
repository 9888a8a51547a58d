"""A lifted knee tells which sensor is where, whatever way round they are worn; what is unclear is asked for again."""

import asyncio

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from firmware_interface.drivers.registry import driver
from firmware_interface.samples import STANDARD_GRAVITY, Floats
from firmware_interface.scanning import scan
from firmware_interface.virtual.radio import VirtualRadio
from pipeline.commands.lifting import Lifted, LiftWatch
from pipeline.commands.placing import placer
from pipeline.errors import KneetrackError
from pipeline.records import Segment, Side
from tests.pipeline.made_legs import smooth

RATE = 60.0
_UP_S, _LIFT_S = 2.5, 1.0


class _Worn:
    """One sensor: turned by `turn_deg` in a lift that begins at 2.5 s and is held, and shaken meanwhile."""

    def __init__(self, seed: int, turn_deg: float, travel_m_s2: float, period_s: float = 1e9) -> None:
        rng = np.random.default_rng(seed)
        self.rate_hz = RATE
        self._mounted = Rotation.random(random_state=rng)
        self._turn, self._travel, self._rng, self._period = np.radians(turn_deg), travel_m_s2, rng, period_s

    def read(self, start_s: float, end_s: float) -> tuple[Floats, Floats, Floats]:
        t = np.arange(np.ceil(start_s * RATE), np.ceil(end_s * RATE)) / RATE
        share = smooth(((t % self._period) - _UP_S) / _LIFT_S)
        angle = self._turn * share + 0.01 * np.sin(2.0 * t)
        moving = (share > 0.0) & (share < 1.0)
        turned = Rotation.from_euler("y", angle[:, None]).inv()
        acc = turned.apply(np.tile([0.0, 0.0, STANDARD_GRAVITY], (len(t), 1)))
        acc[:, 2] += self._travel * moving * np.sin(2.0 * np.pi * ((t % self._period) - _UP_S) / _LIFT_S)
        acc += 0.05 * self._rng.standard_normal((len(t), 3))
        rate = np.gradient(angle) * RATE if len(t) > 1 else np.zeros(len(t))
        gyr = np.stack([0 * rate, rate, 0 * rate], axis=-1) + 0.01 * self._rng.standard_normal((len(t), 3))
        return t, self._mounted.apply(acc), self._mounted.apply(gyr)


def _lift(*worn: _Worn, seconds: float = 6.0) -> Lifted | None:
    """Samples of each sensor in turn, as notifications bring them."""
    watch = LiftWatch(range(len(worn)))
    for begin in np.arange(0.0, seconds, 0.05):
        for number, each in enumerate(worn):
            times, acc, gyr = each.read(begin, begin + 0.05)
            if len(times):
                watch.add(number, float(times[-1]), acc, gyr)
        found = watch.found()
        if found is not None:
            return found
    return None


@pytest.mark.parametrize("seed", range(5))
def test_the_thigh_turns_and_the_shank_travels(seed: int) -> None:
    shank, thigh = _Worn(seed, 12.0, 3.0), _Worn(seed + 50, 75.0, 2.0)
    assert _lift(shank, thigh) == Lifted(thigh=1, shank=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_standing_leg_is_told_from_the_lifted_one(seed: int) -> None:
    worn = [_Worn(seed, 3.0, 0.2), _Worn(seed + 10, 8.0, 3.0), _Worn(seed + 20, 70.0, 2.0), _Worn(seed + 30, 2.0, 0.1)]
    assert _lift(*worn) == Lifted(thigh=2, shank=1)


@pytest.mark.parametrize(
    ("worn", "why"),
    [
        ([_Worn(1, 70.0, 2.0), _Worn(2, 65.0, 2.0)], "let the lower leg hang"),
        ([_Worn(1, 70.0, 2.0), _Worn(2, 8.0, 2.0), _Worn(3, 7.0, 2.0), _Worn(4, 1.0, 0.0)], "the other leg moved too"),
        ([_Worn(1, 70.0, 2.0)], "switch the other one on"),
    ],
)
def test_what_is_unclear_is_not_guessed(worn: list[_Worn], why: str) -> None:
    found = _lift(*worn)
    assert found is not None and why in found.repeat and found.thigh == -1


def test_a_small_lift_is_none() -> None:
    assert _lift(_Worn(1, 30.0, 2.0), _Worn(2, 5.0, 2.0)) is None


async def test_over_the_radio() -> None:
    """Two sensors whose names tell nothing, on a person who lifts the knee every six seconds."""
    told: list[str] = []
    async with VirtualRadio(seed=1) as radio:
        for address, worn in (("one", _Worn(1, 10.0, 3.0, 6.0)), ("two", _Worn(2, 75.0, 2.0, 6.0))):
            await radio.add_sensor(driver("open_format"), worn, name=f"IMU {address}")
        found = await scan(3.0, backend=radio.backend, enough=2)
        place = placer(lambda text, repeat: told.append(text), lambda: False, 30.0)
        places = await asyncio.wait_for(place(found, [Side.RIGHT], radio.backend), 60.0)
    names = {segment.value: each.advertisement.name for (_, segment), each in places.items()}
    assert names == {Segment.THIGH.value: "IMU two", Segment.SHANK.value: "IMU one"}
    assert told[0].startswith("Stand still") and any(text.startswith("Lift your right knee") for text in told)


async def test_nobody_lifts_a_knee() -> None:
    async with VirtualRadio(seed=1) as radio:
        for number in (1, 2):
            await radio.add_sensor(driver("open_format"), _Worn(number, 0.0, 0.0), name=f"IMU {number}")
        found = await scan(3.0, backend=radio.backend, enough=2)
        place = placer(lambda text, repeat: None, lambda: False, 1.0)
        with pytest.raises(KneetrackError, match="--sensor left-thigh=ADDRESS"):
            await place(found, [Side.LEFT], radio.backend)
