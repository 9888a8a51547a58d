"""What an OpenEarable says of a sensor's data: names, units, types and rates, in its parse-info scheme.

u8 sensor, name, u8 count of components, and for each: u8 type (0 to 7: i8 u8 i16 u16 i32 u32 f32 f64), group, name,
unit; u8 options, and where bit 4 of them is set: u8 count of rates, u8 index of the usual one, u8 index of the highest
over BLE, and the rates as f32. Texts are a u8 length and so many bytes.

Source: OpenEarable/open-earable-2, doc/protocols/wire-contract-baseline.md and its golden vector.
"""

import struct
from dataclasses import dataclass
from math import isfinite

_RATES = 0x10
_TYPES = 8


@dataclass(frozen=True, slots=True)
class Component:
    """One number of a sample: group ("ACC"), name ("X"), unit ("g"), type."""

    group: str
    name: str
    unit: str
    type: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """A sensor's scheme. rates_hz by index; usual, highest: indices of the usual rate and the highest over BLE."""

    sensor: int
    name: str
    components: tuple[Component, ...]
    rates_hz: tuple[float, ...] = ()
    usual: int = 0
    highest: int = 0

    def unit(self, group: str) -> str | None:
        """The one unit of a group; None where it has none, or several."""
        units = {component.unit for component in self.components if component.group.upper() == group}
        return units.pop() if len(units) == 1 else None


def parsed(octets: bytes) -> Scheme | None:
    """The scheme in these bytes; None where they are none."""
    try:
        return _read(octets)
    except (IndexError, UnicodeDecodeError, struct.error):
        return None


def written(scheme: Scheme) -> bytes:
    """The bytes of a scheme."""
    parts = [bytes((scheme.sensor,)), _text(scheme.name), bytes((len(scheme.components),))]
    for each in scheme.components:
        parts += [bytes((each.type,)), _text(each.group), _text(each.name), _text(each.unit)]
    options = 0x03 | (_RATES if scheme.rates_hz else 0)
    parts.append(bytes((options,)))
    if scheme.rates_hz:
        parts.append(bytes((len(scheme.rates_hz), scheme.usual, scheme.highest)))
        parts.append(struct.pack(f"<{len(scheme.rates_hz)}f", *scheme.rates_hz))
    return b"".join(parts)


def _text(text: str) -> bytes:
    octets = text.encode()
    return bytes((len(octets),)) + octets


def _read(octets: bytes) -> Scheme | None:
    at = 0

    def number() -> int:
        nonlocal at
        at += 1
        return octets[at - 1]

    def text() -> str:
        nonlocal at
        length = number()
        at += length
        if at > len(octets):
            raise IndexError
        return octets[at - length : at].decode()

    sensor, name = number(), text()
    components = []
    for _ in range(number()):
        kind = number()
        if kind >= _TYPES:
            return None
        components.append(Component(text(), text(), text(), kind))
    if not number() & _RATES:
        return Scheme(sensor, name, tuple(components))
    count, usual, highest = number(), number(), number()
    rates = struct.unpack(f"<{count}f", octets[at:])
    if not all(isfinite(rate) and rate > 0 for rate in rates) or max(usual, highest) >= count:
        return None
    return Scheme(sensor, name, tuple(components), rates, usual, highest)
