"""What a session records: notifications and events in one global sequence. The engine's only input."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    """Which leg."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def sign(self) -> float:
        """+1 right, -1 left: the s of the angle formulas."""
        return 1.0 if self is Side.RIGHT else -1.0


class Segment(StrEnum):
    """Which segment of the leg carries the sensor."""

    THIGH = "thigh"
    SHANK = "shank"


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """A sensor of the session. `id` is the key of its notifications; `driver` names its packet format."""

    id: int
    address: str
    driver: str
    side: Side
    segment: Segment
    name: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification as it came from the radio. host_time_ns: monotonic nanoseconds since the session's anchor."""

    seq: int
    host_time_ns: int
    sensor: int
    characteristic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: connected, disconnected, silent, marker, setting, calibration, tick, stop.

    Kinds that the engine acts on: `connected` and `disconnected` {sensor}: the sensor's decoder and time base start
    anew; `tick` {}: time passes while nothing arrives (host_time_ns is now); `marker` {label, activity?}.
    """

    seq: int
    host_time_ns: int
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Record = Notification | Event
