"""The error budget: what each cause of error costs, found by switching causes off one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.simulation.person import Person
from pipeline.simulation.wearing import Wearing
from tests.benchmarks.people import causal, errors, floor, offline, rmse, rows_of, simulated_leg

_NONE = (0.0, 0.0, 0.0)


def _imu(**values: Any) -> Callable[[Wearing], Wearing]:
    return lambda worn: replace(worn, imu=replace(worn.imu, **values))


def _tissue(**values: Any) -> Callable[[Wearing], Wearing]:
    return lambda worn: replace(worn, tissue=replace(worn.tissue, **values))


_SCALES = {"gyr_scale": _NONE, "gyr_skew": _NONE, "acc_scale": _NONE, "acc_skew": _NONE}
_REPEATABLE = {"flexion_deg": _NONE, "bulge_deg": _NONE, "loaded_deg": _NONE, "hip_deg": _NONE, "shift_m": _NONE}
CAUSES: dict[str, Callable[[Wearing], Wearing]] = {
    "nothing": lambda worn: worn,
    "gyroscope bias": _imu(gyr_bias=_NONE, gyr_walk=0.0),
    "accelerometer bias": _imu(acc_bias=_NONE),
    "scale and misalignment": _imu(**_SCALES),
    "noise, g-sensitivity": _imu(gyr_noise=0.0, acc_noise=0.0, g_sensitivity=_NONE),
    "clock skew and jitter": _imu(skew_ppm=0.0, jitter_s=0.0),
    "heel strikes": lambda worn: replace(worn, shock=0.0),
    "tissue: wobble": _tissue(wobble_deg=_NONE, wobble_m=_NONE),
    "tissue: with flexion": _tissue(**_REPEATABLE),
    "tissue: under load, hip": _tissue(loaded_deg=_NONE, hip_deg=_NONE),
    "tissue: all": _tissue(wobble_deg=_NONE, wobble_m=_NONE, **_REPEATABLE),
}
GROUPS = ("walking", "other")
ANGLES = ("flexion", "abduction", "rotation", "excess")


@dataclass
class Budget:
    """rmse: (cause that is off, kind, group, angle) to deg."""

    seed: int
    rmse: dict[tuple[str, str, str, str], float]


def budget(seed: int) -> Budget:
    """One person, once for each cause."""
    result = {}
    for cause, change in CAUSES.items():

        def without(person: Person, change: Callable[[Wearing], Wearing] = change) -> Person:
            return replace(person, wearing={key: change(worn) for key, worn in person.wearing.items()})

        leg = simulated_leg(seed, change=without)
        for kind, block, after_s in (
            ("offline", offline(leg), 0.0),
            ("causal", causal(leg), 60.0),
            ("floor", floor(leg), 0.0),
        ):
            found = errors(leg, block)
            for group in GROUPS:
                rows = rows_of(leg, block, group, after_s)
                for angle in ANGLES:
                    result[cause, kind, group, angle] = rmse(found[angle][rows])
    return Budget(seed, result)


def report(people: list[Budget]) -> None:
    """Print, per cause that is off, the mean-square error of people and rows."""
    print(
        f"{len(people)} people, seeds {people[0].seed} to {people[-1].seed}; RMSE in deg over people, walking / other"
    )
    print(f"{'switched off':<26}" + "".join(f"{f'{a} {k}':>21}" for a in ("abduction", "excess") for k in _KINDS))
    for cause in CAUSES:
        cells = []
        for angle in ("abduction", "excess"):
            for kind in _KINDS:
                values = [np.sqrt(np.mean([p.rmse[cause, kind, g, angle] ** 2 for p in people])) for g in GROUPS]
                cells.append(f"{values[0]:14.2f} / {values[1]:4.2f}")
        print(f"{cause:<26}" + "".join(cells))


_KINDS = ("offline", "causal", "floor")
