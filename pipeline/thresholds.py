"""The thresholds of valgus episodes, per activity and person, and how they are read from TOML.

Defaults: the design (abduction above the unloaded path 5, 8 and 10 deg) and, for medial collapse, the notes on public
squats of six people, in which one threshold of 6 to 7.5 deg told cued valgus from clean repetitions.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Any

from pipeline.blocks import Activity
from pipeline.clean import CleanReference
from pipeline.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds (notice, marked, strong) of one activity, deg above the clean movement."""

    excess_deg: tuple[float, float, float] = (5.0, 8.0, 10.0)
    collapse_deg: tuple[float, float, float] = (7.0, 10.0, 14.0)

    def __post_init__(self) -> None:
        for name in ("excess_deg", "collapse_deg"):
            values = getattr(self, name)
            if len(values) != 3 or not 0.0 < values[0] <= values[1] <= values[2]:
                raise BadInputError(f"valgus thresholds: {name} must be three rising angles above 0, not {values}")


@dataclass(frozen=True, slots=True)
class ValgusParameters:
    """Thresholds and times; `valgus_parameters` reads them from TOML.

    limits: for every activity; by_activity: where it differs. shortest_s: least time above. hysteresis_deg: below the
    threshold by so much ends it, for release_s. sd_factor: how many standard deviations a value must stand above zero.
    driver_deg: least turn above the usual that tells
    the driver. final_s: longest wait for the step to be over.
    """

    limits: Limits = field(default_factory=Limits)
    by_activity: Mapping[Activity, Limits] = field(default_factory=lambda: MappingProxyType({}))
    shortest_s: float = 0.1
    hysteresis_deg: float = 1.5
    release_s: float = 0.05
    sd_factor: float = 2.0
    driver_deg: float = 4.0
    final_s: float = 6.0
    clean: CleanReference = field(default_factory=CleanReference)

    def of(self, activity: Activity) -> Limits:
        """The thresholds of an activity."""
        return self.by_activity.get(activity, self.limits)


def valgus_parameters(text: str) -> ValgusParameters:
    """From TOML: top-level excess_deg, collapse_deg, shortest_s, hysteresis_deg, sd_factor, driver_deg, and a table per
    activity with excess_deg, collapse_deg. What is not named keeps its default. Raises BadInputError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"valgus thresholds: not TOML ({error})") from None
    base = _limits(values, Limits())
    plain = {"shortest_s", "hysteresis_deg", "sd_factor", "driver_deg"}
    numbers: dict[str, float] = {}
    by_activity: dict[Activity, Limits] = {}
    for key, value in values.items():
        if key in plain:
            numbers[key] = _positive(key, value)
        elif key.upper() in Activity.__members__ and isinstance(value, dict):
            by_activity[Activity[key.upper()]] = _limits(value, base)
        elif key not in {"excess_deg", "collapse_deg"}:
            raise BadInputError(f'valgus thresholds: "{key}" is not known')
    defaults = ValgusParameters()
    return ValgusParameters(
        limits=base,
        by_activity=MappingProxyType(by_activity),
        shortest_s=numbers.get("shortest_s", defaults.shortest_s),
        hysteresis_deg=numbers.get("hysteresis_deg", defaults.hysteresis_deg),
        sd_factor=numbers.get("sd_factor", defaults.sd_factor),
        driver_deg=numbers.get("driver_deg", defaults.driver_deg),
    )


def _limits(values: Mapping[str, Any], base: Limits) -> Limits:
    return Limits(
        _three("excess_deg", values.get("excess_deg", base.excess_deg)),
        _three("collapse_deg", values.get("collapse_deg", base.collapse_deg)),
    )


def _three(name: str, value: object) -> tuple[float, float, float]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise BadInputError(f"valgus thresholds: {name} must be three angles, such as [5, 8, 10]")
    return _positive(name, value[0]), _positive(name, value[1]), _positive(name, value[2])


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < inf:
        raise BadInputError(f"valgus thresholds: {name} must be a number above 0, not {value!r}")
    return float(value)
