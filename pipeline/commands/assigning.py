"""Which sensor sits where: as the call says, as the sensors' names say, or as the person answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_interface.scanning import Found
from pipeline.errors import BadInputError
from pipeline.records import Segment, SensorInfo, Side

Place = tuple[Side, Segment]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A sensor in range and its place."""

    info: SensorInfo
    found: Found


def parse_places(texts: Sequence[str]) -> dict[Place, str]:
    """Addresses or names by place, from texts such as `right-thigh=D0:00:00:00:00:01`.

    Raises BadInputError naming the text that cannot be read.
    """
    places: dict[Place, str] = {}
    for text in texts:
        where, _, who = text.partition("=")
        side, _, segment = where.strip().lower().partition("-")
        if side not in set(Side) or segment not in set(Segment) or not who.strip():
            raise BadInputError(f'--sensor "{text}": write it as right-thigh=ADDRESS (left or right, thigh or shank)')
        place = (Side(side), Segment(segment))
        if place in places:
            raise BadInputError(f"--sensor: the {side} {segment} is named twice")
        places[place] = who.strip()
    return places


def assign(
    found: Sequence[Found],
    sides: Sequence[Side],
    named: Mapping[Place, str],
    ask: Callable[[Place, Sequence[Found]], Found] | None = None,
) -> list[Assigned]:
    """The sensors to use, one for each place.

    Parameters
    ----------
    found : the sensors in range.
    sides : the legs that wear sensors; every one needs a thigh and a shank sensor.
    named : addresses or names by place, as the call gave them.
    ask : asked for each place that neither the call nor the sensors' names tell; None refuses instead of asking.

    Raises BadInputError where a place stays empty: a guess would swap thigh and shank.
    """
    left = list(found)
    taken: dict[Place, Found] = {}
    for place, who in named.items():
        match = next((each for each in left if who.casefold() in _names(each)), None)
        if match is None:
            raise BadInputError(f"the sensor {who} ({_say(place)}) is not in range: see `kneetrack scan`")
        taken[place] = match
        left.remove(match)
    places = [(side, segment) for side in sides for segment in Segment]
    for place in places:
        if place not in taken:
            match = _by_name(place, left, one_leg=len(sides) == 1)
            if match is not None:
                taken[place] = match
                left.remove(match)
    for place in places:
        if place not in taken:
            if ask is None or not left:
                raise BadInputError(_refusal(place, found, left))
            taken[place] = ask(place, left)
            left.remove(taken[place])
    return [Assigned(_info(number, place, taken[place]), taken[place]) for number, place in enumerate(taken)]


def untold(found: Sequence[Found], sides: Sequence[Side], named: Mapping[Place, str]) -> tuple[list[Side], list[Found]]:
    """The legs of which neither the call nor the sensors' names tell anything, and the sensors that are left for them,
    where those are enough to be told apart by a movement."""
    names = {who.casefold() for who in named.values()}
    left = [each for each in found if not names & _names(each)]
    told = set(named)
    for place in [(side, segment) for side in sides for segment in Segment]:
        match = None if place in told else _by_name(place, left, one_leg=len(sides) == 1)
        if match is not None:
            told.add(place)
            left.remove(match)
    legs = [side for side in sides if not any((side, segment) in told for segment in Segment)]
    return (legs, left) if len(left) >= 2 * len(legs) else ([], left)


def _by_name(place: Place, left: Sequence[Found], one_leg: bool) -> Found | None:
    """The one sensor whose name says this place; with one leg only, the name need not say the side."""
    side, segment = place
    other = Side.LEFT if side is Side.RIGHT else Side.RIGHT
    fitting = []
    for each in left:
        words = set(re.split(r"[^a-z]+", each.advertisement.name.casefold()))
        if segment.value in words and (side.value in words or (one_leg and other.value not in words)):
            fitting.append(each)
    return fitting[0] if len(fitting) == 1 else None


def _info(number: int, place: Place, found: Found) -> SensorInfo:
    advertisement = found.advertisement
    return SensorInfo(number, advertisement.address, found.driver.name, *place, name=advertisement.name)


def _names(found: Found) -> set[str]:
    return {found.advertisement.address.casefold(), found.advertisement.name.casefold()}


def _say(place: Place) -> str:
    return f"{place[0]} {place[1]}"


def _refusal(place: Place, found: Sequence[Found], left: Sequence[Found]) -> str:
    if not found:
        return "no sensor found: switch the sensors on, bring them near, and see `kneetrack scan`"
    if not left:
        return (
            f"{len(found)} sensors found, none is left for the {_say(place)}: switch it on, or choose legs with --side"
        )
    seen = ", ".join(f"{each.advertisement.address} {each.advertisement.name}".strip() for each in left)
    return f"which sensor is on the {_say(place)}? Say --sensor {place[0]}-{place[1]}=ADDRESS; in range: {seen}"
