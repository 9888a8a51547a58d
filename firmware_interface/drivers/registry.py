"""All packet formats by name, and which of them a device in range speaks."""

from collections.abc import Callable, Sequence

from firmware_interface.drivers import battery, sketch, table
from firmware_interface.drivers.bluest import BlueSt
from firmware_interface.drivers.interface import DESCRIPTION, Advertisement, Claim, Decoder, Driver
from firmware_interface.drivers.metamotion import MetaMotion
from firmware_interface.drivers.movella_dot import MovellaDot
from firmware_interface.drivers.open_format import OpenFormat
from firmware_interface.drivers.openearable import OpenEarable
from firmware_interface.drivers.polar import PolarVeritySense
from firmware_interface.drivers.thingy52 import Thingy52
from firmware_interface.drivers.witmotion import WitMotion
from firmware_interface.drivers.ximu3 import Ximu3
from firmware_interface.errors import UnknownDriverError

_DRIVERS: tuple[Driver, ...] = (
    MovellaDot(),
    WitMotion(),
    OpenFormat(),
    MetaMotion(),
    Thingy52(),
    BlueSt(),
    OpenEarable(),
    PolarVeritySense(),
    Ximu3(),
)
_DESCRIBED: dict[str, Callable[[], Decoder]] = {table.NAME: table.TableDecoder, sketch.NAME: sketch.SketchDecoder}
"""Formats without a driver of their own: imported tables, and sensors that a file describes."""


def drivers() -> tuple[Driver, ...]:
    """The drivers of all sensors that can be connected without a file."""
    return _DRIVERS


def driver(name: str) -> Driver:
    """The driver of this name; raises UnknownDriverError with the names there are."""
    for known in _DRIVERS:
        if known.name == name:
            return known
    raise UnknownDriverError(_unknown(name, [known.name for known in _DRIVERS]))


def decoder(name: str) -> Decoder:
    """A new decoder for the notifications of one connection; knows described formats too. Raises UnknownDriverError."""
    if name in _DESCRIBED:
        return _DESCRIBED[name]()
    for known in _DRIVERS:
        if known.name == name:
            return known.decoder()
    raise UnknownDriverError(_unknown(name, [*(known.name for known in _DRIVERS), *_DESCRIBED]))


def is_stream(name: str, characteristic: str) -> bool:
    """Whether what comes on this characteristic is the stream of a sensor of this driver: not a battery level, say.

    Raises UnknownDriverError.
    """
    if name == sketch.NAME:
        return characteristic not in (DESCRIPTION, battery.LEVEL)
    return characteristic == driver(name).notify[0]


def recognise(advertisement: Advertisement, known: Sequence[Driver] | None = None) -> tuple[Driver, Claim] | None:
    """The driver with the strongest claim to this advertisement, the first of equals, and the claim; None without any.

    known: the drivers to ask; None asks all of `drivers`.
    """
    claims = [(each, each.matches(advertisement)) for each in (_DRIVERS if known is None else known)]
    best = max(claims, key=lambda each: each[1], default=None)
    return best if best is not None and best[1] else None


def _unknown(name: str, known: list[str]) -> str:
    shown = name if name.isprintable() and len(name) <= 40 else repr(name)[:40]
    return f'no driver named "{shown}"; known: {", ".join(known)}'
