"""All packet formats by name, and which of them a device in range speaks."""

from firmware_interface.drivers import table
from firmware_interface.drivers.interface import Advertisement, Decoder, Driver
from firmware_interface.drivers.movella_dot import MovellaDot
from firmware_interface.drivers.open_format import OpenFormat
from firmware_interface.drivers.witmotion import WitMotion
from firmware_interface.errors import UnknownDriverError

_DRIVERS: tuple[Driver, ...] = (MovellaDot(), WitMotion(), OpenFormat())


def drivers() -> tuple[Driver, ...]:
    """The drivers of all sensors that can be connected."""
    return _DRIVERS


def driver(name: str) -> Driver:
    """The driver of this name; raises UnknownDriverError with the names there are."""
    for known in _DRIVERS:
        if known.name == name:
            return known
    raise UnknownDriverError(_unknown(name, [known.name for known in _DRIVERS]))


def decoder(name: str) -> Decoder:
    """A new decoder for the notifications of one connection; knows imported tables too. Raises UnknownDriverError."""
    if name == table.NAME:
        return table.TableDecoder()
    for known in _DRIVERS:
        if known.name == name:
            return known.decoder()
    raise UnknownDriverError(_unknown(name, [*(known.name for known in _DRIVERS), table.NAME]))


def recognise(advertisement: Advertisement) -> Driver | None:
    """The driver that claims this advertisement, or None."""
    return next((known for known in _DRIVERS if known.matches(advertisement)), None)


def _unknown(name: str, known: list[str]) -> str:
    shown = name if name.isprintable() and len(name) <= 40 else repr(name)[:40]
    return f'no driver named "{shown}"; known: {", ".join(known)}'
