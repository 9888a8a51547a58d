"""Which sensor sits where: named, told by the sensors' names, asked; never guessed."""

from collections.abc import Sequence

import pytest
from bleak.backends.device import BLEDevice

from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.registry import driver
from firmware_interface.scanning import Found
from pipeline.commands.assigning import Place, assign, parse_places, untold
from pipeline.errors import BadInputError
from pipeline.records import Segment, Side

THIGH, SHANK = (Side.RIGHT, Segment.THIGH), (Side.RIGHT, Segment.SHANK)


def _found(address: str, name: str = "") -> Found:
    return Found(Advertisement(address, name), driver("open_format"), BLEDevice(address, name, None))


def _places(found: Sequence[Found], sides: Sequence[Side], named: dict[Place, str] | None = None) -> dict[Place, str]:
    assigned = assign(found, sides, named or {})
    assert len({each.info.id for each in assigned}) == len(assigned)
    return {(each.info.side, each.info.segment): each.info.address for each in assigned}


def test_as_the_call_says() -> None:
    found = [_found("AA"), _found("BB"), _found("CC")]
    assert _places(found, [Side.RIGHT], {THIGH: "cc", SHANK: "AA"}) == {THIGH: "CC", SHANK: "AA"}


def test_as_the_names_say() -> None:
    found = [_found("AA", "My Shank"), _found("BB", "thigh-2"), _found("CC", "Movella DOT")]
    assert _places(found, [Side.RIGHT]) == {THIGH: "BB", SHANK: "AA"}


def test_names_of_both_legs() -> None:
    words = ["left shank", "right shank", "left thigh", "right thigh"]
    found = [_found(word[0] + word.split()[1][0], word) for word in words]
    assert _places(found, [Side.RIGHT, Side.LEFT]) == {
        (Side.LEFT, Segment.SHANK): "ls",
        (Side.RIGHT, Segment.SHANK): "rs",
        (Side.LEFT, Segment.THIGH): "lt",
        (Side.RIGHT, Segment.THIGH): "rt",
    }


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([], "no sensor found"),
        ([_found("AA", "DOT"), _found("BB", "DOT")], "which sensor is on the right thigh"),
        ([_found("AA", "left thigh"), _found("BB", "left shank")], "which sensor is on the right thigh"),
        ([_found("AA", "thigh"), _found("BB", "thigh")], "which sensor is on the right thigh"),
        ([_found("AA", "thigh")], "none is left for the right shank"),
    ],
)
def test_nothing_is_guessed(found: list[Found], line: str) -> None:
    with pytest.raises(BadInputError, match=line):
        assign(found, [Side.RIGHT], {})


def test_asked_where_nothing_tells() -> None:
    asked: list[Place] = []

    def last(place: Place, choice: Sequence[Found]) -> Found:
        asked.append(place)
        return choice[-1]

    assigned = assign([_found("AA"), _found("BB")], [Side.RIGHT], {}, last)
    assert asked == [THIGH, SHANK]
    assert [each.info.address for each in assigned] == ["BB", "AA"]


def test_a_named_sensor_out_of_range() -> None:
    with pytest.raises(BadInputError, match=r"DD \(right shank\) is not in range"):
        assign([_found("AA", "thigh")], [Side.RIGHT], {SHANK: "DD"})


def test_places_from_text() -> None:
    assert parse_places(["right-thigh=AA:BB", " Left-Shank = my dot"]) == {
        THIGH: "AA:BB",
        (Side.LEFT, Segment.SHANK): "my dot",
    }
    for wrong in (["thigh=AA"], ["right-knee=AA"], ["right-thigh="], ["right-thigh=A", "right-thigh=B"]):
        with pytest.raises(BadInputError, match="--sensor"):
            parse_places(wrong)


def test_a_movement_is_asked_for_where_nothing_tells_of_a_whole_leg() -> None:
    bare = [_found("AA", "DOT"), _found("BB", "DOT")]
    both = [Side.RIGHT, Side.LEFT]
    right = [_found("CC", "right thigh"), _found("DD", "right shank")]
    assert untold(bare, [Side.RIGHT], {}) == ([Side.RIGHT], bare)
    assert untold(bare + right, both, {}) == ([Side.LEFT], bare)
    assert untold(bare, [Side.RIGHT], {THIGH: "aa", SHANK: "bb"})[0] == []
    assert untold(bare, [Side.RIGHT], {THIGH: "aa"})[0] == [], "what is left is the other one"
    assert untold(bare, both, {})[0] == [], "two sensors are not enough for two legs"
    assert untold(right, [Side.RIGHT], {})[0] == []
