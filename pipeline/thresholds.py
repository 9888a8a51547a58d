"""The thresholds of valgus episodes, per activity and person, and how they are read from a TOML profile.

Defaults: the design (abduction above the unloaded path 5, 8 and 10 deg) and, for medial collapse, the notes on public
squats of six people, in which one threshold of 6 to 7.5 deg told cued valgus from clean repetitions.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.blocks import Activity
from pipeline.clean import CleanReference
from pipeline.errors import BadInputError
from pipeline.population import population_reference
from pipeline.records import Side
from pipeline.sets import Prescription

_NUMBERS = ("shortest_s", "hysteresis_deg", "sd_factor", "least_confidence", "driver_deg")
_LIMITS = ("excess_deg", "collapse_deg")
_PRESCRIBED = ("sets", "repetitions")


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds (notice, marked, strong) of one activity, deg above the clean movement."""

    excess_deg: tuple[float, float, float] = (5.0, 8.0, 10.0)
    collapse_deg: tuple[float, float, float] = (7.0, 10.0, 14.0)

    def __post_init__(self) -> None:
        for name in _LIMITS:
            values = getattr(self, name)
            if len(values) != 3 or not 0.0 < values[0] <= values[1] <= values[2]:
                raise BadInputError(f"{name} must be three rising angles above 0, not {list(values)}")


@dataclass(frozen=True, slots=True)
class ValgusParameters:
    """Thresholds and times.

    limits: for every activity; by_activity: where it differs. shortest_s: least time above. hysteresis_deg: below the
    threshold by so much ends it, for release_s. sd_factor: how many standard deviations a value must stand above zero.
    least_confidence: what is less sure is no episode; with 0.65 a threshold is in effect two fifths of the standard
    deviation higher. On simulated people (40 of seeds 20 to 63, the population's clean movement; large collapses with
    valid angles found, false alarms per 100 clean steps): offline 99.4 % and 0.21, live 99.4 % and 0.64; with 0.6: 99.6
    and 0.39, 99.4 and 1.08; with 0.75: 98.7 and 0.04, 98.4 and 0.28.
    driver_deg: least turn above the usual that tells the driver. final_s: longest wait for the step to be over.
    support_share, support_sd: abduction counts where medial collapse is above this share of it, give or take so many
    standard deviations (see valgus.py), and no doubt in its favour where the excess itself is less sure than
    unsupported_sd_deg, as it is without an unloaded path. clean: the reference.
    """

    limits: Limits = field(default_factory=Limits)
    by_activity: Mapping[Activity, Limits] = field(default_factory=lambda: MappingProxyType({}))
    shortest_s: float = 0.1
    hysteresis_deg: float = 1.5
    release_s: float = 0.05
    sd_factor: float = 2.0
    least_confidence: float = 0.65
    driver_deg: float = 4.0
    final_s: float = 6.0
    support_share: float = 0.3
    support_sd: float = 1.5
    unsupported_sd_deg: float = 2.5
    clean: CleanReference = field(default_factory=population_reference)

    def __post_init__(self) -> None:
        if not 0.0 <= self.least_confidence < 1.0:
            raise BadInputError(f"least_confidence must be a number from 0 to below 1, not {self.least_confidence:g}")

    def of(self, activity: Activity) -> Limits:
        """The thresholds of an activity."""
        return self.by_activity.get(activity, self.limits)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a profile says: how each leg is judged, and what is prescribed. text: the TOML it was read from."""

    legs: Mapping[Side, ValgusParameters] = field(
        default_factory=lambda: MappingProxyType({side: ValgusParameters() for side in Side})
    )
    prescription: Prescription = field(default_factory=Prescription)
    text: str = ""

    def of(self, side: Side) -> ValgusParameters:
        """How a leg is judged."""
        return self.legs[side]

    def told(self, sides: Iterable[str]) -> dict[str, Any]:
        """JSON values for the summary: the thresholds of these legs, and whose clean movement they stand on."""
        return {side: _told(self.legs[Side(side)]) for side in sides}


def _told(p: ValgusParameters) -> dict[str, Any]:
    usual = population_reference()
    own = [a.label for a, curve in p.clean.curves.items() if curve != usual.curves.get(a)]
    limits = {"all": p.limits} | {activity.label: limits for activity, limits in p.by_activity.items()}
    return {
        **{name: {label: list(getattr(one, name)) for label, one in limits.items()} for name in _LIMITS},
        **{name: getattr(p, name) for name in _NUMBERS},
        "clean_reference_own": own,
    }


def load_thresholds(path: Path) -> Thresholds:
    """From a file. Raises BadInputError, one line that names it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise BadInputError(f"{path}: cannot be read ({reason}): name a thresholds profile (TOML)") from None
    return read_thresholds(text, str(path))


def read_thresholds(text: str, where: str = "thresholds") -> Thresholds:
    """From TOML; what is not named keeps its default. Raises BadInputError, one line that begins with `where`.

    Top level: excess_deg and collapse_deg (three rising angles each: notice, marked, strong), shortest_s,
    hysteresis_deg, sd_factor, least_confidence, driver_deg, sets and repetitions (from and to); `person`, a name, is
    not used. A table per activity with its own excess_deg, collapse_deg, sets, repetitions, or a clean reference
    `[squat.clean]` (flexion_deg, excess_deg, collapse_deg and their _sd_deg, lists). `[left]` and `[right]` hold what
    differs there.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{where}: not TOML ({str(error).splitlines()[0]})") from None
    try:
        both = {key: value for key, value in values.items() if key not in {"left", "right", "person"}}
        base = _parameters(both, ValgusParameters())
        legs = {side: _parameters(_of_leg(side, values.get(side.value, {})), base) for side in Side}
        return Thresholds(MappingProxyType(legs), _prescription(both), text)
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from None


def _of_leg(side: Side, value: object) -> Mapping[str, Any]:
    """The table of one leg. Sets are prescribed to a person, not to a leg."""
    leg = _table(side.value, value)
    for where, table in [(side.value, leg), *((f"{side.value}.{key}", t) for key, t in leg.items())]:
        for name in _PRESCRIBED:
            if isinstance(table, Mapping) and name in table:
                raise BadInputError(
                    f"[{where}]: {name} are prescribed for both legs: put them at the top or in [squat]"
                )
    return leg


def _parameters(values: Mapping[str, Any], base: ValgusParameters) -> ValgusParameters:
    numbers: dict[str, float] = {}
    limits = _limits({key: value for key, value in values.items() if key in _LIMITS}, base.limits)
    by_activity = dict(base.by_activity)
    clean: dict[str, Any] = {}
    for key, value in values.items():
        if key in _NUMBERS:
            numbers[key] = _positive(key, value)
        elif key.upper() in Activity.__members__:
            activity, table = Activity[key.upper()], _table(key, value)
            _known(table, {*_LIMITS, *_PRESCRIBED, "clean"}, key)
            if any(name in table for name in _LIMITS):
                by_activity[activity] = _limits(table, by_activity.get(activity, limits), key)
            if "clean" in table:
                clean[key] = table["clean"]
        elif key not in {*_LIMITS, *_PRESCRIBED}:
            raise BadInputError(f'"{key}" is neither a threshold nor an activity')
    return ValgusParameters(
        limits=limits,
        by_activity=MappingProxyType(by_activity),
        clean=CleanReference.from_dict(clean, base.clean) if clean else base.clean,
        **{name: numbers.get(name, getattr(base, name)) for name in _NUMBERS},
    )


def _prescription(values: Mapping[str, Any]) -> Prescription:
    base = Prescription()
    sets = _range("sets", values.get("sets", list(base.sets)))
    repetitions = _range("repetitions", values.get("repetitions", list(base.repetitions)))
    own = {}
    for key, table in values.items():
        if key.upper() in Activity.__members__ and any(name in table for name in _PRESCRIBED):
            own[Activity[key.upper()]] = (
                _range("sets", table.get("sets", list(sets)), key),
                _range("repetitions", table.get("repetitions", list(repetitions)), key),
            )
    return Prescription(sets, repetitions, MappingProxyType(own))


def _table(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInputError(f'"{name}" must be a table ([{name}]), not {value!r}')
    return value


def _known(table: Mapping[str, Any], names: set[str], where: str) -> None:
    for key in table:
        if key not in names:
            raise BadInputError(f'[{where}]: "{key}" is not known; it may hold {", ".join(sorted(names))}')


def _limits(values: Mapping[str, Any], base: Limits, where: str = "") -> Limits:
    prefix = f"[{where}]: " if where else ""
    three = {name: _three(prefix + name, values.get(name, getattr(base, name))) for name in _LIMITS}
    try:
        return Limits(**three)
    except BadInputError as error:
        raise BadInputError(f"{prefix}{error}") from None


def _three(name: str, value: object) -> tuple[float, float, float]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise BadInputError(f"{name} must be three angles, such as [5, 8, 10], not {value!r}")
    return _positive(name, value[0]), _positive(name, value[1]), _positive(name, value[2])


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < inf:
        raise BadInputError(f"{name} must be a number above 0, not {value!r}")
    return float(value)


def _range(name: str, value: object, where: str = "") -> tuple[int, int]:
    numbers = value if isinstance(value, list) and all(type(v) is int for v in value) else []
    if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1]:
        raise BadInputError(f"{f'[{where}]: ' if where else ''}{name} must be two whole numbers, such as [8, 12]")
    return numbers[0], numbers[1]


def clean_toml(legs: Mapping[Side, CleanReference]) -> str:
    """A profile with the clean reference of one or both legs, to be read again by `read_thresholds`."""
    lines = ["# kneetrack thresholds: a person's own clean movement, learnt from guided repetitions.",
             "# It belongs to one strapping-on of the sensors, as a calibration does.", ""]  # fmt: skip
    for side, reference in legs.items():
        for label, columns in reference.to_dict().items():
            lines.append(f"[{side.value}.{label}.clean]")
            lines += [f"{name} = [{', '.join(f'{v:.2f}' for v in values)}]" for name, values in columns.items()]
            lines.append("")
    return "\n".join(lines)
