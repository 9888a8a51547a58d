"""What a sensor does besides measuring: what it advertises, offers, and answers to writes. For each format: twins/."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

READ, WRITE, WRITE_BLIND, NOTIFY, INDICATE = "read", "write", "write-without-response", "notify", "indicate"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is advertised besides the name."""

    services: tuple[str, ...] = ()
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)


class Behaviour(Protocol):
    """One sensor's firmware.

    announcement: what it advertises.
    services: service -> characteristic -> properties.
    rate_hz: the rate at which it samples.
    streaming: whether it sends samples to a subscriber.
    """

    announcement: Announcement
    services: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def rate_hz(self) -> float: ...

    @property
    def streaming(self) -> bool: ...

    def written(self, characteristic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Obey a write; returns the notifications it is answered with."""
        ...

    def value(self, characteristic: str, battery: float) -> bytes:
        """What a read gives."""
        ...

    def disconnected(self) -> None:
        """The central has gone."""
        ...
